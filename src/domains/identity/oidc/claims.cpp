#include "domains/identity/oidc/claims.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/crypto.hpp"
#include "domains/identity/oidc/json_strict.hpp"

namespace phx::identity::oidc {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// Clocks of two machines differ a little; the end of a token is meant as it is written.
constexpr auto kSkew = 5s;
constexpr std::size_t kMaxAudiences = 32;
constexpr std::size_t kMaxTenants = 256;
constexpr std::size_t kMaxSubject = 255;

Error refused(std::string_view reason, std::string message) {
  return Error(Code::kUnauthenticated, reason, std::move(message)).with_next_action("Sign in again.");
}

/// A NumericDate (RFC 7519 2): seconds since 1970, perhaps with a fraction. Nothing when it is no sane number.
std::optional<Instant> date(const json::value& value) {
  double seconds = 0;
  if (value.is_int64()) {
    seconds = static_cast<double>(value.get_int64());
  } else if (value.is_double()) {
    seconds = value.get_double();
  } else {
    return std::nullopt;
  }
  // The year 9999, and nothing before 1970.
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 253'402'300'799.0) return std::nullopt;
  return Instant(std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6)));
}

Error bad_claims() { return refused("token.claims", "The token's claims are not valid."); }

/// The audiences; nothing when it is neither a text nor a list of texts.
std::optional<std::vector<std::string_view>> audiences(const json::object& claims) {
  const auto* aud = claims.if_contains("aud");
  if (aud == nullptr) return std::nullopt;
  if (aud->is_string()) return std::vector{std::string_view(aud->get_string())};
  if (!aud->is_array() || aud->get_array().size() > kMaxAudiences) return std::nullopt;
  std::vector<std::string_view> out;
  for (const auto& one : aud->get_array()) {
    if (!one.is_string()) return std::nullopt;
    out.emplace_back(one.get_string());
  }
  return out;
}

Status check_kind(const ParsedToken& token) {
  const Error wrong = refused("token.type", "This is not an access token.");
  if (!token.type.empty() && token.type != "jwt" && token.type != "at+jwt") return wrong;
  const auto& claims = token.claims;
  if (claims.contains("events")) return wrong;
  // Keycloak says it outright, and older ones copy the nonce into what they call a bearer token.
  if (claims.contains("typ")) return text_member(claims, "typ") == "Bearer" ? Status() : Status(std::unexpected(wrong));
  for (const std::string_view foreign : {"nonce", "at_hash", "c_hash"})
    if (claims.contains(foreign)) return wrong;
  return {};
}

Status check_client(const json::object& claims, const Expected& expected) {
  const std::string_view name = claims.contains("azp") ? "azp" : "client_id";
  if (!claims.contains(name) && expected.clients.empty()) return {};
  const auto client = text_member(claims, name);
  const bool taken =
      client && !client->empty() &&
      (expected.clients.empty() || std::ranges::find(expected.clients, *client) != expected.clients.end());
  if (taken) return {};
  return refused("token.client", "Tokens of this client are not taken here.");
}

/// When it ends.
Result<Instant> check_times(const json::object& claims, Instant now) {
  const auto* exp = claims.if_contains("exp");
  const auto end = exp ? date(*exp) : std::nullopt;
  if (!end) return bad_claims();
  if (*end <= now) return refused("token.expired", "The token has expired.");
  for (const std::string_view name : {"nbf", "iat"}) {
    const auto* value = claims.if_contains(name);
    if (value == nullptr) continue;
    const auto begin = date(*value);
    if (!begin) return bad_claims();
    if (*begin > now + kSkew) return refused("token.not_yet_valid", "The token is not valid yet.");
  }
  return *end;
}

std::optional<std::map<std::string, api::Role, std::less<>>> tenants_of(const json::object& claims,
                                                                        const std::string& name) {
  if (name.empty()) return std::nullopt;
  std::map<std::string, api::Role, std::less<>> out;
  const auto take = [&](const json::value& value) {
    if (!value.is_string()) return;
    if (auto one = parse_tenant_claim(value.get_string())) {
      auto& role = out[one->first];
      role = std::max(role, one->second);
    }
  };
  // A token that does not name the claim opens no tenant: what is not said is not granted.
  if (const auto* value = claims.if_contains(name)) {
    if (value->is_array()) {
      for (std::size_t i = 0; i < std::min(value->get_array().size(), kMaxTenants); ++i) take(value->get_array()[i]);
    } else {
      take(*value);
    }
  }
  return out;
}

/// A text that is there, not empty and not too long; nothing otherwise.
std::optional<std::string> short_text(const json::object& claims, std::string_view name) {
  const auto text = text_member(claims, name);
  if (!text || text->empty() || text->size() > kMaxSubject) return std::nullopt;
  return std::string(*text);
}

Result<Claims> claims_of(const json::object& claims, Instant end, const std::string& tenant_claim) {
  auto subject = short_text(claims, "sub");
  if (!subject) return bad_claims();
  Claims out{.subject = std::move(*subject), .email = {}, .name = {}, .expires_at = end, .tenants = {}};
  const auto* verified = claims.if_contains("email_verified");
  if (verified != nullptr && verified->is_bool() && verified->get_bool())
    out.email = text_member(claims, "email").value_or("");
  out.name = text_member(claims, "name").value_or(text_member(claims, "preferred_username").value_or(""));
  out.tenants = tenants_of(claims, tenant_claim);
  return out;
}

/// The issuer, and our client as the audience: of tokens that are meant for us as a client.
Status check_addressee(const json::object& claims, std::string_view issuer, std::string_view client) {
  if (text_member(claims, "iss") != issuer)
    return refused("token.issuer", "The token is not of the provider that is trusted here.");
  const auto aud = audiences(claims);
  if (!aud || std::ranges::find(*aud, client) == aud->end())
    return refused("token.audience", "The token is meant for somebody else.");
  if ((claims.contains("azp") || aud->size() > 1) && text_member(claims, "azp") != client)
    return refused("token.client", "The token was made for another client.");
  return {};
}

}  // namespace

std::optional<std::pair<std::string, api::Role>> parse_tenant_claim(std::string_view text) {
  const char separator = text.starts_with('/') ? '/' : ':';
  if (separator == '/') text.remove_prefix(1);
  const auto at = text.find(separator);
  const auto name = text.substr(0, at);
  if (name.empty() || name.size() > 63) return std::nullopt;
  api::Role role = api::Role::kTenantMember;
  if (at != text.npos) {
    role = api::role_from_name(text.substr(at + 1));
    if (role == api::Role::kNone || role == api::Role::kPlatformAdmin) return std::nullopt;
  }
  return std::pair(std::string(name), role);
}

Result<Claims> check_access_token(const ParsedToken& token, const Expected& expected, Instant now) {
  const auto& claims = token.claims;
  PHX_CHECK(check_kind(token));
  if (text_member(claims, "iss") != std::string_view(expected.issuer))
    return refused("token.issuer", "The token is not of the provider that is trusted here.");
  const auto aud = audiences(claims);
  if (!aud || std::ranges::find(*aud, expected.audience) == aud->end())
    return refused("token.audience", "The token is meant for somebody else.");
  PHX_CHECK(check_client(claims, expected));
  PHX_TRY(const Instant end, check_times(claims, now));
  return claims_of(claims, end, expected.tenant_claim);
}

Result<IdentityClaims> check_id_token(const ParsedToken& token, const ExpectedSignIn& expected, Instant now) {
  const auto& claims = token.claims;
  const bool of_this_kind = (token.type.empty() || token.type == "jwt") && !claims.contains("events") &&
                            (!claims.contains("typ") || text_member(claims, "typ") == "ID");
  if (!of_this_kind) return refused("token.type", "This is not an ID token.");
  PHX_CHECK(check_addressee(claims, expected.issuer, expected.client));
  PHX_TRY(const Instant end, check_times(claims, now));
  if (!claims.contains("iat")) return bad_claims();
  if (!constant_time_equal(text_member(claims, "nonce").value_or(""), expected.nonce))
    return refused("token.nonce", "The token is not of this sign-in.");
  if (claims.contains("at_hash") &&
      text_member(claims, "at_hash") != token_hash(token.algorithm, expected.access_token))
    return refused("token.access_token_hash", "The token does not belong to what came with it.");
  if (claims.contains("sid") && !short_text(claims, "sid")) return bad_claims();
  PHX_TRY(auto who, claims_of(claims, end, expected.tenant_claim));
  return IdentityClaims{.who = std::move(who), .sid = short_text(claims, "sid")};
}

Status complete(IdentityClaims& claims, const json::object& told, const std::string& tenant_claim) {
  PHX_TRY(auto more, claims_of(told, claims.who.expires_at, tenant_claim));
  if (more.subject != claims.who.subject) return bad_claims();
  if (claims.who.email.empty()) claims.who.email = std::move(more.email);
  if (claims.who.name.empty()) claims.who.name = std::move(more.name);
  if (claims.who.tenants && claims.who.tenants->empty()) claims.who.tenants = std::move(more.tenants);
  return {};
}

Result<LogoutClaims> check_logout_token(const ParsedToken& token, std::string_view issuer, std::string_view client,
                                        Instant now) {
  const auto& claims = token.claims;
  const Error wrong = refused("token.type", "This is not a logout token.");
  if (!token.type.empty() && token.type != "jwt" && token.type != "logout+jwt") return wrong;
  const auto* events = claims.if_contains("events");
  if (events == nullptr || !events->is_object() || claims.contains("nonce")) return wrong;
  const auto* event = events->get_object().if_contains("http://schemas.openid.net/event/backchannel-logout");
  if (event == nullptr || !event->is_object()) return wrong;
  PHX_CHECK(check_addressee(claims, issuer, client));

  const auto* iat = claims.if_contains("iat");
  const auto made = iat ? date(*iat) : std::nullopt;
  if (!made) return bad_claims();
  if (*made > now + kSkew) return refused("token.not_yet_valid", "The token is not valid yet.");
  if (*made <= now - kLogoutTokenLife) return refused("token.expired", "The token has expired.");
  if (claims.contains("exp")) { PHX_TRY([[maybe_unused]] const Instant end, check_times(claims, now)); }

  auto id = short_text(claims, "jti");
  LogoutClaims out{.subject = short_text(claims, "sub"), .sid = short_text(claims, "sid"), .id = id.value_or("")};
  const bool spoiled = !id || (claims.contains("sub") && !out.subject) || (claims.contains("sid") && !out.sid) ||
                       (!out.subject && !out.sid);
  if (spoiled) return bad_claims();
  return out;
}

}  // namespace phx::identity::oidc
