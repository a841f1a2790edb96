#include "api/filter.hpp"

#include <fmt/format.h>

namespace phx::api {
namespace {

namespace json = boost::json;
using Kind = FieldMeaning::Kind;

/// A pattern that matches this text and nothing else.
std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// PostgreSQL's texts hold every character but this one.
bool holds_nul(const json::value& value) {
  if (value.is_string()) return std::string_view(value.as_string()).find('\0') != std::string_view::npos;
  if (value.is_array())
    for (const json::value& item : value.as_array())
      if (holds_nul(item)) return true;
  if (value.is_object())
    for (const auto& member : value.as_object())
      if (holds_nul(member.value()) || member.key().find('\0') != std::string_view::npos) return true;
  return false;
}

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
  if (holds_nul(value)) return invalid_argument("filter.value", path, "No text of the database holds U+0000.");
  if (op == "isNull") return column + (value.as_bool() ? " is null" : " is not null");
  if (is_list(kind)) return compare_list(column, meaning, op, value, path);
  if (kind == ColumnKind::kJson) {
    if (op == "hasKey") return fmt::format("{} ? {}", column, sql_.param(std::string_view(value.as_string())));
    PHX_TRY(std::string part, sql_.value(kind, value, path));
    return fmt::format("{} @> {}", column, part);
  }
  if (op == "eqAnyCase")
    return fmt::format("lower({}) = lower({})", column, sql_.param(std::string_view(value.as_string())));
  if (op == "contains" || op == "startsWith" || op == "endsWith") {
    std::string pattern = escaped(std::string_view(value.as_string()));
    if (op != "startsWith") pattern.insert(0, 1, '%');
    if (op != "endsWith") pattern += '%';
    return fmt::format("{} ilike {}", column, sql_.param(pattern));
  }
  if (op == "in") {
    PHX_TRY(std::string list, sql_.list(kind, value.as_array(), path));
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
  PHX_TRY(std::string items, sql_.list(kind, value.as_array(), path));
  if (op == "hasAny") return fmt::format("{} && {}", column, items);
  if (op == "hasAll") return fmt::format("{} @> {}", column, items);
  return internal_error("api.compiler", "unknown operator " + std::string(op));
}

}  // namespace phx::api
