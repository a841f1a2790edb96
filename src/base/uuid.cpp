#include "base/uuid.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace phx {
namespace {
constexpr char kHex[] = "0123456789abcdef";
constexpr std::array<int, 16> kOffset{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
}  // namespace

std::string Uuid::to_string() const {
  std::string out(36, '-');
  for (std::size_t i = 0; i < 16; ++i) {
    const auto at = static_cast<std::size_t>(kOffset[i]);
    out[at] = kHex[bytes[i] >> 4];
    out[at + 1] = kHex[bytes[i] & 15];
  }
  return out;
}

Result<Uuid> Uuid::parse(std::string_view text) {
  const auto malformed = [] { return Error(Code::kInvalidArgument, "uuid.malformed", "This is not a valid id."); };
  if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return malformed();
  Uuid id;
  for (std::size_t i = 0; i < 16; ++i) {
    const auto at = static_cast<std::size_t>(kOffset[i]);
    const int high = hex_digit(text[at]);
    const int low = hex_digit(text[at + 1]);
    if (high < 0 || low < 0) return malformed();
    id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return id;
}

Uuid UuidSource::next() {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now().time_since_epoch()).count();
  const std::uint64_t wanted = static_cast<std::uint64_t>(ms) << 12;
  last_ = std::max(wanted, last_ + 1);
  Uuid id;
  random_.fill(id.bytes);
  const std::uint64_t millis = last_ >> 12;
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(millis >> (40 - 8 * i));
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | ((last_ >> 8) & 0x0f));
  id.bytes[7] = static_cast<std::uint8_t>(last_ & 0xff);
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3f));
  return id;
}

}  // namespace phx
