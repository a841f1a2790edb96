#pragma once
/// An HTTP/1.1 server (RFC 9112) that survives the internet: every wait has a time-out and every buffer a limit, what
/// is ambiguous (request smuggling) is refused, and it drains without cutting work in flight. TLS is the front proxy's
/// work.
///
/// Guarantees: answers go out in the order of the requests, also when pipelined; one request of a connection runs at a
/// time, so a client cannot make one connection hold many handlers. What the server refuses by itself is a JSON error
/// (see error_response) and ends the connection: 400, 408, 413, 414, 417, 431, 501, 503, 505. A handler that throws
/// gives 500 and a log line. A client that leaves is noticed at the latest by the next write.
///
/// Everything runs on the executor's one thread.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/http.hpp"
#include "net/websocket.hpp"

namespace phx::net {

/// That HttpServer::listen() would find the address free: binds it and lets go. Looking up a name blocks.
/// Errors: "http.listen" (kUnavailable).
Status check_listen(const std::string& host, std::uint16_t port);

struct ServerLimits {
  std::size_t max_header_bytes = 16 * 1024;  ///< request line and all fields; beyond: 431
  std::size_t max_target_bytes = 8 * 1024;   ///< beyond: 414
  std::size_t max_headers = 100;             ///< fields; beyond: 431
  std::size_t max_body_bytes = 4 << 20;      ///< beyond: 413
  std::size_t max_connections = 4096;        ///< beyond: 503
  /// From the first byte of a request to the end of its header; beyond: 408.
  std::chrono::milliseconds header_timeout{10'000};
  /// For the whole body, plus a second for each min_body_rate bytes received; beyond: 408.
  std::chrono::milliseconds body_timeout{20'000};
  std::size_t min_body_rate = 16 * 1024;  ///< bytes a second, of requests and of answers; 0: time-outs alone
  /// Between requests of a connection; beyond: closed silently.
  std::chrono::milliseconds idle_timeout{75'000};
  /// For the client to take the answer, plus a second for each min_body_rate bytes of it; beyond: cut.
  std::chrono::milliseconds write_timeout{20'000};
  /// Request::deadline is so long after the whole request came; the handler honours it.
  std::chrono::milliseconds request_timeout{30'000};
  /// How long a refused client may go on sending so that it gets to read why.
  std::chrono::milliseconds linger_timeout{2'000};
  WebSocketLimits websocket;
};

struct RequestRecord {
  std::string_view route;   ///< Response::route; "(none)" when the handler gave none, "(refused)" for the server's own
  std::string_view method;  ///< one of the known methods, or "OTHER": labels stay bounded
  int status;
  double seconds;  ///< from the complete header to the last byte of the answer
};

/// Hooks for metrics; called on the server's thread, must not throw.
class ServerObserver {
 public:
  virtual ~ServerObserver() = default;
  virtual void request_finished(const RequestRecord& record) = 0;
  /// Open connections, WebSockets among them.
  virtual void connections_changed(std::size_t open, std::size_t websockets) = 0;
};

using Handler = std::function<asio::awaitable<Response>(Request request)>;

/// The answer to a WebSocket upgrade: a refusal, or what to speak and who speaks it. `run` is kept until the coroutine
/// it returned ended; when that returns, the socket is closed with 1000 (1011 if it threw). At drain it is closed with
/// 1001 and receive() fails.
struct WebSocketSession {
  std::string subprotocol;
  std::function<asio::awaitable<void>(WebSocket& socket)> run;
  std::string route;
};
using UpgradeDecision = std::variant<Response, WebSocketSession>;
using UpgradeHook = std::function<asio::awaitable<UpgradeDecision>(Request request)>;

class HttpServer {
 public:
  struct Config {
    ServerLimits limits;
    Handler handler;
    UpgradeHook on_upgrade;  ///< empty: upgrades go to the handler as ordinary requests
    ServerObserver* observer = nullptr;
  };

  HttpServer(asio::any_io_executor executor, const Clock& clock, Config config);
  /// drain() or stop() must have ended.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Listens; port 0 takes a free one. Returns the bound port. Errors: "http.listen" (kUnavailable).
  Result<std::uint16_t> listen(const std::string& host, std::uint16_t port);
  /// Listens on a unix socket that only this user may use (mode 0600). A stale socket file is replaced, one with a live
  /// server behind it is not, and no other kind of file ever is.
  Status listen_unix(const std::string& path, mode_t mode = 0600);

  /// Graceful end: no new connections, idle ones closed, requests in flight finished, WebSockets closed with 1001.
  /// What is not done within `grace` is cut.
  asio::awaitable<void> drain(std::chrono::milliseconds grace);
  /// Cuts everything now.
  asio::awaitable<void> stop();

  bool draining() const;
  std::size_t connections() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phx::net
