/// Each feature of the compiler once, as it is documented: query, SQL, JSON and the shape of the plan, as files under
/// golden/features that are rewritten with PHX_UPDATE_GOLDEN=1. Plans are made with sequential scans switched off, so
/// that they show which index can serve; ListsAreCheapAtAnyDepth measures without such help.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/testing/compiled.hpp"
#include "api/testing/market.hpp"
#include "api/verify.hpp"

namespace phx::api {
namespace {

using testing::Compiled;
using testing::explain;
using ::testing::HasSubstr;
using testing::Market;
using ::testing::Not;
namespace json = boost::json;
using namespace std::chrono_literals;

/// The market's rows are not changed by these tests, and making it takes longer than asking it.
std::unique_ptr<Market>& shared_market() {
  static std::unique_ptr<Market> it;
  return it;
}
Market& market() {
  if (!shared_market()) shared_market() = std::make_unique<Market>();
  return *shared_market();
}
/// The database goes before the cluster does.
struct Closing : ::testing::Environment {
  void TearDown() override { shared_market().reset(); }
};
[[maybe_unused]] const auto* const kClosing = ::testing::AddGlobalTestEnvironment(new Closing);

struct Feature {
  const char* name;
  const char* query;
  Role role = Role::kTenantMember;
};

std::string readable(std::string_view sql) {
  std::string out(sql);
  for (std::string_view word : {" from ", " where ", " left join ", " order by ", " group by ", " limit "}) {
    const std::string with = "\n" + std::string(word.substr(1));
    for (auto at = out.find(word); at != std::string::npos; at = out.find(word, at + with.size()))
      out.replace(at, word.size(), with);
  }
  return out;
}

pg::Scope tenant_scope() { return pg::Scope::of_tenant(*Uuid::parse(Market::tenant_id(1))); }

/// What a plan is made of: its nodes with their tables, indexes and what those are searched by.
std::string shape(const std::string& plan) {
  std::string out;
  std::istringstream lines(plan);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(": ") != std::string::npos && line.find("Index Cond:") == std::string::npos) continue;
    out += line + "\n";
  }
  return out;
}

class Features : public ::testing::TestWithParam<Feature> {};

TEST_P(Features, AreAsCommitted) {
  Market& of = market();
  const Feature& feature = GetParam();
  const Compiled compiled = testing::compile(*of.api, feature.query, feature.role);
  std::string text = fmt::format("# query as {}\n{}\n", role_name(feature.role), feature.query);
  const auto statement = [&](std::string_view what, const pg::Query& query) {
    text +=
        fmt::format("\n# {}, {} parameters\n{}\n\n# plan\n{}", what, query.params.size(), readable(query.sql.text()),
                    shape(explain(of.db, query, "costs off", tenant_scope(), {{"enable_seqscan", "off"}})));
  };
  if (compiled.plan->rows) statement("rows", *compiled.plan->rows);
  if (compiled.plan->count) statement("count", *compiled.plan->count);
  for (const pg::Query& extra : compiled.plan->extras) statement("aggregate", extra);
  text += "\n# answer\n" + of.run(of.context(1, feature.role), feature.query) + "\n";

  testing::expect_golden(fmt::format("src/api/golden/features/{}.txt", feature.name), text);
}

INSTANTIATE_TEST_SUITE_P(
    Compiler, Features,
    ::testing::Values(
        Feature{"page_from_the_end",
                "{ items(last: 3, orderBy: PRICE) { nodes { name price } pageInfo { hasNextPage "
                "hasPreviousPage } } }"},
        Feature{"order_by_several_columns",
                "{ items(first: 4, orderBy: KIND_LISTED, direction: DESC) { nodes { kind "
                "listedAt } edges { cursor } } }"},
        Feature{"order_by_a_nullable_field", "{ items(last: 3, orderBy: SOLD_AT) { nodes { soldAt } } }"},
        Feature{"filter_texts",
                "{ items(filter: {or: [{name: {startsWith: \"OWN 1\"}}, {nickname: {endsWith: \"2\"}}, "
                "{name: {eqAnyCase: \"own CUP 3\"}}]}) { totalCount } }"},
        Feature{"filter_lists_and_json",
                "{ items(first: 2, filter: {tags: {hasAny: [\"hot\", \"old\"]}, sizes: {isEmpty: "
                "false}, shades: {has: TOY}, meta: {contains: {size: 1}}}) { nodes { tags sizes "
                "shades related meta } } }"},
        Feature{"filter_decimals",
                "{ items(first: 3, orderBy: PRICE, filter: {price: {gte: \"2.45\", lt: \"4\"}, weight: "
                "{isNull: false}}) { nodes { price weight } } }"},
        Feature{"filter_by_a_relation",
                "{ items(first: 2, filter: {seller: {region: {eq: \"south\"}}}) { nodes { name "
                "seller { region } } } }"},
        Feature{"filter_by_lists",
                "{ sellers(filter: {items: {some: {kind: {eq: BOOK}, reviews: {none: {stars: {lt: "
                "3}}}}}}) { nodes { name } } }"},
        Feature{"interface_over_tables",
                "{ named(first: 4, orderBy: NAME) { nodes { __typename name rank ... on Item { "
                "price seller { name } } ... on Seller { region } } } }"},
        Feature{"interface_as_owner",
                "{ named(last: 3, orderBy: NAME) { nodes { __typename name ... on Vault { code } } } }",
                Role::kTenantOwner},
        Feature{"interface_over_one_table",
                "{ items(first: 3, orderBy: NAME) { nodes { media(first: 2) { nodes { title ... "
                "on Photo { width } ... on Film { minutes } } } } } }"},
        Feature{"union",
                "{ anything(first: 11) { nodes { __typename ... on Review { stars item { name } } ... on Item { name "
                "} } } }"},
        Feature{"aggregate",
                "{ items(filter: {kind: {eq: TOY}}) { aggregate { count sum { price stock weight } avg { price "
                "stock } min { listedAt nickname } max { price } } } }"},
        Feature{"groups",
                "{ items { groups(by: [KIND, FRAGILE], first: 4) { keys { kind fragile } count sum { price } } } }"},
        Feature{"aggregate_of_a_relation",
                "{ sellers(first: 2) { nodes { name items { totalCount aggregate { sum { stock } "
                "} groups(by: [KIND]) { keys { kind } count } } } } }"},
        Feature{"computed",
                "{ items(first: 2, orderBy: STOCK, direction: DESC) { nodes { stock price worth label(prefix: "
                "\"> \") loud: label(prefix: \"!\", times: 2, loud: true) } } }"},
        Feature{"row_rule", "{ reviews(first: 2) { totalCount nodes { hidden item { reviews { totalCount } } } } }"},
        Feature{"row_rule_not_for_admins", "{ reviews(first: 2) { totalCount nodes { hidden } } }", Role::kTenantAdmin},
        Feature{"field_of_a_greater_role",
                "{ sellers(first: 1) { nodes { name contact } aggregate { max { contact } } } }"},
        Feature{"resolvers_below_lists",
                "{ sellers(first: 2) { nodes { rank items(first: 2) { nodes { stock rank(base: 10) "
                "reviews(first: 1) { nodes { mood { word } } } } } } } }"}),
    [](const auto& info) { return std::string(info.param.name); });

// ------------------------------------------------------------------ what the files cannot show

std::string reason(const std::string& body) {
  const json::object answer = json::parse(body).as_object();
  const auto* errors = answer.if_contains("errors");
  return errors ? json::value_to<std::string>(errors->as_array().at(0).at("extensions").at("reason")) : "";
}
std::string reason(const std::string& query, Role role) {
  return reason(market().run(market().context(1, role), query));
}

TEST(FeatureLimits, AreTyped) {
  constexpr Role kViewer = Role::kTenantViewer;
  EXPECT_EQ(reason("{ items(first: 1, last: 1) { nodes { id } } }", kViewer), "page.ends");
  EXPECT_EQ(reason("{ items(last: 501) { nodes { id } } }", kViewer), "limit.page_size");
  EXPECT_EQ(reason("{ items(last: 1, before: \"x\") { nodes { id } } }", kViewer), "cursor.malformed");
  EXPECT_EQ(reason("{ items { groups(by: [], first: 1) { count } } }", kViewer), "limit.groups");
  EXPECT_EQ(reason("{ items { groups(by: [KIND], first: 501) { count } } }", kViewer), "limit.groups");
  EXPECT_EQ(reason("{ items(filter: {price: {eq: \"1e9\"}}) { totalCount } }", kViewer), "filter.value");
  EXPECT_EQ(reason("{ items(filter: {price: {in: [\"1\", \"NaN\"]}}) { totalCount } }", kViewer), "filter.value");
  EXPECT_EQ(reason("{ items(filter: {name: {contains: \"\\u0000\"}}) { totalCount } }", kViewer), "filter.value");
  EXPECT_EQ(reason("{ items(filter: {meta: {contains: {a: \"\\u0000\"}}}) { totalCount } }", kViewer), "filter.value");
  EXPECT_EQ(reason("{ items { nodes { label(prefix: \"\\u0000\") } } }", kViewer), "filter.value");
  EXPECT_EQ(
      reason("{ items(filter: {parent: {parent: {parent: {parent: {parent: {stock: {eq: 1}}}}}}}) { totalCount } }",
             kViewer),
      "limit.filter");
  // At any depth a filter by what one may not read is refused.
  EXPECT_EQ(reason("{ items(filter: {seller: {contact: {eq: \"x\"}}}) { totalCount } }", kViewer), "auth.forbidden");
  EXPECT_EQ(reason("{ items(filter: {seller: {contact: {eq: \"x\"}}}) { totalCount } }", Role::kTenantAdmin), "");
  EXPECT_EQ(reason("{ vaults { totalCount } }", Role::kTenantAdmin), "auth.forbidden");
}

TEST(FeatureRoles, RowsOfGreaterRolesAreAsIfTheyWereNotThere) {
  const std::string vault = Market::id_of(1, 4, 0);
  const std::string query = "{ namedThing(id: \"" + vault + "\") { name ... on Vault { code } } }";
  EXPECT_THAT(market().run(market().context(1, Role::kTenantAdmin), query), HasSubstr("\"namedThing\":null"));
  EXPECT_THAT(market().run(market().context(1, Role::kTenantOwner), query), HasSubstr("own code"));
  const auto count = [&](Role role) {
    return json::parse(market().run(market().context(1, role), "{ named { totalCount } }"))
        .at("data")
        .at("named")
        .at("totalCount")
        .as_int64();
  };
  EXPECT_EQ(count(Role::kTenantOwner) - count(Role::kTenantViewer), 4);
}

TEST(FeatureResolvers, AreCalledOnceForEachFieldAndItsArguments) {
  Market& of = market();
  of.calls.clear();
  const json::object answer =
      json::parse(of.run(of.context(1),
                         "{ items(first: 5) { nodes { rank parent { rank } } edges { node { rank } } } "
                         "named(first: 20) { nodes { rank ... on Item { far: rank(base: 5) } } } "
                         "sellers { nodes { items(first: 3) { nodes { rank reviews { nodes { item { rank } } } } } "
                         "} } }"))
          .as_object();
  ASSERT_TRUE(answer.at("data").is_object()) << json::serialize(answer);
  EXPECT_EQ(of.calls["Item.rank"], 2) << "one for each set of arguments";
  EXPECT_EQ(of.calls["Seller.rank"], 1);
}

TEST(FeatureResolvers, TheirPatienceEnds) {
  Market& of = market();
  const std::string body = of.run(of.context(1), "{ items(first: 2) { nodes { name slow } } }");
  EXPECT_THAT(body, HasSubstr("api.resolver_timeout"));
  EXPECT_THAT(body, HasSubstr("\"slow\":null"));
  EXPECT_EQ(json::parse(body).at("errors").as_array().size(), 2U) << "one error a row, each with its path";
  EXPECT_THAT(body, HasSubstr(R"("path":["items","nodes",1,"slow"])"));
  EXPECT_EQ(json::parse(body).at("data").at("items").at("nodes").as_array().size(), 2U);
}

TEST(FeatureTables, AreAsTheSdlSays) {
  Market& of = market();
  const Status status = of.db.run(verify_tables(*of.api, of.db.database(), Deadline::after(10s)));
  EXPECT_TRUE(status) << status.error().message();
}

// ------------------------------------------------------------------ at scale

struct Scale : ::testing::Test {
  static constexpr int kRows = 100'000;

  Scale() {
    market.db.exec(fmt::format(
        "insert into phoenix.market_items (id, tenant_id, name, kind, price, stock, listed_at, sold_at, fragile, tags, "
        "shades) select gen_random_uuid(), '{}', 'bulk ' || n % 7000, (array['BOOK', 'TOY', 'FOOD'])[1 + n % 3], n % "
        "9000 / "
        "10.0, n % 500, timestamptz '2026-01-01T00:00:00Z' + n % 20000 * interval '1 minute', case when n % 2 = 0 then "
        "timestamptz '2026-03-01T00:00:00Z' + n * interval '1 second' end, n % 2 = 0, '{{}}', '{{}}' "
        "from generate_series(1, {}) n order by n * 7919 % 100003",
        Market::tenant_id(1), kRows));
    market.db.exec(
        fmt::format("insert into phoenix.market_items (id, tenant_id, name, kind, price, stock, listed_at, fragile, "
                    "tags, shades) select "
                    "gen_random_uuid(), '{}', 'bulk ' || n, 'TOY', 1, n, phoenix.now(), true, '{{}}', '{{}}' from "
                    "generate_series(1, "
                    "6000) n",
                    Market::tenant_id(2)));
    market.db.exec("vacuum analyze phoenix.market_items");
  }

  std::int64_t pages(const std::string& query, const pg::Scope& scope) {
    return testing::cost(market.db, *market.api, query, scope).pages;
  }

  Market market;
};

TEST_F(Scale, ListsAreCheapAtAnyDepth) {
  // Neighbours of the first page may lie together; a page of the table for each row is as far apart as rows can be.
  constexpr double kAtMost = 120;
  const TableType& table = *market.api->table("Item");
  std::vector<std::string> orders{""};
  for (const TableOrder& order : table.orders) orders.push_back(order.name);
  for (const bool platform : {false, true}) {
    const pg::Scope scope = platform ? pg::Scope::platform() : tenant_scope();
    for (const std::string& order : orders)
      for (const char* direction : {"ASC", "DESC"})
        for (const bool backward : {false, true}) {
          const std::string by = fmt::format("{} direction: {}", order.empty() ? "" : "orderBy: " + order, direction);
          const std::string cursor =
              testing::cursor_at(market.db, table, table.order(order), direction == std::string("DESC"), backward,
                                 platform ? "true" : "tenant_id = '" + Market::tenant_id(1) + "'", 95'000);
          const auto query = [&](const std::string& at) {
            return fmt::format(
                "{{ items({}: 100 {} {} filter: {{stock: {{gte: 0}}}}) {{ nodes {{ id name price seller {{ name }} }} "
                "}} }}",
                backward ? "last" : "first", at, by);
          };
          const std::int64_t first = pages(query(""), scope);
          const std::int64_t deep =
              pages(query(fmt::format("{}: \"{}\"", backward ? "before" : "after", cursor)), scope);
          EXPECT_LE(static_cast<double>(deep), std::max(1.3 * static_cast<double>(first), kAtMost))
              << (platform ? "platform " : "tenant ") << by << (backward ? " from the end" : "");
          EXPECT_LT(first, 700) << by;  // a page of 100 is not a walk through 100,000
        }
  }
}

TEST_F(Scale, WhatCannotBeCountedIsNotSummed) {
  const auto ask = [&](const std::string& filter) {
    return market.run(market.context(1), "{ items" + filter +
                                             " { totalCountExact aggregate { count sum { stock } } groups(by: "
                                             "[KIND]) { count } } }");
  };
  const std::string all = ask("");
  EXPECT_EQ(reason(all), "limit.aggregate");
  EXPECT_THAT(all, HasSubstr("\"aggregate\":null,\"groups\":null"));
  const std::string some = ask("(filter: {kind: {eq: TOY}, stock: {lt: 100}})");
  EXPECT_THAT(some, Not(HasSubstr("errors")));
}

}  // namespace
}  // namespace phx::api
