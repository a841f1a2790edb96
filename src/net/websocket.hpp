#pragma once
/// WebSocket (RFC 6455), both ends. Text is checked as UTF-8, messages have a size limit (close 1009), a peer that
/// answers neither data nor pings within the idle time-out is cut off.
///
/// One coroutine may receive while others send: sends are taken in order, one at a time. receive() must run for pings
/// and closes to be noticed. Errors: "websocket.closed" (kCancelled; see close_code()), "websocket.too_big",
/// "websocket.timeout", "websocket.failed".

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
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
  /// Returns when the bytes are the kernel's. Any number of callers; they queue, so bound them (see SendQueue).
  asio::awaitable<Status> send_text(std::string data);
  asio::awaitable<Status> send_binary(std::string data);
  /// Equal bytes to many sockets, without copies.
  asio::awaitable<Status> send_shared(std::shared_ptr<const std::string> data, bool text);
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

/// A bounded queue of outgoing messages with one writer, for publishers that must not wait for the network.
///
///     if (!queue.offer(message)) …            // full: the client is too slow; close it with 1013
///     PHX_CO_CHECK(co_await queue.push(m));   // or wait for room
///     scope.spawn("ws writer", queue.run());  // writes until finish() or a failure
///
/// Everything happens on one thread. The queue must outlive run().
class SendQueue {
 public:
  SendQueue(WebSocket& socket, asio::any_io_executor executor, std::size_t max_messages, std::size_t max_bytes);

  /// Takes the message, or says false when there is no room or the queue ended.
  bool offer(std::shared_ptr<const std::string> data, bool text = true);
  /// Waits for room. kCancelled "websocket.closed" when the queue ended meanwhile.
  asio::awaitable<Status> push(std::shared_ptr<const std::string> data, bool text = true);
  /// The writer: sends in order until finish() was called and all is sent, or a send fails.
  asio::awaitable<void> run();
  /// No more messages; run() ends when the queue is empty.
  void finish();
  std::size_t size() const { return items_.size(); }
  std::size_t bytes() const { return bytes_; }
  bool ended() const { return ended_; }

 private:
  struct Item {
    std::shared_ptr<const std::string> data;
    bool text;
  };
  bool room_for(std::size_t size) const;

  WebSocket& socket_;
  std::size_t max_messages_;
  std::size_t max_bytes_;
  std::deque<Item> items_;
  std::size_t bytes_ = 0;
  bool finishing_ = false;
  bool ended_ = false;
  asio::steady_timer filled_;   // wakes run()
  asio::steady_timer drained_;  // wakes push()
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
