#include <gtest/gtest.h>

#include <set>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "base/uuid.hpp"

namespace phx {
namespace {

using namespace std::chrono_literals;

TEST(Uuid, RoundTripsAndRefusesEverythingElse) {
  const std::string text = "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b";
  EXPECT_EQ(Uuid::parse(text)->to_string(), text);
  EXPECT_EQ(Uuid::parse("0190A1B2-C3D4-7E5F-8A6B-7C8D9E0F1A2B")->to_string(), text);
  for (const char* bad : {"", "0190a1b2c3d47e5f8a6b7c8d9e0f1a2b", "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2g",
                          "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b ", "{0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b}"})
    EXPECT_EQ(Uuid::parse(bad).error().reason(), "uuid.malformed") << bad;
}

TEST(Uuid, VersionSevenIsOrderedEvenWhenTheClockStepsBack) {
  ManualClock clock(Instant(1'700'000'000s));
  SeededRandom random(7);
  UuidSource source(clock, random);
  Uuid last;
  for (int i = 0; i < 10'000; ++i) {
    if (i == 5'000) clock.step_wall(-1h);
    const Uuid id = source.next();
    ASSERT_LT(last, id);
    ASSERT_EQ(id.bytes[6] >> 4, 7);
    ASSERT_EQ(id.bytes[8] >> 6, 2);
    last = id;
  }
}

TEST(Time, FormatsAndParses) {
  EXPECT_EQ(format_instant(Instant(0s)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_instant(Instant(1'234'567'890'123'456us)), "2009-02-13T23:31:30.123456Z");
  EXPECT_EQ(format_instant(Instant(1500ms)), "1970-01-01T00:00:01.500Z");
  EXPECT_EQ(format_instant(Instant(-1us)), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(*parse_instant("2009-02-13T23:31:30.123456789Z"), Instant(1'234'567'890'123'456us));
  EXPECT_EQ(*parse_instant("2009-02-14T01:31:30+02:00"), Instant(1'234'567'890s));
  EXPECT_EQ(format_instant(*parse_instant("9999-12-31T23:59:59.999999Z")), "9999-12-31T23:59:59.999999Z");
  for (const char* bad : {"", "2009-02-30T00:00:00Z", "2009-02-13", "2009-02-13T25:00:00Z", "2009-02-13T23:31:30",
                          "2009-02-13T23:31:30.Z", "2009-02-13T23:31:30Zjunk", "2009-02-13T23:31:30+2:00",
                          "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"})
    EXPECT_FALSE(parse_instant(bad)) << bad;
  EXPECT_EQ(format_duration(252s), "4m 12s");
  EXPECT_EQ(format_duration(-61s), "-1m 01s");
}

TEST(Base64url, RoundTripsAndHasOneSpellingPerValue) {
  SeededRandom random(3);
  for (std::size_t size = 0; size < 70; ++size) {
    std::string bytes(size, '\0');
    random.fill(std::span(reinterpret_cast<std::uint8_t*>(bytes.data()), size));
    EXPECT_EQ(*base64url_decode(base64url_encode(bytes)), bytes);
  }
  EXPECT_EQ(base64url_encode("f"), "Zg");
  EXPECT_FALSE(base64url_decode("Zh")) << "set bits beyond the last byte";
  EXPECT_FALSE(base64url_decode("Z"));
  EXPECT_FALSE(base64url_decode("Zg=="));
}

// RFC 4231 test case 2, FIPS 180-2 "abc".
TEST(Crypto, KnownAnswers) {
  EXPECT_EQ(hex_encode(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  // The context of the last key is kept: neither it nor another key's may show.
  const std::string first = hmac_sha256("Jefe", "what do ya want for nothing?");
  EXPECT_NE(hmac_sha256("Jefe", "another"), first);
  EXPECT_NE(hmac_sha256("jefe", "what do ya want for nothing?"), first);
  EXPECT_EQ(hmac_sha256("Jefe", "what do ya want for nothing?"), first);
  EXPECT_EQ(hex_encode(hmac_sha256("", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  EXPECT_TRUE(constant_time_equal("same", "same"));
  EXPECT_FALSE(constant_time_equal("same", "sane"));
  EXPECT_FALSE(constant_time_equal("same", "samea"));
}

// RFC 5297 appendix A.1.
TEST(Crypto, SealsAsTheRfcSays) {
  const auto bytes = [](std::string_view hex) {
    std::string out;
    for (std::size_t i = 0; i < hex.size(); i += 2)
      out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return out;
  };
  const std::string key = bytes("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  const std::string associated = bytes("101112131415161718191a1b1c1d1e1f2021222324252627");
  const std::string plain = bytes("112233445566778899aabbccddee");
  const std::string sealed = siv_seal(key, associated, plain);
  EXPECT_EQ(hex_encode(sealed), "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c");
  EXPECT_EQ(siv_open(key, associated, sealed), plain);
  EXPECT_FALSE(siv_open(key, "another purpose", sealed));
  EXPECT_FALSE(siv_open(std::string(32, 'k'), associated, sealed));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(siv_open(key, associated, changed)) << i;
  }
  for (const std::size_t size : {0, 1, 16}) EXPECT_FALSE(siv_open(key, associated, sealed.substr(0, size)));
  EXPECT_THROW(siv_seal("short", associated, plain), std::logic_error);
}

TEST(Random, IsUniformAndRepeats) {
  SeededRandom a(42), b(42);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 200; ++i) {
    const auto value = a.below(7);
    EXPECT_EQ(value, b.below(7));
    seen.insert(value);
  }
  EXPECT_EQ(seen.size(), 7u);
  SystemRandom system;
  EXPECT_NE(system.token(32), system.token(32));
  EXPECT_EQ(system.token(32).size(), 43u);
}

// Every code the design names has its GraphQL code, and no code is left without a status.
TEST(Errors, EveryCodeMaps) {
  std::set<std::string_view> graphql;
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    const auto& info = code_info(static_cast<Code>(i));
    graphql.insert(info.graphql_code);
    EXPECT_GE(info.http_status, 400);
  }
  const std::set<std::string_view> wanted{"UNAUTHENTICATED",  "FORBIDDEN",    "NOT_FOUND",
                                          "VALIDATION_ERROR", "SERVER_ERROR", "RATE_LIMITED",
                                          "MFA_REQUIRED",     "CONFLICT",     "QUOTA_EXCEEDED"};
  EXPECT_EQ(graphql, wanted);
}

TEST(Metrics, RenderWhatWasCounted) {
  Metrics metrics;
  metrics.counter("sankofa_test_things_total", "Things", {{"kind", "a"}}).add(2);
  metrics.counter("sankofa_test_things_total", "Things", {{"kind", "a"}}).add();
  metrics.latency("http_request_duration_seconds", "Requests", {{"route", "/x"}}).observe(0.003);
  const std::string text = metrics.render();
  EXPECT_NE(text.find("sankofa_test_things_total{kind=\"a\"} 3"), std::string::npos) << text;
  EXPECT_NE(text.find("http_request_duration_seconds_bucket{route=\"/x\",le=\"0.005\"} 1"), std::string::npos) << text;
}

}  // namespace
}  // namespace phx
