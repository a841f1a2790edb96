#pragma once
/// The secrets that stand for a person: session cookies, one-time links and bearer tokens. Each carries 32 random
/// bytes as 43 characters of base64url; none is stored, only a digest from which it cannot be found. Pure.
///
/// Sessions and one-time links are kept as SHA-256. Bearer tokens live longer and leave the machine, so they are kept
/// as HMAC-SHA-256 under a key that is not in the database: a stolen dump cannot even test a guessed token. Their
/// prefix lets secret scanners find them in places where they should not be.

#include <optional>
#include <string>
#include <string_view>

namespace phx {
class Random;
}

namespace phx::identity {

inline constexpr std::string_view kBearerPrefix = "phx_";

/// 43 characters.
std::string make_secret(Random& random);
/// SHA-256 of the 32 bytes; nothing when the text is not 43 characters of canonical base64url.
std::optional<std::string> secret_digest(std::string_view secret);

/// "phx_" and 43 characters.
std::string make_bearer_token(Random& random);
/// HMAC-SHA-256 of the whole token; nothing when it has not the form of one.
std::optional<std::string> bearer_digest(std::string_view token, std::string_view server_key);

}  // namespace phx::identity
