// Loading, storing and declaring: what signals and people have in common.
#include "domains/incident/incident_store.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "domains/incident/sql.gen.hpp"
#include "engine/bulk.hpp"
#include "engine/events.hpp"

namespace phx::incident {
namespace json = boost::json;
namespace {

json::value time(Instant at) { return json::value(format_instant(at)); }
json::value time(const std::optional<Instant>& at) { return at ? time(*at) : json::value(); }

}  // namespace

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

asio::awaitable<Result<std::vector<Incidents::Stored>>> Incidents::lock_all(pg::Transaction& tx,
                                                                            std::vector<Uuid> ids) {
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::incident::incidents_lock, pg::Params::of(ids)));
  std::vector<Stored> out;
  for (const auto row : rows) out.push_back(Stored::from(row));
  co_return out;
}

asio::awaitable<Result<Incidents::Stored>> Incidents::lock(pg::Transaction& tx, Uuid id) {
  PHX_CO_TRY(auto found, co_await lock_all(tx, {id}));
  if (found.empty()) co_return not_found("incident.not_found", "There is no such incident.").with_field("id");
  co_return std::move(found.front());
}

asio::awaitable<Status> Incidents::add_lines(pg::Transaction& tx, std::optional<Uuid> tenant,
                                             std::vector<std::pair<Uuid, Line>> lines) {
  if (lines.empty()) co_return Status();
  std::vector<Uuid> ids;
  std::vector<Uuid> incidents;
  std::vector<std::string> kinds;
  std::vector<std::string> bodies;
  std::vector<std::string> actors;
  std::vector<engine::Event> events;
  for (auto& [incident, line] : lines) {
    ids.push_back(ids_.next());
    incidents.push_back(incident);
    kinds.emplace_back(line.kind);
    bodies.push_back(std::move(line.body));
    actors.push_back(std::move(line.actor));
    events.push_back({"IncidentEntry", ids.back(), tenant, engine::ChangeKind::kCreated, 1, {}});
  }
  PHX_CO_CHECK(co_await tx.execute(sql::incident::entries_insert,
                                   pg::Params::of(tenant, ids, incidents, kinds, bodies, actors)));
  co_return co_await engine::record_events(tx, tenant, std::move(events));
}

asio::awaitable<Status> Incidents::add_line(pg::Transaction& tx, std::optional<Uuid> tenant, Uuid incident, Line line) {
  std::vector<std::pair<Uuid, Line>> lines;
  lines.emplace_back(incident, std::move(line));
  co_return co_await add_lines(tx, tenant, std::move(lines));
}

asio::awaitable<Status> Incidents::store_all(pg::Transaction& tx, std::vector<Altered> altered) {
  if (altered.empty()) co_return Status();
  const std::optional<Uuid> tenant = altered.front().stored.tenant;
  json::array rows;
  std::map<Instant, std::vector<std::string>> watches;
  std::vector<std::pair<Uuid, Line>> lines;
  for (auto& [stored, added] : altered) {
    const Incident& i = stored.incident;
    rows.push_back({{"id", stored.id.to_string()},
                    {"severity", to_string(i.severity)},
                    {"status", to_string(i.status)},
                    {"commander", i.commander ? json::value(*i.commander) : json::value()},
                    {"response_due_at", time(i.response_due_at)},
                    {"responded_at", time(i.responded_at)},
                    {"resolution_due_at", time(i.resolution_due_at)},
                    {"identified_at", time(i.identified_at)},
                    {"monitoring_since", time(i.monitoring_since)},
                    {"monitoring_until", time(i.monitoring_until)},
                    {"resolved_at", time(i.resolved_at)},
                    {"relapses", i.relapses},
                    {"title", stored.title},
                    {"affected_services", json::value_from(stored.affected_services)},
                    {"impact", stored.impact},
                    {"root_cause", stored.root_cause},
                    {"resolution", stored.resolution}});
    if (i.monitoring_until) watches[*i.monitoring_until].push_back(stored.id.to_string());
    for (auto& line : added) lines.emplace_back(stored.id, std::move(line));
  }
  pg::Params params;
  params.add_json(std::string_view(json::serialize(rows)));
  PHX_CO_TRY(const pg::Rows stored, co_await tx.execute(sql::incident::incidents_store, std::move(params)));
  PHX_CO_CHECK(co_await add_lines(tx, tenant, std::move(lines)));
  for (auto& [until, keys] : watches)
    PHX_CO_CHECK(co_await engine::enqueue_all(tx, tenant, std::string(kIncidentQueue), std::move(keys), until));
  std::vector<engine::Event> events;
  for (const auto row : stored)
    events.push_back(
        {"Incident", row.get<Uuid>("id"), tenant, engine::ChangeKind::kUpdated, row.get<std::int32_t>("version"), {}});
  co_return co_await engine::record_events(tx, tenant, std::move(events));
}

asio::awaitable<Status> Incidents::store(pg::Transaction& tx, const Stored& stored, std::vector<Line> lines) {
  std::vector<Altered> one;
  one.push_back({stored, std::move(lines)});
  co_return co_await store_all(tx, std::move(one));
}

asio::awaitable<Result<std::map<std::string, Uuid>>> Incidents::open_by_key(pg::Transaction& tx,
                                                                            std::optional<Uuid> tenant,
                                                                            std::vector<std::string> keys) {
  std::map<std::string, Uuid> out;
  if (keys.empty()) co_return out;
  PHX_CO_TRY(const pg::Rows rows,
             co_await tx.execute(sql::incident::incidents_open_by_key, pg::Params::of(tenant, keys)));
  for (const auto row : rows) out.emplace(row.get<std::string>("correlation_key"), row.get<Uuid>("id"));
  co_return out;
}

asio::awaitable<Result<std::vector<Uuid>>> Incidents::declare_all(pg::Transaction& tx, std::optional<Uuid> tenant,
                                                                  std::vector<Declaration> wanted) {
  std::vector<std::string> keys;
  for (const auto& one : wanted)
    if (one.correlation_key) keys.push_back(*one.correlation_key);
  PHX_CO_TRY(auto open, co_await open_by_key(tx, tenant, std::move(keys)));
  std::vector<Uuid> out(wanted.size());
  std::vector<std::size_t> fresh;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto found = wanted[i].correlation_key ? open.find(*wanted[i].correlation_key) : open.end();
    if (found != open.end())
      out[i] = found->second;
    else
      fresh.push_back(i);
  }
  if (fresh.empty()) co_return out;

  PHX_CO_TRY(const pg::Rows counted,
             co_await tx.execute(sql::incident::incident_next_number,
                                 pg::Params::of(tenant.value_or(Uuid{}), static_cast<std::int32_t>(fresh.size()))));
  auto number = counted.get<std::int32_t>(0, 0) - static_cast<std::int32_t>(fresh.size());
  const Instant now = clock_.now();
  json::array rows;
  for (const auto index : fresh) {
    const Declaration& one = wanted[index];
    const Incident i = incident::declare(one.severity, std::min(one.started_at, now), now);
    out[index] = ids_.next();
    ++number;
    rows.push_back({{"id", out[index].to_string()},
                    {"number", number},
                    {"reference", "INC-" + std::to_string(number)},
                    {"title", one.title},
                    {"severity", to_string(i.severity)},
                    {"affected_services", json::value_from(one.affected_services)},
                    {"impact", one.impact},
                    {"channel", channel_name(one.title, now)},
                    {"machine", one.machine ? json::value(one.machine->to_string()) : json::value()},
                    {"machine_name", one.machine_name},
                    {"origin", one.origin},
                    {"correlation_key", one.correlation_key ? json::value(*one.correlation_key) : json::value()},
                    {"declared_by", one.declared_by},
                    {"started_at", time(i.started_at)},
                    {"declared_at", time(i.declared_at)},
                    {"response_due_at", time(i.response_due_at)},
                    {"resolution_due_at", time(i.resolution_due_at)}});
  }
  auto params = pg::Params::of(tenant);
  params.add_json(std::string_view(json::serialize(rows)));
  PHX_CO_TRY(const pg::Rows inserted, co_await tx.execute(sql::incident::incidents_insert, std::move(params)));
  std::set<Uuid> made;
  for (const auto row : inserted) made.insert(row.get<Uuid>(0));

  std::vector<std::pair<Uuid, Line>> lines;
  std::vector<engine::Event> events;
  std::vector<std::string> lost;
  for (const auto index : fresh) {
    const Declaration& one = wanted[index];
    if (!made.contains(out[index])) {
      lost.push_back(one.correlation_key.value_or(""));
      continue;
    }
    std::string body = "Declared " + std::string(to_string(one.severity)) + ": " + one.title;
    if (!one.impact.empty()) body += ". Impact: " + one.impact;
    lines.emplace_back(out[index], Line{"declared", std::move(body), one.declared_by});
    events.push_back({"Incident", out[index], tenant, engine::ChangeKind::kCreated, 1, {}});
  }
  if (!lost.empty()) {
    // Somebody declared them between our look and our insert, and has committed since.
    PHX_CO_TRY(open, co_await open_by_key(tx, tenant, std::move(lost)));
    for (const auto index : fresh) {
      if (made.contains(out[index])) continue;
      const auto found = open.find(wanted[index].correlation_key.value_or(""));
      if (found == open.end())
        co_return Error(Code::kAborted, "incident.race", "The incident changed meanwhile; try again.");
      out[index] = found->second;
    }
  }
  PHX_CO_CHECK(co_await add_lines(tx, tenant, std::move(lines)));
  PHX_CO_CHECK(co_await engine::record_events(tx, tenant, std::move(events)));
  co_return out;
}

asio::awaitable<Status> Incidents::follow_all(pg::Transaction& tx, std::optional<Uuid> tenant, std::vector<Uuid> ids,
                                              std::map<Uuid, Joined> joined) {
  if (ids.empty()) co_return Status();
  PHX_CO_TRY(auto found, co_await lock_all(tx, ids));
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::incident::alerts_of_incidents, pg::Params::of(tenant, ids)));
  std::map<Uuid, std::pair<std::int64_t, std::int64_t>> counts;
  for (const auto row : rows)
    counts[row.get<Uuid>("incident_id")] = {row.get<std::int64_t>("total"), row.get<std::int64_t>("firing")};
  std::vector<Altered> altered;
  for (auto& stored : found) {
    const auto [total, firing] = counts[stored.id];
    Change change = follow_alerts(stored.incident, total > 0, static_cast<int>(firing), clock_.now(), policy_);
    if (const auto graver = joined.find(stored.id); graver != joined.end()) {
      Change raised =
          raise_severity(change.incident, graver->second.severity, "alert " + graver->second.name, clock_.now());
      change.incident = std::move(raised.incident);
      for (auto& line : raised.lines) change.lines.push_back(std::move(line));
    }
    if (!change.changed()) continue;
    stored.incident = std::move(change.incident);
    altered.push_back({std::move(stored), std::move(change.lines)});
  }
  co_return co_await store_all(tx, std::move(altered));
}

}  // namespace phx::incident
