#include "api/rate_limit.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "base/metrics.hpp"

namespace phx::api {
namespace {

/// Sweeping looks at every key, so it is not done for each newcomer.
constexpr Duration kSweepPause = std::chrono::seconds(1);

Counter& refused_counter(Metrics& metrics, const char* kind) {
  return metrics.counter("sankofa_api_rate_limited_total", "Requests refused by a rate limit", {{"kind", kind}});
}

}  // namespace

GcraStep gcra(const RateLimit& limit, Duration theoretical_arrival, Duration now) {
  const Duration interval = std::max(limit.period / limit.count, Duration(1));
  const Duration tolerance = interval * limit.burst;
  GcraStep step;
  const Duration arrival = std::max(theoretical_arrival, now) + interval;
  const Duration allowed_at = arrival - tolerance;
  step.admitted = now >= allowed_at;
  step.theoretical_arrival = step.admitted ? arrival : theoretical_arrival;
  if (step.admitted)
    step.remaining = (now - allowed_at) / interval;
  else
    step.retry_after = allowed_at - now;
  step.reset = std::max(step.theoretical_arrival - now, Duration(0));
  return step;
}

std::string address_key(std::string_view address) {
  boost::system::error_code failure;
  const auto parsed = boost::asio::ip::make_address(std::string(address), failure);
  if (failure || parsed.is_v4()) return std::string(address);
  const auto v6 = parsed.to_v6();
  if (v6.is_v4_mapped()) return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6).to_string();
  const auto bytes = v6.to_bytes();
  return std::string(bytes.begin(), bytes.begin() + 8);
}

InProcessRateLimiter::InProcessRateLimiter(const Clock& clock, Metrics& metrics, Options options)
    : clock_(clock),
      options_(options),
      refused_anonymous_(refused_counter(metrics, "address")),
      refused_user_(refused_counter(metrics, "user")) {}

std::optional<RateDecision> InProcessRateLimiter::admit(const net::Request& request, const Principal& principal) {
  if (request.peer.local) return std::nullopt;
  const bool known = principal.authenticated();
  const RateLimit& limit = known ? options_.user : options_.anonymous;
  const Duration now = clock_.monotonic();
  const auto& id = principal.user_id.bytes;
  const std::string key =
      room_for(known ? std::string("u").append(id.begin(), id.end()) : "a" + address_key(request.peer.address), now);
  auto& arrival = arrivals_[key];
  const GcraStep step = gcra(limit, arrival, now);
  arrival = step.theoretical_arrival;
  if (!step.admitted) (known ? refused_user_ : refused_anonymous_).add();
  return RateDecision{.admitted = step.admitted,
                      .policy = known ? "user" : "address",
                      .quota = limit.count,
                      .window = limit.period,
                      .remaining = step.remaining,
                      .retry_after = step.retry_after,
                      .reset = step.reset};
}

std::string InProcessRateLimiter::room_for(std::string key, Duration now) {
  if (arrivals_.size() < options_.max_keys || arrivals_.contains(key)) return key;
  // Whoever's number lies in the past is as good as new.
  if (now - swept_at_ >= kSweepPause) {
    swept_at_ = now;
    std::erase_if(arrivals_, [now](const auto& entry) { return entry.second <= now; });
  }
  return arrivals_.size() < options_.max_keys ? std::move(key) : std::string("newcomers");
}

}  // namespace phx::api
