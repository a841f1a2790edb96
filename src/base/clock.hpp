#pragma once
/// Time is injected. Instants are UTC with microseconds, as in PostgreSQL; a time zone appears only in displays.

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace phx {

using Instant = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;
using Duration = std::chrono::microseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  /// Wall clock, UTC.
  virtual Instant now() const = 0;
  /// Monotonic; for measuring and for leases judged locally. Its zero has no meaning.
  virtual Duration monotonic() const = 0;
};

class SystemClock final : public Clock {
 public:
  Instant now() const override;
  Duration monotonic() const override;
};

/// A clock that moves only when told.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Instant start) : now_(start) {}
  Instant now() const override { return now_; }
  Duration monotonic() const override { return monotonic_; }
  void advance(Duration by) {
    now_ += by;
    monotonic_ += by;
  }
  /// Moves the wall clock alone, as an operator or NTP would.
  void step_wall(Duration by) { now_ += by; }

 private:
  Instant now_;
  Duration monotonic_{0};
};

/// RFC 3339 in UTC with 'Z'; fraction only when not zero, 3 or 6 digits.
std::string format_instant(Instant at);
/// RFC 3339 with any offset and up to 9 fraction digits (truncated to microseconds); reason "time.malformed".
Result<Instant> parse_instant(std::string_view text);
/// "4m 12s", "3h 05m", "2d 4h": for people.
std::string format_duration(Duration span);

}  // namespace phx
