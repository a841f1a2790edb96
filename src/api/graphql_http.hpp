#pragma once
/// GraphQL over HTTP at /graphql: POST with JSON, GET for queries and subscriptions only.
///
/// The form of the answer follows Accept: application/graphql-response+json, application/json, or text/event-stream
/// (graphql_sse.hpp). A request that could not be executed is answered 4xx with the first, and 200 with the second
/// unless it is not GraphQL at all; whoever cannot be authenticated gets 401, a tenant that cannot be entered 404, both
/// as GraphQL errors. Batches are refused. `X-Phoenix-Tenant` chooses the tenant (`?tenant=` for EventSource, which
/// cannot send headers), `Idempotency-Key` names a mutation.
///
/// Errors: those of graphql_request.hpp ("http.media_type" is 415), "http.not_acceptable" (406), those of
/// known_documents.hpp and of the service.

#include <boost/asio/awaitable.hpp>

#include "api/context.hpp"
#include "api/graphql_sse.hpp"
#include "api/known_documents.hpp"
#include "api/middleware.hpp"
#include "api/service.hpp"

namespace phx::api {

/// Who calls, in which scope. Anonymous callers get the context of nobody; the fields decide.
asio::awaitable<Result<RequestContext>> enter_scope(TenantDirectory& tenants, Principal principal,
                                                    std::optional<std::string> tenant, std::string request_id,
                                                    std::string remote_address, Deadline deadline);

class GraphqlHttp {
 public:
  GraphqlHttp(GraphqlService& service, TenantDirectory& tenants, KnownDocuments& documents, GraphqlSse& sse)
      : service_(service), tenants_(tenants), documents_(documents), sse_(sse) {}

  /// GET and POST /graphql.
  void install(Router& router);
  asio::awaitable<net::Response> handle(HttpCall call);

 private:
  GraphqlService& service_;
  TenantDirectory& tenants_;
  KnownDocuments& documents_;
  GraphqlSse& sse_;
};

}  // namespace phx::api
