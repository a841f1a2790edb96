#pragma once
/// How long to wait before the next attempt: exponential with a cap, and jitter so that what failed together does not
/// come back together. Pure: the same Random gives the same delays.

#include <cstdint>

#include "base/clock.hpp"

namespace phx {
class Random;
}

namespace phx::engine {

struct Backoff {
  Duration first = std::chrono::seconds(1);
  Duration cap = std::chrono::minutes(1);
};

/// After the `attempt`-th failure (from 1): uniform in [d/2, d] with d = min(cap, first * 2^(attempt-1)).
Duration backoff_delay(const Backoff& backoff, std::int64_t attempt, Random& random);

}  // namespace phx::engine
