// Tokens of outside providers, their claims, and sets of keys.
#include "base/crypto.hpp"
#include "domains/identity/oidc/claims.hpp"
#include "domains/identity/oidc/jose.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phx::identity::oidc;
  using phx::fuzz::require;
  const auto text = phx::fuzz::as_text(data, size);
  const phx::Instant now{std::chrono::seconds(1893456000)};

  if (const auto token = parse_token(text)) {
    // What was taken apart is all there was: nothing is ignored that another reader might see.
    require(token->signing_input + "." + phx::base64url_encode(token->signature) == text);
    const auto claims = check_access_token(*token, {"https://id.example.org", "phoenix", {}, "groups"}, now);
    if (claims) require(claims->expires_at > now && !claims->subject.empty() && claims->subject.size() <= 255);
  } else {
    require(token.error().code() == phx::Code::kUnauthenticated && token.error().internal().empty());
  }
  if (const auto keys = parse_keys(text))
    for (const Key& key : *keys) {
      require(key.key != nullptr);
      ParsedToken token{.algorithm = key.algorithm, .kid = key.kid, .signing_input = "a.b", .signature = "c"};
      require(!verify_signature(token, key));
    }
  if (const auto tenant = parse_tenant_claim(text))
    require(!tenant->first.empty() && tenant->second > phx::api::Role::kNone &&
            tenant->second < phx::api::Role::kPlatformAdmin);
  return 0;
}
