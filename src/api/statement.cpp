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

namespace {

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

Status add_value(pg::Params& to, ColumnKind kind, const json::value& value, const std::string& path) {
  if (holds_nul(value)) return invalid_argument("filter.value", path, "No text of the database holds U+0000.");
  switch (kind) {
    case ColumnKind::kId: {
      PHX_TRY(Uuid id, uuid(value, path));
      to.add(id);
      return {};
    }
    case ColumnKind::kInt: to.add(static_cast<std::int32_t>(value.to_number<std::int64_t>())); return {};
    case ColumnKind::kFloat: to.add(value.to_number<double>()); return {};
    case ColumnKind::kBoolean: to.add(value.as_bool()); return {};
    case ColumnKind::kDateTime: {
      PHX_TRY(Instant at, instant(value, path));
      to.add(at);
      return {};
    }
    case ColumnKind::kDecimal: {
      PHX_TRY(std::string text, decimal(value, path));
      to.add_numeric(text);
      return {};
    }
    case ColumnKind::kJson: to.add_json(json::serialize(value)); return {};
    default: to.add(std::string_view(value.as_string())); return {};
  }
}

Status add_list(pg::Params& to, ColumnKind kind, const json::array& list, const std::string& path) {
  if (list.size() > kMaxList)
    return invalid_argument("limit.filter", path, fmt::format("A list in a filter has at most {} values.", kMaxList));
  if (kind == ColumnKind::kId || kind == ColumnKind::kIdList) {
    std::vector<Uuid> ids;
    for (const auto& each : list) {
      PHX_TRY(Uuid id, uuid(each, path));
      ids.push_back(id);
    }
    to.add(ids);
    return {};
  }
  if (kind == ColumnKind::kInt) {
    std::vector<std::int64_t> numbers;
    for (const auto& each : list) numbers.push_back(each.to_number<std::int64_t>());
    to.add(numbers);
    return {};
  }
  std::vector<std::string> texts;
  for (const auto& each : list) {
    if (holds_nul(each)) return invalid_argument("filter.value", path, "No text of the database holds U+0000.");
    if (kind == ColumnKind::kDecimal) {
      PHX_TRY(std::string text, decimal(each, path));
      texts.push_back(std::move(text));
    } else if (kind == ColumnKind::kIntList) {
      texts.push_back(std::to_string(each.to_number<std::int64_t>()));
    } else {
      texts.emplace_back(std::string_view(each.as_string()));
    }
  }
  to.add(texts);
  return {};
}

/// A pattern that matches this text and nothing else.
std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

const json::value* Arguments::at(const graphql::FieldGroup& field, std::string_view path) const {
  auto known = std::ranges::find(known_, &field, [](const auto& each) { return each.first; });
  if (known == known_.end()) {
    auto made = execution_.arguments_of(field);
    if (!made) return nullptr;
    known = known_.emplace(known_.end(), &field, std::move(*made));
  }
  const json::object* object = &known->second;
  const json::value* value = nullptr;
  while (!path.empty()) {
    const auto end = std::min(path.find_first_of(".["), path.size());
    if (!object || !(value = object->if_contains(path.substr(0, end)))) return nullptr;
    path.remove_prefix(end);
    while (path.starts_with('[')) {
      std::size_t index = 0;
      for (path.remove_prefix(1); !path.starts_with(']'); path.remove_prefix(1))
        index = index * 10 + static_cast<std::size_t>(path.front() - '0');
      path.remove_prefix(1);
      const json::array* items = value->if_array();
      if (!items || index >= items->size()) return nullptr;
      value = &(*items)[index];
    }
    if (path.starts_with('.')) path.remove_prefix(1);
    object = value->if_object();
  }
  return value;
}

Status StatementBuilder::add(const std::string& path, const json::value& value,
                             std::function<Status(pg::Params&, const json::value&, const std::string&)> make) {
  PHX_CHECK(make(params, value, path));
  binders.push_back([of = field, path, make = std::move(make)](const Arguments& arguments, pg::Params& to) -> Status {
    const json::value* now = of ? arguments.at(*of, path) : nullptr;
    if (!now || now->is_null()) return internal_error("api.compiler", "no value at " + path);
    return make(to, *now, path);
  });
  return {};
}

Result<std::string> StatementBuilder::value(ColumnKind kind, const json::value& value, const std::string& path) {
  PHX_CHECK(add(path, value, [kind](pg::Params& to, const json::value& now, const std::string& place) {
    return add_value(to, kind, now, place);
  }));
  return last();
}

std::string StatementBuilder::viewer_id() {
  personal = true;
  params.add(viewer);
  binders.push_back([](const Arguments& arguments, pg::Params& to) {
    to.add(arguments.viewer());
    return Status();
  });
  return last();
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

Result<std::string> StatementBuilder::list(ColumnKind kind, const json::value& list, const std::string& path) {
  PHX_CHECK(add(path, list, [kind](pg::Params& to, const json::value& now, const std::string& place) {
    return add_list(to, kind, now.as_array(), place);
  }));
  const std::string_view cast = kind == ColumnKind::kDecimal   ? "::numeric[]"
                                : kind == ColumnKind::kIntList ? "::int4[]"
                                                               : "";
  return last() + std::string(cast);
}

Result<std::string> StatementBuilder::pattern(const json::value& value, bool open_left, bool open_right,
                                              const std::string& path) {
  PHX_CHECK(add(path, value, [=](pg::Params& to, const json::value& now, const std::string& place) -> Status {
    if (holds_nul(now)) return invalid_argument("filter.value", place, "No text of the database holds U+0000.");
    std::string made = escaped(std::string_view(now.as_string()));
    if (open_left) made.insert(0, 1, '%');
    if (open_right) made += '%';
    to.add(made);
    return {};
  }));
  return last();
}

void StatementBuilder::add_key(pg::Params& to, ColumnKind kind, std::string_view binary) {
  switch (kind) {
    case ColumnKind::kId: {
      Uuid id;
      std::ranges::copy(binary, id.bytes.begin());
      to.add(id);
      return;
    }
    case ColumnKind::kInt: to.add(pg::decode_int(binary)); return;
    case ColumnKind::kDateTime: to.add(pg::decode_timestamptz(binary)); return;
    case ColumnKind::kBoolean: to.add(binary[0] != 0); return;
    default: to.add(binary);
  }
}

std::string StatementBuilder::key(ColumnKind kind, std::string_view binary, Binder bind) {
  add_key(params, kind, binary);
  binders.push_back(std::move(bind));
  return last();
}

namespace {

std::string row_rule(StatementBuilder& sql, const TableType& table, const std::string& alias, Role role) {
  if (!table.rows || (table.rows->unless != Role::kNone && role >= table.rows->unless)) return {};
  std::string columns;
  for (const std::string& column : table.rows->columns) columns += (columns.empty() ? "" : ", ") + alias + "." + column;
  if (table.rows->viewer) columns += (columns.empty() ? "" : ", ") + sql.viewer_id();
  return fmt::format("phoenix.{}({})", table.rows->function, columns);
}

}  // namespace

std::string visible_rows(StatementBuilder& sql, const TableType& table, const std::string& alias, Role role) {
  if (!table.is_abstract()) {
    sql.types.insert(table.name);
    return row_rule(sql, table, alias, role);
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
    const std::string rule = row_rule(sql, *member, row, role);
    if (rule.empty()) continue;
    also(out, fmt::format("({0}.{1} <> '{2}' or exists (select 1 from phoenix.{3} {4} where {4}.id = {0}.id and {5}))",
                          alias, table.type_column, member->name, member->table, row, rule));
  }
  return out;
}

}  // namespace phx::api
