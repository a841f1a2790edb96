#include "domains/incident/text.hpp"

#include <algorithm>

namespace phx::incident {
namespace {

constexpr std::size_t kTextMax = 16'384;
constexpr std::size_t kTitleMax = 200;
constexpr char32_t kBroken = 0xFFFFFFFF;

/// Takes one code point from the front; kBroken, and one byte, when there is none.
char32_t take(std::string_view& rest) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  char32_t point = length == 1 ? lead : length == 0 ? kBroken : lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= rest.size() || (byte(i) & 0xC0) != 0x80) {
      rest.remove_prefix(1);
      return kBroken;
    }
    point = (point << 6) | (byte(i) & 0x3Fu);
  }
  rest.remove_prefix(std::max<std::size_t>(length, 1));
  return point;
}

bool is_break(char32_t c) { return c == '\n' || c == '\r' || c == '\t' || c == 0x2028 || c == 0x2029; }
bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == kBroken; }
bool is_empty(char32_t c) {
  return is_break(c) || c == ' ' || c == '\v' || c == '\f' || c == 0x85 || c == 0xA0 || c == 0x1680 || c == 0x180E ||
         (c >= 0x2000 && c <= 0x200D) || c == 0x202F || c == 0x205F || c == 0x2060 || c == 0x3000 || c == 0xFEFF;
}

}  // namespace

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool blank(std::string_view utf8) {
  while (!utf8.empty())
    if (!is_empty(take(utf8))) return false;
  return true;
}

bool has_controls(std::string_view utf8, Lines lines) {
  while (!utf8.empty()) {
    const char32_t c = take(utf8);
    if (is_break(c) ? lines == Lines::kOne : is_control(c)) return true;
  }
  return false;
}

std::string cleaned(std::string_view utf8, Lines lines) {
  std::string out;
  while (!utf8.empty()) {
    const std::string_view before = utf8;
    const char32_t c = take(utf8);
    if (is_break(c) && lines == Lines::kOne)
      out += ' ';
    else if (is_control(c) && !is_break(c))
      out += "\xEF\xBF\xBD";
    else
      out += before.substr(0, before.size() - utf8.size());
  }
  return out;
}

Status check_text(std::string_view value, std::string field, Lines lines) {
  if (value.size() > kTextMax)
    return invalid_argument("incident.bad_text", std::move(field), "At most 16 KiB of text.");
  if (has_controls(value, lines))
    return invalid_argument("incident.bad_text", std::move(field),
                            lines == Lines::kOne ? "One line of text without control characters."
                                                 : "Text without control characters other than tabs and line breaks.");
  return {};
}

Status check_line(std::string_view value, std::string field, std::size_t max) {
  PHX_CHECK(check_text(value, field, Lines::kOne));
  if (blank(value) || characters(value) > max)
    return invalid_argument("incident.bad_text", std::move(field),
                            "One line of 1 to " + std::to_string(max) + " characters that is not only spaces.");
  return {};
}

Status check_title(std::string_view value) {
  PHX_CHECK(check_text(value, "input.title", Lines::kOne));
  if (blank(value) || characters(value) > kTitleMax)
    return invalid_argument("incident.bad_title", "input.title", "A title has 1 to 200 characters, not only spaces.");
  return {};
}

}  // namespace phx::incident
