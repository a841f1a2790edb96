#pragma once
/// From the modules' SDL to the product's schema. Modules write types, root fields and mutations; for each type with
/// @table the assembly adds the connection, edge, filter, order and change types, and the arguments of connection
/// fields, so that no module repeats them and all of them behave alike.
///
/// It also knows what each field means for reading (FieldMeaning): a column, a relation, a SQL function of columns, or
/// a C++ resolver. Interfaces and unions with @table are read from a table or view of their own that says each row's
/// type; see docs/decisions/0035.
///
/// Guarantees: the directive language is closed. Only the directives of base.graphql may be used, their arguments are
/// identifiers ([a-z_][a-z0-9_]*, at most 63 characters; names of types and fields where the SDL means those), and each
/// combination that reading could not honour is refused at start: an unknown target, a nullable order, a sum of texts,
/// a mutation without a handler. So every SQL identifier of the compiler comes from here, never from a request.
/// A type that nothing leads to through a connection gets no connection types.
/// Errors: kFailedPrecondition "api.schema", with every fault found in the message, one a line.

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/context.hpp"
#include "api/registry.hpp"
#include "base/result.hpp"
#include "graphql/schema.hpp"

namespace phx::api {

/// How a column's value is read, compared and written as JSON.
enum class ColumnKind : std::uint8_t {
  kId,          ///< uuid
  kString,      ///< text
  kEnum,        ///< text with a CHECK
  kInt,         ///< int2, int4 or int8
  kFloat,       ///< float4, float8 or numeric
  kBoolean,     ///< bool
  kDateTime,    ///< timestamptz
  kJson,        ///< json or jsonb, given out raw
  kStringList,  ///< text[], also of enum values
  kDecimal,     ///< numeric or an integer, as exact text
  kIntList,     ///< int4[] or int8[]
  kIdList,      ///< uuid[]
};

struct TableType;

/// What a field of an @table type or of a root type means.
struct FieldMeaning {
  enum class Kind : std::uint8_t {
    kColumn,
    kComputed,    ///< a SQL function of `columns` and of the field's arguments
    kOne,         ///< this row's `column` is the id of a `target`
    kMany,        ///< the `target`'s `column` is this row's id
    kResolver,    ///< C++: on a table type with needed columns, at the root by name
    kConnection,  ///< root list over `target`
    kById,        ///< root read of one `target`
    kMutation,
    kChanges,  ///< live changes of `target`
    kPlain,    ///< a field of a type without a table: read from the resolver's value
  };
  Kind kind = Kind::kPlain;
  std::string column;
  ColumnKind column_kind = ColumnKind::kString;
  bool nullable = true;
  std::string function;              ///< kComputed: in schema phoenix
  std::vector<std::string> columns;  ///< kComputed: its first arguments
  const TableType* target = nullptr;
  const Registry::Field* resolver = nullptr;
  bool filterable = false;
  bool aggregate = false;
  bool groupable = false;
  /// Least role in the request's scope, that of the target's type included; kNone: the default of the scope.
  Role min_role = Role::kNone;
  bool user_scope = false;
  bool is_public = false;
  /// Of a mutation: how old the caller's second factor may be; see step_up.hpp.
  std::optional<std::chrono::seconds> step_up;
};

/// One column of an order: NOT NULL and of a leakproof type.
struct OrderKey {
  std::string column;
  ColumnKind kind = ColumnKind::kString;
};

/// An order a client may ask for; the id breaks ties.
struct TableOrder {
  std::string name;  ///< value of the order enum: "CREATED_AT"
  std::vector<const graphql::Field*> fields;
  std::vector<OrderKey> keys;  ///< one for each field
};

/// A condition on the rows that a role below `unless` sees: phoenix.<function>(<columns>), or (<columns>, <user's id>).
struct RowRule {
  std::string function;
  std::vector<std::string> columns;
  bool viewer = false;
  Role unless = Role::kNone;  ///< kNone: it holds for all
};

struct TableType {
  const graphql::Type* type = nullptr;
  std::string name;   ///< "VirtualMachine"
  std::string table;  ///< "virtual_machines", in schema phoenix
  std::vector<TableOrder> orders;
  /// Null when no field leads to it.
  const graphql::Type* connection = nullptr;
  /// Of an interface or union: which column holds the name of the row's type, and the types there are.
  std::string type_column;
  std::vector<const TableType*> members;
  /// Least role that reads rows of this type.
  Role min_role = Role::kNone;
  std::optional<RowRule> rows;

  bool is_abstract() const { return !type_column.empty(); }
  const TableOrder* order(std::string_view order_name) const;
};

/// The assembled API: schema, meanings, handlers. Immutable; lives as long as the server.
class ApiSchema {
 public:
  ApiSchema(const ApiSchema&) = delete;
  ApiSchema& operator=(const ApiSchema&) = delete;

  /// The SDL of all modules, base.graphql among them. The registry must outlive the schema and be complete.
  static Result<std::unique_ptr<ApiSchema>> assemble(std::span<const graphql::SdlSource> sources,
                                                     const Registry& registry);

  const graphql::Schema& schema() const { return schema_; }
  const Registry& registry() const { return registry_; }
  /// The meaning of a field of the schema; kPlain for fields of types without a table.
  const FieldMeaning& meaning(const graphql::Field& field) const;
  /// The table behind a type, or null.
  const TableType* table(const graphql::Type& type) const;
  const TableType* table(std::string_view type_name) const;
  const std::map<std::string, std::unique_ptr<TableType>, std::less<>>& tables() const { return tables_; }
  /// SDL for clients; `internal` keeps the directives that describe tables.
  std::string print(bool internal = false) const;

 private:
  explicit ApiSchema(const Registry& registry) : registry_(registry) {}
  friend class Assembler;

  const Registry& registry_;
  graphql::Schema schema_;
  std::map<std::string, std::unique_ptr<TableType>, std::less<>> tables_;
  std::unordered_map<const graphql::Type*, const TableType*> by_type_;
  std::unordered_map<const graphql::Field*, FieldMeaning> meanings_;
  FieldMeaning plain_;
};

/// "createdAt" → "created_at".
std::string snake_case(std::string_view camel);
/// "createdAt" → "CREATED_AT".
std::string enum_value_name(std::string_view camel);

}  // namespace phx::api
