#include "base/random.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/crypto.hpp"

namespace phx {

std::uint64_t Random::next_u64() {
  std::array<std::uint8_t, 8> bytes{};
  fill(bytes);
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::uint64_t Random::below(std::uint64_t bound) {
  // Rejection keeps it uniform: drop the incomplete last stretch of the 64-bit range.
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t value = next_u64();
  while (value >= limit) value = next_u64();
  return value % bound;
}

std::string Random::token(std::size_t bytes) {
  std::string raw(bytes, '\0');
  fill(std::span(reinterpret_cast<std::uint8_t*>(raw.data()), raw.size()));
  return base64url_encode(raw);
}

namespace {

void ask_kernel(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) std::abort();  // no entropy source: nothing that follows could be safe
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace

void SystemRandom::fill(std::span<std::uint8_t> out) {
  // Each id needs a few bytes, and each request an id: the kernel is asked for many of them at a time. What was handed
  // out is forgotten. Secrets are longer, and come straight from the kernel.
  constexpr std::size_t kSmall = 16;
  thread_local std::array<std::uint8_t, 64 * kSmall> stock{};
  thread_local std::size_t left = 0;
  if (out.size() > kSmall) return ask_kernel(out);
  if (left < out.size()) {
    ask_kernel(stock);
    left = stock.size();
  }
  std::uint8_t* const from = stock.data() + (left - out.size());
  std::memcpy(out.data(), from, out.size());
  std::memset(from, 0, out.size());
  left -= out.size();
}

void SeededRandom::fill(std::span<std::uint8_t> out) {
  std::size_t at = 0;
  while (at < out.size()) {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
    for (int i = 0; i < 8 && at < out.size(); ++i, z >>= 8) out[at++] = static_cast<std::uint8_t>(z);
  }
}

}  // namespace phx
