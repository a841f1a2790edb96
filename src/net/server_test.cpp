#include "net/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "net/testing.hpp"

namespace phx::net {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Recorder final : public ServerObserver {
 public:
  void request_finished(const RequestRecord& record) override {
    lines.push_back(std::string(record.route) + " " + std::string(record.method) + " " + std::to_string(record.status));
    EXPECT_GE(record.seconds, 0);
  }
  void connections_changed(std::size_t open, std::size_t) override { most_open = std::max(most_open, open); }
  std::vector<std::string> lines;
  std::size_t most_open = 0;
};

class ServerTest : public testing::Test {
 protected:
  void start(ServerLimits limits = {}) {
    HttpServer::Config config;
    config.limits = limits;
    config.observer = &recorder;
    config.handler = [this](Request request) { return handle(std::move(request)); };
    server.emplace(io.get_executor(), clock, std::move(config));
    auto bound = server->listen("127.0.0.1", 0);
    ASSERT_TRUE(bound);
    ASSERT_NE(*bound, 0);
    port = *bound;
  }
  void TearDown() override {
    if (server) run(io, [this]() -> asio::awaitable<void> { co_await server->stop(); });
  }

  asio::awaitable<Response> handle(Request request) {
    ++handled;
    if (request.path == "/slow") co_await sleep_for(20ms);
    if (request.path == "/gate") {
      entered.open();
      co_await gate.wait();
    }
    if (request.path == "/throw") throw std::runtime_error("secret detail");
    if (request.path == "/inject") {
      auto response = text_response(200, "x");
      response.headers.add("X-Evil", "a\r\nSet-Cookie: b");
      co_return response;
    }
    if (request.path == "/big") {
      Response response;
      response.body = std::make_shared<const std::string>(64 << 20, 'x');
      co_return response;
    }
    if (request.path == "/stream") {
      Response response;
      response.headers.add("Content-Type", "text/event-stream");
      response.body = StreamBody([this](BodyWriter& out) { return write_events(out); });
      response.route = "/stream";
      co_return response;
    }
    if (request.path == "/none") {
      Response response;
      response.status = 204;
      co_return response;
    }
    auto response = text_response(200, request.method + " " + request.path + " [" + request.body + "]");
    response.route = "/echo";
    last_peer = request.peer;
    last_deadline = request.deadline;
    co_return response;
  }

  asio::awaitable<void> write_events(BodyWriter& out) {
    stream_started.open();
    while (!out.stopping()) {
      if (stream_limit >= 0 && stream_limit-- == 0) co_return;
      const auto sent = co_await out.write("data: tick\n\n");
      if (!sent) {
        stream_error = sent.error().reason();
        stream_ended.open();
        co_return;
      }
      if (stream_limit < 0) co_await sleep_for(1ms);
    }
  }

  /// Sends the bytes on a new connection and returns all the server says until it closes.
  asio::awaitable<std::string> talk(std::string bytes) {
    RawClient client(io);
    co_await client.connect(port);
    co_await client.send(std::move(bytes));
    co_return co_await client.read_to_end();
  }

  asio::io_context io{1};
  SystemClock clock;
  Recorder recorder;
  std::optional<HttpServer> server;
  std::uint16_t port = 0;
  int handled = 0;
  Gate gate{io}, entered{io}, stream_started{io}, stream_ended{io};
  int stream_limit = 3;
  std::string stream_error;
  Peer last_peer;
  std::chrono::steady_clock::time_point last_deadline;
};

TEST_F(ServerTest, KeepsConnectionsAlive) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    RawClient client(io);
    co_await client.connect(port);
    for (int i = 0; i < 3; ++i) {
      co_await client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
      const auto answer = co_await client.read_answer();
      EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
      EXPECT_THAT(answer, HasSubstr("Date: "));
      EXPECT_THAT(answer, Not(HasSubstr("Connection: close")));
      EXPECT_THAT(answer, testing::EndsWith("\r\n\r\nGET /a []"));
    }
    EXPECT_EQ(server->connections(), 1u);
    EXPECT_EQ(last_peer.address, "127.0.0.1");
    EXPECT_FALSE(last_peer.local);
    EXPECT_GT(last_deadline, std::chrono::steady_clock::now());
    co_await client.send("GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(co_await client.read_to_end(), HasSubstr("Connection: close"));
  });
  EXPECT_EQ(recorder.lines, std::vector<std::string>(4, "/echo GET 200"));
  EXPECT_EQ(recorder.most_open, 1u);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    RawClient client(io);
    co_await client.connect(port);
    co_await client.send(
        "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"
        "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
        "GET /c HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(co_await client.read_answer(), HasSubstr("GET /slow []"));
    EXPECT_THAT(co_await client.read_answer(), HasSubstr("POST /b [abc]"));
    EXPECT_THAT(co_await client.read_answer(), HasSubstr("GET /c []"));
  });
}

TEST_F(ServerTest, SpeaksHttp10) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    EXPECT_THAT(co_await talk("GET / HTTP/1.0\r\n\r\n"), HasSubstr("Connection: close"));
    RawClient client(io);
    co_await client.connect(port);
    co_await client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_THAT(co_await client.read_answer(), HasSubstr("Connection: keep-alive"));
    co_await client.send("GET / HTTP/1.0\r\n\r\n");
    EXPECT_THAT(co_await client.read_to_end(), StartsWith("HTTP/1.1 200"));
  });
}

TEST_F(ServerTest, HeadHasTheLengthButNoBody) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    const auto answer = co_await talk("HEAD /abc HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr("Content-Length: 12\r\n"));
    EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n"));
    const auto none = co_await talk("GET /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(none, AllOf(StartsWith("HTTP/1.1 204 "), Not(HasSubstr("Content-Length"))));
  });
}

TEST_F(ServerTest, ReadsChunkedBodies) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    const auto answer = co_await talk(
        "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr("POST /x [hello world]"));
  });
}

TEST_F(ServerTest, SaysContinueWhenAsked) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    RawClient client(io);
    co_await client.connect(port);
    co_await client.send("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_EQ(co_await client.read_answer(), "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(handled, 0);
    co_await client.send("ab");
    EXPECT_THAT(co_await client.read_answer(), HasSubstr("POST /x [ab]"));
  });
}

TEST_F(ServerTest, RefusesOversizeAndMalformedInputAsJson) {
  ServerLimits limits;
  limits.max_header_bytes = 512;
  limits.max_target_bytes = 128;
  limits.max_headers = 8;
  limits.max_body_bytes = 16;
  start(limits);
  struct Case {
    std::string bytes;
    int status;
    std::string reason;
  };
  std::string many;
  for (int i = 0; i < 10; ++i) many += "A: 1\r\n";
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::vector<Case> cases{
      {"GET /" + std::string(200, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414, "http.target_too_long"},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(600, 'a') + "\r\n\r\n", 431, "http.header_too_large"},
      {"GET / HTTP/1.1\r\nHost: h\r\n" + many + "\r\n", 431, "http.too_many_headers"},
      {post + "Content-Length: 17\r\n\r\n" + std::string(17, 'x'), 413, "http.body_too_large"},
      {post + "Content-Length: 17\r\nExpect: 100-continue\r\n\r\n", 413, "http.body_too_large"},
      {post + "Transfer-Encoding: chunked\r\n\r\n11\r\n" + std::string(17, 'x') + "\r\n0\r\n\r\n", 413,
       "http.body_too_large"},
      {post + "Expect: magic\r\nContent-Length: 1\r\n\r\na", 417, "http.expectation"},
      {post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "http.ambiguous_length"},
      {"GET / HTTP/1.1\nHost: h\n\n", 400, "http.bare_lf"},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\n 2\r\n\r\n", 400, "http.folded_header"},
      {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505, "http.version"},
  };
  for (const auto& each : cases)
    run(io, [&]() -> asio::awaitable<void> {
      // Whatever follows a refused request must not be taken for the next one.
      const auto answer = co_await talk(each.bytes + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
      EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + std::to_string(each.status) + " ")) << each.bytes;
      EXPECT_THAT(answer, HasSubstr("\"reason\":\"" + each.reason + "\"")) << each.bytes;
      EXPECT_THAT(answer, HasSubstr("{\"error\":{\"code\":\""));
      EXPECT_THAT(answer, HasSubstr("Connection: close"));
      EXPECT_EQ(answer.find("Date: "), answer.rfind("Date: ")) << "only one answer";
    });
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(recorder.lines.size(), cases.size());
  EXPECT_EQ(recorder.lines.front(), "(refused) OTHER 414");
}

TEST_F(ServerTest, RefusalsAreReadableWhileTheClientStillSends) {
  ServerLimits limits;
  limits.max_body_bytes = 1000;
  start(limits);
  run(io, [this]() -> asio::awaitable<void> {
    RawClient client(io);
    co_await client.connect(port);
    co_await client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n" + std::string(2'000'000, 'x'));
    EXPECT_THAT(co_await client.read_to_end(), StartsWith("HTTP/1.1 413 "));
  });
}

TEST_F(ServerTest, CutsSlowHeadersOff) {
  ServerLimits limits;
  limits.header_timeout = 50ms;
  limits.linger_timeout = 50ms;
  start(limits);
  run(io, [this]() -> asio::awaitable<void> {
    EXPECT_THAT(co_await talk("GET / HTTP/1.1\r\nHost:"), StartsWith("HTTP/1.1 408 "));
    // One that drips for ever: each byte comes well within the time-out, the header never ends.
    RawClient client(io);
    co_await client.connect(port);
    std::string dripped = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
    co_await client.send(dripped);
    bool cut = false;
    for (int i = 0; i < 3000 && !cut; ++i) {
      cut = !co_await client.send("a") || server->connections() == 0;
      co_await sleep_for(2ms);
    }
    EXPECT_TRUE(cut);
    EXPECT_EQ(handled, 0);
  });
  EXPECT_THAT(recorder.lines, testing::Each("(refused) OTHER 408"));
}

TEST_F(ServerTest, CutsSlowBodiesOff) {
  ServerLimits limits;
  limits.body_timeout = 50ms;
  limits.min_body_rate = 1 << 20;
  start(limits);
  run(io, [this]() -> asio::awaitable<void> {
    const auto answer = co_await talk("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 408 "), HasSubstr("http.too_slow")));
    EXPECT_EQ(handled, 0);
  });
}

TEST_F(ServerTest, ClosesSilentConnections) {
  ServerLimits limits;
  limits.idle_timeout = 100ms;
  limits.header_timeout = 100ms;
  start(limits);
  run(io, [this]() -> asio::awaitable<void> {
    EXPECT_EQ(co_await talk(""), "") << "never asked anything";
    RawClient client(io);
    co_await client.connect(port);
    co_await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(co_await client.read_answer(), StartsWith("HTTP/1.1 200"));
    EXPECT_EQ(co_await client.read_to_end(), "") << "kept alive, then silent";
  });
}

TEST_F(ServerTest, CutsClientsThatDoNotRead) {
  ServerLimits limits;
  limits.write_timeout = 50ms;
  limits.min_body_rate = 0;
  start(limits);
  run(io, [this]() -> asio::awaitable<void> {
    RawClient client(io);
    co_await client.connect(port);
    co_await client.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(co_await eventually([this] { return handled == 1 && server->connections() == 0; }));
  });
}

TEST_F(ServerTest, LimitsConnections) {
  ServerLimits limits;
  limits.max_connections = 2;
  start(limits);
  run(io, [this]() -> asio::awaitable<void> {
    RawClient one(io), two(io);
    co_await one.connect(port);
    co_await two.connect(port);
    EXPECT_TRUE(co_await eventually([this] { return server->connections() == 2; }));
    const auto answer = co_await talk("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("Retry-After: 1"),
                              HasSubstr("http.too_many_connections")));
    two.stream().close();
    EXPECT_TRUE(co_await eventually([this] { return server->connections() == 1; }));
    EXPECT_THAT(co_await talk("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  });
}

TEST_F(ServerTest, AnswersThrowingHandlersWith500) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    RawClient client(io);
    co_await client.connect(port);
    co_await client.send("GET /throw HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto answer = co_await client.read_answer();
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr("http.handler_failed")));
    EXPECT_THAT(answer, Not(HasSubstr("secret detail")));
    co_await client.send("GET /inject HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(co_await client.read_answer(), AllOf(StartsWith("HTTP/1.1 500 "), Not(HasSubstr("Set-Cookie"))));
    co_await client.send("GET /ok HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(co_await client.read_answer(), StartsWith("HTTP/1.1 200 "));
  });
}

TEST_F(ServerTest, StreamsInChunks) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    RawClient client(io);
    co_await client.connect(port);
    co_await client.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto head = co_await client.read_until("\r\n\r\n");
    EXPECT_THAT(head, AllOf(HasSubstr("Transfer-Encoding: chunked"), HasSubstr("text/event-stream")));
    std::string chunks;
    for (int i = 0; i < 3; ++i) chunks += "c\r\ndata: tick\n\n\r\n";
    EXPECT_EQ(co_await client.read_until("0\r\n\r\n"), chunks + "0\r\n\r\n");
    co_await client.send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(co_await client.read_answer(), StartsWith("HTTP/1.1 200 "));
    stream_limit = 1;
    const auto old = co_await talk("GET /stream HTTP/1.0\r\n\r\n");
    EXPECT_THAT(old, AllOf(Not(HasSubstr("chunked")), testing::EndsWith("\r\n\r\ndata: tick\n\n")));
  });
}

TEST_F(ServerTest, StreamsNoticeThatTheClientLeft) {
  start();
  stream_limit = -1;
  run(io, [this]() -> asio::awaitable<void> {
    {
      RawClient client(io);
      co_await client.connect(port);
      co_await client.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
      co_await stream_started.wait();
    }
    co_await stream_ended.wait();
    EXPECT_EQ(stream_error, "http.client_gone");
    EXPECT_TRUE(co_await eventually([this] { return server->connections() == 0; }));
  });
}

TEST_F(ServerTest, DrainFinishesWhatIsInFlight) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    RawClient busy(io), idle(io);
    co_await idle.connect(port);
    co_await idle.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    co_await idle.read_answer();
    co_await busy.connect(port);
    co_await busy.send("GET /gate HTTP/1.1\r\nHost: h\r\n\r\n");
    co_await entered.wait();

    bool drained = false;
    TaskScope scope(io.get_executor(), "test");
    const auto drain = [&]() -> asio::awaitable<void> {
      co_await server->drain(30s);
      drained = true;
    };
    scope.spawn("drain", drain());
    EXPECT_EQ(co_await idle.read_to_end(), "") << "idle connections go at once";
    EXPECT_FALSE(drained);
    RawClient late(io);
    bool refused = false;
    try {
      co_await late.connect(port);
    } catch (const boost::system::system_error&) { refused = true; }
    EXPECT_TRUE(refused);
    EXPECT_FALSE(drained);
    gate.open();
    EXPECT_THAT(co_await busy.read_to_end(),
                AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Connection: close"), HasSubstr("GET /gate []")));
    busy.stream().close();
    co_await scope.join();
    EXPECT_TRUE(drained);
    EXPECT_EQ(server->connections(), 0u);
  });
}

TEST_F(ServerTest, DrainCutsWhatTakesTooLong) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    RawClient stuck(io);
    co_await stuck.connect(port);
    co_await stuck.send("GET /gate HTTP/1.1\r\nHost: h\r\n\r\n");
    co_await entered.wait();
    co_await server->drain(30ms);
    EXPECT_EQ(server->connections(), 0u);
    EXPECT_EQ(co_await stuck.read_to_end(), "");
  });
}

TEST_F(ServerTest, KnowsWhoIsBehindAUnixSocket) {
  start();
  const ScratchFolder folder;
  const auto path = (folder / "ctl.sock").string();
  ASSERT_TRUE(server->listen_unix(path));
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  run(io, [&]() -> asio::awaitable<void> {
    RawClient client(io);
    co_await client.connect_unix(path);
    co_await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(co_await client.read_answer(), StartsWith("HTTP/1.1 200 "));
    EXPECT_TRUE(last_peer.local);
    EXPECT_EQ(last_peer.uid, ::getuid());
    EXPECT_EQ(last_peer.gid, ::getgid());
    EXPECT_EQ(last_peer.pid, ::getpid());
    EXPECT_EQ(last_peer.address, "");
    co_await server->stop();
  });
  EXPECT_NE(::stat(path.c_str(), &status), 0) << "the socket file goes with the server";
}

TEST_F(ServerTest, TakesOverOnlyStaleUnixSockets) {
  start();
  const ScratchFolder folder;
  const auto path = (folder / "ctl.sock").string();
  { asio::local::stream_protocol::acceptor dead(io, asio::local::stream_protocol::endpoint(path)); }
  ASSERT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(server->listen_unix(path));
  const auto again = server->listen_unix(path);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason(), "http.listen");
  const auto file = (folder / "precious.txt").string();
  std::ofstream(file) << "data";
  EXPECT_FALSE(server->listen_unix(file));
  EXPECT_TRUE(std::filesystem::is_regular_file(file));
  EXPECT_FALSE(server->listen_unix((folder / std::string(200, 'x')).string()));
}

TEST_F(ServerTest, ReportsPortsInUse) {
  start();
  const auto taken = server->listen("127.0.0.1", port);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().reason(), "http.listen");
  EXPECT_FALSE(server->listen("256.1.1.1", 0));
}

TEST_F(ServerTest, BoundsTheMethodLabel) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    EXPECT_THAT(co_await talk("BREW /pot HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), HasSubstr("BREW /pot"));
  });
  EXPECT_EQ(recorder.lines, std::vector<std::string>{"/echo OTHER 200"});
}

}  // namespace
}  // namespace phx::net
