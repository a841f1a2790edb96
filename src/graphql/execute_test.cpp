#include "graphql/execute.hpp"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>

#include "graphql/parser.hpp"
#include "graphql/validate.hpp"

namespace phx::graphql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace json = boost::json;

constexpr std::string_view kSdl = R"(
interface Node { id: ID! }
type Vm implements Node {
  id: ID! name(upper: Boolean = false): String! size: Int disk: Disk! disks: [Disk!] tags: [String] state: State
}
type Disk implements Node { id: ID! gib: Float boot: Boolean vm: Vm }
union Thing = Vm | Disk
enum State { ON OFF }
scalar Any
type Query { vm(id: ID): Vm vms: [Vm!]! node: Node things: [Thing] any: Any need: Vm! count: Int! }
type Mutation { first: Int second: Int! third: Int }
type Subscription { events: Vm }
)";

const Schema& schema() {
  static const Schema instance = *build_schema(kSdl);
  return instance;
}

/// A whole request; keeps everything an Execution refers to.
struct Request {
  explicit Request(std::string_view text, const json::object& variables = {},
                   std::optional<std::string_view> operation = std::nullopt)
      : document(*parse_document(text)), execution(Execution::prepare(schema(), document, operation, variables)) {
    for (const auto& error : validate(schema(), document)) ADD_FAILURE() << error.message;
  }
  Document document;
  std::expected<Execution, std::vector<GraphqlError>> execution;
};

/// Data as JSON text, then each error's path.
std::string run(std::string_view text, std::string_view root, const json::object& variables = {}) {
  Request request(text, variables);
  if (!request.execution) return "request error: " + request.execution.error()[0].message;
  Response response(*request.execution);
  execute(*request.execution, json::parse(root), ValueReader(), response);
  std::string out = response.data();
  for (const auto& error : response.errors()) {
    out += ' ';
    write_json(out, error.path);
  }
  return out;
}

TEST(CollectFields, MergesSelectionsInOrderAndAppliesConditions) {
  Request request(
      "query Q($yes: Boolean!) { b: vm(id: 2) { id } ...F vm @skip(if: $yes) { size } count @include(if: $yes) } "
      "fragment F on Query { vm { id } ... on Query { vm { name(upper: $yes) } } b: vm(id: 2) { size } }",
      {{"yes", true}});
  auto fields = request.execution->root_fields();
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 3U);
  EXPECT_EQ((*fields)[0].key, "b");
  EXPECT_EQ((*fields)[0].name(), "vm");
  EXPECT_EQ((*fields)[0].nodes.size(), 2U);
  EXPECT_EQ((*fields)[0].arguments, (json::object{{"id", "2"}}));
  EXPECT_EQ((*fields)[1].key, "vm");
  EXPECT_EQ((*fields)[2].key, "count");
  auto below = request.execution->sub_fields((*fields)[1], *schema().type("Vm"));
  ASSERT_EQ(below->size(), 2U);
  EXPECT_EQ((*below)[0].key, "id");
  EXPECT_EQ((*below)[1].arguments.at("upper"), true);
  EXPECT_EQ((*below)[0].parent, schema().type("Vm"));
  EXPECT_EQ(request.execution->sub_fields((*fields)[1], *schema().type("Vm"))->data(), below->data()) << "made once";
}

TEST(CollectFields, DependsOnTheObjectType) {
  Request request("{ node { id ... on Vm { size } ... on Disk { gib } } }");
  const auto& node = (*request.execution->root_fields())[0];
  auto keys = [&](std::string_view type) {
    std::vector<std::string_view> out;
    for (const auto& field : *request.execution->sub_fields(node, *schema().type(type))) out.push_back(field.key);
    return out;
  };
  EXPECT_THAT(keys("Vm"), ElementsAre("id", "size"));
  EXPECT_THAT(keys("Disk"), ElementsAre("id", "gib"));
}

TEST(CollectFields, ManyFieldsAreMergedToo) {
  std::string text = "{ vm {";
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 500; ++i) text += " f" + std::to_string(i) + ": id";
  Request request(text + " } }");
  auto below = request.execution->sub_fields((*request.execution->root_fields())[0], *schema().type("Vm"));
  ASSERT_EQ(below->size(), 500U);
  EXPECT_EQ((*below)[499].key, "f499");
  EXPECT_EQ((*below)[499].nodes.size(), 2U);
}

TEST(Prepare, ChoosesTheOperation) {
  Request both("query A { count } mutation B { first }", {}, "B");
  EXPECT_EQ(both.execution->operation().name.text, "B");
  EXPECT_EQ(&both.execution->root_type(), schema().root(OperationKind::kMutation));
  EXPECT_FALSE(Request("query A { count } mutation B { first }").execution);
  EXPECT_FALSE(Request("query A { count }", {}, "C").execution);
  EXPECT_FALSE(Request("{ count }", {}, "").execution);
  EXPECT_FALSE(Request("query($x: ID!) { vm(id: $x) { id } }").execution);
}

TEST(Execute, CompletesLeaves) {
  EXPECT_EQ(
      run("{ vm { id name size state tags disk { gib boot } } }",
          R"({"vm":{"id":7,"name":5,"size":2.0,"state":"ON","tags":["a",null,true],"disk":{"gib":1.5,"boot":false}}})"),
      R"({"vm":{"id":"7","name":"5","size":2,"state":"ON","tags":["a",null,"true"],"disk":{"gib":1.5,"boot":false}}})");
  EXPECT_EQ(run("{ any }", R"({"any":{"z":[1,{"a":null}],"b":"\u0001\"\\\n"}})"),
            R"({"any":{"z":[1,{"a":null}],"b":"\u0001\"\\\n"}})");
}

TEST(Execute, RefusesLeavesOfTheWrongKind) {
  EXPECT_EQ(run("{ vm { size } }", R"({"vm":{"size":3000000000}})"), R"({"vm":{"size":null}} ["vm","size"])");
  EXPECT_EQ(run("{ vm { size } }", R"({"vm":{"size":"1"}})"), R"({"vm":{"size":null}} ["vm","size"])");
  EXPECT_EQ(run("{ vm { size } }", R"({"vm":{"size":1.5}})"), R"({"vm":{"size":null}} ["vm","size"])");
  EXPECT_EQ(run("{ vm { state } }", R"({"vm":{"state":"BROKEN"}})"), R"({"vm":{"state":null}} ["vm","state"])");
  EXPECT_EQ(run("{ vm { tags } }", R"({"vm":{"tags":"a"}})"), R"({"vm":{"tags":null}} ["vm","tags"])");
  EXPECT_EQ(run("{ vm { tags } }", R"({"vm":{"tags":["a",{}]}})"), R"({"vm":{"tags":["a",null]}} ["vm","tags",1])");
  EXPECT_EQ(run("{ vm { size } }", R"({"vm":7})"), R"({"vm":{"size":null}} ["vm","size"])");
}

TEST(Execute, NullGoesUpToWhatMayBeNull) {
  EXPECT_EQ(run("{ vm { name size } }", R"({"vm":{"size":1}})"), R"({"vm":null} ["vm","name"])");
  EXPECT_EQ(run("{ vm { size disks { id } } }", R"({"vm":{"size":1,"disks":[{"id":1},{}]}})"),
            R"({"vm":{"size":1,"disks":null}} ["vm","disks",1,"id"])");
  EXPECT_EQ(run("{ a: vm { d: disk { i: id } } count }", R"({"vm":{"disk":{}},"count":1})"),
            R"({"a":null,"count":1} ["a","d","i"])");
  EXPECT_EQ(run("{ any vms { id } }", R"({"any":1,"vms":[null]})"), R"(null ["vms",0])");
  EXPECT_EQ(run("{ need { id } any }", "{}"), R"(null ["need"])");
  EXPECT_EQ(run("{ any }", "{}"), R"({"any":null})");
  EXPECT_EQ(run("mutation { first second third }", R"({"first":1,"third":3})"), R"(null ["second"])");
}

TEST(Execute, PicksTheTypeOfAbstractValues) {
  EXPECT_EQ(
      run("{ things { __typename ... on Vm { id } ... on Disk { gib } } }",
          R"({"things":[{"__typename":"Vm","id":"1"},{"__typename":"Disk","gib":2},{"__typename":"Query"},{},null]})"),
      R"({"things":[{"__typename":"Vm","id":"1"},{"__typename":"Disk","gib":2},null,null,null]} ["things",2] ["things",3])");
}

TEST(Execute, ConditionsThatHoldNullAreErrors) {
  EXPECT_EQ(run("query($x: Boolean = true) { any @skip(if: $x) }", "{}", {{"x", nullptr}}), "null []");
  EXPECT_EQ(
      run("query($x: Boolean = true) { vm { size @skip(if: $x) } any }", R"({"vm":{},"any":1})", {{"x", nullptr}}),
      R"({"vm":null,"any":1} ["vm"])");
}

TEST(Execute, ArgumentsThatCannotBeCoercedAreFieldErrors) {
  const Schema own = *build_schema("type Query { f(n: Int! = 1): Int ok: Int }");
  auto document = parse_document("query($x: Int = 1) { f(n: $x) ok }");
  auto execution = Execution::prepare(own, *document, std::nullopt, {{"x", nullptr}});
  ASSERT_TRUE(execution);
  Response response(*execution);
  execute(*execution, {{"f", 1}, {"ok", 2}}, ValueReader(), response);
  EXPECT_EQ(response.data(), R"({"f":null,"ok":2})");
  EXPECT_EQ(response.errors().at(0).path, (json::array{"f"}));
}

TEST(Execute, FragmentsThatNestWithoutEndOfTextAreCutOff) {
  std::string text = "{ vm { ...F0 } } ";
  for (int i = 0; i < 3000; ++i)
    text += "fragment F" + std::to_string(i) + " on Vm { disk { vm { ...F" + std::to_string(i + 1) + " } } } ";
  text += "fragment F3000 on Vm { id }";
  Request request(text);
  // A reader for which every object has every field.
  struct Endless final : ValueReader {
    json::value object = json::object();
    Read read(const json::value&, const FieldGroup&, json::value&) const override { return &object; }
  } endless;
  Response response(*request.execution);
  execute(*request.execution, endless.object, endless, response);
  ASSERT_EQ(response.errors().size(), 1U);
  EXPECT_THAT(response.errors()[0].message, HasSubstr("nested too deep"));
}

TEST(Response, MixesTextValuesAndErrors) {
  Request request("{ vm { id } two: vm { name } count any node { id } }");
  auto fields = *request.execution->root_fields();
  Response response(*request.execution);
  response.add_text(fields[0], R"({"id":"1"})");
  response.add(fields[1], {{"name", "b"}}, KeyReader());
  response.add_text(fields[2], "3");
  response.add_error(fields[3], "no", {{"code", "FORBIDDEN"}});
  response.add(fields[4], nullptr, KeyReader());
  EXPECT_EQ(
      response.finish({{"took", 1}}),
      R"({"errors":[{"message":"no","locations":[{"line":1,"column":36}],"path":["any"],"extensions":{"code":"FORBIDDEN"}}],)"
      R"("data":{"vm":{"id":"1"},"two":{"name":"b"},"count":3,"any":null,"node":null},"extensions":{"took":1}})");
}

TEST(Response, AnErrorInANonNullRootFieldLeavesNoData) {
  Request request("{ any count vm { id } }");
  auto fields = *request.execution->root_fields();
  Response response(*request.execution);
  response.add(fields[0], 1, KeyReader());
  EXPECT_FALSE(response.failed());
  response.add_error(fields[1], "gone");
  EXPECT_TRUE(response.failed());
  response.add(fields[2], nullptr, KeyReader());
  EXPECT_THAT(response.finish(), testing::EndsWith(R"("data":null})"));
}

TEST(Response, KeyReaderTellsAliasesApart) {
  Request request("{ vm { a: name(upper: true) b: name } }");
  Response response(*request.execution);
  response.add((*request.execution->root_fields())[0], {{"a", "X"}, {"b", "x"}}, KeyReader());
  EXPECT_EQ(response.data(), R"({"vm":{"a":"X","b":"x"}})");
}

TEST(Response, OneExecutionServesManyEvents) {
  Request request("subscription { events { size } }");
  for (int i = 0; i < 3; ++i) {
    Response response(*request.execution);
    response.add((*request.execution->root_fields())[0], {{"size", i}}, KeyReader());
    EXPECT_EQ(response.data(), R"({"events":{"size":)" + std::to_string(i) + "}}");
  }
}

TEST(RequestErrors, HaveNoData) {
  std::vector<GraphqlError> errors{{"bad", "Syntax", {{1, 2}}}};
  EXPECT_EQ(request_errors(errors), R"({"errors":[{"message":"bad","locations":[{"line":1,"column":2}]}]})");
}

TEST(Introspection, DescribesTypes) {
  EXPECT_EQ(
      run("{ __type(name: \"Vm\") { k: kind name interfaces { name } fields { name type { kind ofType { name } } "
          "args { name defaultValue } } possibleTypes { name } isOneOf } }",
          "{}"),
      R"({"__type":{"k":"OBJECT","name":"Vm","interfaces":[{"name":"Node"}],"fields":[)"
      R"({"name":"id","type":{"kind":"NON_NULL","ofType":{"name":"ID"}},"args":[]},)"
      R"({"name":"name","type":{"kind":"NON_NULL","ofType":{"name":"String"}},"args":[{"name":"upper","defaultValue":"false"}]},)"
      R"({"name":"size","type":{"kind":"SCALAR","ofType":null},"args":[]},)"
      R"({"name":"disk","type":{"kind":"NON_NULL","ofType":{"name":"Disk"}},"args":[]},)"
      R"({"name":"disks","type":{"kind":"LIST","ofType":{"name":null}},"args":[]},)"
      R"({"name":"tags","type":{"kind":"LIST","ofType":{"name":"String"}},"args":[]},)"
      R"({"name":"state","type":{"kind":"ENUM","ofType":null},"args":[]}],"possibleTypes":null,"isOneOf":null}})");
  EXPECT_EQ(
      run("{ __type(name: \"Thing\") { possibleTypes { name } } n: __type(name: \"Node\") { possibleTypes { name } } "
          "x: __type(name: \"Nothing\") { name } f: __type(name: \"__Type\") { name } __typename }",
          "{}"),
      R"({"__type":{"possibleTypes":[{"name":"Vm"},{"name":"Disk"}]},"n":{"possibleTypes":[{"name":"Vm"},{"name":"Disk"}]},)"
      R"("x":null,"f":{"name":"__Type"},"__typename":"Query"})");
}

TEST(Introspection, HidesDeprecatedElementsUnlessAsked) {
  const Schema own = *build_schema(
      "type Query { f(a: Int @deprecated b: Int): E g: Int @deprecated(reason: \"old\") } enum E { X Y @deprecated } "
      "input I @oneOf { a: Int b: Int @deprecated }");
  auto document = parse_document(
      "{ q: __type(name: \"Query\") { fields(includeDeprecated: null) { name args { name } } all: "
      "fields(includeDeprecated: true) { name "
      "isDeprecated deprecationReason args(includeDeprecated: true) { name isDeprecated } } } "
      "e: __type(name: \"E\") { enumValues { name } } "
      "i: __type(name: \"I\") { isOneOf inputFields { name } all: inputFields(includeDeprecated: true) { name } } }");
  auto execution = Execution::prepare(own, *document, std::nullopt, {});
  Response response(*execution);
  execute(*execution, json::object(), ValueReader(), response);
  EXPECT_EQ(
      response.data(),
      R"({"q":{"fields":[{"name":"f","args":[{"name":"b"}]}],"all":[{"name":"f","isDeprecated":false,"deprecationReason":null,)"
      R"("args":[{"name":"a","isDeprecated":true},{"name":"b","isDeprecated":false}]},{"name":"g","isDeprecated":true,)"
      R"("deprecationReason":"old","args":[]}]},"e":{"enumValues":[{"name":"X"}]},)"
      R"("i":{"isOneOf":true,"inputFields":[{"name":"a"}],"all":[{"name":"a"},{"name":"b"}]}})");
}

TEST(Introspection, ListsDirectivesOfTheServersOwnSdlUnlessToldToHideThem) {
  constexpr std::string_view kOwnSdl =
      "directive @table(name: String!) on OBJECT directive @live on FIELD directive @both on OBJECT | QUERY "
      "type Query @table(name: \"q\") { f: Int }";
  const auto listed = [&](BuildOptions options) {
    const SdlSource source{"own", kOwnSdl};
    const Schema own = *build_schema(std::span(&source, 1), options);
    auto document = parse_document("{ __schema { directives { name } } }");
    auto execution = Execution::prepare(own, *document, std::nullopt, {});
    Response response(*execution);
    execute(*execution, json::object(), ValueReader(), response);
    std::vector<std::string> names;
    const auto answer = json::parse(response.data());
    for (const auto& directive : answer.at("__schema").at("directives").as_array())
      names.push_back(json::value_to<std::string>(directive.at("name")));
    return names;
  };
  EXPECT_THAT(listed({}), testing::UnorderedElementsAre("table", "live", "both", "include", "skip", "deprecated",
                                                        "specifiedBy", "oneOf"));
  EXPECT_THAT(listed({.hide_sdl_directives = true}),
              testing::UnorderedElementsAre("live", "both", "include", "skip", "deprecated", "specifiedBy", "oneOf"));
}

TEST(Introspection, EndlessSelectionsAreCutOff) {
  std::string text = "{ __schema { types { ...F0 } } } ";
  for (int i = 0; i < 12; ++i) {
    std::string below = "fields { type { ...F" + std::to_string(i + 1) + " } } ";
    text += "fragment F" + std::to_string(i) + " on __Type { a: " + below + "b: " + below + "} ";
  }
  EXPECT_EQ(run(text + "fragment F12 on __Type { name }", "{}"), R"(null ["__schema"])");
}

TEST(WriteJson, WritesShortNumbersAndEmptyContainers) {
  std::string out;
  write_json(out, {0.1, 3.0, -1e21, 18446744073709551615ULL, json::array(), json::object(), "\x1f"});
  EXPECT_EQ(out, R"([0.1,3,-1e+21,18446744073709551615,[],{},"\u001f"])");
}

}  // namespace
}  // namespace phx::graphql
