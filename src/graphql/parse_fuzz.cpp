/// Fuzz target: any bytes, as a request against a fixed schema and as SDL. Built by hand with
/// `clang++ -fsanitize=fuzzer,address,undefined`, and replayed over a corpus by parse_fuzz_test.cpp.

#include <cstdint>
#include <cstdlib>

#include "graphql/execute.hpp"
#include "graphql/parser.hpp"
#include "graphql/schema.hpp"
#include "graphql/validate.hpp"

namespace phx::graphql {
namespace {

constexpr std::string_view kFuzzSchema = R"(
directive @tag(name: String!, level: Int = 1) repeatable
  on QUERY | FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT | VARIABLE_DEFINITION
interface Node { id: ID! }
type Person implements Node { id: ID! name: String! boss: Person friends(first: Int = 3): [Person!] age: Float }
type Port implements Node { id: ID! depth: Float! master: Person! }
union Any = Person | Port
enum Role { CAPTAIN COOK }
scalar JSON
input Filter { name: String = "x" role: Role and: [Filter!] box: [[Float!]!] need: Int! }
input Lookup @oneOf { id: ID name: String }
type Query {
  me: Person node(id: ID!): Node any: [Any] version: String! search(by: Lookup!): [Any!]!
  args(i: Int, f: Float, s: String, b: Boolean, id: ID, e: Role, li: [Int], in: Filter, j: JSON): JSON
}
type Mutation { first: Int second: Int! }
type Subscription { tick: Int! departures: Person }
)";

void require(bool holds) {
  if (!holds) std::abort();
}

void check_places(const Document& document, std::span<const GraphqlError> errors) {
  Location end = document.location(static_cast<std::uint32_t>(document.source().size()));
  for (const auto& error : errors) {
    require(!error.message.empty() && !error.rule.empty() && !error.locations.empty());
    for (const auto& at : error.locations) require(at.line >= 1 && at.column >= 1 && at.line <= end.line);
  }
}

void fuzz_request(const Schema& schema, std::string_view text) {
  auto document = parse_document(text, {.max_tokens = 20'000, .max_depth = 200});
  if (!document) return require(document.error().rule == "Syntax" && document.error().locations.size() == 1);
  auto errors = validate(schema, *document);
  check_places(*document, errors);
  if (!errors.empty()) return;
  // A valid document can always be run, whatever the data.
  for (const auto& operation : document->operations) {
    std::optional<std::string_view> name;
    if (!operation.name.empty()) name = operation.name.text;
    auto execution = Execution::prepare(schema, *document, name, {});
    if (!execution) continue;
    Response response(*execution);
    execute(*execution, boost::json::object(), ValueReader(), response);
    require(!response.finish().empty());
  }
}

void fuzz_sdl(std::string_view text) {
  auto schema = build_schema(text);
  if (!schema) return require(!schema.error().empty());
  std::string once = print_schema(*schema);
  auto again = build_schema(once);
  require(again.has_value() && print_schema(*again) == once);
}

}  // namespace
}  // namespace phx::graphql

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phx::graphql;
  static const Schema schema = *build_schema(kFuzzSchema);
  std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz_request(schema, text);
  fuzz_sdl(text);
  return 0;
}
