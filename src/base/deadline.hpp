#pragma once
/// The moment after which nobody waits for an answer. A deadline travels with the request: HTTP request → GraphQL
/// execution → statement_timeout → call to a provider. It is monotonic, so stepping the wall clock does not move it.

#include <algorithm>
#include <chrono>

namespace phx {

class Deadline {
 public:
  using Steady = std::chrono::steady_clock;

  static Deadline after(std::chrono::milliseconds span) { return Deadline(Steady::now() + span); }
  static Deadline at(Steady::time_point when) { return Deadline(when); }
  /// For work that nobody waits for; still bounded by the server's own limits.
  static Deadline never() { return Deadline(Steady::time_point::max()); }

  Steady::time_point when() const { return when_; }
  bool is_never() const { return when_ == Steady::time_point::max(); }
  bool passed() const { return !is_never() && Steady::now() >= when_; }
  /// Not below zero; a year for never().
  std::chrono::milliseconds remaining() const {
    if (is_never()) return std::chrono::hours(24 * 365);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(when_ - Steady::now());
    return std::max(left, std::chrono::milliseconds(0));
  }
  /// The earlier of the two.
  Deadline within(std::chrono::milliseconds span) const { return Deadline(std::min(when_, Steady::now() + span)); }
  /// The later of the two.
  Deadline at_least(std::chrono::milliseconds span) const { return Deadline(std::max(when_, Steady::now() + span)); }

 private:
  explicit Deadline(Steady::time_point when) : when_(when) {}
  Steady::time_point when_;
};

/// Measures how long something takes.
class Stopwatch {
 public:
  std::chrono::microseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(Deadline::Steady::now() - began_);
  }
  double seconds() const { return std::chrono::duration<double>(elapsed()).count(); }

 private:
  Deadline::Steady::time_point began_ = Deadline::Steady::now();
};

}  // namespace phx
