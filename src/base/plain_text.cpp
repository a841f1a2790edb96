#include "base/plain_text.hpp"

#include <algorithm>
#include <array>

namespace phx {
namespace {

constexpr char32_t kNonJoiner = 0x200C;
constexpr char32_t kJoiner = 0x200D;
/// Scripts before this one are written without joiners.
constexpr char32_t kFirstJoining = 0x600;

struct Range {
  char32_t first;
  char32_t last;
};
/// Controls and format characters without a picture of their own; Unicode 15, general categories Cc and Cf and the
/// letters that are blank. Variation selectors are not among them: they choose a picture. Sorted.
constexpr std::array kUnseen{
    Range{0x0000, 0x001F},   Range{0x007F, 0x009F}, Range{0x00AD, 0x00AD}, Range{0x034F, 0x034F},
    Range{0x061C, 0x061C},   Range{0x115F, 0x1160}, Range{0x17B4, 0x17B5}, Range{0x180E, 0x180E},
    Range{0x200B, 0x200F},   Range{0x2028, 0x202E}, Range{0x2060, 0x206F}, Range{0x3164, 0x3164},
    Range{0xFEFF, 0xFEFF},   Range{0xFFA0, 0xFFA0}, Range{0xFFF0, 0xFFFB}, Range{0x1D173, 0x1D17A},
    Range{0xE0000, 0xE0FFF},
};

bool is_break(char32_t c) { return c == '\n' || c == '\r' || c == '\t' || c == 0x2028 || c == 0x2029; }
bool is_joiner(char32_t c) { return c == kNonJoiner || c == kJoiner; }
bool is_unseen(char32_t c) {
  const auto range = std::ranges::lower_bound(kUnseen, c, {}, &Range::last);
  return c == kBrokenText || (range != kUnseen.end() && range->first <= c);
}
/// Something that a joiner can join.
bool is_inked(char32_t c) { return c != ' ' && !is_unseen(c); }

/// Calls `each(code point, its bytes, whether it may be there)`.
template <typename Each>
void walk(std::string_view rest, Lines lines, Each each) {
  char32_t before = ' ';
  while (!rest.empty()) {
    const std::string_view from = rest;
    const char32_t c = next_code_point(rest);
    bool allowed = !is_unseen(c) || (is_break(c) && lines == Lines::kMany);
    if (is_joiner(c)) {
      std::string_view ahead = rest;
      const char32_t after = ahead.empty() ? U' ' : next_code_point(ahead);
      allowed = is_inked(before) && is_inked(after) && std::max(before, after) >= kFirstJoining;
    }
    each(c, from.substr(0, from.size() - rest.size()), allowed);
    before = c;
  }
}

}  // namespace

char32_t next_code_point(std::string_view& rest) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  char32_t point = length == 1 ? lead : length == 0 ? kBrokenText : lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= rest.size() || (byte(i) & 0xC0) != 0x80) {
      rest.remove_prefix(1);
      return kBrokenText;
    }
    point = (point << 6) | (byte(i) & 0x3Fu);
  }
  // Overlong forms, surrogates, and what is beyond Unicode (RFC 3629).
  if ((length == 3 && (point < 0x800 || (point >= 0xD800 && point <= 0xDFFF))) ||
      (length == 4 && (point < 0x10000 || point > 0x10FFFF))) {
    rest.remove_prefix(1);
    return kBrokenText;
  }
  rest.remove_prefix(std::max<std::size_t>(length, 1));
  return point;
}

bool is_plain_text(std::string_view utf8, Lines lines) {
  bool plain = true;
  walk(utf8, lines, [&](char32_t, std::string_view, bool allowed) { plain = plain && allowed; });
  return plain;
}

std::string plain_text(std::string_view utf8, Lines lines) {
  std::string out;
  walk(utf8, lines, [&](char32_t c, std::string_view bytes, bool allowed) {
    if (allowed)
      out += bytes;
    else
      out += is_break(c) ? " " : "\uFFFD";
  });
  return out;
}

}  // namespace phx
