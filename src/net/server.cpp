#include "net/server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <list>

#include "base/log.hpp"
#include "base/task_scope.hpp"
#include "net/request_parser.hpp"
#include "net/stream.hpp"
#include "net/websocket_impl.hpp"

namespace phx::net {
namespace {

using std::chrono::steady_clock;
using Tcp = asio::ip::tcp;
using Unix = asio::local::stream_protocol;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadChunk = 4 * 1024;
constexpr std::size_t kBodyChunk = 64 * 1024;
/// So many connections beyond the limit are told why; further ones are just cut.
constexpr std::size_t kBusyAnswers = 64;

Error listen_failure(std::string where, const error_code& why) {
  Error error(Code::kUnavailable, "http.listen", "Cannot listen on " + where + ": " + why.message() + ".");
  if (why != asio::error::address_in_use) return error;
  return std::move(error).with_next_action("Stop what listens there, or choose another address with --listen.");
}

/// Bound and listening; port 0 takes a free one.
Result<Tcp::acceptor> open_acceptor(const asio::any_io_executor& executor, const std::string& host,
                                    std::uint16_t port) {
  const auto where = fmt::format("{}:{}", host, port);
  error_code failed;
  Tcp::endpoint endpoint(asio::ip::make_address(host, failed), port);
  if (failed) {
    // A name is looked up while the server starts, when nothing waits yet.
    Tcp::resolver resolver(executor);
    const auto found = resolver.resolve(host, std::to_string(port), Tcp::resolver::passive, failed);
    if (failed) return listen_failure(where, failed);
    endpoint = found.begin()->endpoint();
  }
  Tcp::acceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.set_option(Tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return listen_failure(where, failed);
  return acceptor;
}

/// RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(Instant at) {
  using namespace std::chrono;
  static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss time{floor<seconds>(at - day)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

/// Methods come from outside; labels must not.
std::string_view method_label(std::string_view method) {
  for (const std::string_view known : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
    if (method == known) return known;
  return "OTHER";
}

bool is_servers_business(std::string_view name) {
  return iequals(name, "Content-Length") || iequals(name, "Transfer-Encoding") || iequals(name, "Connection") ||
         iequals(name, "Date");
}

bool is_writable(const Response& response) {
  return response.status >= 200 && response.status <= 599 &&
         std::all_of(response.headers.begin(), response.headers.end(),
                     [](const auto& field) { return is_token(field.first) && is_field_value(field.second); });
}

}  // namespace

struct HttpServer::Impl {
  /// What follows an answer.
  enum class Next : std::uint8_t {
    kNextRequest,
    kWebSocket,
    kLinger,  // say that no more comes, let the client read it, then close
    kCut,
  };

  /// One client. Lives in the frame of serve(); the registry lets drain() reach it.
  struct Connection {
    Connection(Impl& owner, Stream its_stream, Peer its_peer)
        : server(owner), stream(std::move(its_stream)), peer(std::move(its_peer)) {
      server.open.push_back(this);
      self = std::prev(server.open.end());
      server.report_connections();
    }
    ~Connection() {
      server.open.erase(self);
      server.report_connections();
      if (server.open.empty()) server.all_gone.cancel();
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    std::string_view unread() const {
      const auto data = in.cdata();
      return {static_cast<const char*>(data.data()), data.size()};
    }
    void cut() {
      if (websocket)
        cut_websocket(*websocket);
      else
        stream.close();
    }

    Impl& server;
    std::list<Connection*>::iterator self;
    Stream stream;
    Peer peer;
    boost::beast::flat_buffer in;
    bool idle = false;  // waits for a request's first byte
    bool first = true;  // has not sent a request yet
    std::shared_ptr<WebSocket::Impl> websocket;
    std::unique_ptr<WebSocketSession> session;
  };

  Impl(asio::any_io_executor its_executor, const Clock& its_clock, Config its_config)
      : executor(its_executor),
        clock(its_clock),
        config(std::move(its_config)),
        scope(its_executor, "http"),
        all_gone(its_executor) {}

  const ServerLimits& limits() const { return config.limits; }

  /// A client must keep up a minimal rate, in both directions, or it holds our memory as long as it likes.
  std::chrono::milliseconds time_at_rate(std::size_t bytes) const {
    if (limits().min_body_rate == 0) return std::chrono::milliseconds(0);
    return std::chrono::milliseconds(bytes * 1000 / limits().min_body_rate);
  }
  std::chrono::milliseconds time_for(std::size_t bytes) const { return limits().write_timeout + time_at_rate(bytes); }

  void report_connections() {
    if (config.observer) config.observer->connections_changed(open.size(), websockets);
  }

  void observe(const Response& response, std::string_view method, Duration started) {
    if (!config.observer) return;
    const auto route = response.route.empty() ? std::string_view("(none)") : std::string_view(response.route);
    const auto seconds = std::chrono::duration<double>(clock.monotonic() - started).count();
    config.observer->request_finished({route, method, response.status, seconds});
  }

  const std::string& date() {
    const auto now = std::chrono::floor<std::chrono::seconds>(clock.now());
    if (date_text.empty() || now != date_second) {
      date_second = now;
      date_text = http_date(now);
    }
    return date_text;
  }

  // ---- accepting

  template <class Acceptor>
  asio::awaitable<void> accept_from(std::shared_ptr<Acceptor> acceptor) {
    while (acceptor->is_open()) {
      auto [failed, socket] = co_await acceptor->async_accept(kAsTuple);
      if (failed == asio::error::operation_aborted) co_return;
      if (failed) {
        // Out of descriptors, most likely: the pending client waits in the backlog meanwhile.
        log_event(LogLevel::kWarn, "http.accept_failed", {{"why", failed.message()}});
        co_await sleep_for(std::chrono::milliseconds(100));
        continue;
      }
      auto peer = peer_of(socket);
      admit(Stream(Stream::Socket(std::move(socket))), std::move(peer));
    }
  }

  static Peer peer_of(Tcp::socket& socket) {
    Peer peer;
    error_code ignored;
    socket.set_option(Tcp::no_delay(true), ignored);
    const auto remote = socket.remote_endpoint(ignored);
    if (ignored) return peer;
    peer.address = remote.address().to_string();
    peer.port = remote.port();
    return peer;
  }

  static Peer peer_of(Unix::socket& socket) {
    Peer peer;
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return peer;
    peer.local = true;
    peer.uid = who.uid;
    peer.gid = who.gid;
    peer.pid = who.pid;
    return peer;
  }

  void admit(Stream stream, Peer peer) {
    if (draining) return;
    if (open.size() < limits().max_connections)
      scope.spawn("connection", serve(std::move(stream), std::move(peer)));
    else if (busy_answers < kBusyAnswers)
      scope.spawn("busy", answer_busy(std::move(stream)));
  }

  asio::awaitable<void> answer_busy(Stream stream) {
    const struct Counted {
      std::size_t& count;
      explicit Counted(std::size_t& counter) : count(counter) { ++count; }
      ~Counted() { --count; }
    } counted(busy_answers);
    const Refusal busy{503, Error(Code::kUnavailable, "http.too_many_connections",
                                  "The server has as many connections as it can serve.")
                                .with_retry_after(std::chrono::seconds(1))};
    const auto response = refusal_response(busy);
    const auto head = head_of(response, response.body_text().size(), 11, false);
    const auto body = asio::buffer(response.body_text().data(), response.body_text().size());
    observe(response, "OTHER", clock.monotonic());
    if (const auto failed = co_await stream.write_all(asio::buffer(head), body, limits().linger_timeout); failed)
      co_return;
    boost::beast::flat_buffer scratch;
    co_await linger(stream, scratch);
  }

  // ---- one connection

  asio::awaitable<void> serve(Stream stream, Peer peer) {
    Connection connection(*this, std::move(stream), std::move(peer));
    while (true) {
      const auto next = co_await serve_request(connection);
      if (next == Next::kNextRequest) continue;
      // Not from within serve_request(): a socket open for days should not keep that frame.
      if (next == Next::kWebSocket) co_await run_websocket(connection);
      if (next == Next::kLinger) co_await linger(connection.stream, connection.in);
      co_return;
    }
  }

  /// Closing with bytes unread would reset the connection and could take our last answer with it.
  asio::awaitable<void> linger(Stream& stream, boost::beast::flat_buffer& scratch) {
    stream.shutdown_send();
    stream.expire_after(limits().linger_timeout);
    scratch.clear();
    while (true) {
      const auto [failed, size] = co_await stream.read_some(scratch.prepare(kReadChunk));
      if (failed) break;
    }
    stream.close();
  }

  asio::awaitable<error_code> fill(Connection& connection, std::size_t chunk) {
    const auto [failed, size] = co_await connection.stream.read_some(connection.in.prepare(chunk));
    connection.in.commit(size);
    co_return failed;
  }

  asio::awaitable<Next> serve_request(Connection& connection) {
    auto& stream = connection.stream;
    RequestParser parser(limits());

    bool begun = false;
    while (true) {
      if (const auto data = connection.unread(); !data.empty()) {
        const auto consumed = parser.read_header(data);
        if (!consumed) co_return co_await refuse(connection, parser, consumed.error());
        if (parser.header_done()) {
          connection.in.consume(*consumed);
          break;
        }
        if (!begun) stream.expire_after(limits().header_timeout);
        begun = true;
      } else {
        if (draining) co_return Next::kCut;
        if (connection.in.capacity() > 2 * kReadChunk) connection.in.shrink_to_fit();
        connection.idle = true;
        stream.expire_after(connection.first ? std::min(limits().header_timeout, limits().idle_timeout)
                                             : limits().idle_timeout);
      }
      const auto failed = co_await fill(connection, kReadChunk);
      connection.idle = false;
      if (failed && begun && stream.timed_out()) co_return co_await refuse(connection, parser, too_slow("header"));
      if (failed) co_return Next::kCut;
    }
    connection.first = false;

    const auto body_began = steady_clock::now();
    if (parser.wants_continue() && connection.unread().empty()) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      const auto go = asio::buffer(kContinue.data(), kContinue.size());
      if (co_await stream.write_all(go, {}, time_for(go.size()))) co_return Next::kCut;
    }
    while (!parser.done()) {
      const auto consumed = parser.read_body(connection.unread());
      if (!consumed) co_return co_await refuse(connection, parser, consumed.error());
      connection.in.consume(*consumed);
      if (*consumed > 0) continue;
      if (connection.unread().size() > kBodyChunk) {
        const Refusal endless{400, invalid_argument("http.malformed", "", "A chunk's header is too long.")};
        co_return co_await refuse(connection, parser, endless);
      }
      stream.expire_at(body_began + limits().body_timeout + time_at_rate(parser.body_bytes()));
      const auto failed = co_await fill(connection, kBodyChunk);
      if (failed && stream.timed_out()) co_return co_await refuse(connection, parser, too_slow("body"));
      if (failed) co_return Next::kCut;
    }
    stream.never_expire();

    const auto started = clock.monotonic();
    const bool keep_alive = parser.keeps_alive();
    const bool upgrade = config.on_upgrade && parser.is_upgrade();
    Request request = parser.take();
    request.peer = connection.peer;
    request.deadline = steady_clock::now() + limits().request_timeout;
    if (upgrade) co_return co_await upgrade_connection(connection, std::move(request), started);

    const auto method = method_label(request.method);
    const bool head_only = request.method == "HEAD";
    const int version = request.version;
    Response response = co_await call<Response>(config.handler, std::move(request));
    const bool keep = keep_alive && !response.close && !draining;
    const auto next = co_await write(connection, response, head_only, version, keep);
    observe(response, method, started);
    co_return next;
  }

  static Refusal too_slow(std::string_view what) {
    return {408, Error(Code::kDeadlineExceeded, "http.too_slow",
                       fmt::format("The {} of the request came too slowly.", what))};
  }

  asio::awaitable<Next> refuse(Connection& connection, const RequestParser& parser, Refusal refusal) {
    auto response = refusal_response(refusal);
    const auto& request = parser.request();
    connection.stream.never_expire();
    const auto started = clock.monotonic();
    const auto next = co_await write(connection, response, request.method == "HEAD", 11, false);
    observe(response, method_label(request.method), started);
    co_return next;
  }

  /// Runs a handler; what it throws becomes 500. When the server itself cancelled it, the exception goes on.
  template <class Answer, class Function>
  asio::awaitable<Answer> call(const Function& function, Request request) {
    const auto method = request.method;
    const auto path = request.path;
    std::string what;
    try {
      co_return co_await function(std::move(request));
    } catch (const std::exception& failure) {
      if (scope.stopping()) throw;
      what = failure.what();
    }
    log_event(LogLevel::kError, "http.handler_failed", {{"method", method}, {"path", path}, {"what", what}});
    co_return error_response(internal_error("http.handler_failed", what));
  }

  std::string head_of(const Response& response, std::optional<std::size_t> length, int version, bool keep) {
    std::string head;
    head.reserve(response.headers.wire().size() + 256);
    head.append("HTTP/1.1 ").append(fmt::format_int(response.status).c_str());
    head.append(" ").append(reason_phrase(response.status)).append("\r\nDate: ").append(date()).append("\r\n");
    if (std::none_of(response.headers.begin(), response.headers.end(),
                     [](const auto& field) { return is_servers_business(field.first); })) {
      head.append(response.headers.wire());
    } else {
      for (const auto& [name, value] : response.headers)
        if (!is_servers_business(name)) head.append(name).append(": ").append(value).append("\r\n");
    }
    const bool bodiless = response.status == 204 || response.status == 304;
    if (length && !bodiless) head.append("Content-Length: ").append(fmt::format_int(*length).c_str()).append("\r\n");
    if (!length && !bodiless && version == 11) head.append("Transfer-Encoding: chunked\r\n");
    if (!keep)
      head.append("Connection: close\r\n");
    else if (version == 10)
      head.append("Connection: keep-alive\r\n");
    return head.append("\r\n");
  }

  asio::awaitable<Next> write(Connection& connection, Response& response, bool head_only, int version, bool keep) {
    if (!is_writable(response)) {
      log_event(LogLevel::kError, "http.unwritable_answer", {{"route", response.route}, {"status", response.status}});
      auto route = std::move(response.route);
      response = error_response(internal_error("http.unwritable_answer", route));
      response.route = std::move(route);
    }
    const bool bodiless = head_only || response.status == 204 || response.status == 304;
    if (const auto* produce = std::get_if<StreamBody>(&response.body))
      co_return co_await write_stream(connection, response, *produce, bodiless, version, keep);
    const auto text = response.body_text();
    const auto head = head_of(response, text.size(), version, keep);
    const auto body = bodiless ? asio::const_buffer() : asio::buffer(text.data(), text.size());
    if (co_await connection.stream.write_all(asio::buffer(head), body, time_for(head.size() + body.size())))
      co_return Next::kCut;
    co_return keep ? Next::kNextRequest : Next::kLinger;
  }

  class ChunkWriter final : public BodyWriter {
   public:
    ChunkWriter(Impl& server, Stream& stream, bool chunked) : server_(server), stream_(stream), chunked_(chunked) {}

    asio::awaitable<Status> write(std::string data) override {
      if (data.empty()) co_return Status();
      if (chunked_) data = fmt::format("{:x}\r\n", data.size()) + data + "\r\n";
      if (!broken_ && !co_await stream_.write_all(asio::buffer(data), {}, server_.time_for(data.size())))
        co_return Status();
      broken_ = true;
      co_return Error(Code::kCancelled, "http.client_gone", "The client left.");
    }
    bool stopping() const override { return server_.draining; }
    bool broken() const { return broken_; }

   private:
    Impl& server_;
    Stream& stream_;
    bool chunked_;
    bool broken_ = false;
  };

  asio::awaitable<Next> write_stream(Connection& connection, const Response& response, const StreamBody& produce,
                                     bool bodiless, int version, bool keep) {
    auto& stream = connection.stream;
    keep = keep && version == 11;  // HTTP/1.0 knows the end of such a body only by the end of the connection
    const auto head = head_of(response, std::nullopt, version, keep);
    if (co_await stream.write_all(asio::buffer(head), {}, time_for(head.size()))) co_return Next::kCut;
    if (bodiless) co_return keep ? Next::kNextRequest : Next::kLinger;
    ChunkWriter writer(*this, stream, version == 11);
    try {
      co_await produce(writer);
    } catch (const std::exception& failure) {
      if (scope.stopping()) throw;
      log_event(LogLevel::kError, "http.stream_failed", {{"route", response.route}, {"what", failure.what()}});
      co_return Next::kCut;
    }
    if (writer.broken()) co_return Next::kCut;
    static constexpr std::string_view kLast = "0\r\n\r\n";
    const auto last = version == 11 ? asio::buffer(kLast.data(), kLast.size()) : asio::const_buffer();
    if (co_await stream.write_all(last, {}, time_for(last.size()))) co_return Next::kCut;
    co_return keep && !draining ? Next::kNextRequest : Next::kLinger;
  }

  // ---- WebSockets

  asio::awaitable<Next> upgrade_connection(Connection& connection, Request request, Duration started) {
    std::optional<Response> refusal;
    if (draining) {
      refusal = error_response(Error(Code::kUnavailable, "http.draining", "The server is going away; connect again.")
                                   .with_retry_after(std::chrono::seconds(1)));
    } else if (request.headers.get("Sec-WebSocket-Version") != "13") {
      refusal =
          error_response(invalid_argument("websocket.version", "", "Only WebSocket version 13 is spoken here."), 426);
      refusal->headers.add("Sec-WebSocket-Version", "13");
      refusal->headers.add("Upgrade", "websocket");
    } else if (request.headers.get("Sec-WebSocket-Key").size() != 24 ||
               request.headers.count("Sec-WebSocket-Key") != 1 || !request.body.empty() ||
               !connection.unread().empty()) {
      refusal =
          error_response(invalid_argument("websocket.handshake", "", "This is not a valid WebSocket handshake."), 400);
    } else {
      auto decision = co_await call<UpgradeDecision>(config.on_upgrade, request);
      if (auto* no = std::get_if<Response>(&decision))
        refusal = std::move(*no);
      else
        connection.session = std::make_unique<WebSocketSession>(std::move(std::get<WebSocketSession>(decision)));
    }
    if (refusal) {
      const auto next = co_await write(connection, *refusal, false, 11, false);
      observe(*refusal, "GET", started);
      co_return next;
    }

    connection.websocket = adopt_websocket(std::move(connection.stream), limits().websocket);
    connection.in.shrink_to_fit();
    if (!co_await accept_websocket(connection.websocket, std::move(request), connection.session->subprotocol))
      co_return Next::kCut;
    Response switched;
    switched.status = 101;
    switched.route = connection.session->route;
    observe(switched, "GET", started);
    co_return Next::kWebSocket;
  }

  asio::awaitable<void> run_websocket(Connection& connection) {
    const struct Counted {
      Impl& server;
      explicit Counted(Impl& owner) : server(owner) {
        ++server.websockets;
        server.report_connections();
      }
      ~Counted() { --server.websockets; }
    } counted(*this);
    WebSocket socket(connection.websocket);
    if (draining) scope.spawn("close websocket", say_goodbye(connection));
    auto code = CloseCode::kNormal;
    try {
      co_await connection.session->run(socket);
    } catch (const std::exception& failure) {
      if (scope.stopping()) throw;
      code = CloseCode::kInternal;
      log_event(LogLevel::kError, "http.websocket_failed",
                {{"route", connection.session->route}, {"what", failure.what()}});
    }
    co_await socket.close(code);
  }

  // ---- ending

  static asio::awaitable<void> say_goodbye(const Connection& connection) {
    return close_websocket(connection.websocket, CloseCode::kGoingAway, "The server is going away.");
  }

  void stop_accepting() {
    draining = true;
    for (auto& close : listeners) close();
    listeners.clear();
  }

  asio::awaitable<void> drain(std::chrono::milliseconds grace) {
    stop_accepting();
    for (Connection* connection : open) {
      if (connection->websocket)
        scope.spawn("close websocket", say_goodbye(*connection));
      else if (connection->idle)
        connection->stream.cancel();
    }
    const auto deadline = steady_clock::now() + grace;
    while (!open.empty() && steady_clock::now() < deadline) {
      all_gone.expires_at(deadline);
      co_await all_gone.async_wait(kAsTuple);
    }
    co_await stop();
  }

  asio::awaitable<void> stop() {
    stop_accepting();
    for (Connection* connection : open) connection->cut();
    co_await scope.stop();
  }

  asio::any_io_executor executor;
  const Clock& clock;
  Config config;
  TaskScope scope;
  std::list<Connection*> open;
  std::size_t websockets = 0;
  std::size_t busy_answers = 0;
  bool draining = false;
  asio::steady_timer all_gone;
  std::vector<std::function<void()>> listeners;  // each closes one
  Instant date_second;
  std::string date_text;
};

HttpServer::HttpServer(asio::any_io_executor executor, const Clock& clock, Config config)
    : impl_(std::make_unique<Impl>(std::move(executor), clock, std::move(config))) {}
HttpServer::~HttpServer() = default;

Status check_listen(const std::string& host, std::uint16_t port) {
  asio::io_context io(1);
  PHX_TRY(const auto free, open_acceptor(io.get_executor(), host, port));
  return {};
}

Result<std::uint16_t> HttpServer::listen(const std::string& host, std::uint16_t port) {
  PHX_TRY(auto opened, open_acceptor(impl_->executor, host, port));
  auto acceptor = std::make_shared<Tcp::acceptor>(std::move(opened));
  error_code failed;
  const auto bound = acceptor->local_endpoint(failed).port();
  impl_->listeners.emplace_back([acceptor] {
    error_code ignored;
    acceptor->close(ignored);
  });
  impl_->scope.spawn("accept", impl_->accept_from(acceptor));
  return bound;
}

Status HttpServer::listen_unix(const std::string& path, mode_t mode) {
  error_code failed;
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
    return listen_failure(path, make_error_code(boost::system::errc::filename_too_long));
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return listen_failure(path, make_error_code(boost::system::errc::file_exists));
    Unix::socket probe(impl_->executor);
    probe.connect(Unix::endpoint(path), failed);
    if (!failed) return listen_failure(path, asio::error::address_in_use);
    ::unlink(path.c_str());
    failed.clear();
  }
  auto acceptor = std::make_shared<Unix::acceptor>(impl_->executor);
  acceptor->open(Unix(), failed);
  // Linux creates the file with the mode of the unbound socket, so there is no moment in which others may connect.
  if (!failed && ::fchmod(acceptor->native_handle(), mode) != 0) failed.assign(errno, boost::system::system_category());
  if (!failed) acceptor->bind(Unix::endpoint(path), failed);
  if (!failed && ::chmod(path.c_str(), mode) != 0) failed.assign(errno, boost::system::system_category());
  if (!failed) acceptor->listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return listen_failure(path, failed);
  impl_->listeners.emplace_back([acceptor, path] {
    error_code ignored;
    acceptor->close(ignored);
    ::unlink(path.c_str());
  });
  impl_->scope.spawn("accept", impl_->accept_from(acceptor));
  return {};
}

asio::awaitable<void> HttpServer::drain(std::chrono::milliseconds grace) { return impl_->drain(grace); }
asio::awaitable<void> HttpServer::stop() { return impl_->stop(); }
bool HttpServer::draining() const { return impl_->draining; }
std::size_t HttpServer::connections() const { return impl_->open.size(); }

}  // namespace phx::net
