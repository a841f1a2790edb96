#include "api/graphql_http.hpp"

#include "api/graphql_request.hpp"
#include "base/log.hpp"
#include "net/url.hpp"

namespace phx::api {
namespace {

net::Response respond(int status, AnswerForm form, std::string body) {
  net::Response out;
  out.status = status;
  out.headers.set("Content-Type", std::string(media_type(form)) + "; charset=utf-8");
  out.headers.set("Cache-Control", "no-store");
  out.headers.set("Vary", "Accept, Authorization, Cookie, X-Phoenix-Tenant");
  out.body = std::move(body);
  return out;
}

/// What ends before there is an operation is an HTTP error also for who asked for a stream.
net::Response respond_error(const Error& error, AnswerForm form, std::string_view request_id, int status = 0) {
  if (form == AnswerForm::kEventStream) form = AnswerForm::kGraphqlJson;
  net::Response out =
      respond(status ? status : code_info(error.code()).http_status, form, error_body(error, request_id));
  if (error.retry_after()) out.headers.set("Retry-After", std::to_string((error.retry_after()->count() + 999) / 1000));
  return out;
}

}  // namespace

asio::awaitable<Result<RequestContext>> enter_scope(TenantDirectory& tenants, Principal principal,
                                                    std::optional<std::string> tenant, std::string request_id,
                                                    std::string remote_address, Deadline deadline) {
  RequestContext out;
  out.principal = std::move(principal);
  out.request_id = std::move(request_id);
  out.remote_address = std::move(remote_address);
  out.deadline = deadline;
  // Nobody's tenant is not even looked up, so that names cannot be probed from outside.
  if (!out.principal.authenticated()) co_return out;
  if (!tenant && out.principal.token_tenant) tenant = out.principal.token_tenant->to_string();
  if (!tenant) {
    if (out.principal.platform_admin || out.principal.kind == PrincipalKind::kSystem) out.role = Role::kPlatformAdmin;
    co_return out;
  }
  PHX_CO_TRY(TenantAccess access, co_await tenants.enter(out.principal, std::move(*tenant)));
  if (out.principal.token_tenant && *out.principal.token_tenant != access.id)
    co_return not_found("tenant.not_found", "There is no such tenant, or you are not one of its members.");
  if (access.role == Role::kNone || access.status == TenantState::kDeleted)
    co_return not_found("tenant.not_found", "There is no such tenant, or you are not one of its members.");
  if (access.status == TenantState::kSuspended && access.role != Role::kPlatformAdmin)
    co_return permission_denied("tenant.suspended", "The tenant is suspended; ask the platform's operators.");
  out.tenant = access.id;
  out.tenant_name = std::move(access.name);
  out.role = access.role;
  co_return out;
}

void GraphqlHttp::install(Router& router) {
  router.add("POST", "/graphql", Auth::kOptional, [this](HttpCall call) { return handle(std::move(call)); });
  router.add("GET", "/graphql", Auth::kOptional, [this](HttpCall call) { return handle(std::move(call)); });
}

asio::awaitable<net::Response> GraphqlHttp::handle(HttpCall call) {
  net::Request& http = call.http;
  const auto accepted = negotiate(http.headers);
  if (!accepted)
    co_return respond_error(
        Error(Code::kInvalidArgument, "http.not_acceptable",
              "The answer is application/graphql-response+json, application/json or text/event-stream."),
        AnswerForm::kJson, http.id, 406);
  AnswerForm form = accepted->form;
  if (call.auth_error) co_return respond_error(*call.auth_error, form, http.id);
  auto request = read_request(http);
  if (!request)
    co_return respond_error(request.error(), form, http.id, request.error().reason() == "http.media_type" ? 415 : 400);
  if (const auto key = http.headers.find("Idempotency-Key")) request->idempotency_key = *key;
  const Status known =
      documents_.resolve(*request, {.signed_in = call.principal.authenticated(), .local = http.peer.local});
  if (!known) {
    // A refusal within GraphQL: the status follows the form, as for a document that is not valid.
    if (form == AnswerForm::kEventStream) co_return GraphqlSse::refuse(error_body(known.error(), http.id));
    co_return respond_error(known.error(), form, http.id, form == AnswerForm::kJson ? 200 : 0);
  }

  std::optional<std::string> tenant;
  if (const auto header = http.headers.find("X-Phoenix-Tenant"); header && !header->empty()) tenant = *header;
  if (!tenant && http.method != "POST")  // for EventSource, which cannot send headers; well-formed, or not read above
    tenant = net::query_value(net::parse_query(http.query).value(), "tenant");
  auto context = co_await enter_scope(tenants_, call.principal, std::move(tenant), http.id, http.peer.address,
                                      Deadline::at(http.deadline));
  if (!context) {
    log_error("api.scope_refused", context.error(), {{"request", http.id}});
    co_return respond_error(context.error(), form, http.id);
  }
  if (accepted->stream && form != AnswerForm::kEventStream && service_.is_subscription(*request))
    form = AnswerForm::kEventStream;
  if (form == AnswerForm::kEventStream)
    co_return co_await sse_.respond(std::move(*context), std::move(*request), std::move(http));
  GraphqlAnswer answer = co_await service_.execute(std::move(*context), std::move(*request));
  const int status = !answer.executed && form == AnswerForm::kGraphqlJson ? 400 : 200;
  co_return respond(status, form, body_with_cost(std::move(answer)));
}

}  // namespace phx::api
