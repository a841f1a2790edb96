#pragma once
/// WebSocket (RFC 6455), both ends. Text is checked as UTF-8, messages have a size limit (close 1009), a peer that
/// answers neither data nor pings within the idle time-out is cut off.
///
/// One coroutine may receive while others send: messages go out in the order they were given, one at a time.
/// receive() must run for pings and closes to be noticed. Errors: "websocket.closed" (kCancelled; see close_code()),
/// "websocket.too_big", "websocket.timeout", "websocket.failed".
///
/// A server holds sockets by the ten thousand, and most of them wait. So nothing is kept for what does not happen: no
/// coroutine to write, no queue that is empty, no buffer for a message that has not begun.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/http.hpp"

namespace phx::net {

/// RFC 6455 7.4.1, and the private range used by graphql-transport-ws (4400 …) goes as a number.
struct CloseCode {
  static constexpr std::uint16_t kNormal = 1000;
  static constexpr std::uint16_t kGoingAway = 1001;
  static constexpr std::uint16_t kProtocolError = 1002;
  static constexpr std::uint16_t kNoStatus = 1005;
  static constexpr std::uint16_t kBadPayload = 1007;
  static constexpr std::uint16_t kPolicy = 1008;
  static constexpr std::uint16_t kTooBig = 1009;
  static constexpr std::uint16_t kInternal = 1011;
  static constexpr std::uint16_t kTryAgainLater = 1013;
};

struct WebSocketLimits {
  std::size_t max_message = 1 << 20;
  /// Cut off when nothing arrives for so long; a ping goes out at half of it.
  std::chrono::milliseconds idle_timeout{60'000};
  /// For the handshake, and for the closing handshake.
  std::chrono::milliseconds handshake_timeout{10'000};
  /// A peer that takes nothing for so long is cut off.
  std::chrono::milliseconds write_timeout{30'000};
};

struct Message {
  bool text = true;
  std::string data;
};

/// A message in pieces, sent as one: what many sockets get alike is shared between them and never copied, and what
/// differs stands around it.
struct OutgoingMessage {
  std::string head;
  std::shared_ptr<const std::string> body;
  std::string_view tail;  ///< of static storage
  bool text = true;

  std::size_t size() const { return head.size() + (body ? body->size() : 0) + tail.size(); }
};

/// How much may wait on one socket to be sent.
struct QueueLimits {
  std::size_t max_messages = 256;
  std::size_t max_bytes = 4 << 20;
};

class WebSocket {
 public:
  struct Impl;
  explicit WebSocket(std::shared_ptr<Impl> impl);
  /// Cuts the connection if it was not closed.
  ~WebSocket();
  WebSocket(WebSocket&&) noexcept;
  WebSocket& operator=(WebSocket&&) noexcept;

  /// One caller at a time.
  asio::awaitable<Result<Message>> receive();
  /// Returns when the bytes are the kernel's. Any number of callers; they queue, so bound them.
  asio::awaitable<Status> send_text(std::string data);
  asio::awaitable<Status> send_binary(std::string data);
  /// Equal bytes to many sockets, without copies.
  asio::awaitable<Status> send_shared(std::shared_ptr<const std::string> data, bool text);

  /// For publishers that must not wait for the network: takes the message and begins to send it, or says false when
  /// there is no room or the connection ends. A message larger than the limits goes alone.
  bool offer(OutgoingMessage&& message, const QueueLimits& limits);
  /// Waits for room. kCancelled "websocket.closed" when the connection ended meanwhile.
  asio::awaitable<Status> push(OutgoingMessage message, QueueLimits limits);
  /// Messages that have not gone out yet, and how many ever did.
  std::size_t waiting() const;
  std::uint64_t sent() const;
  /// Called once, when what waits now has gone out or the connection broke. An empty function takes it back.
  void on_drained(std::function<void()> call);

  asio::awaitable<Status> ping();
  /// Starts the closing handshake; a coroutine in receive() then gets "websocket.closed". Safe to call twice.
  /// The reason is cut to the 123 bytes the protocol allows.
  asio::awaitable<void> close(std::uint16_t code = CloseCode::kNormal, std::string reason = {});

  /// What was agreed in the handshake; empty when none.
  const std::string& subprotocol() const;
  /// Once receive() said "websocket.closed": the peer's code and reason (kNoStatus when it gave none).
  std::uint16_t close_code() const;
  const std::string& close_reason() const;
  bool is_open() const;
  /// Pongs seen since the start, for keep-alive displays.
  std::uint64_t pongs() const;

 private:
  std::shared_ptr<Impl> impl_;
};

/// Connects to "ws://host:port/path" or "wss://…"; with unix_socket set, through that socket (the URL then gives Host
/// and path only). ca_file empty means the system's certificate authorities.
struct WebSocketTarget {
  std::string url;
  std::string unix_socket;
  Headers headers;
  std::vector<std::string> subprotocols;
  std::string ca_file;
  WebSocketLimits limits;
};

/// Errors: "url.malformed", "websocket.connect", "websocket.refused" (the server answered otherwise; the status is in
/// the message), "websocket.subprotocol" (it chose one we did not offer), "websocket.timeout", "websocket.tls".
asio::awaitable<Result<WebSocket>> connect_websocket(WebSocketTarget target);

}  // namespace phx::net
