#include "domains/identity/common_password.hpp"

#include <algorithm>
#include <optional>

#include "domains/identity/account.hpp"
#include "domains/identity/words.gen.hpp"

namespace phx::identity {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80; }
bool is_mark(char c) { return c > ' ' && c < 0x7f && !is_letter(c); }

const std::vector<std::string_view>& common() {
  static const std::vector<std::string_view> list = [] {
    std::vector<std::string_view> out;
    for (std::string_view rest = words::identity::common_passwords; !rest.empty();) {
      const auto end = std::min(rest.find('\n'), rest.size());
      out.push_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    std::ranges::sort(out);
    return out;
  }();
  return list;
}

/// "ababababab": a short unit again and again is as guessable as the unit.
bool is_repetition(std::string_view text) {
  for (std::size_t unit = 1; unit <= 4; ++unit) {
    bool repeats = true;
    for (std::size_t i = unit; i < text.size() && repeats; ++i) repeats = text[i] == text[i - unit];
    if (repeats) return true;
  }
  return false;
}

/// Without digits and marks at the ends.
std::string_view core_of(std::string_view text) {
  while (!text.empty() && is_mark(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_mark(text.back())) text.remove_suffix(1);
  return text;
}

/// Whether one word, or two with only marks between them, are all there is.
template <class IsWord>
bool is_made_of(std::string_view text, const IsWord& is_word) {
  const std::string_view core = core_of(text);
  if (is_word(text) || is_word(core)) return true;
  for (std::size_t cut = 1; cut < core.size(); ++cut) {
    const auto left = core_of(core.substr(0, cut));
    const auto right = core_of(core.substr(cut));
    if (!left.empty() && !right.empty() && is_word(left) && is_word(right)) return true;
  }
  return false;
}

}  // namespace

Guessable judge_password(std::string_view password, std::span<const std::string> own) {
  const std::string folded = fold_case(password);
  const auto is_common = [](std::string_view word) { return std::ranges::binary_search(common(), word); };
  const auto is_own = [&](std::string_view word) { return std::ranges::find(own, word) != own.end(); };
  if (is_repetition(folded) || is_made_of(folded, is_common)) return Guessable::kCommon;
  if (is_made_of(folded, [&](std::string_view word) { return is_own(word) || is_common(word); }))
    return Guessable::kPersonal;
  return is_own(folded) ? Guessable::kPersonal : Guessable::kNo;
}

std::vector<std::string> words_of(std::string_view text) {
  const std::string folded = fold_case(text);
  std::vector<std::string> out{folded};
  std::string joined;
  std::string word;
  const auto end_word = [&] {
    joined += word;
    if (word.size() >= 3) out.push_back(word);
    word.clear();
  };
  for (const char c : folded) {
    if (is_letter(c) || (c >= '0' && c <= '9'))
      word += c;
    else
      end_word();
  }
  end_word();
  out.push_back(joined);
  std::erase_if(out, [](const std::string& each) { return each.size() < 3; });
  return out;
}

}  // namespace phx::identity
