#include "net/websocket.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <list>
#include <optional>
#include <utility>

#include "net/stream.hpp"
#include "net/url.hpp"
#include "net/websocket_impl.hpp"

namespace phx::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ws = boost::beast::websocket;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::uint16_t kAbnormal = 1006;  // RFC 6455 7.1.5: no close frame came

beast::string_view view(std::string_view text) { return {text.data(), text.size()}; }
std::string text_of(beast::string_view text) { return std::string(text.data(), text.size()); }

}  // namespace

// Beast finds these by argument-dependent look-up: they end a connection whose WebSocket ended.
void beast_close_socket(Stream& stream) { stream.close(); }

template <class Handler>
void async_teardown(beast::role_type role, Stream& stream, Handler&& handler) {
  if (stream.secure())
    stream.teardown_tls(Stream::EndHandler(std::forward<Handler>(handler)));
  else
    ws::async_teardown(role, stream.socket(), std::forward<Handler>(handler));
}

struct WebSocket::Impl : std::enable_shared_from_this<Impl> {
  Impl(Stream stream, WebSocketLimits its_limits) : socket(std::move(stream)), limits(its_limits) {
    socket.next_layer().never_expire();
    ws::stream_base::timeout timeout{};
    timeout.handshake_timeout = limits.handshake_timeout;
    timeout.idle_timeout = limits.idle_timeout;
    timeout.keep_alive_pings = true;
    socket.set_option(timeout);
    socket.read_message_max(limits.max_message);
    socket.auto_fragment(false);
    socket.control_callback([this](ws::frame_type kind, beast::string_view) {
      if (kind == ws::frame_type::pong) ++pongs;
    });
  }

  /// A coroutine that waits until its message is gone.
  struct Sender {
    explicit Sender(Impl& of) : impl(of), timer(of.socket.get_executor(), asio::steady_timer::time_point::max()) {}
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;
    /// When the coroutine was cancelled the message goes its way all the same.
    ~Sender() {
      for (Outgoing& each : impl.outgoing)
        if (each.sender == this) each.sender = nullptr;
    }
    Impl& impl;
    asio::steady_timer timer;
    std::optional<Status> outcome;
  };
  /// One that waits for room.
  struct Pusher {
    explicit Pusher(Impl& of) : impl(of), timer(of.socket.get_executor(), asio::steady_timer::time_point::max()) {
      impl.pushers.push_back(this);
    }
    Pusher(const Pusher&) = delete;
    Pusher& operator=(const Pusher&) = delete;
    ~Pusher() { impl.pushers.remove(this); }
    Impl& impl;
    asio::steady_timer timer;
  };
  struct Outgoing {
    OutgoingMessage message;
    Sender* sender = nullptr;
  };

  Error failure(error_code failed) {
    if (failed == ws::error::closed) {
      remember_close();
      return {Code::kCancelled, "websocket.closed", "The other side closed the connection."};
    }
    if (failed == ws::error::message_too_big || failed == ws::error::buffer_overflow) {
      code = CloseCode::kTooBig;
      return {Code::kPayloadTooLarge, "websocket.too_big",
              fmt::format("A message is larger than {} bytes.", limits.max_message)};
    }
    if (failed == beast::error::timeout || socket.next_layer().timed_out())
      return {Code::kDeadlineExceeded, "websocket.timeout", "The other side did not answer in time."};
    if (closing || !socket.is_open()) return {Code::kCancelled, "websocket.closed", "The connection is closed."};
    return Error(Code::kUnavailable, "websocket.failed", "The connection broke.").with_internal(failed.message());
  }

  void remember_close() {
    code = static_cast<std::uint16_t>(socket.reason().code);
    if (code == 0) code = CloseCode::kNoStatus;
    reason = std::string(socket.reason().reason.data(), socket.reason().reason.size());
  }

  static asio::awaitable<Result<Message>> receive(std::shared_ptr<Impl> self) {
    if (!self->socket.is_open()) co_return Error(Code::kCancelled, "websocket.closed", "The connection is closed.");
    Message message;
    // Who waits for hours waits with a few bytes; room for a message is made when it has begun.
    std::array<char, 32> beginning;
    do {
      const std::size_t had = message.data.size();
      asio::mutable_buffer into(beginning.data(), beginning.size());
      if (had > 0) {
        message.data.resize(had + std::clamp<std::size_t>(had, 1'024, 64 * 1'024));
        into = asio::buffer(message.data) + had;
      }
      const auto [failed, size] = co_await self->socket.async_read_some(into, kAsTuple);
      if (failed) co_return self->failure(failed);
      if (had > 0)
        message.data.resize(had + size);
      else
        message.data.assign(beginning.data(), size);
    } while (!self->socket.is_message_done());
    message.text = self->socket.got_text();
    co_return message;
  }

  bool can_send() const { return socket.is_open() && !closing && !broken; }

  void enqueue(OutgoingMessage message, Sender* sender) {
    outgoing_bytes += message.size();
    outgoing.push_back({std::move(message), sender});
    if (outgoing.size() == 1) write_next();
  }

  /// Writes the first of those that wait; the completion handler goes on with the next.
  void write_next() {
    const OutgoingMessage& message = outgoing.front().message;
    socket.text(message.text);
    socket.next_layer().expire_after(limits.write_timeout);
    const std::array<asio::const_buffer, 3> pieces{asio::buffer(message.head),
                                                   message.body ? asio::buffer(*message.body) : asio::const_buffer(),
                                                   asio::const_buffer(message.tail.data(), message.tail.size())};
    socket.async_write(pieces, [self = shared_from_this()](error_code failed, std::size_t) { self->written(failed); });
  }

  void written(error_code failed) {
    if (failed) {
      const Error why = failure(failed);
      broken = true;
      while (!outgoing.empty()) pop(why);
      // Half a frame may be out, and nothing after it could be understood: what waits for the peer ends, too.
      if (!closing && socket.is_open()) socket.next_layer().close();
    } else {
      socket.next_layer().never_expire();
      ++sent;
      pop({});
      while (!outgoing.empty() && !can_send())
        pop(Error(Code::kCancelled, "websocket.closed", "The connection is closed."));
      if (!outgoing.empty()) write_next();
    }
    for (Pusher* pusher : pushers) pusher->timer.cancel();
    if (outgoing.empty() && drained) std::exchange(drained, {})();
  }

  void pop(Status outcome) {
    Outgoing& first = outgoing.front();
    outgoing_bytes -= first.message.size();
    if (first.sender) {
      first.sender->outcome = std::move(outcome);
      first.sender->timer.cancel();
    }
    outgoing.pop_front();
  }

  static asio::awaitable<Status> send(std::shared_ptr<Impl> self, OutgoingMessage message) {
    if (!self->can_send()) co_return Error(Code::kCancelled, "websocket.closed", "The connection is closed.");
    Sender sender(*self);
    self->enqueue(std::move(message), &sender);
    co_await sender.timer.async_wait(kAsTuple);
    if (sender.outcome) co_return std::move(*sender.outcome);
    co_return Error(Code::kCancelled, "websocket.cancelled", "The send was cancelled.");
  }

  bool offer(OutgoingMessage&& message, const QueueLimits& queue) {
    if (!can_send()) return false;
    const bool room = outgoing.size() < queue.max_messages && outgoing_bytes + message.size() <= queue.max_bytes;
    // A message larger than the whole queue may go alone, or it could never go.
    if (!room && !outgoing.empty()) return false;
    enqueue(std::move(message), nullptr);
    return true;
  }

  static asio::awaitable<Status> push(std::shared_ptr<Impl> self, OutgoingMessage message, QueueLimits queue) {
    while (!self->offer(std::move(message), queue)) {
      if (!self->can_send()) co_return Error(Code::kCancelled, "websocket.closed", "The connection is closed.");
      Pusher pusher(*self);
      co_await pusher.timer.async_wait(kAsTuple);
    }
    co_return Status();
  }

  static asio::awaitable<void> close(std::shared_ptr<Impl> self, std::uint16_t code, std::string reason) {
    if (self->closing || !self->socket.is_open()) co_return;
    self->closing = true;
    if (reason.size() > 123) {
      std::size_t cut = 123;  // RFC 6455 5.5; never within a UTF-8 sequence
      while (cut > 0 && (static_cast<unsigned char>(reason[cut]) & 0xc0) == 0x80) --cut;
      reason.resize(cut);
    }
    const ws::close_reason why(static_cast<ws::close_code>(code), view(reason));
    const auto [failed] = co_await self->socket.async_close(why, kAsTuple);
    if (!failed) self->remember_close();
  }

  ws::stream<Stream, false> socket;  // without compression, which would cost each connection its windows
  WebSocketLimits limits;
  std::string subprotocol;
  std::uint16_t code = kAbnormal;
  std::string reason;
  std::uint64_t pongs = 0;
  std::uint64_t sent = 0;
  bool closing = false;
  bool broken = false;           // a write failed
  std::list<Outgoing> outgoing;  // the first is being written
  std::size_t outgoing_bytes = 0;
  std::list<Pusher*> pushers;
  std::function<void()> drained;
};

WebSocket::WebSocket(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
WebSocket::~WebSocket() {
  if (!impl_) return;
  impl_->drained = nullptr;
  cut_websocket(*impl_);
}
WebSocket::WebSocket(WebSocket&&) noexcept = default;
WebSocket& WebSocket::operator=(WebSocket&& other) noexcept {
  if (this != &other) {
    if (impl_) cut_websocket(*impl_);
    impl_ = std::move(other.impl_);
  }
  return *this;
}

asio::awaitable<Result<Message>> WebSocket::receive() { return Impl::receive(impl_); }
asio::awaitable<Status> WebSocket::send_text(std::string data) {
  return Impl::send(impl_, {.head = std::move(data), .body = nullptr, .tail = {}, .text = true});
}
asio::awaitable<Status> WebSocket::send_binary(std::string data) {
  return Impl::send(impl_, {.head = std::move(data), .body = nullptr, .tail = {}, .text = false});
}
asio::awaitable<Status> WebSocket::send_shared(std::shared_ptr<const std::string> data, bool text) {
  return Impl::send(impl_, {.head = {}, .body = std::move(data), .tail = {}, .text = text});
}
bool WebSocket::offer(OutgoingMessage&& message, const QueueLimits& limits) {
  return impl_->offer(std::move(message), limits);
}
asio::awaitable<Status> WebSocket::push(OutgoingMessage message, QueueLimits limits) {
  return Impl::push(impl_, std::move(message), limits);
}
std::size_t WebSocket::waiting() const { return impl_->outgoing.size(); }
std::uint64_t WebSocket::sent() const { return impl_->sent; }
void WebSocket::on_drained(std::function<void()> call) { impl_->drained = std::move(call); }
asio::awaitable<Status> WebSocket::ping() {
  const auto self = impl_;
  const auto [failed] = co_await self->socket.async_ping({}, kAsTuple);
  if (failed) co_return self->failure(failed);
  co_return Status();
}
asio::awaitable<void> WebSocket::close(std::uint16_t code, std::string reason) {
  return Impl::close(impl_, code, std::move(reason));
}
const std::string& WebSocket::subprotocol() const { return impl_->subprotocol; }
std::uint16_t WebSocket::close_code() const { return impl_->code; }
const std::string& WebSocket::close_reason() const { return impl_->reason; }
bool WebSocket::is_open() const { return impl_->socket.is_open() && !impl_->closing; }
std::uint64_t WebSocket::pongs() const { return impl_->pongs; }

asio::awaitable<void> close_websocket(std::shared_ptr<WebSocket::Impl> socket, std::uint16_t code, std::string reason) {
  return WebSocket::Impl::close(std::move(socket), code, std::move(reason));
}

void cut_websocket(WebSocket::Impl& socket) { socket.socket.next_layer().close(); }

std::shared_ptr<WebSocket::Impl> adopt_websocket(Stream stream, WebSocketLimits limits) {
  return std::make_shared<WebSocket::Impl>(std::move(stream), limits);
}

asio::awaitable<Status> accept_websocket(std::shared_ptr<WebSocket::Impl> impl, Request request,
                                         std::string subprotocol) {
  impl->subprotocol = std::move(subprotocol);
  if (!impl->subprotocol.empty())
    impl->socket.set_option(ws::stream_base::decorator([chosen = impl->subprotocol](ws::response_type& response) {
      response.set(http::field::sec_websocket_protocol, chosen);
    }));
  http::request<http::empty_body> upgrade;
  upgrade.method(http::verb::get);
  upgrade.target(view(request.target));
  upgrade.version(11);
  for (const auto& [name, value] : request.headers) upgrade.insert(view(name), view(value));
  const auto [failed] = co_await impl->socket.async_accept(upgrade, kAsTuple);
  if (failed) co_return impl->failure(failed);
  // The decorator kept a copy that an open socket has no use for.
  impl->socket.set_option(ws::stream_base::decorator([](ws::response_type&) {}));
  co_return Status();
}

asio::awaitable<Result<WebSocket>> connect_websocket(WebSocketTarget target) {
  PHX_CO_TRY(const auto url, parse_url(target.url));
  if (url.scheme != "ws" && url.scheme != "wss")
    co_return invalid_argument("url.malformed", "url", "A WebSocket's URL begins with ws:// or wss://.");
  for (const auto& [name, value] : target.headers)
    if (!is_token(name) || !is_field_value(value))
      co_return invalid_argument("http_client.bad_request", "headers", "A header has an invalid name or value.");

  DialTarget where{url.host, url.port, target.unix_socket, nullptr};
  if (url.scheme == "wss") { PHX_CO_TRY(where.tls, TlsContext::make(target.ca_file)); }
  const auto deadline = std::chrono::steady_clock::now() + target.limits.handshake_timeout;
  auto dialled = co_await dial(std::move(where), deadline);
  if (!dialled) {
    const auto& [kind, detail] = dialled.error();
    if (kind == DialFailure::Kind::kTimeout)
      co_return Error(Code::kDeadlineExceeded, "websocket.timeout",
                      "The server did not answer in time: " + detail + ".");
    co_return Error(Code::kUnavailable, kind == DialFailure::Kind::kTls ? "websocket.tls" : "websocket.connect",
                    "The server cannot be reached: " + detail + ".");
  }

  auto impl = std::make_shared<WebSocket::Impl>(std::move(*dialled), target.limits);
  std::string offered;
  for (const auto& protocol : target.subprotocols) offered += (offered.empty() ? "" : ", ") + protocol;
  impl->socket.set_option(
      ws::stream_base::decorator([headers = std::move(target.headers), offered](ws::request_type& request) {
        for (const auto& [name, value] : headers) request.insert(view(name), view(value));
        if (!offered.empty()) request.set(http::field::sec_websocket_protocol, offered);
      }));
  ws::response_type response;
  const std::string authority = url.authority();
  const auto [failed] = co_await impl->socket.async_handshake(response, authority, url.target, kAsTuple);
  if (failed == ws::error::upgrade_declined)
    co_return Error(Code::kFailedPrecondition, "websocket.refused",
                    fmt::format("The server answered {} instead of a WebSocket.", response.result_int()));
  if (failed) co_return impl->failure(failed);
  impl->subprotocol = text_of(response[http::field::sec_websocket_protocol]);
  if (!impl->subprotocol.empty() &&
      std::find(target.subprotocols.begin(), target.subprotocols.end(), impl->subprotocol) == target.subprotocols.end())
    co_return Error(Code::kFailedPrecondition, "websocket.subprotocol",
                    "The server chose a subprotocol nobody offered.");
  co_return WebSocket(std::move(impl));
}

}  // namespace phx::net
