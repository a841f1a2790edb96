#include "base/error.hpp"

#include <array>

namespace phx {
namespace {

using enum Code;
using enum LogLevel;
constexpr std::array kTable{
    CodeInfo{kInvalidArgument, "INVALID_ARGUMENT", "VALIDATION_ERROR", 400, kInfo, false},
    CodeInfo{kNotFound, "NOT_FOUND", "NOT_FOUND", 404, kInfo, false},
    CodeInfo{kAlreadyExists, "ALREADY_EXISTS", "CONFLICT", 409, kInfo, false},
    CodeInfo{kConflict, "CONFLICT", "CONFLICT", 409, kInfo, false},
    CodeInfo{kFailedPrecondition, "FAILED_PRECONDITION", "CONFLICT", 409, kInfo, false},
    CodeInfo{kUnauthenticated, "UNAUTHENTICATED", "UNAUTHENTICATED", 401, kInfo, false},
    CodeInfo{kPermissionDenied, "PERMISSION_DENIED", "FORBIDDEN", 403, kInfo, false},
    CodeInfo{kMfaRequired, "MFA_REQUIRED", "MFA_REQUIRED", 403, kInfo, false},
    CodeInfo{kQuotaExceeded, "QUOTA_EXCEEDED", "QUOTA_EXCEEDED", 403, kInfo, false},
    CodeInfo{kRateLimited, "RATE_LIMITED", "RATE_LIMITED", 429, kInfo, true},
    CodeInfo{kPayloadTooLarge, "PAYLOAD_TOO_LARGE", "VALIDATION_ERROR", 413, kInfo, false},
    CodeInfo{kAborted, "ABORTED", "CONFLICT", 409, kInfo, true},
    CodeInfo{kDeadlineExceeded, "DEADLINE_EXCEEDED", "SERVER_ERROR", 504, kWarn, true},
    CodeInfo{kUnavailable, "UNAVAILABLE", "SERVER_ERROR", 503, kWarn, true},
    CodeInfo{kCancelled, "CANCELLED", "SERVER_ERROR", 499, kInfo, true},
    CodeInfo{kUnimplemented, "UNIMPLEMENTED", "SERVER_ERROR", 501, kWarn, false},
    CodeInfo{kDataLoss, "DATA_LOSS", "SERVER_ERROR", 500, kError, false},
    CodeInfo{kInternal, "INTERNAL", "SERVER_ERROR", 500, kError, false},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i)
    if (static_cast<std::size_t>(kTable[i].code) != i) return false;
  return kTable.size() == static_cast<std::size_t>(kInternal) + 1;
}
static_assert(in_order(), "the table has one row per code, in the order of the enumeration");

}  // namespace

const CodeInfo& code_info(Code code) { return kTable[static_cast<std::size_t>(code)]; }

std::string Error::to_string() const {
  std::string out = reason_ + ": " + message_;
  if (!field_.empty()) out += " [" + field_ + "]";
  if (!internal_.empty()) out += " (" + internal_ + ")";
  return out;
}

Error invalid_argument(std::string_view reason, std::string field, std::string message) {
  return Error(kInvalidArgument, reason, std::move(message)).with_field(std::move(field));
}
Error not_found(std::string_view reason, std::string message) { return {kNotFound, reason, std::move(message)}; }
Error permission_denied(std::string_view reason, std::string message) {
  return {kPermissionDenied, reason, std::move(message)};
}
Error internal_error(std::string_view reason, std::string internal_detail) {
  return Error(kInternal, reason, "Something went wrong on our side. The request id leads to the details in the log.")
      .with_internal(std::move(internal_detail));
}

}  // namespace phx
