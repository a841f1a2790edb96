// A request against a schema of tables, down to SQL: limits, validation, coercion of variables, and the compiler, for a
// viewer and for an administrator. The input is the document, a line "---", and the variables as JSON. Whatever is
// accepted compiles to a statement whose text holds nothing of the request, within the limits it was given. With its
// literals lifted out it compiles to the same statement with the same parameters, and so it does when these are bound
// anew.
#include <boost/json/parse.hpp>
#include <string>

#include "api/compiler.hpp"
#include "api/limits.hpp"
#include "api/plan_cache.hpp"
#include "api/testing/fleet_sdl.hpp"
#include "fuzz.hpp"
#include "graphql/lift.hpp"
#include "graphql/parser.hpp"
#include "graphql/validate.hpp"

namespace phx::api {
namespace {

using fuzz::require;
using Kind = FieldMeaning::Kind;

const ApiSchema& fleet() {
  static Registry registry;
  static const std::unique_ptr<ApiSchema> api = [] {
    testing::register_idle(registry);
    return testing::assemble_fleet(registry).value();
  }();
  return *api;
}

void check(const Result<Plan>& plan, const CompileLimits& limits) {
  if (!plan) return require(!plan.error().reason().empty() && !plan.error().message().empty());
  require(plan->cost <= limits.max_cost);
  require(plan->rows || plan->count);
  for (const auto* query : {&plan->rows, &plan->count})
    if (*query) {
      // A mark that no identifier and no keyword holds: texts of requests travel as parameters only.
      require((*query)->sql.text().find("needle") == std::string::npos);
      require(!(*query)->sql.text().empty());
    }
}

std::string bytes(const std::optional<pg::Query>& query) {
  if (!query) return {};
  std::string out(query->sql.text());
  for (const auto& value : query->params.values()) {
    out += '\x1f' + std::to_string(value.type) + (value.length < 0 ? "-" : "");
    if (value.length > 0) out += query->params.bytes(value);
  }
  return out;
}

std::string compile(const graphql::Execution& execution, Role role) {
  const CompileLimits limits;
  const Compiler compiler(fleet(), execution, role, limits);
  const auto fields = execution.root_fields();
  std::string out;
  if (!fields) return out;
  for (const graphql::FieldGroup& field : *fields) {
    if (graphql::is_introspection(field) || field.error) continue;
    const FieldMeaning& meaning = fleet().meaning(*field.field);
    if (meaning.kind != Kind::kConnection && meaning.kind != Kind::kById) continue;
    const auto plan = meaning.kind == Kind::kConnection ? compiler.connection(field) : compiler.by_id(field);
    check(plan, limits);
    if (!plan) {
      out += std::string(plan.error().reason()) + plan.error().message();
      continue;
    }
    const std::string made = bytes(plan->rows) + bytes(plan->count);
    if (plan->binders) {
      const auto bound = rebind(*plan, Arguments(execution));
      require(bound && bytes(bound->rows) + bytes(bound->count) == made);
    }
    out += made;
  }
  return out;
}

/// The same request with its literals lifted out.
void lift(const std::string& query, std::optional<std::string_view> name, const boost::json::object& variables,
          const std::string& viewer, const std::string& administrator) {
  constexpr std::string_view kKept[]{"first", "last"};
  const auto skeleton = graphql::skeleton_of(query, kKept);
  if (!skeleton) return;
  auto document = graphql::parse_document(query);
  const auto lifted = graphql::LiftedDocument::lift(fleet().schema(), *document, *skeleton);
  if (!lifted) return;
  const auto values = lifted->values(*skeleton);
  require(values.has_value());
  const auto execution = graphql::Execution::prepare(fleet().schema(), lifted->document(), name, variables, *values);
  require(execution.has_value());
  require(!shape_of_variables(*execution).empty() || execution->operation().variables.empty());
  require(compile(*execution, Role::kTenantViewer) == viewer);
  require(compile(*execution, Role::kPlatformAdmin) == administrator);
}

void run(std::string_view text) {
  constexpr std::string_view kSeparator = "\n---\n";
  const auto split = text.find(kSeparator);
  const std::string_view query = text.substr(0, split);
  boost::json::object variables;
  if (split != text.npos) {
    boost::system::error_code wrong;
    boost::json::value given = boost::json::parse(text.substr(split + kSeparator.size()), wrong);
    if (wrong || !given.is_object()) return;
    variables = std::move(given.as_object());
  }
  const std::string whole(query);
  if (const auto skeleton = graphql::skeleton_of(whole, {}))
    require(!skeleton->literals.empty() && skeleton->literals.size() <= graphql::kMaxLifted);
  const DocumentLimits limits;
  auto document = graphql::parse_document(query, limits.parse_limits());
  if (!document) return;
  if (Status within = check_limits(*document, limits); !within)
    return require(within.error().reason().starts_with("limit."));
  if (!graphql::validate(fleet().schema(), *document).empty()) return;
  for (const auto& operation : document->operations) {
    std::optional<std::string_view> name;
    if (!operation.name.empty()) name = operation.name.text;
    const auto execution = graphql::Execution::prepare(fleet().schema(), *document, name, variables);
    if (!execution) {
      require(!execution.error().empty());
      continue;
    }
    const std::string viewer = compile(*execution, Role::kTenantViewer);
    lift(whole, name, variables, viewer, compile(*execution, Role::kPlatformAdmin));
  }
}

}  // namespace
}  // namespace phx::api

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  phx::api::run(phx::fuzz::as_text(data, size));
  return 0;
}
