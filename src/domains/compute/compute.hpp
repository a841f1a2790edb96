#pragma once
/// The compute domain: virtual machines and images. Mutations store what is wanted, reserve quota and create an
/// operation, in one transaction; the MachineWorker makes it so (see reconciler.hpp). This header is what others may
/// call.
///
/// Errors: "vm.not_found", "vm.name_taken", "vm.bad_name", "vm.deleting", "vm.not_running", "image.not_found",
/// "image.not_ready", "image.name_taken", "image.bad_name", "image.bad_format", "image.in_use", "image.built_in",
/// "guest.known", "vm.port_taken", "quota.exceeded". What only the host can tell fails the operation.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "api/live_connections.hpp"
#include "api/middleware.hpp"
#include "api/registry.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/task_scope.hpp"
#include "base/uuid.hpp"
#include "domains/compute/hypervisor.hpp"
#include "domains/compute/image_worker.hpp"
#include "domains/compute/intent.hpp"
#include "domains/compute/reconciler.hpp"
#include "engine/work_queue.hpp"
#include "pg/database.hpp"

namespace phx::compute {

/// The queue of machines to reconcile; a key is a machine's id.
inline constexpr std::string_view kMachineQueue = "compute.machine";
/// The queue of images to import or to remove; a key is an image's id.
inline constexpr std::string_view kImageQueue = "compute.image";
/// The SDL types, in events, operations and audit rows.
inline constexpr std::string_view kMachineType = "VirtualMachine";
inline constexpr std::string_view kImageType = "Image";
/// The queue of guests that no record knows and somebody wants gone; a key is a guest's id.
inline constexpr std::string_view kUnknownQueue = "compute.unknown";
inline constexpr std::string_view kUnknownType = "UnknownGuest";

/// What a watcher is told about a machine, in the transaction that changes it: so a signal is neither lost nor early.
struct MachineSignal {
  Uuid id;
  Uuid tenant;
  std::string name;
  MachineState before;
  MachineState after;
  std::string reason;
  std::string next_action;
};

/// Implemented by who must know (incidents); wired by the application.
class MachineWatcher {
 public:
  virtual ~MachineWatcher() = default;
  virtual asio::awaitable<Status> machine_changed(pg::Transaction& tx, MachineSignal signal) = 0;
  /// An operation asked for by a person or a rule has ended.
  virtual asio::awaitable<Status> machine_operation_ended(pg::Transaction& tx, Uuid machine, Uuid tenant,
                                                          std::string kind, std::string outcome,
                                                          std::string reason) = 0;
  /// The machine is gone for good.
  virtual asio::awaitable<Status> machine_deleted(pg::Transaction& tx, Uuid machine, Uuid tenant, std::string name) = 0;
};

/// What became of a request.
struct Intended {
  Uuid operation;
  MachineState state;   ///< as it was found
  DesiredState before;  ///< what had been wanted until now
  DesiredState after;
};

/// Stores the intent, supersedes older operations of the machine and creates a new one. The caller's transaction
/// decides the scope; a machine that the scope does not show is "vm.not_found".
asio::awaitable<Result<Intended>> request_intent(pg::Transaction& tx, UuidSource& ids, Uuid machine, Intent intent,
                                                 std::string requested_by);

struct ComputeSettings {
  ReconcilePolicy policy;
  std::string site_name = "local";
  /// Every machine is looked at so often, besides the hypervisor's hints.
  Duration probe_every = std::chrono::seconds(5);
};

class Compute {
 public:
  Compute(pg::Database& database, Hypervisor& hypervisor, const Clock& clock, ComputeSettings settings);

  /// Mutations, computed fields, and the console's WebSocket route.
  void register_with(api::Registry& registry, api::Router& router, api::TenantDirectory& tenants,
                     api::LiveConnections& live);

  /// Puts a locally built image into the catalogue, or refreshes it. For start-up.
  asio::awaitable<Status> ensure_image(std::string name, std::string description, ImageFile image, UuidSource& ids);

 private:
  asio::awaitable<Result<boost::json::object>> create(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> change(api::MutationContext& context, Intent intent,
                                                      boost::json::object args);
  asio::awaitable<Result<boost::json::object>> import_image(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::value>> list_unknown(api::QueryContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> remove_unknown(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> delete_image(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<std::vector<boost::json::value>>> usage(api::FieldBatch& batch);
  asio::awaitable<net::UpgradeDecision> console(api::HttpCall call, api::TenantDirectory& tenants,
                                                api::LiveConnections& live);
  void add_change(api::Registry& registry, std::string name, Intent intent);

  pg::Database& database_;
  Hypervisor& hypervisor_;
  const Clock& clock_;
  ComputeSettings settings_;
  struct Sample {
    double cpu_seconds;
    Duration at;
  };
  std::map<Uuid, Sample> samples_;  // for cpuLoad; bounded by the machines asked about
};

/// The guests on this host that no record knows. Our own protocol leaves none: a record is committed before its guest
/// is made and removed after it is gone. So one means that the database is older than the host (a restore), and it is
/// told to people, never removed by itself. One that is being removed with its record is not among them.
asio::awaitable<Result<std::vector<FoundGuest>>> unknown_guests(pg::Database& database, pg::Scope scope,
                                                                Hypervisor& hypervisor);

/// Makes what is wanted so, for the machines of this host.
class MachineWorker {
 public:
  MachineWorker(pg::Database& database, Hypervisor& hypervisor, MachineWatcher& watcher, const Clock& clock,
                ComputeSettings settings);

  /// Adds the queues of machines and of images to the worker.
  void work_with(engine::Worker& worker);
  /// Enqueues every machine now and then, and at once when the hypervisor hints at a change. Until cancelled.
  asio::awaitable<void> probe();
  /// The host itself has just started, or was taken down on purpose: what was meant to run is started again, each as an
  /// operation of its own. Never called after a mere restart of the server, when a missing guest is a lost one.
  asio::awaitable<Result<int>> start_after_host(UuidSource& ids);
  /// unknown_guests(), named in the log.
  asio::awaitable<Result<std::vector<FoundGuest>>> find_orphans();

 private:
  struct Row;
  asio::awaitable<Result<engine::WorkResult>> reconcile(engine::WorkContext context);
  asio::awaitable<Result<engine::WorkResult>> remove_unknown(engine::WorkContext context);
  asio::awaitable<Status> perform(Action action, const GuestSpec& spec);
  asio::awaitable<Result<std::optional<Row>>> load(pg::Transaction& tx, Uuid id);
  asio::awaitable<Status> store(pg::Transaction& tx, const Row& before, Row& after);
  asio::awaitable<Status> forget(const engine::ClaimedWork& work, Uuid id);
  asio::awaitable<Status> tell(pg::Transaction& tx, const GuestSpec& spec, const std::vector<OperationChange>& changes);
  asio::awaitable<Status> enqueue_all();
  asio::awaitable<void> hinted(Uuid id);

  pg::Database& database_;
  Hypervisor& hypervisor_;
  MachineWatcher& watcher_;
  const Clock& clock_;
  ComputeSettings settings_;
  ImageWorker images_;
  std::vector<Uuid> hints_;
  std::unique_ptr<asio::steady_timer> wake_;
};

}  // namespace phx::compute
