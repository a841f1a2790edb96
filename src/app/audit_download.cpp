#include "app/audit_download.hpp"

#include <boost/json/object.hpp>

#include <stdexcept>

#include "api/graphql_http.hpp"
#include "base/random.hpp"
#include "base/uuid.hpp"
#include "engine/audit.hpp"
#include "net/url.hpp"
#include "pg/database.hpp"

namespace phx::app {
namespace {

Error bad_filter(const std::string& name, std::string_view must) {
  return invalid_argument("audit.bad_filter", name, name + " must be " + std::string(must) + ".");
}

Result<std::optional<Instant>> instant(const std::string& name, const std::string& text) {
  const auto parsed = parse_instant(text);
  if (!parsed) return bad_filter(name, "a time such as 2026-11-01T00:00:00Z");
  return std::optional(*parsed);
}

}  // namespace

struct AuditDownload::Wanted {
  engine::AuditFormat format = engine::AuditFormat::kJsonLines;
  engine::AuditFilter filter;
  std::optional<std::string> tenant;
  boost::json::object said;  ///< for the audit row

  /// False: no parameter of that name is known. One that would be passed over gave more than was asked for.
  Result<bool> take(const std::string& name, const std::string& value) {
    if (name == "format") {
      if (value != "jsonl" && value != "csv") return bad_filter(name, "jsonl or csv");
      format = value == "csv" ? engine::AuditFormat::kCsv : engine::AuditFormat::kJsonLines;
    } else if (name == "tenant") {
      tenant = value;
      return true;
    } else if (name == "actor") {
      filter.actor = value;
    } else if (name == "action") {
      filter.action = value;
    } else if (name == "outcome") {
      filter.outcome = value;
    } else if (name == "object") {
      const auto id = Uuid::parse(value);
      if (!id) return bad_filter(name, "an id");
      filter.object = *id;
    } else if (name == "since") {
      PHX_TRY(filter.since, instant(name, value));
    } else if (name == "until") {
      PHX_TRY(filter.until, instant(name, value));
    } else {
      return false;
    }
    said[name] = value;
    return true;
  }
};

Result<AuditDownload::Wanted> AuditDownload::wanted(const net::Request& http) {
  PHX_TRY(const auto parameters, net::parse_query(http.query));
  Wanted out;
  for (const auto& [name, value] : parameters) {
    PHX_TRY(const bool known, out.take(name, value));
    if (!known)
      return invalid_argument("audit.unknown_parameter", name, "An export of the audit trail has no '" + name + "'.")
          .with_next_action("Ask with format, tenant, actor, action, object, outcome, since, until.");
  }
  if (const auto header = http.headers.find("X-Phoenix-Tenant"); header && !header->empty()) out.tenant = *header;
  return out;
}

void AuditDownload::register_with(api::Router& router) {
  router.add("GET", "/audit/export", api::Auth::kRequired,
             [this](api::HttpCall call) { return respond(std::move(call)); });
}

asio::awaitable<net::Response> AuditDownload::respond(api::HttpCall call) {
  auto response = co_await open(std::move(call));
  if (!response) co_return net::error_response(response.error());
  co_return std::move(*response);
}

asio::awaitable<Result<net::Response>> AuditDownload::open(api::HttpCall call) {
  PHX_CO_TRY(Wanted asked, wanted(call.http));
  PHX_CO_CHECK(call.principal.check_use(api::Use::kRead));
  PHX_CO_TRY(const auto context, co_await api::enter_scope(tenants_, call.principal, asked.tenant, call.http.id,
                                                           call.http.peer.address, Deadline::at(call.http.deadline)));
  if (context.role < api::Role::kTenantAdmin)
    co_return permission_denied("auth.forbidden", "The audit log is for administrators of the tenant.");
  // HEAD asks what there would be; nothing is taken.
  if (call.http.method == "GET") PHX_CO_CHECK(co_await note(context, asked));

  const Instant now = clock_.now();
  if (!asked.filter.until || *asked.filter.until > now) asked.filter.until = now;
  const auto scope = context.tenant ? pg::Scope::of_tenant(*context.tenant) : pg::Scope::platform();
  const auto rows = std::make_shared<engine::AuditExport>(database_, scope, asked.filter, asked.format);
  const bool csv = asked.format == engine::AuditFormat::kCsv;
  net::Response out;
  out.headers.set("Content-Type", csv ? "text/csv; charset=utf-8; header=present" : "application/jsonl; charset=utf-8");
  // Names of tenants are plain (tenancy/tenant_rules.hpp), so they need no quoting here.
  out.headers.set("Content-Disposition", "attachment; filename=\"audit-" + context.tenant_name.value_or("platform") +
                                             "-" + format_instant(now).substr(0, 10) + (csv ? ".csv" : ".jsonl") +
                                             "\"");
  out.headers.set("Cache-Control", "no-store");
  out.body = net::StreamBody([rows](net::BodyWriter& writer) { return stream(rows, writer); });
  co_return out;
}

asio::awaitable<Status> AuditDownload::note(const api::RequestContext& context, const Wanted& wanted) {
  const auto scope = context.tenant ? pg::Scope::of_tenant(*context.tenant) : pg::Scope::platform();
  engine::AuditRow row;
  row.id = ids_.next();
  row.tenant = context.tenant;
  row.actor = context.principal.actor();
  if (!context.remote_address.empty()) row.remote_address = context.remote_address;
  row.action = "exportAuditLog";
  if (!wanted.said.empty()) row.after = wanted.said;
  row.request_id = context.request_id;
  PHX_CO_TRY(auto tx, co_await database_.begin(scope, context.deadline));
  PHX_CO_CHECK(co_await engine::record_audit(tx, std::move(row), random_));
  co_return co_await tx.commit();
}

asio::awaitable<void> AuditDownload::stream(std::shared_ptr<engine::AuditExport> rows, net::BodyWriter& out) {
  for (;;) {
    auto page = co_await rows->next();
    // Only a cut connection tells the client that what it has is not whole.
    if (!page) throw std::runtime_error(page.error().to_string());
    if (page->empty()) co_return;
    if (out.stopping()) throw std::runtime_error("the server is going away");
    if (!co_await out.write(std::move(*page))) co_return;
  }
}

}  // namespace phx::app
