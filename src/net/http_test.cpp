#include "net/http.hpp"

#include <gtest/gtest.h>

namespace phx::net {
namespace {

TEST(Headers, KeepOrderAndIgnoreCase) {
  Headers headers{{"Accept", "a"}, {"X-One", "1"}};
  headers.add("accept", "b");
  EXPECT_EQ(headers.get("ACCEPT"), "a");
  EXPECT_EQ(headers.count("Accept"), 2u);
  EXPECT_EQ((*headers.begin()).first, "Accept");
  headers.set("aCCept", "c");
  EXPECT_EQ(headers.all("accept"), std::vector<std::string_view>{"c"});
  EXPECT_FALSE(headers.contains("X-Two"));
  EXPECT_EQ(headers.get("X-Two"), "");
}

TEST(Headers, AreKeptAsTheyGoOverTheWire) {
  Headers headers{{"A", "1"}, {"Vary", "x"}, {"B", ""}, {"vary", "yy"}, {"C", "3"}};
  EXPECT_EQ(headers.wire(), "A: 1\r\nVary: x\r\nB: \r\nvary: yy\r\nC: 3\r\n");
  headers.set("VARY", "z");
  EXPECT_EQ(headers.wire(), "A: 1\r\nB: \r\nC: 3\r\nVARY: z\r\n");
  EXPECT_EQ(headers.get("a"), "1");
  EXPECT_EQ(headers.find("b"), "");
  EXPECT_EQ(headers.get("c"), "3");
  EXPECT_EQ(headers.get("vary"), "z");
  std::string seen;
  for (const auto& [name, value] : headers) seen.append(name).append("=").append(value).append(";");
  EXPECT_EQ(seen, "A=1;B=;C=3;VARY=z;");
  headers.erase("a");
  headers.erase("c");
  EXPECT_EQ(headers.wire(), "B: \r\nVARY: z\r\n");
  EXPECT_EQ(headers.size(), 2u);
}

TEST(Headers, FindTokensInLists) {
  const Headers headers{{"Connection", "keep-alive , Upgrade"}, {"Connection", "x"}};
  EXPECT_TRUE(headers.has_token("connection", "upgrade"));
  EXPECT_TRUE(headers.has_token("connection", "X"));
  EXPECT_FALSE(headers.has_token("connection", "up"));
}

TEST(Headers, ReadCookies) {
  const Headers headers{{"Cookie", "a=1; phx_session=tok=en"}};
  EXPECT_EQ(cookie(headers, "phx_session"), "tok=en");
  EXPECT_EQ(cookie(headers, "session"), std::nullopt);
}

TEST(Http, KnowsTokensAndValues) {
  EXPECT_TRUE(is_token("X-Request-Id"));
  EXPECT_FALSE(is_token("a b"));
  EXPECT_FALSE(is_token(""));
  EXPECT_TRUE(is_field_value("a\tb \xc3\xa9"));
  EXPECT_FALSE(is_field_value("a\r\nSet-Cookie: x"));
  EXPECT_FALSE(is_field_value(std::string_view("\0", 1)));
}

TEST(Http, ErrorsBecomeJson) {
  const auto response = error_response(Error(Code::kRateLimited, "limit.reached", "Say \"please\".")
                                           .with_field("input.name")
                                           .with_retry_after(std::chrono::milliseconds(1200)));
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.headers.get("Retry-After"), "2");
  EXPECT_EQ(response.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(
      response.body_text(),
      R"({"error":{"code":"RATE_LIMITED","reason":"limit.reached","message":"Say \"please\".","field":"input.name"}})");
  EXPECT_EQ(error_response(not_found("x.y", "z"), 410).status, 410);
}

TEST(Http, ErrorsKeepTheirInternals) {
  const auto response = error_response(internal_error("a.b", "password=hunter2"));
  EXPECT_EQ(response.body_text().find("hunter2"), std::string_view::npos);
}

}  // namespace
}  // namespace phx::net
