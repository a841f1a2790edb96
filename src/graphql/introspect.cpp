/// Introspection (section 4.2): the schema seen through its own types. Only what was selected is made.

#include <fmt/format.h>

#include "graphql/execute.hpp"

namespace phx::graphql {
namespace {

namespace json = boost::json;

template <class Text>
json::value text_or_null(const std::optional<Text>& text) {
  return text ? json::value(json::string(*text)) : json::value(nullptr);
}

std::string_view kind_name(TypeKind kind) {
  constexpr std::string_view names[] = {"SCALAR", "OBJECT", "INTERFACE", "UNION", "ENUM", "INPUT_OBJECT"};
  return names[static_cast<std::size_t>(kind)];
}

class Introspection {
 public:
  explicit Introspection(const Execution& execution) : execution_(execution), schema_(execution.schema()) {}

  json::value run(const FieldGroup& field) {
    if (field.field == schema_.schema_field()) return schema(field);
    const Type* named = schema_.type(field.arguments.at("name").as_string());
    if (named == nullptr || !listed(*named)) return nullptr;
    return type(field, TypeRef(named));
  }
  bool too_large() const { return objects_ > kMaxObjects; }

 private:
  /// The usual introspection query makes some 150 objects for each type of a schema.
  static constexpr std::size_t kMaxObjects = 500'000;

  bool listed(const Type& type) const {
    for (const Type* other : schema_.types())
      if (other == &type) return true;
    return false;
  }

  /// value(field) gives each selected field of one introspection object.
  template <class Value>
  json::value object(const FieldGroup& group, std::string_view type_name, Value value) {
    if (++objects_ > kMaxObjects) return nullptr;
    auto fields = execution_.sub_fields(group, *schema_.type(type_name));
    json::object out;
    // A selection that cannot be collected is reported when the tree is completed.
    if (!fields) return out;
    for (const auto& field : *fields)
      if (!field.error) out.emplace(field.key, value(field, field.name()));
    return out;
  }
  template <class Range, class Item>
  static json::array list(const Range& range, Item item) {
    json::array out;
    for (const auto& element : range) out.push_back(item(element));
    return out;
  }
  static bool with_deprecated(const FieldGroup& group) {
    const auto* argument = group.arguments.if_contains("includeDeprecated");
    return argument != nullptr && argument->is_bool() && argument->get_bool();
  }
  /// Deprecated elements only when asked for.
  template <class Range, class Item>
  static json::array list_current(const FieldGroup& group, const Range& range, Item item) {
    bool all = with_deprecated(group);
    json::array out;
    for (const auto& element : range)
      if (all || !element.deprecation_reason) out.push_back(item(element));
    return out;
  }
  /// The fields that all elements have.
  static json::value common(const Element& element, std::string_view name) {
    if (name == "name") return json::value(json::string(element.name));
    if (name == "description") return text_or_null(element.description);
    if (name == "isDeprecated") return element.deprecation_reason.has_value();
    if (name == "deprecationReason") return text_or_null(element.deprecation_reason);
    return nullptr;
  }

  json::value schema(const FieldGroup& group) {
    auto root = [this](const FieldGroup& field, OperationKind kind) -> json::value {
      const Type* named = schema_.root(kind);
      return named == nullptr ? json::value(nullptr) : type(field, TypeRef(named));
    };
    return object(group, "__Schema", [&](const FieldGroup& field, std::string_view name) -> json::value {
      if (name == "description") return text_or_null(schema_.description());
      if (name == "types") return list(schema_.types(), [&](const Type* named) { return type(field, TypeRef(named)); });
      if (name == "queryType") return root(field, OperationKind::kQuery);
      if (name == "mutationType") return root(field, OperationKind::kMutation);
      if (name == "subscriptionType") return root(field, OperationKind::kSubscription);
      if (name != "directives") return nullptr;
      bool all = with_deprecated(field);
      json::array out;
      for (const auto& definition : schema_.directives())
        if (!definition->hidden && (all || !definition->deprecation_reason))
          out.push_back(directive(field, *definition));
      return out;
    });
  }

  json::value type(const FieldGroup& group, TypeRef ref) {
    return object(group, "__Type", [&](const FieldGroup& field, std::string_view name) -> json::value {
      if (ref.is_non_null() || ref.is_list()) {
        if (name == "kind") return ref.is_non_null() ? "NON_NULL" : "LIST";
        if (name == "ofType") return type(field, ref.is_non_null() ? ref.nullable() : ref.item());
        return nullptr;
      }
      return named_type(field, name, *ref.named());
    });
  }
  json::value named_type(const FieldGroup& field, std::string_view name, const Type& named) {
    auto types = [&](const std::vector<const Type*>& range) {
      return list(range, [&](const Type* other) { return type(field, TypeRef(other)); });
    };
    bool has_fields = named.kind == TypeKind::kObject || named.kind == TypeKind::kInterface;
    if (name == "kind") return json::value(json::string(kind_name(named.kind)));
    if (name == "specifiedByURL") return text_or_null(named.specified_by_url);
    if (name == "fields" && has_fields)
      return list_current(field, named.fields, [&](const Field& member) { return this->field(field, member); });
    if (name == "interfaces" && has_fields) return types(named.interfaces);
    if (name == "possibleTypes" && named.is_abstract()) return types(named.possible_types);
    if (name == "enumValues" && named.kind == TypeKind::kEnum)
      return list_current(field, named.values, [&](const EnumValue& value) {
        auto part = [&](const FieldGroup&, std::string_view wanted) { return common(value, wanted); };
        return object(field, "__EnumValue", part);
      });
    if (name == "inputFields" && named.kind == TypeKind::kInputObject) return arguments(field, named.input_fields);
    if (name == "isOneOf" && named.kind == TypeKind::kInputObject) return named.one_of;
    if (name == "name" || name == "description") return common(named, name);
    return nullptr;
  }

  json::value field(const FieldGroup& group, const Field& definition) {
    return object(group, "__Field", [&](const FieldGroup& field, std::string_view name) -> json::value {
      if (name == "type") return type(field, definition.type);
      if (name == "args") return arguments(field, definition.arguments);
      return common(definition, name);
    });
  }
  json::value arguments(const FieldGroup& group, const std::vector<InputValue>& definitions) {
    return list_current(group, definitions, [&](const InputValue& input) { return input_value(group, input); });
  }
  json::value input_value(const FieldGroup& group, const InputValue& input) {
    return object(group, "__InputValue", [&](const FieldGroup& field, std::string_view name) -> json::value {
      if (name == "type") return type(field, input.type);
      if (name != "defaultValue") return common(input, name);
      if (!input.default_value) return nullptr;
      return json::value(json::string(print_literal(*input.default_value, input.type)));
    });
  }
  json::value directive(const FieldGroup& group, const DirectiveDefinition& definition) {
    return object(group, "__Directive", [&](const FieldGroup& field, std::string_view name) -> json::value {
      if (name == "isRepeatable") return definition.repeatable;
      if (name == "args") return arguments(field, definition.arguments);
      if (name == "locations")
        return list(definition.locations,
                    [](DirectiveLocation at) { return json::value(json::string(directive_location_name(at))); });
      return common(definition, name);
    });
  }

  const Execution& execution_;
  const Schema& schema_;
  std::size_t objects_ = 0;
};

}  // namespace

std::expected<json::value, GraphqlError> introspect(const Execution& execution, const FieldGroup& field) {
  Introspection introspection(execution);
  json::value out = introspection.run(field);
  if (introspection.too_large()) return std::unexpected(GraphqlError{"The introspection asks for too much at once."});
  return out;
}

}  // namespace phx::graphql
