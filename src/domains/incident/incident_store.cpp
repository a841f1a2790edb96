// Loading, storing and declaring: what signals and people have in common.
#include "domains/incident/incident_store.hpp"

#include "domains/incident/sql.gen.hpp"
#include "engine/events.hpp"

namespace phx::incident {

Incidents::Stored Incidents::Stored::from(pg::RowView row) {
  Stored out;
  out.id = row.get<Uuid>("id");
  out.tenant = row.get<std::optional<Uuid>>("tenant_id");
  out.reference = row.get<std::string>("reference");
  out.title = row.get<std::string>("title");
  out.affected_services = row.get<std::vector<std::string>>("affected_services");
  out.impact = row.get<std::string>("impact");
  out.root_cause = row.get<std::string>("root_cause");
  out.resolution = row.get<std::string>("resolution");
  out.machine = row.get<std::optional<Uuid>>("virtual_machine_id");
  out.machine_name = row.get<std::string>("virtual_machine_name");
  Incident& i = out.incident;
  i.severity = severity(row.get<std::string_view>("severity")).value();
  i.status = incident_status(row.get<std::string_view>("status")).value();
  i.commander = row.get<std::optional<std::string>>("commander");
  i.started_at = row.get<Instant>("started_at");
  i.declared_at = row.get<Instant>("declared_at");
  i.response_due_at = row.get<Instant>("response_due_at");
  i.responded_at = row.get<std::optional<Instant>>("responded_at");
  i.resolution_due_at = row.get<Instant>("resolution_due_at");
  i.identified_at = row.get<std::optional<Instant>>("identified_at");
  i.monitoring_since = row.get<std::optional<Instant>>("monitoring_since");
  i.monitoring_until = row.get<std::optional<Instant>>("monitoring_until");
  i.resolved_at = row.get<std::optional<Instant>>("resolved_at");
  i.relapses = row.get<std::int32_t>("relapses");
  return out;
}

asio::awaitable<Result<Incidents::Stored>> Incidents::lock(pg::Transaction& tx, Uuid id) {
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::incident::incident_lock, pg::Params::of(id)));
  if (rows.empty()) co_return not_found("incident.not_found", "There is no such incident.").with_field("id");
  co_return Stored::from(rows[0]);
}

asio::awaitable<Status> Incidents::add_line(pg::Transaction& tx, std::optional<Uuid> tenant, Uuid incident, Line line) {
  const Uuid id = ids_.next();
  PHX_CO_CHECK(co_await tx.execute(sql::incident::entry_insert,
                                   pg::Params::of(id, tenant, incident, line.kind, line.body, line.actor)));
  engine::Event event{"IncidentEntry", id, tenant, engine::ChangeKind::kCreated, 1, {}};
  co_return co_await engine::record_event(tx, std::move(event));
}

asio::awaitable<Status> Incidents::store(pg::Transaction& tx, const Stored& stored, std::vector<Line> lines) {
  const Incident& i = stored.incident;
  auto params = pg::Params::of(stored.id, to_string(i.severity), to_string(i.status), i.commander, i.response_due_at,
                               i.responded_at, i.resolution_due_at, i.identified_at, i.monitoring_since,
                               i.monitoring_until, i.resolved_at, i.relapses, stored.title, stored.affected_services,
                               stored.impact, stored.root_cause, stored.resolution);
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::incident::incident_store, std::move(params)));
  for (auto& line : lines) PHX_CO_CHECK(co_await add_line(tx, stored.tenant, stored.id, std::move(line)));
  if (i.monitoring_until) {
    engine::Work work{std::string(kIncidentQueue), stored.id.to_string(), stored.tenant, *i.monitoring_until, "{}"};
    PHX_CO_CHECK(co_await engine::enqueue(tx, std::move(work)));
  }
  engine::Event event{"Incident", stored.id, stored.tenant, engine::ChangeKind::kUpdated, rows.get<std::int32_t>(0, 0),
                      {}};
  co_return co_await engine::record_event(tx, std::move(event));
}

asio::awaitable<Result<std::pair<Uuid, bool>>> Incidents::declare(pg::Transaction& tx, Declaration wanted) {
  const auto open_one = [&]() { return pg::Params::of(wanted.tenant, wanted.correlation_key.value_or("")); };
  if (wanted.correlation_key) {
    PHX_CO_TRY(const pg::Rows open, co_await tx.execute(sql::incident::incident_open_by_key, open_one()));
    if (!open.empty()) co_return std::pair(open.get<Uuid>(0, 0), false);
  }
  PHX_CO_TRY(const pg::Rows counted,
             co_await tx.execute(sql::incident::incident_next_number, pg::Params::of(wanted.tenant.value_or(Uuid{}))));
  const auto number = counted.get<std::int32_t>(0, 0);
  const Instant now = clock_.now();
  const Incident i = incident::declare(wanted.severity, std::min(wanted.started_at, now), now);
  const Uuid id = ids_.next();
  const std::string reference = "INC-" + std::to_string(number);
  auto params = pg::Params::of(id, wanted.tenant, number, reference, wanted.title, to_string(i.severity),
                               wanted.affected_services, wanted.impact, channel_name(wanted.title, now), wanted.machine,
                               wanted.machine_name, wanted.origin, wanted.correlation_key, wanted.declared_by,
                               i.started_at, i.declared_at, i.response_due_at, i.resolution_due_at);
  PHX_CO_TRY(const pg::Rows inserted, co_await tx.execute(sql::incident::incident_insert, std::move(params)));
  if (inserted.affected() == 0) {
    // Somebody declared it between our look and our insert, and has committed since.
    PHX_CO_TRY(const pg::Rows open, co_await tx.execute(sql::incident::incident_open_by_key, open_one()));
    if (open.empty()) co_return Error(Code::kAborted, "incident.race", "The incident changed meanwhile; try again.");
    co_return std::pair(open.get<Uuid>(0, 0), false);
  }
  std::string body = "Declared " + std::string(to_string(i.severity)) + ": " + wanted.title;
  if (!wanted.impact.empty()) body += ". Impact: " + wanted.impact;
  PHX_CO_CHECK(co_await add_line(tx, wanted.tenant, id, {"declared", std::move(body), wanted.declared_by}));
  engine::Event event{"Incident", id, wanted.tenant, engine::ChangeKind::kCreated, 1, {}};
  PHX_CO_CHECK(co_await engine::record_event(tx, std::move(event)));
  co_return std::pair(id, true);
}

asio::awaitable<Status> Incidents::follow(pg::Transaction& tx, Uuid id) {
  PHX_CO_TRY(Stored stored, co_await lock(tx, id));
  PHX_CO_TRY(const pg::Rows counted, co_await tx.execute(sql::incident::alerts_of_incident, pg::Params::of(id)));
  const auto total = counted.get<std::int64_t>(0, "total");
  const auto firing = counted.get<std::int64_t>(0, "firing");
  Change change = follow_alerts(stored.incident, total > 0, static_cast<int>(firing), clock_.now(), policy_);
  if (!change.changed()) co_return Status();
  stored.incident = std::move(change.incident);
  co_return co_await store(tx, stored, std::move(change.lines));
}

asio::awaitable<Status> Incidents::alert_event(pg::Transaction& tx, std::optional<Uuid> tenant, Uuid id,
                                               engine::ChangeKind kind, std::int64_t version) {
  engine::Event event{"Alert", id, tenant, kind, version, {}};
  co_return co_await engine::record_event(tx, std::move(event));
}

}  // namespace phx::incident
