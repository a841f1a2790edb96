#pragma once
/// UUIDs, RFC 9562. New ids are version 7: time-ordered, so that they index well. They are keys, never an order of
/// events (two writers' clocks differ).

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace phx {

class Clock;
class Random;

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;
  bool is_nil() const { return *this == Uuid{}; }
  /// 36 lower-case characters, 8-4-4-4-12.
  std::string to_string() const;
  /// Accepts the 36-character form in either case; anything else is kInvalidArgument, reason "uuid.malformed".
  static Result<Uuid> parse(std::string_view text);
};

/// Makes UUIDv7s: 48 bits of Unix milliseconds, then random bits. Monotonic within one source, even when the clock
/// steps back (RFC 9562 section 6.2, method 3 on the sub-millisecond field).
class UuidSource {
 public:
  UuidSource(const Clock& clock, Random& random) : clock_(clock), random_(random) {}
  Uuid next();

 private:
  const Clock& clock_;
  Random& random_;
  std::uint64_t last_ = 0;  // milliseconds << 12 | 12-bit counter
};

}  // namespace phx

template <>
struct std::hash<phx::Uuid> {
  std::size_t operator()(const phx::Uuid& id) const noexcept {
    std::uint64_t low = 0;
    for (int i = 8; i < 16; ++i) low = low << 8 | id.bytes[static_cast<std::size_t>(i)];
    return static_cast<std::size_t>(low * 0x9e3779b97f4a7c15ULL);
  }
};
