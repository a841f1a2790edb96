// What people do with incidents: declare, take, move, note, act, report.
#include "domains/incident/incident.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/log.hpp"
#include "domains/incident/incident_store.hpp"
#include "domains/incident/sql.gen.hpp"
#include "domains/incident/text.hpp"

namespace phx::incident {
namespace json = boost::json;
namespace {

constexpr std::size_t kReasonMax = 1'000;
constexpr std::size_t kServiceMax = 200;
constexpr std::size_t kKeyMax = 200;
constexpr std::size_t kServicesMax = 50;

std::optional<std::string> text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

Result<Uuid> id_argument(const json::object& args) {
  const auto id = Uuid::parse(text(args, "id").value_or(""));
  if (!id) return not_found("incident.not_found", "There is no such incident.").with_field("id");
  return *id;
}

Result<std::vector<std::string>> services(const json::object& input) {
  std::vector<std::string> out;
  const auto* list = input.if_contains("affectedServices");
  if (!list || !list->is_array()) return out;
  if (list->get_array().size() > kServicesMax)
    return invalid_argument("incident.bad_text", "input.affectedServices", "At most 50 services.");
  for (const auto& item : list->get_array()) {
    out.emplace_back(item.as_string());
    PHX_CHECK(check_line(out.back(), "input.affectedServices", kServiceMax));
  }
  return out;
}

json::object answer(Uuid incident) { return {{"incident", incident.to_string()}}; }

}  // namespace

/// All that people can change of an incident, for the audit trail.
json::object Incidents::picture(const Stored& stored) {
  const auto& incident = stored.incident;
  return {{"title", stored.title},
          {"severity", to_string(incident.severity)},
          {"status", to_string(incident.status)},
          {"commander", incident.commander ? json::value(*incident.commander) : json::value()},
          {"affectedServices", json::array(stored.affected_services.begin(), stored.affected_services.end())},
          {"impact", stored.impact},
          {"rootCause", stored.root_cause},
          {"resolution", stored.resolution}};
}

Incidents::Incidents(pg::Database& database, const Clock& clock, UuidSource& ids, IncidentPolicy policy)
    : database_(database), clock_(clock), ids_(ids), policy_(policy) {}

void Incidents::register_with(api::Registry& registry, api::Router& router, api::TenantDirectory& tenants,
                              std::function<void()> nudge) {
  nudge_ = std::move(nudge);
  using Context = api::MutationContext;
  registry.mutation("declareIncident", [this](Context& c, json::object a) { return declare_by_hand(c, std::move(a)); });
  registry.mutation("acknowledgeIncident", [this](Context& c, json::object a) { return take(c, std::move(a)); });
  registry.mutation("updateIncident", [this](Context& c, json::object a) { return update(c, std::move(a)); });
  registry.mutation("setIncidentStatus", [this](Context& c, json::object a) { return move(c, std::move(a)); });
  registry.mutation("addIncidentNote", [this](Context& c, json::object a) { return note(c, std::move(a)); });
  registry.mutation("restartIncidentGuest",
                    [this](Context& c, json::object a) { return restart_guest(c, std::move(a)); });
  registry.query("incidentReport", [this](api::QueryContext& c, json::object a) { return report(c, std::move(a)); });
  router.add("POST", "/webhooks/alertmanager", api::Auth::kRequired,
             [this, &tenants](api::HttpCall call) { return webhook(std::move(call), tenants); });
}

void Incidents::work_with(engine::Worker& worker) {
  engine::QueueOptions options;
  options.concurrency = 4;
  worker.handle(
      std::string(kIncidentQueue), [this](engine::WorkContext context) { return watch(std::move(context)); }, options);
}

asio::awaitable<Result<json::object>> Incidents::declare_by_hand(api::MutationContext& context, json::object args) {
  const auto& input = args.at("input").as_object();
  Declaration wanted;
  std::optional<Uuid> tenant = context.request().tenant;
  wanted.title = text(input, "title").value_or("");
  PHX_CO_CHECK(check_title(wanted.title));
  wanted.severity = severity(text(input, "severity").value_or("")).value_or(Severity::kP2);
  PHX_CO_TRY(wanted.affected_services, services(input));
  wanted.impact = text(input, "impact").value_or("");
  PHX_CO_CHECK(check_text(wanted.impact, "input.impact"));
  if (const auto given = text(input, "virtualMachineId")) {
    const auto missing = [] {
      return not_found("vm.not_found", "There is no such machine.").with_field("input.virtualMachineId");
    };
    const auto id = Uuid::parse(*given);
    if (!id) co_return missing();
    PHX_CO_TRY(const pg::Rows found, co_await context.tx().execute(sql::incident::machine_name, pg::Params::of(*id)));
    if (found.empty()) co_return missing();
    tenant = found.get<Uuid>(0, "tenant_id");
    wanted.machine = *id;
    wanted.machine_name = found.get<std::string>(0, "name");
  }
  wanted.origin = "manual";
  if (const auto key = text(input, "correlationKey"); key && !key->empty()) {
    PHX_CO_CHECK(check_line(*key, "input.correlationKey", kKeyMax));
    wanted.correlation_key = "manual:" + *key;
  }
  wanted.declared_by = context.request().principal.actor();
  wanted.started_at = clock_.now();
  json::object after{
      {"title", wanted.title},
      {"severity", to_string(wanted.severity)},
      {"affectedServices", json::array(wanted.affected_services.begin(), wanted.affected_services.end())},
      {"impact", wanted.impact},
      {"virtualMachine", wanted.machine ? json::value(wanted.machine->to_string()) : json::value()}};
  std::vector<Declaration> one;
  one.push_back(std::move(wanted));
  PHX_CO_TRY(const auto declared, co_await declare_all(context.tx(), tenant, std::move(one)));
  context.audit("Incident", declared.front(), nullptr, std::move(after));
  co_return answer(declared.front());
}

asio::awaitable<Result<json::object>> Incidents::take(api::MutationContext& context, json::object args) {
  PHX_CO_TRY(const Uuid id, id_argument(args));
  PHX_CO_TRY(Stored stored, co_await lock(context.tx(), id));
  const auto before = picture(stored);
  Change change = acknowledge(stored.incident, context.request().principal.actor(), clock_.now());
  if (change.changed()) {
    stored.incident = std::move(change.incident);
    PHX_CO_CHECK(co_await store(context.tx(), stored, std::move(change.lines)));
  }
  context.audit("Incident", id, before, picture(stored));
  co_return answer(id);
}

asio::awaitable<Result<json::object>> Incidents::update(api::MutationContext& context, json::object args) {
  PHX_CO_TRY(const Uuid id, id_argument(args));
  const auto& input = args.at("input").as_object();
  PHX_CO_TRY(Stored stored, co_await lock(context.tx(), id));
  const auto before = picture(stored);
  const std::string actor = context.request().principal.actor();
  std::vector<Line> lines;
  if (const auto wanted = severity(text(input, "severity").value_or(""))) {
    const std::string reason = text(input, "reason").value_or("");
    if (!blank(reason)) PHX_CO_CHECK(check_line(reason, "input.reason", kReasonMax));
    PHX_CO_TRY(Change change, set_severity(stored.incident, *wanted, reason, actor, clock_.now()));
    stored.incident = std::move(change.incident);
    lines = std::move(change.lines);
  }
  const auto set = [&](std::string_view key, std::string& field, std::string_view label) -> Status {
    auto value = text(input, key);
    if (!value || *value == field) return {};
    PHX_CHECK(check_text(*value, "input." + std::string(key)));
    field = std::move(*value);
    lines.push_back({"note", std::string(label) + ": " + field, actor});
    return {};
  };
  if (const auto title = text(input, "title")) PHX_CO_CHECK(check_title(*title));
  PHX_CO_CHECK(set("title", stored.title, "Title"));
  PHX_CO_CHECK(set("impact", stored.impact, "Impact"));
  PHX_CO_CHECK(set("rootCause", stored.root_cause, "Root cause"));
  // Whoever writes the cause down has found it: the report's moment must not stay "not yet" beside it.
  if (!stored.root_cause.empty() && !stored.incident.identified_at) stored.incident.identified_at = clock_.now();
  PHX_CO_CHECK(set("resolution", stored.resolution, "Resolution"));
  if (const auto* list = input.if_contains("affectedServices"); list && list->is_array()) {
    PHX_CO_TRY(stored.affected_services, services(input));
    std::string names;
    for (const auto& name : stored.affected_services) names += (names.empty() ? "" : ", ") + name;
    lines.push_back({"note", "Affected services: " + names, actor});
  }
  if (!lines.empty()) PHX_CO_CHECK(co_await store(context.tx(), stored, std::move(lines)));
  context.audit("Incident", id, before, picture(stored));
  co_return answer(id);
}

asio::awaitable<Result<json::object>> Incidents::move(api::MutationContext& context, json::object args) {
  PHX_CO_TRY(const Uuid id, id_argument(args));
  const auto to = incident_status(text(args, "status").value_or("")).value_or(IncidentStatus::kInvestigating);
  const std::string note_text = text(args, "note").value_or("");
  PHX_CO_CHECK(check_text(note_text, "note"));
  PHX_CO_TRY(Stored stored, co_await lock(context.tx(), id));
  const auto before = picture(stored);
  PHX_CO_TRY(Change change,
             set_status(stored.incident, to, note_text, context.request().principal.actor(), clock_.now(), policy_));
  if (change.changed()) {
    stored.incident = std::move(change.incident);
    PHX_CO_CHECK(co_await store(context.tx(), stored, std::move(change.lines)));
  }
  context.audit("Incident", id, before, picture(stored));
  co_return answer(id);
}

asio::awaitable<Result<json::object>> Incidents::note(api::MutationContext& context, json::object args) {
  PHX_CO_TRY(const Uuid id, id_argument(args));
  const std::string body = text(args, "body").value_or("");
  PHX_CO_CHECK(check_text(body, "body"));
  if (blank(body)) co_return invalid_argument("incident.bad_text", "body", "The note is empty.");
  PHX_CO_TRY(const Stored stored, co_await lock(context.tx(), id));
  PHX_CO_CHECK(co_await add_line(context.tx(), stored.tenant, id, {"note", body, context.request().principal.actor()}));
  context.audit("Incident", id, nullptr, json::object{{"note", body}});
  co_return answer(id);
}

asio::awaitable<Result<json::object>> Incidents::restart_guest(api::MutationContext& context, json::object args) {
  PHX_CO_TRY(const Uuid id, id_argument(args));
  PHX_CO_TRY(Stored stored, co_await lock(context.tx(), id));
  // A resolved incident's guest is well, as far as we know: nobody resets a healthy machine through old paper.
  if (!stored.incident.open())
    co_return Error(Code::kFailedPrecondition, "incident.resolved",
                    stored.reference + " is resolved; its guest is not restarted through it.")
        .with_field("id")
        .with_next_action("Set it to Investigating first, or restart the machine itself.");
  if (!stored.machine)
    co_return Error(Code::kFailedPrecondition, "incident.no_guest",
                    "This incident concerns no guest that still exists.")
        .with_field("id");
  const std::string actor = context.request().principal.actor();
  // Whoever acts has responded.
  Change change = acknowledge(stored.incident, actor, clock_.now());
  change.lines.push_back({"action", "Restart guest " + stored.machine_name, actor});
  stored.incident = std::move(change.incident);
  PHX_CO_CHECK(co_await store(context.tx(), stored, std::move(change.lines)));
  PHX_CO_TRY(const auto intended, co_await compute::request_intent(context.tx(), context.ids(), *stored.machine,
                                                                   compute::Intent::kRestart, actor));
  context.audit("Incident", id, nullptr, json::object{{"restart", stored.machine->to_string()}});
  co_return json::object{{"incident", id.to_string()}, {"operation", intended.operation.to_string()}};
}

asio::awaitable<Result<json::value>> Incidents::report(api::QueryContext& context, json::object args) {
  PHX_CO_TRY(const Uuid id, id_argument(args));
  const auto scope = context.request.tenant ? pg::Scope::of_tenant(*context.request.tenant) : pg::Scope::platform();
  std::vector<pg::Query> queries;
  queries.push_back({sql::incident::incident_read, pg::Params::of(id)});
  queries.push_back({sql::incident::entries_of_incident, pg::Params::of(id)});
  queries.push_back({sql::incident::alert_names_of_incident, pg::Params::of(id)});
  PHX_CO_TRY(const auto found,
             co_await context.database.read_many(scope, std::move(queries), Deadline::after(std::chrono::seconds(10))));
  if (found[0].empty()) co_return not_found("incident.not_found", "There is no such incident.").with_field("id");
  const Stored stored = Stored::from(found[0][0]);
  ReportFacts facts;
  facts.reference = stored.reference;
  facts.title = stored.title;
  facts.incident = stored.incident;
  facts.affected_services = stored.affected_services;
  facts.impact = stored.impact;
  facts.root_cause = stored.root_cause;
  facts.resolution = stored.resolution;
  facts.virtual_machine = stored.machine_name;
  for (const auto row : found[1])
    facts.timeline.push_back({row.get<Instant>("at"), row.get<std::string>("kind"), row.get<std::string>("body"),
                              row.get<std::string>("actor")});
  for (const auto row : found[2]) facts.alerts.push_back(row.get<std::string>(0));
  if (stored.tenant) {
    PHX_CO_TRY(const pg::Rows tenant,
               co_await context.database.read(scope, sql::incident::tenant_facts, pg::Params::of(*stored.tenant),
                                              Deadline::after(std::chrono::seconds(5))));
    if (!tenant.empty()) {
      facts.tenant = tenant.get<std::string>(0, "name");
      facts.members = static_cast<int>(tenant.get<std::int64_t>(0, "members"));
    }
  }
  co_return json::value(render_report(facts, clock_.now()));
}

}  // namespace phx::incident
