#pragma once
/// The incident domain: alerts in, incidents out, and the room to handle them. Signals come from Alertmanager's webhook
/// and from the platform's own knowledge of its machines; both are durable before they are acknowledged, exact under
/// duplicates, and walled by tenant.
///
/// Errors: "incident.not_found", "incident.illegal_transition", "incident.reason_required", "incident.bad_title",
/// "incident.no_guest", "alertmanager.malformed", "alertmanager.version", and those of compute's intents.

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <string>

#include "api/middleware.hpp"
#include "api/registry.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "domains/compute/compute.hpp"
#include "domains/incident/alertmanager.hpp"
#include "domains/incident/incident_machine.hpp"
#include "domains/incident/report.hpp"
#include "engine/events.hpp"
#include "engine/work_queue.hpp"
#include "pg/database.hpp"

namespace phx::incident {

/// Incidents whose watch may have ended; a key is an incident's id.
inline constexpr std::string_view kIncidentQueue = "incident.watch";

class Incidents final : public compute::MachineWatcher {
 public:
  Incidents(pg::Database& database, const Clock& clock, UuidSource& ids, IncidentPolicy policy);

  /// Mutations, the report, and POST /webhooks/alertmanager. `nudge` is called after a webhook's commit.
  void register_with(api::Registry& registry, api::Router& router, api::TenantDirectory& tenants,
                     std::function<void()> nudge);
  /// The watch of Monitoring.
  void work_with(engine::Worker& worker);

  /// Takes one delivery in one transaction: all of it or nothing. `tenant` empty: the platform's own.
  asio::awaitable<Status> take_alerts(std::optional<Uuid> tenant, std::vector<IncomingAlert> alerts);

  // compute::MachineWatcher
  asio::awaitable<Status> machine_changed(pg::Transaction& tx, compute::MachineSignal signal) override;
  asio::awaitable<Status> machine_operation_ended(pg::Transaction& tx, Uuid machine, Uuid tenant, std::string kind,
                                                  std::string outcome, std::string reason) override;
  asio::awaitable<Status> machine_deleted(pg::Transaction& tx, Uuid machine, Uuid tenant, std::string name) override;

 private:
  struct Stored;
  struct Declaration;
  asio::awaitable<Result<boost::json::object>> declare_by_hand(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> take(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> update(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> move(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> note(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> restart_guest(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::value>> report(api::QueryContext& context, boost::json::object args);
  asio::awaitable<net::Response> webhook(api::HttpCall call, api::TenantDirectory& tenants);
  asio::awaitable<Result<engine::WorkResult>> watch(engine::WorkContext context);

  /// Inserts it, or finds the open one with the same correlation key. The id, and whether it is new.
  asio::awaitable<Result<std::pair<Uuid, bool>>> declare(pg::Transaction& tx, Declaration wanted);
  asio::awaitable<Status> take_alert(pg::Transaction& tx, std::optional<Uuid> tenant, IncomingAlert alert);
  asio::awaitable<Result<Stored>> lock(pg::Transaction& tx, Uuid id);
  asio::awaitable<Status> store(pg::Transaction& tx, const Stored& stored, std::vector<Line> lines);
  asio::awaitable<Status> add_line(pg::Transaction& tx, std::optional<Uuid> tenant, Uuid incident, Line line);
  /// Lets the incident follow its alerts as they are now.
  asio::awaitable<Status> follow(pg::Transaction& tx, Uuid id);
  asio::awaitable<Status> alert_event(pg::Transaction& tx, std::optional<Uuid> tenant, Uuid id, engine::ChangeKind kind,
                                      std::int64_t version);

  pg::Database& database_;
  const Clock& clock_;
  UuidSource& ids_;
  IncidentPolicy policy_;
  std::function<void()> nudge_;
};

}  // namespace phx::incident
