#include "domains/identity/account.hpp"

#include <algorithm>
#include <cstdint>

#include "base/plain_text.hpp"

namespace phx::identity {
namespace {

bool is_ascii_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// RFC 5321's atext beyond letters and digits, and the dot between atoms.
constexpr std::string_view kAtomSpecials = "!#$%&'*+-/=?^_`{|}~.";

bool is_domain(std::string_view domain) {
  if (domain.empty()) return false;
  while (true) {
    const auto dot = domain.find('.');
    const auto label = domain.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::ranges::all_of(label, [](char c) { return is_ascii_letter_or_digit(c) || c == '-'; })) return false;
    if (dot == domain.npos) return true;
    domain.remove_prefix(dot + 1);
  }
}

bool is_local_part(std::string_view local) {
  if (local.empty() || local.size() > 64 || local.front() == '.' || local.back() == '.') return false;
  if (local.find("..") != local.npos) return false;
  return std::ranges::all_of(local, [](char c) { return is_ascii_letter_or_digit(c) || kAtomSpecials.contains(c); });
}

}  // namespace

std::optional<std::size_t> count_characters(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++count) {
    const auto lead = static_cast<std::uint8_t>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return std::nullopt;
    std::uint32_t point = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<std::uint8_t>(text[i + k]);
      if (next >> 6 != 2) return std::nullopt;
      point = point << 6 | (next & 63U);
    }
    constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kSmallest[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return std::nullopt;
    i += length;
  }
  return count;
}

std::string fold_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

Result<std::string> check_email(std::string_view email, std::string_view field) {
  const auto at = email.rfind('@');
  if (email.size() > 254 || at == email.npos || !is_local_part(email.substr(0, at)) || !is_domain(email.substr(at + 1)))
    return invalid_argument("user.email_malformed", std::string(field), "This is not an e-mail address.");
  return std::string(email);
}

Result<std::string> check_display_name(std::string_view name, std::string_view field) {
  const auto characters = count_characters(name);
  if (!characters || *characters == 0 || *characters > 100 || !is_plain_text(name, Lines::kOne) ||
      name.front() == ' ' || name.back() == ' ')
    return invalid_argument(
        "user.name_malformed", std::string(field),
        "A name has 1 to 100 characters, no control or invisible characters and no spaces at its ends.");
  return std::string(name);
}

}  // namespace phx::identity
