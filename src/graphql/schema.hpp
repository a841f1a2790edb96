#pragma once
/// The type system (September 2025 edition, section 3), built from SDL texts. A Schema is immutable and may be shared.
/// It answers what validation, execution and introspection ask, and keeps every directive applied in the SDL with its
/// coerced arguments, because directives such as @table are how the layer above knows what a field means:
///
///     auto schema = build_schema({{"base.graphql", base}, {"compute.graphql", compute}});
///     const Type* vm = schema->type("VirtualMachine");
///     if (const AppliedDirective* table = vm->directive("table")) use(table->string("name"));
///
/// Additions by a program are made as SDL text too: read the parsed types (parse_schema, Document::types), write more
/// SDL, give both to build_schema. `extend type …` may come from another source than the type.
///
/// Errors: everything section 3 calls invalid, all at once, each with its place and, in extensions.source, the source.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphql/ast.hpp"
#include "graphql/error.hpp"
#include "graphql/name_index.hpp"

namespace phx::graphql {

using ast::OperationKind;
using ast::TypeKind;

struct Type;

/// A named type inside lists and non-null marks, as a value. Two bits for each wrapper, the outermost lowest.
class TypeRef {
 public:
  /// Lists within lists that a reference can hold; the parser refuses more.
  static constexpr int kMaxLists = 15;

  TypeRef() = default;
  explicit TypeRef(const Type* named) : named_(named) {}

  const Type* named() const { return named_; }
  explicit operator bool() const { return named_ != nullptr; }
  bool is_non_null() const { return (wraps_ & 3) == kNonNullBits; }
  /// True for `[T]` and `[T]!`.
  bool is_list() const { return (nullable().wraps_ & 3) == kListBits; }
  /// Without the outermost '!'.
  TypeRef nullable() const { return is_non_null() ? TypeRef(named_, wraps_ >> 2) : *this; }
  /// The item type of `[T]` or `[T]!`.
  TypeRef item() const { return TypeRef(named_, nullable().wraps_ >> 2); }
  TypeRef list_of() const { return TypeRef(named_, wraps_ << 2 | kListBits); }
  TypeRef non_null() const { return TypeRef(named_, wraps_ << 2 | kNonNullBits); }
  bool operator==(const TypeRef&) const = default;
  std::string to_string() const;

 private:
  static constexpr std::uint64_t kListBits = 1;
  static constexpr std::uint64_t kNonNullBits = 2;
  TypeRef(const Type* named, std::uint64_t wraps) : named_(named), wraps_(wraps) {}
  const Type* named_ = nullptr;
  std::uint64_t wraps_ = 0;
};

/// A directive as written on an element of the SDL; arguments are coerced, defaults filled in, enum values as strings.
struct AppliedDirective {
  std::string name;
  boost::json::object arguments;
  /// The argument when it is a string (or enum value), else "".
  std::string_view string(std::string_view argument) const;
};

/// What fields, arguments, types and enum values have in common.
struct Element {
  std::string name;
  std::optional<std::string> description;
  std::vector<AppliedDirective> directives;
  /// Set when @deprecated.
  std::optional<std::string> deprecation_reason;
  /// The first application of that directive, or null.
  const AppliedDirective* directive(std::string_view directive_name) const;
};

/// An argument or an input field.
struct InputValue : Element {
  TypeRef type;
  std::optional<boost::json::value> default_value;  ///< coerced
  bool required() const { return type.is_non_null() && !default_value; }
};

struct Field : Element {
  TypeRef type;
  std::vector<InputValue> arguments;
  const Type* parent = nullptr;
  const InputValue* argument(std::string_view argument_name) const;
};

using EnumValue = Element;

struct Type : Element {
  TypeKind kind = TypeKind::kScalar;
  bool builtin = false;        ///< Int, Float, String, Boolean, ID and the types of introspection
  bool introspection = false;  ///< name begins with "__"
  bool one_of = false;
  std::optional<std::string> specified_by_url;
  std::vector<Field> fields;                ///< objects and interfaces
  std::vector<InputValue> input_fields;     ///< input objects
  std::vector<EnumValue> values;            ///< enums
  std::vector<const Type*> interfaces;      ///< objects and interfaces: declared ones
  std::vector<const Type*> possible_types;  ///< unions: members; interfaces: implementing objects
  std::uint32_t id = 0;                     ///< dense, for tables beside the schema
  /// Which of the built-in scalars this is, for coercion without comparing names.
  enum class Scalar : std::uint8_t { kCustom, kInt, kFloat, kString, kBoolean, kId };
  Scalar scalar = Scalar::kCustom;

  const Field* field(std::string_view field_name) const;
  const InputValue* input_field(std::string_view field_name) const;
  const EnumValue* value(std::string_view value_name) const;

  bool is_leaf() const { return kind == TypeKind::kScalar || kind == TypeKind::kEnum; }
  bool is_abstract() const { return kind == TypeKind::kInterface || kind == TypeKind::kUnion; }
  bool is_composite() const { return kind == TypeKind::kObject || is_abstract(); }
  bool is_input() const { return is_leaf() || kind == TypeKind::kInputObject; }
  bool is_output() const { return kind != TypeKind::kInputObject; }

  NameIndex index;                      ///< of fields, input_fields or values
  std::vector<std::uint64_t> possible;  ///< bit set over Type::id of the objects this composite type can be
};

/// Bits of executable and type system locations.
enum class DirectiveLocation : std::uint8_t {
  kQuery,
  kMutation,
  kSubscription,
  kField,
  kFragmentDefinition,
  kFragmentSpread,
  kInlineFragment,
  kVariableDefinition,
  kSchema,
  kScalar,
  kObject,
  kFieldDefinition,
  kArgumentDefinition,
  kInterface,
  kUnion,
  kEnum,
  kEnumValue,
  kInputObject,
  kInputFieldDefinition,
  kDirectiveDefinition,
};
inline constexpr std::size_t kDirectiveLocations = 20;
std::string_view directive_location_name(DirectiveLocation location);
std::optional<DirectiveLocation> directive_location(std::string_view name);

/// The directives of the specification by which a schema says something about its elements: @deprecated, @specifiedBy
/// and @oneOf.
bool is_standard_sdl_directive(std::string_view name);

struct DirectiveDefinition : Element {
  std::vector<InputValue> arguments;
  bool repeatable = false;
  bool builtin = false;
  bool hidden = false;                       ///< introspection does not list it; see BuildOptions
  std::vector<DirectiveLocation> locations;  ///< as written
  std::uint32_t location_bits = 0;
  bool allows(DirectiveLocation location) const { return location_bits >> static_cast<unsigned>(location) & 1; }
  /// Operations may use it, or clients know from the specification what it says of an element.
  bool for_clients() const;
  const InputValue* argument(std::string_view argument_name) const;
};

struct SdlSource {
  std::string_view name;  ///< for error messages, usually the file
  std::string_view text;
};

class Schema {
 public:
  Schema() = default;
  Schema(Schema&&) noexcept = default;
  Schema& operator=(Schema&&) noexcept = default;

  /// Null when unknown. Built-in scalars are always known, also when nothing uses them.
  const Type* type(std::string_view name) const;
  const DirectiveDefinition* directive(std::string_view name) const;
  /// The root type of an operation, or null.
  const Type* root(OperationKind kind) const { return roots_[static_cast<std::size_t>(kind)]; }
  const std::optional<std::string>& description() const { return description_; }
  const std::vector<AppliedDirective>& applied_directives() const { return applied_; }

  /// In the order of the sources, then the referenced built-in scalars, then the types of introspection.
  std::span<const Type* const> types() const { return listed_; }
  /// In the order of the sources, then the built-in ones.
  const std::vector<std::unique_ptr<DirectiveDefinition>>& directives() const { return directives_; }

  /// Is `object` the type itself, one of its members, or does it implement it?
  bool is_possible(const Type& composite, const Type& object) const;
  /// Can an object be of both types?
  bool overlap(const Type& a, const Type& b) const;
  /// Covariance: may a value of type `sub` stand where `super` is asked for?
  bool is_subtype(TypeRef sub, TypeRef super) const;
  /// The schema's type of a written one; empty when the name is unknown.
  TypeRef resolve(const ast::TypeRef& type) const;

  /// Root fields __schema and __type, and __typename of every composite type.
  const Field* schema_field() const { return &meta_[0]; }
  const Field* type_field() const { return &meta_[1]; }
  const Field* typename_field() const { return &meta_[2]; }
  /// The field of a composite type with the meta fields where they are allowed; null when there is none.
  const Field* field(const Type& parent, std::string_view name) const;

 private:
  friend class SchemaBuilder;
  std::vector<std::unique_ptr<Type>> types_;
  std::vector<const Type*> listed_;
  std::vector<std::unique_ptr<DirectiveDefinition>> directives_;
  NameIndex type_index_;
  NameIndex directive_index_;
  const Type* roots_[3] = {nullptr, nullptr, nullptr};
  std::optional<std::string> description_;
  std::vector<AppliedDirective> applied_;
  std::vector<Field> meta_;
};

struct BuildOptions {
  /// True where directives are the language in which a server's own SDL says how it is served (@table …): clients can
  /// neither use nor see them on elements, so introspection lists only those that are for_clients().
  bool hide_sdl_directives = false;
};

std::expected<Schema, std::vector<GraphqlError>> build_schema(std::span<const SdlSource> sources,
                                                              const BuildOptions& options = {});
std::expected<Schema, std::vector<GraphqlError>> build_schema(std::initializer_list<SdlSource> sources);
std::expected<Schema, std::vector<GraphqlError>> build_schema(std::string_view sdl);

struct PrintOptions {
  /// False leaves out definitions of directives that are not for_clients(), and uses of all that introspection cannot
  /// show: what remains on elements is @deprecated, @specifiedBy and @oneOf.
  bool custom_directives = true;
};

/// SDL of everything but what is built in. Printing what print_schema's text builds gives the same text.
std::string print_schema(const Schema& schema, const PrintOptions& options = {});

/// A coerced input value as a GraphQL literal of that type ("[1, 2]", "{field: \"name\"}", "METRIC").
std::string print_literal(const boost::json::value& value, TypeRef type);

}  // namespace phx::graphql
