#include "api/compiler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

namespace phx::api {
namespace {

using graphql::FieldGroup;
using graphql::FieldGroups;
using Kind = FieldMeaning::Kind;
namespace json = boost::json;

/// One SQL statement in the making: numbers its parameters and table aliases.
struct StatementBuilder {
  pg::Params params;
  int aliases = 0;

  std::string alias() { return "t" + std::to_string(aliases++); }
  template <class T>
  std::string param(const T& value) {
    params.add(value);
    return "$" + std::to_string(params.size());
  }
};

/// The rows of one table at one level of the selection, and what is selected from and beside them.
struct Level {
  std::string alias;
  std::vector<std::string> base;    ///< columns of the table itself, needed by the outside of the page
  std::vector<std::string> select;  ///< expressions of the resulting row
  std::string joins;
  std::map<std::pair<std::string, const graphql::Field*>, std::string> joined;
  bool nested = false;  ///< correlated arrays are among the expressions

  /// Position of an expression in the row; equal ones share it.
  int add(std::string expression) {
    const auto it = std::ranges::find(select, expression);
    if (it != select.end()) return static_cast<int>(it - select.begin());
    select.push_back(std::move(expression));
    return static_cast<int>(select.size()) - 1;
  }
  /// A column of the alias; one of the level's own table is kept by the page.
  std::string column(const std::string& of, std::string_view name) {
    if (of == alias && std::ranges::find(base, name) == base.end()) base.emplace_back(name);
    return of + "." + std::string(name);
  }
  bool plain() const { return joins.empty() && !nested; }
};

struct Page {
  const TableType* table = nullptr;
  const TableOrder* order = nullptr;
  bool descending = false;
  std::string conditions;  ///< "" or "a and b"
  std::string limit;       ///< parameter; "" for all rows

  std::string order_by(const std::string& alias) const {
    if (limit.empty()) return {};
    const std::string_view direction = descending ? " desc" : "";
    std::string out = " order by ";
    if (order && order->column != "id") out += fmt::format("{}.{}{}, ", alias, order->column, direction);
    return out + fmt::format("{}.id{}", alias, direction);
  }
};

/// Joins conditions.
void also(std::string& conditions, std::string condition) {
  if (condition.empty()) return;
  if (!conditions.empty()) conditions += " and ";
  conditions += condition;
}

/// `select <select> from …`: the page is cut first, relations join its rows only.
std::string render(const Level& level, const Page& page, bool as_record) {
  std::string select = fmt::format("{}", fmt::join(level.select, ", "));
  std::string out = as_record ? fmt::format("select row({}) from ", select) : fmt::format("select {} from ", select);
  std::string table = fmt::format("phoenix.{} {}", page.table->table, level.alias);
  if (!page.conditions.empty()) table += " where " + page.conditions;
  table += page.order_by(level.alias);
  if (!page.limit.empty()) table += " limit " + page.limit;
  if (level.plain() || page.limit.empty()) {
    if (level.joins.empty()) return out + table;
    // Without a page there is nothing to cut: joins stand before the conditions.
    return out + fmt::format("phoenix.{} {}{}{}{}", page.table->table, level.alias, level.joins,
                             page.conditions.empty() ? "" : " where ", page.conditions);
  }
  std::string columns;
  for (const std::string& column : level.base) columns += (columns.empty() ? "" : ", ") + level.alias + "." + column;
  return out + fmt::format("(select {} from {}) {}{}{}", columns, table, level.alias, level.joins,
                           page.order_by(level.alias));
}

/// One compilation; the Compiler's methods make one each.
class Compilation {
 public:
  Compilation(const ApiSchema& api, const graphql::Execution& execution, Role role, const CompileLimits& limits)
      : api_(api), execution_(execution), role_(role), limits_(limits) {}

  Plan plan;

  Result<void> object(StatementBuilder& sql, Level& level, const std::string& alias, const TableType& table,
                      const FieldGroup& group, ObjectShape& out, std::uint64_t rows) {
    out.table = &table;
    PHX_TRY(FieldGroups fields, sub_fields(group, *table.type));
    for (const FieldGroup& field : fields) {
      Item item;
      item.group = &field;
      if (field.field == execution_.schema().typename_field()) {
        item.kind = Item::Kind::kTypename;
        out.items.push_back(std::move(item));
        continue;
      }
      const FieldMeaning& meaning = api_.meaning(*field.field);
      std::optional<Error> refused;
      if (meaning.min_role > role_) refused = role_required(field.field->name, meaning.min_role);
      if (!refused && field.error) refused = Error(Code::kInvalidArgument, "graphql.argument", field.error->message);
      if (!refused) {
        auto done = field_item(sql, level, alias, meaning, field, item, rows);
        if (!done) {
          // A page that costs too much refuses the whole field; a wrong argument only itself.
          if (done.error().reason() == "limit.cost") return done;
          refused = done.error();
        }
      }
      if (refused) {
        item.kind = Item::Kind::kError;
        item.error = std::move(refused);
      }
      out.items.push_back(std::move(item));
    }
    return {};
  }

  /// A connection's page and parts; leaves the statement's text in `text` ("" when no row is wanted) and the count's
  /// condition in `count_conditions` when totalCount is selected.
  struct Connection {
    std::string text;
    bool wants_count = false;
  };
  Result<Connection> connection(StatementBuilder& sql, const FieldGroup& group, const TableType& table,
                                const std::string& correlation_column, const std::string& parent_id,
                                ConnectionShape& shape, std::uint64_t parents) {
    PHX_TRY(const std::int64_t first, page_size(group));
    shape.first = first;
    Level level{.alias = sql.alias()};
    Page page{.table = &table};
    if (const auto* order = group.arguments.if_contains("orderBy"); order && order->is_string())
      page.order = table.order(std::string_view(order->as_string()));
    if (page.order) PHX_CHECK(allowed(*page.order->field));
    if (const auto* direction = group.arguments.if_contains("direction"); direction && direction->is_string())
      page.descending = direction->as_string() == "DESC";
    shape.order = {&table, page.order, page.descending};

    if (!correlation_column.empty())
      also(page.conditions, fmt::format("{}.{} = {}", level.alias, correlation_column, parent_id));
    PHX_TRY(std::string filter, filter_conditions(sql, level.alias, table, group));
    also(page.conditions, std::move(filter));

    Connection out;
    PHX_TRY(FieldGroups parts, sub_fields(group, *table.connection));
    const std::uint64_t rows = parents * static_cast<std::uint64_t>(std::max<std::int64_t>(first, 1));
    bool wants_rows = false;
    bool wants_cursor = false;
    for (const FieldGroup& part : parts) {
      shape.parts.emplace_back();
      ConnectionShape::Part& made = shape.parts.back();
      made.group = &part;
      PHX_CHECK(connection_part(sql, level, table, part, made, rows, wants_rows, wants_cursor, out.wants_count));
    }
    if (!wants_rows) return out;
    PHX_CHECK(spend(rows));

    if (const auto* after = group.arguments.if_contains("after"); after && after->is_string()) {
      PHX_TRY(Cursor cursor, decode_cursor(shape.order, std::string_view(after->as_string())));
      also(page.conditions, keyset(sql, level.alias, shape.order, cursor));
      shape.after = true;
    }
    if (wants_cursor) {
      shape.id_column = level.add(level.column(level.alias, "id"));
      if (page.order) shape.key_column = level.add(level.column(level.alias, page.order->column));
    }
    if (level.select.empty()) level.add(level.column(level.alias, "id"));
    level.column(level.alias, "id");
    if (page.order) level.column(level.alias, page.order->column);
    page.limit = sql.param(first + 1);
    out.text = render(level, page, !correlation_column.empty());
    return out;
  }

  /// `(select count(*) …)` without the parentheses, capped.
  Result<std::string> count(StatementBuilder& sql, const FieldGroup& group, const TableType& table,
                            const std::string& correlation_column, const std::string& parent_id) {
    const std::string alias = sql.alias();
    std::string conditions;
    if (!correlation_column.empty()) also(conditions, fmt::format("{}.{} = {}", alias, correlation_column, parent_id));
    PHX_TRY(std::string filter, filter_conditions(sql, alias, table, group));
    also(conditions, std::move(filter));
    return fmt::format("select count(*) from (select 1 from phoenix.{} {}{}{} limit {}) counted", table.table, alias,
                       conditions.empty() ? "" : " where ", conditions, kCountCap + 1);
  }

  Status spend(std::uint64_t rows) {
    plan.cost += rows;
    if (plan.cost > limits_.max_cost)
      return Error(Code::kInvalidArgument, "limit.cost",
                   fmt::format("The lists within one another may read {} rows or more; the limit is {}.", plan.cost,
                               limits_.max_cost))
          .with_next_action("Ask for smaller pages with first, or for fewer nested lists.");
    return {};
  }

 private:
  Result<FieldGroups> sub_fields(const FieldGroup& group, const graphql::Type& type) {
    auto fields = execution_.sub_fields(group, type);
    if (!fields) return Error(Code::kInvalidArgument, "graphql.directive", fields.error().message);
    return *fields;
  }

  Status allowed(const graphql::Field& field) const {
    const FieldMeaning& meaning = api_.meaning(field);
    if (meaning.min_role > role_) return role_required(field.name, meaning.min_role);
    return {};
  }

  Status field_item(StatementBuilder& sql, Level& level, const std::string& alias, const FieldMeaning& meaning,
                    const FieldGroup& field, Item& item, std::uint64_t rows) {
    switch (meaning.kind) {
      case Kind::kColumn:
        item.kind = Item::Kind::kColumn;
        item.column_kind = meaning.column_kind;
        item.column = level.add(level.column(alias, meaning.column));
        return {};
      case Kind::kOne: {
        item.kind = Item::Kind::kOne;
        std::string& target = level.joined[{alias, field.field}];
        if (target.empty()) {
          target = sql.alias();
          level.joins += fmt::format(" left join phoenix.{0} {1} on {1}.id = {2}", meaning.target->table, target,
                                     level.column(alias, meaning.column));
        }
        const std::string joined = target;
        item.column = level.add(joined + ".id");
        item.object = std::make_unique<ObjectShape>();
        return object(sql, level, joined, *meaning.target, field, *item.object, rows);
      }
      case Kind::kMany: {
        item.kind = Item::Kind::kMany;
        item.connection = std::make_unique<ConnectionShape>();
        const std::string parent = level.column(alias, "id");
        PHX_TRY(Connection made,
                connection(sql, field, *meaning.target, meaning.column, parent, *item.connection, rows));
        if (!made.text.empty()) item.column = level.add("array(" + made.text + ")");
        if (made.wants_count) {
          PHX_TRY(std::string counted, count(sql, field, *meaning.target, meaning.column, parent));
          item.connection->count_column = level.add("(" + counted + ")");
        }
        level.nested = true;
        return {};
      }
      case Kind::kResolver: {
        item.kind = Item::Kind::kResolver;
        item.resolver = plan.resolvers.size();
        ResolverUse use{.field = meaning.resolver, .group = &field};
        for (const std::string& column : meaning.resolver->needed_columns)
          use.columns.push_back(level.add(level.column(alias, column)));
        plan.resolvers.push_back(std::move(use));
        return {};
      }
      default: return internal_error("api.compiler", "unexpected meaning of " + field.field->name);
    }
  }

  Status connection_part(StatementBuilder& sql, Level& level, const TableType& table, const FieldGroup& part,
                         ConnectionShape::Part& made, std::uint64_t rows, bool& wants_rows, bool& wants_cursor,
                         bool& wants_count) {
    using Part = ConnectionShape::Part::Kind;
    const std::string_view name = part.name();
    if (name == "nodes") {
      made.kind = Part::kNodes;
      wants_rows = true;
      return object(sql, level, level.alias, table, part, made.nodes, rows);
    }
    if (name == "edges") {
      made.kind = Part::kEdges;
      wants_rows = true;
      PHX_TRY(FieldGroups fields, sub_fields(part, *part.field->type.named()));
      for (const FieldGroup& field : fields) {
        made.edge.push_back({&field, {}});
        if (field.name() == "node")
          PHX_CHECK(object(sql, level, level.alias, table, field, made.edge.back().node, rows));
        if (field.name() == "cursor") wants_cursor = true;
      }
      return {};
    }
    if (name == "pageInfo") {
      made.kind = Part::kPageInfo;
      wants_rows = true;
      PHX_TRY(made.page_info, sub_fields(part, *part.field->type.named()));
      for (const FieldGroup& field : made.page_info)
        if (field.name() == "startCursor" || field.name() == "endCursor") wants_cursor = true;
      return {};
    }
    if (name == "totalCount" || name == "totalCountExact") {
      made.kind = name == "totalCount" ? Part::kTotalCount : Part::kTotalCountExact;
      wants_count = true;
      return {};
    }
    made.kind = Part::kTypename;
    return {};
  }

  Result<std::int64_t> page_size(const FieldGroup& group) const {
    const auto* first = group.arguments.if_contains("first");
    if (!first || first->is_null()) return limits_.default_page_size;
    const std::int64_t size = first->to_number<std::int64_t>();
    if (size < 0 || size > limits_.max_page_size)
      return invalid_argument("limit.page_size", "first",
                              fmt::format("A page has 0 to {} rows; {} were asked for.", limits_.max_page_size, size));
    return size;
  }

  /// Rows after the cursor. The first bound is redundant and lets an index begin there.
  static std::string keyset(StatementBuilder& sql, const std::string& alias, const CursorOrder& order,
                            const Cursor& cursor) {
    const std::string_view beyond = order.descending ? "<" : ">";
    if (!order.key || order.key->column == "id") return fmt::format("{}.id {} {}", alias, beyond, sql.param(cursor.id));
    std::string key;
    switch (order.key->kind) {
      case ColumnKind::kId: {
        Uuid id;
        std::ranges::copy(cursor.key, id.bytes.begin());
        key = sql.param(id);
        break;
      }
      case ColumnKind::kInt: key = sql.param(pg::decode_int(cursor.key)); break;
      case ColumnKind::kDateTime: key = sql.param(pg::decode_timestamptz(cursor.key)); break;
      case ColumnKind::kBoolean: key = sql.param(cursor.key[0] != 0); break;
      default: key = sql.param(cursor.key);
    }
    const std::string id = sql.param(cursor.id);
    return fmt::format("{0}.{1} {2}= {3} and ({0}.{1} {2} {3} or {0}.id {2} {4})", alias, order.key->column, beyond,
                       key, id);
  }

  Result<std::string> filter_conditions(StatementBuilder& sql, const std::string& alias, const TableType& table,
                                        const FieldGroup& group) {
    const auto* filter = group.arguments.if_contains("filter");
    if (!filter || !filter->is_object()) return std::string();
    std::size_t budget = limits_.max_filter_conditions;
    return filter_object(sql, alias, table, filter->as_object(), "filter", budget);
  }

  Result<std::string> filter_object(StatementBuilder& sql, const std::string& alias, const TableType& table,
                                    const json::object& filter, const std::string& path, std::size_t& budget) {
    std::string out;
    for (const auto& member : filter) {
      const std::string_view name = member.key();
      const json::value& value = member.value();
      const std::string where = path + "." + std::string(name);
      if (value.is_null()) continue;
      if (name == "and" || name == "or") {
        PHX_TRY(std::string joined, filter_list(sql, alias, table, value.as_array(), name, where, budget));
        also(out, std::move(joined));
      } else if (name == "not") {
        PHX_TRY(std::string inner, filter_object(sql, alias, table, value.as_object(), where, budget));
        also(out, inner.empty() ? "false" : fmt::format("({}) is not true", inner));
      } else {
        const graphql::Field* field = table.type->field(name);
        if (!field) return internal_error("api.compiler", "filter of an unknown field " + where);
        PHX_CHECK(allowed(*field));
        for (const auto& condition : value.as_object()) {
          if (budget-- == 0)
            return invalid_argument("limit.filter", "filter",
                                    fmt::format("A filter has at most {} conditions.", limits_.max_filter_conditions));
          PHX_TRY(std::string made, compare(sql, alias, api_.meaning(*field), condition.key(), condition.value(),
                                            where + "." + std::string(std::string_view(condition.key()))));
          also(out, std::move(made));
        }
      }
    }
    return out;
  }

  /// "or" of nothing is false, "and" of nothing is true.
  Result<std::string> filter_list(StatementBuilder& sql, const std::string& alias, const TableType& table,
                                  const json::array& list, std::string_view word, const std::string& path,
                                  std::size_t& budget) {
    const bool any = word == "or";
    std::string out;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i].is_null()) continue;
      PHX_TRY(std::string one,
              filter_object(sql, alias, table, list[i].as_object(), fmt::format("{}[{}]", path, i), budget));
      if (one.empty()) one = "true";
      if (!out.empty()) out += any ? " or " : " and ";
      out += "(" + one + ")";
    }
    if (out.empty()) return std::string(any ? "false" : "");
    return "(" + out + ")";
  }

  Result<std::string> compare(StatementBuilder& sql, const std::string& alias, const FieldMeaning& meaning,
                              std::string_view op, const json::value& value, const std::string& path) {
    const std::string column = alias + "." + meaning.column;
    if (value.is_null()) {
      if (op == "eq") return column + " is null";
      if (op == "ne") return column + " is not null";
      return std::string();
    }
    if (op == "contains") {
      std::string pattern = "%";
      for (char c : std::string_view(value.as_string())) {
        if (c == '%' || c == '_' || c == '\\') pattern += '\\';
        pattern += c;
      }
      return fmt::format("{} ilike {}", column, sql.param(pattern + "%"));
    }
    if (op == "in") {
      PHX_TRY(std::string list, list_param(sql, meaning.column_kind, value.as_array(), path));
      return fmt::format("{} = any({})", column, list);
    }
    PHX_TRY(std::string operand, param(sql, meaning.column_kind, value, path));
    if (op == "ne" && meaning.nullable) return fmt::format("{} is distinct from {}", column, operand);
    static constexpr std::pair<std::string_view, std::string_view> kOperators[]{
        {"eq", "="}, {"ne", "<>"}, {"gt", ">"}, {"gte", ">="}, {"lt", "<"}, {"lte", "<="}};
    for (const auto& [name, symbol] : kOperators)
      if (name == op) return fmt::format("{} {} {}", column, symbol, operand);
    return internal_error("api.compiler", "unknown operator " + std::string(op));
  }

  static Result<std::string> param(StatementBuilder& sql, ColumnKind kind, const json::value& value,
                                   const std::string& path) {
    switch (kind) {
      case ColumnKind::kId: {
        PHX_TRY(Uuid id, uuid(value, path));
        return sql.param(id);
      }
      case ColumnKind::kInt: return sql.param(static_cast<std::int32_t>(value.to_number<std::int64_t>()));
      case ColumnKind::kBoolean: return sql.param(value.as_bool());
      case ColumnKind::kDateTime: {
        auto at = value.is_string() ? parse_instant(std::string_view(value.as_string()))
                                    : Result<Instant>(invalid_argument("filter.value", path, ""));
        if (!at) return invalid_argument("filter.value", path, "A time is written as 2026-01-31T12:00:00Z.");
        return sql.param(*at);
      }
      default: return sql.param(std::string_view(value.as_string()));
    }
  }

  static Result<std::string> list_param(StatementBuilder& sql, ColumnKind kind, const json::array& list,
                                        const std::string& path) {
    if (list.size() > 500) return invalid_argument("limit.filter", path, "A list in a filter has at most 500 values.");
    if (kind == ColumnKind::kId) {
      std::vector<Uuid> ids;
      for (const auto& value : list) {
        PHX_TRY(Uuid id, uuid(value, path));
        ids.push_back(id);
      }
      return sql.param(ids);
    }
    if (kind == ColumnKind::kInt) {
      std::vector<std::int64_t> numbers;
      for (const auto& value : list) numbers.push_back(value.to_number<std::int64_t>());
      return sql.param(numbers);
    }
    std::vector<std::string> texts;
    for (const auto& value : list) texts.emplace_back(std::string_view(value.as_string()));
    return sql.param(texts);
  }

  static Result<Uuid> uuid(const json::value& value, const std::string& path) {
    auto id = Uuid::parse(std::string_view(value.as_string()));
    if (!id) return invalid_argument("uuid.malformed", path, "An id is a UUID of 36 characters.");
    return *id;
  }

  const ApiSchema& api_;
  const graphql::Execution& execution_;
  Role role_;
  const CompileLimits& limits_;
};

std::string statement_name(const TableType& table) { return "api." + table.table; }

}  // namespace

Error role_required(std::string_view field, Role needed) {
  return permission_denied("auth.forbidden",
                           fmt::format("{} needs the role {} in this scope.", field, role_name(needed)));
}

Result<Plan> Compiler::connection(const FieldGroup& group) const {
  const TableType& table = *api_.meaning(*group.field).target;
  Compilation work(api_, execution_, role_, limits_);
  work.plan.group = &group;
  work.plan.connection = std::make_unique<ConnectionShape>();
  StatementBuilder sql;
  PHX_TRY(auto made, work.connection(sql, group, table, "", "", *work.plan.connection, 1));
  if (!made.text.empty())
    work.plan.rows = pg::Query{pg::Sql::dynamic(statement_name(table), std::move(made.text)), std::move(sql.params)};
  if (made.wants_count) {
    StatementBuilder counting;
    PHX_TRY(std::string text, work.count(counting, group, table, "", ""));
    work.plan.count =
        pg::Query{pg::Sql::dynamic(statement_name(table) + ".count", std::move(text)), std::move(counting.params)};
  }
  return std::move(work.plan);
}

Result<Plan> Compiler::by_id(const FieldGroup& group) const {
  auto id = Uuid::parse(std::string_view(group.arguments.at("id").as_string()));
  if (!id) return invalid_argument("uuid.malformed", "id", "An id is a UUID of 36 characters.");
  return by_ids(group, *api_.meaning(*group.field).target, {*id});
}

Result<Plan> Compiler::by_ids(const FieldGroup& group, const TableType& table, std::vector<Uuid> ids) const {
  Compilation work(api_, execution_, role_, limits_);
  work.plan.group = &group;
  work.plan.object = std::make_unique<ObjectShape>();
  StatementBuilder sql;
  Level level{.alias = sql.alias()};
  work.plan.id_column = level.add(level.column(level.alias, "id"));
  const std::uint64_t rows = std::max<std::size_t>(ids.size(), 1);
  PHX_CHECK(work.spend(rows));
  PHX_CHECK(work.object(sql, level, level.alias, table, group, *work.plan.object, rows));
  Page page{.table = &table};
  page.conditions = ids.size() == 1 ? fmt::format("{}.id = {}", level.alias, sql.param(ids[0]))
                                    : fmt::format("{}.id = any({})", level.alias, sql.param(ids));
  work.plan.rows =
      pg::Query{pg::Sql::dynamic(statement_name(table), render(level, page, false)), std::move(sql.params)};
  return std::move(work.plan);
}

}  // namespace phx::api
