#pragma once
/// Randomness is injected: the system's for the product, seeded for simulation.

#include <cstdint>
#include <span>
#include <string>

namespace phx {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;
  std::uint64_t next_u64();
  /// Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  /// True with probability numerator/denominator.
  bool chance(std::uint64_t numerator, std::uint64_t denominator) { return below(denominator) < numerator; }
  /// URL-safe text carrying `bytes` random bytes, for tokens.
  std::string token(std::size_t bytes);
};

/// getrandom(2). Safe for secrets.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

/// SplitMix64: the same seed gives the same run. Never for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t state_;
};

}  // namespace phx
