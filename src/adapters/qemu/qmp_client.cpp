#include "adapters/qemu/qmp_client.hpp"

#include <fmt/format.h>

#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/system_error.hpp>

#include "base/log.hpp"

namespace phx::qemu {
namespace {

constexpr std::size_t kLineMax = 1 << 20;

Error unknown(std::string detail) {
  return Error(Code::kUnavailable, "hypervisor.unknown", "The hypervisor gave no answer; the outcome is not known.")
      .with_next_action("Look at the guest again.")
      .with_internal(std::move(detail));
}

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

Result<asio::local::stream_protocol::socket> connect_in_folder(const asio::any_io_executor& executor,
                                                               const UniqueFd& folder, const char* name) {
  asio::local::stream_protocol::socket socket(executor);
  boost::system::error_code failed;
  // A connect to a local socket succeeds or fails at once; a full backlog is a failure, too.
  socket.open({}, failed);
  if (!failed) socket.non_blocking(true, failed);
  if (!failed)
    socket.connect(asio::local::stream_protocol::endpoint(fmt::format("/proc/self/fd/{}/{}", folder.get(), name)),
                   failed);
  if (failed) return unknown(fmt::format("cannot connect to {}: {}", name, failed.message()));
  return socket;
}

QmpClient::QmpClient(asio::local::stream_protocol::socket socket, EventHandler on_event,
                     std::chrono::milliseconds answer_limit)
    : socket_(std::move(socket)), on_event_(std::move(on_event)), answer_limit_(answer_limit) {}

asio::awaitable<Result<std::shared_ptr<QmpClient>>> QmpClient::open(asio::local::stream_protocol::socket socket,
                                                                    TaskScope& scope, EventHandler on_event,
                                                                    std::chrono::milliseconds greeting_limit,
                                                                    std::chrono::milliseconds answer_limit) {
  auto self = std::make_shared<QmpClient>(std::move(socket), std::move(on_event), answer_limit);
  {
    // A busy monitor lets a second client connect and says nothing, for ever.
    // Closing ends the read; the weak pointer because the alarm may already be on its way when the greeting comes.
    asio::steady_timer alarm(self->socket_.get_executor(), greeting_limit);
    alarm.async_wait([weak = std::weak_ptr(self)](boost::system::error_code cancelled) {
      if (const auto late = weak.lock(); late && !cancelled) late->close();
    });
    PHX_CO_TRY(const auto line, co_await self->read_line());
    boost::system::error_code malformed;
    const auto greeting = json::parse(line, malformed);
    if (malformed || !greeting.is_object() || !greeting.get_object().contains("QMP"))
      co_return unknown(fmt::format("not a QMP greeting: {}", line.substr(0, 200)));
  }
  scope.spawn("qmp", read_all(self));
  auto negotiated = co_await self->execute("qmp_capabilities");
  if (!negotiated) {
    self->close();
    co_return std::move(negotiated).error();
  }
  co_return self;
}

asio::awaitable<Result<std::string>> QmpClient::read_line() {
  boost::system::error_code failed;
  const auto size = co_await asio::async_read_until(socket_, asio::dynamic_buffer(buffer_, kLineMax), '\n',
                                                    asio::redirect_error(asio::use_awaitable, failed));
  if (failed) co_return unknown(fmt::format("QMP read: {}", failed.message()));
  std::string line = buffer_.substr(0, size);
  buffer_.erase(0, size);
  co_return line;
}

asio::awaitable<void> QmpClient::read_all(std::shared_ptr<QmpClient> self) {
  while (true) {
    const auto line = co_await self->read_line();
    if (!line) break;
    self->take_line(*line);
  }
  self->close();
}

void QmpClient::take_line(const std::string& line) {
  boost::system::error_code malformed;
  const auto value = json::parse(line, malformed);
  if (malformed || !value.is_object()) {
    log_event(LogLevel::kWarn, "qmp.malformed", {{"line", line.substr(0, 200)}});
    close();
    return;
  }
  const auto& message = value.get_object();
  if (const auto event = text_of(message, "event"); !event.empty()) {
    const auto* data = message.if_contains("data");
    if (on_event_) on_event_(event, data && data->is_object() ? data->get_object() : json::object{});
    return;
  }
  const auto* id = message.if_contains("id");
  const auto found = id && id->is_int64() ? calls_.find(static_cast<std::uint64_t>(id->get_int64())) : calls_.end();
  if (found == calls_.end()) return;  // the answer to a call that nobody waits for any more
  if (const auto* answer = message.if_contains("return")) {
    found->second->result.emplace(*answer);
  } else {
    const auto* error = message.if_contains("error");
    const auto detail = error && error->is_object() ? text_of(error->get_object(), "desc") : std::string("no reason");
    found->second->result.emplace(
        Error(Code::kFailedPrecondition, "hypervisor.refused", "The hypervisor refused the command.")
            .with_internal(detail));
  }
  found->second->answered.cancel();
}

Status QmpClient::send(const json::object& message) {
  const auto text = json::serialize(message) + "\n";
  // Commands are far smaller than the socket's buffer: one that does not fit means that nobody reads the other end.
  boost::system::error_code failed;
  const auto sent = socket_.send(asio::buffer(text), MSG_NOSIGNAL, failed);
  if (!failed && sent == text.size()) return {};
  close();
  return unknown(fmt::format("QMP write: {}", failed.message()));
}

asio::awaitable<Result<json::value>> QmpClient::execute(std::string command, json::object arguments) {
  if (!is_open()) co_return unknown("the QMP connection is closed");
  const auto id = ++last_id_;
  auto call = std::make_shared<Call>(socket_.get_executor());
  json::object message{{"execute", command}, {"id", id}};
  if (!arguments.empty()) message["arguments"] = std::move(arguments);
  PHX_CO_CHECK(send(message));
  calls_.emplace(id, call);
  struct Forget {
    QmpClient& client;
    std::uint64_t id;
    ~Forget() { client.calls_.erase(id); }
  } const forget{*this, id};
  co_return co_await wait_for(id, call);
}

asio::awaitable<Result<json::value>> QmpClient::wait_for(std::uint64_t id, std::shared_ptr<Call> call) {
  call->answered.expires_after(answer_limit_);
  boost::system::error_code ended;
  co_await call->answered.async_wait(asio::redirect_error(asio::use_awaitable, ended));
  if (call->result) co_return std::move(*call->result);
  // The timer was cancelled without an answer: it is the waiting task that was cancelled.
  if (ended) throw boost::system::system_error(ended);
  close();
  co_return unknown(fmt::format("no answer to QMP call {}", id));
}

void QmpClient::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  for (auto& [id, call] : calls_) {
    if (!call->result) call->result.emplace(unknown("the QMP connection ended"));
    call->answered.cancel();
  }
}

}  // namespace phx::qemu
