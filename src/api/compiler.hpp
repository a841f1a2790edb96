#pragma once
/// SDL → SQL: the whole selection below one root field becomes one prepared statement. To-one relations are left
/// joins; to-many connections are correlated arrays of records, so that nested rows travel in the same binary format
/// and through the same encoder as root rows, to any depth; the page is cut before relations are joined. totalCount of
/// a root connection is a statement of its own in the same segment.
///
/// Guarantees: identifiers come from the ApiSchema, values only as parameters; no text of a request is ever in the
/// SQL. Rows are kept apart by row-level security, never by conditions made here. Fields, filters and orders that need
/// a greater role are refused before anything is read.
/// Errors: "limit.page_size", "limit.cost", "limit.filter", "cursor.malformed", "cursor.mismatch", "filter.value",
/// "uuid.malformed", "auth.forbidden".

#include <span>

#include "api/context.hpp"
#include "api/plan.hpp"
#include "graphql/execute.hpp"

namespace phx::api {

struct CompileLimits {
  std::int64_t max_page_size = 500;
  std::int64_t default_page_size = 50;
  /// Product of the page sizes along nested lists, summed: rows that may be read.
  std::uint64_t max_cost = 200'000;
  std::size_t max_filter_conditions = 50;
};

class Compiler {
 public:
  Compiler(const ApiSchema& api, const graphql::Execution& execution, Role role, CompileLimits limits = {})
      : api_(api), execution_(execution), role_(role), limits_(limits) {}

  /// A root field with @connection.
  Result<Plan> connection(const graphql::FieldGroup& group) const;
  /// A root field with @byId.
  Result<Plan> by_id(const graphql::FieldGroup& group) const;
  /// Rows by id for a field whose type is an @table object: payloads, resolvers' answers, changes.
  Result<Plan> by_ids(const graphql::FieldGroup& group, const TableType& table, std::vector<Uuid> ids) const;

 private:
  const ApiSchema& api_;
  const graphql::Execution& execution_;
  Role role_;
  CompileLimits limits_;
};

/// "The field needs the role …" for a role that is too small.
Error role_required(std::string_view field, Role needed);

}  // namespace phx::api
