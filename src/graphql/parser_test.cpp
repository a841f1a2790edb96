#include "graphql/parser.hpp"

#include <gmock/gmock.h>

#include <string>

namespace phx::graphql {
namespace {

using ast::SelectionKind;
using ast::ValueKind;

Document parsed(std::string_view text) {
  auto document = parse_document(text);
  EXPECT_TRUE(document) << text << ": " << document.error().message;
  return document ? std::move(*document) : Document();
}

/// Place of the syntax error, {0, 0} when there is none.
Location error_of(std::string_view text, const ParseLimits& limits = {}) {
  auto document = parse_document(text, limits);
  if (document) return {0, 0};
  EXPECT_EQ(document.error().rule, "Syntax");
  EXPECT_FALSE(document.error().message.empty());
  return document.error().locations.at(0);
}

std::string repeat(std::string_view what, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += what;
  return out;
}

TEST(Parser, ReadsAnOperation) {
  Document document = parsed(
      "\"what\" query Q(\"who\" $id: [ID!]! = [\"x\"] @v) @d(a: 1) { me: person(id: $id, f: {k: [null, true, RED]}) "
      "{ name } ...F ... on T @e { x } ... { y } } fragment F on T { z }");
  ASSERT_EQ(document.operations.size(), 1U);
  const auto& operation = document.operations[0];
  EXPECT_EQ(operation.description, "what");
  EXPECT_EQ(operation.name.text, "Q");
  ASSERT_EQ(operation.variables.size(), 1U);
  const auto& variable = operation.variables[0];
  EXPECT_EQ(variable.name.text, "id");
  EXPECT_EQ(variable.description, "who");
  EXPECT_TRUE(variable.type.non_null);
  ASSERT_TRUE(variable.type.is_list());
  EXPECT_TRUE(variable.type.item->non_null);
  EXPECT_EQ(variable.type.innermost().text, "ID");
  ASSERT_NE(variable.default_value, nullptr);
  EXPECT_EQ(variable.default_value->items[0].text, "x");
  EXPECT_EQ(variable.directives[0].name.text, "v");
  EXPECT_EQ(ast::find_argument(operation.directives[0], "a")->text, "1");
  ASSERT_EQ(operation.selections.size(), 4U);
  const auto& field = operation.selections[0];
  EXPECT_EQ(field.key, "me");
  EXPECT_EQ(field.name.text, "person");
  EXPECT_EQ(field.arguments[0].value.kind, ValueKind::kVariable);
  EXPECT_EQ(field.arguments[0].value.text, "id");
  const auto& list = field.arguments[1].value.fields[0].value;
  EXPECT_EQ(list.items[0].kind, ValueKind::kNull);
  EXPECT_TRUE(list.items[1].boolean);
  EXPECT_EQ(list.items[2].kind, ValueKind::kEnum);
  EXPECT_EQ(document.source().substr(list.offset, list.end - list.offset), "[null, true, RED]");
  EXPECT_EQ(operation.selections[1].kind, SelectionKind::kFragmentSpread);
  EXPECT_EQ(operation.selections[2].name.text, "T");
  EXPECT_TRUE(operation.selections[3].name.empty());
  EXPECT_EQ(document.fragment("F")->type_condition.text, "T");
}

TEST(Parser, TheTreeSurvivesTheTextAndAMove) {
  std::string text = "{ field(a: \"v\\n\") }";
  Document first = parsed(text);
  text.assign(text.size(), '#');
  Document document = std::move(first);
  EXPECT_EQ(document.operations[0].selections[0].name.text, "field");
  EXPECT_EQ(document.operations[0].selections[0].arguments[0].value.text, "v\n");
  EXPECT_EQ(document.location(2), (Location{1, 3}));
}

TEST(Parser, ReadsTypeDefinitions) {
  Document document = parsed(
      "\"\"\"d\"\"\" schema @s { query: Q } type T implements & A & B @d { \"f\" f(a: Int = 1 @x): [T] @y } "
      "interface I implements A union U = | A | B enum E { \"v\" V } input N { i: Int = 2 } scalar S "
      "directive @dir(a: Int) repeatable on | FIELD | OBJECT extend type T { g: Int } extend schema { mutation: M }");
  ASSERT_EQ(document.types.size(), 7U);
  EXPECT_EQ(document.types[0].interfaces[1].text, "B");
  EXPECT_EQ(document.types[0].fields[0].description.text, "f");
  EXPECT_EQ(document.types[0].fields[0].arguments[0].default_value->text, "1");
  EXPECT_EQ(document.types[2].members.size(), 2U);
  EXPECT_TRUE(document.types[6].extension);
  EXPECT_TRUE(document.directives[0].repeatable);
  EXPECT_EQ(document.schemas.size(), 2U);
  EXPECT_TRUE(document.schemas[0].description.present);
  EXPECT_TRUE(document.has_type_system);
}

TEST(Parser, SaysWhereTheErrorIs) {
  EXPECT_EQ(error_of("{ }"), (Location{1, 3}));
  EXPECT_EQ(error_of("{ a"), (Location{1, 4}));
  EXPECT_EQ(error_of("{\n  a(\r\n  b: }"), (Location{3, 6}));
  EXPECT_EQ(error_of("{ \xF0\x9F\x9A\xA2"), (Location{1, 3}));
  EXPECT_EQ(error_of("{ a(s: \"\xF0\x9F\x9A\xA2\" % ) }"), (Location{1, 13})) << "columns are UTF-16 units";
  EXPECT_EQ(error_of("# nothing"), (Location{1, 10}));
  EXPECT_EQ(error_of(""), (Location{1, 1}));
  EXPECT_EQ(error_of("{ a \xFF }"), (Location{1, 5}));
}

TEST(Parser, RefusesWhatTheGrammarDoesNotHave) {
  for (std::string_view text : {"{ a() }",
                                "{ a(: 1) }",
                                "{ ... }",
                                "{ ...on }",
                                "{ a: }",
                                "query A B { a }",
                                "fragment on on T { a }",
                                "fragment F { a }",
                                "query ($a: Int = $b) { a }",
                                "query ($a: Int @d(x: $b)) { a }",
                                "query () { a }",
                                "{ a(x: {y}) }",
                                "{ a(x: $1) }",
                                "\"d\" { a }",
                                "\"d\" extend type T { a: Int }",
                                "type T { }",
                                "type T { f }",
                                "extend type T",
                                "extend schema",
                                "enum E { true }",
                                "union U = ",
                                "directive @d on NOWHERE",
                                "directive @d",
                                "input I { a(b: Int): Int }",
                                "schema { other: T }",
                                "type T implements { a: Int }",
                                "{ a @x() }",
                                "extend directive @d on FIELD",
                                "query Q",
                                "subscription",
                                "{ a } }"})
    EXPECT_NE(error_of(text), (Location{0, 0})) << text;
}

TEST(Parser, AcceptsKeywordsAsNames) {
  parsed(
      "query query($type: Int, $on: Int) { on fragment(null: 1, true: $on) query: type ...type } "
      "fragment type on on { mutation }");
}

TEST(Parser, LimitsTokens) {
  ParseLimits limits;
  limits.max_tokens = 5;
  EXPECT_EQ(error_of("{ a b c d }", limits), (Location{1, 11}));
  EXPECT_EQ(error_of("{ a b c } # comments are free", limits), (Location{0, 0}));
}

TEST(Parser, LimitsDepthInsteadOfOverflowingTheStack) {
  constexpr std::size_t kDeep = 200'000;
  EXPECT_EQ(error_of(repeat("{a", kDeep)).line, 1U);
  EXPECT_EQ(error_of("{a(x:" + repeat("[", kDeep)).line, 1U);
  EXPECT_EQ(error_of("{a(x:" + repeat("{k:", kDeep)).line, 1U);
  EXPECT_EQ(error_of("{" + repeat("...on Q{", kDeep)).line, 1U);
  EXPECT_EQ(error_of("query($a:" + repeat("[", kDeep)).line, 1U);
  EXPECT_EQ(error_of(repeat("{a", 500) + repeat("}", 500)), (Location{0, 0}));
  EXPECT_EQ(error_of("query($a:" + repeat("[", 15) + "T" + repeat("]", 15) + "){a}"), (Location{0, 0}));
  ParseLimits limits;
  limits.max_depth = 2;
  EXPECT_EQ(error_of("{a{b}}", limits), (Location{0, 0}));
  EXPECT_EQ(error_of("{a{b{c}}}", limits), (Location{1, 5}));
}

TEST(Parser, LongListsAreFine) {
  Document document = parsed("{" + repeat(" a(x: [1 2 3]) @d", 20'000) + "}");
  EXPECT_EQ(document.operations[0].selections.size(), 20'000U);
  EXPECT_EQ(document.operations[0].selections[19'999].arguments[0].value.items[2].text, "3");
}

TEST(ParseSchema, WantsTypeDefinitionsOnly) {
  EXPECT_TRUE(parse_schema(""));
  EXPECT_TRUE(parse_schema("type T { a: Int }"));
  EXPECT_FALSE(parse_schema("type T { a: Int } { a }"));
  EXPECT_FALSE(parse_schema("fragment F on T { a }"));
}

TEST(Parser, SaysWhichLimitADocumentBroke) {
  ParseLimits limits;
  limits.max_tokens = 5;
  EXPECT_EQ(parse_document("{ a b c d e }", limits).error().limit, "tokens");
  limits = {};
  limits.max_depth = 3;
  EXPECT_EQ(parse_document("{ a { b { c { d } } } }", limits).error().limit, "depth");
  EXPECT_EQ(parse_document("{ a", {}).error().limit, "");
}

}  // namespace
}  // namespace phx::graphql
