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

/// Whether one of eight bytes must be escaped: not 0 then. Subtracting borrows from the top bit of a byte that is less,
/// unless that was set already.
std::uint64_t escaped_among(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  const auto any_below = [](std::uint64_t of, std::uint64_t limit) { return (of - kOnes * limit) & ~of; };
  return (any_below(bytes, 0x20) | any_below(bytes ^ kOnes * '"', 1) | any_below(bytes ^ kOnes * '\\', 1)) &
         kOnes * 0x80;
}

template <class Word>
std::uint64_t load(const char* from) {
  Word word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

/// Nothing in the text must be escaped, as in nearly all: eight bytes at a time, and what is left in one look, too.
bool is_plain(std::string_view text) {
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t found = 0;
  for (; left >= 8; at += 8, left -= 8) found |= escaped_among(load<std::uint64_t>(at));
  if (left >= 4)
    found |= escaped_among(load<std::uint32_t>(at) | load<std::uint32_t>(at + left - 4) << 32);
  else if (left > 0)
    found |= escaped_among(0x2020202020000000 | load<std::uint8_t>(at) | load<std::uint8_t>(at + left / 2) << 8 |
                           load<std::uint8_t>(at + left - 1) << 16);
  return found == 0;
}

}  // namespace

void JsonText::grow(std::size_t bytes) {
  // The string keeps what it reserved, and doubles beyond that; this much of it is cleared at a time.
  constexpr std::size_t kStep = 1024;
  out_.resize(size_ + std::max(bytes, kStep));
}

void JsonText::string(std::string_view text) {
  if (is_plain(text)) {
    char* at = room(text.size() + 2);
    *at++ = '"';
    at = std::copy_n(text.data(), text.size(), at);
    *at++ = '"';
    wrote(at);
    return;
  }
  *this += '"';
  while (!text.empty()) {
    // A piece at a time, so that a long text does not ask for the six bytes that each of its own could become.
    const std::string_view piece = text.substr(0, 256);
    text.remove_prefix(piece.size());
    char* at = room(6 * piece.size());
    for (const char c : piece) {
      const auto byte = static_cast<unsigned char>(c);
      const char escape = kEscapes[byte];
      if (escape == 0) {
        *at++ = c;
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
  }
  *this += '"';
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
