#pragma once
/// GET /audit/export: the audit trail as JSON lines or CSV, streamed. The portal's download and `phoenix ctl audit
/// export` ask here.
///
///     /audit/export?format=csv&tenant=acme&actor=ada&outcome=FORBIDDEN&since=2026-11-01T00:00:00Z
///
/// `format` is jsonl or csv. `tenant` (or the header X-Phoenix-Tenant) chooses the tenant, for TENANT_ADMIN; without
/// one a platform administrator gets all of them and the platform's own rows. Filters: `actor`, `action` (contain it),
/// `object` (an id), `outcome`, `since`, `until`. Rows up to the moment of the request are in it.
/// That somebody took an export is a row of the audit trail itself. An export that cannot be finished ends without the
/// end of its body, so that nobody takes it for whole.
///
/// Errors: kInvalidArgument "audit.unknown_parameter", "audit.bad_filter", "url.malformed",
/// "url.repeated_parameter"; kPermissionDenied "auth.forbidden"; those of entering a scope (api/context.hpp) and of
/// pg/error.hpp.

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "api/context.hpp"
#include "api/middleware.hpp"
#include "engine/audit_export.hpp"

namespace phx {
class Random;
class UuidSource;
}  // namespace phx

namespace phx::app {

namespace asio = boost::asio;

/// Outlives the router it registers with.
class AuditDownload {
 public:
  AuditDownload(pg::Database& database, api::TenantDirectory& tenants, const Clock& clock, Random& random,
                UuidSource& ids)
      : database_(database), tenants_(tenants), clock_(clock), random_(random), ids_(ids) {}
  void register_with(api::Router& router);

 private:
  struct Wanted;
  static Result<Wanted> wanted(const net::Request& http);
  asio::awaitable<net::Response> respond(api::HttpCall call);
  asio::awaitable<Result<net::Response>> open(api::HttpCall call);
  asio::awaitable<Status> note(const api::RequestContext& context, const Wanted& wanted);
  static asio::awaitable<void> stream(std::shared_ptr<engine::AuditExport> rows, net::BodyWriter& out);

  pg::Database& database_;
  api::TenantDirectory& tenants_;
  const Clock& clock_;
  Random& random_;
  UuidSource& ids_;
};

}  // namespace phx::app
