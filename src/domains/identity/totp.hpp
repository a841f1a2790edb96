#pragma once
/// Codes of authenticator apps: HOTP (RFC 4226) over time (RFC 6238), in the one form that all apps know: HMAC-SHA-1,
/// 6 digits, steps of 30 seconds. Pure, with the time as a parameter.
///
/// A code counts one step before and after its own (RFC 6238 5.2: clocks differ, people type slowly), and no step at or
/// before the one that was used last. All comparisons are made, each in constant time.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace phx::identity {

inline constexpr std::int64_t kTotpStepSeconds = 30;
inline constexpr std::size_t kTotpSecretBytes = 20;  ///< as long as the hash: RFC 4226 4, R6
inline constexpr std::size_t kTotpDigits = 6;

/// RFC 4648 section 6, without padding: how people and apps see secrets.
std::string base32_encode(std::string_view bytes);
/// The code of a counter (RFC 4226 5.3); at most 9 digits.
std::string hotp(std::string_view secret, std::uint64_t counter, std::size_t digits = kTotpDigits);
/// The step whose code this is, near `unix_seconds` and after `last_step`; nothing for a wrong code.
std::optional<std::int64_t> match_totp(std::string_view secret, std::string_view code, std::int64_t unix_seconds,
                                       std::int64_t last_step);
/// "otpauth://totp/<issuer>:<account>?secret=…&issuer=…", what apps read from a QR code (Key URI Format).
std::string otpauth_uri(std::string_view issuer, std::string_view account, std::string_view secret);

}  // namespace phx::identity
