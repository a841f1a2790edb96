#include "api/middleware.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

#include "base/random.hpp"

namespace phx::api {
namespace {

using ::testing::HasSubstr;

class FakeAuthenticator final : public Authenticator {
 public:
  asio::awaitable<Result<Principal>> authenticate(const net::Request& request) override {
    Principal out;
    const std::string_view bearer = request.headers.get("Authorization");
    if (bearer == "Bearer good" || net::cookie(request.headers, "phoenix_session") == "good") {
      out.kind = PrincipalKind::kUser;
      out.email = "ada@example.org";
      out.by_cookie = bearer.empty();
    } else if (!bearer.empty()) {
      co_return Error(Code::kUnauthenticated, "auth.invalid", "The token is not valid.");
    }
    co_return out;
  }
  asio::awaitable<Result<Principal>> authenticate_token(std::string, std::string) override { co_return Principal(); }
};

class OnePerPeer final : public RateLimiter {
 public:
  std::optional<RateDecision> admit(const net::Request& request, const Principal&) override {
    if (request.peer.address == "192.0.2.50") return std::nullopt;
    return RateDecision{.admitted = request.peer.address != "203.0.113.9",
                        .policy = "address",
                        .quota = 100,
                        .window = std::chrono::minutes(1),
                        .remaining = 19,
                        .retry_after = std::chrono::milliseconds(6'500),
                        .reset = std::chrono::milliseconds(600)};
  }
};

struct MiddlewareTest : ::testing::Test {
  MiddlewareTest() {
    router.add("GET", "/open", Auth::kNone, [this](HttpCall call) { return echo(std::move(call)); });
    router.add("POST", "/open", Auth::kNone, [this](HttpCall call) { return echo(std::move(call)); });
    router.add("POST", "/maybe", Auth::kOptional, [this](HttpCall call) { return echo(std::move(call)); });
    router.add("GET", "/closed", Auth::kRequired, [this](HttpCall call) { return echo(std::move(call)); });
    router.add("POST", "/closed", Auth::kRequired, [this](HttpCall call) { return echo(std::move(call)); });
    router.add("GET", "/hooks/:source", Auth::kNone, [this](HttpCall call) { return echo(std::move(call)); });
    router.add("GET", "/hooks/exact", Auth::kNone, [this](HttpCall) { return text("exact"); });
    router.add("GET", "/bug", Auth::kNone, [this](HttpCall) { return bug(); });
    router.upgrade("/socket/:id", Auth::kRequired, [this](HttpCall call) { return socket(std::move(call)); });
  }

  asio::awaitable<net::Response> echo(HttpCall call) {
    ++handled;
    std::string out = call.principal.actor();
    for (const auto& [name, value] : call.params) out += " " + name + "=" + value;
    if (call.auth_error) out += " " + call.auth_error->reason();
    co_return net::text_response(200, out);
  }
  asio::awaitable<net::Response> text(std::string body) { co_return net::text_response(200, std::move(body)); }
  asio::awaitable<net::Response> bug() {
    throw std::logic_error("hidden detail");
    co_return net::Response();
  }
  asio::awaitable<net::UpgradeDecision> socket(HttpCall call) {
    co_return net::WebSocketSession{.subprotocol = call.params.at("id"), .run = {}, .route = {}};
  }

  template <class T>
  T run(asio::awaitable<T> task) {
    asio::io_context io(1);
    std::optional<T> out;
    std::exception_ptr thrown;
    asio::co_spawn(io, std::move(task), [&](std::exception_ptr error, T value) {
      thrown = error;
      out.emplace(std::move(value));
    });
    io.run();
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*out);
  }
  net::Response send(std::string method, std::string path, net::Headers headers = {}, std::string peer = "192.0.2.1") {
    net::Request request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.headers = std::move(headers);
    request.headers.set("Host", "portal.example.org");
    request.peer.address = std::move(peer);
    return run(middleware.handle(std::move(request)));
  }

  int handled = 0;
  Router router;
  FakeAuthenticator authenticator;
  OnePerPeer limiter;
  SystemClock clock;
  SeededRandom random{7};
  UuidSource ids{clock, random};
  Middleware middleware{
      {.https = true, .allowed_origins = {"https://other.example.org"}}, router, authenticator, ids, clock, &limiter};
};

TEST_F(MiddlewareTest, EveryAnswerCarriesIdAndSecurityHeaders) {
  for (const char* path : {"/open", "/nothing", "/bug", "/closed"}) {
    const net::Response response = send("GET", path);
    EXPECT_TRUE(Uuid::parse(response.headers.get("X-Request-Id"))) << path;
    EXPECT_THAT(std::string(response.headers.get("Content-Security-Policy")),
                HasSubstr("require-trusted-types-for 'script'"));
    EXPECT_EQ(response.headers.get("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(response.headers.get("Referrer-Policy"), "no-referrer");
    EXPECT_EQ(response.headers.get("Cross-Origin-Opener-Policy"), "same-origin");
    EXPECT_THAT(std::string(response.headers.get("Strict-Transport-Security")), HasSubstr("max-age="));
  }
}

TEST_F(MiddlewareTest, RoutesByMethodAndPattern) {
  EXPECT_EQ(send("GET", "/hooks/alertmanager").body_text(), "anonymous source=alertmanager");
  EXPECT_EQ(send("GET", "/hooks/alertmanager").route, "/hooks/:source");
  EXPECT_EQ(send("GET", "/hooks/exact").body_text(), "exact");
  EXPECT_EQ(send("HEAD", "/open").status, 200);
  EXPECT_EQ(send("GET", "/hooks/").status, 404);
  EXPECT_EQ(send("GET", "/hooks/a/b").status, 404);
  const net::Response wrong = send("DELETE", "/open");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.get("Allow"), "GET, POST");
  EXPECT_EQ(send("GET", "/socket/1").status, 404) << "a WebSocket is no page";
  EXPECT_THROW(router.add("GET", "/open", Auth::kNone, nullptr), std::logic_error);
}

TEST_F(MiddlewareTest, FallbackServesPagesOnly) {
  router.fallback("/*", [this](HttpCall) { return text("index"); });
  EXPECT_EQ(send("GET", "/machines/1").body_text(), "index");
  EXPECT_EQ(send("POST", "/machines/1").status, 404);
  EXPECT_EQ(send("GET", "/maybe").status, 405) << "a known address keeps its methods";
}

TEST_F(MiddlewareTest, ProofsAreAskedForAsTheRouteSays) {
  EXPECT_EQ(send("GET", "/closed").status, 401);
  EXPECT_EQ(send("GET", "/closed", {{"Authorization", "Bearer bad"}}).status, 401);
  EXPECT_EQ(send("GET", "/closed", {{"Authorization", "Bearer good"}}).body_text(), "ada@example.org");
  EXPECT_EQ(send("POST", "/maybe").body_text(), "anonymous");
  EXPECT_EQ(send("POST", "/maybe", {{"Authorization", "Bearer bad"}}).body_text(), "anonymous auth.invalid");
  EXPECT_EQ(send("GET", "/open", {{"Authorization", "Bearer bad"}}).body_text(), "anonymous");
}

TEST_F(MiddlewareTest, CookieRequestsThatChangeSomethingNeedTheCsrfHeader) {
  const net::Headers::Field cookie{"Cookie", "phoenix_session=good"};
  const net::Headers::Field json{"Content-Type", "application/json; charset=utf-8"};
  const net::Headers::Field csrf{"X-Phoenix-Csrf", "1"};
  EXPECT_EQ(send("GET", "/closed", {cookie}).status, 200);
  for (const net::Headers& lacking : {net::Headers{cookie}, net::Headers{cookie, json}, net::Headers{cookie, csrf},
                                      net::Headers{cookie, csrf, {"Content-Type", "text/plain"}}}) {
    const net::Response refused = send("POST", "/closed", lacking);
    EXPECT_EQ(refused.status, 403);
    EXPECT_THAT(std::string(refused.body_text()), HasSubstr("auth.csrf"));
  }
  EXPECT_EQ(handled, 1);
  EXPECT_EQ(send("POST", "/closed", {cookie, json, csrf}).status, 200);
  EXPECT_EQ(send("POST", "/closed", {{"Authorization", "Bearer good"}}).status, 200)
      << "tokens are not sent by browsers";
}

TEST_F(MiddlewareTest, ForeignOriginsReachNoHandler) {
  for (const char* origin :
       {"https://evil.example.com", "null", "https://portal.example.org.evil.com", "ftp://portal.example.org"}) {
    const net::Response refused = send("POST", "/open", {{"Origin", origin}});
    EXPECT_EQ(refused.status, 403) << origin;
    EXPECT_THAT(std::string(refused.body_text()), HasSubstr("auth.origin"));
  }
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(send("POST", "/open", {{"Origin", "https://portal.example.org"}}).status, 200);
  EXPECT_EQ(send("POST", "/open", {{"Origin", "https://other.example.org"}}).status, 200);
}

TEST_F(MiddlewareTest, UpgradesFollowTheSameRules) {
  const auto upgrade = [&](std::string path, net::Headers headers) {
    net::Request request;
    request.method = "GET";
    request.path = std::move(path);
    request.headers = std::move(headers);
    request.headers.set("Host", "portal.example.org");
    return run(middleware.on_upgrade(std::move(request)));
  };
  const auto status = [&](std::string path, net::Headers headers) {
    const net::UpgradeDecision decision = upgrade(std::move(path), std::move(headers));
    const auto* response = std::get_if<net::Response>(&decision);
    return response ? response->status : 101;
  };
  const net::Headers::Field cookie{"Cookie", "phoenix_session=good"};
  EXPECT_EQ(status("/socket/7", {cookie, {"Origin", "https://portal.example.org"}}), 101);
  EXPECT_EQ(status("/socket/7", {cookie, {"Origin", "https://evil.example.com"}}), 403);
  EXPECT_EQ(status("/socket/7", {}), 401);
  EXPECT_EQ(status("/open", {cookie}), 404);
  const net::UpgradeDecision decision = upgrade("/socket/7", {cookie});
  EXPECT_EQ(std::get<net::WebSocketSession>(decision).route, "/socket/:id");
  EXPECT_EQ(std::get<net::WebSocketSession>(decision).subprotocol, "7");
}

TEST_F(MiddlewareTest, LimitedCallersAreToldWhenToComeBack) {
  const net::Response limited = send("POST", "/open", {}, "203.0.113.9");
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.headers.get("Retry-After"), "7");
  EXPECT_EQ(limited.headers.get("RateLimit"), "\"address\";r=19;t=7");
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(send("GET", "/open", {}, "203.0.113.9").status, 200) << "files and health are open to all";
  const net::Response admitted = send("POST", "/open", {}, "203.0.113.10");
  EXPECT_EQ(admitted.status, 200);
  EXPECT_EQ(admitted.headers.get("RateLimit-Policy"), "\"address\";q=100;w=60");
  EXPECT_EQ(admitted.headers.get("RateLimit"), "\"address\";r=19;t=1");
  EXPECT_FALSE(send("POST", "/open", {}, "192.0.2.50").headers.contains("RateLimit"));
}

TEST_F(MiddlewareTest, BugsAreAnswersWithoutDetails) {
  const net::Response response = send("GET", "/bug");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(std::string(response.body_text()).find("hidden detail"), std::string::npos);
}

TEST_F(MiddlewareTest, WhatGoesWellIsLoggedUpToARateAndFailuresAlways) {
  ManualClock moved{Instant()};
  Middleware chain({}, router, authenticator, ids, moved);
  const auto lines = [&](std::string path, int times) {
    ::testing::internal::CaptureStderr();
    for (int i = 0; i < times; ++i) {
      net::Request request;
      request.method = "GET";
      request.path = path;
      run(chain.handle(std::move(request)));
    }
    return ::testing::internal::GetCapturedStderr();
  };
  const auto count = [](const std::string& text, std::string_view what) {
    int found = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count(lines("/open", 60), "\"http.request\""), 50);
  EXPECT_EQ(count(lines("/bug", 3), "\"http.request\""), 3);
  moved.advance(std::chrono::seconds(1));
  const std::string next = lines("/open", 1);
  EXPECT_EQ(count(next, "\"http.request\""), 1);
  EXPECT_THAT(next, HasSubstr("\"http.requests_left_out\",\"count\":10"));
}

TEST(HttpMetricsTest, ObservesByRouteMethodAndStatus) {
  Metrics metrics;
  HttpMetrics observer(metrics);
  observer.request_finished({"/graphql", "POST", 200, 0.004});
  observer.request_finished({"/graphql", "POST", 500, 0.004});
  observer.request_finished({"/graphql", "POST", 500, 0.004});
  EXPECT_THAT(metrics.render(),
              HasSubstr("http_request_duration_seconds_count{method=\"POST\",route=\"/graphql\",status=\"500\"} 2"));
  EXPECT_THAT(metrics.render(),
              HasSubstr("http_request_duration_seconds_count{method=\"POST\",route=\"/graphql\",status=\"200\"} 1"));
}

}  // namespace
}  // namespace phx::api
