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

/// The rows of one table at one level of the selection, and what is selected from and beside them.
struct Level {
  std::string alias;
  std::vector<std::string> base;    ///< columns of the table itself, needed by the outside of the page
  std::vector<std::string> select;  ///< expressions of the resulting row
  std::string joins;
  std::map<std::pair<std::string, const graphql::Field*>, std::string> joined;
  std::map<std::pair<std::string, const TableType*>, std::string> members;  ///< of interfaces, by type
  bool nested = false;    ///< correlated arrays are among the expressions
  bool computed = false;  ///< functions are, which shall be called for rows of the page only

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
  bool plain() const { return joins.empty() && !nested && !computed; }
};

struct Page {
  const TableType* table = nullptr;
  CursorOrder order;
  bool backward = false;   ///< from the end: the order is turned around
  std::string conditions;  ///< "" or "a and b"
  std::string limit;       ///< parameter; "" for all rows

  std::string order_by(const std::string& alias) const {
    if (limit.empty()) return {};
    std::string out;
    const auto add = [&](std::string_view column, bool descending) {
      out += fmt::format("{} {}.{}{}", out.empty() ? " order by" : ",", alias, column,
                         descending != backward ? " desc" : "");
    };
    bool id = false;
    if (order.order)
      for (const OrderKey& key : order.order->keys) {
        add(key.column, order.descending);
        id = id || key.column == "id";
      }
    if (!id) add("id", order.descending);
    return out;
  }
};

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
  /// False when the plan holds values of arguments elsewhere than in parameters.
  bool bindable = true;

  /// The fields below `group` of the rows of `alias`.
  Result<void> object(StatementBuilder& sql, Level& level, const std::string& alias, const TableType& table,
                      const FieldGroup& group, ObjectShape& out, std::uint64_t rows) {
    out.table = &table;
    if (!table.is_abstract()) return fields(sql, level, {alias, nullptr}, table, group, out, rows);
    out.type_column = level.add(level.column(alias, table.type_column));
    out.variants.resize(table.members.size());
    for (std::size_t i = 0; i < table.members.size(); ++i) {
      out.variants[i].table = table.members[i];
      // Rows of types that need a greater role are never read.
      if (table.members[i]->min_role <= role_)
        PHX_CHECK(fields(sql, level, {alias, &table}, *table.members[i], group, out.variants[i], rows));
    }
    return {};
  }

  /// A connection's page and parts; leaves the statement's text in `text` ("" when no row is wanted).
  struct Connection {
    std::string text;
    bool wants_count = false;
  };
  Result<Connection> connection(StatementBuilder& sql, const FieldGroup& group, const TableType& table,
                                const std::string& correlation_column, const std::string& parent_id,
                                ConnectionShape& shape, std::uint64_t parents) {
    PHX_CHECK(page_size(group, shape));
    Level level{.alias = sql.alias()};
    Page page{.table = &table};
    page.backward = shape.backward;
    if (const auto* order = group.arguments.if_contains("orderBy"); order && order->is_string())
      page.order.order = table.order(std::string_view(order->as_string()));
    if (page.order.order)
      for (const graphql::Field* field : page.order.order->fields) PHX_CHECK(allowed(*field));
    if (const auto* direction = group.arguments.if_contains("direction"); direction && direction->is_string())
      page.order.descending = direction->as_string() == "DESC";
    page.order.table = &table;
    shape.order = page.order;
    PHX_TRY(page.conditions, matching(sql, level.alias, table, group, correlation_column, parent_id));

    Connection out;
    PHX_TRY(FieldGroups parts, sub_fields(group, *table.connection));
    const std::uint64_t rows = parents * static_cast<std::uint64_t>(std::max<std::int64_t>(shape.first, 1));
    bool wants_rows = false;
    bool wants_cursor = false;
    for (const FieldGroup& part : parts) {
      shape.parts.emplace_back();
      ConnectionShape::Part& made = shape.parts.back();
      made.group = &part;
      if (part.name() == "aggregate" || part.name() == "groups") PHX_CHECK(spend(parents * limits_.aggregate_cost));
      PHX_CHECK(connection_part(sql, level, table, part, made, rows, wants_rows, wants_cursor, out.wants_count));
    }
    if (wants_rows) PHX_CHECK(spend(rows));

    for (const bool after : {true, false}) {
      const std::string_view name = after ? "after" : "before";
      const auto* text = group.arguments.if_contains(name);
      if (!text || !text->is_string()) continue;
      PHX_TRY(Cursor cursor, decode_cursor(shape.order, std::string_view(text->as_string()), name));
      // Without a page no parameter holds the cursor, and nothing would look at another request's.
      bindable = bindable && wants_rows;
      if (!wants_rows) continue;
      sql.field = &group;
      also(page.conditions, keyset(sql, level.alias, shape.order, cursor, after));
      (after ? shape.after : shape.before) = true;
    }
    if (!wants_rows) return out;
    if (wants_cursor) {
      shape.id_column = level.add(level.column(level.alias, "id"));
      if (page.order.order)
        for (const OrderKey& key : page.order.order->keys)
          shape.key_columns.push_back(level.add(level.column(level.alias, key.column)));
    }
    if (level.select.empty()) level.add(level.column(level.alias, "id"));
    level.column(level.alias, "id");
    if (page.order.order)
      for (const OrderKey& key : page.order.order->keys) level.column(level.alias, key.column);
    page.limit = sql.param(shape.first + 1);
    out.text = render(level, page, !correlation_column.empty());
    return out;
  }

  /// `(select count(*) …)` without the parentheses, capped.
  Result<std::string> count(StatementBuilder& sql, const FieldGroup& group, const TableType& table,
                            const std::string& correlation_column, const std::string& parent_id) {
    const std::string alias = sql.alias();
    PHX_TRY(std::string conditions, matching(sql, alias, table, group, correlation_column, parent_id));
    return fmt::format("select count(*) from (select 1 from phoenix.{} {}{}{} limit {}) counted", table.table, alias,
                       conditions.empty() ? "" : " where ", conditions, kCountCap + 1);
  }

  /// A connection's `aggregate` or `groups`: `select count(*), sum(…) …` over all rows of the connection, read up to
  /// the cap. Makes the part's shape.
  Result<std::string> aggregate(StatementBuilder& sql, const FieldGroup& connection_group, const TableType& table,
                                const std::string& correlation_column, const std::string& parent_id,
                                ConnectionShape::Part& part) {
    const bool groups = part.kind == ConnectionShape::Part::Kind::kGroups;
    Level level{.alias = sql.alias()};
    const std::string from = sql.alias();
    std::vector<std::string> by;
    if (groups)
      for (const json::value& each : part.group->arguments.at("by").as_array()) {
        const graphql::Field* field = grouped_field(table, std::string_view(each.as_string()));
        if (!field) return internal_error("api.compiler", "grouping by an unknown field");
        PHX_CHECK(allowed(*field));
        const std::string& column = api_.meaning(*field).column;
        if (std::ranges::find(by, column) == by.end()) by.push_back(column);
      }
    PHX_TRY(FieldGroups fields, sub_fields(*part.group, *part.group->field->type.named()));
    PHX_CHECK(aggregate_fields(level, table, fields, by, "", part.nodes));
    part.read_column = level.add(groups ? "(sum(count(*)) over ())::int8" : "count(*)");
    for (std::string& column : by) column = level.column(level.alias, column);

    PHX_TRY(std::string conditions, matching(sql, from, table, connection_group, correlation_column, parent_id));
    std::string columns = "1 as one";
    for (const std::string& column : level.base) columns += fmt::format(", {}.{}", from, column);
    std::string select = fmt::format("{}", fmt::join(level.select, ", "));
    if (!parent_id.empty()) select = "row(" + select + ")";
    std::string out =
        fmt::format("select {} from (select {} from phoenix.{} {}{}{} limit {}) {}", select, columns, table.table, from,
                    conditions.empty() ? "" : " where ", conditions, kCountCap + 1, level.alias);
    if (!groups) return out;
    if (by.empty()) return invalid_argument("limit.groups", "by", "Name at least one field to group by.");
    const json::value& size = part.group->arguments.at("first");
    const std::int64_t first = size.is_null() ? limits_.max_groups : size.to_number<std::int64_t>();
    if (first < 0 || first > limits_.max_groups)
      return invalid_argument("limit.groups", "first",
                              fmt::format("0 to {} groups are given; {} were asked for.", limits_.max_groups, first));
    const std::string keys = fmt::format("{}", fmt::join(by, ", "));
    return out + fmt::format(" group by {0} order by count(*) desc, {0} limit {1}", keys, sql.param(first));
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
  /// Where a row's fields are read: its own alias, or that of an interface's row with the type's own table beside it.
  struct Source {
    const std::string& alias;
    const TableType* abstract = nullptr;
  };

  /// Conditions on the rows of a connection, but for its cursors.
  Result<std::string> matching(StatementBuilder& sql, const std::string& alias, const TableType& table,
                               const FieldGroup& group, const std::string& correlation_column,
                               const std::string& parent_id) {
    std::string out;
    if (!correlation_column.empty()) also(out, fmt::format("{}.{} = {}", alias, correlation_column, parent_id));
    also(out, visible_rows(sql, table, alias, role_));
    if (const auto* filter = group.arguments.if_contains("filter"); filter && filter->is_object()) {
      sql.field = &group;
      PHX_TRY(std::string made,
              FilterCompiler(api_, role_, sql, limits_.filter).conditions(table, alias, filter->as_object()));
      also(out, made);
    }
    return out;
  }

  Result<void> fields(StatementBuilder& sql, Level& level, const Source& source, const TableType& table,
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
        auto done = field_from(sql, level, source, table, meaning, field, item, rows);
        if (!done) {
          // A page that costs too much refuses the whole field; a wrong argument only itself.
          if (done.error().reason() == "limit.cost") return done;
          refused = done.error();
        }
      }
      if (refused) {
        // Another value may be none to refuse; a role stays as it is.
        bindable = bindable && refused->reason() == "auth.forbidden";
        item = Item();
        item.kind = Item::Kind::kError;
        item.group = &field;
        item.error = std::move(refused);
      }
      out.items.push_back(std::move(item));
    }
    return {};
  }

  Status field_from(StatementBuilder& sql, Level& level, const Source& source, const TableType& table,
                    const FieldMeaning& meaning, const FieldGroup& field, Item& item, std::uint64_t rows) {
    if (!source.abstract) return field_item(sql, level, source.alias, meaning, field, item, rows);
    if (field.name() == "id") {
      item.column_kind = ColumnKind::kId;
      item.column = level.add(level.column(source.alias, "id"));
      return {};
    }
    if (const graphql::Field* common = source.abstract->type->field(field.field->name)) {
      const FieldMeaning& of = api_.meaning(*common);
      if (of.min_role > role_) return role_required(field.name(), of.min_role);
      if (of.kind == Kind::kColumn && of.column_kind == meaning.column_kind)
        return field_item(sql, level, source.alias, of, field, item, rows);
    }
    return field_item(sql, level, member(sql, level, source, table), meaning, field, item, rows);
  }

  /// The alias of a type's own table beside the row of its interface; joined when first wanted.
  std::string member(StatementBuilder& sql, Level& level, const Source& source, const TableType& table) {
    if (table.table == source.abstract->table) return source.alias;
    std::string& joined = level.members[{source.alias, &table}];
    if (joined.empty()) {
      joined = sql.alias();
      level.joins += fmt::format(" left join phoenix.{0} {1} on {1}.id = {2} and {3} = '{4}'", table.table, joined,
                                 level.column(source.alias, "id"),
                                 level.column(source.alias, source.abstract->type_column), table.name);
    }
    return joined;
  }

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
        item.column_kind = meaning.column_kind;
        item.column = level.add(level.column(alias, meaning.column));
        return {};
      case Kind::kComputed: {
        item.column_kind = meaning.column_kind;
        PHX_TRY(std::string call, computed(sql, level, alias, meaning, field));
        item.column = level.add(std::move(call));
        level.computed = true;
        return {};
      }
      case Kind::kOne: {
        item.kind = Item::Kind::kOne;
        std::string& target = level.joined[{alias, field.field}];
        if (target.empty()) {
          target = sql.alias();
          std::string condition = fmt::format("{}.id = {}", target, level.column(alias, meaning.column));
          also(condition, visible_rows(sql, *meaning.target, target, role_));
          level.joins += fmt::format(" left join phoenix.{} {} on {}", meaning.target->table, target, condition);
        }
        const std::string joined = target;
        item.column = level.add(joined + ".id");
        item.object = std::make_unique<ObjectShape>();
        return object(sql, level, joined, *meaning.target, field, *item.object, rows);
      }
      case Kind::kMany: return many(sql, level, alias, meaning, field, item, rows);
      case Kind::kResolver: {
        item.kind = Item::Kind::kResolver;
        item.resolver = plan.resolvers.size();
        ResolverUse use{.field = meaning.resolver, .group = &field, .columns = {}};
        for (const std::string& column : meaning.resolver->needed_columns)
          use.columns.push_back(level.add(level.column(alias, column)));
        plan.resolvers.push_back(std::move(use));
        bindable = bindable && field.field->arguments.empty();
        return {};
      }
      default: return internal_error("api.compiler", "unexpected meaning of " + field.field->name);
    }
  }

  Status many(StatementBuilder& sql, Level& level, const std::string& alias, const FieldMeaning& meaning,
              const FieldGroup& field, Item& item, std::uint64_t rows) {
    item.kind = Item::Kind::kMany;
    item.connection = std::make_unique<ConnectionShape>();
    ConnectionShape& shape = *item.connection;
    const std::string parent = level.column(alias, "id");
    PHX_TRY(Connection made, connection(sql, field, *meaning.target, meaning.column, parent, shape, rows));
    if (!made.text.empty()) item.column = level.add("array(" + made.text + ")");
    if (made.wants_count) {
      PHX_TRY(std::string counted, count(sql, field, *meaning.target, meaning.column, parent));
      shape.count_column = level.add("(" + counted + ")");
    }
    for (ConnectionShape::Part& part : shape.parts) {
      if (!part.is_aggregate() || part.error) continue;
      auto text = aggregate(sql, field, *meaning.target, meaning.column, parent, part);
      if (text) {
        part.column = level.add("array(" + *text + ")");
      } else {
        bindable = false;
        part.error = std::move(text.error());
      }
    }
    level.nested = true;
    return {};
  }

  Result<std::string> computed(StatementBuilder& sql, Level& level, const std::string& alias,
                               const FieldMeaning& meaning, const FieldGroup& field) {
    std::vector<std::string> values;
    sql.field = &field;
    for (const std::string& column : meaning.columns) values.push_back(level.column(alias, column));
    for (const graphql::InputValue& argument : field.field->arguments) {
      const ColumnKind kind = argument_kind(*argument.type.named());
      const json::value* given = field.arguments.if_contains(argument.name);
      if (!given || given->is_null()) {
        values.push_back(sql.null(kind));
        continue;
      }
      PHX_TRY(std::string value, sql.value(kind, *given, argument.name));
      values.push_back(std::move(value));
    }
    return fmt::format("phoenix.{}({})", meaning.function, fmt::join(values, ", "));
  }

  static ColumnKind argument_kind(const graphql::Type& type) {
    static constexpr std::pair<std::string_view, ColumnKind> kKinds[]{
        {"ID", ColumnKind::kId},           {"Int", ColumnKind::kInt},           {"Float", ColumnKind::kFloat},
        {"Boolean", ColumnKind::kBoolean}, {"DateTime", ColumnKind::kDateTime}, {"JSON", ColumnKind::kJson},
        {"Decimal", ColumnKind::kDecimal}};
    for (const auto& [name, kind] : kKinds)
      if (type.name == name) return kind;
    return ColumnKind::kString;
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
    if (name == "aggregate" || name == "groups") {
      made.kind = name == "aggregate" ? Part::kAggregate : Part::kGroups;
      if (part.error) {
        bindable = false;
        made.error = Error(Code::kInvalidArgument, "graphql.argument", part.error->message);
      }
      return {};
    }
    made.kind = Part::kTypename;
    return {};
  }

  /// The field behind a value of the type's grouping enum.
  const graphql::Field* grouped_field(const TableType& table, std::string_view value) const {
    for (const graphql::Field& field : table.type->fields)
      if (api_.meaning(field).groupable && enum_value_name(field.name) == value) return &field;
    return nullptr;
  }

  /// Fields of an aggregate, a group, or of their sum, avg, min, max and keys (`function`).
  Status aggregate_fields(Level& level, const TableType& table, FieldGroups fields, const std::vector<std::string>& by,
                          std::string_view function, ObjectShape& out) {
    for (const FieldGroup& field : fields) {
      Item item;
      item.group = &field;
      if (field.field == execution_.schema().typename_field()) {
        item.kind = Item::Kind::kTypename;
      } else if (!function.empty()) {
        aggregate_item(level, table, field, by, function, item);
      } else if (field.name() == "count") {
        item.column_kind = ColumnKind::kInt;
        item.column = level.add("count(*)");
      } else {
        item.kind = Item::Kind::kGroup;
        item.object = std::make_unique<ObjectShape>();
        PHX_TRY(FieldGroups inner, sub_fields(field, *field.field->type.named()));
        PHX_CHECK(aggregate_fields(level, table, inner, by, field.name(), *item.object));
      }
      out.items.push_back(std::move(item));
    }
    return {};
  }

  void aggregate_item(Level& level, const TableType& table, const FieldGroup& field, const std::vector<std::string>& by,
                      std::string_view function, Item& item) const {
    const graphql::Field& of = *table.type->field(field.name());
    const FieldMeaning& meaning = api_.meaning(of);
    if (meaning.min_role > role_) {
      item.kind = Item::Kind::kError;
      item.error = role_required(of.name, meaning.min_role);
      return;
    }
    item.column_kind = meaning.column_kind;
    if (function == "keys") {
      const bool grouped = std::ranges::find(by, meaning.column) != by.end();
      item.column = level.add(grouped ? level.column(level.alias, meaning.column) : std::string("null::text"));
      return;
    }
    const std::string column = level.column(level.alias, meaning.column);
    const bool exact = meaning.column_kind != ColumnKind::kFloat;
    if (function == "sum" && exact) {
      item.column_kind = ColumnKind::kDecimal;
      item.column = level.add(fmt::format("sum({})::numeric", column));
    } else if (function == "avg" && exact) {
      item.column_kind = ColumnKind::kDecimal;
      item.column = level.add(fmt::format("trim_scale(avg({}))", column));
    } else {
      item.column = level.add(fmt::format("{}({})", function, column));
    }
  }

  /// first or last, but not both.
  Status page_size(const FieldGroup& group, ConnectionShape& shape) const {
    const auto* last = group.arguments.if_contains("last");
    shape.backward = last && !last->is_null();
    if (shape.backward && asked_for_first(group))
      return invalid_argument("page.ends", "last", "A page is counted from the start or from the end: first or last.");
    const auto* size = group.arguments.if_contains(shape.backward ? "last" : "first");
    shape.first = limits_.default_page_size;
    if (!size || size->is_null()) return {};
    shape.first = size->to_number<std::int64_t>();
    if (shape.first < 0 || shape.first > limits_.max_page_size)
      return invalid_argument(
          "limit.page_size", shape.backward ? "last" : "first",
          fmt::format("A page has 0 to {} rows; {} were asked for.", limits_.max_page_size, shape.first));
    return {};
  }

  /// `first` has a default, which gives way to `last`; only one that was written does not.
  bool asked_for_first(const FieldGroup& group) const {
    const graphql::ast::Argument* written = nullptr;
    for (const auto& argument : group.nodes.front()->arguments)
      if (argument.name.text == "first") written = &argument;
    if (!written || written->value.kind == graphql::ast::ValueKind::kNull) return false;
    if (written->value.kind != graphql::ast::ValueKind::kVariable) return true;
    const auto* given = execution_.variables().if_contains(written->value.text);
    return given && !given->is_null();
  }

  /// Rows after the cursor, or before it. A comparison of rows begins in an index where the cursor is, however many
  /// rows share its first key; that is why all keys of an order go the same way.
  static std::string keyset(StatementBuilder& sql, const std::string& alias, const CursorOrder& order,
                            const Cursor& cursor, bool after) {
    std::vector<std::string> columns;
    std::vector<std::string> values;
    // Of the cursor that another request gives: its key at that place, or its id.
    const auto bind = [of = sql.field, order, after](std::optional<std::size_t> key) -> Binder {
      return [=](const Arguments& arguments, pg::Params& to) -> Status {
        const std::string_view name = after ? "after" : "before";
        const json::value* text = arguments.at(*of, name);
        if (!text || !text->is_string()) return internal_error("api.compiler", "no cursor");
        PHX_TRY(Cursor now, decode_cursor(order, std::string_view(text->as_string()), name));
        if (key)
          StatementBuilder::add_key(to, order.order->keys[*key].kind, now.keys[*key]);
        else
          to.add(now.id);
        return {};
      };
    };
    bool id = false;
    if (order.order)
      for (std::size_t i = 0; i < order.order->keys.size(); ++i) {
        const OrderKey& key = order.order->keys[i];
        columns.push_back(alias + "." + key.column);
        values.push_back(sql.key(key.kind, cursor.keys[i], bind(i)));
        id = id || key.column == "id";
      }
    if (!id) {
      columns.push_back(alias + ".id");
      const std::string_view bytes(reinterpret_cast<const char*>(cursor.id.bytes.data()), cursor.id.bytes.size());
      values.push_back(sql.key(ColumnKind::kId, bytes, bind(std::nullopt)));
    }
    return fmt::format("({}) {} ({})", fmt::join(columns, ", "), order.descending == after ? "<" : ">",
                       fmt::join(values, ", "));
  }

  const ApiSchema& api_;
  const graphql::Execution& execution_;
  Role role_;
  const CompileLimits& limits_;
};

std::string statement_name(const TableType& table) { return "api." + table.table; }

}  // namespace

Result<Plan> Compiler::connection(const FieldGroup& group) const {
  const TableType& table = *api_.meaning(*group.field).target;
  Compilation work(api_, execution_, role_, limits_);
  work.plan.group = &group;
  work.plan.connection = std::make_shared<ConnectionShape>();
  Binders binders;
  StatementBuilder sql{.viewer = viewer_};
  PHX_TRY(auto made, work.connection(sql, group, table, "", "", *work.plan.connection, 1));
  if (!made.text.empty()) {
    work.plan.rows = pg::Query{pg::Sql::dynamic(statement_name(table), std::move(made.text)), std::move(sql.params)};
    binders.rows = std::move(sql.binders);
  }
  work.plan.types.merge(sql.types);
  work.plan.personal |= sql.personal;
  if (made.wants_count) {
    StatementBuilder counting{.viewer = viewer_};
    PHX_TRY(std::string text, work.count(counting, group, table, "", ""));
    work.plan.types.merge(counting.types);
    work.plan.personal |= counting.personal;
    work.plan.count =
        pg::Query{pg::Sql::dynamic(statement_name(table) + ".count", std::move(text)), std::move(counting.params)};
    binders.count = std::move(counting.binders);
  }
  for (ConnectionShape::Part& part : work.plan.connection->parts) {
    if (!part.is_aggregate() || part.error) continue;
    StatementBuilder reading{.viewer = viewer_};
    auto text = work.aggregate(reading, group, table, "", "", part);
    if (!text) {
      work.bindable = false;
      part.error = std::move(text.error());
      continue;
    }
    work.plan.types.merge(reading.types);
    work.plan.personal |= reading.personal;
    part.extra = static_cast<int>(work.plan.extras.size());
    work.plan.extras.push_back(
        {pg::Sql::dynamic(statement_name(table) + ".aggregate", std::move(*text)), std::move(reading.params)});
    binders.extras.push_back(std::move(reading.binders));
  }
  if (work.bindable) work.plan.binders = std::make_shared<const Binders>(std::move(binders));
  return std::move(work.plan);
}

Result<Plan> Compiler::by_id(const FieldGroup& group) const {
  return rows(group, *api_.meaning(*group.field).target, 1,
              [&](StatementBuilder& sql, const std::string& alias) -> Result<std::string> {
                sql.field = &group;
                PHX_TRY(std::string id, sql.value(ColumnKind::kId, group.arguments.at("id"), "id"));
                return fmt::format("{}.id = {}", alias, id);
              });
}

Result<Plan> Compiler::by_ids(const FieldGroup& group, const TableType& table, std::vector<Uuid> ids) const {
  return rows(group, table, std::max<std::size_t>(ids.size(), 1),
              [&](StatementBuilder& sql, const std::string& alias) -> Result<std::string> {
                return ids.size() == 1 ? fmt::format("{}.id = {}", alias, sql.param(ids[0]))
                                       : fmt::format("{}.id = any({})", alias, sql.param(ids));
              });
}

Result<Plan> Compiler::rows(
    const FieldGroup& group, const TableType& table, std::uint64_t expected,
    const std::function<Result<std::string>(StatementBuilder&, const std::string& alias)>& which) const {
  Compilation work(api_, execution_, role_, limits_);
  if (table.min_role > role_) return role_required(table.name, table.min_role);
  work.plan.group = &group;
  work.plan.object = std::make_shared<ObjectShape>();
  StatementBuilder sql{.viewer = viewer_};
  Level level{.alias = sql.alias()};
  work.plan.id_column = level.add(level.column(level.alias, "id"));
  PHX_CHECK(work.spend(expected));
  PHX_CHECK(work.object(sql, level, level.alias, table, group, *work.plan.object, expected));
  Page page{.table = &table};
  PHX_TRY(page.conditions, which(sql, level.alias));
  also(page.conditions, visible_rows(sql, table, level.alias, role_));
  work.plan.types.merge(sql.types);
  work.plan.personal |= sql.personal;
  work.plan.rows =
      pg::Query{pg::Sql::dynamic(statement_name(table), render(level, page, false)), std::move(sql.params)};
  if (work.bindable) {
    Binders binders;
    binders.rows = std::move(sql.binders);
    work.plan.binders = std::make_shared<const Binders>(std::move(binders));
  }
  return std::move(work.plan);
}

Result<Plan> rebind(const Plan& plan, const Arguments& arguments) {
  const auto bind = [&](const std::vector<Binder>& binders, pg::Query& query) -> Status {
    pg::Params params;
    for (const Binder& each : binders) PHX_CHECK(each(arguments, params));
    query.params = std::move(params);
    return {};
  };
  Plan out = plan;
  if (out.rows) PHX_CHECK(bind(plan.binders->rows, *out.rows));
  if (out.count) PHX_CHECK(bind(plan.binders->count, *out.count));
  for (std::size_t i = 0; i < out.extras.size(); ++i) PHX_CHECK(bind(plan.binders->extras[i], out.extras[i]));
  return out;
}

}  // namespace phx::api
