// Access tokens of an outside provider against a real database: who somebody is, and what the token opens.
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "base/blocking_pool.hpp"
#include "base/random.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/oidc/provider.hpp"
#include "domains/identity/oidc/testing/fake_network.hpp"
#include "domains/identity/oidc/testing/signer.hpp"
#include "net/http.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;
using oidc::testing::FakeNetwork;
using oidc::testing::key_set;
using oidc::testing::Signer;
using pg::testing::TestDatabase;
namespace json = boost::json;

/// Knows "acme", to whoever a claim lets in.
class OneTenant final : public api::TenantDirectory {
 public:
  asio::awaitable<Result<api::TenantAccess>> enter(api::Principal principal, std::string id_or_name) override {
    if (id_or_name != "acme" || !principal.claimed_tenants) co_return not_found("tenant.not_found", "No such tenant.");
    co_return api::TenantAccess{.id = id, .name = "acme", .role = principal.claimed_tenants->at("acme")};
  }
  Uuid id = *Uuid::parse("018f0000-0000-7000-8000-000000000001");
};

struct External : testing::Test {
  External() {
    network.publish(key_set(signer));
    identity.trust(provider,
                   {.issuer = FakeNetwork::kIssuer, .audience = "phoenix", .clients = {}, .tenant_claim = "groups"});
  }
  json::object claims(const std::string& subject) const {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch()).count();
    return {{"iss", FakeNetwork::kIssuer}, {"aud", "phoenix"}, {"sub", subject}, {"exp", now + 60}};
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

  TestDatabase db;
  ManualClock clock{Instant(std::chrono::sys_days{std::chrono::year(2030) / 1 / 1})};
  SystemRandom random;
  UuidSource ids{clock, random};
  BlockingPool blocking{1, 16};
  OneTenant tenants;
  Identity identity{db.database(), clock, random, ids, blocking, tenants, std::string(32, 'k'), {}};
  Signer signer{Signer::Kind::kEc, "key-1"};
  FakeNetwork network;
  oidc::Provider provider{db.executor(), network, clock, {.issuer = FakeNetwork::kIssuer}};
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
