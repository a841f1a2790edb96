#include "domains/identity/password.hpp"

#include <argon2.h>

#include <charconv>
#include <cstddef>
#include <span>

#include "base/random.hpp"
#include "domains/identity/account.hpp"
#include "domains/identity/common_password.hpp"

namespace phx::identity {
namespace {

constexpr std::size_t kMinCharacters = 12;
constexpr std::size_t kMaxCharacters = 128;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
// A hash that asks for more than this was not written by us; verifying it would let a stolen write access to the
// table become a denial of service.
constexpr Argon2Cost kMaxCost{1024 * 1024, 64, 16};

std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view key) {
  if (!text.starts_with(key)) return std::nullopt;
  text.remove_prefix(key.size());
  std::uint32_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || text.starts_with('0')) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

}  // namespace

Status check_password(std::string_view password, std::string_view email, std::string_view field,
                      std::span<const std::string> about) {
  const auto characters = count_characters(password);
  if (!characters)
    return invalid_argument("password.malformed", std::string(field), "The password is not valid UTF-8 text.");
  if (*characters < kMinCharacters)
    return invalid_argument("password.too_short", std::string(field), "Choose a password of at least 12 characters.");
  if (*characters > kMaxCharacters)
    return invalid_argument("password.too_long", std::string(field), "Choose a password of at most 128 characters.");
  const std::string folded = fold_case(password);
  const std::string address = fold_case(email);
  if (!address.empty() && (folded == address || folded == address.substr(0, address.find('@'))))
    return invalid_argument("password.is_address", std::string(field), "The password must not be your e-mail address.");
  std::vector<std::string> own = words_of(address);
  for (const auto& text : about)
    for (auto& word : words_of(text)) own.push_back(std::move(word));
  switch (judge_password(password, own)) {
    case Guessable::kCommon:
      return invalid_argument("password.common", std::string(field),
                              "This password is among the first that attackers try. Choose another one.");
    case Guessable::kPersonal:
      return invalid_argument("password.personal", std::string(field),
                              "This password is made of your name, your address or your tenant's. Choose another one.");
    case Guessable::kNo: break;
  }
  return {};
}

std::string make_salt(Random& random) {
  std::string salt(kSaltBytes, '\0');
  random.fill(std::span(reinterpret_cast<std::uint8_t*>(salt.data()), salt.size()));
  return salt;
}

Result<std::string> hash_password(std::string_view password, std::string_view salt, Argon2Cost cost) {
  const auto salt_size = static_cast<std::uint32_t>(salt.size());
  std::string phc(argon2_encodedlen(cost.passes, cost.memory_kib, cost.lanes, salt_size, kHashBytes, Argon2_id), '\0');
  const int failure = argon2id_hash_encoded(cost.passes, cost.memory_kib, cost.lanes, password.data(), password.size(),
                                            salt.data(), salt.size(), kHashBytes, phc.data(), phc.size());
  if (failure != ARGON2_OK) return internal_error("password.hash_failed", argon2_error_message(failure));
  phc.resize(phc.find('\0'));  // argon2_encodedlen counts the terminating zero
  return phc;
}

bool verify_password(const std::string& phc, std::string_view password) {
  return parse_phc(phc) && argon2id_verify(phc.c_str(), password.data(), password.size()) == ARGON2_OK;
}

std::optional<Argon2Cost> parse_phc(std::string_view phc) {
  constexpr std::string_view kPrefix = "$argon2id$v=19$";
  if (!phc.starts_with(kPrefix)) return std::nullopt;
  phc.remove_prefix(kPrefix.size());
  const auto memory = take_number(phc, "m=");
  const auto passes = take_number(phc, ",t=");
  const auto lanes = take_number(phc, ",p=");
  if (!memory || !passes || !lanes) return std::nullopt;
  if (*memory > kMaxCost.memory_kib || *passes > kMaxCost.passes || *lanes > kMaxCost.lanes) return std::nullopt;
  const auto salt_end = phc.find('$', 1);
  if (!phc.starts_with('$') || salt_end == phc.npos || salt_end == 1) return std::nullopt;
  if (salt_end + 1 == phc.size() || phc.find('$', salt_end + 1) != phc.npos) return std::nullopt;
  return Argon2Cost{*memory, *passes, *lanes};
}

bool needs_rehash(std::string_view phc, Argon2Cost wanted) { return parse_phc(phc) != wanted; }

}  // namespace phx::identity
