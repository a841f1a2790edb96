#pragma once
/// Draws queries over the market: every kind of field, argument, filter, order, page, fragment and aggregate that the
/// schema offers, to a given depth. Values in filters come from both tenants' rows, cursors from real pages.

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "api/testing/market.hpp"

namespace phx::api::testing {

class QueryDice {
 public:
  /// Gives some value of the column as JSON has it, or null.
  using Sample = std::function<json::value(const std::string& table, const std::string& column)>;

  QueryDice(const ApiSchema& api, std::uint64_t seed, Sample sample)
      : api_(api), dice_(seed), sample_(std::move(sample)) {}

  /// Cursors that may stand in a query, by type, order and direction.
  std::map<std::string, std::vector<std::string>> cursors;
  static std::string cursor_key(const TableType& table, std::string_view order, bool descending) {
    return fmt::format("{}/{}/{}", table.name, order, descending);
  }

  /// One role and another, by the seed.
  static Role role_of(std::uint64_t seed) {
    constexpr Role kRoles[]{Role::kTenantViewer, Role::kTenantAdmin, Role::kTenantOwner};
    return kRoles[seed % 3];
  }

  std::string query(Role role) {
    std::string out = "{ ";
    for (std::uint64_t n = 1 + dice_.below(2); n > 0; --n) {
      const graphql::Type& root = *api_.schema().root(graphql::OperationKind::kQuery);
      const graphql::Field& field = root.fields[dice_.below(root.fields.size())];
      const FieldMeaning& meaning = api_.meaning(field);
      if (!meaning.target || meaning.min_role > role) continue;  // a list that is refused leaves no data at all
      out += alias();
      if (meaning.kind == FieldMeaning::Kind::kById) {
        const json::value id = sample_(meaning.target->table, "id");
        out += fmt::format("{}(id: {}) {{ {}}} ", field.name, json::serialize(id),
                           object(*meaning.target, 1 + dice_.below(2)));
      } else {
        out += field.name + list(*meaning.target, dice_.below(3), true);
      }
    }
    return out + "__typename }";
  }

 private:
  bool chance(std::uint64_t one_in) { return dice_.chance(1, one_in); }
  template <class T>
  const T& any(const std::vector<T>& of) {
    return of[dice_.below(of.size())];
  }
  /// In fragments on several types equal names may have other types; so everything there has a name of its own.
  std::string alias() { return fmt::format("a{}: ", aliases_++); }

  std::string list(const TableType& table, std::uint64_t depth, bool root) {
    std::vector<std::string> arguments;
    const bool deep = depth > 0;
    const std::string size = std::to_string(dice_.below(deep ? 7 : 12));
    const bool backward = chance(4);
    if (backward)
      arguments.push_back("last: " + size);
    else if (!root || deep || !chance(6))
      arguments.push_back("first: " + size);
    std::string order;
    if (!table.orders.empty() && !chance(4)) {
      order = any(table.orders).name;
      arguments.push_back("orderBy: " + order);
    }
    const bool descending = chance(2);
    if (descending || chance(2)) arguments.push_back(descending ? "direction: DESC" : "direction: ASC");
    const auto found = cursors.find(cursor_key(table, order, descending));
    for (const char* name : {"after", "before"})
      if (found != cursors.end() && !found->second.empty() && chance(4))
        arguments.push_back(fmt::format("{}: \"{}\"", name, any(found->second)));
    const graphql::Type* filter = api_.schema().type(table.name + "Filter");
    if (filter && !chance(3)) arguments.push_back("filter: " + filter_object(table, *filter, 3));
    std::string out = arguments.empty() ? "" : fmt::format("({})", fmt::join(arguments, ", "));
    out += " { ";
    if (!chance(5)) out += "nodes { " + object(table, depth) + "} ";
    if (chance(3)) out += "edges { __typename node { " + object(table, 0) + "} } ";
    if (chance(2)) out += "pageInfo { hasNextPage hasPreviousPage } ";
    if (chance(3)) out += "totalCount totalCountExact ";
    if (chance(4) && (root || depth == 0)) out += aggregates(table);
    return out + "__typename } ";
  }

  std::string aggregates(const TableType& table) {
    std::string out;
    for (const char* name : {"aggregate", "groups"}) {
      const graphql::Field* field = table.connection->field(name);
      if (!field || chance(3)) continue;
      out += name;
      if (const graphql::InputValue* by = field->argument("by")) {
        std::string keys;
        for (std::uint64_t n = 1 + dice_.below(2); n > 0; --n)
          keys += by->type.named()->values[dice_.below(by->type.named()->values.size())].name + " ";
        out += fmt::format("(by: [{}], first: {})", keys, dice_.below(12));
      }
      out += " { count ";
      for (const graphql::Field& part : field->type.named()->fields) {
        if (part.type.named()->is_leaf() || chance(3)) continue;
        out += part.name + " { __typename ";
        for (const graphql::Field& each : part.type.named()->fields)
          if (chance(2)) out += each.name + " ";
        out += "} ";
      }
      out += "} ";
    }
    return out;
  }

  std::string object(const TableType& table, std::uint64_t depth) {
    std::string out = "__typename ";
    if (!table.is_abstract()) return out + fields(*table.type, depth, false);
    for (const graphql::Field& field : table.type->fields)
      if (chance(2)) out += field.name + " ";
    for (const TableType* member : table.members)
      if (chance(2))
        out += fmt::format("... on {} {{ __typename {}}} ", member->name, fields(*member->type, depth, true));
    return out;
  }

  std::string fields(const graphql::Type& type, std::uint64_t depth, bool fragment) {
    std::string out;
    for (const graphql::Field& field : type.fields) {
      if (field.name == "slow" || !chance(type.fields.size() > 8 ? 4 : 2)) continue;
      const FieldMeaning& meaning = api_.meaning(field);
      const bool relation = meaning.target != nullptr;
      if (relation && depth == 0) continue;
      if (fragment || !field.arguments.empty()) out += alias();
      out += field.name;
      if (meaning.kind == FieldMeaning::Kind::kMany)
        out += list(*meaning.target, depth - 1, false);
      else if (relation)
        out += " { " + object(*meaning.target, depth - 1) + "} ";
      else if (field.type.named()->is_composite())
        out += " { word stars } ";
      else
        out += arguments(field) + " ";
    }
    return out;
  }

  std::string arguments(const graphql::Field& field) {
    std::vector<std::string> out;
    for (const graphql::InputValue& argument : field.arguments) {
      if (!argument.type.is_non_null() && chance(3)) continue;
      const std::string& type = argument.type.named()->name;
      std::string value = type == "Int"       ? std::to_string(dice_.below(4))
                          : type == "Boolean" ? std::string(chance(2) ? "true" : "false")
                                              : json::serialize(json::string(chance(2) ? "q'\"\\ é " : "x"));
      if (!argument.type.is_non_null() && chance(5)) value = "null";
      out.push_back(argument.name + ": " + value);
    }
    return out.empty() ? "" : fmt::format("({})", fmt::join(out, ", "));
  }

  // ---------------------------------------------------------------- filters

  std::string filter_object(const TableType& table, const graphql::Type& filter, int depth) {
    std::string out = "{";
    std::vector<std::string> used;
    for (std::uint64_t n = 1 + dice_.below(2); n > 0; --n) {
      const graphql::InputValue& member = filter.input_fields[dice_.below(filter.input_fields.size())];
      if (std::ranges::find(used, member.name) != used.end()) continue;
      used.push_back(member.name);
      if (depth == 0 && (member.name == "and" || member.name == "or" || member.name == "not")) continue;
      if (member.name == "not") {
        out += "not: " + filter_object(table, filter, depth - 1) + " ";
      } else if (member.name == "and" || member.name == "or") {
        out += member.name + ": [";
        for (std::uint64_t i = dice_.below(3); i > 0; --i) out += filter_object(table, filter, depth - 1) + " ";
        out += "] ";
      } else {
        const FieldMeaning& meaning = api_.meaning(*table.type->field(member.name));
        if (meaning.min_role > Role::kTenantViewer || (depth == 0 && meaning.target)) continue;
        const graphql::Type& input = *member.type.named();
        out += member.name + ": ";
        if (meaning.kind == FieldMeaning::Kind::kOne) {
          out += filter_object(*meaning.target, input, depth - 1) + " ";
        } else if (meaning.kind == FieldMeaning::Kind::kMany) {
          const std::string op = any(std::vector<std::string>{"some", "none", "every"});
          out += fmt::format("{{{}: {}}} ", op,
                             filter_object(*meaning.target, *input.input_field(op)->type.named(), depth - 1));
        } else {
          out += conditions(table, meaning, input) + " ";
        }
      }
    }
    return out + "}";
  }

  std::string conditions(const TableType& table, const FieldMeaning& meaning, const graphql::Type& input) {
    const graphql::InputValue& op = input.input_fields[dice_.below(input.input_fields.size())];
    const bool may_be_null = op.name == "eq" || op.name == "ne";
    std::string value;
    if (op.name == "isNull" || op.name == "isEmpty") {
      value = chance(2) ? "true" : "false";
    } else if (op.name == "hasKey") {
      value = chance(2) ? "\"size\"" : "\"none\"";
    } else if (meaning.column_kind == ColumnKind::kJson) {
      value = any(std::vector<std::string>{"{size: 1}", "{deep: {mark: \"own\"}}", "{deep: {mark: \"SECRET\"}}",
                                           "{list: [2.5]}", "{list: [1, null]}", "{}", "[1]"});
    } else {
      const auto one = [&] { return item(table, meaning, op.name); };
      value = op.type.is_list() ? "[" + one() + " " + one() + "]" : one();
      if (value.find("null") != std::string::npos && !may_be_null) value = op.type.is_list() ? "[]" : "null";
    }
    return fmt::format("{{{}: {}}}", op.name, value);
  }

  std::string item(const TableType& table, const FieldMeaning& meaning, std::string_view op) {
    json::value value = sample_(table.table, meaning.column);
    if (meaning.column_kind == ColumnKind::kDecimal && value.is_number())
      value = json::value(fmt::format("{:.2f}", value.to_number<double>()));
    if (value.is_array()) {
      if (value.as_array().empty()) return "null";
      value = json::value(value.as_array()[dice_.below(value.as_array().size())]);
    }
    if (!value.is_string()) return json::serialize(value);
    std::string text(std::string_view(value.as_string()));
    const bool is_enum = text == "BOOK" || text == "TOY" || text == "FOOD";
    if (is_enum) return text;
    if (op == "contains" || op == "startsWith" || op == "endsWith") {
      const std::size_t half = text.size() / 2;
      if (op == "startsWith") text = text.substr(0, 1 + half);
      if (op == "contains") text = text.substr(half / 2, 3);
      if (op == "endsWith" && text.size() > 2 && static_cast<unsigned char>(text[half]) < 0x80)
        text = text.substr(half);
      for (char c : text)
        if (static_cast<unsigned char>(c) >= 0x80) text = "a";
    }
    if (chance(3))
      for (char& c : text)
        if (c >= 'a' && c <= 'z' && meaning.column_kind == ColumnKind::kString) c = static_cast<char>(c - 32);
    return json::serialize(json::string(text));
  }

  const ApiSchema& api_;
  SeededRandom dice_;
  Sample sample_;
  int aliases_ = 0;
};

}  // namespace phx::api::testing
