#include "graphql/validate.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "graphql/parser.hpp"

namespace phx::graphql {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Schema& harbour() {
  static const Schema schema = [] {
    auto path = std::filesystem::path(__FILE__).parent_path() / "../../tests/conformance/graphql/schema.graphql";
    std::ifstream file(path);
    return *build_schema(std::string{std::istreambuf_iterator<char>(file), {}});
  }();
  return schema;
}

std::vector<GraphqlError> errors_of(std::string_view text) {
  auto document = parse_document(text);
  EXPECT_TRUE(document) << text << ": " << document.error().message;
  return document ? validate(harbour(), *document) : std::vector<GraphqlError>();
}

/// Names of the broken rules.
std::set<std::string_view> rules(std::string_view text) {
  std::set<std::string_view> out;
  for (const auto& error : errors_of(text)) {
    out.insert(error.rule);
    EXPECT_FALSE(error.message.empty());
    EXPECT_FALSE(error.locations.empty());
  }
  return out;
}

std::string repeat(std::string_view what, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += what;
  return out;
}

struct Case {
  const char* rule;  ///< "" for a valid document
  const char* text;
};

TEST(Validate, JudgesEachRuleAlone) {
  for (const Case& example : std::initializer_list<Case>{
           {"", "query Q($id: ID!) { port(id: $id) { ...P berths(free: true) { id } } } fragment P on Port { name }"},
           {"",
            "{ node(id: 1) { id ... on Ferry { cars } ... on Named { name } } search(text: \"a\") { __typename } }"},
           {"", "{ __schema { types { name } } __type(name: \"Port\") { kind } }"},
           {"", "subscription S { arrivals(port: 1) { id } }"},
           {"ExecutableDefinitions", "{ version } type T { a: Int }"},
           {"UniqueOperationNames", "query A { version } mutation A { first }"},
           {"LoneAnonymousOperation", "{ version } query B { version }"},
           {"SingleFieldSubscriptions", "subscription { tick departures { id } }"},
           {"SingleFieldSubscriptions", "subscription { ...F } fragment F on Subscription { tick alerts }"},
           {"SingleFieldSubscriptions", "subscription { __typename }"},
           {"SingleFieldSubscriptions", "subscription { tick @skip(if: false) }"},
           {"KnownTypeNames", "{ me { ... on Nobody { name } } }"},
           {"KnownTypeNames", "query($x: [Nothing!]) { args(j: $x) }"},
           {"FragmentsOnCompositeTypes", "{ me { ... on String { name } } }"},
           {"VariablesAreInputTypes", "query($x: [Person]) { args(j: {a: $x}) }"},
           {"ScalarLeafs", "{ version { a } }"},
           {"ScalarLeafs", "{ me }"},
           {"FieldsOnCorrectType", "{ me { nothing } }"},
           {"FieldsOnCorrectType", "{ me { __schema { types { name } } } }"},
           {"FieldsOnCorrectType", "{ cargo { kind } }"},
           {"UniqueFragmentNames", "{ me { ...A } } fragment A on Person { id } fragment A on Person { id }"},
           {"KnownFragmentNames", "{ me { ...A } }"},
           {"NoUnusedFragments", "{ version } fragment A on Person { id }"},
           {"PossibleFragmentSpreads", "{ me { ... on Ferry { id } } }"},
           {"PossibleFragmentSpreads", "{ me { ...F } } fragment F on Cargo { __typename }"},
           {"NoFragmentCycles",
            "{ me { ...A } } fragment A on Person { boss { ...B } } fragment B on Person { boss { ...A } }"},
           {"UniqueVariableNames", "query($x: Int, $x: Int) { args(i: $x) }"},
           {"NoUndefinedVariables", "query Q { ...F } fragment F on Query { args(li: [$x]) }"},
           {"NoUnusedVariables", "query Q($x: Int) { version }"},
           {"KnownDirectives", "{ version @missing }"},
           {"KnownDirectives", "{ version @onQuery }"},
           {"UniqueDirectivesPerLocation", "{ version @once @once }"},
           {"", "{ version @tag(name: \"a\") @tag(name: \"b\") }"},
           {"KnownArgumentNames", "{ version(a: 1) }"},
           {"KnownArgumentNames", "{ version @skip(if: true, a: 1) }"},
           {"UniqueArgumentNames", "{ args(i: 1, i: 1) }"},
           {"UniqueInputFieldNames", "{ args(j: [{a: 1, a: 1}]) }"},
           {"ProvidedRequiredArguments", "{ port { id } }"},
           {"ProvidedRequiredArguments", "{ version @include }"},
           {"ValuesOfCorrectType", "{ args(i: 2147483648) }"},
           {"ValuesOfCorrectType", "{ args(i: 1.0) }"},
           {"ValuesOfCorrectType", "{ args(f: 1e999) }"},
           {"ValuesOfCorrectType", "{ args(s: RED) }"},
           {"ValuesOfCorrectType", "{ args(b: 1) }"},
           {"ValuesOfCorrectType", "{ args(id: 1.5) }"},
           {"ValuesOfCorrectType", "{ args(e: PILOT) }"},
           {"ValuesOfCorrectType", "{ args(lri: [1, null]) }"},
           {"ValuesOfCorrectType", "{ args(box: {north: 1}) }"},
           {"ValuesOfCorrectType", "{ args(box: {north: 1, south: 1, up: 1}) }"},
           {"ValuesOfCorrectType", "{ args(box: 1) }"},
           {"ValuesOfCorrectType", "{ args(one: {}) }"},
           {"ValuesOfCorrectType", "{ args(one: {id: 1, imo: 2}) }"},
           {"ValuesOfCorrectType", "{ args(one: {id: null}) }"},
           {"ValuesOfCorrectType", "query($a: Int = \"x\") { args(i: $a) }"},
           {"", "{ args(i: 1, f: 1, s: \"s\", b: true, id: 5, e: COOK, li: 1, ll: [[1]], j: {a: [1.5, X]}, d: 1) }"},
           {"VariablesInAllowedPosition", "query($x: String) { args(i: $x) }"},
           {"VariablesInAllowedPosition", "query($x: [Int]) { args(lri: $x) }"},
           {"VariablesInAllowedPosition", "query($x: Int) { argsReq(i: $x, s: \"\") }"},
           {"VariablesInAllowedPosition", "query($x: Int = null) { argsReq(i: $x, s: \"\") }"},
           {"VariablesInAllowedPosition", "query($x: Int) { args(one: {imo: $x}) }"},
           {"VariablesInAllowedPosition", "query($x: Int = 1) { vessel(by: {imo: $x}) { id } }"},
           {"", "query($x: Int = 1, $y: [Int!]!) { argsReq(i: $x, s: \"\") args(lri: $y, li: [$x]) argsDef(ri: $x) }"},
           {"OverlappingFieldsCanBeMerged", "{ me { x: name x: id } }"},
           {"OverlappingFieldsCanBeMerged", "{ args(i: 1) args(i: 2) }"},
           {"OverlappingFieldsCanBeMerged", "{ vessels { ... on Ferry { cars } ... on Tanker { cars } } }"},
           {"OverlappingFieldsCanBeMerged",
            "{ me { ...A } me { ...B } } fragment A on Person { boss { x: id } } fragment B on Person { boss { x: age "
            "} }"},
           {"OverlappingFieldsCanBeMerged",
            "{ vessels { ... on Ferry { x: twin { y: id } } ... on Tanker { x: twin { y: name } ... on Vessel { x: "
            "captain { y: length } } } } }"},
           {"", "{ vessels { ... on Ferry { x: label } ... on Tug { x: flag } } me { name name } }"},
           {"", "{ args(j: {a: 1, b: 2}) args(j: {b: 2, a: 1}) }"},
       }) {
    auto broken = rules(example.text);
    if (*example.rule == '\0')
      EXPECT_THAT(broken, IsEmpty()) << example.text;
    else
      EXPECT_THAT(broken, Contains(std::string_view(example.rule))) << example.text;
    if (*example.rule != '\0' && broken.size() != 1) {
      // Only where one mistake really breaks a second rule.
      EXPECT_THAT(broken, ::testing::AnyOf(Contains("FieldsOnCorrectType"), Contains("UniqueFragmentNames")))
          << example.text;
    }
  }
}

TEST(Validate, GoesOnAfterTheFirstError) {
  EXPECT_THAT(rules("query A($u: Int) { me args(zz: 1) nothing }"),
              ElementsAre("FieldsOnCorrectType", "KnownArgumentNames", "NoUnusedVariables", "ScalarLeafs"));
}

TEST(Validate, NamesThePlace) {
  auto errors = errors_of("{\n  me {\n    nothing\n  }\n}");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].locations[0], (Location{3, 5}));
  EXPECT_EQ(errors[0].message, "Person has no field nothing.");
  auto merge = errors_of("{ me { x: name\n x: id } }");
  ASSERT_EQ(merge.size(), 1U);
  EXPECT_THAT(merge[0].locations, ElementsAre(Location{1, 8}, Location{2, 2}));
}

TEST(Validate, ReportsABoundedNumberOfErrors) {
  auto document = parse_document("{" + repeat(" nothing", 5000) + " me }");
  auto errors = validate(harbour(), *document, 10);
  EXPECT_EQ(errors.size(), 11U) << "ten unknown fields and the one without a selection";
}

/// Runs within a second even where comparing all pairs would take minutes, and where recursion would overflow.
TEST(Validate, HostileDocumentsAreAnsweredSoon) {
  auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(rules("{" + repeat(" version", 50'000) + "}"), IsEmpty());
  EXPECT_THAT(rules("{ me " + repeat("{ boss ", 400) + "{ id }" + repeat("}", 400) + "}"), IsEmpty());
  EXPECT_THAT(rules("{ version" + repeat(" @tag(name: \"a\")", 20'000) + "}"), IsEmpty());
  EXPECT_THAT(rules("{" + repeat(" args(i: 1) { a }", 1000) + "}"), ElementsAre("ScalarLeafs"));

  std::string chain = "{ ...F0 } ";
  for (int i = 0; i < 5'000; ++i)
    chain += "fragment F" + std::to_string(i) + " on Query { ...F" + std::to_string(i + 1) + " } ";
  EXPECT_THAT(rules(chain + "fragment F5000 on Query { version }"), IsEmpty());

  std::string nested = "{ me { ...F0 } } ";
  for (int i = 0; i < 5'000; ++i)
    nested += "fragment F" + std::to_string(i) + " on Person { boss { ...F" + std::to_string(i + 1) + " } } ";
  EXPECT_THAT(rules(nested + "fragment F5000 on Person { id }"), IsEmpty());

  // Each level doubles the number of paths.
  std::string doubling = "{ me { ...F0 } } ";
  for (int i = 0; i < 60; ++i) {
    std::string next = std::to_string(i + 1);
    doubling +=
        "fragment F" + std::to_string(i) + " on Person { a: boss { ...F" + next + " } b: boss { ...F" + next + " } } ";
  }
  EXPECT_THAT(rules(doubling + "fragment F60 on Person { id }"), IsEmpty());

  std::string partitions = "{ id }";
  for (int i = 0; i < 60; ++i)
    partitions =
        "{ ... on Tug { x: assists { id } } ... on Ferry { x: twin { id } } ... on Vessel { x: captain { serves " +
        partitions + " } } }";
  EXPECT_THAT(rules("{ vessels " + partitions + " }"), ElementsAre("OverlappingFieldsCanBeMerged"));

  // The suite judges by results, not by time; this bound only tells seconds from hours.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace phx::graphql
