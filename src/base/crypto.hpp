#pragma once
/// The few cryptographic primitives the lower floors share, on OpenSSL's EVP. Strings are byte strings.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace phx {

/// 32 raw bytes.
std::string sha256(std::string_view data);
/// The same over bytes that come piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::string_view piece);
  /// 32 raw bytes. The last call.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
/// 32 raw bytes.
std::string hmac_sha256(std::string_view key, std::string_view data);
/// AES-SIV (RFC 5297): seals a plaintext so that it can neither be read nor changed. There is no nonce: equal inputs
/// give equal outputs, and put something random into the plaintext where that would tell too much. `key` has 32 bytes;
/// `associated` is authenticated, not kept. Returns 16 bytes more than `plaintext`, which must not be empty.
std::string siv_seal(std::string_view key, std::string_view associated, std::string_view plaintext);
/// None when it was not sealed with this key and this associated data.
std::optional<std::string> siv_open(std::string_view key, std::string_view associated, std::string_view sealed);
/// Compares in time that depends on the lengths only.
bool constant_time_equal(std::string_view a, std::string_view b);

std::string hex_encode(std::string_view data);
/// RFC 4648 section 5, no padding.
std::string base64url_encode(std::string_view data);
/// Reason "base64.malformed".
Result<std::string> base64url_decode(std::string_view text);

}  // namespace phx
