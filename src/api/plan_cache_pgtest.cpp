/// One plan for all values, and nothing of one request in another's answer: with generated queries, each asked again
/// with other literals, against a service that keeps nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "api/testing/fleet.hpp"
#include "api/testing/market.hpp"
#include "api/testing/query_dice.hpp"
#include "graphql/lift.hpp"

namespace phx::api {
namespace {

using testing::Fleet;
using ::testing::HasSubstr;
using testing::id_of;
using testing::Market;
using ::testing::Not;
using testing::QueryDice;
namespace json = boost::json;

int counted(Metrics& metrics, const std::string& series) {
  const std::string text = metrics.render();
  const auto at = text.find(series + " ");
  return at == std::string::npos ? 0 : std::stoi(text.substr(at + series.size() + 1));
}

struct Plans : ::testing::Test {
  int plans(const std::string& found) {
    return counted(fleet.db.metrics(), "sankofa_graphql_plans_total{found=\"" + found + "\"}");
  }
  int documents(const std::string& found) {
    return counted(fleet.db.metrics(), "sankofa_graphql_documents_total{found=\"" + found + "\"}");
  }
  std::string ask(const std::string& query, const std::string& variables = "{}", int tenant = 1) {
    return fleet.run(fleet.context(tenant), query, variables);
  }
  Fleet fleet;
};

TEST_F(Plans, QueriesThatDifferInLiteralsShareTheirDocumentAndPlan) {
  const auto named = [&](const std::string& name) {
    return ask("{ ships(first: 5, filter: {name: {eq: \"" + name + "\"}}) { nodes { name } totalCount } }");
  };
  EXPECT_EQ(named("alpha ship 01"), R"({"data":{"ships":{"nodes":[{"name":"alpha ship 01"}],"totalCount":1}}})");
  EXPECT_EQ(named("alpha ship 02"), R"({"data":{"ships":{"nodes":[{"name":"alpha ship 02"}],"totalCount":1}}})");
  EXPECT_EQ(named("\\u0061lpha ship 03"), R"({"data":{"ships":{"nodes":[{"name":"alpha ship 03"}],"totalCount":1}}})");
  EXPECT_EQ(documents("none"), 1);
  EXPECT_EQ(documents("skeleton"), 2);
  EXPECT_EQ(plans("none"), 1);
  EXPECT_EQ(plans("shape"), 2);
  // The same words again are found as they were; by id it is the same.
  EXPECT_EQ(named("alpha ship 02"), named("alpha ship 02"));
  EXPECT_EQ(plans("ready"), 2);
  const auto ship = [&](int n) { return ask("{ ship(id: \"" + id_of(120, n) + "\") { name } }"); };
  EXPECT_EQ(ship(1), R"({"data":{"ship":{"name":"alpha ship 01"}}})");
  EXPECT_EQ(ship(2), R"({"data":{"ship":{"name":"alpha ship 02"}}})");
  EXPECT_EQ(plans("shape"), 3);
}

TEST_F(Plans, OneIsFoundWithoutTheVariablesValues) {
  const std::string query =
      "query($f: ShipFilter, $after: String, $n: Int) { ships(first: $n, after: $after, filter: $f, orderBy: TONNAGE) "
      "{ nodes { name crates(first: 1) { totalCount } } pageInfo { endCursor } } }";
  const auto page = [&](const std::string& after, const std::string& name) {
    return json::parse(ask(query, R"({"n": 2, "after": )" + after + R"(, "f": {"name": {"contains": ")" + name +
                                      R"("}, "homeId": {"in": [")" + id_of(110, 1) + "\", \"" + id_of(110, 2) +
                                      "\"]}}}"))
        .at("data")
        .at("ships");
  };
  const json::value first = page("null", "ship");
  const std::string cursor = json::serialize(first.at("pageInfo").at("endCursor"));
  const json::value second = page(cursor, "ship");
  const json::value third = page(json::serialize(second.at("pageInfo").at("endCursor")), "SHIP 1");
  EXPECT_EQ(plans("none"), 2) << "a page with a cursor has another shape";
  EXPECT_EQ(plans("shape"), 1);
  EXPECT_NE(first, second);
  std::set<std::string> seen;
  for (const auto* of : {&first, &second})
    for (const auto& node : of->at("nodes").as_array()) seen.insert(json::serialize(node.at("name")));
  EXPECT_EQ(seen.size(), 4U) << "pages follow each other";
  for (const auto& node : third.at("nodes").as_array())
    EXPECT_THAT(json::serialize(node.at("name")), HasSubstr("ship 1"));
}

TEST_F(Plans, WhatShapesAPlanMakesAnother) {
  const std::string query =
      "query($f: ShipFilter, $n: Int, $by: ShipOrder, $way: OrderDirection, $with: Boolean = true) { ships(first: $n, "
      "filter: $f, orderBy: $by, direction: $way) { nodes { name id @include(if: $with) } } }";
  int before = 0;
  for (const char* variables :
       {R"({"n": 2})", R"({"n": 3})", R"({"n": 2, "by": "NAME"})", R"({"n": 2, "by": "NAME", "way": "DESC"})",
        R"({"n": 2, "with": false})", R"({"n": 2, "f": {}})", R"({"n": 2, "f": {"name": {"eq": "a"}}})",
        R"({"n": 2, "f": {"name": {"eq": null}}})", R"({"n": 2, "f": {"name": {"ne": "a"}}})",
        R"({"n": 2, "f": {"or": [{"name": {"eq": "a"}}]}})",
        R"({"n": 2, "f": {"or": [{"name": {"eq": "a"}}, {"name": {"eq": "a"}}]}})", R"({"n": 2, "f": null})"}) {
    EXPECT_THAT(ask(query, variables), Not(HasSubstr("errors"))) << variables;
    EXPECT_EQ(plans("none"), ++before) << variables;
  }
  // A list of values is one value; a role is another plan.
  const char* const few = R"({"n": 2, "f": {"name": {"in": ["a"]}}})";
  const char* const many = R"({"n": 2, "f": {"name": {"in": ["alpha ship 01", "alpha ship 02", "c"]}}})";
  ask(query, few);
  EXPECT_THAT(ask(query, many), HasSubstr("alpha ship 02"));
  EXPECT_EQ(plans("none"), before + 1);
  fleet.run(fleet.context(1, Role::kTenantOwner), query, many);
  EXPECT_EQ(plans("none"), before + 2);
}

TEST_F(Plans, WrongValuesAreRefusedAtTheirOwnPlace) {
  const auto named = [&](const std::string& id) {
    return ask("{ a: ships(filter: {homeId: {in: [\"" + id + "\"]}}) { totalCount }\n b: __typename }");
  };
  EXPECT_THAT(named(id_of(110, 1)), Not(HasSubstr("errors")));
  EXPECT_THAT(named("nonsense"), HasSubstr("uuid.malformed"));
  EXPECT_THAT(named("nonsense"), HasSubstr("filter.homeId.in"));
  EXPECT_THAT(named(id_of(110, 2)), Not(HasSubstr("errors"))) << "and what was refused is not learnt";
  // Where a document was made from another text, errors are told in this one's lines.
  const auto two = [&](const std::string& text) {
    return ask("{ ships(first: 1, filter: {name: {ne: " + text + "}}) {\n totalCount nodes { orders } } }");
  };
  EXPECT_THAT(two("\"x\""), HasSubstr(R"("locations":[{"line":2,"column":21}])"));
  EXPECT_THAT(two("\"\"\"\n\n\nx\"\"\""), HasSubstr(R"("locations":[{"line":5,"column":21}])"));
  EXPECT_EQ(documents("skeleton"), 3);
}

TEST_F(Plans, AnothersValuesAreInNobodysAnswer) {
  const std::string query = "query($t: String) { ships(filter: {name: {contains: $t}}) { nodes { name } totalCount } }";
  for (int round = 0; round < 3; ++round)
    for (const int tenant : {1, 2})
      for (const char* text : {"ship 01", "ship 02", "nothing"}) {
        const std::string body = ask(query, fmt::format(R"({{"t": "{}"}})", text), tenant);
        EXPECT_EQ(body.find("SECRET") != std::string::npos, tenant == 2 && text != std::string("nothing")) << body;
        if (text != std::string("nothing")) EXPECT_THAT(body, HasSubstr(text));
      }
  EXPECT_EQ(plans("none"), 1);
}

TEST_F(Plans, ResolversAndMutationsGetTheirOwnLiterals) {
  const auto renamed = [&](const std::string& name) {
    return ask("mutation { renameShip(id: \"" + id_of(120, 1) + "\", name: \"" + name + "\") { ship { name } } }");
  };
  EXPECT_THAT(renamed("first"), HasSubstr(R"("name":"first")"));
  EXPECT_THAT(renamed("second"), HasSubstr(R"("name":"second")"));
}

TEST_F(Plans, AClientThatNeverRepeatsItselfFillsNothing) {
  const GraphqlService::Limits limits;
  const std::size_t texts = limits.cache.documents.max_entries;
  const std::size_t shapes = limits.cache.shapes;
  for (std::size_t i = 0; i < texts + 200; ++i)
    ask(fmt::format("{{ a{}: ships(first: 1, filter: {{name: {{eq: \"{}\"}}}}) {{ nodes {{ id }} }} }}", i, i));
  for (std::size_t i = 0; i < texts + 200; ++i)
    ask("query($n: String) { ships(first: 1, filter: {name: {eq: $n}}) { nodes { id } } }",
        fmt::format(R"({{"n": "{}"}})", i));
  const PlanCache::Sizes sizes = fleet.service->cached();
  EXPECT_EQ(sizes.texts, texts);
  EXPECT_LE(sizes.skeletons, texts);
  EXPECT_LE(sizes.ready, limits.cache.ready_queries);
  EXPECT_LE(sizes.shapes, shapes);

  // Statements of other texts, each asked so often that every connection prepares it: the least used ones go.
  for (int i = 0; i < 300; ++i) {
    std::string filter;
    for (int bit = 0; bit < 9; ++bit)
      filter += fmt::format("{{name: {{{}: \"x\"}}}}, ", (i >> bit) % 2 == 0 ? "ne" : "eq");
    for (int use = 0; use < 12; ++use) ask("{ ships(first: 1, filter: {or: [" + filter + "]}) { nodes { id } } }");
  }
  int most = 0;
  for (int use = 0; use < 12; ++use) {
    const auto rows = fleet.db.run(fleet.db->read(
        pg::Scope::of_tenant(*Uuid::parse(id_of(1, 0))),
        pg::Sql::dynamic("test",
                         "select count(*) from pg_prepared_statements where name like 'p%' and name not like "
                         "'phx%'"),
        {}, Deadline::after(std::chrono::seconds(5))));
    ASSERT_TRUE(rows) << rows.error().to_string();
    most = std::max(most, static_cast<int>(rows->get<std::int64_t>(0, 0)));
  }
  EXPECT_GT(most, 100);
  EXPECT_LE(most, 201);
}

/// The query with other literals in the same places, drawn from those of other queries.
class Twins {
 public:
  std::string of(const std::string& query, std::uint64_t seed) {
    constexpr std::string_view kKept[]{"first", "last"};
    const auto skeleton = graphql::skeleton_of(query, kKept);
    if (!skeleton) return query;
    SeededRandom dice(seed);
    std::string out;
    std::size_t copied = 0;
    for (const auto& literal : skeleton->literals) {
      auto& pool = seen_[literal.kind];
      const std::string text = query.substr(literal.offset, literal.end - literal.offset);
      out += query.substr(copied, literal.offset - copied);
      out += pool.empty() || dice.chance(1, 3) ? text : pool[dice.below(pool.size())];
      copied = literal.end;
      if (pool.size() < 2'000) pool.push_back(text);
    }
    return out + query.substr(copied);
  }

 private:
  std::map<graphql::ast::ValueKind, std::vector<std::string>> seen_;
};

TEST(CachedPlans, AnswerAsIfNothingHadBeenKept) {
  Market market;
  GraphqlService::Limits limits;
  limits.document = {.max_fields = 100'000, .max_aliases = 10'000};
  limits.compile.max_cost = 1'000'000'000;
  limits.cache = {.documents = {.max_text = 0}, .ready_query_bytes = 0};
  Metrics apart;
  GraphqlService fresh({*market.api, market.db.database(), market.clock, market.random, market.ids, apart, "secret",
                        market.event_cursors},
                       limits);
  std::map<std::string, std::vector<std::string>> values;  // of a column
  SeededRandom dice(7);
  const auto sample = [&](const std::string& table, const std::string& column) -> json::value {
    auto& known = values[table + "." + column];
    if (known.empty()) {
      const std::string text = market.db.value(
          fmt::format("select coalesce(json_agg({}), '[]') from (select {} from phoenix.{} order by 1 limit 60) t",
                      column, column, table));
      for (const auto& each : json::parse(text).as_array()) known.push_back(json::serialize(each));
    }
    return known.empty() ? json::value(nullptr) : json::parse(known[dice.below(known.size())]);
  };
  Twins twins;
  std::size_t rows = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Role role = QueryDice::role_of(seed);
    const std::string query = QueryDice(*market.api, seed, sample).query(role);
    for (int twin = 0; twin < 4; ++twin) {
      const std::string asked = twin == 0 ? query : twins.of(query, seed * 10 + static_cast<std::uint64_t>(twin));
      SCOPED_TRACE(fmt::format("seed {} twin {} as {}\n{}", seed, twin, role_name(role), asked));
      const std::string expected =
          market.db.run(fresh.execute(market.context(1, role), {.query = asked, .variables = {}})).body;
      ASSERT_EQ(market.run(market.context(1, role), asked), expected);
      rows += expected.size();
    }
  }
  EXPECT_GT(rows, 300'000U) << "queries that give nothing would prove nothing";
  EXPECT_GT(counted(market.db.metrics(), "sankofa_graphql_plans_total{found=\"shape\"}"), 100);
  EXPECT_EQ(counted(apart, "sankofa_graphql_plans_total{found=\"shape\"}"), 0);
}

}  // namespace
}  // namespace phx::api
