#pragma once
/// The syntax tree of a GraphQL document (September 2025 edition, section 2 and appendix C): operations, fragments and
/// type system definitions alike. Nodes are plain structs in the document's arena; their texts point into the
/// document's own copy of the source, so a Document may be moved and kept (a plan cache does), but nodes must not
/// outlive it. A node knows its byte offset; Document::location() turns that into line and column when needed.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graphql/arena.hpp"

namespace phx::graphql {

/// 1-based; columns count UTF-16 code units, as other GraphQL servers do.
struct Location {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  bool operator==(const Location&) const = default;
};

namespace ast {

struct Name {
  std::string_view text;
  std::uint32_t offset = 0;
  bool empty() const { return text.empty(); }
};

struct ObjectField;

enum class ValueKind : std::uint8_t { kNull, kInt, kFloat, kString, kBoolean, kEnum, kList, kObject, kVariable };

struct Value {
  ValueKind kind = ValueKind::kNull;
  bool boolean = false;      ///< kBoolean
  std::uint32_t offset = 0;  ///< where it begins …
  std::uint32_t end = 0;     ///< … and the byte after its last token, so that a literal can be cut out
  std::string_view text;     ///< number as written, string after escapes, enum value, or variable name without '$'
  List<Value> items;         ///< kList
  List<ObjectField> fields;  ///< kObject
};

struct ObjectField {
  Name name;
  Value value;
};

struct Argument {
  Name name;
  Value value;
};

struct Directive {
  Name name;  ///< without '@'; the offset is that of the '@'
  List<Argument> arguments;
};

/// `Named` or `[item]`, either with '!'.
struct TypeRef {
  Name name;                      ///< empty for a list
  const TypeRef* item = nullptr;  ///< the list's item type
  bool non_null = false;
  std::uint32_t offset = 0;
  bool is_list() const { return item != nullptr; }
  /// The name inside all lists.
  const Name& innermost() const { return item ? item->innermost() : name; }
};

enum class SelectionKind : std::uint8_t { kField, kFragmentSpread, kInlineFragment };

struct Selection {
  SelectionKind kind = SelectionKind::kField;
  std::uint32_t offset = 0;
  std::string_view key;  ///< field: alias, or name when there is none
  Name name;             ///< field's name, spread fragment's name, or inline fragment's type (may be empty)
  List<Argument> arguments;
  List<Directive> directives;
  List<Selection> selections;  ///< empty when there is no selection set ("{}" is not GraphQL)
};

struct VariableDefinition {
  Name name;  ///< without '$'; the offset is that of the '$'
  TypeRef type;
  const Value* default_value = nullptr;
  List<Directive> directives;
  std::string_view description;
};

enum class OperationKind : std::uint8_t { kQuery, kMutation, kSubscription };

struct OperationDefinition {
  OperationKind kind = OperationKind::kQuery;
  std::uint32_t offset = 0;
  Name name;  ///< empty when anonymous
  std::string_view description;
  List<VariableDefinition> variables;
  List<Directive> directives;
  List<Selection> selections;
};

struct FragmentDefinition {
  std::uint32_t offset = 0;
  Name name;
  Name type_condition;
  std::string_view description;
  List<Directive> directives;
  List<Selection> selections;
};

/// Type system definitions. `described` tells an empty description from none.
struct Description {
  bool present = false;
  std::string_view text;
};

struct InputValueDefinition {
  Name name;
  Description description;
  TypeRef type;
  const Value* default_value = nullptr;
  List<Directive> directives;
};

struct FieldDefinition {
  Name name;
  Description description;
  List<InputValueDefinition> arguments;
  TypeRef type;
  List<Directive> directives;
};

struct EnumValueDefinition {
  Name name;
  Description description;
  List<Directive> directives;
};

enum class TypeKind : std::uint8_t { kScalar, kObject, kInterface, kUnion, kEnum, kInputObject };

struct TypeDefinition {
  TypeKind kind = TypeKind::kObject;
  bool extension = false;  ///< `extend type …`
  std::uint32_t offset = 0;
  Name name;
  Description description;
  List<Name> interfaces;
  List<Directive> directives;
  List<FieldDefinition> fields;             ///< objects and interfaces
  List<Name> members;                       ///< unions
  List<EnumValueDefinition> values;         ///< enums
  List<InputValueDefinition> input_fields;  ///< input objects
};

struct RootOperationType {
  OperationKind operation = OperationKind::kQuery;
  Name type;
};

struct SchemaDefinition {
  bool extension = false;
  std::uint32_t offset = 0;
  Description description;
  List<Directive> directives;
  List<RootOperationType> operations;
};

struct DirectiveDefinition {
  std::uint32_t offset = 0;
  Name name;
  Description description;
  List<InputValueDefinition> arguments;
  List<Directive> directives;
  bool repeatable = false;
  List<Name> locations;
};

/// The directive of that name, or null.
const Directive* find_directive(const List<Directive>& directives, std::string_view name);
/// The argument's value, or null.
const Value* find_argument(const Directive& directive, std::string_view name);

}  // namespace ast

/// Where a byte of a source text is.
Location location_in(std::string_view source, std::uint32_t offset);

class Document {
 public:
  Document() = default;
  Document(Document&&) noexcept = default;
  Document& operator=(Document&&) noexcept = default;

  std::string_view source() const { return source_; }
  Location location(std::uint32_t offset) const { return location_in(source_, offset); }

  /// In the order of the source within each kind.
  List<ast::OperationDefinition> operations;
  List<ast::FragmentDefinition> fragments;
  List<ast::TypeDefinition> types;
  List<ast::SchemaDefinition> schemas;
  List<ast::DirectiveDefinition> directives;
  /// How many lexical tokens there were, a cheap measure of size.
  std::uint32_t token_count = 0;

  /// Offset of the first definition that is not executable, if there is one.
  bool has_type_system = false;
  std::uint32_t type_system_offset = 0;

  /// Null when there is none (the first wins when names are not unique, which validation refuses).
  const ast::FragmentDefinition* fragment(std::string_view name) const;

 private:
  friend class Parser;
  friend class Lifter;
  Arena arena_;
  std::string_view source_;  // in the arena
};

}  // namespace phx::graphql
