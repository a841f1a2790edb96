#include "domains/identity/totp.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

#include "base/crypto.hpp"
#include "net/url.hpp"

namespace phx::identity {
namespace {

using Sha1 = std::array<std::uint8_t, 20>;

Sha1 hmac_sha1(std::string_view key, std::string_view data) {
  Sha1 out;
  unsigned length = 0;
  const bool done = HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()),
                         reinterpret_cast<const unsigned char*>(data.data()), data.size(), out.data(), &length);
  if (!done || length != out.size()) throw std::runtime_error("HMAC-SHA-1 failed");
  return out;
}

}  // namespace

std::string base32_encode(std::string_view bytes) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<std::uint8_t>(byte);
    for (held += 8; held >= 5; held -= 5) out += kAlphabet[bits >> (held - 5) & 31U];
  }
  if (held > 0) out += kAlphabet[bits << (5 - held) & 31U];
  return out;
}

std::string hotp(std::string_view secret, std::uint64_t counter, std::size_t digits) {
  std::string moving(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) moving[7 - i] = static_cast<char>(counter >> (8 * i) & 255U);
  const Sha1 hash = hmac_sha1(secret, moving);
  const std::size_t offset = hash[19] & 15U;
  std::uint32_t number =
      (hash[offset] & 127U) << 24 | hash[offset + 1] << 16 | hash[offset + 2] << 8 | hash[offset + 3];
  std::string out(digits, '0');
  for (std::size_t i = digits; i-- > 0; number /= 10) out[i] = static_cast<char>('0' + number % 10);
  return out;
}

std::optional<std::int64_t> match_totp(std::string_view secret, std::string_view code, std::int64_t unix_seconds,
                                       std::int64_t last_step) {
  const std::int64_t now = unix_seconds / kTotpStepSeconds;
  std::optional<std::int64_t> found;
  for (std::int64_t step = now - 1; step <= now + 1; ++step) {
    const bool right = constant_time_equal(hotp(secret, static_cast<std::uint64_t>(step)), code);
    if (right && step > last_step) found = step;
  }
  return found;
}

std::string otpauth_uri(std::string_view issuer, std::string_view account, std::string_view secret) {
  const std::string by = net::percent_encode(issuer);
  return "otpauth://totp/" + by + ":" + net::percent_encode(account) + "?secret=" + base32_encode(secret) +
         "&issuer=" + by + "&algorithm=SHA1&digits=6&period=30";
}

}  // namespace phx::identity
