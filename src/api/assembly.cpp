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

constexpr std::array<std::string_view, 13> kDirectives{"table",    "column",    "one",        "many",     "connection",
                                                       "byId",     "changes",   "filterable", "sortable", "resolver",
                                                       "requires", "userScope", "public"};
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
    auto schema = graphql::build_schema(all);
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
        const bool identifier = argument.name.text == "name" || argument.name.text == "key";
        if (identifier && !is_identifier(argument.value.text))
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
          const std::string_view named = field.type.innermost().text;
          const std::string target(named.ends_with("Connection") ? named.substr(0, named.size() - 10) : "");
          if (!table_names_.contains(target)) {
            fault(fmt::format("{}: {} is not the connection of an @table type", where, named));
            continue;
          }
          arguments = connection_arguments(target);
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
        "(\"Page size, at most 500.\" first: Int = 50, \"The endCursor of the page before.\" after: String";
    if (std::ranges::any_of(type.fields, [](const auto& f) { return has(f.directives, "filterable"); }))
      out += fmt::format(", filter: {}Filter", target);
    if (std::ranges::any_of(type.fields, [](const auto& f) { return has(f.directives, "sortable"); }))
      out += fmt::format(", orderBy: {}Order", target);
    return out + ", direction: OrderDirection = ASC)";
  }

  std::string filter_input(const FieldDefinition& field) {
    const std::string scalar(field.type.name.text);
    if (field.type.is_list() || scalar == "JSON" || scalar == "Float") return {};
    if (enums_.contains(scalar)) {
      used_enum_filters_.insert(scalar);
      return scalar + "Filter";
    }
    if (scalar == "ID" || scalar == "String" || scalar == "Int" || scalar == "Boolean" || scalar == "DateTime")
      return scalar + "Filter";
    return {};
  }

  std::string generate() {
    std::string out = R"(
"Conditions on a text. A null for eq or ne asks for a missing or a present value."
input StringFilter { eq: String, ne: String, in: [String!], "Part of the text, in any case." contains: String }
input IDFilter { eq: ID, ne: ID, in: [ID!] }
input IntFilter { eq: Int, ne: Int, in: [Int!], gt: Int, gte: Int, lt: Int, lte: Int }
input BooleanFilter { eq: Boolean, ne: Boolean }
input DateTimeFilter { eq: DateTime, ne: DateTime, gt: DateTime, gte: DateTime, lt: DateTime, lte: DateTime }
)";
    for (const TypeDefinition* type : tables_) out += generate_for(*type);
    for (const std::string& name : used_enum_filters_)
      out += fmt::format("input {0}Filter {{ eq: {0}, ne: {0}, in: [{0}!] }}\n", name);
    for (const std::string& name : changes_targets())
      out += fmt::format(
          "\"A change of one {0}. The node is null when it was DELETED, and for RESYNC.\"\n"
          "type {0}Change {{ kind: ChangeKind!, \"Where to resume from.\" cursor: String!, id: ID, node: {0} }}\n",
          name);
    return out;
  }

  std::string generate_for(const TypeDefinition& type) {
    const std::string_view name = type.name.text;
    std::string out = fmt::format(
        "type {0}Connection {{\n  nodes: [{0}!]!\n  edges: [{0}Edge!]!\n  pageInfo: PageInfo!\n"
        "  \"How many there are in all pages, counted up to 100,000.\"\n  totalCount: Int!\n"
        "  \"False when there are more than were counted.\"\n  totalCountExact: Boolean!\n}}\n"
        "type {0}Edge {{ node: {0}!, cursor: String! }}\n",
        name);
    std::string filters;
    std::string orders;
    for (const FieldDefinition& field : type.fields) {
      if (has(field.directives, "filterable")) {
        const std::string input = filter_input(field);
        if (input.empty())
          fault(fmt::format("{}.{}: @filterable needs ID, String, Int, Boolean, DateTime or an enum", name,
                            field.name.text));
        else
          filters += fmt::format("  {}: {}\n", field.name.text, input);
      }
      if (has(field.directives, "sortable")) orders += "  " + upper(snake_case(field.name.text)) + "\n";
    }
    if (!filters.empty())
      out += fmt::format("input {0}Filter {{\n{1}  and: [{0}Filter!]\n  or: [{0}Filter!]\n  not: {0}Filter\n}}\n", name,
                         filters);
    if (!orders.empty()) out += fmt::format("enum {}Order {{\n{}}}\n", name, orders);
    return out;
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
    for (const graphql::Type* type : schema.types()) {
      const auto* table = directive(*type, "table");
      if (!table) continue;
      auto entry = std::make_unique<TableType>();
      entry->type = type;
      entry->name = type->name;
      entry->table = table->string("name");
      entry->connection = schema.type(type->name + "Connection");
      api_->by_type_[type] = entry.get();
      api_->tables_.emplace(type->name, std::move(entry));
    }
    for (auto& [name, table] : api_->tables_) bind_table(*table);
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
    return out;
  }

  void bind_table(TableType& table) {
    const graphql::Field* id = table.type->field("id");
    if (!id || id->type.to_string() != "ID!") fault(table.name + ": an @table type has a field id: ID!");
    for (const graphql::Field& field : table.type->fields) {
      const std::string where = table.name + "." + field.name;
      FieldMeaning meaning = basics(field);
      const auto* one = directive(field, "one");
      const auto* many = directive(field, "many");
      const auto* resolver = directive(field, "resolver");
      if ((one != nullptr) + (many != nullptr) + (resolver != nullptr) + (directive(field, "column") != nullptr) > 1)
        fault(where + ": @one, @many, @resolver and @column exclude each other");
      if (!many && !resolver && !field.arguments.empty())
        fault(where + ": a field read from a table has no arguments of its own");
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
      } else if (resolver) {
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
        meaning.kind = Kind::kColumn;
        const auto* column = directive(field, "column");
        meaning.column = column ? std::string(column->string("name")) : snake_case(field.name);
        if (!is_identifier(meaning.column)) fault(where + ": the column's name is not an identifier");
        if (!column_kind(field.type, meaning.column_kind))
          fault(where + ": no column can hold a " + field.type.to_string() + "; use @one, @many or @resolver");
      }
      meaning.filterable = directive(field, "filterable") != nullptr;
      meaning.sortable = directive(field, "sortable") != nullptr;
      if ((meaning.filterable || meaning.sortable) && meaning.kind != Kind::kColumn)
        fault(where + ": only a column can be filtered or ordered by");
      if (meaning.sortable) {
        const bool leakproof = meaning.column_kind != ColumnKind::kFloat && meaning.column_kind != ColumnKind::kJson &&
                               meaning.column_kind != ColumnKind::kStringList;
        if (meaning.nullable || !leakproof)
          fault(where + ": an order is NOT NULL and of a leakproof type (ID, Int, String, Boolean, DateTime, enum)");
        table.orders.push_back({upper(snake_case(field.name)), &field, meaning.column, meaning.column_kind});
      }
      api_->meanings_[&field] = std::move(meaning);
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
      out = ColumnKind::kStringList;
      return type.item().is_non_null() && !type.item().is_list() && named.name == "String";
    }
    if (named.kind == graphql::TypeKind::kEnum) return out = ColumnKind::kEnum, true;
    if (named.kind != graphql::TypeKind::kScalar) return false;
    static constexpr std::pair<std::string_view, ColumnKind> kKinds[]{
        {"ID", ColumnKind::kId},       {"String", ColumnKind::kString},   {"Int", ColumnKind::kInt},
        {"Float", ColumnKind::kFloat}, {"Boolean", ColumnKind::kBoolean}, {"DateTime", ColumnKind::kDateTime},
        {"JSON", ColumnKind::kJson}};
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
      if (type->is_abstract()) {
        if (!type->introspection) fault(type->name + ": interfaces and unions are not served yet");
        continue;
      }
      if (roots.contains(type) || api_->table(*type)) continue;
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
        for (std::string_view name : {"column", "one", "many", "filterable", "sortable"})
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
  ApiSchema* api_ = nullptr;
};

Result<std::unique_ptr<ApiSchema>> ApiSchema::assemble(std::span<const graphql::SdlSource> sources,
                                                       const Registry& registry) {
  return Assembler(sources, registry).run();
}

}  // namespace phx::api
