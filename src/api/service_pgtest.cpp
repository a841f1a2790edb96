#include "api/service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "api/testing/fleet.hpp"
#include "api/testing/schema_walk.hpp"
#include "api/verify.hpp"
#include "base/task_scope.hpp"

namespace phx::api {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Fleet;
using ::testing::HasSubstr;
using testing::id_of;
using ::testing::Not;
namespace json = boost::json;

std::string string_of(const json::value& value) { return json::value_to<std::string>(value); }

std::vector<std::string> names(const json::object& connection, std::string_view field = "name") {
  std::vector<std::string> out;
  for (const auto& node : connection.at("nodes").as_array()) out.push_back(string_of(node.at(field)));
  return out;
}

struct Api : ::testing::Test {
  Fleet fleet;
};

// ------------------------------------------------------------------ reading: a type and a table, and no C++

TEST_F(Api, ReadsEveryKindOfColumn) {
  const std::string body = fleet.run(fleet.context(1), "{ ship(id: \"" + id_of(120, 6) +
                                                           "\") { __typename id name kind tonnage distance speed armed "
                                                           "launchedAt retiredAt nickname cargo flags homeId } }");
  EXPECT_EQ(
      body,
      R"({"data":{"ship":{"__typename":"Ship","id":"00000120-0000-7000-8000-000000000006","name":"alpha ship 06",)"
      R"("kind":"TUG","tonnage":1,"distance":6000,"speed":6.25,"armed":true,)"
      R"("launchedAt":"2026-01-01T03:00:00.000006Z","retiredAt":"2026-06-01T10:00:00.500Z",)"
      R"("nickname":"alpha \"nick\" \\ 6 é \t","cargo":{"list": [1, 2.5, null], "mark": "alpha"},)"
      R"("flags":["a","alpha"],"homeId":"00000110-0000-7000-8000-000000000001"}}})");
  // Nulls.
  const json::object other =
      fleet.data(fleet.context(1),
                 "{ ship(id: \"" + id_of(120, 4) + "\") { distance retiredAt nickname home { id } flagship { id } } }");
  EXPECT_EQ(json::serialize(other.at("ship")), R"({"distance":null,"retiredAt":null,"nickname":null,"home":{"id":")" +
                                                   id_of(110, 2) + R"("},"flagship":null})");
}

TEST_F(Api, NestedRowsAreWrittenWithTheSameBytes) {
  const std::string all =
      "__typename id name kind tonnage distance speed armed launchedAt retiredAt nickname cargo flags homeId "
      "flagship { name launchedAt } heading { degrees label }";
  for (int port = 1; port <= 3; ++port) {
    const std::string nested =
        fleet.run(fleet.context(1),
                  "{ port(id: \"" + id_of(110, port) + "\") { ships(orderBy: NAME) { nodes { " + all + " } } } }");
    const std::string root = fleet.run(fleet.context(1), "{ ships(orderBy: NAME, filter: {homeId: {eq: \"" +
                                                             id_of(110, port) + "\"}}) { nodes { " + all + " } } }");
    const std::string_view marker = "\"nodes\":";
    const std::string in_nested = nested.substr(nested.find(marker));
    const std::string in_root = root.substr(root.find(marker));
    // The nested answer closes one object more.
    EXPECT_EQ(in_nested, in_root + "}");
    EXPECT_THAT(in_root, HasSubstr("alpha ship"));
  }
}

TEST_F(Api, NestsToAnyDepth) {
  const json::object data = fleet.data(fleet.context(1), R"({ ports(orderBy: NAME) { nodes { name
      ships(first: 2, orderBy: NAME, direction: DESC) { totalCount pageInfo { hasNextPage } nodes { name home { name }
        crates(first: 2, orderBy: LABEL) { totalCount nodes { label weight ship { name } } } } } } } })");
  const auto& port = data.at("ports").at("nodes").as_array().at(1);
  EXPECT_EQ(string_of(port.at("name")), "alpha port 2");
  const auto& ships = port.at("ships").as_object();
  EXPECT_THAT(names(ships), ElementsAre("alpha ship 10", "alpha ship 04"));
  EXPECT_EQ(ships.at("totalCount").as_int64(), 3);
  EXPECT_TRUE(ships.at("pageInfo").at("hasNextPage").as_bool());
  const auto& crates = ships.at("nodes").as_array().at(1).at("crates").as_object();
  EXPECT_EQ(crates.at("totalCount").as_int64(), 4);
  EXPECT_THAT(names(crates, "label"), ElementsAre("alpha crate 03", "alpha crate 08"));
  EXPECT_EQ(string_of(crates.at("nodes").as_array().at(0).at("ship").at("name")), "alpha ship 04");
}

TEST_F(Api, PagesThroughEveryOrderWithoutLossOrRepetition) {
  for (const char* order : {"", "orderBy: NAME", "orderBy: TONNAGE", "orderBy: LAUNCHED_AT", "orderBy: KIND"}) {
    for (const char* direction : {"ASC", "DESC"}) {
      const std::string arguments = std::string(order) + " direction: " + direction;
      const auto expected =
          names(fleet.data(fleet.context(1), "{ ships(first: 500 " + arguments + ") { nodes { name } } }")
                    .at("ships")
                    .as_object());
      ASSERT_EQ(expected.size(), 12U);
      std::vector<std::string> seen;
      std::string after;
      for (int page = 0; page < 10; ++page) {
        const json::object data = fleet.data(fleet.context(1),
                                             "query($after: String) { ships(first: 5 after: $after " + arguments +
                                                 ") { nodes { name } edges { cursor } pageInfo { hasNextPage "
                                                 "hasPreviousPage startCursor endCursor } } }",
                                             after.empty() ? "{}" : "{\"after\": \"" + after + "\"}");
        const auto& ships = data.at("ships").as_object();
        for (const auto& name : names(ships)) seen.push_back(name);
        EXPECT_EQ(ships.at("pageInfo").at("hasPreviousPage").as_bool(), page > 0);
        after = string_of(ships.at("pageInfo").at("endCursor"));
        EXPECT_EQ(string_of(ships.at("edges").as_array().back().at("cursor")), after);
        EXPECT_EQ(ships.at("edges").as_array().front().at("cursor"), ships.at("pageInfo").at("startCursor"));
        if (!ships.at("pageInfo").at("hasNextPage").as_bool()) break;
      }
      EXPECT_EQ(seen, expected) << arguments;
      // The cursor of this order means nothing to another one.
      EXPECT_EQ(fleet.reason(fleet.context(1), "{ ports(after: \"" + after + "\") { nodes { id } } }"),
                "cursor.mismatch");
    }
  }
}

TEST_F(Api, FiltersByEveryOperator) {
  const auto count = [&](const std::string& filter) {
    return fleet.data(fleet.context(1), "{ ships(filter: " + filter + ") { totalCount } }")
        .at("ships")
        .at("totalCount")
        .as_int64();
  };
  EXPECT_EQ(count("{}"), 12);
  EXPECT_EQ(count("{name: {eq: \"alpha ship 03\"}}"), 1);
  EXPECT_EQ(count("{name: {contains: \"SHIP 0\"}}"), 9);
  EXPECT_EQ(count("{name: {contains: \"%\"}}"), 0);
  EXPECT_EQ(count("{kind: {in: [TUG, FERRY]}}"), 8);
  EXPECT_EQ(count("{kind: {in: []}}"), 0);
  EXPECT_EQ(count("{kind: {ne: TUG}}"), 8);
  EXPECT_EQ(count("{tonnage: {gte: 1, lt: 3}}"), 8);
  EXPECT_EQ(count("{tonnage: {in: [0, 3]}}"), 4);
  EXPECT_EQ(count("{armed: {eq: true}}"), 6);
  EXPECT_EQ(count("{launchedAt: {lte: \"2026-01-01T01:00:00.000003Z\"}}"), 3);
  EXPECT_EQ(count("{launchedAt: {lt: \"2026-01-01T03:00:00.000003+02:00\"}}"), 2);
  EXPECT_EQ(count("{retiredAt: {ne: null}}"), 2);
  EXPECT_EQ(count("{nickname: {eq: null}}"), 3);
  EXPECT_EQ(count("{nickname: {ne: \"x\"}}"), 12) << "a missing text is not equal to one";
  EXPECT_EQ(count("{not: {nickname: {contains: \"alpha\"}}}"), 3) << "not() holds where the condition is unknown";
  EXPECT_EQ(count("{homeId: {in: [\"" + id_of(110, 1) + "\", \"" + id_of(110, 2) + "\"]}}"), 6);
  EXPECT_EQ(count("{or: [{name: {eq: \"alpha ship 01\"}}, {and: [{kind: {eq: TUG}}, {armed: {eq: false}}]}]}"), 3);
  EXPECT_EQ(count("{or: []}"), 0);
  EXPECT_EQ(count("{and: [], not: null, name: null}"), 12);
  EXPECT_EQ(count("{name: {eq: \"'; drop table phoenix.test_ships; --\"}}"), 0);
}

TEST_F(Api, CountsUpToTheCap) {
  fleet.db.exec(
      "insert into phoenix.test_ships (id, tenant_id, name, kind, tonnage, launched_at) select gen_random_uuid(), '" +
      id_of(1, 0) + "', 'bulk ' || n, 'TUG', 1, phoenix.now() from generate_series(1, 100001) n");
  const auto ships =
      fleet.data(fleet.context(1), "{ ships(first: 1) { totalCount totalCountExact nodes { id } } }").at("ships");
  EXPECT_EQ(ships.at("totalCount").as_int64(), 100'000);
  EXPECT_FALSE(ships.at("totalCountExact").as_bool());
  const auto few = fleet.data(fleet.context(2), "{ ships { totalCount totalCountExact } }").at("ships");
  EXPECT_EQ(few.at("totalCount").as_int64(), 12);
  EXPECT_TRUE(few.at("totalCountExact").as_bool());
}

TEST_F(Api, ComputedFieldsAreCalledOncePerField) {
  const json::object data =
      fleet.data(fleet.context(1), R"({ ships(orderBy: NAME) { nodes { name heading { degrees label } }
      edges { node { heading { d: degrees } } } } ports { nodes { ships { nodes { name heading { label } } } } } })");
  EXPECT_EQ(fleet.heading_calls, 1) << "nodes, edges and the nested list together";
  for (const auto& ship : data.at("ships").at("nodes").as_array()) {
    if (!ship.at("heading").is_null()) EXPECT_EQ(ship.at("heading").at("label"), ship.at("name"));
  }
  int nested = 0;
  for (const auto& port : data.at("ports").at("nodes").as_array())
    for (const auto& ship : port.at("ships").at("nodes").as_array())
      if (!ship.at("heading").is_null()) {
        EXPECT_EQ(ship.at("heading").at("label"), ship.at("name"));
        ++nested;
      }
  EXPECT_GT(nested, 3);
}

TEST_F(Api, ResolversGiveTableObjectsByTheirIds) {
  const json::object data =
      fleet.data(fleet.context(1),
                 "{ captain(name: \"Eve\") { name ship { name } fleet { name heading { label } home { name } } } }");
  EXPECT_EQ(json::serialize(data.at("captain").at("ship")), R"({"name":"alpha ship 02"})");
  const auto& ships = data.at("captain").at("fleet").as_array();
  ASSERT_EQ(ships.size(), 3U);
  EXPECT_EQ(string_of(ships[0].at("name")), "alpha ship 03");
  EXPECT_EQ(string_of(ships[1].at("name")), "alpha ship 01");
  EXPECT_EQ(ships[2], ships[0]);
  EXPECT_EQ(string_of(ships[1].at("heading").at("label")), "alpha ship 01");
  // An id of the other tenant is as if it did not exist.
  EXPECT_EQ(fleet.reason(fleet.context(1), "{ captain(name: \"thief\") { fleet { name } } }"), "api.null");
  const std::string unknown = fleet.run(fleet.context(1), "{ captain(name: \"nobody\") { name } }");
  EXPECT_THAT(unknown, HasSubstr("\"reason\":\"captain.unknown\""));
  EXPECT_THAT(unknown, HasSubstr("\"data\":null"));
}

TEST_F(Api, NullsGoUpToTheNearestNullableParent) {
  fleet.db.exec("delete from phoenix.test_accounts");
  // Ship.tenant is not null but nobody can be seen there: the ship, which is nullable, becomes null.
  const std::string one = fleet.run(fleet.context(1), "{ ship(id: \"" + id_of(120, 1) + "\") { name tenant { id } } }");
  EXPECT_THAT(one, HasSubstr(R"("data":{"ship":null})"));
  EXPECT_THAT(one, HasSubstr(R"("path":["ship","tenant"])"));
  // In a list of non-null rows it takes the list, the connection and the root.
  EXPECT_THAT(fleet.run(fleet.context(1), "{ ports { totalCount } ships(first: 2) { nodes { tenant { id } } } }"),
              HasSubstr("\"data\":null"));
  // A number that no Int can hold is a field error in its place.
  fleet.db.exec("update phoenix.test_ships set distance = 3000000000 where id = '" + id_of(120, 1) + "'");
  const std::string big = fleet.run(fleet.context(1), "{ ship(id: \"" + id_of(120, 1) + "\") { name distance } }");
  EXPECT_THAT(big, HasSubstr(R"("ship":{"name":"alpha ship 01","distance":null})"));
  EXPECT_THAT(big, HasSubstr(R"("path":["ship","distance"])"));
}

TEST_F(Api, RolesGuardFields) {
  const auto member = fleet.context(1, Role::kTenantMember);
  const std::string hidden = fleet.run(member, "{ ships(first: 1) { nodes { name orders } } }");
  EXPECT_THAT(hidden, HasSubstr("\"orders\":null"));
  EXPECT_THAT(hidden, HasSubstr("auth.forbidden"));
  EXPECT_THAT(hidden, Not(HasSubstr("alpha orders")));
  EXPECT_THAT(fleet.run(fleet.context(1, Role::kTenantAdmin), "{ ships(first: 1) { nodes { orders } } }"),
              HasSubstr("alpha orders"));
  EXPECT_EQ(fleet.reason(member, "{ secretShips { nodes { id } } }"), "auth.forbidden");
  EXPECT_EQ(fleet.reason(fleet.context(1, Role::kTenantOwner), "{ secretShips { nodes { id } } }"), "");
  EXPECT_EQ(fleet.reason(member, "{ accounts { nodes { id } } }"), "auth.forbidden");
  RequestContext nobody;
  nobody.deadline = Deadline::after(std::chrono::seconds(5));
  EXPECT_EQ(fleet.reason(nobody, "{ ships { nodes { id } } }"), "auth.required");
  EXPECT_EQ(fleet.reason(nobody, "{ __schema { types { name } } }"), "auth.required");
  EXPECT_EQ(fleet.reason(nobody, "{ whoAmI }"), "auth.required");
  EXPECT_EQ(fleet.reason(nobody, "{ __typename health { status } }"), "");
  // Signed in, but in no tenant: only what is the user's own.
  RequestContext homeless = fleet.context(0, Role::kNone);
  EXPECT_EQ(fleet.reason(homeless, "{ ships { nodes { id } } }"), "tenant.required");
  EXPECT_EQ(fleet.reason(homeless, "mutation { renameShip(id: \"" + id_of(120, 1) + "\", name: \"x\") { note } }"),
            "tenant.required");
  EXPECT_EQ(string_of(fleet.data(homeless, "{ whoAmI }").at("whoAmI")), "ada@example.org");
  EXPECT_EQ(fleet.reason(homeless, "mutation { setMotto(motto: \"on\") { motto } }"), "");
}

TEST_F(Api, PlatformAdministratorsSeeAllTenants) {
  const auto admin = fleet.context(0, Role::kPlatformAdmin);
  EXPECT_EQ(fleet.data(admin, "{ ships { totalCount } }").at("ships").at("totalCount").as_int64(), 24);
  EXPECT_EQ(fleet.data(admin, "{ accounts { totalCount } }").at("accounts").at("totalCount").as_int64(), 2);
}

TEST_F(Api, BrokenDocumentsAreTypedErrors) {
  const auto me = fleet.context(1);
  EXPECT_EQ(fleet.reason(me, "{"), "graphql.syntax");
  EXPECT_EQ(fleet.reason(me, "{ nope }"), "graphql.validation");
  EXPECT_EQ(fleet.reason(me, "query($x: Int!) { ships(first: $x) { nodes { id } } }"), "graphql.request");
  EXPECT_EQ(fleet.reason(me, "subscription { shipChanged { id } }"), "graphql.subscription");
  std::string deep = "{ ships { nodes ";
  for (int i = 0; i < 20; ++i) deep += "{ flagship ";
  deep += "{ id }" + std::string(20, '}') + " } }";
  EXPECT_EQ(fleet.reason(me, deep), "limit.depth");
  const std::string body = fleet.run(me, "{ nope }");
  EXPECT_THAT(body, HasSubstr("\"requestId\":\"request-1\""));
  EXPECT_THAT(body, HasSubstr("VALIDATION_ERROR"));
}

// ------------------------------------------------------------------ mutations

constexpr std::string_view kLaunch =
    "mutation($name: String!, $key: String) { launchShip(input: {name: $name}, idempotencyKey: $key) { note ship { id "
    "name kind "
    "tonnage tenant { name } } } }";

TEST_F(Api, MutationsWriteObjectAuditAndEventTogether) {
  const json::object data = fleet.data(fleet.context(1), std::string(kLaunch), R"({"name": "nova"})");
  const auto& ship = data.at("launchShip").at("ship");
  EXPECT_EQ(string_of(data.at("launchShip").at("note")), "launched");
  EXPECT_EQ(string_of(ship.at("kind")), "TUG");
  EXPECT_EQ(ship.at("tonnage").as_int64(), 100);
  EXPECT_EQ(string_of(ship.at("tenant").at("name")), "alpha account");
  EXPECT_EQ(fleet.commits, 1);
  const auto audit = fleet.db.exec(
      "select actor, action, outcome, object_type, object_id, request_id, tenant_id, host(remote_address::inet), "
      "after::text from phoenix.audit_log");
  ASSERT_EQ(audit.size(), 1U);
  EXPECT_THAT(audit[0], ElementsAre("ada@example.org", "launchShip", "OK", "Ship", string_of(ship.at("id")),
                                    "request-1", id_of(1, 0), "192.0.2.1", HasSubstr("nova")));
  const auto events = fleet.db.exec("select type, object_id, kind, tenant_id from phoenix.event_inbox");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_THAT(events[0], ElementsAre("Ship", string_of(ship.at("id")), "CREATED", id_of(1, 0)));
}

TEST_F(Api, TheSameKeyDoesItOnce) {
  const std::string variables = R"({"name": "nova", "key": "k-1"})";
  const json::object first = fleet.data(fleet.context(1), std::string(kLaunch), variables);
  const json::object again = fleet.data(fleet.context(1), std::string(kLaunch), variables);
  EXPECT_EQ(first, again);
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.test_ships where name = 'nova'"), "1");
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.event_inbox"), "1");
  // The header's key is the same key; another tenant's is another.
  const json::object by_header =
      json::parse(fleet.run(fleet.context(1), std::string(kLaunch), R"({"name": "nova"})", "k-1")).as_object();
  EXPECT_EQ(by_header.at("data"), json::value(first));
  EXPECT_EQ(fleet.reason(fleet.context(2), std::string(kLaunch), variables), "");
  EXPECT_EQ(fleet.reason(fleet.context(1), std::string(kLaunch), R"({"name": "other", "key": "k-1"})"),
            "idempotency.key_reused");
  EXPECT_EQ(fleet.reason(fleet.context(1), std::string(kLaunch), R"({"name": "other", "key": "a b"})"),
            "idempotency.key_malformed");
}

TEST_F(Api, FailuresLeaveNothingButTheirAuditRow) {
  const std::string body =
      fleet.run(fleet.context(1), std::string(kLaunch), R"({"name": "alpha ship 01", "key": "k-2"})");
  EXPECT_THAT(body, HasSubstr(R"("code":"CONFLICT","reason":"ship.name_taken","field":"input.name")"));
  EXPECT_THAT(body, HasSubstr("\"data\":null"));
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.test_ships"), "24");
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.event_inbox"), "0");
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.idempotency_keys"), "0");
  EXPECT_EQ(fleet.db.value("select string_agg(action || ' ' || outcome, ',') from phoenix.audit_log"),
            "launchShip ALREADY_EXISTS");
  EXPECT_EQ(fleet.commits, 0);
  // A role that is too small is an outcome as well.
  EXPECT_EQ(fleet.reason(fleet.context(1, Role::kTenantViewer), std::string(kLaunch), R"({"name": "x"})"),
            "auth.forbidden");
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.audit_log where outcome = 'PERMISSION_DENIED'"), "1");
}

TEST_F(Api, WhatIsDangerousWantsAFreshSecondFactor) {
  auto who = fleet.context(1);
  who.principal.by_cookie = true;
  who.principal.has_second_factor = true;
  who.principal.second_factor_at = fleet.clock.now() - std::chrono::minutes(11);
  const std::string body = fleet.run(who, std::string(kLaunch), R"({"name": "nova", "key": "k-4"})");
  EXPECT_THAT(body, HasSubstr(R"("code":"MFA_REQUIRED","reason":"auth.step_up")"));
  EXPECT_THAT(body, HasSubstr(R"("acr_values":"aal2","max_age":600)"));
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.test_ships"), "24") << "nothing was done";
  EXPECT_EQ(fleet.db.value("select string_agg(action || ' ' || outcome, ',') from phoenix.audit_log"),
            "launchShip MFA_REQUIRED");
  // The same act again, with the same key.
  who.principal.second_factor_at = fleet.clock.now();
  fleet.data(who, std::string(kLaunch), R"({"name": "nova", "key": "k-4"})");
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.test_ships"), "25");
  // Reading is not dangerous.
  who.principal.second_factor_at = std::nullopt;
  fleet.data(who, "{ ships(first: 1) { nodes { name } } }");
}

TEST_F(Api, AbortedTransactionsAreTriedAgain) {
  fleet.launch_aborts = 2;
  fleet.data(fleet.context(1), std::string(kLaunch), R"({"name": "nova", "key": "k-3"})");
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.test_ships where name = 'nova'"), "1");
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.audit_log"), "1");
  fleet.launch_aborts = 100;
  EXPECT_EQ(fleet.reason(fleet.context(1), std::string(kLaunch), R"({"name": "never"})"), "test.aborted");
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.test_ships where name = 'never'"), "0");
}

TEST_F(Api, MutationsOfOneOperationRunInOrder) {
  const std::string id = id_of(120, 1);
  const json::object data =
      fleet.data(fleet.context(1), "mutation { a: renameShip(id: \"" + id +
                                       "\", name: \"one\") { ship { name } } b: renameShip(id: \"" + id +
                                       "\", name: \"two\") { ship { name } } }");
  EXPECT_EQ(json::serialize(data), R"({"a":{"ship":{"name":"one"}},"b":{"ship":{"name":"two"}}})");
}

// ------------------------------------------------------------------ the tenant wall

TEST_F(Api, NothingOfAnotherTenantIsVisibleAnywhere) {
  const auto me = fleet.context(1, Role::kPlatformAdmin);  // every field, but inside one tenant
  const auto queries = testing::walk_schema(*fleet.api, 2);
  ASSERT_EQ(queries.size(), 5U);
  std::vector<std::string> before;
  for (const auto& [field, query] : queries) {
    const std::string body = fleet.run(me, query);
    EXPECT_THAT(body, Not(HasSubstr("errors"))) << query;
    EXPECT_THAT(body, HasSubstr("alpha"));
    EXPECT_THAT(body, Not(HasSubstr("SECRET"))) << query;
    for (int kind : {2, 210, 220, 230}) EXPECT_THAT(body, Not(HasSubstr(fmt::format("{:08d}-", kind)))) << query;
    before.push_back(body);
  }
  // What the other does changes not one byte of any answer, counts included.
  fleet.db.exec("insert into phoenix.test_ports values (gen_random_uuid(), '" + id_of(2, 0) + "', 'SECRET new')");
  fleet.db.exec("update phoenix.test_ships set name = name || '!' where tenant_id = '" + id_of(2, 0) + "'");
  for (std::size_t i = 0; i < queries.size(); ++i) EXPECT_EQ(fleet.run(me, queries[i].query), before[i]);
}

TEST_F(Api, EqualQueriesShareTheirPlanAndNothingElse) {
  const std::string query =
      "query($n: Int) { ships(first: $n, orderBy: NAME) { totalCount nodes { name orders heading { label } } } }";
  const std::string variables = R"({"n": 2})";
  const auto owner = [&](int tenant) { return fleet.run(fleet.context(tenant, Role::kTenantOwner), query, variables); };
  const std::string one = owner(1);
  const std::string two = owner(2);
  EXPECT_THAT(one, AllOf(HasSubstr("alpha orders"), Not(HasSubstr("SECRET"))));
  EXPECT_THAT(two, AllOf(HasSubstr("SECRET orders"), Not(HasSubstr("alpha"))));
  EXPECT_EQ(owner(1), one);
  // A smaller role asks with the same words and gets another plan.
  EXPECT_THAT(fleet.run(fleet.context(1, Role::kTenantMember), query, variables), Not(HasSubstr("alpha orders")));
  // So do other variables; and without a tenant a plan that lies ready is of no use.
  EXPECT_THAT(fleet.run(fleet.context(1, Role::kTenantOwner), query, R"({"n": 3})"), HasSubstr("alpha ship 03"));
  EXPECT_EQ(fleet.reason(fleet.context(0, Role::kTenantOwner), query, variables), "tenant.required");
}

TEST_F(Api, AnothersIdsAreLikeIdsOfNothing) {
  const auto me = fleet.context(1, Role::kTenantOwner);
  const std::string theirs = id_of(220, 1);
  const std::string none = id_of(777, 1);
  for (const std::string& text : {std::string("{ ship(id: \"ID\") { id name } }"),
                                  std::string("{ ships(filter: {homeId: {eq: \"ID\"}}) { totalCount nodes { id } } }"),
                                  std::string("mutation { renameShip(id: \"ID\", name: \"x\") { ship { id } } }"),
                                  std::string("mutation { sinkShip(id: \"ID\") { ship { id } } }")}) {
    const auto with = [&](const std::string& id) {
      std::string query = text;
      return fleet.run(me, query.replace(query.find("ID"), 2, id));
    };
    EXPECT_EQ(with(theirs), with(none)) << text;
  }
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.test_ships where tenant_id = '" + id_of(2, 0) +
                           "' and name like 'SECRET%'"),
            "12");
  // A key of the other tenant in our own row leads nowhere.
  fleet.db.exec("update phoenix.test_ships set port_id = '" + id_of(210, 1) + "' where id = '" + id_of(120, 1) + "'");
  EXPECT_THAT(fleet.run(me, "{ ship(id: \"" + id_of(120, 1) + "\") { home { name } } }"), HasSubstr("\"home\":null"));
}

// ------------------------------------------------------------------ SDL against the catalogue

TEST_F(Api, TablesAreWhatTheSdlSays) {
  const auto verify = [&](std::string_view more) {
    auto api = testing::assemble_fleet(fleet.registry, more);
    if (!api) throw std::runtime_error(api.error().message());
    const Status status =
        fleet.db.run(verify_tables(**api, fleet.db.database(), Deadline::after(std::chrono::seconds(5))));
    return status ? std::string() : status.error().message();
  };
  EXPECT_EQ(verify(""), "");
  fleet.db.exec("create view phoenix.test_door as select id from phoenix.test_ships");
  fleet.db.exec(
      "create table phoenix.test_odd (id uuid primary key, a text, b text collate \"en-x-icu\" not null, c int)");
  fleet.db.exec(
      "create function phoenix.test_sum(a text) returns int language sql volatile security definer as 'select 1'");
  const std::string faults = verify(R"(
    type A @table(name: "test_nothing") { id: ID! }
    type B @table(name: "test_door") { id: ID! missing: Int }
    type C @table(name: "test_odd") { id: ID! a: String! b: String! @sortable c: String ship: Ship @one(key: "c")
                                      crates: CrateConnection! @many(key: "label")
                                      fans: ShipConnection! @many(key: "flagship_id")
                                      sum: Int @computed(function: "test_sum", columns: ["a", "d"]) }
    extend type Query { cs: CConnection! @connection }
  )");
  EXPECT_THAT(faults, HasSubstr("A: there is no table or view phoenix.test_nothing"));
  EXPECT_THAT(faults, HasSubstr("B: the view phoenix.test_door must be security_invoker"));
  EXPECT_THAT(faults, HasSubstr("B.missing: phoenix.test_door has no column missing"));
  EXPECT_THAT(faults, HasSubstr("C by B: no index walks it over all tenants: phoenix.test_odd (b, id); Query.cs"));
  EXPECT_THAT(faults, HasSubstr("C.fans: no index of phoenix.test_ships is led by flagship_id"));
  EXPECT_THAT(faults, HasSubstr("C.sum: phoenix.test_odd has no column d"));
  EXPECT_THAT(faults, HasSubstr("C.sum: the function test_sum is VOLATILE"));
  EXPECT_THAT(faults, HasSubstr("C.sum: the function test_sum is SECURITY DEFINER"));
  EXPECT_THAT(faults, HasSubstr("C.sum: the function test_sum takes 1 arguments, not 2"));
  EXPECT_THAT(faults, HasSubstr("C.a: phoenix.test_odd.a may be null"));
  EXPECT_THAT(faults, HasSubstr("C by B: an order by text needs phoenix.test_odd.b collate"));
  EXPECT_THAT(faults, HasSubstr("C.c: the type of phoenix.test_odd.c"));
  EXPECT_THAT(faults, HasSubstr("C.ship: the key phoenix.test_odd.c is no uuid"));
  EXPECT_THAT(faults, HasSubstr("C.crates: the key phoenix.test_crates.label is no uuid"));
}

// ------------------------------------------------------------------ compiled against naive

/// Reads the same things one row at a time, and compares.
TEST_F(Api, CompiledReadsEqualNaiveOnes) {
  SeededRandom dice(20260101);
  const char* orders[] = {"NAME", "TONNAGE", "LAUNCHED_AT", "KIND"};
  const char* columns[] = {"name", "tonnage", "launched_at", "kind"};
  for (int round = 0; round < 60; ++round) {
    const std::size_t order = dice.below(4);
    const bool descending = dice.chance(1, 2);
    const auto first = 1 + dice.below(15);
    const auto crates = 1 + dice.below(5);
    const auto least = dice.below(4);
    const bool armed = dice.chance(1, 2);
    const std::string direction = descending ? "DESC" : "ASC";
    const json::object data = fleet.data(
        fleet.context(1),
        fmt::format(
            "{{ ships(first: {}, orderBy: {}, direction: {}, filter: {{or: [{{tonnage: {{gte: {}}}}}, {{armed: {{eq: "
            "{}}}}}]}}) "
            "{{ totalCount pageInfo {{ hasNextPage }} nodes {{ id name home {{ name }} "
            "crates(first: {}, orderBy: WEIGHT, direction: {}) {{ totalCount nodes {{ label weight }} }} }} }} }}",
            first, orders[order], direction, least, armed, crates, direction));
    const std::string where =
        fmt::format("tenant_id = '{}' and (tonnage >= {} or armed = {})", id_of(1, 0), least, armed);
    const auto rows =
        fleet.db.exec(fmt::format("select id, name, port_id from phoenix.test_ships where {} order by {} {}, id {}",
                                  where, columns[order], direction, direction));
    json::array nodes;
    for (std::size_t i = 0; i < rows.size() && i < first; ++i) {
      json::object node{{"id", rows[i][0]}, {"name", rows[i][1]}, {"home", nullptr}};
      if (rows[i][2] != "NULL")
        node["home"] = json::object{
            {"name", fleet.db.value("select name from phoenix.test_ports where id = '" + rows[i][2] + "'")}};
      const auto held = fleet.db.exec(
          fmt::format("select label, grams from phoenix.test_crates where ship_id = '{}' order by grams {}, id {}",
                      rows[i][0], direction, direction));
      json::array kept;
      for (std::size_t c = 0; c < held.size() && c < crates; ++c)
        kept.push_back(json::object{{"label", held[c][0]}, {"weight", std::stoll(held[c][1])}});
      node["crates"] = json::object{{"totalCount", held.size()}, {"nodes", kept}};
      nodes.push_back(std::move(node));
    }
    const json::object expected{{"ships", json::object{{"totalCount", rows.size()},
                                                       {"pageInfo", json::object{{"hasNextPage", rows.size() > first}}},
                                                       {"nodes", nodes}}}};
    ASSERT_EQ(json::serialize(data), json::serialize(expected)) << "round " << round;
  }
}

}  // namespace
}  // namespace phx::api
