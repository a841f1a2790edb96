#pragma once
/// The incident domain: alerts in, incidents out, and the room to handle them. Signals come from Alertmanager's webhook
/// and from the platform's own knowledge of its machines; both are durable before they are acknowledged, exact under
/// duplicates, and walled by tenant.
///
/// Errors: "incident.not_found", "incident.illegal_transition", "incident.reason_required", "incident.bad_title",
/// "incident.bad_text", "incident.no_guest", "incident.resolved", "alertmanager.malformed", "alertmanager.version", and
/// those of compute's intents.

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <map>
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
  struct Altered;
  struct Joined;
  struct Declaration;
  static boost::json::object picture(const Stored& stored);
  asio::awaitable<Result<boost::json::object>> declare_by_hand(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> take(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> update(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> move(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> note(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> restart_guest(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::value>> report(api::QueryContext& context, boost::json::object args);
  asio::awaitable<net::Response> webhook(api::HttpCall call, api::TenantDirectory& tenants);
  asio::awaitable<Result<engine::WorkResult>> watch(engine::WorkContext context);

  /// Takes alerts in a transaction of the caller's, by a number of statements that does not depend on how many they
  /// are.
  asio::awaitable<Status> take_all(pg::Transaction& tx, std::optional<Uuid> tenant, std::vector<IncomingAlert> alerts);
  /// Inserts them, or finds the open ones with the same correlation keys (each key once). The ids, in their order.
  asio::awaitable<Result<std::vector<Uuid>>> declare_all(pg::Transaction& tx, std::optional<Uuid> tenant,
                                                         std::vector<Declaration> wanted);
  asio::awaitable<Result<std::map<std::string, Uuid>>> open_by_key(pg::Transaction& tx, std::optional<Uuid> tenant,
                                                                   std::vector<std::string> keys);
  asio::awaitable<Result<Stored>> lock(pg::Transaction& tx, Uuid id);
  /// In the order of their ids; those that exist.
  asio::awaitable<Result<std::vector<Stored>>> lock_all(pg::Transaction& tx, std::vector<Uuid> ids);
  asio::awaitable<Status> store(pg::Transaction& tx, const Stored& stored, std::vector<Line> lines);
  /// All of one tenant.
  asio::awaitable<Status> store_all(pg::Transaction& tx, std::vector<Altered> altered);
  asio::awaitable<Status> add_line(pg::Transaction& tx, std::optional<Uuid> tenant, Uuid incident, Line line);
  asio::awaitable<Status> add_lines(pg::Transaction& tx, std::optional<Uuid> tenant,
                                    std::vector<std::pair<Uuid, Line>> lines);
  /// Lets the incidents follow their alerts as they are now, and rise with the graver ones that joined.
  asio::awaitable<Status> follow_all(pg::Transaction& tx, std::optional<Uuid> tenant, std::vector<Uuid> ids,
                                     std::map<Uuid, Joined> joined);
  /// The probe's alerts about a machine end; `line` says so in their incidents.
  asio::awaitable<Status> end_probe_alerts(pg::Transaction& tx, Uuid tenant, Uuid machine, std::string line);

  pg::Database& database_;
  const Clock& clock_;
  UuidSource& ids_;
  IncidentPolicy policy_;
  std::function<void()> nudge_;
};

}  // namespace phx::incident
