#pragma once
/// From SQLSTATE to Error, in one table. The server's own message goes to Error::internal() only: it may quote rows.
///
/// | reason                    | code                | from                                                      |
/// |---------------------------|---------------------|-----------------------------------------------------------|
/// | pg.unique_violation       | kAlreadyExists      | 23505                                                     |
/// | pg.exclusion_violation    | kConflict           | 23P01                                                     |
/// | pg.reference_violation    | kFailedPrecondition | 23503                                                     |
/// | pg.check_violation        | kInvalidArgument    | 23514                                                     |
/// | pg.null_violation         | kInvalidArgument    | 23502                                                     |
/// | pg.invalid_value          | kInvalidArgument    | class 22                                                  |
/// | pg.serialization          | kAborted            | 40001, 40P01, 55P03 (lock not granted in time)            |
/// | pg.plan_changed           | kAborted            | 26000, 0A000 of the plan cache, after the one repetition  |
/// | pg.timeout                | kDeadlineExceeded   | 57014, and the request's own deadline                     |
/// | pg.permission_denied      | kPermissionDenied   | 42501: no grant, or refused by row-level security         |
/// | pg.raised                 | kFailedPrecondition | P0001                                                     |
/// | pg.disk_full              | kUnavailable        | 53100                                                     |
/// | pg.unavailable            | kUnavailable        | 53xxx, 57P0x, 08xxx, lost connection; has retry_after     |
/// | pg.pool_exhausted         | kUnavailable        | no connection became free in time; has retry_after        |
/// | pg.commit_unknown         | kUnavailable        | connection lost between COMMIT and its answer             |
/// | pg.transaction_aborted    | kAborted            | 25P02, or COMMIT answered by ROLLBACK                     |
/// | pg.no_tenant_context      | kPermissionDenied   | Scope kTenant without a tenant                            |
/// | pg.not_a_query            | kInternal           | something other than a query sent to a shared connection  |
/// | pg.statement_failed       | kInternal           | all others: our SQL is wrong                              |

#include <string>
#include <string_view>

#include "base/error.hpp"

struct pg_result;

namespace phx::pg {

/// What the server said.
struct ServerError {
  std::string sqlstate;
  std::string message;
  std::string constraint;
  std::string table;
  /// The prepared statement is no more (26000), or its result type changed (0A000 from the plan cache: other features
  /// that are not supported have that code, too).
  bool plan_gone = false;
};

Error to_error(const ServerError& said);
/// Of a PGresult that holds an error.
ServerError server_error(const pg_result* result);

/// SQLSTATE of an error made here, or empty.
std::string_view sqlstate_of(const Error& error);
/// Name of the violated constraint of an error made here, or empty.
std::string_view constraint_of(const Error& error);
/// To turn a violation into the domain's own error: if (pg::violates(e, "vms_tenant_id_name_key")) …
inline bool violates(const Error& error, std::string_view constraint) { return constraint_of(error) == constraint; }

/// No connection, or none free: try again shortly.
Error unavailable(std::string_view reason, std::string internal_detail);

}  // namespace phx::pg
