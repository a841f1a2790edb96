#include "api/assembly.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "graphql/parser.hpp"

namespace phx::api {
namespace {

using graphql::ast::FieldDefinition;
using graphql::ast::TypeDefinition;
using Kind = FieldMeaning::Kind;

constexpr std::array<std::string_view, 20> kDirectives{"table",      "column",    "computed", "one",       "many",
                                                       "connection", "byId",      "byType",   "changes",   "filterable",
                                                       "sortable",   "order",     "resolver", "aggregate", "groupable",
                                                       "requires",   "userScope", "public",   "rows",      "stepUp"};
/// Which of their arguments are names in the database.
constexpr std::array<std::string_view, 5> kIdentifierArguments{"name", "key", "type", "function", "columns"};
constexpr std::array<std::string_view, 3> kStandardDirectives{"deprecated", "specifiedBy", "oneOf"};

bool has(const graphql::List<graphql::ast::Directive>& directives, std::string_view name) {
  return graphql::ast::find_directive(directives, name) != nullptr;
}

/// The whole of what may stand in a directive's argument: what SQL calls a plain lower-case identifier.
bool is_identifier(std::string_view text) {
  if (text.empty() || text.size() > 63 || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
  return text;
}

/// What @aggregate can do with a column: sum and average, or at least minimum and maximum.
bool is_number(std::string_view scalar) { return scalar == "Int" || scalar == "Float" || scalar == "Decimal"; }
bool has_extremes(std::string_view scalar) { return is_number(scalar) || scalar == "String" || scalar == "DateTime"; }

std::vector<std::string> strings(const graphql::AppliedDirective& used, std::string_view argument) {
  std::vector<std::string> out;
  if (const auto* list = used.arguments.if_contains(argument); list && list->is_array())
    for (const auto& each : list->as_array()) out.emplace_back(std::string_view(each.as_string()));
  return out;
}

const graphql::AppliedDirective* directive(const graphql::Element& element, std::string_view name) {
  return element.directive(name);
}

}  // namespace

std::string snake_case(std::string_view camel) {
  std::string out;
  for (char c : camel) {
    if (c >= 'A' && c <= 'Z') {
      if (!out.empty()) out += '_';
      out += static_cast<char>(c + 32);
    } else {
      out += c;
    }
  }
  return out;
}

std::string enum_value_name(std::string_view camel) { return upper(snake_case(camel)); }

const TableOrder* TableType::order(std::string_view order_name) const {
  for (const TableOrder& o : orders)
    if (o.name == order_name) return &o;
  return nullptr;
}

const FieldMeaning& ApiSchema::meaning(const graphql::Field& field) const {
  const auto it = meanings_.find(&field);
  return it == meanings_.end() ? plain_ : it->second;
}

const TableType* ApiSchema::table(const graphql::Type& type) const {
  const auto it = by_type_.find(&type);
  return it == by_type_.end() ? nullptr : it->second;
}

const TableType* ApiSchema::table(std::string_view type_name) const {
  const auto it = tables_.find(type_name);
  return it == tables_.end() ? nullptr : it->second.get();
}

std::string ApiSchema::print(bool internal) const {
  return graphql::print_schema(schema_, {.custom_directives = internal});
}

/// One assembly. Faults are collected, so that an author sees all of them at once.
class Assembler {
 public:
  Assembler(std::span<const graphql::SdlSource> sources, const Registry& registry)
      : sources_(sources), registry_(registry) {}

  Result<std::unique_ptr<ApiSchema>> run() {
    if (!parse()) return failure();
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < sources_.size(); ++i) texts.push_back(with_arguments(i));
    const std::string generated = generate();
    if (!faults_.empty()) return failure();

    std::vector<graphql::SdlSource> all;
    for (std::size_t i = 0; i < sources_.size(); ++i) all.push_back({sources_[i].name, texts[i]});
    all.push_back({"(generated)", generated});
    auto schema = graphql::build_schema(all, {.hide_sdl_directives = true});
    if (!schema) {
      for (const auto& error : schema.error()) fault(describe(error));
      return failure();
    }
    std::unique_ptr<ApiSchema> out(new ApiSchema(registry_));
    out->schema_ = std::move(*schema);
    api_ = out.get();
    bind();
    if (!faults_.empty()) return failure();
    return out;
  }

 private:
  void fault(std::string text) { faults_.push_back(std::move(text)); }
  Error failure() const {
    return {Code::kFailedPrecondition, "api.schema", fmt::format("{}", fmt::join(faults_, "\n"))};
  }
  static std::string describe(const graphql::GraphqlError& error) {
    std::string where;
    if (const auto* source = error.extensions.if_contains("source"); source && source->is_string())
      where = std::string(std::string_view(source->as_string())) + ":";
    if (!error.locations.empty()) where += fmt::format("{}: ", error.locations[0].line);
    return where + error.message;
  }

  bool parse() {
    for (const auto& source : sources_) {
      auto document = graphql::parse_schema(source.text);
      if (!document) {
        fault(fmt::format("{}: {}", source.name, document.error().message));
        continue;
      }
      documents_.push_back(std::move(*document));
    }
    if (!faults_.empty()) return false;
    for (std::size_t i = 0; i < documents_.size(); ++i) {
      for (const auto& definition : documents_[i].directives)
        if (std::ranges::find(kDirectives, definition.name.text) == kDirectives.end())
          fault(fmt::format("{}: directive @{} is not in the closed list", sources_[i].name, definition.name.text));
      for (const TypeDefinition& type : documents_[i].types) {
        collect(type, sources_[i].name);
        check_directives(type.directives, fmt::format("{}: {}", sources_[i].name, type.name.text));
        for (const FieldDefinition& field : type.fields)
          check_directives(field.directives,
                           fmt::format("{}: {}.{}", sources_[i].name, type.name.text, field.name.text));
      }
    }
    return faults_.empty();
  }

  void collect(const TypeDefinition& type, std::string_view source) {
    if (type.kind == graphql::ast::TypeKind::kEnum && !type.extension) enums_.insert(std::string(type.name.text));
    if (!has(type.directives, "table")) return;
    if (type.extension) {
      fault(fmt::format("{}: {}: @table belongs to the type's definition", source, type.name.text));
      return;
    }
    tables_.push_back(&type);
    table_names_.insert(std::string(type.name.text));
  }

  void check_directives(const graphql::List<graphql::ast::Directive>& directives, const std::string& where) {
    for (const auto& used : directives) {
      const std::string_view name = used.name.text;
      if (std::ranges::find(kStandardDirectives, name) != kStandardDirectives.end()) continue;
      if (std::ranges::find(kDirectives, name) == kDirectives.end()) {
        fault(fmt::format("{}: directive @{} is not in the closed list", where, name));
        continue;
      }
      for (const auto& argument : used.arguments) {
        if (std::ranges::find(kIdentifierArguments, argument.name.text) == kIdentifierArguments.end()) continue;
        const bool list = argument.value.kind == graphql::ast::ValueKind::kList;
        const bool plain =
            list ? std::ranges::all_of(argument.value.items, [](const auto& item) { return is_identifier(item.text); })
                 : is_identifier(argument.value.text);
        if (!plain)
          fault(fmt::format("{}: @{}({}: …) must be a plain identifier (a-z, 0-9, _), never SQL", where, name,
                            argument.name.text));
      }
    }
  }

  /// The source with the arguments of its connection and @byId fields written in.
  std::string with_arguments(std::size_t index) {
    struct Insertion {
      std::size_t at;
      std::string text;
    };
    std::vector<Insertion> insertions;
    for (const TypeDefinition& type : documents_[index].types) {
      for (const FieldDefinition& field : type.fields) {
        const bool list = has(field.directives, "connection") || has(field.directives, "many");
        const bool by_id = has(field.directives, "byId");
        if (!list && !by_id) continue;
        const std::string where = fmt::format("{}: {}.{}", sources_[index].name, type.name.text, field.name.text);
        if (!field.arguments.empty()) {
          fault(where + ": the arguments of @connection, @many and @byId fields are made by the assembly");
          continue;
        }
        std::string arguments = "(id: ID!)";
        if (list) {
          const std::string target = connected(field);
          if (!table_names_.contains(target)) {
            fault(fmt::format("{}: {} is not the connection of an @table type", where, field.type.innermost().text));
            continue;
          }
          arguments = connection_arguments(target);
          connections_.insert(target);
        }
        insertions.push_back({field.name.offset + field.name.text.size(), std::move(arguments)});
      }
    }
    std::ranges::sort(insertions, {}, &Insertion::at);
    std::string out;
    std::size_t from = 0;
    for (const Insertion& insertion : insertions) {
      out += sources_[index].text.substr(from, insertion.at - from);
      out += insertion.text;
      from = insertion.at;
    }
    out += sources_[index].text.substr(from);
    return out;
  }

  const TypeDefinition& table_definition(std::string_view name) const {
    return **std::ranges::find_if(tables_, [&](const TypeDefinition* t) { return t->name.text == name; });
  }

  std::string connection_arguments(std::string_view target) const {
    const TypeDefinition& type = table_definition(target);
    std::string out =
        "(\"Page size, at most 500.\" first: Int = 50, \"Rows behind this cursor: the endCursor of the page before.\" "
        "after: String, \"A page of this size from the end, instead of first.\" last: Int, \"Rows before this "
        "cursor.\" before: String";
    if (std::ranges::any_of(type.fields, [](const auto& f) { return has(f.directives, "filterable"); }))
      out += fmt::format(", filter: {}Filter", target);
    if (is_ordered(type)) out += fmt::format(", orderBy: {}Order", target);
    return out + ", direction: OrderDirection = ASC)";
  }

  static bool is_ordered(const TypeDefinition& type) {
    return has(type.directives, "order") ||
           std::ranges::any_of(type.fields, [](const auto& f) { return has(f.directives, "sortable"); });
  }

  static std::string connected(const FieldDefinition& field) {
    const std::string_view named = field.type.innermost().text;
    return std::string(named.ends_with("Connection") ? named.substr(0, named.size() - 10) : "");
  }

  /// May rows of this type be filtered at all?
  bool has_filter(const std::string& target) const {
    return table_names_.contains(target) && std::ranges::any_of(table_definition(target).fields, [](const auto& f) {
             return has(f.directives, "filterable");
           });
  }

  /// The input type that filters by this field; "" when nothing can.
  std::string filter_input(const FieldDefinition& field) const {
    const std::string named(field.type.innermost().text);
    if (has(field.directives, "many"))
      return has_filter(connected(field)) ? connected(field) + "ListFilter" : std::string();
    if (has(field.directives, "one")) return has_filter(named) ? named + "Filter" : std::string();
    if (field.type.is_list()) {
      const bool fits = enums_.contains(named) || named == "ID" || named == "String" || named == "Int";
      return fits ? named + "ListFilter" : std::string();
    }
    static constexpr std::array<std::string_view, 8> kScalars{"ID",       "String",  "Int",  "Boolean",
                                                              "DateTime", "Decimal", "JSON", "Float"};
    if (!enums_.contains(named) && std::ranges::find(kScalars, named) == kScalars.end()) return {};
    return named + "Filter";
  }

  /// Notes what the filter of a type needs besides itself.
  void use_filter(const FieldDefinition& field) {
    const std::string named(field.type.innermost().text);
    if (has(field.directives, "many")) {
      list_filters_.insert(connected(field));
      make_filter(connected(field));
    } else if (has(field.directives, "one")) {
      make_filter(named);
    } else if (enums_.contains(named)) {
      (field.type.is_list() ? used_enum_list_filters_ : used_enum_filters_).insert(named);
    }
  }

  void make_filter(const std::string& target) {
    if (has_filter(target) && filters_.insert(target).second) open_filters_.push_back(&table_definition(target));
  }

  std::string generate() {
    std::string out = R"(
"Conditions on a text. A null for eq or ne asks for a missing or a present value."
input StringFilter {
  eq: String, ne: String, in: [String!]
  "The same text in any case."
  eqAnyCase: String
  "Part of the text, in any case."
  contains: String
  "How the text begins, in any case."
  startsWith: String
  "How the text ends, in any case."
  endsWith: String
  isNull: Boolean
}
input IDFilter { eq: ID, ne: ID, in: [ID!], isNull: Boolean }
input IntFilter { eq: Int, ne: Int, in: [Int!], gt: Int, gte: Int, lt: Int, lte: Int, isNull: Boolean }
input FloatFilter { eq: Float, ne: Float, gt: Float, gte: Float, lt: Float, lte: Float, isNull: Boolean }
input DecimalFilter {
  eq: Decimal, ne: Decimal, in: [Decimal!], gt: Decimal, gte: Decimal, lt: Decimal, lte: Decimal, isNull: Boolean
}
input BooleanFilter { eq: Boolean, ne: Boolean, isNull: Boolean }
input DateTimeFilter {
  eq: DateTime, ne: DateTime, gt: DateTime, gte: DateTime, lt: DateTime, lte: DateTime, isNull: Boolean
}
"Conditions on a JSON value."
input JSONFilter {
  "The value holds this one: every member of an object, every item of a list."
  contains: JSON
  "An object with this member."
  hasKey: String
  isNull: Boolean
}
)";
    for (std::string_view scalar : {"String", "ID", "Int"}) out += list_filter(scalar);
    for (const TypeDefinition* type : tables_) {
      const std::string name(type->name.text);
      if (!connections_.contains(name)) continue;
      out += connection_types(*type);
      make_filter(name);
    }
    // Filters by relations may need filters of types that no list leads to.
    while (!open_filters_.empty()) {
      const TypeDefinition& type = *open_filters_.back();
      open_filters_.pop_back();
      out += filter_type(type);
    }
    // Faults are told also where no filter is made.
    for (const TypeDefinition* type : tables_)
      for (const FieldDefinition& field : type->fields)
        if (has(field.directives, "filterable") && filter_input(field).empty())
          fault(
              fmt::format("{}.{}: @filterable needs a scalar, an enum, a list of ID, String, Int or enum, or a "
                          "relation to a type with @filterable fields",
                          type->name.text, field.name.text));
    for (const std::string& name : list_filters_)
      out += fmt::format(
          "\"Conditions on a list by its rows.\"\ninput {0}ListFilter {{ some: {0}Filter, none: {0}Filter, "
          "every: {0}Filter }}\n",
          name);
    for (const std::string& name : used_enum_filters_)
      out += fmt::format("input {0}Filter {{ eq: {0}, ne: {0}, in: [{0}!], isNull: Boolean }}\n", name);
    for (const std::string& name : used_enum_list_filters_) out += list_filter(name);
    for (const std::string& name : changes_targets())
      out += fmt::format(
          "\"A change of one {0}. The node is null when it was DELETED, and for RESYNC.\"\n"
          "type {0}Change {{ kind: ChangeKind!, \"Where to resume from.\" cursor: String!, id: ID, node: {0} }}\n",
          name);
    return out;
  }

  static std::string list_filter(std::string_view item) {
    return fmt::format(
        "input {0}ListFilter {{ \"It holds this value.\" has: {0}, \"It holds one of these.\" hasAny: [{0}!], "
        "\"It holds all of these.\" hasAll: [{0}!], isEmpty: Boolean, isNull: Boolean }}\n",
        item);
  }

  std::string connection_types(const TypeDefinition& type) {
    const std::string_view name = type.name.text;
    std::string more;
    std::string out = aggregate_types(type, more);
    out += fmt::format(
        "type {0}Connection {{\n  nodes: [{0}!]!\n  edges: [{0}Edge!]!\n  pageInfo: PageInfo!\n"
        "  \"How many there are in all pages, counted up to 100,000.\"\n  totalCount: Int!\n"
        "  \"False when there are more than were counted.\"\n  totalCountExact: Boolean!\n{1}}}\n"
        "type {0}Edge {{ node: {0}!, cursor: String! }}\n",
        name, more);
    std::string orders;
    for (const FieldDefinition& field : type.fields)
      if (has(field.directives, "sortable")) orders += "  " + enum_value_name(field.name.text) + "\n";
    for (const auto& used : type.directives)
      if (used.name.text == "order")
        if (const auto* order_name = graphql::ast::find_argument(used, "name"))
          orders += "  " + upper(std::string(order_name->text)) + "\n";
    if (!orders.empty()) out += fmt::format("enum {}Order {{\n{}}}\n", name, orders);
    return out;
  }

  std::string aggregate_types(const TypeDefinition& type, std::string& connection_fields) {
    const std::string_view name = type.name.text;
    std::string sums;
    std::string averages;
    std::string extremes;
    std::string grouping;
    std::string keys;
    for (const FieldDefinition& field : type.fields) {
      const std::string_view scalar = field.type.name.text;
      if (has(field.directives, "aggregate")) {
        if (field.type.is_list() || !has_extremes(scalar))
          fault(fmt::format("{}.{}: @aggregate needs Int, Float, Decimal, String or DateTime", name, field.name.text));
        if (is_number(scalar)) {
          sums += fmt::format("  {}: {}\n", field.name.text, scalar == "Float" ? "Float" : "Decimal");
          averages += fmt::format("  {}: {}\n", field.name.text, scalar == "Float" ? "Float" : "Decimal");
        }
        extremes += fmt::format("  {}: {}\n", field.name.text, scalar);
      }
      if (has(field.directives, "groupable")) {
        const bool fits = scalar == "ID" || scalar == "String" || scalar == "Int" || scalar == "Boolean" ||
                          enums_.contains(std::string(scalar));
        if (field.type.is_list() || !fits)
          fault(fmt::format("{}.{}: @groupable needs ID, String, Int, Boolean or an enum", name, field.name.text));
        grouping += "  " + enum_value_name(field.name.text) + "\n";
        keys += fmt::format("  {}: {}\n", field.name.text, scalar);
      }
    }
    if (extremes.empty() && keys.empty()) return {};
    std::string out;
    std::string values = "  count: Int!\n";
    const auto part = [&](std::string_view field, std::string_view suffix, const std::string& members) {
      if (members.empty()) return;
      out += fmt::format("type {}{} {{\n{}}}\n", name, suffix, members);
      values += fmt::format("  {}: {}{}!\n", field, name, suffix);
    };
    part("sum", "Sums", sums);
    part("avg", "Averages", averages);
    part("min", "Extremes", extremes);
    if (!extremes.empty()) values += fmt::format("  max: {}Extremes!\n", name);
    out += fmt::format("\"Over all rows of the list, whatever its page.\"\ntype {}Aggregate {{\n{}}}\n", name, values);
    connection_fields +=
        fmt::format("  \"Over all rows, at most 100,000; more are refused.\"\n  aggregate: {}Aggregate\n", name);
    if (keys.empty()) return out;
    out += fmt::format(
        "enum {0}Grouping {{\n{1}}}\n\"What was not grouped by is null.\"\ntype {0}Keys {{\n{2}}}\n"
        "type {0}Group {{\n  keys: {0}Keys!\n{3}}}\n",
        name, grouping, keys, values);
    connection_fields += fmt::format(
        "  \"All rows by these fields, the largest groups first; at most 100,000 rows and 500 groups.\"\n"
        "  groups(by: [{0}Grouping!]!, first: Int = 100): [{0}Group!]\n",
        name);
    return out;
  }

  std::string filter_type(const TypeDefinition& type) {
    const std::string_view name = type.name.text;
    std::string out;
    for (const FieldDefinition& field : type.fields) {
      if (!has(field.directives, "filterable")) continue;
      const std::string input = filter_input(field);
      if (input.empty()) continue;
      use_filter(field);
      out += fmt::format("  {}: {}\n", field.name.text, input);
    }
    return fmt::format("input {0}Filter {{\n{1}  and: [{0}Filter!]\n  or: [{0}Filter!]\n  not: {0}Filter\n}}\n", name,
                       out);
  }

  std::set<std::string> changes_targets() {
    std::set<std::string> out;
    for (const auto& document : documents_)
      for (const TypeDefinition& type : document.types)
        for (const FieldDefinition& field : type.fields)
          if (const auto* changes = graphql::ast::find_directive(field.directives, "changes")) {
            const auto* of = graphql::ast::find_argument(*changes, "of");
            const std::string target(of ? of->text : std::string_view());
            if (table_names_.contains(target))
              out.insert(target);
            else
              fault(fmt::format("{}.{}: @changes(of: \"{}\") names no @table type", type.name.text, field.name.text,
                                target));
          }
    return out;
  }

  // What follows works on the built schema.

  void bind() {
    const graphql::Schema& schema = api_->schema_;
    std::map<const graphql::Type*, TableType*> made;
    for (const graphql::Type* type : schema.types()) {
      const auto* table = directive(*type, "table");
      if (!table) continue;
      auto entry = std::make_unique<TableType>();
      entry->type = type;
      entry->name = type->name;
      entry->table = table->string("name");
      entry->type_column = table->string("type");
      entry->connection = schema.type(type->name + "Connection");
      if (type->is_abstract() == entry->type_column.empty())
        fault(type->name + ": @table(type: …) belongs to interfaces and unions, and they need it");
      if (const auto* needed = directive(*type, "requires")) entry->min_role = role_from_name(needed->string("role"));
      if (const auto* rule = directive(*type, "rows"))
        entry->rows = RowRule{std::string(rule->string("function")), strings(*rule, "columns"),
                              rule->arguments.at("viewer").as_bool(), role_from_name(rule->string("unless"))};
      made[type] = entry.get();
      api_->by_type_[type] = entry.get();
      api_->tables_.emplace(type->name, std::move(entry));
    }
    for (const graphql::Type* type : schema.types()) {
      for (std::string_view name : {"requires", "rows", "order"})
        if (directive(*type, name) && !made.contains(type))
          fault(fmt::format("{}: @{} has no meaning on a type without @table", type->name, name));
    }
    for (auto& [type, table] : made) {
      if (!type->is_abstract()) continue;
      for (const graphql::Type* member : type->possible_types) {
        if (const TableType* of = api_->table(*member))
          table->members.push_back(of);
        else
          fault(fmt::format("{}: its type {} has no @table", table->name, member->name));
      }
    }
    for (auto& [name, table] : api_->tables_) bind_table(*table);
    for (auto& [name, table] : api_->tables_) bind_orders(*table);
    bind_root(graphql::OperationKind::kQuery);
    bind_root(graphql::OperationKind::kMutation);
    bind_root(graphql::OperationKind::kSubscription);
    check_plain_types();
    check_handlers();
  }

  FieldMeaning basics(const graphql::Field& field) {
    FieldMeaning out;
    if (const auto* requires_ = directive(field, "requires")) out.min_role = role_from_name(requires_->string("role"));
    out.user_scope = directive(field, "userScope") != nullptr;
    out.is_public = directive(field, "public") != nullptr;
    out.nullable = !field.type.is_non_null();
    if (const auto* step_up = directive(field, "stepUp"))
      out.step_up = std::chrono::seconds(step_up->arguments.at("maxAge").as_int64());
    return out;
  }

  void bind_table(TableType& table) {
    const graphql::Field* id = table.type->field("id");
    if (table.type->kind != graphql::TypeKind::kUnion && (!id || id->type.to_string() != "ID!"))
      fault(table.name + ": an @table type has a field id: ID!");
    for (const graphql::Field& field : table.type->fields) {
      const std::string where = table.name + "." + field.name;
      FieldMeaning meaning = basics(field);
      if (meaning.step_up) fault(where + ": @stepUp is for mutations");
      const bool leaf = field.type.named()->is_leaf();
      if (const auto* by_type = directive(field, "byType"); by_type || (table.is_abstract() && !leaf)) {
        // What is no column of the interface's own table is read from those of its types.
        if (!table.is_abstract() || field.directives.size() != (by_type ? 1U : 0U))
          fault(where + ": only columns of an interface have directives, and @byType is for no other type");
        api_->meanings_[&field] = std::move(meaning);
        continue;
      }
      const int kinds = (directive(field, "one") != nullptr) + (directive(field, "many") != nullptr) +
                        (directive(field, "resolver") != nullptr) + (directive(field, "column") != nullptr) +
                        (directive(field, "computed") != nullptr);
      if (kinds > 1) fault(where + ": @one, @many, @resolver, @computed and @column exclude each other");
      bind_field(field, where, meaning);
      if (meaning.target) meaning.min_role = std::max(meaning.min_role, meaning.target->min_role);
      const bool arguments =
          meaning.kind == Kind::kMany || meaning.kind == Kind::kResolver || meaning.kind == Kind::kComputed;
      if (!arguments && !field.arguments.empty())
        fault(where + ": a field read from a table has no arguments of its own");
      meaning.filterable = directive(field, "filterable") != nullptr;
      meaning.aggregate = directive(field, "aggregate") != nullptr;
      meaning.groupable = directive(field, "groupable") != nullptr;
      const bool column = meaning.kind == Kind::kColumn;
      if (meaning.filterable && !column && meaning.kind != Kind::kOne && meaning.kind != Kind::kMany)
        fault(where + ": only columns and relations can be filtered by");
      if ((meaning.aggregate || meaning.groupable) && !column)
        fault(where + ": only a column can be aggregated or grouped by");
      if (directive(field, "sortable") && !column) fault(where + ": only a column can be ordered by");
      api_->meanings_[&field] = std::move(meaning);
    }
  }

  void bind_field(const graphql::Field& field, const std::string& where, FieldMeaning& meaning) {
    const auto* one = directive(field, "one");
    const auto* many = directive(field, "many");
    const auto* computed = directive(field, "computed");
    if (one) {
      meaning.kind = Kind::kOne;
      meaning.column = one->string("key");
      meaning.target = api_->table(*field.type.named());
      if (!meaning.target || field.type.is_list()) fault(where + ": @one leads to one @table type");
    } else if (many) {
      meaning.kind = Kind::kMany;
      meaning.column = many->string("key");
      meaning.target = connection_target(field.type);
      if (!meaning.target) fault(where + ": @many leads to a connection that is not null");
    } else if (directive(field, "resolver")) {
      meaning.kind = Kind::kResolver;
      const auto it = registry_.fields().find(where);
      if (it == registry_.fields().end()) {
        fault(where + ": @resolver without a registered resolver");
      } else {
        meaning.resolver = &it->second;
        for (const std::string& column : it->second.needed_columns)
          if (!is_identifier(column)) fault(where + ": needed column '" + column + "' is not an identifier");
      }
      if (reaches_table(*field.type.named())) fault(where + ": a resolver of a row gives no @table objects");
    } else {
      meaning.kind = computed ? Kind::kComputed : Kind::kColumn;
      if (computed) {
        meaning.function = computed->string("function");
        meaning.columns = strings(*computed, "columns");
        for (const graphql::InputValue& argument : field.arguments)
          if (!argument.type.named()->is_leaf() || argument.type.is_list())
            fault(fmt::format("{}({}): an argument of @computed is a scalar or an enum", where, argument.name));
      } else {
        const auto* column = directive(field, "column");
        meaning.column = column ? std::string(column->string("name")) : snake_case(field.name);
        if (!is_identifier(meaning.column)) fault(where + ": the column's name is not an identifier");
      }
      if (!column_kind(field.type, meaning.column_kind))
        fault(where + ": no column can hold a " + field.type.to_string() + "; use @one, @many or @resolver");
    }
  }

  /// What an order may compare: leakproof types. A key column stands in for a field that is not.
  OrderKey order_key(const graphql::Field& field, const std::string& where) {
    const FieldMeaning& meaning = api_->meaning(field);
    const auto* sortable = directive(field, "sortable");
    const std::string key(sortable ? sortable->string("key") : "");
    OrderKey out{.column = key.empty() ? meaning.column : key, .kind = meaning.column_kind};
    const bool number = out.kind == ColumnKind::kFloat || out.kind == ColumnKind::kDecimal;
    const bool list =
        out.kind == ColumnKind::kStringList || out.kind == ColumnKind::kIntList || out.kind == ColumnKind::kIdList;
    const bool fits = !list && out.kind != ColumnKind::kJson;
    if (!fits || (key.empty() && (meaning.nullable || number)))
      fault(where +
            ": an order is NOT NULL and of a leakproof type (ID, Int, String, Boolean, DateTime, enum), or has "
            "a key column that is");
    if (number) out.kind = ColumnKind::kInt;
    return out;
  }

  void bind_orders(TableType& table) {
    for (const graphql::Field& field : table.type->fields)
      if (directive(field, "sortable"))
        table.orders.push_back(
            {enum_value_name(field.name), {&field}, {order_key(field, table.name + "." + field.name)}});
    for (const auto& used : table.type->directives) {
      if (used.name != "order") continue;
      const std::string where = fmt::format("{}: @order(name: \"{}\")", table.name, used.string("name"));
      TableOrder order{.name = upper(std::string(used.string("name"))), .fields = {}, .keys = {}};
      if (table.order(order.name)) fault(where + ": there is an order of that name");
      for (const std::string& name : strings(used, "by")) {
        const graphql::Field* field = table.type->field(name);
        if (!field || api_->meaning(*field).kind != Kind::kColumn) {
          fault(fmt::format("{}: {} is no column", where, name));
          continue;
        }
        order.fields.push_back(field);
        order.keys.push_back(order_key(*field, where));
      }
      if (order.keys.empty()) fault(where + ": `by` names no column");
      table.orders.push_back(std::move(order));
    }
  }

  const TableType* connection_target(graphql::TypeRef type) const {
    if (!type.is_non_null() || type.is_list()) return nullptr;
    for (const auto& [name, table] : api_->tables_)
      if (table->connection == type.named()) return table.get();
    return nullptr;
  }

  static bool column_kind(graphql::TypeRef type, ColumnKind& out) {
    const graphql::Type& named = *type.named();
    if (type.is_list()) {
      if (!type.item().is_non_null() || type.item().is_list()) return false;
      if (named.name == "String" || named.kind == graphql::TypeKind::kEnum) return out = ColumnKind::kStringList, true;
      if (named.name == "Int") return out = ColumnKind::kIntList, true;
      return out = ColumnKind::kIdList, named.name == "ID";
    }
    if (named.kind == graphql::TypeKind::kEnum) return out = ColumnKind::kEnum, true;
    if (named.kind != graphql::TypeKind::kScalar) return false;
    static constexpr std::pair<std::string_view, ColumnKind> kKinds[]{
        {"ID", ColumnKind::kId},       {"String", ColumnKind::kString},   {"Int", ColumnKind::kInt},
        {"Float", ColumnKind::kFloat}, {"Boolean", ColumnKind::kBoolean}, {"DateTime", ColumnKind::kDateTime},
        {"JSON", ColumnKind::kJson},   {"Decimal", ColumnKind::kDecimal}};
    for (const auto& [name, kind] : kKinds)
      if (named.name == name) return out = kind, true;
    return false;
  }

  void bind_root(graphql::OperationKind operation) {
    const graphql::Type* root = api_->schema_.root(operation);
    if (!root) return;
    for (const graphql::Field& field : root->fields) {
      const std::string where = root->name + "." + field.name;
      FieldMeaning meaning = basics(field);
      switch (operation) {
        case graphql::OperationKind::kQuery: bind_query(field, where, meaning); break;
        case graphql::OperationKind::kMutation:
          meaning.kind = Kind::kMutation;
          if (!registry_.mutations().contains(field.name)) fault(where + ": a mutation without a registered handler");
          if (!field.argument("idempotencyKey")) fault(where + ": a mutation takes idempotencyKey: String");
          break;
        case graphql::OperationKind::kSubscription: bind_subscription(field, where, meaning); break;
      }
      if (meaning.target) meaning.min_role = std::max(meaning.min_role, meaning.target->min_role);
      if (meaning.step_up && meaning.kind != Kind::kMutation) fault(where + ": @stepUp is for mutations");
      if (meaning.step_up && *meaning.step_up <= std::chrono::seconds(0))
        fault(where + ": @stepUp(maxAge: …) is above 0");
      if ((meaning.user_scope || meaning.is_public) && reaches_table(*field.type.named()))
        fault(where + ": @userScope and @public fields have no scope to read @table objects in");
      api_->meanings_[&field] = std::move(meaning);
    }
  }

  void bind_query(const graphql::Field& field, const std::string& where, FieldMeaning& meaning) {
    const bool connection = directive(field, "connection") != nullptr;
    const bool by_id = directive(field, "byId") != nullptr;
    const bool resolver = directive(field, "resolver") != nullptr;
    if (connection + by_id + resolver != 1) {
      fault(where + ": a root field has exactly one of @connection, @byId and @resolver");
      return;
    }
    if (connection) {
      meaning.kind = Kind::kConnection;
      meaning.target = connection_target(field.type);
      if (!meaning.target) fault(where + ": @connection leads to a connection that is not null");
    } else if (by_id) {
      meaning.kind = Kind::kById;
      meaning.target = api_->table(*field.type.named());
      if (!meaning.target || field.type.is_list() || field.type.is_non_null())
        fault(where + ": @byId leads to one nullable @table type");
    } else {
      meaning.kind = Kind::kResolver;
      if (!registry_.queries().contains(field.name)) fault(where + ": @resolver without a registered handler");
    }
  }

  void bind_subscription(const graphql::Field& field, const std::string& where, FieldMeaning& meaning) {
    const auto* changes = directive(field, "changes");
    if (directive(field, "connection")) {
      meaning.kind = Kind::kConnection;
      meaning.target = connection_target(field.type);
      if (changes || !meaning.target) fault(where + ": a live list leads to a connection that is not null");
      return;
    }
    meaning.kind = Kind::kChanges;
    meaning.target = changes ? api_->table(changes->string("of")) : nullptr;
    if (!meaning.target) {
      fault(where + ": a subscription field has @changes of an @table type, or @connection");
      return;
    }
    if (meaning.target->is_abstract()) fault(where + ": events are of one type, not of an interface or union");
    if (field.type.to_string() != meaning.target->name + "Change!")
      fault(where + ": its type is " + meaning.target->name + "Change!");
    const auto* after = field.argument("after");
    if (!after || after->type.to_string() != "String") fault(where + ": it takes after: String");
    if (const auto* id = field.argument("id"); id && id->type.to_string() != "ID") fault(where + ": id is an ID");
    if (field.arguments.size() > (field.argument("id") ? 2U : 1U)) fault(where + ": it takes id and after only");
  }

  bool reaches_table(const graphql::Type& type) {
    std::set<const graphql::Type*> seen;
    std::vector<const graphql::Type*> open{&type};
    while (!open.empty()) {
      const graphql::Type* next = open.back();
      open.pop_back();
      if (!seen.insert(next).second) continue;
      if (api_->table(*next)) return true;
      for (const graphql::Field& field : next->fields) open.push_back(field.type.named());
      for (const graphql::Type* member : next->possible_types) open.push_back(member);
    }
    return false;
  }

  /// Directives that have no effect on types without a table are mistakes.
  void check_plain_types() {
    std::set<const graphql::Type*> roots;
    for (auto kind :
         {graphql::OperationKind::kQuery, graphql::OperationKind::kMutation, graphql::OperationKind::kSubscription})
      roots.insert(api_->schema_.root(kind));
    for (const graphql::Type* type : api_->schema_.types()) {
      if (roots.contains(type) || api_->table(*type)) continue;
      if (std::ranges::any_of(api_->tables_, [&](const auto& entry) { return entry.second->connection == type; }))
        continue;
      for (const graphql::Field& field : type->fields) {
        for (const auto& used : field.directives)
          if (std::ranges::find(kDirectives, used.name) != kDirectives.end())
            fault(fmt::format("{}.{}: @{} has no meaning on a type without @table", type->name, field.name, used.name));
        if (!field.arguments.empty() && !type->introspection)
          fault(fmt::format("{}.{}: a field of a type without @table has no arguments", type->name, field.name));
      }
    }
    for (const graphql::Type* root : roots) {
      if (!root) continue;
      for (const graphql::Field& field : root->fields)
        for (std::string_view name :
             {"column", "computed", "one", "many", "filterable", "sortable", "aggregate", "groupable"})
          if (directive(field, name))
            fault(fmt::format("{}.{}: @{} belongs to @table types", root->name, field.name, name));
    }
  }

  void check_handlers() {
    const auto check = [&](const auto& handlers, graphql::OperationKind kind, std::string_view what) {
      const graphql::Type* root = api_->schema_.root(kind);
      for (const auto& [name, handler] : handlers) {
        const graphql::Field* field = root ? root->field(name) : nullptr;
        if (!field || (kind == graphql::OperationKind::kQuery && !directive(*field, "resolver")))
          fault(fmt::format("a handler is registered for the {} '{}', which the SDL does not have", what, name));
      }
    };
    check(registry_.mutations(), graphql::OperationKind::kMutation, "mutation");
    check(registry_.queries(), graphql::OperationKind::kQuery, "@resolver query");
    for (const auto& [name, field] : registry_.fields()) {
      const auto dot = name.find('.');
      const TableType* table = api_->table(std::string_view(name).substr(0, dot));
      const graphql::Field* target =
          table && dot != std::string::npos ? table->type->field(std::string_view(name).substr(dot + 1)) : nullptr;
      if (!target || !directive(*target, "resolver"))
        fault(fmt::format("a resolver is registered for '{}', which is no @resolver field of an @table type", name));
    }
  }

  std::span<const graphql::SdlSource> sources_;
  const Registry& registry_;
  std::vector<std::string> faults_;
  std::vector<graphql::Document> documents_;
  std::vector<const TypeDefinition*> tables_;
  std::set<std::string> table_names_;
  std::set<std::string> enums_;
  std::set<std::string> used_enum_filters_;
  std::set<std::string> used_enum_list_filters_;
  std::set<std::string> connections_;   ///< types that a list leads to
  std::set<std::string> filters_;       ///< types with a filter …
  std::set<std::string> list_filters_;  ///< … and with one over a to-many relation
  std::vector<const TypeDefinition*> open_filters_;
  ApiSchema* api_ = nullptr;
};

Result<std::unique_ptr<ApiSchema>> ApiSchema::assemble(std::span<const graphql::SdlSource> sources,
                                                       const Registry& registry) {
  return Assembler(sources, registry).run();
}

}  // namespace phx::api
