#include "net/url.hpp"

#include <gtest/gtest.h>

namespace phx::net {
namespace {

TEST(Url, DecodesAndEncodesPercents) {
  EXPECT_EQ(percent_decode("a%20b%2Fc").value(), "a b/c");
  EXPECT_EQ(percent_encode("a b/ü~"), "a%20b%2F%C3%BC~");
  EXPECT_EQ(percent_decode(percent_encode("\x01\xff%")).value(), "\x01\xff%");
  for (const char* broken : {"%", "%2", "%zz", "a%2"}) {
    const auto decoded = percent_decode(broken);
    ASSERT_FALSE(decoded) << broken;
    EXPECT_EQ(decoded.error().reason(), "url.malformed");
  }
}

TEST(Url, ParsesQueries) {
  const auto parameters = parse_query("a=1&b=x+y%21&&flag&aa=2").value();
  ASSERT_EQ(parameters.size(), 4u);
  EXPECT_EQ(query_value(parameters, "a"), "1");
  EXPECT_EQ(query_value(parameters, "b"), "x y!");
  EXPECT_EQ(query_value(parameters, "flag"), "");
  EXPECT_EQ(query_value(parameters, "none"), std::nullopt);
  EXPECT_FALSE(parse_query("a=%x"));
  for (const char* twice : {"a=1&a=2", "a=1&b&a=1", "a&%61"})
    EXPECT_EQ(parse_query(twice).error().reason(), "url.repeated_parameter") << twice;
}

TEST(Url, ParsesAbsoluteUrls) {
  const auto plain = parse_url("HTTP://example.org/a?b=1#c").value();
  EXPECT_EQ(plain.scheme, "http");
  EXPECT_EQ(plain.port, 80);
  EXPECT_EQ(plain.target, "/a?b=1");
  EXPECT_EQ(plain.authority(), "example.org");
  const auto six = parse_url("wss://[::1]:8443?x").value();
  EXPECT_EQ(six.host, "::1");
  EXPECT_EQ(six.port, 8443);
  EXPECT_EQ(six.target, "/?x");
  EXPECT_EQ(six.authority(), "[::1]:8443");
  for (const char* bad : {"example.org", "ftp://x/", "http://", "http://a b/", "http://u:p@h/", "http://h:0/",
                          "http://h:99999/", "http://h:8x/", "http://[::1/", "http://h/\r\nX: y", "http://ho$t/"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

TEST(Url, JoinNeverLeavesTheFolder) {
  EXPECT_EQ(safe_join("/srv", "/a/b.txt"), "/srv/a/b.txt");
  EXPECT_EQ(safe_join("/srv", "a"), "/srv/a");
  for (const std::string_view bad : {"../x", "a/../../x", "a/..", "./a", "a//b", "//etc/passwd", "a\\..\\b"})
    EXPECT_FALSE(safe_join("/srv", bad)) << bad;
  EXPECT_FALSE(safe_join("/srv", std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace phx::net
