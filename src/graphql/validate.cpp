/// One walk over every operation and fragment checks what can be judged in place and notes which variables and
/// fragments each definition uses; what spans definitions follows from those notes. Whether fields can be merged is a
/// matter of its own (merge_check.cpp). The walk's recursion is bounded by the parser's depth limit; everything that
/// follows fragments uses explicit stacks, because a chain of fragments may be as long as the document.

#include "graphql/validate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "graphql/coerce.hpp"
#include "graphql/merge_check.hpp"

namespace phx::graphql {
namespace {

using ast::SelectionKind;
using ast::ValueKind;

enum class Rule : std::uint8_t {
  kExecutableDefinitions,
  kUniqueOperationNames,
  kLoneAnonymousOperation,
  kSingleFieldSubscriptions,
  kKnownTypeNames,
  kFragmentsOnCompositeTypes,
  kVariablesAreInputTypes,
  kScalarLeafs,
  kFieldsOnCorrectType,
  kUniqueFragmentNames,
  kKnownFragmentNames,
  kNoUnusedFragments,
  kPossibleFragmentSpreads,
  kNoFragmentCycles,
  kUniqueVariableNames,
  kNoUndefinedVariables,
  kNoUnusedVariables,
  kKnownDirectives,
  kUniqueDirectivesPerLocation,
  kKnownArgumentNames,
  kUniqueArgumentNames,
  kUniqueInputFieldNames,
  kValuesOfCorrectType,
  kProvidedRequiredArguments,
  kVariablesInAllowedPosition,
  kOverlappingFieldsCanBeMerged,
};
constexpr std::array<std::string_view, 26> kRuleNames{"ExecutableDefinitions",
                                                      "UniqueOperationNames",
                                                      "LoneAnonymousOperation",
                                                      "SingleFieldSubscriptions",
                                                      "KnownTypeNames",
                                                      "FragmentsOnCompositeTypes",
                                                      "VariablesAreInputTypes",
                                                      "ScalarLeafs",
                                                      "FieldsOnCorrectType",
                                                      "UniqueFragmentNames",
                                                      "KnownFragmentNames",
                                                      "NoUnusedFragments",
                                                      "PossibleFragmentSpreads",
                                                      "NoFragmentCycles",
                                                      "UniqueVariableNames",
                                                      "NoUndefinedVariables",
                                                      "NoUnusedVariables",
                                                      "KnownDirectives",
                                                      "UniqueDirectivesPerLocation",
                                                      "KnownArgumentNames",
                                                      "UniqueArgumentNames",
                                                      "UniqueInputFieldNames",
                                                      "ValuesOfCorrectType",
                                                      "ProvidedRequiredArguments",
                                                      "VariablesInAllowedPosition",
                                                      "OverlappingFieldsCanBeMerged"};

constexpr std::size_t kFew = 12;

/// Calls twice(element) for each element whose name an earlier one has.
template <class T, class NameOf, class Twice>
void each_duplicate(const List<T>& list, NameOf name_of, Twice twice) {
  if (list.size() < 2) return;
  if (list.size() <= kFew) {
    for (std::size_t i = 1; i < list.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (name_of(list[i]) == name_of(list[j])) {
          twice(list[i]);
          break;
        }
    return;
  }
  NameIndex index(list, name_of);
  for (std::size_t i = 0; i < list.size(); ++i)
    if (index.find(name_of(list[i])) != i) twice(list[i]);
}

class Validator {
 public:
  Validator(const Schema& schema, const Document& document, std::size_t max_errors)
      : schema_(schema), document_(document), max_errors_(max_errors) {}

  std::vector<GraphqlError> run() {
    if (document_.has_type_system)
      error(Rule::kExecutableDefinitions, document_.type_system_offset,
            [] { return std::string("A request holds operations and fragments only, no type definitions."); });
    if (document_.fragments.size() > kFew) fragment_index_ = NameIndex(document_.fragments, fragment_name);
    each_duplicate(document_.fragments, fragment_name, [&](const auto& fragment) {
      error(Rule::kUniqueFragmentNames, fragment.name.offset,
            [&] { return fmt::format("There is more than one fragment {}.", fragment.name.text); });
    });
    operation_names();
    for (const auto& fragment : document_.fragments) {
      begin_scope();
      walk(fragment);
    }
    for (const auto& operation : document_.operations) {
      begin_scope();
      walk(operation);
    }
    begin_scope();  // ends the last one
    for (std::size_t i = 0; i < document_.operations.size(); ++i) variables_of(i);
    unused_fragments();
    fragment_cycles();
    check_merging(schema_, document_, [&](std::uint32_t first, std::uint32_t second, auto message) {
      error(Rule::kOverlappingFieldsCanBeMerged, first, message, second);
    });
    return std::move(errors_);
  }

 private:
  static constexpr std::uint32_t kNowhere = 0xffffffff;

  /// A variable where a value is expected.
  struct Usage {
    std::string_view name;
    std::uint32_t offset;
    TypeRef type;        ///< empty when unknown or any
    bool has_default;    ///< of the place
    const Type* one_of;  ///< the @oneOf type whose field this is
  };
  /// What one fragment or operation uses: first fragments, then operations, in the document's order.
  struct Scope {
    std::size_t usages;
    std::size_t spreads;
  };

  template <class Message>
  void error(Rule rule, std::uint32_t offset, Message message, std::uint32_t second = kNowhere) {
    auto slot = static_cast<std::size_t>(rule);
    if (counts_[slot] >= max_errors_) return;
    ++counts_[slot];
    GraphqlError out{message(), kRuleNames[slot], {document_.location(offset)}};
    if (second != kNowhere) out.locations.push_back(document_.location(second));
    errors_.push_back(std::move(out));
  }

  static std::string_view fragment_name(const ast::FragmentDefinition& fragment) { return fragment.name.text; }
  /// Index of the fragment, or NameIndex::kNone.
  std::uint32_t fragment(std::string_view name) const {
    if (document_.fragments.size() > kFew) return fragment_index_.find(name);
    for (std::uint32_t i = 0; i < document_.fragments.size(); ++i)
      if (document_.fragments[i].name.text == name) return i;
    return NameIndex::kNone;
  }

  void begin_scope() { scopes_.push_back({usages_.size(), spreads_.size()}); }

  // --- definitions ---

  void operation_names() {
    const auto& operations = document_.operations;
    each_duplicate(
        operations, [](const auto& operation) { return operation.name.text; },
        [&](const auto& operation) {
          if (operation.name.empty()) return;
          error(Rule::kUniqueOperationNames, operation.name.offset,
                [&] { return fmt::format("There is more than one operation {}.", operation.name.text); });
        });
    if (operations.size() > 1)
      for (const auto& operation : operations)
        if (operation.name.empty())
          error(Rule::kLoneAnonymousOperation, operation.offset,
                [] { return std::string("An operation without a name must be the only one."); });
  }

  void walk(const ast::FragmentDefinition& fragment) {
    const Type* type = type_condition(fragment.type_condition);
    directives(fragment.directives, DirectiveLocation::kFragmentDefinition);
    selections(fragment.selections, type);
  }

  /// The composite type a fragment is for; null when it is wrong.
  const Type* type_condition(const ast::Name& name) {
    const Type* type = schema_.type(name.text);
    if (type == nullptr) {
      error(Rule::kKnownTypeNames, name.offset, [&] { return fmt::format("There is no type {}.", name.text); });
      return nullptr;
    }
    if (type->is_composite()) return type;
    error(Rule::kFragmentsOnCompositeTypes, name.offset, [&] {
      return fmt::format("A fragment cannot be on {}: it is no object type, interface or union.", name.text);
    });
    return nullptr;
  }

  void walk(const ast::OperationDefinition& operation) {
    using enum DirectiveLocation;
    constexpr DirectiveLocation locations[] = {kQuery, kMutation, kSubscription};
    directives(operation.directives, locations[static_cast<std::size_t>(operation.kind)]);
    each_duplicate(
        operation.variables, [](const auto& variable) { return variable.name.text; },
        [&](const auto& variable) {
          error(Rule::kUniqueVariableNames, variable.name.offset,
                [&] { return fmt::format("There is more than one variable ${}.", variable.name.text); });
        });
    for (const auto& variable : operation.variables) {
      TypeRef type = schema_.resolve(variable.type);
      const auto& name = variable.type.innermost();
      if (!type) {
        error(Rule::kKnownTypeNames, name.offset, [&] { return fmt::format("There is no type {}.", name.text); });
      } else if (!type.named()->is_input()) {
        error(Rule::kVariablesAreInputTypes, variable.type.offset, [&] {
          return fmt::format("Variable ${} cannot have the type {}: it is no input type.", variable.name.text,
                             type.to_string());
        });
        type = {};
      }
      if (variable.default_value != nullptr) value(*variable.default_value, type, false, nullptr);
      directives(variable.directives, kVariableDefinition);
    }
    const Type* root = schema_.root(operation.kind);
    if (root == nullptr)
      error(Rule::kFieldsOnCorrectType, operation.offset,
            [] { return std::string("The schema has no root type for this kind of operation."); });
    selections(operation.selections, root);
    if (operation.kind == ast::OperationKind::kSubscription && root != nullptr) single_field(operation, *root);
  }

  /// A subscription has one root field, no introspection, and nothing conditional (5.2.4.1).
  void single_field(const ast::OperationDefinition& operation, const Type& root) {
    std::vector<const List<ast::Selection>*> pending{&operation.selections};
    std::vector<bool> seen(document_.fragments.size());
    const ast::Selection* first = nullptr;
    auto wrong = [&](const ast::Selection& at, std::string_view what) {
      error(Rule::kSingleFieldSubscriptions, at.offset, [&] { return std::string(what); });
    };
    while (!pending.empty()) {
      const auto& list = *pending.back();
      pending.pop_back();
      for (const auto& selection : list) {
        if (ast::find_directive(selection.directives, "skip") || ast::find_directive(selection.directives, "include"))
          wrong(selection, "The root field of a subscription cannot depend on @skip or @include.");
        if (selection.kind == SelectionKind::kField) {
          if (selection.name.text.starts_with("__"))
            wrong(selection, "The root field of a subscription cannot be one of introspection.");
          if (first == nullptr)
            first = &selection;
          else if (first->key != selection.key)
            wrong(selection, "A subscription has exactly one root field.");
          continue;
        }
        std::string_view condition = selection.name.text;
        const List<ast::Selection>* inner = &selection.selections;
        if (selection.kind == SelectionKind::kFragmentSpread) {
          std::uint32_t index = fragment(selection.name.text);
          if (index == NameIndex::kNone || seen[index]) continue;
          seen[index] = true;
          condition = document_.fragments[index].type_condition.text;
          inner = &document_.fragments[index].selections;
        }
        const Type* type = condition.empty() ? &root : schema_.type(condition);
        if (type != nullptr && schema_.is_possible(*type, root)) pending.push_back(inner);
      }
    }
  }

  // --- selections ---

  void selections(const List<ast::Selection>& list, const Type* parent) {
    for (const auto& selection : list) {
      switch (selection.kind) {
        case SelectionKind::kField: field(selection, parent); break;
        case SelectionKind::kFragmentSpread: spread(selection, parent); break;
        case SelectionKind::kInlineFragment: {
          const Type* type = parent;
          if (!selection.name.empty()) {
            type = type_condition(selection.name);
            possible_spread(selection, type, parent);
          }
          directives(selection.directives, DirectiveLocation::kInlineFragment);
          selections(selection.selections, type);
        }
      }
    }
  }

  void possible_spread(const ast::Selection& at, const Type* type, const Type* parent) {
    if (type == nullptr || parent == nullptr || type == parent || schema_.overlap(*type, *parent)) return;
    error(Rule::kPossibleFragmentSpreads, at.offset, [&] {
      return fmt::format("A fragment on {} can never apply here, where the type is {}.", type->name, parent->name);
    });
  }

  void spread(const ast::Selection& selection, const Type* parent) {
    directives(selection.directives, DirectiveLocation::kFragmentSpread);
    std::uint32_t index = fragment(selection.name.text);
    if (index == NameIndex::kNone) {
      error(Rule::kKnownFragmentNames, selection.name.offset,
            [&] { return fmt::format("There is no fragment {}.", selection.name.text); });
      return;
    }
    spreads_.push_back({index, selection.offset});
    const Type* type = schema_.type(document_.fragments[index].type_condition.text);
    if (type != nullptr && type->is_composite()) possible_spread(selection, type, parent);
  }

  void field(const ast::Selection& selection, const Type* parent) {
    const Field* definition = parent == nullptr ? nullptr : schema_.field(*parent, selection.name.text);
    if (definition == nullptr) {
      if (parent != nullptr)
        error(Rule::kFieldsOnCorrectType, selection.offset,
              [&] { return fmt::format("{} has no field {}.", parent->name, selection.name.text); });
      arguments(selection.arguments, nullptr, selection.offset, {});
      directives(selection.directives, DirectiveLocation::kField);
      selections(selection.selections, nullptr);
      return;
    }
    arguments(selection.arguments, &definition->arguments, selection.offset, definition->name);
    if (!selection.directives.empty()) directives(selection.directives, DirectiveLocation::kField);
    const Type* type = definition->type.named();
    if (type->is_leaf()) {
      if (selection.selections.empty()) return;
      error(Rule::kScalarLeafs, selection.offset, [&] {
        return fmt::format("{} is {} and has no fields to select.", definition->name, definition->type.to_string());
      });
      type = nullptr;
    } else if (selection.selections.empty()) {
      error(Rule::kScalarLeafs, selection.offset, [&] {
        return fmt::format("Say which fields of {} ({}) you want.", definition->name, definition->type.to_string());
      });
    }
    selections(selection.selections, type);
  }

  // --- arguments, directives, values ---

  /// `definitions` is null when the field or directive is unknown.
  void arguments(const List<ast::Argument>& given, const std::vector<InputValue>* definitions, std::uint32_t offset,
                 std::string_view owner) {
    each_duplicate(
        given, [](const auto& argument) { return argument.name.text; },
        [&](const auto& argument) {
          error(Rule::kUniqueArgumentNames, argument.name.offset,
                [&] { return fmt::format("The argument {} is given twice.", argument.name.text); });
        });
    for (const auto& argument : given) {
      const InputValue* definition = nullptr;
      if (definitions != nullptr) {
        for (const auto& candidate : *definitions)
          if (candidate.name == argument.name.text) definition = &candidate;
        if (definition == nullptr)
          error(Rule::kKnownArgumentNames, argument.name.offset,
                [&] { return fmt::format("{} has no argument {}.", owner, argument.name.text); });
      }
      if (definition == nullptr)
        value(argument.value, {}, false, nullptr);
      else
        value(argument.value, definition->type, definition->default_value.has_value(), nullptr);
    }
    if (definitions == nullptr) return;
    for (const auto& definition : *definitions) {
      if (!definition.required()) continue;
      if (std::ranges::none_of(given, [&](const auto& argument) { return argument.name.text == definition.name; }))
        error(Rule::kProvidedRequiredArguments, offset, [&] {
          return fmt::format("{} needs the argument {} of type {}.", owner, definition.name,
                             definition.type.to_string());
        });
    }
  }

  void directives(const List<ast::Directive>& list, DirectiveLocation location) {
    if (list.empty()) return;
    each_duplicate(
        list, [](const auto& directive) { return directive.name.text; },
        [&](const auto& directive) {
          const auto* definition = schema_.directive(directive.name.text);
          if (definition == nullptr || definition->repeatable) return;
          error(Rule::kUniqueDirectivesPerLocation, directive.name.offset,
                [&] { return fmt::format("The directive @{} is given twice here.", directive.name.text); });
        });
    for (const auto& directive : list) {
      const auto* definition = schema_.directive(directive.name.text);
      if (definition == nullptr) {
        error(Rule::kKnownDirectives, directive.name.offset,
              [&] { return fmt::format("There is no directive @{}.", directive.name.text); });
      } else if (!definition->allows(location)) {
        error(Rule::kKnownDirectives, directive.name.offset, [&] {
          return fmt::format("The directive @{} is not allowed on {}.", directive.name.text,
                             directive_location_name(location));
        });
      }
      arguments(directive.arguments, definition == nullptr ? nullptr : &definition->arguments, directive.name.offset,
                directive.name.text);
    }
  }

  void wrong_value(const ast::Value& literal, TypeRef type, std::string_view hint = {}) {
    error(Rule::kValuesOfCorrectType, literal.offset, [&] {
      std::string_view written = document_.source().substr(literal.offset, literal.end - literal.offset);
      return fmt::format("{}{} is no value of type {}.{}", written.substr(0, 60), written.size() > 60 ? "…" : "",
                         type.to_string(), hint);
    });
  }

  /// `type` is empty where anything goes or nothing is known; variables and duplicates are looked at all the same.
  void value(const ast::Value& literal, TypeRef type, bool has_default, const Type* one_of) {
    switch (literal.kind) {
      case ValueKind::kVariable: usages_.push_back({literal.text, literal.offset, type, has_default, one_of}); return;
      case ValueKind::kNull:
        if (type && type.is_non_null()) wrong_value(literal, type);
        return;
      case ValueKind::kList: {
        TypeRef item;
        if (type && type.is_list())
          item = type.item();
        else if (type && !takes_any(type))
          wrong_value(literal, type);
        for (const auto& element : literal.items) value(element, item, false, nullptr);
        return;
      }
      case ValueKind::kObject: return object(literal, type);
      default:
        if (type && !is_leaf_value(literal, *type.named())) wrong_value(literal, type, hint(literal, *type.named()));
    }
  }

  static bool takes_any(TypeRef type) {
    return type.named()->kind == TypeKind::kScalar && type.named()->scalar == Type::Scalar::kCustom;
  }

  static bool is_leaf_value(const ast::Value& literal, const Type& type) {
    if (type.kind == TypeKind::kEnum) return literal.kind == ValueKind::kEnum && type.value(literal.text) != nullptr;
    if (type.kind != TypeKind::kScalar) return false;
    switch (type.scalar) {
      case Type::Scalar::kCustom: return true;
      case Type::Scalar::kString: return literal.kind == ValueKind::kString;
      case Type::Scalar::kBoolean: return literal.kind == ValueKind::kBoolean;
      case Type::Scalar::kId: return literal.kind == ValueKind::kString || literal.kind == ValueKind::kInt;
      case Type::Scalar::kInt:
      case Type::Scalar::kFloat: return coerce_literal(literal, TypeRef(&type), nullptr).has_value();
    }
    return false;
  }

  static std::string_view hint(const ast::Value& literal, const Type& type) {
    if (type.kind == TypeKind::kEnum && literal.kind == ValueKind::kString && type.value(literal.text) != nullptr)
      return " Enum values are written without quotes.";
    return {};
  }

  void object(const ast::Value& literal, TypeRef type) {
    each_duplicate(
        literal.fields, [](const auto& field) { return field.name.text; },
        [&](const auto& field) {
          error(Rule::kUniqueInputFieldNames, field.name.offset,
                [&] { return fmt::format("The field {} is given twice.", field.name.text); });
        });
    const Type* input = type && type.named()->kind == TypeKind::kInputObject ? type.named() : nullptr;
    if (input == nullptr && type && !takes_any(type)) wrong_value(literal, type);
    if (input == nullptr) {
      for (const auto& field : literal.fields) value(field.value, {}, false, nullptr);
      return;
    }
    const Type* one_of = input->one_of ? input : nullptr;
    for (const auto& field : literal.fields) {
      const InputValue* definition = input->input_field(field.name.text);
      if (definition == nullptr) {
        error(Rule::kValuesOfCorrectType, field.name.offset,
              [&] { return fmt::format("{} has no field {}.", input->name, field.name.text); });
        value(field.value, {}, false, nullptr);
      } else {
        value(field.value, definition->type, definition->default_value.has_value(), one_of);
      }
    }
    for (const auto& definition : input->input_fields) {
      if (!definition.required()) continue;
      if (std::ranges::none_of(literal.fields, [&](const auto& field) { return field.name.text == definition.name; }))
        error(Rule::kValuesOfCorrectType, literal.offset, [&] {
          return fmt::format("{}.{} of type {} is missing.", input->name, definition.name, definition.type.to_string());
        });
    }
    if (one_of != nullptr && (literal.fields.size() != 1 || literal.fields[0].value.kind == ValueKind::kNull))
      error(Rule::kValuesOfCorrectType, literal.offset,
            [&] { return fmt::format("{} wants exactly one field that is not null.", input->name); });
  }

  // --- across definitions ---

  struct Spread {
    std::uint32_t fragment;
    std::uint32_t offset;
  };
  std::span<const Spread> spreads_of(std::size_t scope) const {
    return std::span(spreads_).subspan(scopes_[scope].spreads, scopes_[scope + 1].spreads - scopes_[scope].spreads);
  }
  std::span<const Usage> usages_of(std::size_t scope) const {
    return std::span(usages_).subspan(scopes_[scope].usages, scopes_[scope + 1].usages - scopes_[scope].usages);
  }

  /// Visits the operation's scope and those of all fragments it uses, directly or not.
  template <class Visit>
  void each_scope(std::size_t operation, Visit visit) {
    std::size_t fragments = document_.fragments.size();
    visit(fragments + operation);
    auto own = spreads_of(fragments + operation);
    if (own.empty()) return;
    if (stamps_.empty()) stamps_.resize(fragments);
    ++stamp_;
    todo_.clear();
    auto push = [&](std::span<const Spread> spreads) {
      for (const auto& spread : spreads) {
        if (stamps_[spread.fragment] == stamp_) continue;
        stamps_[spread.fragment] = stamp_;
        todo_.push_back(spread.fragment);
      }
    };
    push(own);
    while (!todo_.empty()) {
      std::uint32_t next = todo_.back();
      todo_.pop_back();
      visit(next);
      push(spreads_of(next));
    }
  }

  void variables_of(std::size_t index) {
    const auto& operation = document_.operations[index];
    const auto& variables = operation.variables;
    NameIndex by_name;
    if (variables.size() > kFew)
      by_name = NameIndex(variables, [](const auto& variable) { return variable.name.text; });
    auto find = [&](std::string_view name) -> std::size_t {
      if (variables.size() > kFew) return by_name.find(name);
      for (std::size_t i = 0; i < variables.size(); ++i)
        if (variables[i].name.text == name) return i;
      return NameIndex::kNone;
    };
    std::vector<bool> used(variables.size());
    each_scope(index, [&](std::size_t scope) {
      if (scope < document_.fragments.size()) {
        if (used_fragments_.empty()) used_fragments_.resize(document_.fragments.size());
        used_fragments_[scope] = true;
      }
      for (const auto& usage : usages_of(scope)) {
        std::size_t position = find(usage.name);
        if (position == NameIndex::kNone) {
          error(
              Rule::kNoUndefinedVariables, usage.offset,
              [&] {
                return fmt::format("The operation{}{} does not define the variable ${}.",
                                   operation.name.empty() ? "" : " ", operation.name.text, usage.name);
              },
              operation.offset);
          continue;
        }
        used[position] = true;
        allowed_position(variables[position], usage);
      }
    });
    for (std::size_t i = 0; i < variables.size(); ++i)
      if (!used[i] && find(variables[i].name.text) == i)
        error(Rule::kNoUnusedVariables, variables[i].name.offset,
              [&] { return fmt::format("The variable ${} is never used.", variables[i].name.text); });
  }

  void allowed_position(const ast::VariableDefinition& variable, const Usage& usage) {
    if (!usage.type) return;
    TypeRef type = schema_.resolve(variable.type);
    if (!type) return;
    TypeRef place = usage.type;
    if (place.is_non_null() && !type.is_non_null()) {
      bool default_not_null = variable.default_value != nullptr && variable.default_value->kind != ValueKind::kNull;
      if (default_not_null || usage.has_default) place = place.nullable();
    }
    if (!schema_.is_subtype(type, place))
      error(
          Rule::kVariablesInAllowedPosition, usage.offset,
          [&] {
            return fmt::format("Variable ${} of type {} cannot be used where {} is expected.", usage.name,
                               type.to_string(), usage.type.to_string());
          },
          variable.name.offset);
    if (usage.one_of != nullptr && !type.is_non_null())
      error(
          Rule::kVariablesInAllowedPosition, usage.offset,
          [&] {
            return fmt::format("Variable ${} must have a non-null type to be a field of {}.", usage.name,
                               usage.one_of->name);
          },
          variable.name.offset);
  }

  void unused_fragments() {
    for (std::size_t i = 0; i < document_.fragments.size(); ++i)
      if (used_fragments_.empty() || !used_fragments_[i]) {
        // Of two fragments with one name only the first is ever found.
        if (fragment(document_.fragments[i].name.text) != i) continue;
        error(Rule::kNoUnusedFragments, document_.fragments[i].offset,
              [&] { return fmt::format("The fragment {} is never used.", document_.fragments[i].name.text); });
      }
  }

  /// Depth first over the graph of fragments; an edge to an open one closes a cycle.
  void fragment_cycles() {
    enum class Mark : std::uint8_t { kNew, kOpen, kDone };
    struct Frame {
      std::uint32_t fragment;
      std::size_t next;
    };
    std::vector<Mark> marks(document_.fragments.size(), Mark::kNew);
    std::vector<Frame> stack;
    for (std::uint32_t start = 0; start < marks.size(); ++start) {
      if (marks[start] != Mark::kNew || spreads_of(start).empty()) continue;
      marks[start] = Mark::kOpen;
      stack.push_back({start, 0});
      while (!stack.empty()) {
        auto& frame = stack.back();
        auto spreads = spreads_of(frame.fragment);
        if (frame.next == spreads.size()) {
          marks[frame.fragment] = Mark::kDone;
          stack.pop_back();
          continue;
        }
        const Spread& spread = spreads[frame.next++];
        if (marks[spread.fragment] == Mark::kOpen) {
          error(Rule::kNoFragmentCycles, spread.offset, [&] {
            return fmt::format("The fragment {} contains itself.", document_.fragments[spread.fragment].name.text);
          });
        } else if (marks[spread.fragment] == Mark::kNew) {
          marks[spread.fragment] = Mark::kOpen;
          stack.push_back({spread.fragment, 0});
        }
      }
    }
  }

  const Schema& schema_;
  const Document& document_;
  std::size_t max_errors_;
  std::vector<GraphqlError> errors_;
  std::array<std::size_t, kRuleNames.size()> counts_{};
  NameIndex fragment_index_;
  std::vector<Scope> scopes_;
  std::vector<Usage> usages_;
  std::vector<Spread> spreads_;
  std::vector<bool> used_fragments_;
  std::vector<std::uint32_t> stamps_;
  std::uint32_t stamp_ = 0;
  std::vector<std::uint32_t> todo_;
};

}  // namespace

std::vector<GraphqlError> validate(const Schema& schema, const Document& document, std::size_t max_errors_per_rule) {
  return Validator(schema, document, max_errors_per_rule).run();
}

}  // namespace phx::graphql
