#include "net/websocket.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "net/server.hpp"
#include "net/testing.hpp"

namespace phx::net {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class WebSocketTest : public testing::Test {
 protected:
  void start(ServerLimits limits = {}) {
    HttpServer::Config config;
    config.limits = limits;
    config.handler = [](Request request) { return answer(std::move(request)); };
    config.on_upgrade = [this](Request request) { return decide(std::move(request)); };
    server.emplace(io.get_executor(), clock, std::move(config));
    auto bound = server->listen("127.0.0.1", 0);
    ASSERT_TRUE(bound);
    port = *bound;
  }
  void TearDown() override {
    if (server) run(io, [this]() -> asio::awaitable<void> { co_await server->stop(); });
  }

  static asio::awaitable<Response> answer(Request) { co_return text_response(200, "plain"); }

  asio::awaitable<UpgradeDecision> decide(Request request) {
    if (request.path == "/forbidden") co_return error_response(permission_denied("test.forbidden", "Not for you."));
    if (request.path == "/broken") throw std::runtime_error("no decision");
    seen_token = request.headers.get("X-Token");
    WebSocketSession session;
    if (request.headers.has_token("Sec-WebSocket-Protocol", "graphql-transport-ws"))
      session.subprotocol = "graphql-transport-ws";
    if (request.path == "/rude") session.subprotocol = "never-offered";
    session.run = [this, path = request.path](WebSocket& socket) { return converse(socket, path); };
    session.route = "/graphql";
    co_return session;
  }

  asio::awaitable<void> converse(WebSocket& socket, std::string path) {
    serving = &socket;
    struct Gone {
      const WebSocket*& socket;
      ~Gone() { socket = nullptr; }
    } const gone{serving};
    if (path == "/throw") throw std::logic_error("session bug");
    if (path == "/bye") {
      co_await socket.close(4400, "bad init");
      co_return;
    }
    if (path == "/flood") {
      const auto chunk = std::make_shared<const std::string>(1 << 20, 'x');
      while (co_await socket.send_shared(chunk, false)) {}
      ended.open();
      co_return;
    }
    if (path == "/many") {
      TaskScope scope(io.get_executor(), "senders");
      for (int sender = 0; sender < 3; ++sender) scope.spawn("sender", send_three(socket, sender));
      co_await scope.join();
      co_return;
    }
    while (true) {
      const auto message = co_await socket.receive();
      if (!message) {
        end_reason = message.error().reason();
        end_code = socket.close_code();
        end_text = socket.close_reason();
        ended.open();
        co_return;
      }
      if (message->data == "finish") co_return;
      const auto sent = message->text ? co_await socket.send_text("echo " + message->data)
                                      : co_await socket.send_binary(message->data);
      if (!sent) co_return;
    }
  }

  static asio::awaitable<void> send_three(WebSocket& socket, int sender) {
    for (int i = 0; i < 3; ++i) {
      const auto sent = co_await socket.send_text(std::to_string(sender) + ":" + std::to_string(i));
      EXPECT_TRUE(sent);
    }
  }

  asio::awaitable<Result<WebSocket>> open(std::string path, std::vector<std::string> protocols = {}) {
    WebSocketTarget target;
    target.url = "ws://127.0.0.1:" + std::to_string(port) + path;
    target.subprotocols = std::move(protocols);
    target.headers.add("X-Token", "t1");
    co_return co_await connect_websocket(std::move(target));
  }

  static std::string handshake(std::string extra = "Sec-WebSocket-Version: 13\r\n") {
    return "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           extra + "\r\n";
  }

  asio::io_context io{1};
  SystemClock clock;
  std::optional<HttpServer> server;
  std::uint16_t port = 0;
  const WebSocket* serving = nullptr;  ///< while it is open
  Gate ended{io};
  std::string end_reason, end_text, seen_token;
  std::uint16_t end_code = 0;
};

TEST_F(WebSocketTest, EchoesTextAndBinary) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/echo")).value();
    EXPECT_TRUE(socket.is_open());
    EXPECT_EQ(seen_token, "t1");
    EXPECT_TRUE(co_await socket.send_text("hälló"));
    auto message = (co_await socket.receive()).value();
    EXPECT_TRUE(message.text);
    EXPECT_EQ(message.data, "echo hälló");
    const std::string bytes("\0\xff\x01", 3);
    EXPECT_TRUE(co_await socket.send_binary(bytes));
    message = (co_await socket.receive()).value();
    EXPECT_FALSE(message.text);
    EXPECT_EQ(message.data, bytes);
    EXPECT_TRUE(co_await socket.send_text(""));
    EXPECT_EQ((co_await socket.receive()).value().data, "echo ");
    const std::string large(300'000, 'L');
    EXPECT_TRUE(co_await socket.send_binary(large));
    EXPECT_EQ((co_await socket.receive()).value().data, large);
  });
}

TEST_F(WebSocketTest, PingsAreAnswered) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/echo")).value();
    EXPECT_TRUE(co_await socket.ping());
    EXPECT_TRUE(co_await socket.send_text("after"));
    EXPECT_TRUE(co_await socket.receive());
    EXPECT_EQ(socket.pongs(), 1u);
  });
}

TEST_F(WebSocketTest, CloseCodesArriveOnBothSides) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/echo")).value();
    co_await socket.close(4321, "my reason");
    co_await ended.wait();
    EXPECT_EQ(end_reason, "websocket.closed");
    EXPECT_EQ(end_code, 4321);
    EXPECT_EQ(end_text, "my reason");
    EXPECT_FALSE(socket.is_open());
    EXPECT_EQ((co_await socket.send_text("late")).error().reason(), "websocket.closed");
    EXPECT_EQ((co_await socket.receive()).error().reason(), "websocket.closed");

    for (const auto& [path, code] : std::map<std::string, std::uint16_t>{{"/bye", 4400}, {"/throw", 1011}}) {
      auto other = (co_await open(path)).value();
      const auto end = co_await other.receive();
      EXPECT_EQ(end.error().reason(), "websocket.closed") << path;
      EXPECT_EQ(other.close_code(), code) << path;
    }
    auto finished = (co_await open("/echo")).value();
    EXPECT_TRUE(co_await finished.send_text("finish"));
    EXPECT_FALSE(co_await finished.receive());
    EXPECT_EQ(finished.close_code(), 1000);
    EXPECT_TRUE(co_await eventually([this] { return server->connections() == 0; }));
  });
}

TEST_F(WebSocketTest, LongCloseReasonsAreCutBetweenCharacters) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/echo")).value();
    std::string reason = "a";
    while (reason.size() < 200) reason += "\xc3\xa9";
    co_await socket.close(4000, reason);
    co_await ended.wait();
    EXPECT_EQ(end_text, reason.substr(0, 123));
    EXPECT_EQ(end_code, 4000);
  });
}

TEST_F(WebSocketTest, RefusesOversizeMessagesWith1009) {
  ServerLimits limits;
  limits.websocket.max_message = 100;
  start(limits);
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/echo")).value();
    EXPECT_TRUE(co_await socket.send_text(std::string(100, 'a')));
    EXPECT_TRUE(co_await socket.receive());
    EXPECT_TRUE(co_await socket.send_text(std::string(101, 'a')));
    EXPECT_FALSE(co_await socket.receive());
    EXPECT_EQ(socket.close_code(), 1009);
    co_await ended.wait();
    EXPECT_EQ(end_reason, "websocket.too_big");
  });
}

TEST_F(WebSocketTest, RefusesBrokenText) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/echo")).value();
    EXPECT_TRUE(co_await socket.send_text("\xff\xfe"));
    EXPECT_FALSE(co_await socket.receive());
    EXPECT_EQ(socket.close_code(), 1007);
  });
}

TEST_F(WebSocketTest, AgreesOnASubprotocol) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    EXPECT_EQ((co_await open("/echo", {"soap", "graphql-transport-ws"})).value().subprotocol(), "graphql-transport-ws");
    EXPECT_EQ((co_await open("/echo", {"soap"})).value().subprotocol(), "");
    const auto rude = co_await open("/rude");
    EXPECT_EQ(rude.error().reason(), "websocket.subprotocol");
  });
}

TEST_F(WebSocketTest, RefusedUpgradesAreOrdinaryAnswers) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    const auto refused = co_await open("/forbidden");
    EXPECT_EQ(refused.error().reason(), "websocket.refused");
    EXPECT_THAT(refused.error().message(), HasSubstr("403"));
    EXPECT_THAT((co_await open("/broken")).error().message(), HasSubstr("500"));

    const auto raw = [this](std::string bytes) -> asio::awaitable<std::string> {
      RawClient client(io);
      co_await client.connect(port);
      co_await client.send(bytes);
      co_return co_await client.read_to_end();
    };
    EXPECT_THAT(co_await raw(handshake("Sec-WebSocket-Version: 8\r\n")),
                AllOf(StartsWith("HTTP/1.1 426 "), HasSubstr("Sec-WebSocket-Version: 13")));
    EXPECT_THAT(co_await raw("GET /echo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n"),
                StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(co_await raw(handshake() + "early frame"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(co_await raw("GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), HasSubstr("plain"));
  });
}

TEST_F(WebSocketTest, CutsPeersThatDoNotAnswerPings) {
  ServerLimits limits;
  limits.websocket.idle_timeout = 60ms;
  start(limits);
  run(io, [this]() -> asio::awaitable<void> {
    RawClient dead(io);
    co_await dead.connect(port);
    co_await dead.send(handshake());
    EXPECT_THAT(co_await dead.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
    EXPECT_THAT(co_await dead.read_to_end(), StartsWith("\x89")) << "a ping came before the cut";
    co_await ended.wait();
    EXPECT_EQ(end_reason, "websocket.timeout");
  });
}

TEST_F(WebSocketTest, AnsweringPingsKeepsAConnection) {
  ServerLimits limits;
  limits.websocket.idle_timeout = 200ms;
  start(limits);
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/echo")).value();
    TaskScope scope(io.get_executor(), "reader");
    std::string heard;
    const auto read = [&]() -> asio::awaitable<void> {
      auto message = co_await socket.receive();
      if (message) heard = message->data;
    };
    scope.spawn("read", read());
    // A ping goes out at half of the idle time-out: three of these pass with nothing said but pongs.
    EXPECT_TRUE(co_await eventually([this] { return serving != nullptr && serving->pongs() >= 6; }));
    EXPECT_TRUE(co_await socket.send_text("still here"));
    co_await scope.join();
    EXPECT_EQ(heard, "echo still here");
  });
}

TEST_F(WebSocketTest, ManySendersTakeTurns) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/many")).value();
    std::map<char, std::string> order;
    for (int i = 0; i < 9; ++i) {
      const auto message = (co_await socket.receive()).value();
      order[message.data.front()] += message.data.back();
    }
    EXPECT_EQ(order, (std::map<char, std::string>{{'0', "012"}, {'1', "012"}, {'2', "012"}}));
    EXPECT_FALSE(co_await socket.receive());
  });
}

TEST_F(WebSocketTest, CutsPeersThatDoNotRead) {
  ServerLimits limits;
  limits.websocket.write_timeout = 50ms;
  start(limits);
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/flood")).value();
    co_await ended.wait();
    EXPECT_TRUE(co_await eventually([this] { return server->connections() == 0; }));
  });
}

TEST_F(WebSocketTest, DrainSaysGoingAway) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/echo")).value();
    TaskScope scope(io.get_executor(), "reader");
    std::string reason;
    const auto read = [&]() -> asio::awaitable<void> {
      const auto end = co_await socket.receive();
      if (!end) reason = end.error().reason();
    };
    scope.spawn("read", read());
    co_await server->drain(30s);
    co_await scope.join();
    EXPECT_EQ(reason, "websocket.closed");
    EXPECT_EQ(socket.close_code(), 1001);
    EXPECT_EQ(end_reason, "websocket.closed") << "the session saw its end";
    EXPECT_EQ(server->connections(), 0u);
  });
}

TEST_F(WebSocketTest, DrainDoesNotWaitForADeadPeer) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    RawClient dead(io);
    co_await dead.connect(port);
    co_await dead.send(handshake());
    co_await dead.read_until("\r\n\r\n");
    co_await server->drain(30ms);
    EXPECT_EQ(server->connections(), 0u);
  });
}

TEST_F(WebSocketTest, TalksThroughUnixSockets) {
  start();
  const ScratchFolder folder;
  const auto path = (folder / "s").string();
  ASSERT_TRUE(server->listen_unix(path));
  run(io, [&]() -> asio::awaitable<void> {
    WebSocketTarget target;
    target.url = "ws://phoenix/echo";
    target.unix_socket = path;
    auto socket = (co_await connect_websocket(std::move(target))).value();
    EXPECT_TRUE(co_await socket.send_text("x"));
    EXPECT_EQ((co_await socket.receive()).value().data, "echo x");
  });
}

TEST_F(WebSocketTest, SaysWhyItCannotConnect) {
  run(io, [this]() -> asio::awaitable<void> {
    const auto reason = [](WebSocketTarget target) -> asio::awaitable<std::string> {
      const auto socket = co_await connect_websocket(std::move(target));
      co_return socket ? "connected" : socket.error().reason();
    };
    WebSocketTarget target;
    target.url = "http://127.0.0.1/";
    EXPECT_EQ(co_await reason(target), "url.malformed");
    target.url = "ws://phoenix/";
    target.unix_socket = "/nonexistent/socket";
    EXPECT_EQ(co_await reason(target), "websocket.connect");
    // A server that accepts and says nothing.
    asio::ip::tcp::acceptor mute(io, asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    target.url = "ws://127.0.0.1:" + std::to_string(mute.local_endpoint().port()) + "/";
    target.unix_socket.clear();
    target.limits.handshake_timeout = 50ms;
    EXPECT_EQ(co_await reason(target), "websocket.timeout");
  });
}

TEST_F(WebSocketTest, MessagesInPiecesAreOneMessage) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/echo")).value();
    const auto body = std::make_shared<const std::string>("shared");
    EXPECT_TRUE(socket.offer({.head = "<", .body = body, .tail = ">"}, {}));
    EXPECT_TRUE(socket.offer({.head = "", .body = body, .tail = ""}, {}));
    EXPECT_TRUE(socket.offer({.head = "alone", .body = nullptr, .tail = {}}, {}));
    EXPECT_EQ(socket.waiting(), 3u);
    for (const char* heard : {"echo <shared>", "echo shared", "echo alone"})
      EXPECT_EQ((co_await socket.receive()).value().data, heard);
    EXPECT_EQ(socket.waiting(), 0u);
    EXPECT_EQ(socket.sent(), 3u);
    EXPECT_EQ(body.use_count(), 1) << "nothing is kept";
  });
}

TEST_F(WebSocketTest, TheQueueIsBoundedAndOrdered) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/echo")).value();
    const QueueLimits limits{.max_messages = 2, .max_bytes = 10};
    const auto text = [](std::string data) {
      return OutgoingMessage{.head = std::move(data), .body = nullptr, .tail = {}};
    };
    EXPECT_TRUE(socket.offer(text("larger than the queue may hold"), limits));
    OutgoingMessage kept = text("x");
    EXPECT_FALSE(socket.offer(std::move(kept), limits)) << "no room beside it";
    EXPECT_EQ(kept.head, "x") << "what was not taken is still there";
    int drained = 0;
    socket.on_drained([&drained] { ++drained; });
    TaskScope scope(io.get_executor(), "queue");
    std::string order;
    const auto push = [&](std::string data) -> asio::awaitable<void> {
      if (co_await socket.push(text(data), limits)) order += data;
    };
    for (const char* data : {"1", "2", "3"}) scope.spawn("push", push(data));
    EXPECT_EQ(order, "");
    EXPECT_EQ((co_await socket.receive()).value().data, "echo larger than the queue may hold");
    for (const char* heard : {"echo 1", "echo 2", "echo 3"}) EXPECT_EQ((co_await socket.receive()).value().data, heard);
    co_await scope.join();
    EXPECT_EQ(order, "123");
    EXPECT_EQ(drained, 1) << "once, however often the queue was empty";
  });
}

TEST_F(WebSocketTest, WhoWaitsForRoomHearsThatTheSocketClosed) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    auto socket = (co_await open("/echo")).value();
    const QueueLimits limits{.max_messages = 1, .max_bytes = 100};
    const auto text = [] { return OutgoingMessage{.head = "x", .body = nullptr, .tail = {}}; };
    EXPECT_TRUE(socket.offer(text(), limits));
    TaskScope scope(io.get_executor(), "queue");
    std::string reason;
    const auto push = [&]() -> asio::awaitable<void> {
      const auto pushed = co_await socket.push(text(), limits);
      if (!pushed) reason = pushed.error().reason();
    };
    scope.spawn("push", push());
    co_await socket.close();
    EXPECT_FALSE(socket.offer(text(), limits));
    co_await scope.join();
    EXPECT_EQ(reason, "websocket.closed");
  });
}

TEST_F(WebSocketTest, FragmentsArriveAsOneMessage) {
  start();
  run(io, [this]() -> asio::awaitable<void> {
    RawClient client(io);
    co_await client.connect(port);
    co_await client.send(handshake());
    EXPECT_THAT(co_await client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
    // "Hel", a ping in between, an empty frame, "lo"; all masked with zeros.
    const std::string mask(4, '\0');
    const auto frame = [&](char first, std::string payload) {
      return std::string{first, static_cast<char>(0x80 | payload.size())} + mask + payload;
    };
    co_await client.send(frame('\x01', "Hel") + frame('\x89', "") + frame('\x00', "") + frame('\x80', "lo"));
    EXPECT_THAT(co_await client.read_until("echo Hello"), HasSubstr("\x8a"));
    // An empty message is one, too.
    co_await client.send(frame('\x81', ""));
    EXPECT_THAT(co_await client.read_until("echo "), HasSubstr("echo "));
  });
}

}  // namespace
}  // namespace phx::net
