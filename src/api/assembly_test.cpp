#include "api/assembly.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/testing/fleet_sdl.hpp"

namespace phx::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Assembly, MakesConnectionsFiltersAndOrders) {
  Registry registry;
  testing::register_idle(registry);
  const auto api = testing::assemble_fleet(registry);
  ASSERT_TRUE(api) << api.error().message();
  const std::string sdl = (*api)->print();
  EXPECT_THAT(sdl, HasSubstr("filter: ShipFilter"));
  EXPECT_THAT(sdl, HasSubstr("orderBy: ShipOrder"));
  EXPECT_THAT(sdl, HasSubstr("direction: OrderDirection = ASC"));
  EXPECT_THAT(sdl, HasSubstr("ship(id: ID!): Ship"));
  EXPECT_THAT(sdl, HasSubstr("LAUNCHED_AT"));
  EXPECT_THAT(sdl, HasSubstr("input ShipKindFilter"));
  EXPECT_THAT(sdl, HasSubstr("type ShipChange"));
  // Clients do not see how tables are described; the internal print shows it.
  EXPECT_THAT(sdl, Not(HasSubstr("@table")));
  EXPECT_THAT((*api)->print(true), HasSubstr("@table(name: \"test_ships\")"));

  const graphql::Schema& schema = (*api)->schema();
  for (const auto& directive : schema.directives()) EXPECT_NE(directive->hidden, directive->builtin) << directive->name;
  const auto* first = schema.type("Query")->field("ships")->argument("first");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->default_value->to_number<int>(), 50);
  EXPECT_FALSE(schema.type("ShipChange")->field("node")->type.is_non_null());
  // A type without orders or filters takes neither argument.
  EXPECT_FALSE(schema.type("Query")->field("accounts")->argument("filter"));
  EXPECT_FALSE(schema.type("Query")->field("accounts")->argument("orderBy"));
  EXPECT_TRUE(schema.type("Query")->field("accounts")->argument("after"));
}

TEST(Assembly, KnowsWhatFieldsMean) {
  Registry registry;
  testing::register_idle(registry);
  const auto api = testing::assemble_fleet(registry);
  ASSERT_TRUE(api) << api.error().message();
  const graphql::Type& ship = *(*api)->schema().type("Ship");
  const auto meaning = [&](std::string_view name) -> const FieldMeaning& { return (*api)->meaning(*ship.field(name)); };
  EXPECT_EQ(meaning("launchedAt").column, "launched_at");
  EXPECT_EQ(meaning("launchedAt").column_kind, ColumnKind::kDateTime);
  EXPECT_EQ(meaning("kind").column_kind, ColumnKind::kEnum);
  EXPECT_EQ(meaning("flags").column_kind, ColumnKind::kStringList);
  EXPECT_EQ(meaning("home").kind, FieldMeaning::Kind::kOne);
  EXPECT_EQ(meaning("home").target, (*api)->table("Port"));
  EXPECT_EQ(meaning("crates").kind, FieldMeaning::Kind::kMany);
  EXPECT_EQ(meaning("crates").column, "ship_id");
  EXPECT_EQ(meaning("orders").min_role, Role::kTenantAdmin);
  EXPECT_EQ(meaning("heading").kind, FieldMeaning::Kind::kResolver);
  EXPECT_EQ((*api)->table("Ship")->orders.size(), 4U);
}

struct Misuse {
  std::string_view sdl;
  std::string_view fault;
};

class Misused : public ::testing::TestWithParam<Misuse> {};

TEST_P(Misused, IsRefusedAtStart) {
  Registry registry;
  testing::register_idle(registry);
  const auto api = testing::assemble_fleet(registry, GetParam().sdl);
  ASSERT_FALSE(api) << "accepted: " << GetParam().sdl;
  EXPECT_EQ(api.error().reason(), "api.schema");
  EXPECT_THAT(api.error().message(), HasSubstr(std::string(GetParam().fault)));
}

INSTANTIATE_TEST_SUITE_P(
    Directives, Misused,
    ::testing::Values(
        Misuse{"type A @table(name: \"x; drop table y\") { id: ID! }", "plain identifier"},
        Misuse{"type A @table(name: \"Upper\") { id: ID! }", "plain identifier"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Int @column(name: \"b + 1\") }", "plain identifier"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Port @one(key: \"b.c\") }", "plain identifier"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Heading }", "no column can hold"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: [Boolean!]! }", "no column can hold"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Heading @one(key: \"b\") }", "@one leads to one @table type"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Port @many(key: \"b\") }", "is not the connection"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: PortConnection @many(key: \"b\") }", "not null"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: String @sortable }", "an order is NOT NULL"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Float! @sortable }", "leakproof"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: JSON! @sortable }", "leakproof"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Account @one(key: \"b\") @filterable }", "@filterable needs"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: [Boolean!] @filterable }", "@filterable needs"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Port @one(key: \"b\") @resolver }", "exclude each other"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Int @resolver }", "@resolver without a registered"},
        Misuse{"type A @table(name: \"a\") { id: ID! b(x: Int): Int }", "no arguments of its own"},
        Misuse{"type A @table(name: \"a\") { name: String! }", "id: ID!"},
        Misuse{"extend type Ship @table(name: \"b\") { more: Int }", "belongs to the type's definition"},
        Misuse{"extend type Query { a: Int }", "exactly one of"},
        Misuse{"extend type Query { a: ShipConnection! @connection @resolver }", "exactly one of"},
        Misuse{"extend type Query { a: Ship! @byId }", "nullable"},
        Misuse{"extend type Query { a: Int @resolver }", "without a registered handler"},
        Misuse{"extend type Query { a(first: Int): ShipConnection! @connection }", "made by the assembly"},
        Misuse{"extend type Query { a: ShipPayload @userScope @resolver }", "no scope to read"},
        Misuse{"extend type Mutation { a(idempotencyKey: String): Int }", "without a registered handler"},
        Misuse{"extend type Mutation { launchPort(x: Int): Int }", "takes idempotencyKey"},
        Misuse{"extend type Query { a: ShipConnection! @connection @stepUp }", "@stepUp is for mutations"},
        Misuse{"type A @table(name: \"a\") { id: ID! @stepUp }", "@stepUp is for mutations"},
        Misuse{"type P { x: Int @stepUp }", "no meaning on a type without @table"},
        Misuse{"extend type Mutation { a(idempotencyKey: String): Int @stepUp(maxAge: 0) }", "is above 0"},
        Misuse{"extend type Subscription { a(after: String): ShipChange! }", "@changes"},
        Misuse{"extend type Subscription { a(after: String): ShipChange! @changes(of: \"Nothing\") }",
               "names no @table"},
        Misuse{"extend type Subscription { a: ShipChange! @changes(of: \"Ship\") }", "takes after"},
        Misuse{"type P { x: Int @filterable }", "no meaning on a type without @table"},
        Misuse{"directive @raw(sql: String!) on FIELD_DEFINITION", "closed list"},
        Misuse{"type P { x: Int @raw(sql: \"1\") }", "closed list"},
        Misuse{"interface I @table(name: \"i\") { id: ID! }", "they need it"},
        Misuse{"type A @table(name: \"a\", type: \"b\") { id: ID! }", "belongs to interfaces"},
        Misuse{"interface I @table(name: \"i\", type: \"b + c\") { id: ID! }", "plain identifier"},
        Misuse{"union U @table(name: \"u\", type: \"t\") = Ship | Heading", "has no @table"},
        Misuse{"interface I @table(name: \"i\", type: \"t\") { id: ID! h: Port @one(key: \"x\") }", "only columns"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Int @computed(function: \"f()\", columns: []) }",
               "plain identifier"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Int @computed(function: \"f\", columns: [\"a\", \"b, c\"]) }",
               "plain identifier"},
        Misuse{"input X { a: Int } type A @table(name: \"a\") { id: ID! b(x: X): Int @computed(function: \"f\", "
               "columns: []) }",
               "is a scalar or an enum"},
        Misuse{"type A @table(name: \"a\") @order(name: \"x\", by: [\"b\"]) { id: ID! b: Int }",
               "an order is NOT NULL"},
        Misuse{"type A @table(name: \"a\") @order(name: \"x\", by: [\"c\"]) { id: ID! }", "c is no column"},
        Misuse{"type A @table(name: \"a\") @order(name: \"x\", by: []) { id: ID! }", "names no column"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: Boolean @aggregate } extend type Query { as: AConnection! "
               "@connection }",
               "@aggregate needs"},
        Misuse{"type A @table(name: \"a\") { id: ID! b: JSON @groupable } extend type Query { as: AConnection! "
               "@connection }",
               "@groupable needs"},
        Misuse{"type P @rows(function: \"f\", columns: []) { x: Int }", "no meaning on a type without @table"}));

TEST(Assembly, RefusesHandlersWithoutFields) {
  Registry registry;
  testing::register_idle(registry);
  registry.mutation("noSuchMutation", nullptr);
  registry.query("ships", nullptr);  // not a @resolver field
  registry.field("Ship.name", {}, nullptr);
  const auto api = testing::assemble_fleet(registry);
  ASSERT_FALSE(api);
  EXPECT_THAT(api.error().message(), HasSubstr("noSuchMutation"));
  EXPECT_THAT(api.error().message(), HasSubstr("'ships'"));
  EXPECT_THAT(api.error().message(), HasSubstr("'Ship.name'"));
}

TEST(Assembly, NamesColumnsInSnakeCase) {
  EXPECT_EQ(snake_case("createdAt"), "created_at");
  EXPECT_EQ(snake_case("memoryMib"), "memory_mib");
  EXPECT_EQ(snake_case("id"), "id");
}

}  // namespace
}  // namespace phx::api
