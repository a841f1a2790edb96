#include "domains/identity/oidc/claims.hpp"

#include <algorithm>
#include <array>
#include <cmath>

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
  const auto subject = text_member(claims, "sub");
  if (!subject || subject->empty() || subject->size() > kMaxSubject) return bad_claims();

  Claims out{.subject = std::string(*subject), .email = {}, .name = {}, .expires_at = end, .tenants = {}};
  const auto* verified = claims.if_contains("email_verified");
  if (verified != nullptr && verified->is_bool() && verified->get_bool())
    out.email = text_member(claims, "email").value_or("");
  out.name = text_member(claims, "name").value_or(text_member(claims, "preferred_username").value_or(""));
  out.tenants = tenants_of(claims, expected.tenant_claim);
  return out;
}

}  // namespace phx::identity::oidc
