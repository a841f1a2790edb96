#pragma once
/// SDL → SQL: the whole selection below one root field becomes one prepared statement. To-one relations are left
/// joins; to-many connections are correlated arrays of records, so that nested rows travel in the same binary format
/// and through the same encoder as root rows, to any depth; the page is cut before relations are joined. totalCount and
/// the aggregates of a root connection are statements of their own in the same segment.
///
/// Rows of an interface or union come from its own table or view, which says each row's type; what only a member has is
/// left-joined from the member's table by id.
///
/// Guarantees: identifiers come from the ApiSchema, values only as parameters; no text of a request is ever in the
/// SQL. Tenants are kept apart by row-level security, never by conditions made here. Fields, filters and orders that
/// need a greater role are refused before anything is read, and types' row rules stand wherever their rows are read:
/// pages, relations, filters, counts, aggregates and members of interfaces.
/// Errors: "limit.page_size", "limit.cost", "limit.filter", "limit.groups", "page.ends", "cursor.malformed",
/// "cursor.mismatch", "filter.value", "uuid.malformed", "auth.forbidden".

#include <functional>
#include <span>

#include "api/context.hpp"
#include "api/filter.hpp"
#include "api/plan.hpp"
#include "graphql/execute.hpp"

namespace phx::api {

struct CompileLimits {
  std::int64_t max_page_size = 500;
  std::int64_t default_page_size = 50;
  /// Product of the page sizes along nested lists, summed: rows that may be read.
  std::uint64_t max_cost = 200'000;
  FilterLimits filter;
  std::int64_t max_groups = 500;
  /// What one aggregate counts for, as it reads many rows and gives few.
  std::uint64_t aggregate_cost = 1'000;
};

class Compiler {
 public:
  /// `viewer` is the user who asks, for row rules that look at it.
  Compiler(const ApiSchema& api, const graphql::Execution& execution, Role role, CompileLimits limits = {},
           const Uuid& viewer = {})
      : api_(api), execution_(execution), role_(role), limits_(limits), viewer_(viewer) {}

  /// A root field with @connection.
  Result<Plan> connection(const graphql::FieldGroup& group) const;
  /// A root field with @byId.
  Result<Plan> by_id(const graphql::FieldGroup& group) const;
  /// Rows by id for a field whose type is an @table object: payloads, resolvers' answers, changes.
  Result<Plan> by_ids(const graphql::FieldGroup& group, const TableType& table, std::vector<Uuid> ids) const;

 private:
  Result<Plan> rows(const graphql::FieldGroup& group, const TableType& table, std::uint64_t expected,
                    const std::function<Result<std::string>(StatementBuilder&, const std::string& alias)>& which) const;

  const ApiSchema& api_;
  const graphql::Execution& execution_;
  Role role_;
  CompileLimits limits_;
  Uuid viewer_;
};

/// The plan with the values of other arguments of the same shape: what is null, which enum values and booleans, the
/// sizes of pages and of lists of objects are equal. The plan must have binders. Errors: those of its values.
Result<Plan> rebind(const Plan& plan, const Arguments& arguments);

}  // namespace phx::api
