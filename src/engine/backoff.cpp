#include "engine/backoff.hpp"

#include <algorithm>

#include "base/random.hpp"

namespace phx::engine {

Duration backoff_delay(const Backoff& backoff, std::int64_t attempt, Random& random) {
  Duration delay = std::min(backoff.first, backoff.cap);
  for (std::int64_t i = 1; i < attempt && delay < backoff.cap; ++i) delay = std::min(delay * 2, backoff.cap);
  const auto half = delay.count() / 2;
  return Duration(delay.count() - half) +
         Duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(half) + 1)));
}

}  // namespace phx::engine
