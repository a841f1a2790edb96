#include "api/live_connections.hpp"

#include <algorithm>
#include <utility>

#include "base/deadline.hpp"
#include "net/websocket.hpp"

namespace phx::api {
namespace {

constexpr std::uint16_t kForbidden = 4403;
constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kUnsurePause{1'000};

}  // namespace

void LiveConnections::end_proof(const Uuid& proof) {
  for (LiveConnection* connection : open_)
    if (connection->principal_.session_id == proof) {
      connection->revoked_ = true;
      connection->wake();
    }
}

void LiveConnections::member_changed(const Uuid& user, const Uuid& tenant) {
  for (LiveConnection* connection : open_)
    if (connection->principal_.user_id == user && connection->tenant_ == tenant) connection->wake();
}

void LiveConnections::recheck_all() {
  for (LiveConnection* connection : open_) connection->wake();
}

void LiveConnections::arm() {
  if (due_.empty()) {
    timer_.reset();  // a timer that is set would keep a program from ending
    return;
  }
  if (!timer_) timer_.emplace(due_.begin()->second->tasks_.executor(), Deadline::never().when());
  if (timer_->expiry() <= due_.begin()->first) return;
  timer_->expires_at(due_.begin()->first);
  timer_->async_wait([self = self_](boost::system::error_code aborted) {
    if (aborted || !*self) return;
    LiveConnections& all = **self;
    while (!all.due_.empty() && Deadline::at(all.due_.begin()->first).passed()) {
      LiveConnection* connection = all.due_.begin()->second;
      all.due_.erase(all.due_.begin());
      connection->due_.reset();
      connection->wake();
    }
    all.timer_.reset();
    all.arm();
  });
}

LiveConnection::LiveConnection(LiveConnections& all, TaskScope& tasks, Right right, std::function<void(End)> on_end)
    : all_(all),
      tasks_(tasks),
      on_end_(std::move(on_end)),
      peer_(std::move(right.proof.peer)),
      token_(std::move(right.token)),
      principal_(std::move(right.principal)),
      tenant_(right.tenant),
      role_(right.role) {
  if (!token_)
    for (const std::string_view name : {"Authorization", "X-API-Key", "Cookie"})
      for (const std::string_view value : right.proof.headers.all(name)) proof_.add(name, value);
  place_ = all_.open_.insert(all_.open_.end(), this);
  wake();
}

LiveConnection::~LiveConnection() {
  all_.open_.erase(place_);
  if (!due_) return;
  all_.due_.erase(*due_);
  if (all_.due_.empty()) all_.arm();
}

void LiveConnection::wake() {
  changed_ = true;
  if (judging_ || ended_) return;
  judging_ = true;
  tasks_.spawn("right", judge());
}

asio::awaitable<void> LiveConnection::judge() {
  const struct Judging {
    LiveConnection& of;
    ~Judging() { of.judging_ = false; }
  } judging{*this};
  while (std::exchange(changed_, false)) {
    auto end = co_await look();
    if (!end) continue;  // it may have changed again meanwhile
    ended_ = true;
    on_end_(std::move(*end));
    co_return;
  }
  look_again_later();
}

void LiveConnection::look_again_later() {
  std::chrono::microseconds pause = unsure_ ? std::min(all_.recheck_, kUnsurePause) : all_.recheck_;
  if (principal_.expires_at)
    pause = std::clamp<std::chrono::microseconds>(*principal_.expires_at - all_.clock_.now(),
                                                  std::chrono::milliseconds(1), pause);
  if (due_) all_.due_.erase(*due_);
  due_ = all_.due_.emplace(Deadline::after(std::chrono::ceil<std::chrono::milliseconds>(pause)).when(), this);
  all_.arm();
}

asio::awaitable<Result<Principal>> LiveConnection::authenticate() {
  if (token_) co_return co_await all_.authenticator_.authenticate_token(*token_, peer_.address);
  net::Request request;
  request.headers = proof_;
  request.peer = peer_;
  request.deadline = Deadline::after(kPatience).when();
  co_return co_await all_.authenticator_.authenticate(request);
}

asio::awaitable<std::optional<LiveConnection::End>> LiveConnection::look() {
  if (revoked_) co_return End{kForbidden, "auth.revoked"};
  if (principal_.expires_at && *principal_.expires_at <= all_.clock_.now()) co_return End{kForbidden, "auth.expired"};
  auto principal = co_await authenticate();
  const auto refused = [this](const Error& error) -> std::optional<End> {
    // The database's trouble is not the client's fault, but it is asked again soon.
    unsure_ = code_info(error.code()).retryable;
    if (unsure_) return std::nullopt;
    return End{kForbidden, std::string(error.reason())};
  };
  if (!principal) co_return refused(principal.error());
  if (!principal->authenticated()) co_return End{kForbidden, "auth.required"};
  Role role = principal->platform_admin ? Role::kPlatformAdmin : Role::kNone;
  if (tenant_) {
    auto access = co_await all_.tenants_.enter(*principal, tenant_->to_string());
    if (!access) co_return refused(access.error());
    role = access->role;
  }
  // What is open was authorised for the old role; the client comes back and is judged by the new one.
  if (role != role_) co_return End{net::CloseCode::kTryAgainLater, "auth.role_changed"};
  principal_ = std::move(*principal);
  unsure_ = false;
  co_return std::nullopt;
}

}  // namespace phx::api
