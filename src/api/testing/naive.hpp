#pragma once
/// Answers queries over the market without SQL: all rows of one tenant lie in memory, and each field, filter, order,
/// page and aggregate is worked out one row at a time, as slowly and plainly as it can be said. What it shares with the
/// compiled path is the parsed operation and what the SDL says; so whatever it and the database agree on was not made
/// by the same mistake twice.

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <compare>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/testing/market.hpp"
#include "base/clock.hpp"
#include "graphql/execute.hpp"

namespace phx::api::testing {

class Naive {
 public:
  using Row = json::object;

  /// The rows of `tenant`, as they are now.
  Naive(Market& market, int tenant) : api_(*market.api), db_(market.db) {
    for (const auto& [name, type] : api_.tables()) {
      if (tables_.contains(type->table)) continue;
      const std::string text = market.db.value(
          fmt::format("select coalesce(json_agg(t), '[]') from (select * from phoenix.{} where tenant_id = '{}') t",
                      type->table, Market::tenant_id(tenant)));
      std::vector<Row>& rows = tables_[type->table];
      for (json::value& each : json::parse(text).as_array()) rows.push_back(std::move(each.as_object()));
      for (Row& row : rows)
        for (const char* column : {"price", "rating"})  // exact, as text
          if (auto* value = row.if_contains(column); value && !value->is_null()) exact(*value, text_of(row, column));
    }
  }

  /// The value of `data`. `cursors` maps cursors that stand in the query to the ids of their rows.
  json::object answer(const graphql::Execution& execution, Role role,
                      const std::map<std::string, std::string>& cursors) {
    execution_ = &execution;
    role_ = role;
    cursors_ = &cursors;
    errors = 0;
    json::object out;
    const auto fields = execution.root_fields();
    for (const graphql::FieldGroup& field : *fields) {
      const FieldMeaning& meaning = api_.meaning(*field.field);
      if (field.name() == "__typename") {
        out[field.key] = field.parent->name;
      } else if (meaning.min_role > role_) {
        ++errors;
        out[field.key] = nullptr;
      } else if (meaning.kind == FieldMeaning::Kind::kById) {
        const Row* row = find(*meaning.target, std::string(std::string_view(field.arguments.at("id").as_string())));
        out[field.key] = row && visible(*meaning.target, *row) ? object(field, *meaning.target, *row) : json::value();
      } else {
        out[field.key] = connection(field, *meaning.target, [](const Row&) { return true; });
      }
    }
    return out;
  }

  int errors = 0;  ///< of the last answer

 private:
  std::string text_of(const Row& row, const char* column) const {
    // json_agg writes numeric as a number; its digits are what counts.
    return db_.value(fmt::format("select {} from phoenix.{} where id = '{}'", column,
                                 std::string_view(column) == "price" ? "market_items" : "market_sellers",
                                 std::string_view(row.at("id").as_string())));
  }
  static void exact(json::value& value, const std::string& text) { value = json::string(text); }
  /// "12.50" in hundredths.
  static std::int64_t hundredths(std::string_view decimal) {
    std::string digits;
    std::size_t scale = 0;
    bool point = false;
    for (char c : decimal) {
      if (c == '.') {
        point = true;
        continue;
      }
      digits += c;
      if (point) ++scale;
    }
    for (; scale < 2; ++scale) digits += '0';
    return std::stoll(digits);
  }
  static std::string decimal(std::int64_t hundredths) {
    return fmt::format("{}.{:02}", hundredths / 100, hundredths % 100);
  }
  static std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return out;
  }
  static std::string text(const json::value& value) { return std::string(std::string_view(value.as_string())); }

  const TableType& type_of(const TableType& table, const Row& row) const {
    return table.is_abstract() ? *api_.table(std::string_view(row.at(table.type_column).as_string())) : table;
  }
  const Row* find(const TableType& table, const std::string& id) const {
    for (const Row& row : tables_.at(table.table))
      if (row.at("id").as_string() == id) return &row;
    return nullptr;
  }
  bool visible(const TableType& table, const Row& row) const {
    const TableType& type = type_of(table, row);
    if (type.min_role > role_) return false;
    if (!type.rows || role_ >= type.rows->unless) return true;
    return !find(type, text(row.at("id")))->at("hidden").as_bool();  // the market's only rule
  }

  // ---------------------------------------------------------------- filters

  bool matches(const TableType& table, const Row& row, const json::object& filter) const {
    for (const auto& member : filter) {
      const std::string_view name = member.key();
      const json::value& value = member.value();
      if (value.is_null()) continue;
      bool holds = true;
      if (name == "and" || name == "or") {
        const json::array& list = value.as_array();
        const auto one = [&](const json::value& each) { return matches(table, row, each.as_object()); };
        holds = name == "and" ? std::ranges::all_of(list, one) : std::ranges::any_of(list, one);
      } else if (name == "not") {
        holds = !matches(table, row, value.as_object());
      } else {
        holds = field_matches(api_.meaning(*table.type->field(name)), row, value.as_object());
      }
      if (!holds) return false;
    }
    return true;
  }

  bool field_matches(const FieldMeaning& meaning, const Row& row, const json::object& conditions) const {
    if (meaning.kind == FieldMeaning::Kind::kOne) {
      const json::value& key = row.at(meaning.column);
      const Row* target = key.is_null() ? nullptr : find(*meaning.target, text(key));
      return target && visible(*meaning.target, *target) && matches(*meaning.target, *target, conditions);
    }
    if (meaning.kind == FieldMeaning::Kind::kMany) {
      for (const auto& condition : conditions) {
        if (condition.value().is_null()) continue;
        bool some = false;
        bool all = true;
        for (const Row& each : tables_.at(meaning.target->table)) {
          if (each.at(meaning.column) != row.at("id") || !visible(*meaning.target, each)) continue;
          if (matches(*meaning.target, each, condition.value().as_object()))
            some = true;
          else
            all = false;
        }
        const std::string_view op = condition.key();
        if (op == "some" ? !some : op == "none" ? some : !all) return false;
      }
      return true;
    }
    for (const auto& condition : conditions)
      if (!holds(meaning, row.at(meaning.column), condition.key(), condition.value())) return false;
    return true;
  }

  static std::strong_ordering compare(ColumnKind kind, const json::value& a, const json::value& b) {
    switch (kind) {
      case ColumnKind::kDecimal: return hundredths(text(a)) <=> hundredths(text(b));
      case ColumnKind::kInt: return a.to_number<std::int64_t>() <=> b.to_number<std::int64_t>();
      case ColumnKind::kFloat: {
        const auto x = a.to_number<double>();
        const auto y = b.to_number<double>();
        return x < y ? std::strong_ordering::less : x > y ? std::strong_ordering::greater : std::strong_ordering::equal;
      }
      case ColumnKind::kBoolean: return a.as_bool() <=> b.as_bool();
      case ColumnKind::kDateTime:
        return parse_instant(text(a))->time_since_epoch() <=> parse_instant(text(b))->time_since_epoch();
      default: return text(a) <=> text(b);
    }
  }

  static bool contains(const json::value& whole, const json::value& part) {
    if (part.is_object())
      return whole.is_object() && std::ranges::all_of(part.as_object(), [&](const auto& member) {
               const auto* of = whole.as_object().if_contains(member.key());
               return of && contains(*of, member.value());
             });
    if (part.is_array())
      return whole.is_array() && std::ranges::all_of(part.as_array(), [&](const json::value& item) {
               return std::ranges::any_of(whole.as_array(), [&](const json::value& of) { return contains(of, item); });
             });
    if (part.is_number() && whole.is_number()) return part.to_number<double>() == whole.to_number<double>();
    return whole == part;
  }

  static bool holds(const FieldMeaning& meaning, const json::value& value, std::string_view op,
                    const json::value& operand) {
    if (op == "isNull" && !operand.is_null()) return value.is_null() == operand.as_bool();
    const bool list = meaning.column_kind == ColumnKind::kStringList || meaning.column_kind == ColumnKind::kIntList ||
                      meaning.column_kind == ColumnKind::kIdList;
    if (operand.is_null()) return list || (op == "eq" ? value.is_null() : op == "ne" ? !value.is_null() : true);
    if (op == "ne" && value.is_null()) return true;
    if (value.is_null()) return false;
    if (list) {
      const auto has = [&](const json::value& item) {
        return std::ranges::find(value.as_array(), item) != value.as_array().end();
      };
      if (op == "isEmpty") return value.as_array().empty() == operand.as_bool();
      if (op == "has") return has(operand);
      return op == "hasAny" ? std::ranges::any_of(operand.as_array(), has)
                            : std::ranges::all_of(operand.as_array(), has);
    }
    if (meaning.column_kind == ColumnKind::kJson)
      return op == "hasKey" ? value.is_object() && value.as_object().contains(std::string_view(operand.as_string()))
                            : contains(value, operand);
    if (op == "eqAnyCase") return lower(text(value)) == lower(text(operand));
    if (op == "contains") return lower(text(value)).find(lower(text(operand))) != std::string::npos;
    if (op == "startsWith") return lower(text(value)).starts_with(lower(text(operand)));
    if (op == "endsWith") return lower(text(value)).ends_with(lower(text(operand)));
    const auto order = [&](const json::value& other) { return compare(meaning.column_kind, value, other); };
    if (op == "in") return std::ranges::any_of(operand.as_array(), [&](const auto& each) { return order(each) == 0; });
    if (op == "eq") return order(operand) == 0;
    if (op == "ne") return order(operand) != 0;
    if (op == "gt") return order(operand) > 0;
    if (op == "gte") return order(operand) >= 0;
    if (op == "lt") return order(operand) < 0;
    return order(operand) <= 0;
  }

  // ---------------------------------------------------------------- lists

  /// Negative: a comes before b.
  static int before(const TableOrder* order, bool descending, const Row& a, const Row& b) {
    if (order)
      for (const OrderKey& key : order->keys) {
        const auto way = compare(key.kind, a.at(key.column), b.at(key.column));
        if (way != 0) return (way < 0) != descending ? -1 : 1;
      }
    const auto way = text(a.at("id")) <=> text(b.at("id"));
    return way == 0 ? 0 : (way < 0) != descending ? -1 : 1;
  }

  json::value connection(const graphql::FieldGroup& group, const TableType& table,
                         const std::function<bool(const Row&)>& belongs) {
    const auto* filter = group.arguments.if_contains("filter");
    std::vector<const Row*> rows;
    for (const Row& row : tables_.at(table.table))
      if (belongs(row) && visible(table, row) &&
          (!filter || !filter->is_object() || matches(table, row, filter->as_object())))
        rows.push_back(&row);
    const std::vector<const Row*> all = rows;

    const auto* order_name = group.arguments.if_contains("orderBy");
    const TableOrder* order =
        order_name && order_name->is_string() ? table.order(std::string_view(order_name->as_string())) : nullptr;
    const auto* direction = group.arguments.if_contains("direction");
    const bool descending = direction && direction->is_string() && direction->as_string() == "DESC";
    std::ranges::sort(rows, [&](const Row* a, const Row* b) { return before(order, descending, *a, *b) < 0; });
    const auto cut = [&](const char* name, int keep) {
      const auto* cursor = group.arguments.if_contains(name);
      if (!cursor || !cursor->is_string()) return false;
      const Row* at = find(table, cursors_->at(text(*cursor)));
      std::erase_if(rows, [&](const Row* row) { return before(order, descending, *row, *at) != keep; });
      return true;
    };
    const bool after = cut("after", 1);
    const bool until = cut("before", -1);
    const auto* last = group.arguments.if_contains("last");
    const bool backward = last && !last->is_null();
    const auto* size = backward ? last : group.arguments.if_contains("first");
    const auto wanted = size && !size->is_null() ? size->to_number<std::size_t>() : 50;
    const bool more = rows.size() > wanted;
    if (more)
      backward ? rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(wanted))
               : rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(wanted), rows.end());

    json::object out;
    for (const graphql::FieldGroup& part : *execution_->sub_fields(group, *table.connection)) {
      json::value& value = out[part.key];
      const std::string_view name = part.name();
      if (name == "nodes" || name == "edges") {
        json::array list;
        for (const Row* row : rows) {
          if (name == "nodes") {
            list.push_back(object(part, table, *row));
            continue;
          }
          json::object edge;
          for (const graphql::FieldGroup& field : *execution_->sub_fields(part, *part.field->type.named()))
            edge[field.key] = field.name() == "node" ? object(field, table, *row) : json::value(field.parent->name);
          list.push_back(std::move(edge));
        }
        value = std::move(list);
      } else if (name == "pageInfo") {
        json::object info;
        for (const graphql::FieldGroup& field : *execution_->sub_fields(part, *part.field->type.named()))
          info[field.key] = field.name() == "hasNextPage" ? until || (more && !backward) : after || (more && backward);
        value = std::move(info);
      } else if (name == "totalCount") {
        value = all.size();
      } else if (name == "totalCountExact") {
        value = true;
      } else if (name == "aggregate") {
        value = aggregate(part, table, all, {}, *part.field->type.named());
      } else if (name == "groups") {
        value = groups(part, table, all);
      } else {
        value = part.parent->name;
      }
    }
    return out;
  }

  // ---------------------------------------------------------------- aggregates

  json::object aggregate(const graphql::FieldGroup& group, const TableType& table, const std::vector<const Row*>& rows,
                         const std::set<std::string>& by, const graphql::Type& type) {
    json::object out;
    for (const graphql::FieldGroup& field : *execution_->sub_fields(group, type)) {
      json::value& value = out[field.key];
      if (field.name() == "count") {
        value = rows.size();
      } else if (field.name() == "__typename") {
        value = field.parent->name;
      } else {
        json::object values;
        for (const graphql::FieldGroup& each : *execution_->sub_fields(field, *field.field->type.named())) {
          if (each.name() == "__typename") {
            values[each.key] = each.parent->name;
            continue;
          }
          const FieldMeaning& meaning = api_.meaning(*table.type->field(each.name()));
          if (meaning.min_role > role_) {
            ++errors;
            values[each.key] = nullptr;
          } else if (field.name() == "keys") {
            values[each.key] = by.contains(meaning.column) ? rows.front()->at(meaning.column) : json::value();
          } else {
            values[each.key] = reduce(meaning, rows, field.name());
          }
        }
        value = std::move(values);
      }
    }
    return out;
  }

  json::value reduce(const FieldMeaning& meaning, const std::vector<const Row*>& rows, std::string_view function) {
    std::vector<const json::value*> values;
    for (const Row* row : rows)
      if (!row->at(meaning.column).is_null()) values.push_back(&row->at(meaning.column));
    if (values.empty()) return nullptr;
    if (function == "min" || function == "max") {
      const json::value* best = values.front();
      for (const json::value* each : values)
        if (const auto way = compare(meaning.column_kind, *each, *best); function == "min" ? way < 0 : way > 0)
          best = each;
      return written(meaning.column_kind, *best);
    }
    if (meaning.column_kind == ColumnKind::kFloat) {
      double sum = 0;
      for (const json::value* each : values) sum += each->to_number<double>();
      return function == "sum" ? sum : sum / static_cast<double>(values.size());
    }
    const bool exact = meaning.column_kind == ColumnKind::kDecimal;
    std::int64_t sum = 0;
    for (const json::value* each : values) sum += exact ? hundredths(text(*each)) : each->to_number<std::int64_t>();
    const std::string total = exact ? decimal(sum) : std::to_string(sum);
    if (function == "sum") return json::string(total);
    // Long division is PostgreSQL's; what is divided is not.
    const std::size_t count = values.size();
    std::string list;
    for (const json::value* each : values)
      list += (list.empty() ? "" : ",") + (exact ? text(*each) : json::serialize(*each));
    EXPECT_GT(count, 0U);
    return json::string(db_.value("select trim_scale(avg(x)) from unnest(array[" + list + "]::numeric[]) x"));
  }

  json::value groups(const graphql::FieldGroup& group, const TableType& table, const std::vector<const Row*>& rows) {
    std::vector<std::pair<std::string, ColumnKind>> by;
    std::set<std::string> columns;
    for (const json::value& each : group.arguments.at("by").as_array())
      for (const graphql::Field& field : table.type->fields)
        if (const FieldMeaning& meaning = api_.meaning(field);
            meaning.groupable && enum_value_name(field.name) == std::string_view(each.as_string()) &&
            columns.insert(meaning.column).second)
          by.emplace_back(meaning.column, meaning.column_kind);
    std::vector<std::vector<const Row*>> made;
    for (const Row* row : rows) {
      const auto same = [&](const auto& other) {
        return std::ranges::all_of(by,
                                   [&](const auto& key) { return other.front()->at(key.first) == row->at(key.first); });
      };
      if (const auto found = std::ranges::find_if(made, same); found != made.end())
        found->push_back(row);
      else
        made.push_back({row});
    }
    std::ranges::sort(made, [&](const auto& a, const auto& b) {
      if (a.size() != b.size()) return a.size() > b.size();
      for (const auto& [column, kind] : by) {
        const json::value& x = a.front()->at(column);
        const json::value& y = b.front()->at(column);
        if (x.is_null() != y.is_null()) return y.is_null();
        if (x.is_null()) continue;
        if (const auto way = compare(kind, x, y); way != 0) return way < 0;
      }
      return false;
    });
    const auto first = group.arguments.at("first").to_number<std::size_t>();
    if (made.size() > first) made.resize(first);
    json::array out;
    for (const auto& each : made) out.push_back(aggregate(group, table, each, columns, *group.field->type.named()));
    return out;
  }

  // ---------------------------------------------------------------- objects

  static json::value written(ColumnKind kind, const json::value& value) {
    if (kind == ColumnKind::kDateTime && !value.is_null())
      return json::string(format_instant(*parse_instant(text(value))));
    return value;
  }

  json::value object(const graphql::FieldGroup& group, const TableType& table, const Row& row) {
    const TableType& type = type_of(table, row);
    const Row& own = *find(type, text(row.at("id")));
    json::object out;
    for (const graphql::FieldGroup& field : *execution_->sub_fields(group, *type.type)) {
      json::value& value = out[field.key];
      if (field.name() == "__typename") {
        value = type.name;
        continue;
      }
      const FieldMeaning& meaning = api_.meaning(*field.field);
      if (meaning.min_role > role_) {
        ++errors;
        continue;
      }
      switch (meaning.kind) {
        case FieldMeaning::Kind::kColumn: value = written(meaning.column_kind, own.at(meaning.column)); break;
        case FieldMeaning::Kind::kComputed: value = computed(field, own); break;
        case FieldMeaning::Kind::kOne: {
          const json::value& key = own.at(meaning.column);
          const Row* target = key.is_null() ? nullptr : find(*meaning.target, text(key));
          if (target && visible(*meaning.target, *target)) value = object(field, *meaning.target, *target);
          break;
        }
        case FieldMeaning::Kind::kMany:
          value = connection(field, *meaning.target,
                             [&](const Row& each) { return each.at(meaning.column) == own.at("id"); });
          break;
        default: value = resolved(field, own); break;
      }
    }
    return out;
  }

  static json::value computed(const graphql::FieldGroup& field, const Row& row) {
    if (field.name() == "worth")
      return json::string(decimal(hundredths(text(row.at("price"))) * row.at("stock").to_number<std::int64_t>()));
    std::string out;
    const json::value& times = field.arguments.at("times");
    for (std::int64_t n = times.is_null() ? 0 : times.to_number<std::int64_t>(); n > 0; --n)
      out += text(field.arguments.at("prefix"));
    out += text(row.at("name"));
    const auto* loud = field.arguments.if_contains("loud");
    if (loud && loud->is_bool() && loud->as_bool())
      for (char& c : out)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    return json::string(out);
  }

  json::value resolved(const graphql::FieldGroup& field, const Row& row) {
    if (field.field->parent->name == "Seller") return Market::seller_rank(text(row.at("name")));
    if (field.field->parent->name == "Item") {
      const auto stock = row.at("stock").to_number<std::int64_t>();
      const json::value& base = field.arguments.at("base");
      if (Market::item_rank_fails(stock)) {
        ++errors;
        return nullptr;
      }
      const auto rank = Market::item_rank(stock, base.is_null() ? 0 : base.to_number<std::int64_t>());
      return rank ? json::value(*rank) : json::value();
    }
    const auto stars = row.at("stars").to_number<std::int64_t>();
    if (stars == 3) return nullptr;
    json::object out;
    for (const graphql::FieldGroup& each : *execution_->sub_fields(field, *field.field->type.named()))
      out[each.key] = each.name() == "word" ? json::value(stars > 3 ? "good" : "bad") : json::value(stars);
    return out;
  }

  const ApiSchema& api_;
  pg::testing::TestDatabase& db_;
  std::map<std::string, std::vector<Row>> tables_;
  const graphql::Execution* execution_ = nullptr;
  const std::map<std::string, std::string>* cursors_ = nullptr;
  Role role_ = Role::kNone;
};

}  // namespace phx::api::testing
