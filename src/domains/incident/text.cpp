#include "domains/incident/text.hpp"

#include <algorithm>

namespace phx::incident {
namespace {

constexpr std::size_t kTextMax = 16'384;
constexpr std::size_t kTitleMax = 200;

bool is_empty(char32_t c) {
  return (c >= '\t' && c <= '\r') || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 || c == 0x180E ||
         (c >= 0x2000 && c <= 0x200D) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x2060 ||
         c == 0x3000 || c == 0xFEFF;
}

}  // namespace

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool blank(std::string_view utf8) {
  while (!utf8.empty())
    if (!is_empty(next_code_point(utf8))) return false;
  return true;
}

Status check_text(std::string_view value, std::string field, Lines lines) {
  if (value.size() > kTextMax)
    return invalid_argument("incident.bad_text", std::move(field), "At most 16 KiB of text.");
  if (!is_plain_text(value, lines))
    return invalid_argument("incident.bad_text", std::move(field),
                            lines == Lines::kOne
                                ? "One line of text without control or invisible characters."
                                : "Text without control or invisible characters other than tabs and line breaks.");
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
