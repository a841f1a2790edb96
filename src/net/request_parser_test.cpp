#include "net/request_parser.hpp"

#include <gtest/gtest.h>

namespace phx::net {
namespace {

struct Outcome {
  int refused = 0;  // status
  std::string reason;
  bool done = false;
  Request request;
};

/// Feeds the bytes in pieces of `step`, as a network might.
Outcome feed(std::string_view bytes, std::size_t step, const ServerLimits& limits = {}) {
  RequestParser parser(limits);
  Outcome outcome;
  std::string pending;
  const auto refused = [&](const Refusal& refusal) {
    outcome.refused = refusal.status;
    outcome.reason = refusal.error.reason();
    return outcome;
  };
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    pending += piece;
    if (!parser.header_done()) {
      const auto consumed = parser.read_header(pending);
      if (!consumed) return refused(consumed.error());
      pending.erase(0, *consumed);
      if (!parser.header_done()) continue;
    }
    while (!parser.done()) {
      const auto consumed = parser.read_body(pending);
      if (!consumed) return refused(consumed.error());
      if (*consumed == 0) break;
      pending.erase(0, *consumed);
    }
    if (parser.done()) break;
  }
  outcome.done = parser.done();
  outcome.request = parser.take();
  return outcome;
}

Outcome feed_all_ways(std::string_view bytes, const ServerLimits& limits = {}) {
  auto whole = feed(bytes, bytes.size(), limits);
  for (const std::size_t step : {1, 2, 3, 7}) {
    const auto other = feed(bytes, step, limits);
    EXPECT_EQ(other.refused, whole.refused) << bytes << " in steps of " << step;
    EXPECT_EQ(other.reason, whole.reason) << bytes << " in steps of " << step;
    EXPECT_EQ(other.done, whole.done) << bytes << " in steps of " << step;
    EXPECT_EQ(other.request.body, whole.request.body) << bytes << " in steps of " << step;
  }
  return whole;
}

TEST(RequestParser, ReadsARequestInAnyPieces) {
  const auto outcome =
      feed_all_ways("POST /vm%201/x?a=1&b HTTP/1.1\r\nHost: h\r\nX-A:  padded \r\nContent-Length: 5\r\n\r\nhello");
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.request.method, "POST");
  EXPECT_EQ(outcome.request.path, "/vm 1/x");
  EXPECT_EQ(outcome.request.query, "a=1&b");
  EXPECT_EQ(outcome.request.target, "/vm%201/x?a=1&b");
  EXPECT_EQ(outcome.request.headers.get("x-a"), "padded");
  EXPECT_EQ(outcome.request.body, "hello");
}

TEST(RequestParser, ReadsABodyOfNothingButTheLastChunk) {
  // In steps of 1 and 3 the last chunk's line comes without the empty line after it: Beast by itself would abort.
  for (const std::string_view body : {"0\r\n\r\n", "00\r\n\r\n", "0;x=1\r\n\r\n", "0\r\nX-Trailer: 1\r\n\r\n"}) {
    const auto outcome =
        feed_all_ways("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body));
    EXPECT_TRUE(outcome.done) << body;
    EXPECT_EQ(outcome.request.body, "") << body;
  }
}

TEST(RequestParser, ReadsChunksAndDropsTrailers) {
  const auto outcome = feed_all_ways(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3;ext=\"1\"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Admin: yes\r\nHost: evil\r\n\r\n");
  ASSERT_TRUE(outcome.done);
  EXPECT_EQ(outcome.request.body, "abc0123456789");
  EXPECT_FALSE(outcome.request.headers.contains("X-Admin"));
  EXPECT_EQ(outcome.request.headers.get("Host"), "h");
}

TEST(RequestParser, AcceptsTheFormsOfTargets) {
  EXPECT_EQ(feed_all_ways("GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n").request.path, "/a");
  EXPECT_EQ(feed_all_ways("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n").request.path, "/");
  EXPECT_EQ(feed_all_ways("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").request.path, "*");
  EXPECT_EQ(feed_all_ways("GET / HTTP/1.0\r\n\r\n").request.version, 10);
  EXPECT_TRUE(feed_all_ways("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").done);
}

struct Bad {
  const char* name;
  std::string bytes;
  int status;
  const char* reason;
};

class RefusedTest : public testing::TestWithParam<Bad> {};

TEST_P(RefusedTest, IsRefused) {
  const auto outcome = feed_all_ways(GetParam().bytes);
  EXPECT_EQ(outcome.refused, GetParam().status);
  EXPECT_EQ(outcome.reason, GetParam().reason);
}

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n";
const std::string kPost = "POST / HTTP/1.1\r\nHost: h\r\n";

INSTANTIATE_TEST_SUITE_P(
    Smuggling, RefusedTest,
    testing::Values(
        Bad{"LengthThenChunked", kPost + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
            "http.ambiguous_length"},
        Bad{"ChunkedThenLength", kPost + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400,
            "http.ambiguous_length"},
        Bad{"UnknownCodingAndLength", kPost + "Transfer-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", 400,
            "http.ambiguous_length"},
        Bad{"TwoLengths", kPost + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400, "http.ambiguous_length"},
        Bad{"TwoEqualLengths", kPost + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400,
            "http.ambiguous_length"},
        Bad{"ListOfLengths", kPost + "Content-Length: 4, 4\r\n\r\nabcd", 400, "http.ambiguous_length"},
        Bad{"SignedLength", kPost + "Content-Length: +4\r\n\r\nabcd", 400, "http.ambiguous_length"},
        Bad{"HexLength", kPost + "Content-Length: 0x4\r\n\r\nabcd", 400, "http.ambiguous_length"},
        Bad{"EmptyLength", kPost + "Content-Length: \r\n\r\n", 400, "http.ambiguous_length"},
        Bad{"HugeLength", kPost + "Content-Length: 99999999999999999999999\r\n\r\n", 400, "http.ambiguous_length"},
        Bad{"TwoCodings", kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
            "http.ambiguous_length"},
        Bad{"CodingList", kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "http.transfer_encoding"},
        Bad{"HiddenCoding", kPost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, "http.transfer_encoding"},
        Bad{"CodingInOldVersion", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
            "http.ambiguous_length"},
        Bad{"SpaceBeforeColon", kPost + "Content-Length : 4\r\n\r\nabcd", 400, "http.bad_header"},
        Bad{"FoldedHeader", kGet + "X-A: 1\r\n Content-Length: 4\r\n\r\n", 400, "http.folded_header"},
        Bad{"FoldedByTab", kGet + "X-A: 1\r\n\tmore\r\n\r\n", 400, "http.folded_header"},
        Bad{"BareLineFeed", "GET / HTTP/1.1\nHost: h\n\n", 400, "http.bare_lf"},
        Bad{"BareLineFeedInside", kGet + "X-A: 1\nX-B: 2\r\n\r\n", 400, "http.bare_lf"},
        Bad{"BareCarriageReturn", kGet + "X-A: 1\rX-B: 2\r\n\r\n", 400, "http.bare_cr"},
        Bad{"ChunkSizeWithSign", kPost + "Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n", 400,
            "http.malformed"},
        Bad{"ChunkWithoutEnd", kPost + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400,
            "http.malformed"},
        Bad{"ChunkOverflow", kPost + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n", 400,
            "http.malformed"}),
    [](const auto& each) { return each.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Malformed, RefusedTest,
    testing::Values(Bad{"NoHost", "GET / HTTP/1.1\r\nX: y\r\n\r\n", 400, "http.host"},
                    Bad{"TwoHosts", kGet + "Host: i\r\n\r\n", 400, "http.host"},
                    Bad{"Nul", kGet + std::string("X-A: a\0b\r\n\r\n", 12), 400, "http.nul"},
                    Bad{"NoColon", kGet + "nonsense\r\n\r\n", 400, "http.bad_header"},
                    Bad{"EmptyName", kGet + ": x\r\n\r\n", 400, "http.bad_header"},
                    Bad{"OddName", kGet + "X(A): x\r\n\r\n", 400, "http.bad_header"},
                    Bad{"NewVersion", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, "http.version"},
                    Bad{"NotHttp", "\x16\x03\x01 hello\r\n\r\n", 400, "http.malformed"},
                    Bad{"BadEscape", "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400, "http.bad_target"},
                    Bad{"EscapedNul", "GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "http.bad_target"},
                    Bad{"EscapedNewline", "GET /a%0d%0ab HTTP/1.1\r\nHost: h\r\n\r\n", 400, "http.bad_target"},
                    Bad{"Fragment", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "http.bad_target"},
                    Bad{"Relative", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400, "http.bad_target"},
                    Bad{"OtherScheme", "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, "http.bad_target"},
                    Bad{"StarGet", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400, "http.bad_target"},
                    Bad{"Connect", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501, "http.connect"},
                    Bad{"Expectation", kPost + "Expect: magic\r\nContent-Length: 1\r\n\r\na", 417, "http.expectation"},
                    Bad{"TooManyEmptyLines", "\r\n\r\n\r\n\r\n\r\n\r\n" + kGet + "\r\n", 400, "http.malformed"}),
    [](const auto& each) { return each.param.name; });

TEST(RequestParser, EnforcesItsLimits) {
  ServerLimits limits;
  limits.max_target_bytes = 64;
  limits.max_header_bytes = 256;
  limits.max_headers = 4;
  limits.max_body_bytes = 10;
  const auto status = [&](const std::string& bytes) { return feed_all_ways(bytes, limits).refused; };
  EXPECT_EQ(status("GET /" + std::string(100, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n"), 414);
  EXPECT_EQ(status("GET /" + std::string(100, 'a')), 414) << "also before the line ends";
  const std::string just = "GET /" + std::string(50, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(status(just), 0) << "64 bytes are as long as it may be, also when LF comes after CR";
  EXPECT_EQ(status("GET /a" + just.substr(5)), 414);
  EXPECT_EQ(status(kGet + "X: " + std::string(300, 'a') + "\r\n\r\n"), 431);
  EXPECT_EQ(status(kGet + "X: " + std::string(300, 'a')), 431) << "also before the line ends";
  EXPECT_EQ(status(kGet + "A: 1\r\nB: 1\r\nC: 1\r\n\r\n"), 0);
  EXPECT_EQ(status(kGet + "A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n"), 431);
  EXPECT_EQ(status(kPost + "Content-Length: 10\r\n\r\n0123456789"), 0);
  EXPECT_EQ(status(kPost + "Content-Length: 11\r\n\r\n"), 413) << "before the body comes";
  EXPECT_EQ(status(kPost + "Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n"), 413);
}

TEST(RequestParser, AsksForContinueOnlyWhenABodyComes) {
  const ServerLimits limits;
  const auto asks = [&](const std::string& bytes) {
    RequestParser parser(limits);
    EXPECT_TRUE(parser.read_header(bytes));
    return parser.wants_continue();
  };
  EXPECT_TRUE(asks(kPost + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
  EXPECT_FALSE(asks(kGet + "Expect: 100-continue\r\n\r\n"));
  EXPECT_FALSE(asks("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
}

}  // namespace
}  // namespace phx::net
