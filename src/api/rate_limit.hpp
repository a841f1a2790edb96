#pragma once
/// Rate limits by GCRA (the generic cell rate algorithm, ITU-T I.371): one number a key, exact, without windows whose
/// edges let twice the rate through. A caller may spend `burst` at once and `count` in each `period` after that.
///
/// gcra() is pure. InProcessRateLimiter keeps its numbers in this process: who calls without a proof is counted by
/// address (IPv6 by its /64), who has one by user. The local socket is not limited. Its memory is bounded: when there
/// is no room for one more key, newcomers share one.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "api/middleware.hpp"
#include "base/clock.hpp"

namespace phx {
class Counter;
class Metrics;
}  // namespace phx

namespace phx::api {

struct RateLimit {
  std::int64_t count = 100;
  Duration period = std::chrono::minutes(1);
  std::int64_t burst = 100;
};

struct GcraStep {
  bool admitted = false;
  /// The key's number after this request; unchanged when it was refused.
  Duration theoretical_arrival{0};
  std::int64_t remaining = 0;
  Duration retry_after{0};  ///< when refused
  Duration reset{0};        ///< until the whole burst is there again
};

/// One request at `now` by somebody whose number is `theoretical_arrival` (0: a newcomer).
GcraStep gcra(const RateLimit& limit, Duration theoretical_arrival, Duration now);

/// "192.0.2.7" as it is, IPv6 by its first 64 bits, IPv4 in IPv6 as IPv4.
std::string address_key(std::string_view address);

class InProcessRateLimiter final : public RateLimiter {
 public:
  struct Options {
    RateLimit anonymous{100, std::chrono::minutes(1), 100};
    RateLimit user{1'000, std::chrono::hours(1), 1'000};
    std::size_t max_keys = 100'000;
  };
  InProcessRateLimiter(const Clock& clock, Metrics& metrics, Options options);

  std::optional<RateDecision> admit(const net::Request& request, const Principal& principal) override;
  std::size_t keys() const { return arrivals_.size(); }

 private:
  /// The key itself, or the one that newcomers share when there is no room.
  std::string room_for(std::string key, Duration now);

  const Clock& clock_;
  Options options_;
  /// Theoretical arrival by key, on the monotonic clock.
  std::unordered_map<std::string, Duration> arrivals_;
  Duration swept_at_{0};
  Counter& refused_anonymous_;
  Counter& refused_user_;
};

}  // namespace phx::api
