#include "graphql/coerce.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

namespace phx::graphql {
namespace {

namespace json = boost::json;
using ast::ValueKind;
using Scalar = Type::Scalar;

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

std::optional<std::int64_t> int32_of(std::int64_t value) {
  if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max())
    return std::nullopt;
  return value;
}

std::optional<double> parse_double(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Too small is zero; too large has no finite value.
  if (error == std::errc::result_out_of_range && std::abs(std::strtod(std::string(text).c_str(), nullptr)) < 1)
    return 0.0;
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_int64(std::string_view text) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<json::value> literal_scalar(const ast::Value& literal, Scalar scalar, const json::object* variables) {
  switch (scalar) {
    case Scalar::kInt:
      if (literal.kind == ValueKind::kInt)
        if (auto value = parse_int64(literal.text))
          if (auto small = int32_of(*value)) return *small;
      return std::nullopt;
    case Scalar::kFloat:
      if (literal.kind == ValueKind::kInt || literal.kind == ValueKind::kFloat)
        if (auto value = parse_double(literal.text)) return *value;
      return std::nullopt;
    case Scalar::kString:
      if (literal.kind == ValueKind::kString) return json::value(json::string(literal.text));
      return std::nullopt;
    case Scalar::kBoolean:
      if (literal.kind == ValueKind::kBoolean) return json::value(literal.boolean);
      return std::nullopt;
    case Scalar::kId:
      if (literal.kind == ValueKind::kString || literal.kind == ValueKind::kInt)
        return json::value(json::string(literal.text));
      return std::nullopt;
    case Scalar::kCustom: return literal_to_json(literal, variables);
  }
  return std::nullopt;
}

const json::value* find_variable(const ast::Value& literal, const json::object* variables) {
  return variables == nullptr ? nullptr : variables->if_contains(literal.text);
}

std::optional<json::value> literal_object(const ast::Value& literal, const Type& type, const json::object* variables) {
  if (literal.kind != ValueKind::kObject) return std::nullopt;
  for (const auto& given : literal.fields)
    if (type.input_field(given.name.text) == nullptr) return std::nullopt;
  json::object out;
  for (const auto& field : type.input_fields) {
    const ast::Value* given = nullptr;
    for (const auto& candidate : literal.fields) {
      if (candidate.name.text != field.name) continue;
      if (given != nullptr) return std::nullopt;
      given = &candidate.value;
    }
    bool absent = given == nullptr || (given->kind == ValueKind::kVariable && !find_variable(*given, variables));
    if (absent) {
      if (field.default_value) {
        out.emplace(field.name, *field.default_value);
      } else if (field.type.is_non_null()) {
        return std::nullopt;
      }
      continue;
    }
    auto value = coerce_literal(*given, field.type, variables);
    if (!value) return std::nullopt;
    out.emplace(field.name, std::move(*value));
  }
  if (type.one_of && (literal.fields.size() != 1 || out.size() != 1 || out.begin()->value().is_null()))
    return std::nullopt;
  return out;
}

/// Where in a variable's value something is wrong; linked frames on the stack, spelled out only for a message.
struct Place {
  const Place* outer = nullptr;
  std::string_view key;
  std::size_t index = 0;
  std::string text() const {
    if (outer == nullptr) return {};
    std::string before = outer->text();
    if (key.empty()) return fmt::format("{}[{}]", before, index);
    return before.empty() ? std::string(key) : fmt::format("{}.{}", before, key);
  }
};

std::unexpected<std::string> wrong(const Place& place, std::string what) {
  std::string where = place.text();
  return std::unexpected(where.empty() ? std::move(what) : fmt::format("At \"{}\": {}", where, what));
}

/// The integral number a JSON number stands for (12.0 is 12: JSON does not tell them apart).
std::optional<std::int64_t> integral(const json::value& raw) {
  if (const auto* i = raw.if_int64()) return *i;
  if (const auto* d = raw.if_double(); d != nullptr && std::abs(*d) < 9e18 && std::trunc(*d) == *d)
    return static_cast<std::int64_t>(*d);
  return std::nullopt;
}

using Input = std::expected<json::value, std::string>;

Input input_scalar(const json::value& raw, const Type& type, const Place& place) {
  switch (type.scalar) {
    case Scalar::kInt:
      if (auto value = integral(raw))
        if (auto small = int32_of(*value)) return *small;
      return wrong(place, "Int wants an integral number of 32 bits.");
    case Scalar::kFloat:
      if (raw.is_number()) return raw.to_number<double>();
      return wrong(place, "Float wants a number.");
    case Scalar::kString:
      if (raw.is_string()) return raw;
      return wrong(place, "String wants a string.");
    case Scalar::kBoolean:
      if (raw.is_bool()) return raw;
      return wrong(place, "Boolean wants true or false.");
    case Scalar::kId:
      if (raw.is_string()) return raw;
      if (const auto* u = raw.if_uint64()) return json::value(json::string(std::to_string(*u)));
      if (auto value = integral(raw)) return json::value(json::string(std::to_string(*value)));
      return wrong(place, "ID wants a string or an integer.");
    case Scalar::kCustom: return raw;
  }
  return raw;
}

Input input_value(const json::value& raw, TypeRef type, const Place& place);

Input input_object(const json::value& raw, const Type& type, const Place& place) {
  const auto* given = raw.if_object();
  if (given == nullptr) return wrong(place, fmt::format("{} wants an object.", type.name));
  for (const auto& [key, value] : *given)
    if (type.input_field(key) == nullptr)
      return wrong(place, fmt::format("{} has no field \"{}\".", type.name, std::string_view(key)));
  json::object out;
  for (const auto& field : type.input_fields) {
    const json::value* value = given->if_contains(field.name);
    if (value == nullptr) {
      if (field.default_value) {
        out.emplace(field.name, *field.default_value);
      } else if (field.type.is_non_null()) {
        return wrong(place, fmt::format("{}.{} of type {} is missing.", type.name, field.name, field.type.to_string()));
      }
      continue;
    }
    auto coerced = input_value(*value, field.type, Place{&place, field.name});
    if (!coerced) return coerced;
    out.emplace(field.name, std::move(*coerced));
  }
  if (type.one_of && (out.size() != 1 || out.begin()->value().is_null()))
    return wrong(place, fmt::format("{} wants exactly one field that is not null.", type.name));
  return out;
}

Input input_value(const json::value& raw, TypeRef type, const Place& place) {
  if (raw.is_null()) {
    if (type.is_non_null()) return wrong(place, fmt::format("{} must not be null.", type.to_string()));
    return nullptr;
  }
  if (type.is_list()) {
    json::array out;
    if (const auto* items = raw.if_array()) {
      out.reserve(items->size());
      for (std::size_t i = 0; i < items->size(); ++i) {
        auto item = input_value((*items)[i], type.item(), Place{&place, {}, i});
        if (!item) return item;
        out.push_back(std::move(*item));
      }
    } else {
      auto item = input_value(raw, type.item(), place);
      if (!item) return item;
      out.push_back(std::move(*item));
    }
    return out;
  }
  const Type& named = *type.named();
  if (named.kind == TypeKind::kInputObject) return input_object(raw, named, place);
  if (named.kind == TypeKind::kScalar) return input_scalar(raw, named, place);
  if (named.kind == TypeKind::kEnum && raw.is_string() && named.value(view(raw.get_string()))) return raw;
  return wrong(place, fmt::format("this is no value of {}.", named.name));
}

}  // namespace

std::expected<json::value, std::string> coerce_input(const json::value& raw, TypeRef type) {
  return input_value(raw, type, Place{});
}

json::value literal_to_json(const ast::Value& literal, const json::object* variables) {
  switch (literal.kind) {
    case ValueKind::kNull: return nullptr;
    case ValueKind::kBoolean: return literal.boolean;
    case ValueKind::kString:
    case ValueKind::kEnum: return json::value(json::string(literal.text));
    case ValueKind::kInt:
      if (auto value = parse_int64(literal.text)) return *value;
      [[fallthrough]];
    case ValueKind::kFloat:
      if (auto value = parse_double(literal.text)) return *value;
      return nullptr;
    case ValueKind::kVariable: {
      const auto* value = find_variable(literal, variables);
      return value == nullptr ? json::value(nullptr) : *value;
    }
    case ValueKind::kList: {
      json::array out;
      out.reserve(literal.items.size());
      for (const auto& item : literal.items) out.push_back(literal_to_json(item, variables));
      return out;
    }
    case ValueKind::kObject: {
      json::object out;
      for (const auto& field : literal.fields) {
        if (field.value.kind == ValueKind::kVariable && find_variable(field.value, variables) == nullptr) continue;
        out.insert_or_assign(field.name.text, literal_to_json(field.value, variables));
      }
      return out;
    }
  }
  return nullptr;
}

std::optional<json::value> coerce_literal(const ast::Value& literal, TypeRef type, const json::object* variables) {
  if (literal.kind == ValueKind::kVariable) {
    const auto* value = find_variable(literal, variables);
    if (value == nullptr || (value->is_null() && type.is_non_null())) return std::nullopt;
    return *value;
  }
  if (literal.kind == ValueKind::kNull) {
    if (type.is_non_null()) return std::nullopt;
    return json::value(nullptr);
  }
  if (type.is_list()) {
    TypeRef item_type = type.item();
    json::array out;
    if (literal.kind != ValueKind::kList) {
      auto item = coerce_literal(literal, item_type, variables);
      if (!item) return std::nullopt;
      out.push_back(std::move(*item));
      return out;
    }
    out.reserve(literal.items.size());
    for (const auto& item : literal.items) {
      bool absent = item.kind == ValueKind::kVariable && find_variable(item, variables) == nullptr;
      if (absent && !item_type.is_non_null() && variables != nullptr) {
        out.push_back(nullptr);
        continue;
      }
      auto value = coerce_literal(item, item_type, variables);
      if (!value) return std::nullopt;
      out.push_back(std::move(*value));
    }
    return out;
  }
  const Type& named = *type.named();
  switch (named.kind) {
    case TypeKind::kInputObject: return literal_object(literal, named, variables);
    case TypeKind::kScalar: return literal_scalar(literal, named.scalar, variables);
    case TypeKind::kEnum:
      if (literal.kind == ValueKind::kEnum && named.value(literal.text)) return json::value(json::string(literal.text));
      return std::nullopt;
    default: return std::nullopt;
  }
}

std::expected<json::object, GraphqlError> coerce_arguments(const std::vector<InputValue>& definitions,
                                                           const List<ast::Argument>& given,
                                                           const json::object& variables, const Document& document,
                                                           std::uint32_t offset) {
  json::object out;
  for (const auto& definition : definitions) {
    const ast::Value* literal = nullptr;
    for (const auto& argument : given)
      if (argument.name.text == definition.name) literal = &argument.value;
    bool absent = literal == nullptr || (literal->kind == ValueKind::kVariable && !variables.contains(literal->text));
    if (absent) {
      if (definition.default_value) {
        out.emplace(definition.name, *definition.default_value);
      } else if (definition.type.is_non_null()) {
        return std::unexpected(GraphqlError{
            fmt::format("Argument \"{}\" of type {} is missing.", definition.name, definition.type.to_string()),
            {},
            {document.location(literal == nullptr ? offset : literal->offset)}});
      }
      continue;
    }
    auto value = coerce_literal(*literal, definition.type, &variables);
    if (!value)
      return std::unexpected(GraphqlError{
          fmt::format("Argument \"{}\" has no valid value of type {}.", definition.name, definition.type.to_string()),
          {},
          {document.location(literal->offset)}});
    out.emplace(definition.name, std::move(*value));
  }
  return out;
}

std::expected<json::object, std::vector<GraphqlError>> coerce_variables(const Schema& schema, const Document& document,
                                                                        const ast::OperationDefinition& operation,
                                                                        const json::object& raw) {
  json::object out;
  std::vector<GraphqlError> errors;
  auto fail = [&](const ast::VariableDefinition& definition, std::string message) {
    errors.push_back({std::move(message), {}, {document.location(definition.name.offset)}});
  };
  for (const auto& definition : operation.variables) {
    std::string_view name = definition.name.text;
    TypeRef type = schema.resolve(definition.type);
    if (!type || !type.named()->is_input()) {
      fail(definition, fmt::format("Variable \"${}\" has no input type.", name));
      continue;
    }
    const json::value* given = raw.if_contains(name);
    if (given == nullptr) {
      if (definition.default_value != nullptr) {
        auto value = coerce_literal(*definition.default_value, type, nullptr);
        if (value)
          out.emplace(name, std::move(*value));
        else
          fail(definition, fmt::format("The default of \"${}\" is no value of {}.", name, type.to_string()));
      } else if (type.is_non_null()) {
        fail(definition, fmt::format("Variable \"${}\" of type {} is missing.", name, type.to_string()));
      }
      continue;
    }
    auto value = coerce_input(*given, type);
    if (value)
      out.emplace(name, std::move(*value));
    else
      fail(definition, fmt::format("Variable \"${}\" is invalid. {}", name, value.error()));
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return out;
}

}  // namespace phx::graphql
