#pragma once
/// What a verified token says and whether it may be believed now and here. Pure, with the time as a parameter.
///
/// Access tokens (RFC 9068, and Keycloak's form of it): exact issuer, our audience among `aud`, not ended, begun, a
/// subject; the header's typ is "at+jwt", "JWT" or absent, and whatever shows that it is another kind of token (an ID
/// token's nonce or at_hash, Keycloak's typ "ID" or "Refresh", a logout token's events) refuses it.
///
/// ID tokens (OpenID Connect Core 1.0, 3.1.3.7): exact issuer, our client among `aud` and as `azp` when that is there
/// or there are several audiences, not ended, begun, the nonce of this sign-in, and the hash of the access token it
/// came with when it holds one.
///
/// Logout tokens (OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6): the event that says so, our client among `aud`,
/// made in the last five minutes, no nonce, an id of their own, and whom or what they end.
///
/// Tenants: the claim named by the setting holds a text or a list of texts. Each names a tenant, or a tenant and a
/// role: "acme", "acme:TENANT_ADMIN", and as paths of groups "/acme", "/acme/TENANT_ADMIN". Without a role it is
/// TENANT_MEMBER. What has another form names nothing.
///
/// Errors, all kUnauthenticated: "token.type", "token.issuer", "token.audience", "token.client", "token.expired",
/// "token.not_yet_valid", "token.claims", "token.nonce", "token.access_token_hash". None holds a value of the token.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/context.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "domains/identity/oidc/jose.hpp"

namespace phx::identity::oidc {

struct Expected {
  std::string issuer;
  std::string audience;
  /// Clients whose tokens are taken (`azp`, or `client_id`); empty: any the issuer gives our audience to.
  std::vector<std::string> clients;
  /// Empty: tenants come from memberships alone.
  std::string tenant_claim;
};

struct Claims {
  std::string subject;
  std::string email;  ///< empty unless the provider says that it is verified
  std::string name;
  Instant expires_at;
  /// Nothing: the token says nothing about tenants.
  std::optional<std::map<std::string, api::Role, std::less<>>> tenants;
};

Result<Claims> check_access_token(const ParsedToken& token, const Expected& expected, Instant now);

struct ExpectedSignIn {
  std::string issuer;
  std::string client;
  std::string nonce;
  /// What came along with the ID token.
  std::string access_token;
  std::string tenant_claim;
};

/// The claims, and the provider's session (`sid`) when it names one.
struct IdentityClaims {
  Claims who;
  std::optional<std::string> sid;
};
Result<IdentityClaims> check_id_token(const ParsedToken& token, const ExpectedSignIn& expected, Instant now);

/// What the provider tells of the same person elsewhere (userinfo) for what the token leaves out. kUnauthenticated
/// "token.claims" when it is of another subject (OpenID Connect Core 1.0, 5.3.2).
Status complete(IdentityClaims& claims, const boost::json::object& told, const std::string& tenant_claim);

/// At least one of subject and sid.
struct LogoutClaims {
  std::optional<std::string> subject;
  std::optional<std::string> sid;
  std::string id;  ///< `jti`
};
Result<LogoutClaims> check_logout_token(const ParsedToken& token, std::string_view issuer, std::string_view client,
                                        Instant now);
/// How long a logout token is taken after it was made.
inline constexpr std::chrono::minutes kLogoutTokenLife{5};

/// "acme:TENANT_ADMIN" → {"acme", kTenantAdmin}.
std::optional<std::pair<std::string, api::Role>> parse_tenant_claim(std::string_view text);

}  // namespace phx::identity::oidc
