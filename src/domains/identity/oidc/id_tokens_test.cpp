// ID tokens and logout tokens: what is taken, and each way to spoil one.
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "base/crypto.hpp"
#include "domains/identity/oidc/claims.hpp"

namespace phx::identity::oidc {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

const Instant kNow{std::chrono::sys_days{std::chrono::year(2030) / 1 / 1}};
constexpr std::int64_t kNowSeconds = 1893456000;
constexpr const char* kIssuer = "https://id.example.org/realms/phoenix";

using Spoil = std::function<void(ParsedToken&)>;

ParsedToken id_token() {
  ParsedToken token;
  token.type = "jwt";
  token.claims = {{"iss", kIssuer},          {"aud", "phoenix"},         {"sub", "5f1c"}, {"iat", kNowSeconds},
                  {"exp", kNowSeconds + 60}, {"nonce", "of this visit"}, {"sid", "s-1"},  {"name", "Ada"}};
  return token;
}

std::string judge_id(const Spoil& spoil) {
  auto token = id_token();
  spoil(token);
  const auto checked = check_id_token(token,
                                      {.issuer = kIssuer,
                                       .client = "phoenix",
                                       .nonce = "of this visit",
                                       .access_token = "opaque",
                                       .tenant_claim = "groups"},
                                      kNow);
  return checked ? "ok" : checked.error().reason();
}
std::string id_with(std::string_view name, json::value value) {
  return judge_id([&](ParsedToken& token) { token.claims[name] = value; });
}
std::string id_without(std::string_view name) {
  return judge_id([&](ParsedToken& token) { token.claims.erase(name); });
}

TEST(IdToken, SaysWhoInWhichSession) {
  auto token = id_token();
  token.claims["groups"] = json::array{"acme:TENANT_ADMIN"};
  const auto checked = check_id_token(
      token,
      {.issuer = kIssuer, .client = "phoenix", .nonce = "of this visit", .access_token = "", .tenant_claim = "groups"},
      kNow);
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->who.subject, "5f1c");
  EXPECT_EQ(checked->who.name, "Ada");
  EXPECT_EQ(checked->sid, "s-1");
  EXPECT_EQ(checked->who.tenants->at("acme"), api::Role::kTenantAdmin);
  EXPECT_EQ(id_without("sid"), "ok");
  EXPECT_EQ(id_with("typ", "ID"), "ok");
  EXPECT_EQ(judge_id([](ParsedToken& token) {
              token.claims["aud"] = json::array{"phoenix", "another"};
              token.claims["azp"] = "phoenix";
            }),
            "ok");
}

TEST(IdToken, IsRefusedWhenAnythingOfItIsWrong) {
  EXPECT_EQ(id_with("iss", "https://evil.example"), "token.issuer");
  EXPECT_EQ(id_with("aud", "another"), "token.audience");
  EXPECT_EQ(id_with("aud", json::array{"phoenix", "another"}), "token.client") << "several audiences need azp";
  EXPECT_EQ(id_with("azp", "another"), "token.client");
  EXPECT_EQ(id_with("exp", kNowSeconds), "token.expired");
  EXPECT_EQ(id_without("exp"), "token.claims");
  EXPECT_EQ(id_without("iat"), "token.claims");
  EXPECT_EQ(id_with("iat", kNowSeconds + 600), "token.not_yet_valid");
  EXPECT_EQ(id_with("nbf", kNowSeconds + 600), "token.not_yet_valid");
  EXPECT_EQ(id_with("nonce", "of another visit"), "token.nonce");
  EXPECT_EQ(id_without("nonce"), "token.nonce");
  EXPECT_EQ(id_without("sub"), "token.claims");
  EXPECT_EQ(id_with("sub", 7), "token.claims");
  EXPECT_EQ(id_with("sid", ""), "token.claims");
  EXPECT_EQ(id_with("typ", "Bearer"), "token.type");
  EXPECT_EQ(id_with("typ", "Logout"), "token.type");
  EXPECT_EQ(id_with("events", json::object{}), "token.type");
  EXPECT_EQ(judge_id([](ParsedToken& token) { token.type = "at+jwt"; }), "token.type");
  EXPECT_EQ(judge_id([](ParsedToken& token) { token.type = "logout+jwt"; }), "token.type");
}

TEST(IdToken, KnowsTheAccessTokenThatCameAlong) {
  const auto half = base64url_encode(sha256("opaque").substr(0, 16));
  const auto other = token_hash(Algorithm::kRs256, "another");
  EXPECT_EQ(token_hash(Algorithm::kRs256, "opaque"), half);
  EXPECT_EQ(token_hash(Algorithm::kEs256, "opaque"), half);
  EXPECT_EQ(token_hash(Algorithm::kEdDsa, "opaque").size(), 43) << "half of SHA-512";
  EXPECT_EQ(id_with("at_hash", json::string(half)), "ok");
  EXPECT_EQ(id_with("at_hash", json::string(other)), "token.access_token_hash");
  EXPECT_EQ(id_with("at_hash", 1), "token.access_token_hash");
}

std::string judge_logout(const Spoil& spoil) {
  ParsedToken token;
  token.type = "logout+jwt";
  token.claims = {
      {"iss", kIssuer},     {"aud", "phoenix"},
      {"sub", "5f1c"},      {"sid", "s-1"},
      {"iat", kNowSeconds}, {"exp", kNowSeconds + 120},
      {"jti", "once"},      {"events", {{"http://schemas.openid.net/event/backchannel-logout", json::object{}}}}};
  spoil(token);
  const auto checked = check_logout_token(token, kIssuer, "phoenix", kNow);
  return checked ? "ok" : checked.error().reason();
}
std::string logout_with(std::string_view name, json::value value) {
  return judge_logout([&](ParsedToken& token) { token.claims[name] = value; });
}
std::string logout_without(std::string_view name) {
  return judge_logout([&](ParsedToken& token) { token.claims.erase(name); });
}

TEST(LogoutToken, NamesASubjectOrASession) {
  EXPECT_EQ(judge_logout([](ParsedToken&) {}), "ok");
  EXPECT_EQ(logout_without("sub"), "ok");
  EXPECT_EQ(logout_without("sid"), "ok");
  EXPECT_EQ(logout_without("exp"), "ok");
  EXPECT_EQ(judge_logout([](ParsedToken& token) { token.type = ""; }), "ok");
}

TEST(LogoutToken, IsRefusedWhenAnythingOfItIsWrong) {
  EXPECT_EQ(judge_logout([](ParsedToken& token) {
              token.claims.erase("sub");
              token.claims.erase("sid");
            }),
            "token.claims");
  EXPECT_EQ(logout_with("sub", 1), "token.claims");
  EXPECT_EQ(logout_without("jti"), "token.claims");
  EXPECT_EQ(logout_without("iat"), "token.claims");
  EXPECT_EQ(logout_without("events"), "token.type") << "an ID token is no logout token";
  EXPECT_EQ(logout_with("events", json::object{{"another", json::object{}}}), "token.type");
  EXPECT_EQ(logout_with("events", json::object{{"http://schemas.openid.net/event/backchannel-logout", true}}),
            "token.type");
  EXPECT_EQ(logout_with("nonce", "n"), "token.type");
  EXPECT_EQ(judge_logout([](ParsedToken& token) { token.type = "at+jwt"; }), "token.type");
  EXPECT_EQ(logout_with("iss", "https://evil.example"), "token.issuer");
  EXPECT_EQ(logout_with("aud", "another"), "token.audience");
  EXPECT_EQ(logout_with("iat", kNowSeconds + 60), "token.not_yet_valid");
  EXPECT_EQ(logout_with("iat", kNowSeconds - 301), "token.expired");
  EXPECT_EQ(logout_with("exp", kNowSeconds - 1), "token.expired");
}

}  // namespace
}  // namespace phx::identity::oidc
