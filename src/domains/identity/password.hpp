#pragma once
/// Local passwords: which ones are good enough, and how they are kept.
///
/// The rule is length, not composition (NIST SP 800-63B 5.1.1.2): 12 to 128 characters, none that attackers try first
/// (common_password.hpp), not the person's own address, nor what is made of their name, address or tenants. Kept as
/// argon2id in PHC string form with OWASP's smallest recommended cost (19 MiB, 2 passes, 1 lane); a stored hash of
/// another cost still verifies, and needs_rehash() asks to replace it.
///
/// hash_password() and verify_password() burn tens of milliseconds and 19 MiB: call them on a BlockingPool only.
///
/// Errors: "password.too_short", "password.too_long", "password.common", "password.personal", "password.is_address",
/// "password.malformed" (not UTF-8), "password.hash_failed" (no memory).

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace phx {
class Random;
}

namespace phx::identity {

/// The cost parameters of a hash.
struct Argon2Cost {
  std::uint32_t memory_kib = 19 * 1024;
  std::uint32_t passes = 2;
  std::uint32_t lanes = 1;
  bool operator==(const Argon2Cost&) const = default;
};

/// Judges a new password; `field` names the input in the error.
/// `about`: what else belongs to the person, as it is written: their name, their tenants.
Status check_password(std::string_view password, std::string_view email, std::string_view field,
                      std::span<const std::string> about = {});

/// 16 random bytes.
std::string make_salt(Random& random);
/// "$argon2id$v=19$m=19456,t=2,p=1$<salt>$<32-byte hash>".
Result<std::string> hash_password(std::string_view password, std::string_view salt, Argon2Cost cost = {});
/// False also for a string that is no argon2id hash, or whose cost is beyond what we would ever store.
bool verify_password(const std::string& phc, std::string_view password);
/// The cost a PHC string was made with; nothing when it is not argon2id version 19 of a sane cost.
std::optional<Argon2Cost> parse_phc(std::string_view phc);
/// True when the hash was not made with `wanted`.
bool needs_rehash(std::string_view phc, Argon2Cost wanted = {});

}  // namespace phx::identity
