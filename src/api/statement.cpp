#include "api/statement.hpp"

#include <fmt/format.h>
#include <boost/json/serialize.hpp>

#include <algorithm>

#include "pg/rows.hpp"

namespace phx::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxList = 500;

Result<Uuid> uuid(const json::value& value, const std::string& path) {
  auto id = Uuid::parse(std::string_view(value.as_string()));
  if (!id) return invalid_argument("uuid.malformed", path, "An id is a UUID of 36 characters.");
  return *id;
}

Result<Instant> instant(const json::value& value, const std::string& path) {
  if (value.is_string())
    if (auto at = parse_instant(std::string_view(value.as_string()))) return *at;
  return invalid_argument("filter.value", path, "A time is written as 2026-01-31T12:00:00Z.");
}

/// A decimal as PostgreSQL reads it: sign, digits, at most one point, and no exponent.
Result<std::string> decimal(const json::value& value, const std::string& path) {
  std::string text;
  if (value.is_string())
    text = std::string_view(value.as_string());
  else if (value.is_int64() || value.is_uint64())
    text = json::serialize(value);
  std::string_view digits = text;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool well_formed = digits.size() <= 100 && std::ranges::count(digits, '.') <= 1 && !digits.empty() &&
                           digit(digits.front()) && digit(digits.back()) &&
                           std::ranges::all_of(digits, [&](char c) { return digit(c) || c == '.'; });
  if (!well_formed) return invalid_argument("filter.value", path, "A decimal is written as text of digits: \"12.50\".");
  return text;
}

}  // namespace

void also(std::string& conditions, std::string_view condition) {
  if (condition.empty()) return;
  if (!conditions.empty()) conditions += " and ";
  conditions += condition;
}

Result<std::string> StatementBuilder::value(ColumnKind kind, const json::value& value, const std::string& path) {
  switch (kind) {
    case ColumnKind::kId: {
      PHX_TRY(Uuid id, uuid(value, path));
      return param(id);
    }
    case ColumnKind::kInt: return param(static_cast<std::int32_t>(value.to_number<std::int64_t>()));
    case ColumnKind::kFloat: return param(value.to_number<double>());
    case ColumnKind::kBoolean: return param(value.as_bool());
    case ColumnKind::kDateTime: {
      PHX_TRY(Instant at, instant(value, path));
      return param(at);
    }
    case ColumnKind::kDecimal: {
      PHX_TRY(std::string text, decimal(value, path));
      params.add_numeric(text);
      return last();
    }
    case ColumnKind::kJson: params.add_json(json::serialize(value)); return last();
    default: {
      const std::string_view text = value.as_string();
      if (text.find('\0') != std::string_view::npos)
        return invalid_argument("filter.value", path, "No text of the database holds U+0000.");
      return param(text);
    }
  }
}

std::string StatementBuilder::null(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::kId: return param(std::optional<Uuid>());
    case ColumnKind::kInt: return param(std::optional<std::int32_t>());
    case ColumnKind::kFloat: return param(std::optional<double>());
    case ColumnKind::kBoolean: return param(std::optional<bool>());
    case ColumnKind::kDateTime: return param(std::optional<Instant>());
    case ColumnKind::kDecimal: return "null::numeric";
    case ColumnKind::kJson: return "null::jsonb";
    default: return param(std::optional<std::string>());
  }
}

Result<std::string> StatementBuilder::list(ColumnKind kind, const json::array& list, const std::string& path) {
  if (list.size() > kMaxList)
    return invalid_argument("limit.filter", path, fmt::format("A list in a filter has at most {} values.", kMaxList));
  if (kind == ColumnKind::kId || kind == ColumnKind::kIdList) {
    std::vector<Uuid> ids;
    for (const auto& each : list) {
      PHX_TRY(Uuid id, uuid(each, path));
      ids.push_back(id);
    }
    return param(ids);
  }
  if (kind == ColumnKind::kInt) {
    std::vector<std::int64_t> numbers;
    for (const auto& each : list) numbers.push_back(each.to_number<std::int64_t>());
    return param(numbers);
  }
  std::vector<std::string> texts;
  for (const auto& each : list) {
    if (kind == ColumnKind::kDecimal) {
      PHX_TRY(std::string text, decimal(each, path));
      texts.push_back(std::move(text));
    } else if (kind == ColumnKind::kIntList) {
      texts.push_back(std::to_string(each.to_number<std::int64_t>()));
    } else {
      texts.emplace_back(std::string_view(each.as_string()));
    }
  }
  const std::string_view cast = kind == ColumnKind::kDecimal   ? "::numeric[]"
                                : kind == ColumnKind::kIntList ? "::int4[]"
                                                               : "";
  return param(texts) + std::string(cast);
}

std::string StatementBuilder::key(ColumnKind kind, std::string_view binary) {
  switch (kind) {
    case ColumnKind::kId: {
      Uuid id;
      std::ranges::copy(binary, id.bytes.begin());
      return param(id);
    }
    case ColumnKind::kInt: return param(pg::decode_int(binary));
    case ColumnKind::kDateTime: return param(pg::decode_timestamptz(binary));
    case ColumnKind::kBoolean: return param(binary[0] != 0);
    default: return param(binary);
  }
}

namespace {

std::string row_rule(const TableType& table, const std::string& alias, Role role) {
  if (!table.rows || (table.rows->unless != Role::kNone && role >= table.rows->unless)) return {};
  std::string columns;
  for (const std::string& column : table.rows->columns) columns += (columns.empty() ? "" : ", ") + alias + "." + column;
  return fmt::format("phoenix.{}({})", table.rows->function, columns);
}

}  // namespace

std::string visible_rows(StatementBuilder& sql, const TableType& table, const std::string& alias, Role role) {
  if (!table.is_abstract()) {
    sql.types.insert(table.name);
    return row_rule(table, alias, role);
  }
  std::vector<std::string> seen;
  for (const TableType* member : table.members)
    if (member->min_role <= role) {
      seen.push_back(member->name);
      sql.types.insert(member->name);
    }
  std::string out;
  if (seen.size() < table.members.size())
    out = fmt::format("{}.{} = any({})", alias, table.type_column, sql.param(seen));
  for (const TableType* member : table.members) {
    if (member->min_role > role) continue;
    const std::string row = sql.alias();
    const std::string rule = row_rule(*member, row, role);
    if (rule.empty()) continue;
    also(out, fmt::format("({0}.{1} <> '{2}' or exists (select 1 from phoenix.{3} {4} where {4}.id = {0}.id and {5}))",
                          alias, table.type_column, member->name, member->table, row, rule));
  }
  return out;
}

}  // namespace phx::api
