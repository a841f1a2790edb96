#include "api/live_connections.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/websocket.hpp"

namespace phx::api {
namespace {

constexpr std::uint16_t kForbidden = 4403;
constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kUnsurePause{1'000};

}  // namespace

void LiveConnections::end_proof(const Uuid& proof) {
  for (LiveConnection* connection : open_)
    if (connection->right_.principal.session_id == proof) {
      connection->revoked_ = true;
      connection->wake();
    }
}

void LiveConnections::member_changed(const Uuid& user, const Uuid& tenant) {
  for (LiveConnection* connection : open_)
    if (connection->right_.principal.user_id == user && connection->right_.tenant == tenant) connection->wake();
}

void LiveConnections::recheck_all() {
  for (LiveConnection* connection : open_) connection->wake();
}

LiveConnection::LiveConnection(LiveConnections& all, asio::any_io_executor executor, Right right)
    : all_(all), right_(std::move(right)), wake_(std::move(executor)) {
  place_ = all_.open_.insert(all_.open_.end(), this);
}

LiveConnection::~LiveConnection() { all_.open_.erase(place_); }

void LiveConnection::wake() {
  changed_ = true;
  wake_.cancel();
}

asio::awaitable<LiveConnection::End> LiveConnection::ended() {
  for (;;) {
    if (revoked_) co_return End{kForbidden, "auth.revoked"};
    if (changed_) {
      changed_ = false;
      if (auto end = co_await judge()) co_return std::move(*end);
      continue;  // it may have changed again meanwhile
    }
    std::chrono::microseconds pause = unsure_ ? std::min(all_.recheck_, kUnsurePause) : all_.recheck_;
    if (right_.principal.expires_at)
      pause = std::clamp<std::chrono::microseconds>(*right_.principal.expires_at - all_.clock_.now(),
                                                    std::chrono::milliseconds(1), pause);
    wake_.expires_after(pause);
    boost::system::error_code woken;
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
    changed_ = true;
  }
}

asio::awaitable<std::optional<LiveConnection::End>> LiveConnection::judge() {
  if (right_.principal.expires_at && *right_.principal.expires_at <= all_.clock_.now())
    co_return End{kForbidden, "auth.expired"};
  right_.proof.deadline = Deadline::after(kPatience).when();
  auto principal = right_.token ? co_await all_.authenticator_.authenticate_token(*right_.token)
                                : co_await all_.authenticator_.authenticate(right_.proof);
  const auto refused = [this](const Error& error) -> std::optional<End> {
    // The database's trouble is not the client's fault, but it is asked again soon.
    unsure_ = code_info(error.code()).retryable;
    if (unsure_) return std::nullopt;
    return End{kForbidden, std::string(error.reason())};
  };
  if (!principal) co_return refused(principal.error());
  if (!principal->authenticated()) co_return End{kForbidden, "auth.required"};
  Role role = principal->platform_admin ? Role::kPlatformAdmin : Role::kNone;
  if (right_.tenant) {
    auto access = co_await all_.tenants_.enter(*principal, right_.tenant->to_string());
    if (!access) co_return refused(access.error());
    role = access->role;
  }
  // What is open was authorised for the old role; the client comes back and is judged by the new one.
  if (role != right_.role) co_return End{net::CloseCode::kTryAgainLater, "auth.role_changed"};
  right_.principal = std::move(*principal);
  unsure_ = false;
  co_return std::nullopt;
}

}  // namespace phx::api
