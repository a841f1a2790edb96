// Access tokens of an outside provider against a real database: who somebody is, and what the token opens.
#include <gtest/gtest.h>

#include "domains/identity/testing/outside_world.hpp"
#include "net/http.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;
using oidc::testing::Signer;
namespace json = boost::json;

struct External : testing::OutsideWorld<ManualClock> {
  External() : OutsideWorld("groups", Instant(std::chrono::sys_days{std::chrono::year(2030) / 1 / 1})) {}
  json::object claims(const std::string& subject) const {
    auto out = issued();
    out["sub"] = subject;
    return out;
  }
  Result<api::Principal> bring(const json::object& with) { return bring_token(signer.token(with)); }
  Result<api::Principal> bring_token(const std::string& token) {
    net::Request request;
    request.headers.add("Authorization", "Bearer " + token);
    return db.run(identity.authenticate(request));
  }
  json::object known_as(const std::string& subject, const std::string& email, bool verified = true) const {
    auto out = claims(subject);
    out["email"] = email;
    out["email_verified"] = verified;
    out["name"] = "Ada";
    return out;
  }
};

TEST_F(External, WhoComesForTheFirstTimeGetsAnAccountAndKeepsIt) {
  const auto first = bring(known_as("s-1", "ada@example.org"));
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_EQ(first->email, "ada@example.org");
  EXPECT_EQ(first->display_name, "Ada");
  EXPECT_FALSE(first->platform_admin);
  EXPECT_FALSE(first->by_cookie);
  EXPECT_EQ(first->expires_at, clock.now() + 60s);
  // The provider renames people; the subject stays.
  EXPECT_EQ(bring(known_as("s-1", "ada.new@example.org"))->user_id, first->user_id);
  EXPECT_NE(bring(known_as("s-2", "bob@example.org"))->user_id, first->user_id);
  EXPECT_EQ(db.value("select count(*) from phoenix.users"), "2");
  EXPECT_EQ(db.value("select count(*) from phoenix.audit_log where action = 'user.create_external'"), "2");
}

TEST_F(External, NobodyTakesOverAnAccountByItsAddress) {
  db.exec(
      "insert into phoenix.users (id, email, name, platform_role) values (gen_random_uuid(), 'root@example.org', "
      "'Root', 'PLATFORM_ADMIN')");
  const auto thief = bring(known_as("s-1", "ROOT@example.org"));
  ASSERT_TRUE(thief);
  EXPECT_FALSE(thief->platform_admin);
  EXPECT_TRUE(thief->email.starts_with("oidc-")) << thief->email;
  EXPECT_EQ(bring(known_as("s-1", "root@example.org"))->user_id, thief->user_id);
  const auto unverified = bring(known_as("s-2", "carol@example.org", false));
  EXPECT_TRUE(unverified->email.starts_with("oidc-")) << "nobody vouches for the address";
  const auto odd = bring(known_as("s-3", "not an address"));
  EXPECT_TRUE(odd->email.starts_with("oidc-"));
}

TEST_F(External, ADisabledAccountStaysOutside) {
  const auto token = signer.token(known_as("s-1", "ada@example.org"));
  ASSERT_TRUE(bring_token(token));
  db.exec("update phoenix.users set status = 'DISABLED'");
  EXPECT_TRUE(bring_token(token)) << "the same token is believed for a moment";
  identity.forget();
  EXPECT_EQ(bring_token(token).error().reason(), "auth.invalid");
  EXPECT_EQ(bring(known_as("s-1", "ada@example.org")).error().reason(), "auth.invalid");
}

TEST_F(External, AClaimOfOneTenantBindsTheToken) {
  auto one = claims("s-1");
  one["groups"] = json::array{"/acme/TENANT_ADMIN"};
  const auto bound = bring(one);
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->token_tenant, tenants.id);
  EXPECT_EQ(bound->claimed_tenants->at("acme"), api::Role::kTenantAdmin);
  one["groups"] = json::array{"acme", "globex"};
  EXPECT_FALSE(bring(one)->token_tenant) << "the request says which";
  one.erase("groups");
  EXPECT_TRUE(bring(one)->claimed_tenants->empty()) << "opens none";
}

TEST_F(External, WhatIsRefusedIsRefusedWithAReason) {
  auto late = claims("s-1");
  const auto token = signer.token(late);
  ASSERT_TRUE(bring_token(token));
  clock.advance(61s);
  EXPECT_EQ(bring_token(token).error().reason(), "token.expired") << "also when it was believed before";
  const Signer stranger(Signer::Kind::kEc, "key-1");
  EXPECT_EQ(bring_token(stranger.token(claims("s-1"))).error().reason(), "token.signature");
  EXPECT_EQ(bring_token("phx_nonsense").error().reason(), "auth.invalid") << "a token of ours is never the provider's";
  EXPECT_EQ(bring_token("nonsense").error().reason(), "token.malformed");
  EXPECT_EQ(bring_token(std::string(100'000, 'a')).error().reason(), "token.too_large");
  const int before = network.requests;
  auto foreign = claims("s-1");
  foreign["iss"] = "https://evil.example";
  EXPECT_EQ(bring_token(stranger.token(foreign)).error().reason(), "token.issuer");
  EXPECT_EQ(network.requests, before);
}

}  // namespace
}  // namespace phx::identity
