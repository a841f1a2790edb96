// Signals in: Alertmanager's webhook, and what the platform itself knows of its machines.
#include <algorithm>
#include <boost/json.hpp>
#include <numeric>
#include <ranges>
#include <set>
#include <tuple>

#include "base/crash_point.hpp"
#include "base/crypto.hpp"
#include "base/log.hpp"
#include "domains/incident/incident_store.hpp"
#include "domains/incident/service_probe.hpp"
#include "domains/incident/sql.gen.hpp"
#include "domains/incident/text.hpp"
#include "engine/bulk.hpp"
#include "net/url.hpp"

namespace phx::incident {
namespace json = boost::json;
namespace {

constexpr auto kIntakeLimit = std::chrono::seconds(15);
/// Between machines that set their clocks by the network.
constexpr auto kClocksDiffer = std::chrono::minutes(5);
constexpr std::size_t kRefusedShown = 20;

/// Alerts of one machine, or of one name, belong to one incident. The key is indexed, and a row of an index has a limit
/// of some 2,700 bytes: what is long is told by its digest.
std::string correlation_of(const IncomingAlert& alert, const std::optional<Uuid>& machine) {
  constexpr std::size_t kMax = 200;
  if (machine) return "machine:" + machine->to_string();
  const std::string service = alert.label("service");
  const std::string_view kind = blank(service) ? "alert:" : "service:";
  const std::string what = blank(service) ? alert.name() : service;
  return std::string(kind) + (what.size() <= kMax ? what : "sha256:" + hex_encode(sha256(what)));
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
  if (alert.source == "probe" && alert.name() == kServiceDown) return "Service " + alert.label("service") + " is down";
  if (alert.source == "probe" && !machine_name.empty())
    return "Guest " + machine_name + (alert.name() == "GuestDown" ? " is down" : " is degraded");
  return shortened(plain_text(machine_name.empty() ? alert.summary() : "Guest " + machine_name + ": " + alert.summary(),
                              Lines::kOne));
}

/// One occurrence, as a delivery tells of it in the end.
struct Occurrence {
  IncomingAlert alert;
  int deliveries = 1;
  std::optional<Uuid> machine;
  std::string machine_name;
};

/// Where an alert belongs and stands; source, fingerprint, start.
auto place(const IncomingAlert& a) { return std::tie(a.source, a.fingerprint, a.starts_at); }
bool same_series(const IncomingAlert& a, const IncomingAlert& b) {
  return a.source == b.source && a.fingerprint == b.fingerprint;
}

/// In one order for everybody, each occurrence once. What has ended stays ended, within a delivery as in the table.
std::vector<Occurrence> folded(std::vector<IncomingAlert> alerts) {
  std::vector<std::size_t> order(alerts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return std::tuple_cat(place(alerts[a]), std::tie(a)) < std::tuple_cat(place(alerts[b]), std::tie(b));
  });
  std::vector<Occurrence> out;
  for (const std::size_t index : order) {
    IncomingAlert& alert = alerts[index];
    if (out.empty() || place(out.back().alert) != place(alert)) {
      out.push_back({std::move(alert), 1, {}, {}});
      continue;
    }
    ++out.back().deliveries;
    IncomingAlert& kept = out.back().alert;
    if (!kept.firing) continue;
    kept.annotations = std::move(alert.annotations);
    kept.firing = alert.firing;
    kept.ends_at = alert.ends_at;
  }
  return out;
}

json::array to_rows(const std::vector<Occurrence>& occurrences, UuidSource& ids) {
  json::array rows;
  for (const auto& [alert, deliveries, machine, machine_name] : occurrences)
    rows.push_back({{"id", ids.next().to_string()},
                    {"source", alert.source},
                    {"fingerprint", alert.fingerprint},
                    {"status", alert.firing ? "FIRING" : "RESOLVED"},
                    {"name", alert.name()},
                    {"summary", alert.summary()},
                    {"labels", alert.labels},
                    {"annotations", alert.annotations},
                    {"starts_at", format_instant(alert.starts_at)},
                    {"ends_at", alert.ends_at ? json::value(format_instant(*alert.ends_at)) : json::value()},
                    {"machine", machine ? json::value(machine->to_string()) : json::value()},
                    {"deliveries", deliveries}});
  return rows;
}

}  // namespace

asio::awaitable<Status> Incidents::take_all(pg::Transaction& tx, std::optional<Uuid> tenant,
                                            std::vector<IncomingAlert> alerts) {
  if (alerts.empty()) co_return Status();
  std::vector<Occurrence> taken = folded(std::move(alerts));
  std::vector<std::string> sources;
  std::vector<std::string> fingerprints;
  std::vector<std::string> starts;
  std::set<Uuid> named;
  for (const auto& one : taken) {
    sources.push_back(one.alert.source);
    fingerprints.push_back(one.alert.fingerprint);
    starts.push_back(format_instant(one.alert.starts_at));
    if (const auto id = Uuid::parse(one.alert.label("vm"))) named.insert(*id);
  }
  // A label may name one of the tenant's machines. Only what this tenant owns is linked; anything else stays a label.
  if (tenant && !named.empty()) {
    const std::vector<Uuid> wanted(named.begin(), named.end());
    PHX_CO_TRY(const pg::Rows found,
               co_await tx.execute(sql::incident::machines_named, pg::Params::of(*tenant, wanted)));
    std::map<Uuid, std::string> names;
    for (const auto row : found) names.emplace(row.get<Uuid>("id"), row.get<std::string>("name"));
    for (auto& one : taken) {
      const auto id = Uuid::parse(one.alert.label("vm"));
      const auto machine = id ? names.find(*id) : names.end();
      if (machine == names.end()) continue;
      one.machine = machine->first;
      one.machine_name = machine->second;
    }
  }

  // Word of an occurrence that a newer one has followed, here or in the table, tells of the past: it is kept, and opens
  // nothing.
  PHX_CO_TRY(const pg::Rows known,
             co_await tx.execute(sql::incident::alerts_newest, pg::Params::of(tenant, fingerprints)));
  std::map<std::pair<std::string, std::string>, Instant> newest;
  for (const auto row : known)
    newest.emplace(std::pair(row.get<std::string>("source"), row.get<std::string>("fingerprint")),
                   row.get<Instant>("starts_at"));
  const Instant now = clock_.now();
  for (std::size_t i = 0; i < taken.size(); ++i) {
    IncomingAlert& alert = taken[i].alert;
    const bool followed_here = i + 1 < taken.size() && same_series(alert, taken[i + 1].alert);
    const auto stored = newest.find({alert.source, alert.fingerprint});
    if (alert.firing && (followed_here || (stored != newest.end() && stored->second > alert.starts_at))) {
      alert.firing = false;
      alert.ends_at = followed_here ? taken[i + 1].alert.starts_at : now;
    }
    if (!alert.firing && !alert.ends_at) alert.ends_at = now;
  }
  PHX_CO_TRY(const pg::Rows older, co_await tx.execute(sql::incident::alerts_supersede,
                                                       pg::Params::of(tenant, sources, fingerprints, starts)));
  auto params = pg::Params::of(tenant);
  params.add_json(std::string_view(json::serialize(to_rows(taken, ids_)))).add(fingerprints);
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::incident::alerts_upsert, std::move(params)));

  // What fires and belongs to no incident yet opens one, or joins the open one of its key.
  std::vector<Declaration> wanted;
  std::map<std::string, std::size_t> by_key;
  std::vector<std::pair<std::size_t, std::size_t>> joining;  // the occurrence, and its declaration
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const auto row = rows[static_cast<int>(i)];
    if (row.get<std::string_view>("status") != "FIRING" || row.get<std::optional<Uuid>>("incident_id")) continue;
    const auto& [alert, deliveries, machine, machine_name] = taken[i];
    std::string key = correlation_of(alert, machine);
    const Severity graveness = severity_of_alert(alert.label("severity"));
    const auto [there, first] = by_key.emplace(std::move(key), wanted.size());
    joining.emplace_back(i, there->second);
    if (!first) {
      Declaration& one = wanted[there->second];
      one.severity = std::min(one.severity, graveness);
      one.started_at = std::min(one.started_at, alert.starts_at);
      continue;
    }
    Declaration one;
    one.title = title_of(alert, machine_name);
    one.severity = graveness;
    if (const std::string service = alert.label("service"); !blank(service))
      one.affected_services.push_back(shortened(service));
    if (machine) one.affected_services.push_back("virtual machine " + machine_name);
    one.machine = machine;
    one.machine_name = machine_name;
    one.origin = "alert";
    one.correlation_key = there->first;
    one.declared_by = "phoenix (rule: firing alert)";
    one.started_at = alert.starts_at;
    wanted.push_back(std::move(one));
  }
  PHX_CO_TRY(const auto declared, co_await declare_all(tx, tenant, std::move(wanted)));

  std::vector<Uuid> linked;
  std::vector<Uuid> linked_to;
  std::map<Uuid, Joined> joined;
  std::map<std::size_t, Uuid> incident_of;
  for (const auto& [i, declaration] : joining) {
    linked.push_back(rows[static_cast<int>(i)].get<Uuid>("id"));
    linked_to.push_back(declared[declaration]);
    incident_of.emplace(i, declared[declaration]);
    const Joined here{severity_of_alert(taken[i].alert.label("severity")), taken[i].alert.name()};
    const auto [there, first] = joined.emplace(declared[declaration], here);
    if (!first && here.severity < there->second.severity) there->second = here;
  }
  std::map<Uuid, std::int64_t> versions;
  if (!linked.empty()) {
    PHX_CO_TRY(const pg::Rows done, co_await tx.execute(sql::incident::alerts_link, pg::Params::of(linked, linked_to)));
    for (const auto row : done) versions[row.get<Uuid>("id")] = row.get<std::int32_t>("version");
  }

  std::vector<std::pair<Uuid, Line>> lines;
  std::vector<engine::Event> events;
  std::set<Uuid> touched;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const auto row = rows[static_cast<int>(i)];
    const IncomingAlert& alert = taken[i].alert;
    const Uuid id = row.get<Uuid>("id");
    auto incident = row.get<std::optional<Uuid>>("incident_id");
    if (const auto opened = incident_of.find(i); opened != incident_of.end()) {
      incident = opened->second;
      lines.emplace_back(*incident, Line{"alert", "Firing: " + alert.summary(), alert.source});
    } else if (incident && row.get<bool>("ended")) {
      lines.emplace_back(*incident, Line{"alert", "Ended: " + alert.summary(), alert.source});
    }
    if (incident) touched.insert(*incident);
    const auto version = versions.find(id);
    events.push_back({"Alert",
                      id,
                      tenant,
                      row.get<bool>("fresh") ? engine::ChangeKind::kCreated : engine::ChangeKind::kUpdated,
                      version != versions.end() ? version->second : row.get<std::int32_t>("version"),
                      {}});
  }
  for (const auto row : older) {
    events.push_back(
        {"Alert", row.get<Uuid>("id"), tenant, engine::ChangeKind::kUpdated, row.get<std::int32_t>("version"), {}});
    if (const auto incident = row.get<std::optional<Uuid>>("incident_id")) touched.insert(*incident);
  }
  PHX_CO_CHECK(co_await add_lines(tx, tenant, std::move(lines)));
  PHX_CO_CHECK(co_await engine::record_events(tx, tenant, std::move(events)));
  co_return co_await follow_all(tx, tenant, {touched.begin(), touched.end()}, std::move(joined));
}

asio::awaitable<Status> Incidents::take_alerts(std::optional<Uuid> tenant, std::vector<IncomingAlert> alerts) {
  const Deadline deadline = Deadline::after(kIntakeLimit);
  // A clock that is ahead elsewhere would make the future the newest word of its alert, behind which nothing is heard.
  const Instant now = clock_.now();
  for (auto& alert : alerts)
    if (alert.starts_at > now + kClocksDiffer) alert.starts_at = now;
  for (int attempt = 0;; ++attempt) {
    PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), deadline));
    Status status = co_await take_all(tx, tenant, alerts);
    PHX_CRASH_POINT("incident.before_intake_commit");
    if (status) status = co_await tx.commit();
    if (status || status.error().code() != Code::kAborted || attempt == 4) co_return status;
  }
}

asio::awaitable<net::Response> Incidents::webhook(api::HttpCall call, api::TenantDirectory& tenants) {
  // The token's tenant, or the one named in the URL; a platform administrator's bare token feeds the platform's own.
  const auto query = net::parse_query(call.http.query);
  if (!query) co_return net::error_response(query.error());
  if (const auto allowed = call.principal.check_use(api::Use::kAlerts); !allowed)
    co_return net::error_response(allowed.error());
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
  json::object answer{{"accepted", count}};
  if (!payload->refused.empty()) {
    json::array refused;
    for (const auto& error : payload->refused | std::views::take(kRefusedShown))
      refused.push_back({{"field", error.field()}, {"message", error.message()}});
    log_event(LogLevel::kWarn, "alertmanager.alerts_refused",
              {{"alerts", payload->refused.size()}, {"first", payload->refused.front().to_string()}});
    answer["refusedCount"] = payload->refused.size();
    answer["refused"] = std::move(refused);
  }
  co_return net::json_response(200, json::serialize(answer));
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
    std::vector<IncomingAlert> one;
    one.push_back(std::move(alert));
    co_return co_await take_all(tx, signal.tenant, std::move(one));
  }
  const bool recovered = signal.after == MachineState::kRunning || signal.after == MachineState::kStopped ||
                         signal.after == MachineState::kPaused;
  if (!recovered) co_return Status();
  co_return co_await end_probe_alerts(
      tx, signal.tenant, signal.id,
      "Ended: guest " + signal.name + " is " + std::string(compute::to_string(signal.after)));
}

asio::awaitable<Status> Incidents::end_probe_alerts(pg::Transaction& tx, Uuid tenant, Uuid machine, std::string line) {
  PHX_CO_TRY(const pg::Rows ended,
             co_await tx.execute(sql::incident::alert_end_probe, pg::Params::of(tenant, machine)));
  std::vector<std::pair<Uuid, Line>> lines;
  std::vector<engine::Event> events;
  std::set<Uuid> touched;
  for (const auto row : ended) {
    events.push_back(
        {"Alert", row.get<Uuid>("id"), tenant, engine::ChangeKind::kUpdated, row.get<std::int32_t>("version"), {}});
    const auto incident = row.get<std::optional<Uuid>>("incident_id");
    if (!incident) continue;
    touched.insert(*incident);
    lines.emplace_back(*incident, Line{"alert", line, "probe"});
  }
  PHX_CO_CHECK(co_await engine::record_events(tx, tenant, std::move(events)));
  PHX_CO_CHECK(co_await add_lines(tx, tenant, std::move(lines)));
  co_return co_await follow_all(tx, tenant, {touched.begin(), touched.end()}, {});
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
  co_return co_await end_probe_alerts(tx, tenant, machine, "Ended: guest " + name + " was deleted");
}

asio::awaitable<Result<engine::WorkResult>> Incidents::watch(engine::WorkContext context) {
  PHX_CO_TRY(const Uuid id, Uuid::parse(context.work.key));
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), Deadline::after(kIntakeLimit)));
  PHX_CO_CHECK(co_await follow_all(tx, context.work.tenant, {id}, {}));
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
