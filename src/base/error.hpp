#pragma once
/// Errors are values. An Error has a canonical Code (one table maps it to GraphQL code, HTTP status, log level and
/// "may the same call be repeated?"), a stable reason that a program may test ("vm.name_taken"), a sentence for a
/// person, the input field it is about, and the next safe action.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace phx {

/// Canonical codes, after abseil's status guide: retry the call on kUnavailable, retry the transaction on kAborted,
/// repair the state first on kFailedPrecondition.
enum class Code : std::uint8_t {
  kInvalidArgument,
  kNotFound,
  kAlreadyExists,
  kConflict,
  kFailedPrecondition,
  kUnauthenticated,
  kPermissionDenied,
  kMfaRequired,
  kQuotaExceeded,
  kRateLimited,
  kPayloadTooLarge,
  kAborted,
  kDeadlineExceeded,
  kUnavailable,
  kCancelled,
  kUnimplemented,
  kDataLoss,
  kInternal,
};

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

/// One row of the table of codes.
struct CodeInfo {
  Code code;
  std::string_view name;          ///< "INVALID_ARGUMENT": metrics label and audit outcome
  std::string_view graphql_code;  ///< extensions.code
  int http_status;
  LogLevel log_level;
  bool retryable;  ///< the same request may succeed later without a change
};

/// The table's row of a code.
const CodeInfo& code_info(Code code);

class [[nodiscard]] Error {
 public:
  Error(Code code, std::string_view reason, std::string message)
      : code_(code), reason_(reason), message_(std::move(message)) {}

  Code code() const { return code_; }
  /// Stable, machine-readable, "domain.what". Never holds data.
  const std::string& reason() const { return reason_; }
  /// Safe to show to the caller: no secret, no other tenant's data.
  const std::string& message() const { return message_; }
  /// Path of the offending input, "input.name"; empty when none.
  const std::string& field() const { return field_; }
  /// What the caller can safely do next; empty when the message says all.
  const std::string& next_action() const { return next_action_; }
  /// For the log only; may hold what the caller must not see.
  const std::string& internal() const { return internal_; }
  std::optional<std::chrono::milliseconds> retry_after() const { return retry_after_; }

  Error&& with_field(std::string field) && {
    field_ = std::move(field);
    return std::move(*this);
  }
  Error&& with_next_action(std::string action) && {
    next_action_ = std::move(action);
    return std::move(*this);
  }
  Error&& with_internal(std::string detail) && {
    internal_ = std::move(detail);
    return std::move(*this);
  }
  Error&& with_retry_after(std::chrono::milliseconds after) && {
    retry_after_ = after;
    return std::move(*this);
  }

  /// "reason: message (internal)", for logs.
  std::string to_string() const;

 private:
  Code code_;
  std::string reason_;
  std::string message_;
  std::string field_;
  std::string next_action_;
  std::string internal_;
  std::optional<std::chrono::milliseconds> retry_after_;
};

/// Shorthands for the commonest kinds.
Error invalid_argument(std::string_view reason, std::string field, std::string message);
Error not_found(std::string_view reason, std::string message);
Error permission_denied(std::string_view reason, std::string message);
Error internal_error(std::string_view reason, std::string internal_detail);

}  // namespace phx
