#include "api/rate_limit.hpp"

#include <gtest/gtest.h>

#include "base/metrics.hpp"
#include "base/random.hpp"

namespace phx::api {
namespace {

using namespace std::chrono_literals;

TEST(Gcra, GivesTheBurstAndThenExactlyTheRate) {
  const RateLimit limit{60, 1min, 5};
  Duration number{0};
  Duration now = 10h;
  for (int i = 0; i < 5; ++i) {
    const auto step = gcra(limit, number, now);
    ASSERT_TRUE(step.admitted) << i;
    EXPECT_EQ(step.remaining, 4 - i);
    EXPECT_EQ(step.reset, std::chrono::seconds(i + 1));
    number = step.theoretical_arrival;
  }
  const auto refused = gcra(limit, number, now);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.retry_after, 1s);
  EXPECT_EQ(refused.theoretical_arrival, number) << "a refusal costs nothing";
  EXPECT_FALSE(gcra(limit, number, now + 1s - 1us).admitted);
  EXPECT_TRUE(gcra(limit, number, now + 1s).admitted) << "Retry-After is exact";
  EXPECT_EQ(gcra(limit, number, now + 1h).remaining, 4) << "no more than the burst is ever saved up";
}

TEST(Gcra, NeverLetsMoreThroughThanBurstPlusRateWhateverTheMoments) {
  const RateLimit limit{100, 1min, 20};
  SeededRandom random(7);
  for (int round = 0; round < 200; ++round) {
    Duration number{0};
    Duration now{1h};
    const Duration begin = now;
    std::int64_t admitted = 0;
    for (int i = 0; i < 2'000; ++i) {
      now += Duration(random.below(400'000));
      const auto step = gcra(limit, number, now);
      number = step.theoretical_arrival;
      admitted += step.admitted;
      ASSERT_LE(admitted, limit.burst + (now - begin) / (limit.period / limit.count));
      if (!step.admitted) ASSERT_TRUE(gcra(limit, number, now + step.retry_after).admitted);
    }
    // Whoever asks all the time gets the whole rate, within 1 %.
    ASSERT_GE(static_cast<double>(admitted) * 1.01,
              static_cast<double>(limit.burst + (now - begin) / (limit.period / limit.count)) * 0.99 - 1);
  }
}

struct Limiter : ::testing::Test {
  bool ask(std::string address, std::optional<int> user = std::nullopt, bool local = false) {
    net::Request request;
    request.peer.address = std::move(address);
    request.peer.local = local;
    Principal principal;
    if (user) {
      principal.kind = PrincipalKind::kUser;
      principal.user_id.bytes[15] = static_cast<std::uint8_t>(*user);
    }
    const auto decision = limiter.admit(request, principal);
    return !decision || decision->admitted;
  }
  int spend(const std::string& address, std::optional<int> user = std::nullopt) {
    int n = 0;
    while (n < 1000 && ask(address, user)) ++n;
    return n;
  }
  ManualClock clock{Instant(std::chrono::sys_days{std::chrono::year(2030) / 1 / 1})};
  Metrics metrics;
  InProcessRateLimiter limiter{clock, metrics, {.anonymous = {6, 1min, 3}, .user = {60, 1h, 10}, .max_keys = 4}};
};

TEST_F(Limiter, CountsStrangersByAddressAndTheKnownByName) {
  EXPECT_EQ(spend("192.0.2.1"), 3);
  EXPECT_EQ(spend("192.0.2.2"), 3);
  EXPECT_EQ(spend("192.0.2.1", 1), 10) << "behind one address everybody has their own";
  EXPECT_EQ(spend("192.0.2.9", 1), 0) << "and takes it along";
  clock.advance(10s);
  EXPECT_EQ(spend("192.0.2.1"), 1);
  clock.advance(1h);
  EXPECT_EQ(spend("192.0.2.1", 1), 10);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(ask("", std::nullopt, true)) << "the machine itself";
}

TEST_F(Limiter, AnIpv6HouseholdIsOneAddress) {
  EXPECT_EQ(spend("2001:db8:1:2::1"), 3);
  EXPECT_EQ(spend("2001:db8:1:2:ffff::9"), 0);
  EXPECT_EQ(spend("2001:db8:1:3::1"), 3);
  EXPECT_EQ(spend("192.0.2.1"), 3);
  EXPECT_EQ(spend("::ffff:192.0.2.1"), 0);
}

TEST_F(Limiter, HoldsNoMoreKeysThanItMay) {
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(spend("192.0.2." + std::to_string(i)), 3);
  EXPECT_EQ(spend("192.0.2.5"), 3) << "newcomers share one key";
  EXPECT_EQ(spend("192.0.2.6"), 0);
  EXPECT_EQ(limiter.keys(), 5U);
  clock.advance(1min);
  EXPECT_EQ(spend("192.0.2.7"), 3) << "the old ones are forgotten once they are as good as new";
  EXPECT_LE(limiter.keys(), 4U);
}

}  // namespace
}  // namespace phx::api
