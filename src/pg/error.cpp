#include "pg/error.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <chrono>

namespace phx::pg {
namespace {

struct Mapping {
  std::string_view sqlstate;  ///< five characters, or the two of a class
  Code code;
  std::string_view reason;
  std::string_view message;
};

constexpr std::string_view kUnavailableMessage = "The database cannot be reached right now; try again shortly.";

/// The first row whose sqlstate is the error's, or its class, wins.
constexpr Mapping kTable[] = {
    {"23505", Code::kAlreadyExists, "pg.unique_violation", "Something with the same name or key already exists."},
    {"23P01", Code::kConflict, "pg.exclusion_violation", "This overlaps with something that already exists."},
    {"23503", Code::kFailedPrecondition, "pg.reference_violation", "Something this refers to is missing or in use."},
    {"23514", Code::kInvalidArgument, "pg.check_violation", "A value is outside what is allowed."},
    {"23502", Code::kInvalidArgument, "pg.null_violation", "A required value is missing."},
    {"22", Code::kInvalidArgument, "pg.invalid_value", "A value does not have the form that is needed."},
    {"40001", Code::kAborted, "pg.serialization", "Another change came in between; try again."},
    {"40P01", Code::kAborted, "pg.serialization", "Another change came in between; try again."},
    {"55P03", Code::kAborted, "pg.serialization", "Another change holds this object; try again."},
    {"25P02", Code::kAborted, "pg.transaction_aborted", "The transaction has failed already."},
    {"0A000", Code::kAborted, "pg.plan_changed", "The schema changed meanwhile; try again."},
    {"26000", Code::kAborted, "pg.plan_changed", "The schema changed meanwhile; try again."},
    {"57014", Code::kDeadlineExceeded, "pg.timeout", "The database took too long."},
    {"42501", Code::kPermissionDenied, "pg.permission_denied", "This is not allowed."},
    {"P0001", Code::kFailedPrecondition, "pg.raised", "The current state does not allow this."},
    {"53100", Code::kUnavailable, "pg.disk_full", "The database's disk is full."},
    {"53", Code::kUnavailable, "pg.unavailable", kUnavailableMessage},
    {"57P", Code::kUnavailable, "pg.unavailable", kUnavailableMessage},
    {"08", Code::kUnavailable, "pg.unavailable", kUnavailableMessage},
};

constexpr std::string_view kState = "sqlstate=";
constexpr std::string_view kConstraint = " constraint=";

std::string_view word_after(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  if (at == text.npos) return {};
  text.remove_prefix(at + key.size());
  return text.substr(0, text.find(' '));
}

std::string field(const pg_result* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text ? text : "";
}

}  // namespace

Error to_error(const ServerError& said) {
  // The words before the message have no blanks in them: identifiers that do are cut, and then match nothing.
  const std::string internal = fmt::format("sqlstate={} constraint={} table={} message={}", said.sqlstate,
                                           said.constraint, said.table, said.message);
  for (const auto& row : kTable) {
    if (!said.sqlstate.starts_with(row.sqlstate) || (row.sqlstate == "0A000" && !said.plan_gone)) continue;
    Error error(row.code, row.reason, std::string(row.message));
    if (row.reason == "pg.disk_full")
      return std::move(error)
          .with_internal(internal)
          .with_next_action(
              "Nothing was stored. Free space on the database's disk (phoenix doctor names it), then try again.")
          .with_retry_after(std::chrono::seconds(60));
    if (row.code == Code::kUnavailable)
      return std::move(error).with_internal(internal).with_retry_after(std::chrono::seconds(1));
    return std::move(error).with_internal(internal);
  }
  return internal_error("pg.statement_failed", internal);
}

ServerError server_error(const pg_result* result) {
  ServerError said;
  said.sqlstate = field(result, PG_DIAG_SQLSTATE);
  said.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  said.constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  said.table = field(result, PG_DIAG_TABLE_NAME);
  // The function's name, since the message may be translated.
  said.plan_gone = said.sqlstate == "26000" ||
                   (said.sqlstate == "0A000" && field(result, PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery");
  if (const auto detail = field(result, PG_DIAG_MESSAGE_DETAIL); !detail.empty()) said.message += " / " + detail;
  // Made by libpq itself: the connection broke.
  if (said.sqlstate.empty()) {
    said.sqlstate = "08006";
    if (said.message.empty()) said.message = PQresultErrorMessage(result);
  }
  return said;
}

std::string_view sqlstate_of(const Error& error) {
  const std::string_view text = error.internal();
  return text.starts_with(kState) ? word_after(text, kState) : std::string_view();
}

std::string_view constraint_of(const Error& error) {
  const std::string_view text = error.internal();
  return text.starts_with(kState) ? word_after(text, kConstraint) : std::string_view();
}

Error unavailable(std::string_view reason, std::string internal_detail) {
  return Error(Code::kUnavailable, reason,
               reason == "pg.pool_exhausted" ? "The server is busy; try again shortly."
                                             : std::string(kUnavailableMessage))
      .with_internal(std::move(internal_detail))
      .with_retry_after(std::chrono::seconds(1));
}

}  // namespace phx::pg
