// Tenancy as clients meet it: through GraphQL, with the SDL of this folder over the tables of its migrations.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <memory>
#include <string>

#include "api/assembly.hpp"
#include "api/sdl.gen.hpp"
#include "api/service.hpp"
#include "base/random.hpp"
#include "domains/tenancy/sdl.gen.hpp"
#include "domains/tenancy/tenancy.hpp"
#include "pg/database.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::tenancy {
namespace {

namespace json = boost::json;

/// What of the other modules this one's types refer to.
constexpr std::string_view kNeighbours = R"(
  type User @table(name: "user_profiles") { id: ID! email: String! name: String! createdAt: DateTime! }
)";

asio::awaitable<Result<json::value>> nothing(api::QueryContext&, json::object) { co_return json::value(nullptr); }

class ThroughGraphql : public testing::Test {
 protected:
  ThroughGraphql() {
    tenancy.register_with(registry, router);
    registry.query("health", nothing);
    registry.query("eventCursor", nothing);
    const graphql::SdlSource sources[] = {
        {"base", sdl::api::base}, {"tenancy", sdl::tenancy::tenancy}, {"neighbours", kNeighbours}};
    auto assembled = api::ApiSchema::assemble(sources, registry);
    if (!assembled) throw std::runtime_error(assembled.error().to_string());
    schema = std::move(*assembled);
    service = std::make_unique<api::GraphqlService>(api::GraphqlService::Services{
        *schema, db.database(), clock, random, ids, db.metrics(), "test secret", event_cursors});
    root = add_user("root@example.org");
    ada = add_user("ada@example.org");
  }

  Uuid add_user(const std::string& email) {
    const Uuid id = ids.next();
    db.exec("insert into phoenix.users (id, email, name) values ('" + id.to_string() + "', '" + email +
            "', 'Somebody')");
    return id;
  }
  api::RequestContext platform() const {
    api::RequestContext context;
    context.principal.kind = api::PrincipalKind::kUser;
    context.principal.user_id = root;
    context.principal.email = "root@example.org";
    context.principal.platform_admin = true;
    context.role = api::Role::kPlatformAdmin;
    return context;
  }
  api::RequestContext inside(const std::string& tenant, Uuid user, api::Role role) const {
    api::RequestContext context;
    context.principal.kind = api::PrincipalKind::kUser;
    context.principal.user_id = user;
    context.tenant = *Uuid::parse(tenant);
    context.role = role;
    return context;
  }
  /// "data", or the first error's reason.
  std::string run(api::RequestContext context, std::string query, std::optional<std::string> key = std::nullopt) {
    auto answer = db.run(service->execute(
        std::move(context),
        {.query = std::move(query), .operation_name = {}, .variables = {}, .idempotency_key = std::move(key)}));
    const auto body = json::parse(answer.body).as_object();
    if (const auto* errors = body.if_contains("errors"))
      return json::serialize(errors->as_array().at(0).at("extensions").at("reason"));
    return json::serialize(body.at("data"));
  }
  std::string make_tenant(const std::string& name) {
    const auto answer = run(platform(), "mutation { createTenant(input: {name: \"" + name + "\"}) { tenant { id } } }");
    return std::string(json::parse(answer).at("createTenant").at("tenant").at("id").as_string());
  }

  pg::testing::TestDatabase db;
  SystemClock clock;
  SystemRandom random;
  api::EventCursorSeal event_cursors{"key of a test's log"};
  UuidSource ids{clock, random};
  Tenancy tenancy{db.database(), clock, ids, {}};
  api::Registry registry;
  api::Router router;
  std::unique_ptr<api::ApiSchema> schema;
  std::unique_ptr<api::GraphqlService> service;
  Uuid root, ada;
};

TEST_F(ThroughGraphql, ANewTenantIsReadBackWithMembersAndLimits) {
  EXPECT_EQ(
      run(platform(), R"(mutation { createTenant(input: {name: "acme", tier: FREE}) { tenant {
                name displayName tier status version
                members { totalCount nodes { role user { email name } } }
                quotas(orderBy: DIMENSION) { nodes { dimension used maximum } } } } })"),
      R"({"createTenant":{"tenant":{"name":"acme","displayName":"acme","tier":"FREE","status":"ACTIVE","version":1,)"
      R"("members":{"totalCount":1,"nodes":[{"role":"TENANT_OWNER","user":{"email":"root@example.org","name":"Somebody"}}]},)"
      R"("quotas":{"nodes":[{"dimension":"instances","used":0,"maximum":4},{"dimension":"memory_mib","used":0,"maximum":4096},)"
      R"({"dimension":"storage_gib","used":0,"maximum":20},{"dimension":"vcpus","used":0,"maximum":4}]}}}})");
  EXPECT_EQ(db.value("select tenant_id = object_id from phoenix.audit_log where action = 'createTenant'"), "t");
}

TEST_F(ThroughGraphql, TheSameRequestTwiceMakesOneTenant) {
  const std::string query = R"(mutation { createTenant(input: {name: "acme"}) { tenant { id } } })";
  const auto first = run(platform(), query, "key-1");
  EXPECT_THAT(first, testing::StartsWith(R"({"createTenant")"));
  EXPECT_EQ(run(platform(), query, "key-1"), first);
  EXPECT_EQ(run(platform(), query, "key-2"), R"("tenant.name_taken")");
  EXPECT_EQ(run(platform(), R"(mutation { createTenant(input: {name: "other"}) { tenant { id } } })", "key-1"),
            R"("idempotency.key_reused")");
  EXPECT_EQ(db.value("select count(*) from phoenix.tenants"), "1");
}

TEST_F(ThroughGraphql, AnOwnerAddsMembersWhoSeeOneAnother) {
  const auto acme = make_tenant("acme");
  const auto add = "mutation { addUserToTenant(userId: \"" + ada.to_string() +
                   "\", role: TENANT_VIEWER) { membership { role tenant { name } user { email } } } }";
  EXPECT_EQ(run(inside(acme, root, api::Role::kTenantAdmin), add), R"("auth.forbidden")");
  EXPECT_EQ(
      run(inside(acme, root, api::Role::kTenantOwner), add),
      R"({"addUserToTenant":{"membership":{"role":"TENANT_VIEWER","tenant":{"name":"acme"},"user":{"email":"ada@example.org"}}}})");
  EXPECT_EQ(
      run(inside(acme, ada, api::Role::kTenantViewer),
          "{ tenant(id: \"" + acme + "\") { members(orderBy: CREATED_AT) { nodes { user { email } } } } }"),
      R"({"tenant":{"members":{"nodes":[{"user":{"email":"root@example.org"}},{"user":{"email":"ada@example.org"}}]}}})");
}

TEST_F(ThroughGraphql, MembersLeaveAndAreSentAway) {
  const auto acme = make_tenant("acme");
  const auto bob = add_user("bob@example.org");
  const auto owner = [&] { return inside(acme, root, api::Role::kTenantOwner); };
  const auto add = [&](Uuid user, std::string role) {
    return run(owner(), "mutation { addUserToTenant(userId: \"" + user.to_string() + "\", role: " + role +
                            ") { membership { role } } }");
  };
  const auto remove = [](Uuid user) {
    return "mutation { removeUserFromTenant(userId: \"" + user.to_string() + "\") { userId tenantId } }";
  };
  add(ada, "TENANT_VIEWER");
  add(bob, "TENANT_ADMIN");
  EXPECT_EQ(run(inside(acme, bob, api::Role::kTenantAdmin), remove(ada)), R"("membership.not_yours")");
  EXPECT_EQ(run(inside(acme, ada, api::Role::kTenantViewer), remove(ada)),
            R"({"removeUserFromTenant":{"userId":")" + ada.to_string() + R"(","tenantId":")" + acme + R"("}})");
  EXPECT_EQ(run(owner(), remove(ada)), R"("membership.not_found")");
  EXPECT_EQ(run(owner(), remove(root)), R"("tenant.last_owner")");
  EXPECT_THAT(run(owner(), remove(bob), "once"), testing::StartsWith(R"({"removeUserFromTenant")"));
  EXPECT_THAT(run(owner(), remove(bob), "once"), testing::StartsWith(R"({"removeUserFromTenant")"))
      << "the answer of the first time";
  EXPECT_EQ(run(owner(), "{ tenant(id: \"" + acme + "\") { members { nodes { user { email } } } } }"),
            R"({"tenant":{"members":{"nodes":[{"user":{"email":"root@example.org"}}]}}})");
  EXPECT_EQ(
      db.value("select before->>'role' from phoenix.audit_log where action = 'removeUserFromTenant' and outcome = "
               "'OK' and before->>'userId' = '" +
               bob.to_string() + "'"),
      "TENANT_ADMIN");
  EXPECT_EQ(
      db.value("select payload->>'user' from phoenix.event_inbox where kind = 'DELETED' order by id desc limit 1"),
      bob.to_string());
}

TEST_F(ThroughGraphql, OtherTenantsAreNotThere) {
  const auto acme = make_tenant("acme");
  const auto other = make_tenant("other");
  EXPECT_EQ(run(inside(acme, root, api::Role::kTenantOwner), "{ tenant(id: \"" + other + "\") { name } }"),
            R"({"tenant":null})");
  EXPECT_EQ(run(inside(acme, root, api::Role::kTenantOwner), "{ tenants { nodes { name } } }"), R"("auth.forbidden")");
  EXPECT_EQ(run(platform(), "{ tenants(orderBy: NAME) { totalCount nodes { name } } }"),
            R"({"tenants":{"totalCount":2,"nodes":[{"name":"acme"},{"name":"other"}]}})");
}

TEST_F(ThroughGraphql, SitesAreEverybodys) {
  const auto acme = make_tenant("acme");
  ASSERT_TRUE(db.run(tenancy.ensure_default_site()));
  EXPECT_EQ(run(inside(acme, root, api::Role::kTenantViewer), "{ sites { nodes { name region status } } }"),
            R"({"sites":{"nodes":[{"name":"local","region":"local","status":"ACTIVE"}]}})");
}

TEST_F(ThroughGraphql, LimitsAreSetFromThePlatform) {
  const auto acme = make_tenant("acme");
  const auto set = "mutation { setQuota(tenantId: \"" + acme +
                   "\", dimension: \"vcpus\", maximum: 9) { tenant { version "
                   "quotas(orderBy: DIMENSION, direction: DESC, first: 1) { nodes { maximum } } } } }";
  EXPECT_EQ(run(inside(acme, root, api::Role::kTenantOwner), set), R"("auth.forbidden")");
  EXPECT_EQ(run(platform(), set), R"({"setQuota":{"tenant":{"version":2,"quotas":{"nodes":[{"maximum":9}]}}}})");
}

}  // namespace
}  // namespace phx::tenancy
