// Tenancy against a real database: every claim of tenancy.hpp that needs one.

#include "domains/tenancy/tenancy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/task_scope.hpp"
#include "engine/events.hpp"
#include "pg/database.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::tenancy {
namespace {

using namespace std::chrono_literals;
using boost::json::object;
using pg::testing::TestDatabase;
using Row = std::vector<std::string>;

/// One server process on the test's database.
struct Server {
  explicit Server(pg::Database& on, Settings settings = {})
      : database(on), ids(clock, random), tenancy(on, clock, ids, std::move(settings)) {
    tenancy.register_with(registry, router);
  }
  pg::Database& database;
  ManualClock clock{Instant(std::chrono::sys_days{std::chrono::year(2030) / 1 / 1})};
  SystemRandom random;
  UuidSource ids;
  api::Registry registry;
  api::Router router;
  Tenancy tenancy;
};

/// Runs one mutation handler as the API's pipeline would.
class Mutation final : public api::MutationContext {
 public:
  Mutation(Server& server, api::RequestContext request) : server_(server), request_(std::move(request)) {}

  asio::awaitable<Result<object>> run(std::string name, object args) {
    const auto scope = request_.tenant ? pg::Scope::of_tenant(*request_.tenant) : pg::Scope::platform();
    PHX_CO_TRY(auto tx, co_await server_.database.begin(scope, Deadline::after(10s)));
    tx_.emplace(std::move(tx));
    auto outcome = co_await server_.registry.mutations().at(name)(*this, std::move(args));
    if (outcome) {
      PHX_CO_CHECK(co_await tx_->commit());
      for (const auto& hook : hooks_) hook();
    }
    tx_.reset();
    co_return outcome;
  }

  pg::Transaction& tx() override { return *tx_; }
  const api::RequestContext& request() const override { return request_; }
  const Clock& clock() const override { return server_.clock; }
  UuidSource& ids() override { return server_.ids; }
  asio::awaitable<Status> record_event(engine::Event event) override {
    co_return co_await engine::record_event(*tx_, std::move(event));
  }
  void audit(std::string type, Uuid, boost::json::value before, boost::json::value after) override {
    audited = type + " " + boost::json::serialize(before) + " " + boost::json::serialize(after);
  }
  void audit_tenant(Uuid tenant) override { audited_tenant = tenant; }
  void show_once(std::string, std::string) override {}
  void after_commit(std::function<void()> hook) override { hooks_.push_back(std::move(hook)); }

  std::string audited;
  std::optional<Uuid> audited_tenant;

 private:
  Server& server_;
  api::RequestContext request_;
  std::optional<pg::Transaction> tx_;
  std::vector<std::function<void()>> hooks_;
};

class TenancyTest : public testing::Test {
 protected:
  TenancyTest() {
    root = add_user("root@example.org");
    ada = add_user("ada@example.org");
    bob = add_user("bob@example.org");
  }

  Uuid add_user(const std::string& email) {
    const Uuid id = server.ids.next();
    db.exec("insert into phoenix.users (id, email, name) values ('" + id.to_string() + "', '" + email +
            "', 'Somebody')");
    return id;
  }
  static api::Principal person(Uuid id, bool admin = false) {
    api::Principal principal;
    principal.kind = api::PrincipalKind::kUser;
    principal.user_id = id;
    principal.platform_admin = admin;
    return principal;
  }
  /// In platform scope, as root.
  api::RequestContext platform() const {
    api::RequestContext request;
    request.principal = person(root, true);
    return request;
  }
  static api::RequestContext inside(Uuid tenant, Uuid user) {
    api::RequestContext request;
    request.principal = person(user);
    request.tenant = tenant;
    request.role = api::Role::kTenantOwner;
    return request;
  }
  Result<object> run(api::RequestContext request, std::string name, object args) {
    Mutation mutation(server, std::move(request));
    auto outcome = db.run(mutation.run(std::move(name), std::move(args)));
    audited = mutation.audited;
    return outcome;
  }
  std::string refusal(api::RequestContext request, std::string name, object args) {
    const auto outcome = run(std::move(request), std::move(name), std::move(args));
    return outcome ? "" : outcome.error().reason() + " " + outcome.error().field();
  }
  static object tenant_input(std::string_view name, std::string_view tier = "STANDARD") {
    return {{"input", {{"name", name}, {"tier", tier}}}};
  }
  /// A new tenant that root owns.
  Uuid make_tenant(std::string_view name, std::string_view tier = "STANDARD") {
    const auto made = run(platform(), "createTenant", tenant_input(name, tier));
    EXPECT_TRUE(made) << made.error().to_string();
    return *Uuid::parse(made->at("tenant").as_string());
  }
  static object member(Uuid user, std::string_view role) { return {{"userId", user.to_string()}, {"role", role}}; }
  Result<api::TenantAccess> enter(const api::Principal& principal, std::string id_or_name) {
    return db.run(server.tenancy.enter(principal, std::move(id_or_name)));
  }

  TestDatabase db;
  Server server{db.database()};
  Uuid root, ada, bob;
  std::string audited;
};

TEST_F(TenancyTest, CreatesATenantWithOwnerLimitsAndEvents) {
  Mutation mutation(server, platform());
  const auto made = db.run(
      mutation.run("createTenant", {{"input", {{"name", "acme"}, {"displayName", "Acme & Co"}, {"tier", "FREE"}}}}));
  ASSERT_TRUE(made) << made.error().to_string();
  const std::string tenant(made->at("tenant").as_string());
  EXPECT_THAT(db.exec("select id, name, display_name, tier, status, version from phoenix.tenants"),
              testing::ElementsAre(Row{tenant, "acme", "Acme & Co", "FREE", "ACTIVE", "1"}));
  EXPECT_THAT(db.exec("select tenant_id, user_id, role, user_email from phoenix.memberships"),
              testing::ElementsAre(Row{tenant, root.to_string(), "TENANT_OWNER", "root@example.org"}));
  EXPECT_THAT(db.exec("select type, tenant_id, kind, version from phoenix.event_inbox order by id"),
              testing::ElementsAre(Row{"Tenant", tenant, "CREATED", "1"}, Row{"Membership", tenant, "CREATED", "1"}));
  EXPECT_EQ(mutation.audited, R"(Tenant null {"name":"acme","displayName":"Acme & Co","tier":"FREE","owner":")" +
                                  root.to_string() + R"("})");
  EXPECT_EQ(mutation.audited_tenant->to_string(), tenant);
}

TEST_F(TenancyTest, GivesEachTierItsLimits) {
  for (const char* tier : {"FREE", "STANDARD", "ENTERPRISE", "SOVEREIGN"}) {
    std::string name = "t-";
    for (const char* c = tier; *c != 0; ++c) name += static_cast<char>(*c - 'A' + 'a');
    const Uuid tenant = make_tenant(name, tier);
    EXPECT_THAT(db.exec("select dimension, used, maximum from phoenix.quotas where tenant_id = '" + tenant.to_string() +
                        "' order by dimension"),
                testing::SizeIs(4));
    EXPECT_EQ(db.value("select count(*) from phoenix.quotas q join phoenix.quota_defaults d using (dimension) where "
                       "q.tenant_id = '" +
                       tenant.to_string() + "' and d.tier = '" + tier + "' and q.maximum = d.maximum and q.used = 0"),
              "4")
        << tier;
  }
  EXPECT_EQ(db.value("select count(distinct maximum) from phoenix.quotas where dimension = 'vcpus'"), "4");
}

TEST_F(TenancyTest, RefusesBadTenantsNamingTheField) {
  make_tenant("acme");
  EXPECT_EQ(refusal(platform(), "createTenant", tenant_input("acme")), "tenant.name_taken input.name");
  EXPECT_EQ(refusal(platform(), "createTenant", tenant_input("a")), "tenant.name_malformed input.name");
  EXPECT_EQ(refusal(platform(), "createTenant", tenant_input("admin")), "tenant.name_reserved input.name");
  EXPECT_EQ(
      refusal(platform(), "createTenant", {{"input", {{"name", "abc"}, {"displayName", "a\nb"}, {"tier", "FREE"}}}}),
      "tenant.display_name_malformed input.displayName");
  EXPECT_EQ(refusal(inside(server.ids.next(), root), "createTenant", tenant_input("abc")), "scope.platform_required ");
  EXPECT_EQ(db.value("select count(*) from phoenix.tenants"), "1");
  EXPECT_EQ(db.value("select count(*) from phoenix.quotas"), "4");
}

TEST_F(TenancyTest, AddsMembersAndChangesTheirRoles) {
  const Uuid tenant = make_tenant("acme");
  const auto added = run(inside(tenant, root), "addUserToTenant", member(ada, "TENANT_VIEWER"));
  ASSERT_TRUE(added) << added.error().to_string();
  const std::string id(added->at("membership").as_string());
  EXPECT_EQ(audited, R"(Membership null {"userId":")" + ada.to_string() + R"(","role":"TENANT_VIEWER"})");
  EXPECT_EQ(enter(person(ada), "acme")->role, api::Role::kTenantViewer);

  const auto changed = run(inside(tenant, root), "addUserToTenant", member(ada, "TENANT_ADMIN"));
  ASSERT_TRUE(changed) << changed.error().to_string();
  EXPECT_EQ(changed->at("membership").as_string(), id);
  EXPECT_EQ(audited, R"(Membership {"userId":")" + ada.to_string() + R"(","role":"TENANT_VIEWER"} {"userId":")" +
                         ada.to_string() + R"(","role":"TENANT_ADMIN"})");
  EXPECT_EQ(enter(person(ada), "acme")->role, api::Role::kTenantAdmin) << "the change counts at once";
  EXPECT_THAT(db.exec("select kind, version from phoenix.event_inbox where object_id = '" + id + "' order by id"),
              testing::ElementsAre(Row{"CREATED", "1"}, Row{"UPDATED", "2"}));
}

TEST_F(TenancyTest, RefusesBadMembersNamingTheField) {
  const Uuid tenant = make_tenant("acme");
  const auto reason = [&](object args) { return refusal(inside(tenant, root), "addUserToTenant", std::move(args)); };
  EXPECT_EQ(reason(member(server.ids.next(), "TENANT_VIEWER")), "user.not_found userId");
  EXPECT_EQ(reason({{"userId", "ada"}, {"role", "TENANT_VIEWER"}}), "uuid.malformed userId");
  EXPECT_EQ(reason(member(ada, "PLATFORM_ADMIN")), "membership.role role");
  EXPECT_EQ(refusal(platform(), "addUserToTenant", member(ada, "TENANT_VIEWER")), "scope.tenant_required ");
  EXPECT_EQ(db.value("select count(*) from phoenix.memberships"), "1");
}

TEST_F(TenancyTest, TheLastOwnerStays) {
  const Uuid tenant = make_tenant("acme");
  EXPECT_EQ(refusal(inside(tenant, root), "addUserToTenant", member(root, "TENANT_ADMIN")), "tenant.last_owner role");
  EXPECT_EQ(refusal(inside(tenant, root), "addUserToTenant", member(root, "TENANT_OWNER")), "") << "nothing changes";
  ASSERT_TRUE(run(inside(tenant, root), "addUserToTenant", member(ada, "TENANT_OWNER")));
  EXPECT_EQ(refusal(inside(tenant, root), "addUserToTenant", member(root, "TENANT_ADMIN")), "");
  EXPECT_EQ(refusal(inside(tenant, ada), "addUserToTenant", member(ada, "TENANT_VIEWER")), "tenant.last_owner role");
}

/// How an owner ceases to be one.
enum class Exit : std::uint8_t { kStepDown, kLeave };

asio::awaitable<void> give_up(Server& server, api::RequestContext owner, Exit exit,
                              std::vector<std::string>& outcomes) {
  object args{{"userId", owner.principal.user_id.to_string()}};
  if (exit == Exit::kStepDown) args["role"] = "TENANT_MEMBER";
  Mutation mutation(server, std::move(owner));
  const auto outcome =
      co_await mutation.run(exit == Exit::kLeave ? "removeUserFromTenant" : "addUserToTenant", std::move(args));
  outcomes.push_back(outcome ? "" : outcome.error().reason());
}

class OwnersRace : public TenancyTest {
 protected:
  /// Three owners give up at once, in tenant after tenant: one of them is refused, and stays.
  void give_up_at_once(Exit roots, Exit adas, Exit bobs) {
    for (int round = 0; round < 10; ++round) {
      const Uuid tenant = make_tenant("acme" + std::to_string(round));
      for (const Uuid& user : {ada, bob})
        ASSERT_TRUE(run(inside(tenant, root), "addUserToTenant", member(user, "TENANT_OWNER")));
      std::vector<std::string> outcomes;
      TaskScope scope(db.executor(), "owners");
      for (const auto& [owner, exit] : {std::pair(root, roots), std::pair(ada, adas), std::pair(bob, bobs)})
        scope.spawn("owner", give_up(server, inside(tenant, owner), exit, outcomes));
      db.run(scope.join());
      EXPECT_THAT(outcomes, testing::UnorderedElementsAre("", "", "tenant.last_owner"));
      EXPECT_EQ(db.value("select count(*) from phoenix.memberships where role = 'TENANT_OWNER' and tenant_id = '" +
                         tenant.to_string() + "'"),
                "1");
    }
  }
};

TEST_F(OwnersRace, NotAllStepDown) { give_up_at_once(Exit::kStepDown, Exit::kStepDown, Exit::kStepDown); }

TEST_F(OwnersRace, NotAllLeave) { give_up_at_once(Exit::kLeave, Exit::kLeave, Exit::kLeave); }

TEST_F(OwnersRace, NotAllLeaveOrStepDown) { give_up_at_once(Exit::kLeave, Exit::kLeave, Exit::kStepDown); }

TEST_F(TenancyTest, WhoeverIsRemovedIsOutsideAtOnceAndEverybodyIsTold) {
  const Uuid tenant = make_tenant("acme");
  std::vector<std::pair<Uuid, Uuid>> told;
  server.tenancy.on_member_changed([&](const Uuid& user, const Uuid& where) { told.emplace_back(user, where); });
  ASSERT_TRUE(run(inside(tenant, root), "addUserToTenant", member(ada, "TENANT_MEMBER")));
  ASSERT_TRUE(db.run(server.tenancy.enter(person(ada), "acme")));
  ASSERT_TRUE(run(inside(tenant, root), "removeUserFromTenant", {{"userId", ada.to_string()}}));
  EXPECT_EQ(db.run(server.tenancy.enter(person(ada), "acme")).error().reason(), "tenant.not_found");
  EXPECT_THAT(told, testing::ElementsAre(std::pair(ada, tenant), std::pair(ada, tenant)));
  EXPECT_EQ(audited, "Membership {\"userId\":\"" + ada.to_string() + R"(","role":"TENANT_MEMBER"} null)");
  // What another server process reads of it.
  const auto events = db.exec(
      "select kind, version, payload::text from phoenix.event_inbox where type = 'Membership' "
      "order by id desc limit 1");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0][0] + events[0][1], "DELETED2");
  engine::Event event;
  event.payload = events[0][2];
  EXPECT_EQ(member_of(event), ada);
}

TEST_F(TenancyTest, OnlyOwnersSendOthersAway) {
  const Uuid tenant = make_tenant("acme");
  ASSERT_TRUE(run(inside(tenant, root), "addUserToTenant", member(ada, "TENANT_ADMIN")));
  ASSERT_TRUE(run(inside(tenant, root), "addUserToTenant", member(bob, "TENANT_MEMBER")));
  auto admin = inside(tenant, ada);
  admin.role = api::Role::kTenantAdmin;
  EXPECT_EQ(refusal(admin, "removeUserFromTenant", {{"userId", bob.to_string()}}), "membership.not_yours ");
  EXPECT_EQ(refusal(admin, "removeUserFromTenant", {{"userId", ada.to_string()}}), "") << "everybody may leave";
  EXPECT_EQ(refusal(inside(tenant, root), "removeUserFromTenant", {{"userId", ada.to_string()}}),
            "membership.not_found userId");
  EXPECT_EQ(refusal(inside(tenant, root), "removeUserFromTenant", {{"userId", "ada"}}), "uuid.malformed userId");
  EXPECT_EQ(refusal(inside(tenant, root), "removeUserFromTenant", {{"userId", root.to_string()}}),
            "tenant.last_owner userId");
}

TEST_F(TenancyTest, ATokenThatNamesTenantsOpensTheseAlone) {
  make_tenant("acme");
  make_tenant("globex");
  auto claiming = [&](Uuid user, std::map<std::string, api::Role, std::less<>> tenants, bool admin = false) {
    auto principal = person(user, admin);
    principal.claimed_tenants =
        std::make_shared<const std::map<std::string, api::Role, std::less<>>>(std::move(tenants));
    return principal;
  };
  const auto role = [&](const api::Principal& principal, const std::string& tenant) -> std::string {
    const auto access = db.run(server.tenancy.enter(principal, tenant));
    return access ? std::string(api::role_name(access->role)) : access.error().reason();
  };
  EXPECT_EQ(role(claiming(ada, {{"acme", api::Role::kTenantAdmin}}), "acme"), "TENANT_ADMIN") << "no membership needed";
  EXPECT_EQ(role(claiming(ada, {{"acme", api::Role::kTenantAdmin}}), "globex"), "tenant.not_found");
  EXPECT_EQ(role(claiming(root, {{"acme", api::Role::kTenantViewer}}), "acme"), "TENANT_VIEWER")
      << "and none adds to it";
  EXPECT_EQ(role(claiming(root, {}), "acme"), "tenant.not_found");
  EXPECT_EQ(role(claiming(root, {{"globex", api::Role::kTenantViewer}}, true), "acme"), "tenant.not_found");
  EXPECT_EQ(role(person(root), "acme"), "TENANT_OWNER") << "what was believed of a claim does not stay";
  EXPECT_EQ(role(person(ada), "acme"), "tenant.not_found");
}

TEST_F(TenancyTest, SetsALimit) {
  const Uuid tenant = make_tenant("acme");
  const object args{{"tenantId", tenant.to_string()}, {"dimension", "vcpus"}, {"maximum", 7}};
  ASSERT_TRUE(run(platform(), "setQuota", args));
  EXPECT_EQ(db.value("select maximum from phoenix.quotas where dimension = 'vcpus'"), "7");
  EXPECT_EQ(audited, R"(Tenant {"dimension":"vcpus","maximum":32} {"dimension":"vcpus","maximum":7})");
  EXPECT_THAT(db.exec("select kind, version from phoenix.event_inbox where type = 'Tenant' order by id"),
              testing::ElementsAre(Row{"CREATED", "1"}, Row{"UPDATED", "2"}));

  const auto reason = [&](std::string id, std::string_view dimension, int maximum) {
    return refusal(platform(), "setQuota", {{"tenantId", id}, {"dimension", dimension}, {"maximum", maximum}});
  };
  EXPECT_EQ(reason(tenant.to_string(), "wishes", 3), "quota.unknown_dimension dimension");
  EXPECT_EQ(reason(tenant.to_string(), "vcpus", -1), "quota.negative maximum");
  EXPECT_EQ(reason(server.ids.next().to_string(), "vcpus", 3), "tenant.not_found tenantId");
  EXPECT_EQ(refusal(inside(tenant, root), "setQuota", args), "scope.platform_required ");
  EXPECT_EQ(db.value("select maximum from phoenix.quotas where dimension = 'vcpus'"), "7");
}

TEST_F(TenancyTest, OpensTheDoorToMembersByNameAndId) {
  const Uuid tenant = make_tenant("acme");
  ASSERT_TRUE(run(inside(tenant, root), "addUserToTenant", member(ada, "TENANT_MEMBER")));
  for (const std::string& name : {std::string("acme"), tenant.to_string()}) {
    const auto access = enter(person(ada), name);
    ASSERT_TRUE(access) << access.error().to_string();
    EXPECT_EQ(access->id, tenant);
    EXPECT_EQ(access->name, "acme");
    EXPECT_EQ(access->role, api::Role::kTenantMember);
    EXPECT_EQ(access->status, api::TenantState::kActive);
  }
  EXPECT_EQ(enter(person(bob, true), "acme")->role, api::Role::kPlatformAdmin);
  EXPECT_EQ(enter(person(ada, true), "acme")->role, api::Role::kPlatformAdmin);
}

TEST_F(TenancyTest, UnknownAndForeignTenantsAreTheSame) {
  const Uuid tenant = make_tenant("acme");
  const auto unknown = enter(person(bob), "nowhere");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), Code::kNotFound);
  EXPECT_EQ(unknown.error().reason(), "tenant.not_found");
  db.exec("update phoenix.tenants set status = 'SUSPENDED'");
  for (const std::string& name : {std::string("acme"), tenant.to_string(), server.ids.next().to_string(), std::string(),
                                  std::string("ac\0me", 5), std::string("'; drop table"), std::string(10'000, 'a')})
    EXPECT_EQ(enter(person(bob), name).error().to_string(), unknown.error().to_string()) << name.substr(0, 40);
}

TEST_F(TenancyTest, ATokenOfATenantOpensThatOneOnly) {
  const Uuid tenant = make_tenant("acme");
  make_tenant("other");
  auto principal = person(root, true);
  principal.token_tenant = tenant;
  EXPECT_EQ(enter(principal, "acme")->id, tenant);
  EXPECT_EQ(enter(principal, "other").error().reason(), "tenant.not_found");
}

TEST_F(TenancyTest, SuspendedAndDeletedTenantsAreClosed) {
  make_tenant("acme");
  db.exec("update phoenix.tenants set status = 'SUSPENDED'");
  EXPECT_EQ(enter(person(root), "acme").error().reason(), "tenant.suspended");
  EXPECT_EQ(enter(person(root), "acme").error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(enter(person(ada, true), "acme")->status, api::TenantState::kSuspended) << "operators may look after it";
  db.exec("update phoenix.tenants set status = 'DELETED'");
  server.clock.advance(5s);
  EXPECT_EQ(enter(person(root), "acme").error().reason(), "tenant.deleted");
  EXPECT_EQ(enter(person(ada, true), "acme").error().reason(), "tenant.deleted");
}

TEST_F(TenancyTest, AnAccessIsBelievedForAWhileOnly) {
  make_tenant("acme");
  ASSERT_TRUE(enter(person(root), "acme"));
  db.exec("delete from phoenix.memberships");
  EXPECT_TRUE(enter(person(root), "acme"));
  server.clock.advance(5s);
  EXPECT_EQ(enter(person(root), "acme").error().reason(), "tenant.not_found");
}

TEST_F(TenancyTest, TheDefaultSiteIsThereOnce) {
  const auto first = db.run(server.tenancy.ensure_default_site());
  const auto second = db.run(server.tenancy.ensure_default_site());
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
  Server moved(db.database(), {.region = "eu-central"});
  EXPECT_EQ(*db.run(moved.tenancy.ensure_default_site()), *first);
  EXPECT_THAT(db.exec("select name, region, status from phoenix.sites"),
              testing::ElementsAre(Row{"local", "eu-central", "ACTIVE"}));
}

/// What one statement says in a scope: its first value, the count of rows it touched, or the reason of its failure.
class Wall : public TenancyTest {
 protected:
  Wall() : acme(make_tenant("acme")), other(make_tenant("other")) {}
  std::string as(pg::Scope scope, std::string text) {
    auto rows = db.run(db->execute(scope, pg::Sql::dynamic("test", std::move(text)), {}, Deadline::after(10s)));
    if (!rows) return rows.error().reason();
    return rows->columns() > 0 ? rows->get<std::string>(0, 0) : std::to_string(rows->affected());
  }
  Uuid acme, other;
};

TEST_F(Wall, ATenantSeesItselfAndItsMembershipsOnly) {
  const auto scope = pg::Scope::of_tenant(acme);
  EXPECT_EQ(as(scope, "select string_agg(name, ' ') from phoenix.tenants"), "acme");
  EXPECT_EQ(as(scope, "select string_agg(distinct tenant_id::text, ' ') from phoenix.memberships"), acme.to_string());
  EXPECT_EQ(as(pg::Scope::platform(), "select string_agg(name, ' ' order by name) from phoenix.tenants"), "acme other");
  EXPECT_EQ(as(pg::Scope::worker(), "select string_agg(name, ' ' order by name) from phoenix.tenants"), "acme other");
}

TEST_F(Wall, ATenantCannotChangeOthersNorItself) {
  const auto scope = pg::Scope::of_tenant(acme);
  const auto added =
      "insert into phoenix.memberships (id, tenant_id, user_id, role, user_email, user_name, "
      "user_created_at) values (gen_random_uuid(), '" +
      other.to_string() + "', '" + ada.to_string() + "', 'TENANT_OWNER', 'ada@example.org', 'Somebody', now())";
  EXPECT_EQ(as(scope, added), "pg.permission_denied");
  EXPECT_EQ(
      as(scope, "update phoenix.memberships set role = 'TENANT_VIEWER' where tenant_id = '" + other.to_string() + "'"),
      "0");
  EXPECT_EQ(as(scope, "update phoenix.memberships set tenant_id = '" + other.to_string() + "'"),
            "pg.permission_denied");
  EXPECT_EQ(as(scope, "update phoenix.memberships set user_email = 'x'"), "pg.permission_denied");
  EXPECT_EQ(as(scope, "update phoenix.tenants set tier = 'SOVEREIGN'"), "pg.permission_denied");
  EXPECT_EQ(as(scope, "update phoenix.quotas set maximum = 1000000"), "pg.permission_denied");
  EXPECT_EQ(as(scope, "update phoenix.sites set region = 'moon'"), "pg.permission_denied");
  EXPECT_EQ(as(pg::Scope::worker(), "update phoenix.tenants set tier = 'SOVEREIGN'"), "pg.permission_denied");
}

TEST_F(Wall, AMembershipCannotLieAboutThePerson) {
  const auto added =
      "insert into phoenix.memberships (id, tenant_id, user_id, role, user_email, user_name, "
      "user_created_at) select gen_random_uuid(), '" +
      acme.to_string() +
      "', id, 'TENANT_OWNER', "
      "'somebody@else.example', name, created_at from phoenix.users where id = '" +
      ada.to_string() + "'";
  EXPECT_EQ(as(pg::Scope::platform(), added), "pg.reference_violation");
}

TEST_F(Wall, ReadsOfPeopleUseTheTenantsIndexAndNothingElse) {
  // Small tables are scanned whatever their indexes; what counts is that the conditions are fit for one.
  db.exec_superuser("alter role phoenix_tenant set enable_seqscan = off");
  auto fresh = db.another();
  const auto rows =
      db.run(fresh->execute(pg::Scope::of_tenant(acme),
                            pg::Sql::dynamic("test",
                                             "explain (costs off) select p.email from phoenix.memberships m join "
                                             "phoenix.user_profiles p on p.id = m.user_id"),
                            {}, Deadline::after(10s)));
  db.exec_superuser("alter role phoenix_tenant reset enable_seqscan");
  ASSERT_TRUE(rows) << rows.error().to_string();
  std::string plan;
  for (const auto row : *rows) plan += row.get<std::string>(0) + "\n";
  EXPECT_THAT(plan, testing::HasSubstr("Index Cond: (tenant_id = (current_setting('phoenix.tenant_id'::text))::uuid)"));
  EXPECT_THAT(plan, testing::Not(testing::HasSubstr("Seq Scan"))) << plan;
  EXPECT_THAT(plan, testing::Not(testing::HasSubstr(" on users"))) << "of users a tenant has no rows to look at";
  db.run(fresh->stop());
}

}  // namespace
}  // namespace phx::tenancy
