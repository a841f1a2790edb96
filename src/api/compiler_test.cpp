/// Golden tests: query → SQL. The files under golden/ are rewritten with PHX_UPDATE_GOLDEN=1 in the environment.

#include "api/compiler.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "api/testing/fleet_sdl.hpp"
#include "graphql/parser.hpp"
#include "graphql/validate.hpp"

namespace phx::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct World {
  World() {
    testing::register_idle(registry);
    api = testing::assemble_fleet(registry).value();
  }
  Registry registry;
  std::unique_ptr<ApiSchema> api;
};

World& world() {
  static World it;
  return it;
}

/// A compiled query with everything its plan points into.
struct Compiled {
  std::unique_ptr<graphql::Document> document;
  std::unique_ptr<graphql::Execution> execution;
  Result<Plan> plan = internal_error("test", "not compiled");
};

Compiled compile(const std::string& query, const std::string& variables = "{}", Role role = Role::kTenantMember,
                 CompileLimits limits = {}) {
  Compiled out;
  auto document = graphql::parse_document(query);
  if (!document) throw std::runtime_error(document.error().message);
  out.document = std::make_unique<graphql::Document>(std::move(*document));
  const auto errors = graphql::validate(world().api->schema(), *out.document);
  if (!errors.empty()) throw std::runtime_error(errors[0].message);
  auto execution = graphql::Execution::prepare(world().api->schema(), *out.document, std::nullopt,
                                               boost::json::parse(variables).as_object());
  if (!execution) throw std::runtime_error(execution.error()[0].message);
  out.execution = std::make_unique<graphql::Execution>(std::move(*execution));
  const Compiler compiler(*world().api, *out.execution, role, limits);
  const graphql::FieldGroup& group = out.execution->root_fields()->front();
  out.plan = world().api->meaning(*group.field).kind == FieldMeaning::Kind::kById ? compiler.by_id(group)
                                                                                  : compiler.connection(group);
  return out;
}

std::string readable(std::string_view sql) {
  std::string out(sql);
  for (std::string_view word : {" from ", " where ", " left join ", " order by ", " limit "}) {
    std::string with = "\n" + std::string(word.substr(1));
    for (auto at = out.find(word); at != std::string::npos; at = out.find(word, at + with.size()))
      out.replace(at, word.size(), with);
  }
  return out;
}

/// Types and bytes of all parameters.
std::string bytes(const pg::Params& params) {
  std::string out;
  for (const auto& value : params.values())
    out += fmt::format("{}:{}\n", value.type, value.length < 0 ? "null" : std::string(params.bytes(value)));
  return out;
}

struct Golden {
  const char* name;
  const char* query;
  const char* variables = "{}";
};

class CompilerGolden : public ::testing::TestWithParam<Golden> {};

TEST_P(CompilerGolden, SqlIsAsCommitted) {
  const Compiled compiled = compile(GetParam().query, GetParam().variables);
  ASSERT_TRUE(compiled.plan) << compiled.plan.error().to_string();
  std::string text = fmt::format("# query\n{}\n", GetParam().query);
  if (compiled.plan->rows)
    text += fmt::format("\n# rows, {} parameters\n{}\n", compiled.plan->rows->params.size(),
                        readable(compiled.plan->rows->sql.text()));
  if (compiled.plan->count)
    text += fmt::format("\n# count, {} parameters\n{}\n", compiled.plan->count->params.size(),
                        readable(compiled.plan->count->sql.text()));
  const auto path = std::filesystem::path(__FILE__).parent_path() / "golden" / (std::string(GetParam().name) + ".txt");
  if (std::getenv("PHX_UPDATE_GOLDEN")) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  // Bound to its own values, it is what it was.
  ASSERT_TRUE(compiled.plan->binders);
  const auto again = rebind(*compiled.plan, Arguments(*compiled.execution));
  ASSERT_TRUE(again) << again.error().to_string();
  if (again->rows) EXPECT_EQ(bytes(again->rows->params), bytes(compiled.plan->rows->params));
  if (again->count) EXPECT_EQ(bytes(again->count->params), bytes(compiled.plan->count->params));
  std::ostringstream committed;
  committed << std::ifstream(path).rdbuf();
  EXPECT_EQ(committed.str(), text) << "rewrite with PHX_UPDATE_GOLDEN=1";
}

INSTANTIATE_TEST_SUITE_P(
    Queries, CompilerGolden,
    ::testing::Values(
        Golden{"flat", "{ ships { nodes { id name launchedAt } } }"},
        Golden{"aliases_share_columns", "{ ships { nodes { a: name b: name } edges { node { name kind } } } }"},
        Golden{"order_and_cursor",
               "{ ships(first: 20, orderBy: LAUNCHED_AT, direction: DESC) { nodes { name } pageInfo { hasNextPage "
               "endCursor } } }"},
        Golden{"to_one", "{ ships { nodes { name home { name } flagship { name home { name } } } } }"},
        Golden{"to_many", "{ ports(first: 5) { nodes { name ships(first: 3, orderBy: NAME) { nodes { name } } } } }"},
        Golden{"to_many_deep",
               "{ ports(first: 2) { nodes { ships(first: 2) { nodes { crates(first: 2, orderBy: WEIGHT) { nodes { "
               "label ship { home { name } } } totalCount } } pageInfo { hasNextPage } } } } }"},
        Golden{"by_id", "{ ship(id: \"00000000-0000-7000-8000-000000000001\") { name crates { totalCount } } }"},
        Golden{"count_only", "{ ships(filter: {armed: {eq: true}}) { totalCount } }"},
        Golden{"page_and_count", "{ ships { nodes { id } totalCount totalCountExact } }"},
        Golden{"typename_only", "{ ships { nodes { __typename } } }"},
        Golden{"resolver_needs_columns", "{ ships { nodes { heading { degrees } } } }"},
        Golden{"filter",
               "query($t: DateTime!) { ships(filter: {name: {contains: \"100%_\"}, kind: {in: [TUG, FERRY]}, "
               "tonnage: {gte: 5, lt: 9}, launchedAt: {gt: $t}, retiredAt: {eq: null}, nickname: {ne: \"x\"}, "
               "or: [{armed: {eq: true}}, {homeId: {eq: \"00000000-0000-7000-8000-000000000002\"}}], "
               "not: {name: {eq: \"y\"}}}) { nodes { id } } }",
               R"({"t": "2026-01-31T12:00:00Z"})"}),
    [](const auto& info) { return std::string(info.param.name); });

std::string reason(const Compiled& compiled) { return compiled.plan ? "" : compiled.plan.error().reason(); }

TEST(Compiler, TextOfARequestNeverEntersTheSql) {
  const Compiled compiled =
      compile("query($f: ShipFilter) { ships(filter: $f) { nodes { id } totalCount } }",
              R"({"f": {"name": {"eq": "evil'; drop table x --", "contains": "evil"}, "nickname": {"in": ["evil"]}}})");
  ASSERT_TRUE(compiled.plan) << compiled.plan.error().to_string();
  EXPECT_THAT(std::string(compiled.plan->rows->sql.text()), Not(HasSubstr("evil")));
  EXPECT_THAT(std::string(compiled.plan->count->sql.text()), Not(HasSubstr("evil")));
}

TEST(Compiler, EqualShapesWithOtherValuesGiveEqualSql) {
  const auto text = [](const std::string& query) { return std::string(compile(query).plan->rows->sql.text()); };
  EXPECT_EQ(text("{ ships(first: 5, filter: {name: {eq: \"a\"}}) { nodes { id } } }"),
            text("{ ships(first: 9, filter: {name: {eq: \"b\"}}) { nodes { id } } }"));
}

TEST(Compiler, OnePlanTakesTheValuesOfOthers) {
  const char* const query =
      "query($f: ShipFilter, $after: String) { ships(first: 3, filter: $f, after: $after, orderBy: LAUNCHED_AT) { "
      "nodes { name crates(filter: {label: {startsWith: \"a\"}}) { totalCount } } totalCount } }";
  const auto variables = [](const std::string& name, int tonnage, int port, const std::string& ids, int day) {
    const TableType& ship = *world().api->table("Ship");
    std::string launched(8, '\0');
    launched[7] = static_cast<char>(day);
    const std::vector<std::string_view> keys{launched};
    const std::string cursor =
        encode_cursor({&ship, ship.order("LAUNCHED_AT"), false}, std::string(16, static_cast<char>(day)), keys);
    return fmt::format(
        R"({{"after": "{}", "f": {{"name": {{"contains": "{}", "eqAnyCase": "{}"}}, "tonnage": {{"gt": {}}}, "or": )"
        R"([{{"homeId": {{"eq": "00000000-0000-7000-8000-00000000000{}"}}}}, {{"nickname": {{"in": [{}]}}}}], )"
        R"("launchedAt": {{"lt": "2026-01-0{}T00:00:00Z"}}}}}})",
        cursor, name, name, tonnage, port, ids, day);
  };
  const std::string one = variables("a_b", 1, 1, "\"x\"", 1);
  const std::string other = variables("100%", -7, 2, "\"y\", \"z\", \"\"", 2);
  const Compiled first = compile(query, one);
  const Compiled second = compile(query, other);
  ASSERT_TRUE(first.plan && second.plan && first.plan->binders);
  ASSERT_NE(bytes(first.plan->rows->params), bytes(second.plan->rows->params));
  const graphql::Execution execution = first.execution->with_variables_of(*second.execution);
  const auto bound = rebind(*first.plan, Arguments(execution));
  ASSERT_TRUE(bound) << bound.error().to_string();
  EXPECT_EQ(bound->rows->sql.text(), second.plan->rows->sql.text());
  EXPECT_EQ(bytes(bound->rows->params), bytes(second.plan->rows->params));
  EXPECT_EQ(bytes(bound->count->params), bytes(second.plan->count->params));
  EXPECT_EQ(bound->connection, first.plan->connection);

  const Compiled wrong = compile(query, variables("a", 1, 1, "\"\"", 1));
  auto broken = boost::json::parse(one).as_object();
  broken["f"].as_object()["launchedAt"].as_object()["lt"] = "yesterday";
  const auto execution_of_broken = graphql::Execution::prepare(world().api->schema(), *first.document, {}, broken);
  ASSERT_TRUE(execution_of_broken);
  const auto refused = rebind(*wrong.plan, Arguments(first.execution->with_variables_of(*execution_of_broken)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "filter.value");
}

TEST(Compiler, PlansThatHoldValuesElsewhereServeNobodyElse) {
  EXPECT_TRUE(compile("{ ships { nodes { heading { degrees } } } }").plan->binders);
  EXPECT_TRUE(compile("{ ships { nodes { orders } } }").plan->binders) << "what a role may not read it never may";
  EXPECT_FALSE(
      compile("{ ports { nodes { ships(filter: {homeId: {eq: \"nonsense\"}}) { totalCount } } } }").plan->binders);
}

TEST(Compiler, ACursorThatNoPageNeedsIsCheckedForEachRequest) {
  const TableType& ship = *world().api->table("Ship");
  const std::string good = encode_cursor({&ship, nullptr, false}, std::string(16, 'x'), {});
  const Compiled count = compile("query($after: String) { ships(after: $after) { totalCount } }",
                                 fmt::format(R"({{"after": "{}"}})", good));
  ASSERT_EQ(reason(count), "");
  EXPECT_FALSE(count.plan->binders) << "another request's cursor would go unread";
  EXPECT_TRUE(compile("query($after: String) { ships(after: $after) { totalCount } }").plan->binders);
}

TEST(Compiler, PageSizesAreLimited) {
  EXPECT_EQ(reason(compile("{ ships(first: 501) { nodes { id } } }")), "limit.page_size");
  EXPECT_EQ(reason(compile("{ ships(first: -1) { nodes { id } } }")), "limit.page_size");
  EXPECT_EQ(reason(compile("{ ships(first: 0) { nodes { id } } }")), "");
}

TEST(Compiler, CostIsTheProductOfNestedPages) {
  const std::string deep =
      "{ ports(first: 100) { nodes { ships(first: 100) { nodes { crates(first: 100) { nodes { id } } } } } } }";
  const Compiled refused = compile(deep);
  EXPECT_EQ(reason(refused), "limit.cost");
  const Compiled allowed = compile(deep, "{}", Role::kTenantMember, {.max_cost = 100 + 100 * 100 + 100 * 100 * 100});
  ASSERT_TRUE(allowed.plan) << allowed.plan.error().to_string();
  EXPECT_EQ(allowed.plan->cost, 100U + 100 * 100 + 100 * 100 * 100);
}

TEST(Compiler, FiltersAreLimited) {
  std::string many = "{ ships(filter: {or: [";
  for (int i = 0; i < 51; ++i) many += "{name: {eq: \"x\"}},";
  EXPECT_EQ(reason(compile(many + "]}) { nodes { id } } }")), "limit.filter");
}

TEST(Compiler, BadValuesNameTheirPlace) {
  const Compiled id = compile("{ ships(filter: {and: [{homeId: {in: [\"nonsense\"]}}]}) { nodes { id } } }");
  ASSERT_EQ(reason(id), "uuid.malformed");
  EXPECT_EQ(id.plan.error().field(), "filter.and[0].homeId.in");
  const Compiled time = compile("{ ships(filter: {launchedAt: {gt: \"yesterday\"}}) { nodes { id } } }");
  ASSERT_EQ(reason(time), "filter.value");
  EXPECT_EQ(time.plan.error().field(), "filter.launchedAt.gt");
  EXPECT_EQ(reason(compile("{ ship(id: \"x\") { id } }")), "uuid.malformed");
  for (const char* parts : {"nodes { id }", "totalCount", "__typename", "pageInfo { hasNextPage }"})
    for (const char* end : {"after", "before"})
      EXPECT_EQ(reason(compile(fmt::format("{{ ships({}: \"x\") {{ {} }} }}", end, parts))), "cursor.malformed")
          << end << " " << parts;
}

TEST(Compiler, FieldsOfGreaterRolesAreNeitherReadNorFilteredBy) {
  const std::string query = "{ ships { nodes { id orders } } }";
  const Compiled member = compile(query);
  ASSERT_TRUE(member.plan);
  EXPECT_THAT(std::string(member.plan->rows->sql.text()), Not(HasSubstr("orders")));
  EXPECT_THAT(std::string(compile(query, "{}", Role::kTenantAdmin).plan->rows->sql.text()), HasSubstr("t0.orders"));
  EXPECT_EQ(reason(compile("{ ships(filter: {orders: {eq: \"attack\"}}) { totalCount } }")), "auth.forbidden");
  EXPECT_EQ(reason(compile("{ ships(filter: {not: {orders: {eq: \"attack\"}}}) { totalCount } }")), "auth.forbidden");
}

}  // namespace
}  // namespace phx::api
