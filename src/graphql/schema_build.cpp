/// From SDL texts to a Schema. All parts of a type (definition and extensions, in any source) are joined first, then
/// filled in, then checked, so that an error never hides another one.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

#include "graphql/coerce.hpp"
#include "graphql/parser.hpp"
#include "graphql/schema.hpp"
#include "graphql/sdl.gen.hpp"

namespace phx::graphql {
namespace {

namespace json = boost::json;
using Where = DirectiveLocation;

std::string_view kind_word(TypeKind kind) {
  switch (kind) {
    case TypeKind::kScalar: return "scalar";
    case TypeKind::kObject: return "object type";
    case TypeKind::kInterface: return "interface";
    case TypeKind::kUnion: return "union";
    case TypeKind::kEnum: return "enum";
    case TypeKind::kInputObject: return "input object";
  }
  return {};
}

Where location_of(TypeKind kind) {
  switch (kind) {
    case TypeKind::kScalar: return Where::kScalar;
    case TypeKind::kObject: return Where::kObject;
    case TypeKind::kInterface: return Where::kInterface;
    case TypeKind::kUnion: return Where::kUnion;
    case TypeKind::kEnum: return Where::kEnum;
    case TypeKind::kInputObject: return Where::kInputObject;
  }
  return Where::kObject;
}

std::optional<std::string> text_of(const ast::Description& description) {
  if (!description.present) return std::nullopt;
  return std::string(description.text);
}

}  // namespace

class SchemaBuilder {
 public:
  explicit SchemaBuilder(const BuildOptions& options) : options_(options) {}

  std::expected<Schema, std::vector<GraphqlError>> run(std::span<const SdlSource> sources) {
    if (!parse(sources)) return std::unexpected(std::move(errors_));
    declare_types();
    declare_directives();
    for (auto& part : parts_) fill(part);
    index_members();
    for (auto& definition : directive_parts_) fill(definition);
    fill_schema();
    meta_fields();
    link_possible_types();
    // Values can only be judged when every type is known.
    if (unresolved_) return std::unexpected(std::move(errors_));
    for (auto& pending : defaults_) settle_default(*pending->input);
    for (auto& pending : applied_) apply(pending);
    check();
    list_types();
    if (!errors_.empty()) return std::unexpected(std::move(errors_));
    return std::move(schema_);
  }

 private:
  struct Source {
    std::string name;
    Document document;
    bool builtin = false;
  };
  /// A place in a source.
  struct Spot {
    const Source* source = nullptr;
    std::uint32_t offset = 0;
  };
  struct Part {
    Type* type;
    const ast::TypeDefinition* definition;
    const Source* source;
  };
  struct DirectivePart {
    DirectiveDefinition* directive;
    const ast::DirectiveDefinition* definition;
    const Source* source;
  };
  struct PendingDefault {
    InputValue* input;
    const ast::Value* literal;
    const Source* source;
    enum class State : std::uint8_t { kWaiting, kRunning, kDone } state = State::kWaiting;
  };
  struct PendingDirectives {
    Element* element;
    const List<ast::Directive>* directives;
    const Source* source;
    Where location;
    std::vector<AppliedDirective>* into;
    Type* type = nullptr;
  };

  void error(Spot at, std::string message) {
    GraphqlError out{std::move(message), "Schema", {}};
    if (at.source != nullptr) {
      out.locations.push_back(at.source->document.location(at.offset));
      out.extensions["source"] = at.source->name;
    }
    errors_.push_back(std::move(out));
  }
  void check_name(std::string_view name, Spot at) {
    if (name.starts_with("__") && !at.source->builtin)
      error(at, fmt::format("The name \"{}\" is reserved for introspection.", name));
  }

  // --- joining ---

  bool parse(std::span<const SdlSource> sources) {
    auto add = [this](std::string_view name, std::string_view text, bool builtin) {
      auto document = parse_schema(text);
      if (!document) {
        document.error().extensions["source"] = name;
        errors_.push_back(std::move(document.error()));
        return;
      }
      sources_.push_back(std::make_unique<Source>(std::string(name), std::move(*document), builtin));
    };
    for (const auto& source : sources) add(source.name, source.text, false);
    add("introspection.graphql", sdl::graphql::introspection, true);
    return errors_.empty();
  }

  void declare_types() {
    for (const auto& source : sources_)
      for (const auto& definition : source->document.types) {
        if (definition.extension) continue;
        Spot at{source.get(), definition.name.offset};
        auto [slot, fresh] = types_.try_emplace(definition.name.text, nullptr);
        if (!fresh) {
          error(source->builtin ? Spot{} : at, fmt::format("The type {} is defined twice.", definition.name.text));
          continue;
        }
        check_name(definition.name.text, at);
        auto type = std::make_unique<Type>();
        type->name = definition.name.text;
        type->kind = definition.kind;
        type->description = text_of(definition.description);
        type->builtin = source->builtin;
        type->introspection = source->builtin && definition.name.text.starts_with("__");
        type->id = static_cast<std::uint32_t>(schema_.types_.size());
        if (source->builtin) type->scalar = scalar_of(definition.name.text);
        slot->second = type.get();
        places_[type.get()] = at;
        parts_.push_back({type.get(), &definition, source.get()});
        schema_.types_.push_back(std::move(type));
      }
    for (const auto& source : sources_)
      for (const auto& definition : source->document.types) {
        if (!definition.extension) continue;
        Spot at{source.get(), definition.name.offset};
        auto found = types_.find(definition.name.text);
        if (found == types_.end()) {
          error(at, fmt::format("There is no type {} to extend.", definition.name.text));
        } else if (found->second->kind != definition.kind) {
          error(at, fmt::format("{} is extended as {}, but it is {}.", definition.name.text, kind_word(definition.kind),
                                kind_word(found->second->kind)));
        } else if (found->second->builtin) {
          error(at, fmt::format("The built-in type {} cannot be extended.", definition.name.text));
        } else {
          parts_.push_back({found->second, &definition, source.get()});
        }
      }
    schema_.type_index_ = NameIndex(schema_.types_, [](const auto& type) -> std::string_view { return type->name; });
  }

  static Type::Scalar scalar_of(std::string_view name) {
    using enum Type::Scalar;
    if (name == "Int") return kInt;
    if (name == "Float") return kFloat;
    if (name == "String") return kString;
    if (name == "Boolean") return kBoolean;
    return name == "ID" ? kId : kCustom;
  }

  void declare_directives() {
    std::set<std::string_view> seen;
    for (const auto& source : sources_)
      for (const auto& definition : source->document.directives) {
        Spot at{source.get(), definition.name.offset};
        if (!seen.insert(definition.name.text).second) {
          // A source may spell out a built-in directive; its definition then takes the place of ours.
          if (!source->builtin) error(at, fmt::format("The directive @{} is defined twice.", definition.name.text));
          continue;
        }
        check_name(definition.name.text, at);
        auto directive = std::make_unique<DirectiveDefinition>();
        directive->name = definition.name.text;
        directive->description = text_of(definition.description);
        directive->repeatable = definition.repeatable;
        directive->builtin = source->builtin;
        for (const auto& name : definition.locations) {
          Where location = *directive_location(name.text);
          std::uint32_t bit = 1U << static_cast<unsigned>(location);
          if ((directive->location_bits & bit) != 0)
            error({source.get(), name.offset}, fmt::format("The location {} is given twice.", name.text));
          directive->location_bits |= bit;
          directive->locations.push_back(location);
        }
        directive->hidden = options_.hide_sdl_directives && !directive->for_clients();
        directive_parts_.push_back({directive.get(), &definition, source.get()});
        schema_.directives_.push_back(std::move(directive));
      }
    schema_.directive_index_ =
        NameIndex(schema_.directives_, [](const auto& directive) -> std::string_view { return directive->name; });
  }

  // --- filling in ---

  TypeRef resolve(const ast::TypeRef& written, const Source* source) {
    TypeRef type = schema_.resolve(written);
    if (!type) {
      const auto& name = written.innermost();
      unresolved_ = true;
      error({source, name.offset}, fmt::format("There is no type {}.", name.text));
    }
    return type;
  }

  /// Vectors of inputs get their final size before the first pointer into them is kept.
  void fill_inputs(std::vector<InputValue>& into, const List<ast::InputValueDefinition>& from, const Source* source,
                   std::string_view owner) {
    for (const auto& definition : from) {
      Spot at{source, definition.name.offset};
      check_name(definition.name.text, at);
      if (std::ranges::any_of(into, [&](const auto& other) { return other.name == definition.name.text; }))
        error(at, fmt::format("{} has {} twice.", owner, definition.name.text));
      InputValue input;
      input.name = definition.name.text;
      input.description = text_of(definition.description);
      input.type = resolve(definition.type, source);
      if (input.type && !input.type.named()->is_input())
        error(at, fmt::format("{}.{} cannot have the type {}: it is no input type.", owner, definition.name.text,
                              input.type.to_string()));
      into.push_back(std::move(input));
    }
  }
  /// Second pass over the same definitions, when `into` does not grow any more.
  void expect_inputs(std::vector<InputValue>& into, std::size_t first, const List<ast::InputValueDefinition>& from,
                     const Source* source, Where location) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      InputValue& input = into[first + i];
      places_[&input] = {source, from[i].name.offset};
      if (from[i].default_value != nullptr && input.type && input.type.named()->is_input())
        defaults_.push_back(std::make_unique<PendingDefault>(&input, from[i].default_value, source));
      applied_.push_back({&input, &from[i].directives, source, location, &input.directives});
    }
  }

  void fill(const Part& part) {
    Type& type = *part.type;
    const ast::TypeDefinition& definition = *part.definition;
    applied_.push_back({&type, &definition.directives, part.source, location_of(type.kind), &type.directives, &type});
    for (const auto& name : definition.interfaces) {
      const Type* interface = schema_.type(name.text);
      Spot at{part.source, name.offset};
      if (interface == nullptr)
        error(at, fmt::format("There is no interface {}.", name.text));
      else if (interface->kind != TypeKind::kInterface)
        error(at, fmt::format("{} is no interface.", name.text));
      else if (interface == &type)
        error(at, fmt::format("{} cannot implement itself.", name.text));
      else if (std::ranges::find(type.interfaces, interface) != type.interfaces.end())
        error(at, fmt::format("{} implements {} twice.", type.name, name.text));
      else
        type.interfaces.push_back(interface);
    }
    for (const auto& name : definition.members) {
      const Type* member = schema_.type(name.text);
      Spot at{part.source, name.offset};
      if (member == nullptr)
        error(at, fmt::format("There is no type {}.", name.text));
      else if (member->kind != TypeKind::kObject)
        error(at, fmt::format("{} cannot be a member of the union {}: it is no object type.", name.text, type.name));
      else if (std::ranges::find(type.possible_types, member) != type.possible_types.end())
        error(at, fmt::format("The union {} has {} twice.", type.name, name.text));
      else
        type.possible_types.push_back(member);
    }
    fill_inputs(type.input_fields, definition.input_fields, part.source, type.name);
    for (const auto& value : definition.values) {
      Spot at{part.source, value.name.offset};
      check_name(value.name.text, at);
      if (std::ranges::any_of(type.values, [&](const auto& other) { return other.name == value.name.text; }))
        error(at, fmt::format("The enum {} has {} twice.", type.name, value.name.text));
      type.values.push_back({std::string(value.name.text), text_of(value.description)});
    }
    for (const auto& field : definition.fields) {
      Spot at{part.source, field.name.offset};
      check_name(field.name.text, at);
      if (std::ranges::any_of(type.fields, [&](const auto& other) { return other.name == field.name.text; }))
        error(at, fmt::format("{} has {} twice.", type.name, field.name.text));
      Field out;
      out.name = field.name.text;
      out.description = text_of(field.description);
      out.parent = &type;
      out.type = resolve(field.type, part.source);
      if (out.type && !out.type.named()->is_output())
        error(at, fmt::format("{}.{} cannot have the type {}: it is no output type.", type.name, out.name,
                              out.type.to_string()));
      fill_inputs(out.arguments, field.arguments, part.source, fmt::format("{}.{}", type.name, out.name));
      type.fields.push_back(std::move(out));
    }
  }

  /// After all parts are in: nothing moves any more, so members may be indexed and pointed to.
  void index_members() {
    std::unordered_map<const Type*, std::array<std::size_t, 3>> done;
    for (const auto& part : parts_) {
      Type& type = *part.type;
      auto& [fields, inputs, values] = done[&type];
      for (std::size_t i = 0; i < part.definition->fields.size(); ++i) {
        const auto& definition = part.definition->fields[i];
        Field& field = type.fields[fields + i];
        places_[&field] = {part.source, definition.name.offset};
        applied_.push_back({&field, &definition.directives, part.source, Where::kFieldDefinition, &field.directives});
        expect_inputs(field.arguments, 0, definition.arguments, part.source, Where::kArgumentDefinition);
      }
      fields += part.definition->fields.size();
      expect_inputs(type.input_fields, inputs, part.definition->input_fields, part.source,
                    Where::kInputFieldDefinition);
      inputs += part.definition->input_fields.size();
      for (std::size_t i = 0; i < part.definition->values.size(); ++i) {
        EnumValue& value = type.values[values + i];
        const auto& definition = part.definition->values[i];
        places_[&value] = {part.source, definition.name.offset};
        applied_.push_back({&value, &definition.directives, part.source, Where::kEnumValue, &value.directives});
      }
      values += part.definition->values.size();
    }
    auto name_of = [](const Element& element) -> std::string_view { return element.name; };
    for (auto& type : schema_.types_) {
      if (!type->fields.empty()) type->index = NameIndex(type->fields, name_of);
      if (!type->input_fields.empty()) type->index = NameIndex(type->input_fields, name_of);
      if (!type->values.empty()) type->index = NameIndex(type->values, name_of);
    }
  }

  void fill(const DirectivePart& part) {
    DirectiveDefinition& directive = *part.directive;
    places_[&directive] = {part.source, part.definition->name.offset};
    fill_inputs(directive.arguments, part.definition->arguments, part.source, "@" + directive.name);
    expect_inputs(directive.arguments, 0, part.definition->arguments, part.source, Where::kArgumentDefinition);
    applied_.push_back(
        {&directive, &part.definition->directives, part.source, Where::kDirectiveDefinition, &directive.directives});
  }

  void fill_schema() {
    bool defined = false;
    bool named[3] = {false, false, false};
    for (bool extensions : {false, true})
      for (const auto& source : sources_)
        for (const auto& definition : source->document.schemas) {
          if (definition.extension != extensions) continue;
          Spot at{source.get(), definition.offset};
          if (!extensions && defined) error(at, "The schema is defined twice.");
          defined = defined || !extensions;
          if (definition.description.present) schema_.description_ = text_of(definition.description);
          applied_.push_back(
              {nullptr, &definition.directives, source.get(), Where::kSchema, &schema_.applied_, nullptr});
          for (const auto& root : definition.operations) {
            Spot place{source.get(), root.type.offset};
            auto slot = static_cast<std::size_t>(root.operation);
            if (named[slot]) error(place, "A root operation type is given twice.");
            named[slot] = true;
            set_root(root.operation, root.type.text, place);
          }
        }
    constexpr std::string_view kDefaults[] = {"Query", "Mutation", "Subscription"};
    for (std::size_t i = 0; i < 3; ++i)
      if (!defined && !named[i] && types_.contains(kDefaults[i])) {
        const Type* type = types_.at(kDefaults[i]);
        if (type->kind == TypeKind::kObject) schema_.roots_[i] = type;
      }
    if (schema_.roots_[0] == nullptr) error({}, "The schema has no query type.");
  }
  void set_root(OperationKind kind, std::string_view name, Spot at) {
    const Type* type = schema_.type(name);
    if (type == nullptr) return error(at, fmt::format("There is no type {}.", name));
    if (type->kind != TypeKind::kObject)
      return error(at, fmt::format("{} cannot be a root: it is no object type.", name));
    if (std::ranges::find(schema_.roots_, type) != std::end(schema_.roots_))
      return error(at, fmt::format("{} cannot be the root of two kinds of operations.", name));
    schema_.roots_[static_cast<std::size_t>(kind)] = type;
  }

  void meta_fields() {
    auto named = [this](std::string_view name) { return TypeRef(schema_.type(name)); };
    Field schema, type, type_name;
    schema.name = "__schema";
    schema.type = named("__Schema").non_null();
    type.name = "__type";
    type.type = named("__Type");
    InputValue name;
    name.name = "name";
    name.type = named("String").non_null();
    type.arguments.push_back(std::move(name));
    type_name.name = "__typename";
    type_name.type = named("String").non_null();
    schema_.meta_.push_back(std::move(schema));
    schema_.meta_.push_back(std::move(type));
    schema_.meta_.push_back(std::move(type_name));
  }

  void link_possible_types() {
    std::size_t words = schema_.types_.size() / 64 + 1;
    auto set = [words](Type& composite, const Type& object) {
      composite.possible.resize(words);
      composite.possible[object.id / 64] |= std::uint64_t{1} << (object.id % 64);
    };
    for (auto& type : schema_.types_) {
      if (type->kind != TypeKind::kObject) continue;
      set(*type, *type);
      for (const Type* interface : type->interfaces) {
        Type& target = *types_.at(interface->name);
        target.possible_types.push_back(type.get());
      }
    }
    for (auto& type : schema_.types_)
      if (type->is_abstract())
        for (const Type* object : type->possible_types) set(*type, *object);
  }

  // --- defaults and directives ---

  PendingDefault* pending_default(const InputValue& input) {
    if (default_of_.empty())
      for (auto& pending : defaults_) default_of_[pending->input] = pending.get();
    auto found = default_of_.find(&input);
    return found == default_of_.end() ? nullptr : found->second;
  }
  /// Coerces a default after the defaults it takes in: those of input fields that its objects leave out.
  void settle_default(InputValue& input) {
    using State = PendingDefault::State;
    PendingDefault* pending = pending_default(input);
    if (pending == nullptr || pending->state == State::kDone) return;
    Spot at{pending->source, pending->literal->offset};
    if (pending->state == State::kRunning) {
      pending->state = State::kDone;
      return error(at, fmt::format("The default of {} contains itself.", input.name));
    }
    pending->state = State::kRunning;
    settle_within(*pending->literal, input.type);
    if (pending->state == State::kDone) return;
    pending->state = State::kDone;
    auto value = coerce_literal(*pending->literal, input.type, nullptr);
    if (value)
      input.default_value = std::move(*value);
    else
      error(at, fmt::format("The default of {} is no value of {}.", input.name, input.type.to_string()));
  }
  void settle_within(const ast::Value& literal, TypeRef type) {
    for (const auto& item : literal.items) settle_within(item, type.is_list() ? type.item() : type);
    const Type& named = *type.named();
    if (literal.kind != ast::ValueKind::kObject || named.kind != TypeKind::kInputObject) return;
    for (auto& field : types_.at(named.name)->input_fields) {
      auto has_name = [&](const auto& candidate) { return candidate.name.text == field.name; };
      const auto* given = std::ranges::find_if(literal.fields, has_name);
      if (given == literal.fields.end())
        settle_default(field);
      else if (field.type)
        settle_within(given->value, field.type);
    }
  }

  void apply(const PendingDirectives& pending) {
    for (const auto& written : *pending.directives) {
      Spot at{pending.source, written.name.offset};
      std::string_view name = written.name.text;
      const DirectiveDefinition* definition = schema_.directive(name);
      if (definition == nullptr) {
        error(at, fmt::format("There is no directive @{}.", name));
        continue;
      }
      if (!definition->allows(pending.location))
        error(at,
              fmt::format("The directive @{} is not allowed on {}.", name, directive_location_name(pending.location)));
      if (!definition->repeatable &&
          std::ranges::any_of(*pending.into, [&](const auto& other) { return other.name == name; }))
        error(at, fmt::format("The directive @{} is given twice.", name));
      AppliedDirective out{std::string(name), {}};
      check_arguments(written, *definition, pending.source);
      auto arguments =
          coerce_arguments(definition->arguments, written.arguments, {}, pending.source->document, written.name.offset);
      if (arguments)
        out.arguments = std::move(*arguments);
      else
        error(at, fmt::format("@{}: {}", name, arguments.error().message));
      special(out, pending);
      pending.into->push_back(std::move(out));
    }
  }
  void check_arguments(const ast::Directive& written, const DirectiveDefinition& definition, const Source* source) {
    for (const auto& argument : written.arguments) {
      Spot at{source, argument.name.offset};
      if (definition.argument(argument.name.text) == nullptr)
        error(at, fmt::format("@{} has no argument {}.", definition.name, argument.name.text));
      if (ast::find_argument(written, argument.name.text) != &argument.value)
        error(at, fmt::format("The argument {} is given twice.", argument.name.text));
    }
  }
  /// The built-in directives mean something to the schema itself.
  static void special(const AppliedDirective& applied, const PendingDirectives& pending) {
    if (applied.name == "deprecated" && pending.element != nullptr) {
      const auto* reason = applied.arguments.if_contains("reason");
      if (reason != nullptr && reason->is_string()) pending.element->deprecation_reason = applied.string("reason");
    } else if (applied.name == "specifiedBy" && pending.type != nullptr) {
      pending.type->specified_by_url = applied.string("url");
    } else if (applied.name == "oneOf" && pending.type != nullptr) {
      pending.type->one_of = true;
    }
  }

  // --- checking (section 3, "Type Validation" of each kind) ---

  void check() {
    for (const auto& type : schema_.types_) {
      Spot at = places_[type.get()];
      auto must_have = [&](const auto& members, std::string_view what) {
        if (members.empty()) error(at, fmt::format("{} needs at least one {}.", type->name, what));
      };
      switch (type->kind) {
        case TypeKind::kObject:
        case TypeKind::kInterface:
          must_have(type->fields, "field");
          for (const auto& field : type->fields)
            for (const auto& argument : field.arguments) check_deprecation(argument);
          for (const Type* interface : type->interfaces) check_implements(*type, *interface);
          break;
        case TypeKind::kUnion: must_have(type->possible_types, "member"); break;
        case TypeKind::kEnum: must_have(type->values, "value"); break;
        case TypeKind::kInputObject:
          must_have(type->input_fields, "field");
          for (const auto& field : type->input_fields) check_input_field(*type, field);
          break;
        case TypeKind::kScalar: break;
      }
    }
    check_input_circles();
    for (const auto& part : directive_parts_) {
      for (const auto& argument : part.directive->arguments) check_deprecation(argument);
      if (refers_to_itself(*part.directive))
        error(places_[part.directive], fmt::format("The definition of @{} refers to itself.", part.directive->name));
    }
  }

  void check_deprecation(const InputValue& input) {
    if (input.required() && input.deprecation_reason)
      error(places_[&input], fmt::format("{} is required and cannot be deprecated.", input.name));
  }

  void check_input_field(const Type& type, const InputValue& field) {
    check_deprecation(field);
    if (!type.one_of) return;
    if (field.type.is_non_null())
      error(places_[&field], fmt::format("{}.{} must be nullable: the type is @oneOf.", type.name, field.name));
    if (pending_default(field) != nullptr)
      error(places_[&field], fmt::format("{}.{} cannot have a default: the type is @oneOf.", type.name, field.name));
  }

  /// A circle of non-null input fields could never be written down.
  void check_input_circles() {
    enum class Mark : std::uint8_t { kNew, kOpen, kDone };
    std::unordered_map<const Type*, Mark> marks;
    auto visit = [&](auto& self, const Type& type) -> void {
      marks[&type] = Mark::kOpen;
      for (const auto& field : type.input_fields) {
        if (!field.type || !field.type.is_non_null() || field.type.is_list()) continue;
        const Type& next = *field.type.named();
        if (next.kind != TypeKind::kInputObject) continue;
        if (marks[&next] == Mark::kOpen)
          error(places_[&field], fmt::format("{}.{} closes a circle of required input fields.", type.name, field.name));
        else if (marks[&next] == Mark::kNew)
          self(self, next);
      }
      marks[&type] = Mark::kDone;
    };
    for (const auto& type : schema_.types_)
      if (type->kind == TypeKind::kInputObject && marks[type.get()] == Mark::kNew) visit(visit, *type);
  }

  /// Directives used in a directive's own definition, directly or through its arguments' types, must not be that one.
  bool refers_to_itself(const DirectiveDefinition& directive) const {
    std::set<const Element*> seen;
    bool found = false;
    auto visit_element = [&](auto& self, const Element& element) -> void {
      for (const auto& applied : element.directives) {
        const DirectiveDefinition* used = schema_.directive(applied.name);
        if (used == &directive) found = true;
        if (used != nullptr && seen.insert(used).second) visit_inputs(self, used->arguments, seen, *used);
      }
    };
    seen.insert(&directive);
    visit_inputs(visit_element, directive.arguments, seen, directive);
    return found;
  }
  template <class Visit>
  static void visit_inputs(Visit& visit, const std::vector<InputValue>& inputs, std::set<const Element*>& seen,
                           const Element& owner) {
    visit(visit, owner);
    for (const auto& input : inputs) {
      visit(visit, input);
      if (!input.type || !seen.insert(input.type.named()).second) continue;
      const Type& type = *input.type.named();
      for (const auto& value : type.values) visit(visit, value);
      visit_inputs(visit, type.input_fields, seen, type);
    }
  }

  void check_implements(const Type& type, const Type& interface) {
    Spot at = places_[&type];
    for (const Type* further : interface.interfaces)
      if (further == &type)
        error(at, fmt::format("{} and {} implement each other.", type.name, interface.name));
      else if (std::ranges::find(type.interfaces, further) == type.interfaces.end())
        error(at, fmt::format("{} must implement {}, because {} does.", type.name, further->name, interface.name));
    for (const auto& wanted : interface.fields) {
      const Field* field = type.field(wanted.name);
      std::string label = fmt::format("{}.{}", type.name, wanted.name);
      if (field == nullptr) {
        error(at, fmt::format("{} is missing; {} asks for it.", label, interface.name));
        continue;
      }
      Spot place = places_[field];
      if (field->type && wanted.type && !schema_.is_subtype(field->type, wanted.type))
        error(place, fmt::format("{} is {}, but {} asks for {}.", label, field->type.to_string(), interface.name,
                                 wanted.type.to_string()));
      for (const auto& argument : wanted.arguments) {
        const InputValue* own = field->argument(argument.name);
        if (own == nullptr)
          error(place, fmt::format("{} lacks the argument {} of {}.", label, argument.name, interface.name));
        else if (own->type != argument.type)
          error(place, fmt::format("The argument {} of {} must have the type {}, as in {}.", argument.name, label,
                                   argument.type.to_string(), interface.name));
      }
      for (const auto& argument : field->arguments)
        if (wanted.argument(argument.name) == nullptr && argument.required())
          error(place, fmt::format("The argument {} of {} must not be required: {} does not have it.", argument.name,
                                   label, interface.name));
    }
  }

  // --- result ---

  /// Built-in scalars are listed only when something refers to them (3.5 "Scalars").
  void list_types() {
    std::set<const Type*> used;
    auto use = [&](const std::vector<InputValue>& inputs) {
      for (const auto& input : inputs) used.insert(input.type.named());
    };
    for (const auto& type : schema_.types_) {
      use(type->input_fields);
      for (const auto& field : type->fields) {
        used.insert(field.type.named());
        use(field.arguments);
      }
    }
    for (const auto& directive : schema_.directives_) use(directive->arguments);
    auto list = [&](auto accept) {
      for (const auto& type : schema_.types_)
        if (accept(*type)) schema_.listed_.push_back(type.get());
    };
    list([](const Type& type) { return !type.builtin; });
    list([&](const Type& type) { return type.builtin && !type.introspection && used.contains(&type); });
    list([](const Type& type) { return type.introspection; });
  }

  const BuildOptions options_;
  Schema schema_;
  std::vector<GraphqlError> errors_;
  bool unresolved_ = false;
  std::vector<std::unique_ptr<Source>> sources_;
  std::unordered_map<std::string_view, Type*> types_;
  std::vector<Part> parts_;
  std::vector<DirectivePart> directive_parts_;
  std::vector<std::unique_ptr<PendingDefault>> defaults_;
  std::unordered_map<const InputValue*, PendingDefault*> default_of_;
  std::vector<PendingDirectives> applied_;
  std::unordered_map<const Element*, Spot> places_;
};

std::expected<Schema, std::vector<GraphqlError>> build_schema(std::span<const SdlSource> sources,
                                                              const BuildOptions& options) {
  return SchemaBuilder(options).run(sources);
}
std::expected<Schema, std::vector<GraphqlError>> build_schema(std::initializer_list<SdlSource> sources) {
  return build_schema(std::span(sources.begin(), sources.size()));
}
std::expected<Schema, std::vector<GraphqlError>> build_schema(std::string_view sdl) {
  return build_schema({SdlSource{"schema", sdl}});
}

}  // namespace phx::graphql
