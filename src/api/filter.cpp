#include "api/filter.hpp"

#include <fmt/format.h>

namespace phx::api {
namespace {

namespace json = boost::json;
using Kind = FieldMeaning::Kind;

bool is_list(ColumnKind kind) {
  return kind == ColumnKind::kStringList || kind == ColumnKind::kIntList || kind == ColumnKind::kIdList;
}

ColumnKind item_kind(ColumnKind kind) {
  return kind == ColumnKind::kIntList  ? ColumnKind::kInt
         : kind == ColumnKind::kIdList ? ColumnKind::kId
                                       : ColumnKind::kString;
}

}  // namespace

Error role_required(std::string_view field, Role needed) {
  return permission_denied("auth.forbidden",
                           fmt::format("{} needs the role {} in this scope.", field, role_name(needed)));
}

Result<std::string> FilterCompiler::conditions(const TableType& table, const std::string& alias,
                                               const json::object& filter) {
  return object({table, alias, "filter"}, filter);
}

Status FilterCompiler::spend() {
  if (++used_ > limits_.max_conditions)
    return invalid_argument("limit.filter", "filter",
                            fmt::format("A filter has at most {} conditions.", limits_.max_conditions));
  return {};
}

Result<std::string> FilterCompiler::object(const Place& place, const json::object& filter) {
  std::string out;
  for (const auto& member : filter) {
    const std::string_view name = member.key();
    const json::value& value = member.value();
    Place inner = place;
    inner.path += "." + std::string(name);
    if (value.is_null()) continue;
    if (name == "and" || name == "or") {
      PHX_TRY(std::string joined, list(inner, value.as_array(), name == "or"));
      also(out, joined);
    } else if (name == "not") {
      PHX_TRY(std::string negated, object(inner, value.as_object()));
      also(out, negated.empty() ? "false" : fmt::format("({}) is not true", negated));
    } else {
      const graphql::Field* by = place.table.type->field(name);
      if (!by) return internal_error("api.compiler", "filter of an unknown field " + inner.path);
      PHX_TRY(std::string made, field(inner, *by, value.as_object()));
      also(out, made);
    }
  }
  return out;
}

Result<std::string> FilterCompiler::list(const Place& place, const json::array& list, bool any) {
  std::string out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].is_null()) continue;
    Place inner = place;
    inner.path += fmt::format("[{}]", i);
    PHX_TRY(std::string one, object(inner, list[i].as_object()));
    if (one.empty()) one = "true";
    if (!out.empty()) out += any ? " or " : " and ";
    out += "(" + one + ")";
  }
  if (out.empty()) return std::string(any ? "false" : "");
  return "(" + out + ")";
}

Result<std::string> FilterCompiler::field(const Place& place, const graphql::Field& field,
                                          const json::object& conditions) {
  const FieldMeaning& meaning = api_.meaning(field);
  if (meaning.min_role > role_) return role_required(field.name, meaning.min_role);
  if (meaning.kind == Kind::kOne)
    return exists(place, *meaning.target, "id", place.alias + "." + meaning.column, conditions, false);
  if (meaning.kind == Kind::kMany) return to_many(place, meaning, conditions);
  std::string out;
  for (const auto& condition : conditions) {
    PHX_CHECK(spend());
    const std::string_view op = condition.key();
    PHX_TRY(std::string made, compare(place.alias + "." + meaning.column, meaning, op, condition.value(),
                                      place.path + "." + std::string(op)));
    also(out, made);
  }
  return out;
}

Result<std::string> FilterCompiler::to_many(const Place& place, const FieldMeaning& meaning,
                                            const json::object& conditions) {
  std::string out;
  for (const auto& condition : conditions) {
    if (condition.value().is_null()) continue;
    const std::string_view op = condition.key();
    Place inner = place;
    inner.path += "." + std::string(op);
    PHX_TRY(std::string made, exists(inner, *meaning.target, meaning.column, place.alias + ".id",
                                     condition.value().as_object(), op == "every"));
    also(out, op == "some" ? made : "not " + made);
  }
  return out;
}

/// `without`: related rows for which the filter does not hold.
Result<std::string> FilterCompiler::exists(const Place& place, const TableType& target, std::string_view target_column,
                                           const std::string& source, const json::object& filter, bool without) {
  PHX_CHECK(spend());
  if (place.relations == limits_.max_relations)
    return invalid_argument("limit.filter", place.path,
                            fmt::format("A filter goes over at most {} relations.", limits_.max_relations));
  const std::string alias = sql_.alias();
  std::string conditions = fmt::format("{}.{} = {}", alias, target_column, source);
  also(conditions, visible_rows(sql_, target, alias, role_));
  PHX_TRY(std::string made, object({target, alias, place.path, place.relations + 1}, filter));
  if (without)
    also(conditions, made.empty() ? "false" : fmt::format("({}) is not true", made));
  else
    also(conditions, made);
  return fmt::format("exists (select 1 from phoenix.{} {} where {})", target.table, alias, conditions);
}

Result<std::string> FilterCompiler::compare(const std::string& column, const FieldMeaning& meaning, std::string_view op,
                                            const json::value& value, const std::string& path) {
  const ColumnKind kind = meaning.column_kind;
  if (value.is_null()) {
    if (op == "eq" && !is_list(kind)) return column + " is null";
    if (op == "ne" && !is_list(kind)) return column + " is not null";
    return std::string();
  }
  if (op == "isNull") return column + (value.as_bool() ? " is null" : " is not null");
  if (is_list(kind)) return compare_list(column, meaning, op, value, path);
  if (kind == ColumnKind::kJson) {
    PHX_TRY(std::string part, sql_.value(op == "hasKey" ? ColumnKind::kString : kind, value, path));
    return fmt::format("{} {} {}", column, op == "hasKey" ? "?" : "@>", part);
  }
  if (op == "eqAnyCase") {
    PHX_TRY(std::string text, sql_.value(kind, value, path));
    return fmt::format("lower({}) = lower({})", column, text);
  }
  if (op == "contains" || op == "startsWith" || op == "endsWith") {
    PHX_TRY(std::string pattern, sql_.pattern(value, op != "startsWith", op != "endsWith", path));
    return fmt::format("{} ilike {}", column, pattern);
  }
  if (op == "in") {
    PHX_TRY(std::string list, sql_.list(kind, value, path));
    return fmt::format("{} = any({})", column, list);
  }
  PHX_TRY(std::string operand, sql_.value(kind, value, path));
  if (op == "ne" && meaning.nullable) return fmt::format("{} is distinct from {}", column, operand);
  static constexpr std::pair<std::string_view, std::string_view> kOperators[]{
      {"eq", "="}, {"ne", "<>"}, {"gt", ">"}, {"gte", ">="}, {"lt", "<"}, {"lte", "<="}};
  for (const auto& [name, symbol] : kOperators)
    if (name == op) return fmt::format("{} {} {}", column, symbol, operand);
  return internal_error("api.compiler", "unknown operator " + std::string(op));
}

Result<std::string> FilterCompiler::compare_list(const std::string& column, const FieldMeaning& meaning,
                                                 std::string_view op, const json::value& value,
                                                 const std::string& path) {
  const ColumnKind kind = meaning.column_kind;
  if (op == "isEmpty") return fmt::format("cardinality({}) {} 0", column, value.as_bool() ? "=" : "<>");
  if (op == "has") {
    PHX_TRY(std::string item, sql_.value(item_kind(kind), value, path));
    return fmt::format("{} = any({})", item, column);
  }
  PHX_TRY(std::string items, sql_.list(kind, value, path));
  if (op == "hasAny") return fmt::format("{} && {}", column, items);
  if (op == "hasAll") return fmt::format("{} @> {}", column, items);
  return internal_error("api.compiler", "unknown operator " + std::string(op));
}

}  // namespace phx::api
