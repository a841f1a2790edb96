#include "api/plan_cache.hpp"

#include <fmt/format.h>
#include <boost/json/serialize.hpp>

#include <algorithm>

#include "api/compiler.hpp"
#include "api/errors.hpp"
#include "base/metrics.hpp"
#include "graphql/parser.hpp"
#include "graphql/validate.hpp"

namespace phx::api {
namespace {

namespace json = boost::json;
using graphql::Execution;
using graphql::GraphqlError;

/// Arguments that are no values of a statement: what a page may cost depends on them.
constexpr std::string_view kSizes[]{"first", "last"};

bool is_size(std::string_view argument) { return std::ranges::find(kSizes, argument) != std::end(kSizes); }

/// Names of variables that are given as the size of a page anywhere in the selections.
void find_sizes(const graphql::List<graphql::ast::Selection>& selections, std::vector<std::string_view>& out) {
  for (const auto& selection : selections) {
    for (const auto& argument : selection.arguments)
      if (is_size(argument.name.text) && argument.value.kind == graphql::ast::ValueKind::kVariable)
        out.push_back(argument.value.text);
    find_sizes(selection.selections, out);
  }
}

void add_shape(std::string& out, const json::value& value, graphql::TypeRef type, bool size) {
  using Scalar = graphql::Type::Scalar;
  if (value.is_null()) {
    out += '0';
    return;
  }
  const graphql::Type& named = *type.named();
  const bool opaque = named.kind == graphql::TypeKind::kScalar && named.scalar != Scalar::kBoolean && !size;
  if (type.is_list() && value.is_array()) {
    out += '[';
    // A list of values is one parameter, however long it is.
    for (const json::value& item : value.as_array())
      if (!opaque || type.item().is_list() || item.is_null()) add_shape(out, item, type.item(), size);
    out += ']';
  } else if (opaque) {
    out += '.';
  } else if (named.kind == graphql::TypeKind::kInputObject && value.is_object()) {
    out += '{';
    for (const auto& member : value.as_object()) {
      const graphql::InputValue* field = named.input_field(member.key());
      out += member.key();
      out += ':';
      add_shape(out, member.value(), field ? field->type : graphql::TypeRef(&named), false);
    }
    out += '}';
  } else {
    out += json::serialize(value);
    out += ',';
  }
}

}  // namespace

std::string shape_of_variables(const Execution& execution) {
  std::string out;
  std::vector<std::string_view> sizes;
  const auto& definitions = execution.operation().variables;
  if (definitions.empty()) return out;
  find_sizes(execution.operation().selections, sizes);
  for (const auto& fragment : execution.document().fragments) find_sizes(fragment.selections, sizes);
  for (const auto& definition : definitions) {
    const json::value* value = execution.variables().if_contains(definition.name.text);
    if (value)
      add_shape(out, *value, execution.schema().resolve(definition.type),
                std::ranges::find(sizes, definition.name.text) != sizes.end());
    else
      out += '-';
  }
  return out;
}

// ---------------------------------------------------------------- documents

namespace {

Counter& documents_counter(Metrics& metrics, const std::string& found) {
  return metrics.counter("sankofa_graphql_documents_total", "GraphQL documents by how they were found in the cache",
                         {{"found", found}});
}

Counter& plans_counter(Metrics& metrics, const std::string& found) {
  return metrics.counter("sankofa_graphql_plans_total", "GraphQL operations by how their plans were found in the cache",
                         {{"found", found}});
}

}  // namespace

DocumentCache::DocumentCache(const graphql::Schema& schema, Limits limits, Metrics& metrics)
    : schema_(schema),
      limits_(limits),
      texts_(limits.max_entries),
      skeletons_(limits.max_entries),
      same_text_(documents_counter(metrics, "text")),
      same_skeleton_(documents_counter(metrics, "skeleton")),
      parsed_(documents_counter(metrics, "none")) {}

std::expected<graphql::Document, std::vector<GraphqlError>> DocumentCache::parse(const std::string& text) const {
  auto parsed = graphql::parse_document(text, limits_.document.parse_limits());
  if (!parsed) {
    const std::string_view limit = parsed.error().limit;
    add_request_extensions(parsed.error(), limit.empty() ? "graphql.syntax" : "limit." + std::string(limit), {});
    return std::unexpected(std::vector{std::move(parsed.error())});
  }
  if (Status within = check_limits(*parsed, limits_.document); !within)
    return std::unexpected(std::vector{to_graphql_error(within.error(), {})});
  auto errors = graphql::validate(schema_, *parsed);
  if (!errors.empty()) {
    for (GraphqlError& error : errors) add_request_extensions(error, "graphql.validation", {});
    return std::unexpected(std::move(errors));
  }
  return std::move(*parsed);
}

DocumentCache::Found DocumentCache::find(const std::string& text) {
  if (const KnownDocument* known = texts_.find(text)) {
    same_text_.add();
    return *known;
  }
  const bool keeps = text.size() <= limits_.max_text;
  std::optional<graphql::Skeleton> skeleton;
  if (keeps) skeleton = graphql::skeleton_of(text, kSizes);
  if (skeleton)
    if (const auto* lifted = skeletons_.find(skeleton->key))
      if (auto literals = (*lifted)->values(*skeleton)) {
        same_skeleton_.add();
        return texts_.keep(text, {.document = {*lifted, &(*lifted)->document()},
                                  .literals = std::move(*literals),
                                  .relocation = (*lifted)->relocate(text, *skeleton),
                                  .kept = true});
      }
  parsed_.add();
  auto document = parse(text);
  if (!document) return std::unexpected(std::move(document.error()));
  KnownDocument out{.document = {}, .literals = {}, .relocation = {}, .kept = keeps};
  if (skeleton)
    if (auto lifted = graphql::LiftedDocument::lift(schema_, *document, *skeleton)) {
      // What was valid just now has values.
      out.literals = lifted->values(*skeleton).value();
      out.document = {lifted, &lifted->document()};
      skeletons_.keep(std::move(skeleton->key), std::move(lifted));
    }
  if (!out.document) out.document = std::make_shared<const graphql::Document>(std::move(*document));
  return keeps ? texts_.keep(text, std::move(out)) : out;
}

// ---------------------------------------------------------------- plans

PlanCache::PlanCache(const ApiSchema& api, Limits limits, Metrics& metrics)
    : api_(api),
      limits_(limits),
      documents_(api.schema(), limits.documents, metrics),
      ready_(limits.ready_queries),
      shapes_(limits.shapes),
      as_they_were_(plans_counter(metrics, "ready")),
      bound_(plans_counter(metrics, "shape")),
      compiled_(plans_counter(metrics, "none")) {}

PlanCache::Found PlanCache::find(const std::string& text, const std::optional<std::string>& operation_name,
                                 const json::object& variables, Role role, const Uuid& viewer) {
  // What most requests need: one string, made by hand.
  std::string key;
  key.reserve(text.size() + 64);
  key += role_name(role);
  key += '\x1f';
  if (operation_name) key += *operation_name;
  key += '\x1f';
  const std::size_t scope = key.size();
  if (!variables.empty()) key += json::serialize(variables);
  key += '\x1f';
  key += text;
  if (const auto* ready = ready_.find(key)) {
    as_they_were_.add();
    return *ready;
  }
  auto known = documents_.find(text);
  if (!known) return std::unexpected(std::move(known.error()));
  std::optional<std::string_view> name;
  if (operation_name) name = *operation_name;
  auto execution = Execution::prepare(api_.schema(), *known->document, name, variables, known->literals);
  if (!execution) return std::unexpected(std::move(execution.error()));
  execution->relocate(known->relocation);
  std::shared_ptr<ReadyQuery> out;
  const bool is_query = execution->operation().kind == graphql::OperationKind::kQuery;
  const bool keeps = is_query && key.size() <= limits_.ready_query_bytes;
  if (keeps && known->kept) {
    // A document lives at least as long as what is kept under its address.
    std::string shape = fmt::format("{}{}\x1f{}", std::string_view(key).substr(0, scope),
                                    fmt::ptr(known->document.get()), shape_of_variables(*execution));
    if (const auto* served = shapes_.find(shape)) out = bind(**served, *execution, viewer);
    if (out) {
      bound_.add();
    } else {
      out = std::make_shared<ReadyQuery>(known->document, std::move(*execution));
      out->shape = std::move(shape);
      compiled_.add();
    }
  } else {
    out = std::make_shared<ReadyQuery>(known->document, std::move(*execution));
    if (is_query) compiled_.add();
  }
  if (keeps) out->key = std::move(key);
  return out;
}

std::shared_ptr<ReadyQuery> PlanCache::bind(const ReadyQuery& known, const Execution& execution, const Uuid& viewer) {
  auto out = std::make_shared<ReadyQuery>(known.document, known.execution.with_variables_of(execution));
  const Arguments arguments(out->execution, viewer);
  for (const auto& plan : known.plans) {
    if (!plan) {
      out->plans.emplace_back();
      continue;
    }
    auto bound = rebind(***plan, arguments);
    if (!bound) return nullptr;
    out->plans.emplace_back(std::make_shared<const Plan>(std::move(*bound)));
  }
  return out;
}

void PlanCache::learn(const std::shared_ptr<ReadyQuery>& query) {
  std::string key = std::exchange(query->key, {});
  std::string shape = std::exchange(query->shape, {});
  const auto fields = query->execution.root_fields();
  if (!fields || fields->size() != query->plans.size()) return;
  bool personal = false;
  bool bindable = true;
  for (std::size_t i = 0; i < fields->size(); ++i) {
    const graphql::Field* field = (*fields)[i].field;
    const auto& plan = query->plans[i];
    const auto kind = api_.meaning(*field).kind;
    if (kind != FieldMeaning::Kind::kConnection && kind != FieldMeaning::Kind::kById) {
      // Computed root fields look at their arguments themselves.
      bindable = bindable && field == api_.schema().typename_field();
      continue;
    }
    // One that was refused before it was planned would be planned later, for somebody, under a key of everybody.
    if (!plan) return;
    personal = personal || (*plan && (**plan)->personal);
    bindable = bindable && *plan && (**plan)->binders;
  }
  if (!key.empty() && !personal) ready_.keep(std::move(key), query);
  if (!shape.empty() && bindable) shapes_.keep(std::move(shape), query);
}

}  // namespace phx::api
