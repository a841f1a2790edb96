#pragma once
/// Lower bounds for scans over tables whose rows are deleted as fast as they come.
///
/// A deleted row stays in its index until nobody's snapshot can see it. With one old snapshot open, each claim would
/// walk over all rows deleted since (measured: 4,920 claims/s fall to 355/s in 70 s). A scan that begins at a bound
/// below which nothing live was found does not. A bound is a guess made from the past, so it is dropped now and then
/// and the scan begins at the very start: a row that was overlooked is found then. Pure; times are Clock::monotonic().

#include <cstdint>
#include <deque>
#include <limits>

#include "base/clock.hpp"

namespace phx::engine {

/// For a queue ordered by time. What was noted counts only after `slack`, since a transaction may commit later than
/// one that got a higher place.
class LowWater {
 public:
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();

  LowWater(Duration slack, Duration reset_every) : slack_(slack), reset_every_(reset_every) {}

  /// Where the next scan begins; kNone: at the very start.
  std::int64_t bound(Duration now);
  /// A scan found nothing that could be taken below `value`.
  void note(Duration now, std::int64_t value);
  void reset() { next_reset_ = Duration::min(); }

 private:
  struct Note {
    Duration at;
    std::int64_t value;
  };
  Duration slack_;
  Duration reset_every_;
  Duration next_reset_ = Duration::min();
  std::int64_t bound_ = kNone;
  std::deque<Note> notes_;  // rising in both
};

/// For the events' inbox, where order is a promise: the bound may pass an id only when no transaction that could still
/// bring a lower one is open. A scan is noted with its snapshot's xmax; it counts once a later snapshot's xmin has
/// reached that. A long open write holds the bound back (slower), never the events.
class InboxLowWater {
 public:
  explicit InboxLowWater(Duration reset_every) : reset_every_(reset_every) {}

  /// Ids at or below it need not be looked at.
  std::int64_t bound(Duration now);
  /// A scan moved everything it saw, up to `last_id`, under a snapshot of (xmin, xmax).
  void note(std::int64_t last_id, std::int64_t xmin, std::int64_t xmax);

 private:
  Duration reset_every_;
  Duration next_reset_ = Duration::min();
  std::int64_t bound_ = 0;
  std::int64_t candidate_ = 0;
  std::int64_t candidate_xmax_ = 0;
};

}  // namespace phx::engine
