#pragma once
/// GraphQL over HTTP at /graphql: POST with JSON, GET for queries only.
///
/// The media type of the answer follows Accept (application/graphql-response+json or application/json). A request that
/// could not be executed is answered 4xx with the first, and 200 with the second unless it is not GraphQL at all;
/// whoever cannot be authenticated gets 401, a tenant that cannot be entered 404, both as GraphQL errors. Batches are
/// refused. `X-Phoenix-Tenant` chooses the tenant, `Idempotency-Key` names a mutation.
///
/// Errors: "http.malformed_json", "http.batch", "http.media_type" (415), "http.not_acceptable" (406),
/// "graphql.no_query", "graphql.malformed_request", and those of the service.

#include <boost/asio/awaitable.hpp>

#include "api/context.hpp"
#include "api/middleware.hpp"
#include "api/service.hpp"

namespace phx::api {

/// Who calls, in which scope. Anonymous callers get the context of nobody; the fields decide.
asio::awaitable<Result<RequestContext>> enter_scope(TenantDirectory& tenants, Principal principal,
                                                    std::optional<std::string> tenant, std::string request_id,
                                                    std::string remote_address, Deadline deadline);

class GraphqlHttp {
 public:
  GraphqlHttp(GraphqlService& service, TenantDirectory& tenants) : service_(service), tenants_(tenants) {}

  /// GET and POST /graphql.
  void install(Router& router);
  asio::awaitable<net::Response> handle(HttpCall call);

 private:
  GraphqlService& service_;
  TenantDirectory& tenants_;
};

}  // namespace phx::api
