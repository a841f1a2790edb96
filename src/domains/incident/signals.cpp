// Signals in: Alertmanager's webhook, and what the platform itself knows of its machines.
#include <algorithm>
#include <boost/json.hpp>

#include "base/crash_point.hpp"
#include "base/log.hpp"
#include "domains/incident/incident_store.hpp"
#include "domains/incident/sql.gen.hpp"
#include "net/url.hpp"

namespace phx::incident {
namespace json = boost::json;
namespace {

constexpr auto kIntakeLimit = std::chrono::seconds(15);

/// Alerts of one machine, or of one name, belong to one incident.
std::string correlation_of(const IncomingAlert& alert, const std::optional<Uuid>& machine) {
  if (machine) return "machine:" + machine->to_string();
  const std::string service = alert.label("service");
  return service.empty() ? "alert:" + alert.name() : "service:" + service;
}

/// At most 160 bytes, cut between characters.
std::string shortened(std::string text) {
  constexpr std::size_t kMax = 160;
  if (text.size() <= kMax) return text;
  std::size_t end = kMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "…";
}

/// What a person reads first. The platform's own probes say it in three words; others' alerts say it themselves.
std::string title_of(const IncomingAlert& alert, const std::string& machine_name) {
  if (alert.source == "probe")
    return "Guest " + machine_name + (alert.name() == "GuestDown" ? " is down" : " is degraded");
  return shortened(machine_name.empty() ? alert.summary() : "Guest " + machine_name + ": " + alert.summary());
}

}  // namespace

asio::awaitable<Status> Incidents::take_alert(pg::Transaction& tx, std::optional<Uuid> tenant, IncomingAlert alert) {
  // A label may name one of the tenant's machines. Only what this tenant owns is linked; anything else stays a label.
  std::optional<Uuid> machine;
  std::string machine_name;
  if (const auto id = Uuid::parse(alert.label("vm")); id && tenant) {
    PHX_CO_TRY(const pg::Rows found, co_await tx.execute(sql::incident::machine_name, pg::Params::of(*id)));
    if (!found.empty() && found.get<Uuid>(0, "tenant_id") == *tenant) {
      machine = *id;
      machine_name = found.get<std::string>(0, "name");
    }
  }

  // A delivery about an occurrence that a newer one has followed tells of the past: it is kept, and opens nothing.
  const auto same = [&] { return pg::Params::of(tenant, alert.source, alert.fingerprint, alert.starts_at); };
  PHX_CO_TRY(const pg::Rows newer, co_await tx.execute(sql::incident::alert_newer_exists, same()));
  if (!newer.empty() && alert.firing) {
    alert.firing = false;
    alert.ends_at = clock_.now();
  }
  PHX_CO_TRY(const pg::Rows older, co_await tx.execute(sql::incident::alert_supersede, same()));

  const std::string_view status = alert.firing ? "FIRING" : "RESOLVED";
  if (!alert.firing && !alert.ends_at) alert.ends_at = clock_.now();
  auto params =
      pg::Params::of(ids_.next(), tenant, alert.source, alert.fingerprint, status, alert.name(), alert.summary());
  params.add_json(std::string_view(json::serialize(alert.labels)));
  params.add_json(std::string_view(json::serialize(alert.annotations)));
  params.add(alert.starts_at).add(alert.ends_at).add(machine);
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::incident::alert_upsert, std::move(params)));
  const Uuid id = rows.get<Uuid>(0, "id");
  const bool fresh = rows.get<bool>(0, "fresh");
  const bool firing = rows.get<std::string_view>(0, "status") == "FIRING";
  auto incident = rows.get<std::optional<Uuid>>(0, "incident_id");
  std::int64_t version = rows.get<std::int32_t>(0, "version");

  if (firing && !incident) {
    Declaration wanted;
    wanted.tenant = tenant;
    wanted.title = title_of(alert, machine_name);
    wanted.severity = severity_of_alert(alert.label("severity"));
    const std::string service = alert.label("service");
    if (!service.empty()) wanted.affected_services.push_back(service);
    if (machine) wanted.affected_services.push_back("virtual machine " + machine_name);
    wanted.machine = machine;
    wanted.machine_name = machine_name;
    wanted.origin = "alert";
    wanted.correlation_key = correlation_of(alert, machine);
    wanted.declared_by = "phoenix (rule: firing alert)";
    wanted.started_at = alert.starts_at;
    PHX_CO_TRY(const auto declared, co_await declare(tx, std::move(wanted)));
    incident = declared.first;
    PHX_CO_TRY(const pg::Rows linked, co_await tx.execute(sql::incident::alert_link, pg::Params::of(id, *incident)));
    version = linked.get<std::int32_t>(0, 0);
    PHX_CO_CHECK(co_await add_line(tx, tenant, *incident, {"alert", "Firing: " + alert.summary(), alert.source}));
  } else if (!firing && incident && !fresh) {
    PHX_CO_CHECK(co_await add_line(tx, tenant, *incident, {"alert", "Ended: " + alert.summary(), alert.source}));
  }
  PHX_CO_CHECK(co_await alert_event(tx, tenant, id, fresh ? engine::ChangeKind::kCreated : engine::ChangeKind::kUpdated,
                                    version));
  for (const auto row : older)
    PHX_CO_CHECK(co_await alert_event(tx, tenant, row.get<Uuid>("id"), engine::ChangeKind::kUpdated,
                                      row.get<std::int32_t>("version")));
  if (incident) PHX_CO_CHECK(co_await follow(tx, *incident));
  co_return Status();
}

asio::awaitable<Status> Incidents::take_alerts(std::optional<Uuid> tenant, std::vector<IncomingAlert> alerts) {
  // One order for everybody: two deliveries of the same alerts wait for each other instead of deadlocking.
  std::ranges::sort(alerts, {}, [](const IncomingAlert& a) { return std::pair(a.fingerprint, a.starts_at); });
  const Deadline deadline = Deadline::after(kIntakeLimit);
  for (int attempt = 0;; ++attempt) {
    PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), deadline));
    Status status;
    for (const auto& alert : alerts) {
      status = co_await take_alert(tx, tenant, alert);
      if (!status) break;
    }
    PHX_CRASH_POINT("incident.before_intake_commit");
    if (status) status = co_await tx.commit();
    if (status || status.error().code() != Code::kAborted || attempt == 4) co_return status;
  }
}

asio::awaitable<net::Response> Incidents::webhook(api::HttpCall call, api::TenantDirectory& tenants) {
  // The token's tenant, or the one named in the URL; a platform administrator's bare token feeds the platform's own.
  const auto query = net::parse_query(call.http.query);
  if (!query) co_return net::error_response(query.error());
  std::optional<Uuid> tenant = call.principal.token_tenant;
  std::string wanted = net::query_value(*query, "tenant").value_or("");
  if (wanted.empty() && tenant) wanted = tenant->to_string();
  if (!wanted.empty()) {
    const auto access = co_await tenants.enter(call.principal, wanted);
    if (!access) co_return net::error_response(access.error());
    if (access->role < api::Role::kTenantMember)
      co_return net::error_response(permission_denied("auth.role", "Sending alerts needs the role TENANT_MEMBER."));
    tenant = access->id;
  } else if (!call.principal.platform_admin) {
    co_return net::error_response(invalid_argument("tenant.required", "tenant",
                                                   "Say whose alerts these are: ?tenant=NAME, or a tenant's token."));
  }
  auto payload = parse_alertmanager(call.http.body);
  if (!payload) co_return net::error_response(payload.error());
  if (payload->truncated > 0) log_event(LogLevel::kWarn, "alertmanager.truncated", {{"alerts", payload->truncated}});
  const std::size_t count = payload->alerts.size();
  if (const auto taken = co_await take_alerts(tenant, std::move(payload->alerts)); !taken) {
    log_error("alertmanager.intake_failed", taken.error());
    // What we could not store is sent again only after a 5xx: any other answer would lose it.
    co_return net::error_response(taken.error(), 503);
  }
  PHX_CRASH_POINT("incident.after_intake_commit");
  if (nudge_) nudge_();
  co_return net::json_response(200, "{\"accepted\":" + std::to_string(count) + "}");
}

asio::awaitable<Status> Incidents::machine_changed(pg::Transaction& tx, compute::MachineSignal signal) {
  using compute::MachineState;
  const bool down = signal.after == MachineState::kLost || signal.after == MachineState::kDegraded;
  if (down) {
    IncomingAlert alert;
    alert.source = "probe";
    alert.labels = {{"alertname", signal.after == MachineState::kLost ? "GuestDown" : "GuestDegraded"},
                    {"severity", "P2"},
                    {"vm", signal.id.to_string()},
                    {"guest", signal.name}};
    alert.annotations = {{"summary", signal.reason}, {"next", signal.next_action}};
    alert.fingerprint = fingerprint_of(alert.labels);
    alert.starts_at = clock_.now();
    co_return co_await take_alert(tx, signal.tenant, std::move(alert));
  }
  const bool recovered = signal.after == MachineState::kRunning || signal.after == MachineState::kStopped ||
                         signal.after == MachineState::kPaused;
  if (!recovered) co_return Status();
  PHX_CO_TRY(const pg::Rows ended,
             co_await tx.execute(sql::incident::alert_end_probe, pg::Params::of(signal.tenant, signal.id)));
  for (const auto row : ended) {
    PHX_CO_CHECK(co_await alert_event(tx, signal.tenant, row.get<Uuid>("id"), engine::ChangeKind::kUpdated,
                                      row.get<std::int32_t>("version")));
    const auto incident = row.get<std::optional<Uuid>>("incident_id");
    if (!incident) continue;
    Line line{"alert", "Ended: guest " + signal.name + " is " + std::string(compute::to_string(signal.after)), "probe"};
    PHX_CO_CHECK(co_await add_line(tx, signal.tenant, *incident, std::move(line)));
    PHX_CO_CHECK(co_await follow(tx, *incident));
  }
  co_return Status();
}

asio::awaitable<Status> Incidents::machine_operation_ended(pg::Transaction& tx, Uuid machine, Uuid tenant,
                                                           std::string kind, std::string outcome, std::string reason) {
  PHX_CO_TRY(const pg::Rows open,
             co_await tx.execute(sql::incident::open_incidents_of_machine, pg::Params::of(tenant, machine)));
  for (const auto row : open) {
    std::string body = "Operation " + kind + " ended: " + outcome;
    if (!reason.empty()) body += ". " + reason;
    PHX_CO_CHECK(co_await add_line(tx, tenant, row.get<Uuid>(0), {"action", std::move(body), "phoenix"}));
  }
  co_return Status();
}

asio::awaitable<Status> Incidents::machine_deleted(pg::Transaction& tx, Uuid machine, Uuid tenant, std::string name) {
  PHX_CO_TRY(const pg::Rows ended,
             co_await tx.execute(sql::incident::alert_end_probe, pg::Params::of(tenant, machine)));
  for (const auto row : ended) {
    PHX_CO_CHECK(co_await alert_event(tx, tenant, row.get<Uuid>("id"), engine::ChangeKind::kUpdated,
                                      row.get<std::int32_t>("version")));
    const auto incident = row.get<std::optional<Uuid>>("incident_id");
    if (!incident) continue;
    Line line{"alert", "Ended: guest " + name + " was deleted", "probe"};
    PHX_CO_CHECK(co_await add_line(tx, tenant, *incident, std::move(line)));
    PHX_CO_CHECK(co_await follow(tx, *incident));
  }
  co_return Status();
}

asio::awaitable<Result<engine::WorkResult>> Incidents::watch(engine::WorkContext context) {
  PHX_CO_TRY(const Uuid id, Uuid::parse(context.work.key));
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), Deadline::after(kIntakeLimit)));
  PHX_CO_CHECK(co_await follow(tx, id));
  PHX_CO_TRY(const Stored now, co_await lock(tx, id));
  // Still watching: the watch was prolonged, or the clock has not come there yet.
  if (now.incident.monitoring_until) {
    const Duration left =
        std::max<Duration>(*now.incident.monitoring_until - clock_.now(), std::chrono::milliseconds(50));
    PHX_CO_CHECK(co_await engine::retry_later(tx, context.work, left, "watching for a relapse"));
  } else {
    PHX_CO_CHECK(co_await engine::complete(tx, context.work));
  }
  PHX_CO_CHECK(co_await tx.commit());
  if (nudge_) nudge_();
  co_return engine::WorkResult::settled();
}

}  // namespace phx::incident
