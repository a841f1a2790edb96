#include "domains/identity/secret_token.hpp"

#include "base/crypto.hpp"
#include "base/random.hpp"

namespace phx::identity {
namespace {

constexpr std::size_t kSecretBytes = 32;

std::optional<std::string> decode_secret(std::string_view text) {
  if (text.size() != 43) return std::nullopt;
  auto bytes = base64url_decode(text);
  if (!bytes || bytes->size() != kSecretBytes) return std::nullopt;
  return std::move(*bytes);
}

}  // namespace

std::string make_secret(Random& random) { return random.token(kSecretBytes); }

std::optional<std::string> secret_digest(std::string_view secret) {
  const auto bytes = decode_secret(secret);
  if (!bytes) return std::nullopt;
  return sha256(*bytes);
}

std::string make_bearer_token(Random& random) { return std::string(kBearerPrefix) + make_secret(random); }

std::optional<std::string> bearer_digest(std::string_view token, std::string_view server_key) {
  if (!token.starts_with(kBearerPrefix) || !decode_secret(token.substr(kBearerPrefix.size()))) return std::nullopt;
  return hmac_sha256(server_key, token);
}

}  // namespace phx::identity
