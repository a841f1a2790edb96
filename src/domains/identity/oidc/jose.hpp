#pragma once
/// Signed tokens of outside providers (JWS compact form, RFC 7515; JWT, RFC 7519; RFC 8725's advice) and the keys they
/// are verified with (JWK sets, RFC 7517). Pure: no clock, no network.
///
/// Guarantees
/// - Work before verification is bounded: at most kMaxToken bytes are looked at, and never more than decoded.
/// - The key decides the algorithm, never the token: RS256, ES256 and EdDSA (Ed25519) with a key of exactly that kind.
///   There is no "none", no HMAC, and a key offered by the token itself (jwk, jku, x5u, x5c) refuses it.
/// - Critical extensions (crit) are refused, since we know none. A name twice in header or claims refuses the token.
/// - ES256 signatures are the 64 bytes of RFC 7518 3.4, both halves in [1, n-1]; DER is not taken.
///
/// Errors, all kUnauthenticated: "token.too_large", "token.malformed", "token.algorithm", "token.header",
/// "token.signature". None holds any part of the token.

#include <boost/json/object.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct evp_pkey_st;

namespace phx::identity::oidc {

/// Less than a header may have, so that a token that is too large is told so.
inline constexpr std::size_t kMaxToken = 12 * 1024;

enum class Algorithm { kRs256, kEs256, kEdDsa };

/// A token taken apart and not believed.
struct ParsedToken {
  Algorithm algorithm = Algorithm::kRs256;
  std::string kid;   ///< empty: none
  std::string type;  ///< the header's typ in lower case, without "application/"; empty: none
  boost::json::object claims;
  std::string signing_input;
  std::string signature;
};

Result<ParsedToken> parse_token(std::string_view compact);

/// A public key. Cheap to copy; may be used on several threads.
struct Key {
  std::string kid;
  Algorithm algorithm = Algorithm::kRs256;
  std::shared_ptr<evp_pkey_st> key;
};

/// The keys of a JWK set that can verify signatures: RSA of 2048 to 8192 bits, EC on P-256, Ed25519. Others (secrets,
/// encryption keys, unknown kinds, keys that are no valid point) are left out. Nothing when the text is no JWK set.
std::optional<std::vector<Key>> parse_keys(std::string_view text);

/// The key for the token: by kid, or, when it names none, the only one of its algorithm.
const Key* find_key(const std::vector<Key>& keys, const ParsedToken& token);

/// What an ID token signed with the algorithm says of the access token beside it: the left half of its digest
/// (`at_hash`, OpenID Connect Core 1.0, 3.1.3.6; SHA-512 with Ed25519).
std::string token_hash(Algorithm algorithm, std::string_view access_token);

/// "token.signature" unless the key's owner signed it. Tens of microseconds: call it off the I/O thread.
Status verify_signature(const ParsedToken& token, const Key& key);

}  // namespace phx::identity::oidc
