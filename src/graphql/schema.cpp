#include "graphql/schema.hpp"

#include <algorithm>
#include <array>

namespace phx::graphql {
namespace {

constexpr std::array<std::string_view, kDirectiveLocations> kLocationNames{"QUERY",
                                                                           "MUTATION",
                                                                           "SUBSCRIPTION",
                                                                           "FIELD",
                                                                           "FRAGMENT_DEFINITION",
                                                                           "FRAGMENT_SPREAD",
                                                                           "INLINE_FRAGMENT",
                                                                           "VARIABLE_DEFINITION",
                                                                           "SCHEMA",
                                                                           "SCALAR",
                                                                           "OBJECT",
                                                                           "FIELD_DEFINITION",
                                                                           "ARGUMENT_DEFINITION",
                                                                           "INTERFACE",
                                                                           "UNION",
                                                                           "ENUM",
                                                                           "ENUM_VALUE",
                                                                           "INPUT_OBJECT",
                                                                           "INPUT_FIELD_DEFINITION",
                                                                           "DIRECTIVE_DEFINITION"};

/// Lists of arguments are short; comparing beats hashing.
const InputValue* find_input(const std::vector<InputValue>& list, std::string_view name) {
  for (const auto& element : list)
    if (element.name == name) return &element;
  return nullptr;
}

template <class T>
const T* at(const std::vector<T>& list, std::uint32_t position) {
  return position == NameIndex::kNone ? nullptr : &list[position];
}

}  // namespace

std::string_view directive_location_name(DirectiveLocation location) {
  return kLocationNames[static_cast<std::size_t>(location)];
}

std::optional<DirectiveLocation> directive_location(std::string_view name) {
  auto found = std::ranges::find(kLocationNames, name);
  if (found == kLocationNames.end()) return std::nullopt;
  return static_cast<DirectiveLocation>(found - kLocationNames.begin());
}

std::string TypeRef::to_string() const {
  if (is_non_null()) return nullable().to_string() + "!";
  if (is_list()) return "[" + item().to_string() + "]";
  return named_ ? named_->name : std::string();
}

std::string_view AppliedDirective::string(std::string_view argument) const {
  const auto* value = arguments.if_contains(argument);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

const AppliedDirective* Element::directive(std::string_view directive_name) const {
  for (const auto& applied : directives)
    if (applied.name == directive_name) return &applied;
  return nullptr;
}

const InputValue* Field::argument(std::string_view argument_name) const { return find_input(arguments, argument_name); }
bool is_standard_sdl_directive(std::string_view name) {
  return name == "deprecated" || name == "specifiedBy" || name == "oneOf";
}

bool DirectiveDefinition::for_clients() const {
  constexpr std::uint32_t kExecutable = (1U << static_cast<unsigned>(DirectiveLocation::kSchema)) - 1;
  return (location_bits & kExecutable) != 0 || is_standard_sdl_directive(name);
}

const InputValue* DirectiveDefinition::argument(std::string_view argument_name) const {
  return find_input(arguments, argument_name);
}

const Field* Type::field(std::string_view field_name) const {
  return fields.empty() ? nullptr : at(fields, index.find(field_name));
}
const InputValue* Type::input_field(std::string_view field_name) const {
  return input_fields.empty() ? nullptr : at(input_fields, index.find(field_name));
}
const EnumValue* Type::value(std::string_view value_name) const {
  return values.empty() ? nullptr : at(values, index.find(value_name));
}

const Type* Schema::type(std::string_view name) const {
  std::uint32_t position = type_index_.find(name);
  return position == NameIndex::kNone ? nullptr : types_[position].get();
}

const DirectiveDefinition* Schema::directive(std::string_view name) const {
  std::uint32_t position = directive_index_.find(name);
  return position == NameIndex::kNone ? nullptr : directives_[position].get();
}

bool Schema::is_possible(const Type& composite, const Type& object) const {
  return object.kind == TypeKind::kObject && !composite.possible.empty() &&
         (composite.possible[object.id / 64] >> (object.id % 64) & 1) != 0;
}

bool Schema::overlap(const Type& a, const Type& b) const {
  for (std::size_t i = 0; i < a.possible.size() && i < b.possible.size(); ++i)
    if ((a.possible[i] & b.possible[i]) != 0) return true;
  return false;
}

bool Schema::is_subtype(TypeRef sub, TypeRef super) const {
  if (sub == super) return true;
  if (super.is_non_null()) return sub.is_non_null() && is_subtype(sub.nullable(), super.nullable());
  if (sub.is_non_null()) return is_subtype(sub.nullable(), super);
  if (super.is_list()) return sub.is_list() && is_subtype(sub.item(), super.item());
  if (sub.is_list() || !super.named()->is_abstract()) return false;
  if (sub.named()->kind == TypeKind::kInterface)
    return std::ranges::find(sub.named()->interfaces, super.named()) != sub.named()->interfaces.end();
  return is_possible(*super.named(), *sub.named());
}

TypeRef Schema::resolve(const ast::TypeRef& type) const {
  TypeRef out;
  if (type.item != nullptr) {
    TypeRef item = resolve(*type.item);
    if (!item) return {};
    out = item.list_of();
  } else {
    out = TypeRef(this->type(type.name.text));
    if (!out) return {};
  }
  return type.non_null ? out.non_null() : out;
}

const Field* Schema::field(const Type& parent, std::string_view name) const {
  if (name.starts_with("__")) {
    if (name == "__typename") return parent.is_composite() ? typename_field() : nullptr;
    if (&parent == root(OperationKind::kQuery)) {
      if (name == "__schema") return schema_field();
      if (name == "__type") return type_field();
    }
  }
  return parent.field(name);
}

}  // namespace phx::graphql
