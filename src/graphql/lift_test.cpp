#include "graphql/lift.hpp"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "graphql/execute.hpp"
#include "graphql/parser.hpp"
#include "graphql/validate.hpp"

namespace phx::graphql {
namespace {

namespace json = boost::json;

constexpr std::string_view kKept[]{"first"};

const Schema& schema() {
  static const Schema it = *build_schema(R"(
    scalar JSON
    enum Color { RED BLUE }
    input Point { x: Float! y: Float = 1 name: String tags: [String!] at: [Point!] any: JSON color: Color }
    interface Node { id: ID! part(n: Int): Node }
    type Thing implements Node { id: ID! part(n: Int): Node size(unit: String, of: Point): Float }
    type Query {
      thing(id: ID, n: Int, f: Float, s: String, any: JSON, point: Point, list: [Int], first: Int, on: Boolean): Thing
    })");
  return it;
}

std::string key(std::string_view text) {
  const std::string kept(text);
  const auto skeleton = skeleton_of(kept, kKept);
  return skeleton ? skeleton->key : "";
}

TEST(Skeleton, TextsThatDifferInLiteralsAreOne) {
  const std::pair<const char*, const char*> kOne[]{
      {"{ thing(n: 1) { id } }", "{ thing(n: -234567) { id } }"},
      {"{ thing(id: \"a\", s: \"b\") { id } }", "{ thing(id: \"\\u0063\", s: \"longer than it was\") { id } }"},
      {"{ thing(f: 0.5) { id } }", "{ thing(f: -11.25) { id } }"},
      {"{ thing(s: \"a\") { id } }", "{ thing(s: \"\"\"b \"c\" d\"\"\") { id } }"},
      {"{ thing(any: {a: [1, {b: \"x\"}]}) { id } }", "{ thing(any: {a: [2, {b: \"\"}]}) { id } }"},
      {"fragment F on Thing { part(n: 1) { id } } { thing { ...F } }",
       "fragment F on Thing { part(n: 2) { id } } { thing { ...F } }"}};
  for (const auto& [a, b] : kOne) {
    EXPECT_EQ(key(a), key(b)) << a;
    EXPECT_NE(key(a), "") << a;
  }
}

TEST(Skeleton, WhatChangesWhatIsAskedStays) {
  const std::pair<const char*, const char*> kTwo[]{
      {"{ thing(n: 1, on: true) { id } }", "{ thing(n: 1, on: false) { id } }"},
      {"{ thing(n: 1, point: {x: 1, color: RED}) { id } }", "{ thing(n: 1, point: {x: 1, color: BLUE}) { id } }"},
      {"{ thing(n: 1, s: null) { id } }", "{ thing(n: 1, s: \"\") { id } }"},
      {"{ thing(n: 1, first: 2) { id } }", "{ thing(n: 1, first: 3) { id } }"},
      {"{ thing(f: 1) { id } }", "{ thing(f: 1.0) { id } }"},
      {"{ thing(n: 1) { id } }", "{ thing(n: 1 ) { id } }"},
      {"query($n: Int = 1) { thing(n: $n, s: \"\") { id } }", "query($n: Int = 2) { thing(n: $n, s: \"\") { id } }"},
      // Too large for an Int, and for a Float.
      {"{ thing(n: 1) { id } }", "{ thing(n: 9999999999) { id } }"},
      {"{ thing(f: 1.5) { id } }", "{ thing(f: 1.5e999) { id } }"},
      // Equal arguments may be merged, others may not.
      {"{ thing(n: 1) { id } thing(n: 1) { id } }", "{ thing(n: 1) { id } thing(n: 2) { id } }"}};
  for (const auto& [a, b] : kTwo) EXPECT_NE(key(a), key(b)) << a << "\n" << b;
}

TEST(Skeleton, OfWhatIsNoDocumentThereIsNone) {
  for (const char* text :
       {"", "{ thing { id } }", "{ thing(s: \"\xff\") { id } }", "{ thing(s: \"a) { id } }", "} thing(n: 1)",
        "{ thing(n: 01) }", "\"a description\" query { thing { id } }", "query($n: Int = 1) { thing(n: $n) { id } }"})
    EXPECT_EQ(key(text), "") << text;
}

TEST(Skeleton, OnlySoMuchOfATextIsLifted) {
  std::string text = "{ thing(list: [";
  for (int i = 0; i < 1000; ++i) text += std::to_string(i) + " ";
  EXPECT_EQ(skeleton_of(text + "]) { id } }", kKept)->literals.size(), kMaxLifted);
}

/// The arguments of the first root field and of the first field with arguments below it, as an execution has them.
std::string arguments(const Execution& execution) {
  const auto fields = execution.root_fields();
  std::string out = json::serialize((*fields)[0].arguments);
  const auto below = execution.sub_fields((*fields)[0], *schema().type("Thing"));
  for (const FieldGroup& each : *below)
    if (!each.arguments.empty()) return out + json::serialize(each.arguments);
  return out;
}

TEST(LiftedDocument, ServesOtherTextsAsIfTheyHadBeenParsed) {
  const std::pair<const char*, const char*> kTexts[]{
      {"{ thing(id: 1, n: 2, f: 3) { id } }", "{ thing(id: 44, n: -5, f: 66) { id } }"},
      {"{ thing(list: 7) { id } }", "{ thing(list: 8) { id } }"},
      {"{ thing(list: [1, null, 2]) { id } }", "{ thing(list: [3, null, 4]) { id } }"},
      {"{ thing(point: {x: 1, name: \"a\", tags: \"b\", at: {x: 2, any: {c: [\"d\"]}}}) { id } }",
       "{ thing(point: {x: 5, name: \"\\n\", tags: \"\", at: {x: 6.0, any: {c: [\"\\\"\"]}}}) { id } }"},
      {"{ thing(any: \"a\", s: \"b\") { size(unit: \"c\", of: {x: 1.5}) } }",
       "{ thing(any: \"x\", s: \"y\") { size(unit: \"z\", of: {x: 9.25}) } }"},
      {"{ thing { part(n: 1) { ... on Thing { size(unit: \"m\") } } } }",
       "{ thing { part(n: 9) { ... on Thing { size(unit: \"cm\") } } } }"},
      {"query($s: String = \"keep\") { thing(s: $s, n: 1) { id } }",
       "query($s: String = \"keep\") { thing(s: $s, n: 2) { id } }"}};
  for (const auto& [one, other] : kTexts) {
    SCOPED_TRACE(other);
    const std::string first(one);
    const std::string second(other);
    auto document = parse_document(first);
    ASSERT_TRUE(document && validate(schema(), *document).empty());
    const auto skeleton = skeleton_of(first, kKept);
    ASSERT_TRUE(skeleton);
    const auto lifted = LiftedDocument::lift(schema(), *document, *skeleton);
    ASSERT_TRUE(lifted);
    for (const std::string& text : {first, second}) {
      auto alone = parse_document(text);
      ASSERT_TRUE(validate(schema(), *alone).empty());
      const auto expected = Execution::prepare(schema(), *alone, std::nullopt, {});
      const auto here = skeleton_of(text, kKept);
      ASSERT_TRUE(here);
      if (here->key != skeleton->key) continue;  // the second may write a number in another way
      const auto values = lifted->values(*here);
      ASSERT_TRUE(values);
      const auto execution = Execution::prepare(schema(), lifted->document(), std::nullopt, {}, *values);
      ASSERT_TRUE(execution);
      EXPECT_EQ(arguments(*execution), arguments(*expected));
      // What was merged for the one text serves the other, but for the arguments.
      const auto reused = Execution::prepare(schema(), lifted->document(), std::nullopt, {}, *lifted->values(*skeleton))
                              ->with_variables_of(*execution);
      EXPECT_EQ(json::serialize(*reused.arguments_of(reused.root_fields()->front())),
                json::serialize(expected->root_fields()->front().arguments));
    }
  }
}

TEST(LiftedDocument, LeavesADocumentThatUsesMoreThanTheSchemaKnows) {
  const std::string text = "{ thing(n: 1) { id other(n: 2) } }";
  auto document = parse_document(text);
  const auto skeleton = skeleton_of(text, kKept);
  EXPECT_FALSE(LiftedDocument::lift(schema(), *document, *skeleton));
  EXPECT_EQ(document->operations[0].selections[0].arguments[0].value.text, "1");
}

TEST(Relocation, FindsPlacesInTheOtherText) {
  const std::string one = "{ a: thing(s: \"x\") { id }\n  b: thing(s: \"y\", n: 1) { id } }";
  const std::string other = "{ a: thing(s: \"\"\"long\ner\"\"\") { id }\n  b: thing(s: \"\", n: 12345) { id } }";
  auto document = parse_document(one);
  const auto skeleton = skeleton_of(one, kKept);
  const auto lifted = LiftedDocument::lift(schema(), *document, *skeleton);
  const auto there = skeleton_of(other, kKept);
  ASSERT_EQ(skeleton->key, there->key);
  const auto places = lifted->relocate(other, *there);
  for (const std::string_view name : {"a:", "b:", "thing", "n:", "} }"}) {
    const auto from = static_cast<std::uint32_t>(one.find(name));
    EXPECT_EQ(places->location(from), location_in(other, static_cast<std::uint32_t>(other.find(name)))) << name;
  }
}

}  // namespace
}  // namespace phx::graphql
