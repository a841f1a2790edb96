#pragma once
/// From Error to what a GraphQL client sees: message, and in extensions code, reason, field?, nextAction?, requestId,
/// retryAfterMs?. The internal detail goes to the log only.

#include <string_view>

#include "base/error.hpp"
#include "graphql/error.hpp"

namespace phx::api {

boost::json::object error_extensions(const Error& error, std::string_view request_id);
graphql::GraphqlError to_graphql_error(const Error& error, std::string_view request_id);
/// Adds code VALIDATION_ERROR, the reason and the request id to an error of the language itself.
void add_request_extensions(graphql::GraphqlError& error, std::string_view reason, std::string_view request_id);

/// kFailedPrecondition "scope.platform_required": a mutation of what is no tenant's, within a tenant.
Error platform_scope_required();
/// kFailedPrecondition "scope.tenant_required": the other way round.
Error tenant_scope_required();

}  // namespace phx::api
