#include "graphql/coerce.hpp"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "graphql/parser.hpp"

namespace phx::graphql {
namespace {

using ::testing::HasSubstr;
namespace json = boost::json;

constexpr std::string_view kSdl = R"(
type Query { f(i: Int, r: Int! = 9, in: In, l: [Int!], e: E): Int }
enum E { A B }
scalar Any
input In { i: Int = 7 need: Int! e: E = B l: [[Int]] any: Any in: In }
input One @oneOf { a: Int b: String }
)";

const Schema& schema() {
  static const Schema instance = *build_schema(kSdl);
  return instance;
}

TypeRef type(std::string_view written) {
  auto document = parse_document("query($x: " + std::string(written) + ") { f }");
  return schema().resolve(document->operations[0].variables[0].type);
}

/// The coerced value as JSON text, or "! message".
std::string input(std::string_view raw, std::string_view as) {
  auto value = coerce_input(json::parse(raw), type(as));
  return value ? json::serialize(*value) : "! " + value.error();
}

std::string literal(std::string_view written, std::string_view as, const json::object& variables = {}) {
  auto document = parse_document("{ f(x: " + std::string(written) + ") }");
  auto value = coerce_literal(document->operations[0].selections[0].arguments[0].value, type(as), &variables);
  return value ? json::serialize(*value) : "invalid";
}

TEST(CoerceInput, TakesWhatTheTypesTake) {
  EXPECT_EQ(input("5", "Int"), "5");
  EXPECT_EQ(input("5.0", "Int"), "5");
  EXPECT_EQ(input("-2147483648", "Int"), "-2147483648");
  EXPECT_EQ(input("3", "Float"), "3E0");
  EXPECT_EQ(input("\"x\"", "String"), "\"x\"");
  EXPECT_EQ(input("12", "ID"), "\"12\"");
  EXPECT_EQ(input("18446744073709551615", "ID"), "\"18446744073709551615\"");
  EXPECT_EQ(input("\"A\"", "E"), "\"A\"");
  EXPECT_EQ(input("null", "Int"), "null");
  EXPECT_EQ(input("{\"a\":[1,null]}", "Any"), "{\"a\":[1,null]}");
}

TEST(CoerceInput, RefusesTheRest) {
  for (auto [raw, as] : std::initializer_list<std::pair<const char*, const char*>>{{"2147483648", "Int"},
                                                                                   {"1.5", "Int"},
                                                                                   {"\"5\"", "Int"},
                                                                                   {"true", "Int"},
                                                                                   {"\"1\"", "Float"},
                                                                                   {"5", "String"},
                                                                                   {"1", "Boolean"},
                                                                                   {"true", "ID"},
                                                                                   {"1.5", "ID"},
                                                                                   {"\"C\"", "E"},
                                                                                   {"1", "E"},
                                                                                   {"null", "Int!"},
                                                                                   {"[1]", "Int"},
                                                                                   {"[null]", "[Int!]"},
                                                                                   {"1", "In"}})
    EXPECT_THAT(input(raw, as), HasSubstr("! ")) << raw << " as " << as;
}

TEST(CoerceInput, WrapsOneValueAtEachListLevel) {
  EXPECT_EQ(input("7", "[Int]"), "[7]");
  EXPECT_EQ(input("[1,[2,3]]", "[[Int]]"), "[[1],[2,3]]");
  EXPECT_EQ(input("null", "[Int]"), "null");
  EXPECT_EQ(input("[]", "[[Int]]"), "[]");
}

TEST(CoerceInput, FillsObjectsAndNamesThePlaceOfAMistake) {
  EXPECT_EQ(input("{\"need\":1}", "In"), R"({"i":7,"need":1,"e":"B"})");
  EXPECT_EQ(input("{\"need\":1,\"i\":null}", "In"), R"({"i":null,"need":1,"e":"B"})");
  EXPECT_EQ(input("{\"need\":1,\"x\":1}", "In"), "! In has no field \"x\".");
  EXPECT_EQ(input("{}", "In"), "! In.need of type Int! is missing.");
  EXPECT_EQ(input("{\"need\":1,\"in\":{\"need\":1,\"l\":[[1],[2,\"x\"]]}}", "In"),
            "! At \"in.l[1][1]\": Int wants an integral number of 32 bits.");
}

TEST(CoerceInput, OneOfWantsExactlyOneThatIsNotNull) {
  EXPECT_EQ(input("{\"a\":1}", "One"), R"({"a":1})");
  for (const char* raw : {"{}", "{\"a\":null}", "{\"a\":1,\"b\":\"x\"}", "{\"a\":1,\"b\":null}"})
    EXPECT_THAT(input(raw, "One"), HasSubstr("exactly one")) << raw;
}

TEST(CoerceLiteral, FollowsTheSameRules) {
  EXPECT_EQ(literal("5", "[[Int]]"), "[[5]]");
  EXPECT_EQ(literal("{need: 1, e: A}", "In"), R"({"i":7,"need":1,"e":"A"})");
  EXPECT_EQ(literal("\"A\"", "E"), "invalid");
  EXPECT_EQ(literal("123456789012345678901234567890", "ID"), "\"123456789012345678901234567890\"");
  EXPECT_EQ(literal("{a: null}", "One"), "invalid");
  EXPECT_EQ(literal("{k: [1, X, 1.5, $v, $none], gone: $none}", "Any", {{"v", true}}),
            R"({"k":[1,"X",1.5E0,true,null]})");
}

TEST(CoerceLiteral, AbsentVariablesLeaveDefaultsInPlace) {
  EXPECT_EQ(literal("{need: 1, i: $v}", "In"), R"({"i":7,"need":1,"e":"B"})");
  EXPECT_EQ(literal("{need: 1, i: $v}", "In", {{"v", nullptr}}), R"({"i":null,"need":1,"e":"B"})");
  EXPECT_EQ(literal("{need: $v}", "In"), "invalid");
  EXPECT_EQ(literal("{need: $v}", "In", {{"v", nullptr}}), "invalid");
  EXPECT_EQ(literal("[$v, 1]", "[Int]"), "[null,1]");
  EXPECT_EQ(literal("[$v, 1]", "[Int!]"), "invalid");
}

std::string arguments(std::string_view written, const json::object& variables = {}) {
  auto document = parse_document("{ f" + std::string(written) + " }");
  const auto& selection = document->operations[0].selections[0];
  auto out = coerce_arguments(schema().root(OperationKind::kQuery)->field("f")->arguments, selection.arguments,
                              variables, *document, selection.offset);
  return out ? json::serialize(*out) : "! " + out.error().message;
}

TEST(CoerceArguments, KeepAbsentAbsentAndNullNull) {
  EXPECT_EQ(arguments(""), R"({"r":9})");
  EXPECT_EQ(arguments("(i: null, r: 1)"), R"({"i":null,"r":1})");
  EXPECT_EQ(arguments("(i: $x, r: $x)"), R"({"r":9})");
  EXPECT_EQ(arguments("(i: $x)", {{"x", nullptr}}), R"({"i":null,"r":9})");
  EXPECT_THAT(arguments("(r: $x)", {{"x", nullptr}}), HasSubstr("! Argument \"r\" has no valid value"));
}

std::string variables(std::string_view definitions, std::string_view raw) {
  auto document = parse_document("query(" + std::string(definitions) + ") { f }");
  auto out = coerce_variables(schema(), *document, document->operations[0], json::parse(raw).as_object());
  if (out) return json::serialize(*out);
  std::string messages = "!";
  for (const auto& error : out.error()) messages += " " + error.message;
  return messages;
}

TEST(CoerceVariables, FillDefaultsAndReportEveryMistake) {
  EXPECT_EQ(variables("$a: Int, $b: Int = 3, $c: [Int] = 4, $d: Int = 5", R"({"d":null,"other":1})"),
            R"({"b":3,"c":[4],"d":null})");
  EXPECT_EQ(variables("$a: Int!, $b: E", R"({"b":"C"})"),
            "! Variable \"$a\" of type Int! is missing. Variable \"$b\" is invalid. this is no value of E.");
  EXPECT_THAT(variables("$a: Int! = 3", R"({"a":null})"), HasSubstr("must not be null"));
}

}  // namespace
}  // namespace phx::graphql
