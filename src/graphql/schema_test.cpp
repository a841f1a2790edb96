#include "graphql/schema.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace phx::graphql {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace json = boost::json;

Schema built(std::string_view sdl) {
  auto schema = build_schema(sdl);
  if (schema) return std::move(*schema);
  for (const auto& error : schema.error()) ADD_FAILURE() << error.message;
  return {};
}

std::vector<std::string> errors_of(std::string_view sdl) {
  auto schema = build_schema(sdl);
  std::vector<std::string> out;
  if (schema) return out;
  for (const auto& error : schema.error()) out.push_back(error.message);
  return out;
}

std::string harbour() {
  auto path = std::filesystem::path(__FILE__).parent_path() / "../../tests/conformance/graphql/schema.graphql";
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Schema, ReadsTypesFieldsAndArguments) {
  Schema schema =
      built("type Query { vm(id: ID!, all: Boolean = true): [Vm!]! } \"A machine.\" type Vm { name: String }");
  const Type* query = schema.root(OperationKind::kQuery);
  ASSERT_NE(query, nullptr);
  const Field* field = query->field("vm");
  ASSERT_NE(field, nullptr);
  EXPECT_EQ(field->type.to_string(), "[Vm!]!");
  EXPECT_EQ(field->type.named(), schema.type("Vm"));
  EXPECT_EQ(field->parent, query);
  EXPECT_TRUE(field->argument("id")->required());
  EXPECT_EQ(field->argument("all")->default_value, json::value(true));
  EXPECT_EQ(schema.type("Vm")->description, "A machine.");
  EXPECT_EQ(query->field("nothing"), nullptr);
  EXPECT_EQ(schema.field(*query, "__schema"), schema.schema_field());
  EXPECT_EQ(schema.field(*schema.type("Vm"), "__schema"), nullptr);
}

TEST(Schema, KeepsAppliedDirectivesWithCoercedArguments) {
  Schema schema = built(R"(
    directive @table(name: String!, kind: Kind = FULL, limits: Limits) on OBJECT
    directive @tag(text: String!) repeatable on FIELD_DEFINITION | ARGUMENT_DEFINITION | ENUM_VALUE | INPUT_FIELD_DEFINITION
    enum Kind { FULL @tag(text: "f") PART }
    input Limits { most: Int = 5 least: Int @tag(text: "i") }
    type Query @table(name: "q", limits: {least: 1}) { a(x: Int @tag(text: "arg")): Int @tag(text: "1") @tag(text: "2") })");
  const Type* query = schema.type("Query");
  const AppliedDirective* table = query->directive("table");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->string("name"), "q");
  EXPECT_EQ(table->string("kind"), "FULL");
  EXPECT_EQ(table->arguments.at("limits"), (json::value{{"most", 5}, {"least", 1}}));
  const Field* field = query->field("a");
  ASSERT_EQ(field->directives.size(), 2U);
  EXPECT_EQ(field->directives[1].string("text"), "2");
  EXPECT_EQ(field->argument("x")->directive("tag")->string("text"), "arg");
  EXPECT_EQ(schema.type("Kind")->value("FULL")->directive("tag")->string("text"), "f");
  EXPECT_EQ(schema.type("Limits")->input_field("least")->directive("tag")->string("text"), "i");
  EXPECT_EQ(query->directive("other"), nullptr);
}

TEST(Schema, JoinsExtensionsFromOtherSources) {
  auto schema = build_schema({{"b", "extend type Query { b: E } extend enum E { Y } extend schema @s"},
                              {"a", "type Query { a: Int } enum E { X } directive @s on SCHEMA"}});
  ASSERT_TRUE(schema) << schema.error()[0].message;
  EXPECT_NE(schema->type("Query")->field("a"), nullptr);
  EXPECT_NE(schema->type("Query")->field("b"), nullptr);
  EXPECT_NE(schema->type("E")->value("Y"), nullptr);
  EXPECT_EQ(schema->applied_directives().at(0).name, "s");
  EXPECT_EQ(schema->root(OperationKind::kQuery), schema->type("Query"));
}

TEST(Schema, NamesTheSourceOfAnError) {
  auto schema = build_schema({{"one", "type Query { a: Int }"}, {"two", "\ntype Query { b: Int }"}});
  ASSERT_FALSE(schema);
  EXPECT_EQ(schema.error()[0].extensions.at("source"), "two");
  EXPECT_EQ(schema.error()[0].locations.at(0), (Location{2, 6}));
  auto syntax = build_schema({{"bad", "type Query {"}});
  ASSERT_FALSE(syntax);
  EXPECT_EQ(syntax.error()[0].extensions.at("source"), "bad");
}

TEST(Schema, KnowsSubtypesAndOverlaps) {
  Schema schema = built(harbour());
  auto type = [&](std::string_view name) { return TypeRef(schema.type(name)); };
  const Type& ferry = *schema.type("Ferry");
  EXPECT_TRUE(schema.is_possible(*schema.type("Node"), ferry));
  EXPECT_TRUE(schema.is_possible(ferry, ferry));
  EXPECT_FALSE(schema.is_possible(*schema.type("Cargo"), ferry));
  EXPECT_TRUE(schema.overlap(*schema.type("SearchResult"), *schema.type("Vessel")));
  EXPECT_FALSE(schema.overlap(*schema.type("Cargo"), *schema.type("Vessel")));
  EXPECT_TRUE(schema.is_subtype(type("Vessel"), type("Node")));
  EXPECT_TRUE(schema.is_subtype(type("Ferry").non_null().list_of(), type("Node").list_of()));
  EXPECT_FALSE(schema.is_subtype(type("Node"), type("Vessel")));
  EXPECT_FALSE(schema.is_subtype(type("Int"), type("Int").non_null()));
  EXPECT_FALSE(schema.is_subtype(type("Int"), type("Int").list_of()));
}

TEST(Schema, FillsDefaultsFromOtherDefaults) {
  Schema schema = built(R"(
    input A { b: B = {} n: Int = 1 } input B { c: [C!] = {x: RED} f: Float = 2 } input C { x: E y: String = "y" }
    enum E { RED } type Query { a(in: A = {n: 3}): Int })");
  EXPECT_EQ(schema.type("Query")->field("a")->argument("in")->default_value,
            (json::value{{"b", {{"c", json::array{{{"x", "RED"}, {"y", "y"}}}}, {"f", 2.0}}}, {"n", 3}}));
}

TEST(Schema, ListsBuiltInScalarsOnlyWhenUsed) {
  Schema schema = built("type Query { a: ID }");
  std::vector<std::string> names;
  for (const Type* type : schema.types())
    if (!type->introspection) names.push_back(type->name);
  EXPECT_THAT(names, ElementsAre("Query", "String", "Boolean", "ID"));
  EXPECT_NE(schema.type("Float"), nullptr) << "known all the same";
}

TEST(Schema, TypeRefsSpellThemselves) {
  Schema schema = built("type Query { a: Int }");
  TypeRef type = TypeRef(schema.type("Int")).non_null().list_of().non_null().list_of();
  EXPECT_EQ(type.to_string(), "[[Int!]!]");
  EXPECT_TRUE(type.is_list());
  EXPECT_EQ(type.item().item().to_string(), "Int!");
  EXPECT_TRUE(type.item().is_list());
  EXPECT_EQ(type.item().item().nullable(), TypeRef(schema.type("Int")));
}

struct Broken {
  const char* sdl;
  const char* message;
};

TEST(Schema, RefusesWhatTheTypeSystemForbids) {
  const std::string query = "type Query { q: Int } ";
  for (const Broken& broken : std::initializer_list<Broken>{
           {"type T { a: Missing }", "no type Missing"},
           {"type T { a: Int a: Int }", "T has a twice"},
           {"type T { a(x: Int, x: Int): Int }", "T.a has x twice"},
           {"type T", "at least one field"},
           {"type T { __a: Int }", "reserved"},
           {"type __T { a: Int }", "reserved"},
           {"type T { a: Int } type T { b: Int }", "defined twice"},
           {"scalar Int", "defined twice"},
           {"input I { a: Int } type T { a: I }", "no output type"},
           {"type T { a(x: T): Int }", "no input type"},
           {"input I { a: Query }", "no input type"},
           {"type T implements Missing { a: Int }", "no interface Missing"},
           {"type T implements Query { a: Int }", "Query is no interface"},
           {"interface I { a: Int } type T implements I & I { a: Int }", "implements I twice"},
           {"interface I implements I { a: Int }", "cannot implement itself"},
           {"interface A implements B { a: Int } interface B implements A { a: Int }", "implement each other"},
           {"interface A { a: Int } interface B implements A { a: Int } type T implements B { a: Int }",
            "must implement A"},
           {"interface I { a: Int } type T implements I { b: Int }", "T.a is missing"},
           {"interface I { a: Int! } type T implements I { a: Int }", "T.a is Int, but I asks for Int!"},
           {"interface I { a(x: Int): Int } type T implements I { a: Int }", "lacks the argument x"},
           {"interface I { a(x: Int): Int } type T implements I { a(x: ID): Int }", "must have the type Int"},
           {"interface I { a: Int } type T implements I { a(x: Int!): Int }", "must not be required"},
           {"union U", "at least one member"},
           {"union U = Int", "no object type"},
           {"union U = Query | Query", "has Query twice"},
           {"union U = Missing", "no type Missing"},
           {"enum E", "at least one value"},
           {"enum E { A A }", "has A twice"},
           {"input I", "at least one field"},
           {"input I { a: I! }", "circle"},
           {"input A { b: B! } input B { a: A! }", "circle"},
           {"input I { a: Int = \"x\" }", "no value of Int"},
           {"input I { a: Int! @deprecated }", "cannot be deprecated"},
           {"type T { a(x: Int! @deprecated): Int }", "cannot be deprecated"},
           {"input I @oneOf { a: Int! }", "must be nullable"},
           {"input I @oneOf { a: Int = 1 }", "cannot have a default"},
           {"input I { a: I = {} }", "contains itself"},
           {"input A { b: B = {} } input B { a: A = {} }", "contains itself"},
           {"directive @d on FIELD directive @d on FIELD", "defined twice"},
           {"directive @d on FIELD | FIELD", "given twice"},
           {"directive @d(a: Int @d) on ARGUMENT_DEFINITION", "refers to itself"},
           {"directive @d(a: I) on INPUT_FIELD_DEFINITION input I { x: Int @d }", "refers to itself"},
           {"type T @missing { a: Int }", "no directive @missing"},
           {"directive @d on FIELD type T @d { a: Int }", "not allowed on OBJECT"},
           {"directive @d on OBJECT type T @d @d { a: Int }", "given twice"},
           {"directive @d(a: Int!) on OBJECT type T @d { a: Int }", "is missing"},
           {"directive @d(a: Int) on OBJECT type T @d(a: \"x\") { a: Int }", "no valid value"},
           {"directive @d(a: Int) on OBJECT type T @d(b: 1) { a: Int }", "no argument b"},
           {"directive @d(a: Int) on OBJECT type T @d(a: 1, a: 2) { a: Int }", "given twice"},
           {"extend type Missing { a: Int }", "no type Missing to extend"},
           {"extend input Query { a: Int }", "extended as input object"},
           {"extend scalar Int @deprecated", "cannot be extended"},
           {"schema { query: Query } schema { query: Query }", "defined twice"},
           {"schema { query: Query mutation: Query }", "two kinds"},
           {"schema { query: Query query: Query }", "given twice"},
           {"schema { query: Query mutation: Missing }", "no type Missing"},
           {"scalar S schema { query: Query mutation: S }", "no object type"},
       })
    EXPECT_THAT(errors_of(query + broken.sdl), Contains(HasSubstr(broken.message))) << broken.sdl;
  EXPECT_THAT(errors_of("type T { a: Int }"), Contains(HasSubstr("no query type")));
}

TEST(Schema, AcceptsWhatTheTypeSystemAllows) {
  const std::string query = "type Query { q: Int } ";
  for (const char* sdl :
       {"interface A { a: A } interface B implements A { a: B! } type T implements A & B { a: T! }",
        "interface I { a: [I] } type T implements I { a(extra: Int, more: Int! = 1): [T!]! }",
        "input I { a: I b: [I!]! c: Int! = 1 @deprecated }", "input I { a: I = {a: null} }",
        "directive @d(a: Int @deprecated) repeatable on OBJECT type T @d @d(a: 1) { a: Int }",
        "directive @deprecated(reason: String = \"x\") on FIELD_DEFINITION type T { a: Int @deprecated }",
        "type Mutation { m: Int } scalar S @specifiedBy(url: \"u\") input I @oneOf { a: Int b: S }"})
    EXPECT_THAT(errors_of(query + sdl), IsEmpty()) << sdl;
}

TEST(PrintSchema, IsAFixedPoint) {
  for (const std::string& sdl : {harbour(), std::string(R"(
    "Root \"quoted\"" schema @s { query: Q mutation: M }
    directive @s on SCHEMA
    directive @t(a: [E!] = [X], b: In, c: Float = 1.5, d: Any = {k: [1, "x"]}) repeatable on OBJECT | FIELD_DEFINITION
    scalar Any @specifiedBy(url: "https://example.org")
    "" type Q @t(a: [X, Y], b: {n: 3, s: "line\nbreak \"q\" \\"}) @t { """
      Several lines,
        indented, with \""" quotes and a \ backslash.

      End""" f("arg" a: Int = null, b: [Int!]! = [1, 2], c: Any = "text"): [Q!]! @t(c: 2.0) g: Int @deprecated h: Int @deprecated(reason: "because") }
    type M { m(i: In = {s: "z"}): Boolean }
    type Query { unused: Int }
    interface N { f: Int } type P implements N { f: Int }
    union U = Q | M
    enum E { X @deprecated Y "last" Z }
    input In { n: Int s: String = "dflt" }
    input O @oneOf { a: Int b: In })")}) {
    std::string once = print_schema(built(sdl));
    EXPECT_EQ(print_schema(built(once)), once);
    PrintOptions plain;
    plain.custom_directives = false;
    std::string published = print_schema(built(sdl), plain);
    EXPECT_EQ(print_schema(built(published), plain), published);
  }
}

TEST(PrintSchema, WritesWhatWasRead) {
  constexpr std::string_view kSdl = R"(directive @table(name: String!) on OBJECT

directive @live on FIELD

"A machine."
type Vm @table(name: "vms") {
  name(upper: Boolean = false): String! @deprecated(reason: "use label")
}

type Query {
  vm(
    "Its id."
    id: ID!
  ): Vm
}
)";
  EXPECT_EQ(print_schema(built(kSdl)), kSdl);
  PrintOptions published;
  published.custom_directives = false;
  std::string text = print_schema(built(kSdl), published);
  EXPECT_THAT(text, Not(HasSubstr("@table")));
  EXPECT_THAT(text, HasSubstr("directive @live on FIELD"));
  EXPECT_THAT(text, HasSubstr("@deprecated(reason: \"use label\")"));
}

TEST(PrintLiteral, FollowsTheType) {
  Schema schema = built("type Query { q: Int } enum E { A } input I { z: Float e: [E] a: Int }");
  EXPECT_EQ(print_literal({{"a", nullptr}, {"e", {"A"}}, {"z", 2.0}}, TypeRef(schema.type("I"))),
            "{z: 2, e: [A], a: null}");
  EXPECT_EQ(print_literal("say \"hi\"", TypeRef(schema.type("String"))), "\"say \\\"hi\\\"\"");
}

}  // namespace
}  // namespace phx::graphql
