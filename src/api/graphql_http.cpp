#include "api/graphql_http.hpp"

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include "api/errors.hpp"
#include "base/log.hpp"
#include "net/url.hpp"

namespace phx::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kGraphqlJson = "application/graphql-response+json";
constexpr std::string_view kPlainJson = "application/json";

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// What the client takes: one of the two media types, or none. Preferences beyond q=0 do not matter between two
/// forms of the same answer, except that the precise one is used only for those who ask for it by name.
std::optional<std::string_view> negotiate(const net::Headers& headers) {
  const auto fields = headers.all("Accept");
  if (fields.empty()) return kPlainJson;
  bool graphql = false;
  bool plain = false;
  for (std::string_view field : fields) {
    while (!field.empty()) {
      const auto comma = field.find(',');
      std::string_view range = trim(field.substr(0, comma));
      field = comma == std::string_view::npos ? std::string_view() : field.substr(comma + 1);
      const auto semicolon = range.find(';');
      const std::string_view parameters = semicolon == std::string_view::npos ? "" : range.substr(semicolon);
      if (parameters.find("q=0") != std::string_view::npos && parameters.find("q=0.") == std::string_view::npos)
        continue;
      range = trim(range.substr(0, semicolon));
      if (net::iequals(range, kGraphqlJson)) graphql = true;
      if (net::iequals(range, kPlainJson) || range == "*/*" || net::iequals(range, "application/*")) plain = true;
    }
  }
  if (graphql) return kGraphqlJson;
  if (plain) return kPlainJson;
  return std::nullopt;
}

net::Response respond(int status, std::string_view media_type, std::string body) {
  net::Response out;
  out.status = status;
  out.headers.set("Content-Type", fmt::format("{}; charset=utf-8", media_type));
  out.headers.set("Cache-Control", "no-store");
  out.headers.set("Vary", "Accept, Authorization, Cookie, X-Phoenix-Tenant");
  out.body = std::move(body);
  return out;
}

net::Response respond_error(const Error& error, std::string_view media_type, std::string_view request_id,
                            int status = 0) {
  const graphql::GraphqlError made = to_graphql_error(error, request_id);
  net::Response out =
      respond(status ? status : code_info(error.code()).http_status, media_type, graphql::request_errors({&made, 1}));
  if (error.retry_after()) out.headers.set("Retry-After", std::to_string((error.retry_after()->count() + 999) / 1000));
  return out;
}

Error malformed(std::string message) {
  return Error(Code::kInvalidArgument, "graphql.malformed_request", std::move(message));
}

Status take_parameters(const json::object& body, GraphqlRequest& out) {
  const json::value* query = body.if_contains("query");
  if (!query || !query->is_string() || query->as_string().empty())
    return Error(Code::kInvalidArgument, "graphql.no_query", "The request needs a 'query' that is a text.");
  out.query = std::string_view(query->as_string());
  if (const auto* name = body.if_contains("operationName"); name && !name->is_null()) {
    if (!name->is_string()) return malformed("'operationName' must be a text.");
    if (!name->as_string().empty()) out.operation_name = std::string(std::string_view(name->as_string()));
  }
  if (const auto* variables = body.if_contains("variables"); variables && !variables->is_null()) {
    if (!variables->is_object()) return malformed("'variables' must be an object.");
    out.variables = variables->as_object();
  }
  if (const auto* extensions = body.if_contains("extensions");
      extensions && !extensions->is_null() && !extensions->is_object())
    return malformed("'extensions' must be an object.");
  return {};
}

Result<GraphqlRequest> read_post(const net::Request& http) {
  const std::string_view type = http.headers.get("Content-Type");
  if (!net::iequals(trim(type.substr(0, type.find(';'))), kPlainJson))
    return Error(Code::kInvalidArgument, "http.media_type", "Send the request as Content-Type: application/json.");
  boost::system::error_code wrong;
  const json::value body = json::parse(http.body, wrong);
  if (wrong)
    return Error(Code::kInvalidArgument, "http.malformed_json", "The body is not well-formed JSON (or is too deep).");
  if (body.is_array())
    return Error(Code::kInvalidArgument, "http.batch", "Batches are not served; send one operation.");
  if (!body.is_object()) return malformed("The body must be a JSON object.");
  GraphqlRequest out;
  PHX_CHECK(take_parameters(body.as_object(), out));
  return out;
}

Result<GraphqlRequest> read_get(const net::Request& http) {
  PHX_TRY(const net::QueryParameters parameters, net::parse_query(http.query));
  json::object body;
  for (std::string_view name : {"query", "operationName"})
    if (const auto value = net::query_value(parameters, name)) body[name] = *value;
  for (std::string_view name : {"variables", "extensions"})
    if (const auto value = net::query_value(parameters, name); value && !value->empty()) {
      boost::system::error_code wrong;
      body[name] = json::parse(*value, wrong);
      if (wrong) return malformed(fmt::format("'{}' is not well-formed JSON.", name));
    }
  GraphqlRequest out;
  out.allow_mutations = false;
  PHX_CHECK(take_parameters(body, out));
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
  const net::Request& http = call.http;
  const auto media = negotiate(http.headers);
  if (!media)
    co_return respond_error(Error(Code::kInvalidArgument, "http.not_acceptable",
                                  "The answer is application/graphql-response+json or application/json."),
                            kPlainJson, http.id, 406);
  if (call.auth_error) co_return respond_error(*call.auth_error, *media, http.id);
  auto request = http.method == "POST" ? read_post(http) : read_get(http);
  if (!request)
    co_return respond_error(request.error(), *media, http.id,
                            request.error().reason() == "http.media_type" ? 415 : 400);
  if (const std::string* key = http.headers.find("Idempotency-Key")) request->idempotency_key = *key;

  std::optional<std::string> tenant;
  if (const std::string* header = http.headers.find("X-Phoenix-Tenant"); header && !header->empty()) tenant = *header;
  auto context = co_await enter_scope(tenants_, call.principal, std::move(tenant), http.id, http.peer.address,
                                      Deadline::at(http.deadline));
  if (!context) {
    log_error("api.scope_refused", context.error(), {{"request", http.id}});
    co_return respond_error(context.error(), *media, http.id);
  }
  GraphqlAnswer answer = co_await service_.execute(std::move(*context), std::move(*request));
  const int status = !answer.executed && *media == kGraphqlJson ? 400 : 200;
  co_return respond(status, *media, std::move(answer.body));
}

}  // namespace phx::api
