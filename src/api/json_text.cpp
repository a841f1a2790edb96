#include "api/json_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace phx::api {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

/// Two hexadecimal digits of each byte.
constexpr auto kHexPairs = [] {
  std::array<std::array<char, 2>, 256> out{};
  for (std::size_t byte = 0; byte < out.size(); ++byte) out[byte] = {kHex[byte >> 4], kHex[byte & 15]};
  return out;
}();

/// What stands after the backslash: 0 for bytes that are written as they are, 'u' for \u00XX.
constexpr auto kEscapes = [] {
  std::array<char, 256> out{};
  for (std::size_t byte = 0; byte < 0x20; ++byte) out[byte] = 'u';
  out['\n'] = 'n';
  out['\r'] = 'r';
  out['\t'] = 't';
  out['"'] = '"';
  out['\\'] = '\\';
  return out;
}();

/// None of the eight bytes must be escaped. Subtracting borrows from the top bit of a byte that is less, unless that
/// was set already.
bool is_plain(const char* eight) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, eight, sizeof bytes);
  const auto any_below = [](std::uint64_t of, std::uint64_t limit) { return (of - kOnes * limit) & ~of; };
  return ((any_below(bytes, 0x20) | any_below(bytes ^ kOnes * '"', 1) | any_below(bytes ^ kOnes * '\\', 1)) &
          kOnes * 0x80) == 0;
}

}  // namespace

void JsonText::grow(std::size_t bytes) {
  // The string keeps what it reserved, and doubles beyond that; this much of it is cleared at a time.
  constexpr std::size_t kStep = 1024;
  out_.resize(size_ + std::max(bytes, kStep));
}

void JsonText::string(std::string_view text) {
  // A piece at a time, so that a long text does not ask for the six bytes that each of its own could become.
  constexpr std::size_t kPiece = 256;
  char* at = room(1);
  *at++ = '"';
  wrote(at);
  do {
    const char* from = text.data();
    const char* const end = from + std::min(text.size(), kPiece);
    text.remove_prefix(static_cast<std::size_t>(end - from));
    at = room(6 * static_cast<std::size_t>(end - from) + 1);
    while (from != end) {
      // Nearly all texts have nothing to escape.
      if (end - from >= 8 && is_plain(from)) {
        at = std::copy_n(from, 8, at);
        from += 8;
        continue;
      }
      const auto byte = static_cast<unsigned char>(*from++);
      const char escape = kEscapes[byte];
      if (escape == 0) {
        *at++ = static_cast<char>(byte);
        continue;
      }
      *at++ = '\\';
      *at++ = escape;
      if (escape != 'u') continue;
      *at++ = '0';
      *at++ = '0';
      at = std::copy_n(kHexPairs[byte].data(), 2, at);
    }
    wrote(at);
  } while (!text.empty());
  *at++ = '"';
  wrote(at);
}

void JsonText::uuid(std::string_view bytes) {
  char* at = room(38);
  *at++ = '"';
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    std::memcpy(at, kHexPairs[static_cast<unsigned char>(bytes[i])].data(), 2);
    at += 2;
  }
  *at++ = '"';
  wrote(at);
}

}  // namespace phx::api
