#include "api/errors.hpp"

namespace phx::api {

boost::json::object error_extensions(const Error& error, std::string_view request_id) {
  boost::json::object out;
  out["code"] = code_info(error.code()).graphql_code;
  out["reason"] = error.reason();
  if (!error.field().empty()) out["field"] = error.field();
  if (!error.next_action().empty()) out["nextAction"] = error.next_action();
  out["requestId"] = request_id;
  if (error.retry_after()) out["retryAfterMs"] = error.retry_after()->count();
  return out;
}

graphql::GraphqlError to_graphql_error(const Error& error, std::string_view request_id) {
  return {.message = error.message(), .extensions = error_extensions(error, request_id)};
}

void add_request_extensions(graphql::GraphqlError& error, std::string_view reason, std::string_view request_id) {
  error.extensions["code"] = "VALIDATION_ERROR";
  error.extensions["reason"] = reason;
  error.extensions["requestId"] = request_id;
  if (!error.rule.empty()) error.extensions["rule"] = error.rule;
}

Error platform_scope_required() {
  return Error(Code::kFailedPrecondition, "scope.platform_required", "This is not done inside of a tenant.")
      .with_next_action("Repeat the request without choosing a tenant.");
}

Error tenant_scope_required() {
  return Error(Code::kFailedPrecondition, "scope.tenant_required", "This is done inside of a tenant.")
      .with_next_action("Choose the tenant (header X-Phoenix-Tenant) and repeat the request.");
}

}  // namespace phx::api
