// Service accounts and their keys: in a tenant's own walls, through the handlers and the front door.
#include "domains/identity/api_keys.hpp"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "base/blocking_pool.hpp"
#include "base/random.hpp"
#include "domains/identity/identity.hpp"
#include "engine/events.hpp"
#include "net/http.hpp"
#include "pg/database.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;
using pg::testing::TestDatabase;
namespace json = boost::json;

const Uuid kAcme = *Uuid::parse("018f0000-0000-7000-8000-00000000ac3e");
const Uuid kGlobex = *Uuid::parse("018f0000-0000-7000-8000-0000000061b8");

class NoTenants final : public api::TenantDirectory {
 public:
  asio::awaitable<Result<api::TenantAccess>> enter(api::Principal, std::string) override {
    co_return not_found("tenant.not_found", "No such tenant.");
  }
};

struct ApiKeysTest : testing::Test {
  ApiKeysTest() {
    identity.register_with(registry, router);
    for (const auto& [id, name] : {std::pair(kAcme, "acme"), std::pair(kGlobex, "globex")})
      db.exec("insert into phoenix.tenants (id, name, display_name) values ('" + id.to_string() + "', '" + name +
              "', '" + name + "')");
    identity.on_revoked([this](const Uuid& proof) { ended.push_back(proof); });
  }

  /// A mutation in a tenant's transaction, as the pipeline runs it.
  class Mutation final : public api::MutationContext {
   public:
    Mutation(ApiKeysTest& test, api::RequestContext request) : test_(test), request_(std::move(request)) {}
    pg::Transaction& tx() override { return *tx_; }
    const api::RequestContext& request() const override { return request_; }
    const Clock& clock() const override { return test_.clock; }
    UuidSource& ids() override { return test_.ids; }
    asio::awaitable<Status> record_event(engine::Event event) override {
      event.tenant = request_.tenant;
      co_return co_await engine::record_event(*tx_, std::move(event));
    }
    void audit(std::string type, Uuid, json::value before, json::value after) override {
      test_.audited = type + json::serialize(before) + json::serialize(after);
    }
    void audit_tenant(Uuid) override {}
    void show_once(std::string field, std::string secret) override { test_.shown[field] = secret; }
    void after_commit(std::function<void()> hook) override { hooks_.push_back(std::move(hook)); }

    asio::awaitable<Result<json::object>> run(std::string name, json::object args) {
      PHX_CO_TRY(auto tx, co_await test_.db->begin(pg::Scope::of_tenant(*request_.tenant), Deadline::after(10s)));
      tx_.emplace(std::move(tx));
      auto done = co_await test_.registry.mutations().at(name)(*this, std::move(args));
      if (done) {
        PHX_CO_CHECK(co_await tx_->commit());
        for (const auto& hook : hooks_) hook();
      }
      tx_.reset();
      co_return done;
    }

   private:
    ApiKeysTest& test_;
    api::RequestContext request_;
    std::optional<pg::Transaction> tx_;
    std::vector<std::function<void()>> hooks_;
  };

  Result<json::object> mutate(const std::string& name, json::object args, const Uuid& tenant = kAcme,
                              api::Role role = api::Role::kTenantAdmin, bool program = false) {
    api::RequestContext request;
    request.principal.kind = api::PrincipalKind::kUser;
    request.principal.email = "ada@example.org";
    request.principal.program = program;
    request.tenant = tenant;
    request.role = role;
    return db.run(Mutation(*this, std::move(request)).run(name, std::move(args)));
  }
  static std::string reason(const Result<json::object>& done) {
    return done ? "ok" : std::string(done.error().reason());
  }

  std::string account(const std::string& name = "ci", const std::string& role = "TENANT_MEMBER",
                      const Uuid& tenant = kAcme) {
    const auto made = mutate("createServiceAccount", {{"input", {{"name", name}, {"role", role}}}}, tenant);
    EXPECT_TRUE(made) << reason(made);
    return std::string(made->at("serviceAccount").as_string());
  }
  json::object input(const std::string& account) const {
    return {{"serviceAccountId", account},
            {"scopes", json::array{"READ", "WRITE"}},
            {"allowedAddresses", json::array{}},
            {"expiresAt", nullptr}};
  }
  struct Made {
    std::string id;
    std::string secret;
  };
  Made key(json::object with) {
    const auto made = mutate("createApiKey", {{"input", std::move(with)}});
    EXPECT_TRUE(made) << reason(made);
    if (!made) return {};
    EXPECT_TRUE(made->at("secret").is_null()) << "what is kept for repetitions holds no secret";
    return {std::string(made->at("apiKey").as_string()), shown.at("secret")};
  }
  Result<api::Principal> come(const std::string& secret, const std::string& address = "192.0.2.7",
                              const char* header = "X-API-Key") {
    net::Request request;
    request.headers.add(header, (header == std::string("Authorization") ? "Bearer " : "") + secret);
    request.peer.address = address;
    return db.run(identity.authenticate(request));
  }

  TestDatabase db;
  ManualClock clock{Instant(std::chrono::sys_days{std::chrono::year(2030) / 1 / 1})};
  SystemRandom random;
  UuidSource ids{clock, random};
  BlockingPool blocking{1, 16};
  NoTenants tenants;
  Identity identity{db.database(), clock, random, ids, blocking, tenants, std::string(32, 'k'), {}};
  api::Registry registry;
  api::Router router;
  std::map<std::string, std::string> shown;
  std::vector<Uuid> ended;
  std::string audited;
};

TEST_F(ApiKeysTest, AKeyOpensItsTenantWithItsAccountsRole) {
  const auto ci = account();
  const auto made = key(input(ci));
  EXPECT_TRUE(made.secret.starts_with("phxk_"));
  EXPECT_EQ(audited.find(made.secret), audited.npos);
  EXPECT_NE(audited.find(made.secret.substr(0, 11)), audited.npos);
  for (const char* header : {"X-API-Key", "Authorization"}) {
    const auto who = come(made.secret, "192.0.2.7", header);
    ASSERT_TRUE(who) << header;
    EXPECT_TRUE(who->program);
    EXPECT_EQ(who->user_id.to_string(), ci);
    EXPECT_EQ(who->actor(), "service:ci@acme");
    EXPECT_EQ(who->token_tenant, kAcme);
    EXPECT_EQ(who->claimed_tenants->at("acme"), api::Role::kTenantMember);
    EXPECT_FALSE(who->platform_admin);
    EXPECT_FALSE(who->by_cookie);
    EXPECT_TRUE(who->check_use(api::Use::kWrite));
    EXPECT_EQ(who->check_use(api::Use::kConsole).error().reason(), "api_key.scope");
  }
  EXPECT_EQ(db.value("select last_used_at is not null from phoenix.api_keys"), "t");
  EXPECT_EQ(db.value("select count(*) from phoenix.api_keys where position('" + made.secret.substr(5) +
                     "' in api_keys::text) > 0"),
            "0")
      << "the database has not the key";
}

TEST_F(ApiKeysTest, WhatIsNoKeyOrTwoAtOnceOpensNothing) {
  const auto made = key(input(account()));
  auto wrong = made.secret;
  wrong.back() = wrong.back() == 'A' ? 'Q' : 'A';
  for (const std::string& secret : {wrong, std::string("phxk_"), std::string("phxk_nonsense"), std::string("nonsense"),
                                    made.secret + "A", std::string()})
    EXPECT_EQ(come(secret).error().reason(), "auth.invalid") << secret;
  net::Request both;
  both.headers.add("X-API-Key", made.secret);
  both.headers.add("Authorization", "Bearer " + made.secret);
  EXPECT_EQ(db.run(identity.authenticate(both)).error().reason(), "auth.invalid");
  Identity elsewhere{db.database(), clock, random, ids, blocking, tenants, std::string(32, 'x'), {}};
  net::Request request;
  request.headers.add("X-API-Key", made.secret);
  EXPECT_FALSE(db.run(elsewhere.authenticate(request))) << "another server's key";
}

TEST_F(ApiKeysTest, AKeyComesFromItsNetworksOnly) {
  auto with = input(account());
  with["allowedAddresses"] = json::array{"192.0.2.9/24", "2001:db8::1"};
  const auto made = key(std::move(with));
  EXPECT_EQ(db.value("select allowed_addresses from phoenix.api_keys"), "{192.0.2.0/24,2001:db8::1/128}");
  EXPECT_TRUE(come(made.secret, "192.0.2.200"));
  EXPECT_TRUE(come(made.secret, "2001:db8::1"));
  EXPECT_TRUE(come(made.secret, "::ffff:192.0.2.7")) << "a socket of IPv6 that took a client of IPv4";
  for (const char* elsewhere : {"192.0.3.1", "2001:db8::2", "2001:db8::2%lo", "::ffff:192.0.3.1", ""})
    EXPECT_EQ(come(made.secret, elsewhere).error().reason(), "api_key.address")
        << elsewhere << ": also when it was just believed from elsewhere, and the machine's own socket is no network";
  // The same for a key in connection_init.
  EXPECT_TRUE(db.run(identity.authenticate_token(made.secret, "192.0.2.1")));
  EXPECT_EQ(db.run(identity.authenticate_token(made.secret, "192.0.3.1")).error().reason(), "api_key.address");
  int wrongs = 0;
  for (const char* bad :
       {"", "everywhere", "192.0.2.0/33", "192.0.2.0/", "1.2.3", "2001:db8::/129", "192.0.2.1/24/1"}) {
    auto wrong = input(account(("net" + std::to_string(++wrongs))));
    wrong["allowedAddresses"] = json::array{bad};
    EXPECT_EQ(reason(mutate("createApiKey", {{"input", wrong}})), "api_key.network") << bad;
  }
}

TEST_F(ApiKeysTest, AKeyEndsByItselfByRotationOrAtOnce) {
  auto with = input(account());
  with["expiresAt"] = "2030-01-01T01:00:00Z";
  db.set_now(clock.now());
  const auto first = key(std::move(with));
  ASSERT_TRUE(come(first.secret));
  EXPECT_EQ(come(first.secret)->expires_at, clock.now() + 1h);
  const auto rotated = mutate("rotateApiKey", {{"id", first.id}, {"overlapSeconds", 600}});
  ASSERT_TRUE(rotated) << reason(rotated);
  const auto second = shown.at("secret");
  EXPECT_NE(second, first.secret);
  EXPECT_TRUE(come(second));
  EXPECT_TRUE(come(first.secret)) << "both, for the overlap";
  EXPECT_EQ(db.value("select count(distinct (scopes, service_account_id)) from phoenix.api_keys"), "1");
  EXPECT_EQ(reason(mutate("rotateApiKey", {{"id", first.id}, {"overlapSeconds", 0}})), "api_key.rotated")
      << "a key has one successor";
  clock.advance(11min);
  db.set_now(clock.now());
  EXPECT_EQ(come(first.secret).error().reason(), "api_key.expired");
  EXPECT_EQ(come(second)->expires_at, clock.now() + 49min) << "the successor lives as long as the first was made for";
  EXPECT_EQ(reason(mutate("rotateApiKey", {{"id", first.id}, {"overlapSeconds", 0}})), "api_key.not_found");
  clock.advance(50min);
  db.set_now(clock.now());
  EXPECT_EQ(come(second).error().reason(), "api_key.expired");
}

TEST_F(ApiKeysTest, RotationWithoutOverlapEndsTheOldKeyAtOnce) {
  const auto first = key(input(account()));
  ASSERT_TRUE(come(first.secret));
  const auto rotated = mutate("rotateApiKey", {{"id", first.id}, {"overlapSeconds", 0}});
  ASSERT_TRUE(rotated) << reason(rotated);
  EXPECT_EQ(come(first.secret).error().reason(), "api_key.expired");
  const auto second = come(shown.at("secret"));
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_FALSE(second->expires_at) << "no end has no end";
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].to_string(), first.id);
}

TEST_F(ApiKeysTest, AUseIsWrittenOnceAMinute) {
  // A server that believes nothing for a moment asks the database each time.
  Settings settings;
  settings.verified_for = 0s;
  Identity asking{db.database(), clock, random, ids, blocking, tenants, std::string(32, 'k'), settings};
  db.set_now(clock.now());
  const auto made = key(input(account()));
  net::Request request;
  request.headers.add("X-API-Key", made.secret);
  const auto use = [&] {
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(db.run(asking.authenticate(request)));
    return db.value("select xmin from phoenix.api_keys");
  };
  const auto first = use();
  EXPECT_EQ(use(), first) << "no version of the row was written";
  clock.advance(59s);
  db.set_now(clock.now());
  EXPECT_EQ(use(), first);
  clock.advance(2s);
  db.set_now(clock.now());
  EXPECT_NE(use(), first);
  EXPECT_EQ(db.value("select last_used_at = phoenix.now() from phoenix.api_keys"), "t");
}

TEST_F(ApiKeysTest, KeysOfOneBeginningAreToldApart) {
  const auto ci = account();
  const auto one = key(input(ci));
  const auto two = key(input(ci));
  db.exec("update phoenix.api_keys set prefix = '" + one.secret.substr(0, 11) + "'");
  EXPECT_EQ(come(one.secret)->session_id->to_string(), one.id);
  auto other = one.secret;
  other.replace(11, other.npos, two.secret.substr(11));
  EXPECT_EQ(come(other).error().reason(), "auth.invalid") << "the beginning alone opens nothing";
}

TEST_F(ApiKeysTest, RevocationEndsAtOnceWhatIsOpen) {
  const auto ci = account();
  const auto one = key(input(ci));
  const auto two = key(input(ci));
  ASSERT_TRUE(come(one.secret));
  ASSERT_TRUE(come(two.secret));
  EXPECT_EQ(reason(mutate("revokeApiKey", {{"id", one.id}})), "ok");
  EXPECT_FALSE(come(one.secret));
  EXPECT_TRUE(come(two.secret));
  ASSERT_EQ(ended.size(), 1);
  EXPECT_EQ(ended[0].to_string(), one.id);
  EXPECT_EQ(reason(mutate("deleteServiceAccount", {{"id", ci}})), "ok");
  EXPECT_FALSE(come(two.secret));
  EXPECT_EQ(ended.size(), 2);
  EXPECT_EQ(db.value("select count(*) from phoenix.event_inbox where type = 'Session'"), "2")
      << "other servers are told";
  EXPECT_EQ(
      db.value("select string_agg(type || ' ' || kind || ' ' || version, ', ' order by id) from phoenix.event_inbox "
               "where type <> 'Session'"),
      "ServiceAccount CREATED 1, ApiKey CREATED 1, ApiKey CREATED 1, ApiKey DELETED 2, ApiKey DELETED 2, "
      "ServiceAccount DELETED 2")
      << "lists are told";
  EXPECT_EQ(reason(mutate("revokeApiKey", {{"id", one.id}})), "api_key.not_found");
  EXPECT_EQ(reason(mutate("deleteServiceAccount", {{"id", ci}})), "service_account.not_found");
}

TEST_F(ApiKeysTest, NobodyGivesWhatTheyHaveNotGot) {
  const auto admin = account("admin", "TENANT_ADMIN");
  const auto create = [&](const char* role, api::Role by, bool program = false) {
    return reason(mutate("createServiceAccount", {{"input", {{"name", "other"}, {"role", role}}}}, kAcme, by, program));
  };
  EXPECT_EQ(create("TENANT_OWNER", api::Role::kTenantOwner), "service_account.role");
  EXPECT_EQ(create("PLATFORM_ADMIN", api::Role::kPlatformAdmin), "service_account.role");
  EXPECT_EQ(create("TENANT_VIEWER", api::Role::kTenantAdmin, true), "api_key.person_required");
  EXPECT_EQ(reason(mutate("createApiKey", {{"input", input(admin)}}, kAcme, api::Role::kTenantMember)),
            "service_account.role");
  EXPECT_EQ(reason(mutate("createApiKey", {{"input", input(admin)}}, kAcme, api::Role::kTenantAdmin, true)),
            "api_key.person_required");
  const auto made = key(input(admin));
  for (const char* name : {"revokeApiKey", "rotateApiKey"})
    EXPECT_EQ(reason(mutate(name, {{"id", made.id}, {"overlapSeconds", 0}}, kAcme, api::Role::kTenantAdmin, true)),
              "api_key.person_required");
  // Another tenant's are not there.
  EXPECT_EQ(reason(mutate("createApiKey", {{"input", input(admin)}}, kGlobex)), "service_account.not_found");
  EXPECT_EQ(reason(mutate("revokeApiKey", {{"id", made.id}}, kGlobex)), "api_key.not_found");
  EXPECT_EQ(reason(mutate("rotateApiKey", {{"id", made.id}, {"overlapSeconds", 0}}, kGlobex)), "api_key.not_found");
  EXPECT_EQ(reason(mutate("deleteServiceAccount", {{"id", admin}}, kGlobex)), "service_account.not_found");
  EXPECT_TRUE(come(made.secret));
}

TEST_F(ApiKeysTest, BadInputIsNamed) {
  const auto ci = account();
  const auto create = [&](const char* name) {
    return reason(mutate("createServiceAccount", {{"input", {{"name", name}, {"role", "TENANT_MEMBER"}}}}));
  };
  for (const char* name :
       {"", "x", "-x", "x-", "Upper", "with space", "a_b", "a-name-that-is-longer-than-forty-characters-is"})
    EXPECT_EQ(create(name), "service_account.name") << name;
  EXPECT_EQ(create("ci"), "service_account.name_taken");
  EXPECT_FALSE(account("ci", "TENANT_MEMBER", kGlobex).empty()) << "names are a tenant's own";
  const auto with = [&](std::string_view field, json::value value) {
    auto one = input(ci);
    one[field] = std::move(value);
    return reason(mutate("createApiKey", {{"input", one}}));
  };
  EXPECT_EQ(with("scopes", json::array{}), "api_key.scopes");
  EXPECT_EQ(with("expiresAt", "2029-12-31T23:59:59Z"), "api_key.expiry");
  EXPECT_EQ(with("serviceAccountId", "nonsense"), "uuid.malformed");
  EXPECT_EQ(with("allowedAddresses", json::array(51, "192.0.2.1")), "api_key.network");
  EXPECT_EQ(reason(mutate("rotateApiKey", {{"id", key(input(ci)).id}, {"overlapSeconds", 2'592'001}})),
            "api_key.overlap");
  EXPECT_EQ(db.value("select count(*) from phoenix.api_keys"), "1") << "what was refused left nothing";
}

}  // namespace
}  // namespace phx::identity
