#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <set>

#include "base/crash_point.hpp"
#include "base/log.hpp"
#include "domains/compute/compute.hpp"
#include "domains/compute/sql.gen.hpp"
#include "engine/events.hpp"
#include "engine/operations.hpp"
#include "engine/quota.hpp"

namespace phx::compute {
namespace json = boost::json;
namespace {

using engine::WorkResult;

/// One reconciliation takes at most so many actions before it lets others have a turn.
constexpr int kStepsMax = 12;
constexpr auto kDatabaseLimit = std::chrono::seconds(10);

Deadline soon() { return Deadline::after(kDatabaseLimit); }

std::optional<ImageFormat> image_format(std::string_view name) {
  for (const auto format : {ImageFormat::kMicro, ImageFormat::kQcow2, ImageFormat::kRaw})
    if (to_string(format) == name) return format;
  return std::nullopt;
}

std::vector<PortForward> port_forwards(std::string_view text) {
  std::vector<PortForward> out;
  const json::value parsed = json::parse(text);
  for (const auto& item : parsed.as_array()) {
    PortForward forward;
    forward.host_port = static_cast<int>(item.at("hostPort").as_int64());
    forward.guest_port = static_cast<int>(item.at("guestPort").as_int64());
    forward.protocol = item.at("protocol").as_string() == "udp" ? Protocol::kUdp : Protocol::kTcp;
    out.push_back(forward);
  }
  return out;
}

std::optional<std::string> text_or_null(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace

/// A machine as stored, with what the hypervisor needs to make it.
struct MachineWorker::Row {
  GuestSpec spec;
  Machine machine;
  std::optional<std::string> reason;
  std::optional<std::string> next_action;
  std::optional<std::string> provider_state;
  int observed_generation = 0;
  std::optional<Instant> booted_at;
  int version = 0;

  static Row from(pg::RowView row) {
    Row out;
    out.spec.id = row.get<Uuid>("id");
    out.spec.tenant = row.get<Uuid>("tenant_id");
    out.spec.name = row.get<std::string>("name");
    out.spec.vcpus = row.get<std::int32_t>("vcpus");
    out.spec.memory_mib = row.get<std::int32_t>("memory_mib");
    out.spec.disk_mib = std::int64_t{1024} * row.get<std::int32_t>("disk_gib");
    out.spec.ssh_keys = row.get<std::vector<std::string>>("ssh_keys");
    out.spec.user_data = row.get<std::string>("user_data");
    out.spec.port_forwards = port_forwards(row.get<std::string_view>("port_forwards"));
    out.spec.image.format = image_format(row.get<std::string_view>("format")).value();
    out.spec.image.sha256 = row.get<std::string>("sha256");
    out.spec.image.size_bytes = row.get<std::int64_t>("size_bytes");
    out.spec.image.virtual_bytes = row.get<std::int64_t>("virtual_bytes");
    out.spec.image.disk_path = row.get<std::string>("disk_path");
    out.spec.image.kernel_path = row.get<std::string>("kernel_path");
    out.spec.image.initrd_path = row.get<std::string>("initrd_path");
    Machine& m = out.machine;
    m.desired = desired_state(row.get<std::string_view>("desired_state")).value();
    m.state = machine_state(row.get<std::string_view>("state")).value();
    m.generation = row.get<std::int32_t>("generation");
    m.start_generation = row.get<std::int32_t>("start_generation");
    m.started_generation = row.get<std::int32_t>("started_generation");
    m.reset_generation = row.get<std::int32_t>("reset_generation");
    m.reset_done_generation = row.get<std::int32_t>("reset_done_generation");
    m.force_stop = row.get<bool>("force_stop");
    m.provisioned = row.get<bool>("provisioned");
    m.stop_pressed_at = row.get<std::optional<Instant>>("stop_pressed_at");
    m.power_pressed_at = row.get<std::optional<Instant>>("power_pressed_at");
    out.reason = row.get<std::optional<std::string>>("state_reason");
    out.next_action = row.get<std::optional<std::string>>("next_action");
    out.provider_state = row.get<std::optional<std::string>>("provider_state");
    out.observed_generation = row.get<std::int32_t>("observed_generation");
    out.booted_at = row.get<std::optional<Instant>>("booted_at");
    out.version = row.get<std::int32_t>("version");
    return out;
  }

  bool same_facts(const Row& other) const {
    const Machine& a = machine;
    const Machine& b = other.machine;
    return a.desired == b.desired && a.state == b.state && a.start_generation == b.start_generation &&
           a.started_generation == b.started_generation && a.reset_generation == b.reset_generation &&
           a.reset_done_generation == b.reset_done_generation && a.force_stop == b.force_stop &&
           a.provisioned == b.provisioned && a.stop_pressed_at == b.stop_pressed_at &&
           a.power_pressed_at == b.power_pressed_at && reason == other.reason && next_action == other.next_action &&
           provider_state == other.provider_state && observed_generation == other.observed_generation &&
           booted_at == other.booted_at;
  }
};

MachineWorker::MachineWorker(pg::Database& database, Hypervisor& hypervisor, MachineWatcher& watcher,
                             const Clock& clock, ComputeSettings settings)
    : database_(database),
      hypervisor_(hypervisor),
      watcher_(watcher),
      clock_(clock),
      settings_(std::move(settings)),
      images_(database, hypervisor, clock) {
  hypervisor_.on_event([this](const GuestEvent& event) {
    log_event(LogLevel::kDebug, "guest.event", {{"vm", event.id.to_string()}, {"detail", event.detail}});
    hints_.push_back(event.id);
    if (wake_) wake_->cancel();
  });
}

void MachineWorker::work_with(engine::Worker& worker) {
  engine::QueueOptions options;
  options.concurrency = 8;
  // Longer than the longest single call to the hypervisor, so that a slow start does not lose its lease.
  options.lease = std::chrono::seconds(30);
  options.backoff = {std::chrono::milliseconds(500), std::chrono::seconds(30)};
  worker.handle(
      std::string(kMachineQueue), [this](engine::WorkContext context) { return reconcile(std::move(context)); },
      options);
  worker.handle(
      std::string(kUnknownQueue), [this](engine::WorkContext context) { return remove_unknown(std::move(context)); },
      options);
  images_.work_with(worker);
}

asio::awaitable<Result<std::optional<MachineWorker::Row>>> MachineWorker::load(pg::Transaction& tx, Uuid id) {
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::compute::machine_lock, pg::Params::of(id)));
  if (rows.empty()) co_return std::optional<Row>();
  co_return std::optional<Row>(Row::from(rows[0]));
}

asio::awaitable<Status> MachineWorker::store(pg::Transaction& tx, const Row& before, Row& after) {
  if (after.same_facts(before)) {
    PHX_CO_CHECK(co_await tx.execute(sql::compute::machine_seen, pg::Params::of(after.spec.id)));
    co_return Status();
  }
  const Machine& m = after.machine;
  auto params = pg::Params::of(after.spec.id, to_string(m.desired), m.start_generation, m.started_generation,
                               m.reset_generation, m.reset_done_generation, m.force_stop, to_string(m.state),
                               after.reason, after.next_action, after.provider_state, m.provisioned,
                               after.observed_generation, m.stop_pressed_at, after.booted_at, m.power_pressed_at);
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::compute::machine_store, std::move(params)));
  after.version = rows.get<std::int32_t>(0, 0);
  if (m.state != before.machine.state) {
    MachineSignal signal{after.spec.id,
                         after.spec.tenant,
                         after.spec.name,
                         before.machine.state,
                         m.state,
                         after.reason.value_or(""),
                         after.next_action.value_or("")};
    PHX_CO_CHECK(co_await watcher_.machine_changed(tx, std::move(signal)));
  }
  engine::Event event{std::string(kMachineType),    after.spec.id, after.spec.tenant,
                      engine::ChangeKind::kUpdated, after.version, {}};
  co_return co_await engine::record_event(tx, std::move(event));
}

asio::awaitable<Status> MachineWorker::perform(Action action, const GuestSpec& spec) {
  switch (action) {
    case Action::kNone:
    case Action::kForget: co_return Status();
    case Action::kProvision: co_return co_await hypervisor_.provision(spec);
    case Action::kStart: co_return co_await hypervisor_.start(spec);
    case Action::kPowerDown: co_return co_await hypervisor_.power_down(spec.id);
    case Action::kKill: co_return co_await hypervisor_.kill(spec.id);
    case Action::kReset: co_return co_await hypervisor_.reset(spec.id);
    case Action::kPause: co_return co_await hypervisor_.pause(spec.id);
    case Action::kResume: co_return co_await hypervisor_.resume(spec.id);
    case Action::kDestroy: co_return co_await hypervisor_.destroy(spec.id);
  }
  std::unreachable();
}

asio::awaitable<Status> MachineWorker::tell(pg::Transaction& tx, const GuestSpec& spec,
                                            const std::vector<OperationChange>& changes) {
  for (const auto& change : changes)
    for (const auto& event : change.events) {
      PHX_CO_TRY(const auto operation, co_await engine::apply_operation_event(tx, change.id, event));
      if (!engine::is_finished(operation.state)) continue;
      PHX_CO_CHECK(co_await watcher_.machine_operation_ended(tx, spec.id, spec.tenant, change.kind,
                                                             std::string(engine::operation_state_name(operation.state)),
                                                             operation.reason.value_or("")));
      break;
    }
  co_return Status();
}

asio::awaitable<Status> MachineWorker::forget(const engine::ClaimedWork& work, Uuid id) {
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
  PHX_CO_TRY(auto row, co_await load(tx, id));
  if (row) {
    PHX_CO_TRY(const auto live, co_await engine::lock_live_operations(tx, std::string(kMachineType), id));
    PHX_CO_CHECK(co_await tell(tx, row->spec, end_with_machine(live)));
    PHX_CO_CHECK(co_await watcher_.machine_deleted(tx, id, row->spec.tenant, row->spec.name));
    PHX_CO_CHECK(co_await tx.execute(sql::compute::machine_delete, pg::Params::of(id)));
    std::vector<engine::QuotaAmount> returned{{std::string(engine::quota::kVcpus), row->spec.vcpus},
                                              {std::string(engine::quota::kMemoryMib), row->spec.memory_mib},
                                              {std::string(engine::quota::kInstances), 1},
                                              {std::string(engine::quota::kStorageGib), row->spec.disk_mib / 1024}};
    PHX_CO_CHECK(co_await engine::release_quota(tx, row->spec.tenant, std::move(returned)));
    engine::Event event{std::string(kMachineType), id, row->spec.tenant, engine::ChangeKind::kDeleted,
                        row->version + 1,          {}};
    PHX_CO_CHECK(co_await engine::record_event(tx, std::move(event)));
  }
  PHX_CO_CHECK(co_await engine::complete(tx, work));
  co_return co_await tx.commit();
}

asio::awaitable<Result<WorkResult>> MachineWorker::reconcile(engine::WorkContext context) {
  PHX_CO_TRY(const Uuid id, Uuid::parse(context.work.key));
  for (int step = 0; step < kStepsMax; ++step) {
    if (!context.lease->held()) co_return WorkResult::settled();
    const auto seen = co_await hypervisor_.observe(id);

    // Decide under the row's lock, on what is stored now, and write down what will be done before it is done.
    PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
    PHX_CO_TRY(const auto stored, co_await load(tx, id));
    // Locks in everybody's order: the machine, its operations, its work.
    PHX_CO_TRY(const auto live, co_await engine::lock_live_operations(tx, std::string(kMachineType), id));
    if (!stored) {
      // An operation that was taken up again after its machine had gone.
      for (const auto& change : end_with_machine(live))
        PHX_CO_CHECK(co_await engine::apply_operation_event(tx, change.id, change.events.front()));
      PHX_CO_CHECK(co_await engine::complete(tx, context.work));
      PHX_CO_CHECK(co_await tx.commit());
      co_return WorkResult::settled();
    }
    PHX_CO_CHECK(co_await engine::check_lease(tx, context.work));

    const Round round = begin_round(stored->machine, live, seen, clock_.now(), settings_.policy);
    const Decision& decision = round.decision;
    Row row = *stored;
    row.machine = round.machine;
    // A look that finds the machine still stopped has nothing to say about why its last operation failed.
    const bool still_stopped = live.empty() && decision.settled && decision.reason.empty() &&
                               decision.state == MachineState::kStopped &&
                               stored->machine.state == MachineState::kStopped;
    if (!still_stopped) {
      row.reason = text_or_null(decision.reason);
      row.next_action = text_or_null(decision.next_action);
    }
    if (seen) {
      row.provider_state = text_or_null(seen->provider_state);
      row.booted_at = seen->presence == Presence::kRunning ? seen->booted_at : std::nullopt;
    }
    if (decision.settled && round.at_rest()) row.observed_generation = row.machine.generation;
    PHX_CO_CHECK(co_await store(tx, *stored, row));
    PHX_CO_CHECK(co_await tell(tx, row.spec, round.operations));
    if (round.at_rest()) PHX_CO_CHECK(co_await engine::complete(tx, context.work));
    PHX_CRASH_POINT("compute.before_decision_commit");
    PHX_CO_CHECK(co_await tx.commit());
    PHX_CRASH_POINT("compute.after_decision_commit");
    if (round.at_rest()) co_return WorkResult::settled();
    if (decision.action == Action::kForget) {
      PHX_CO_CHECK(co_await forget(context.work, id));
      PHX_CRASH_POINT("compute.after_forget");
      co_return WorkResult::settled();
    }

    if (decision.action != Action::kNone) {
      if (!context.lease->held()) co_return WorkResult::settled();
      const Status done = co_await perform(decision.action, row.spec);
      PHX_CRASH_POINT("compute.after_action");
      if (!done)
        log_error("vm.action_failed", done.error(), {{"vm", id.to_string()}, {"action", to_string(decision.action)}});
      PHX_CO_TRY(auto after_tx, co_await database_.begin(pg::Scope::worker(), soon()));
      PHX_CO_TRY(const auto again, co_await load(after_tx, id));
      if (!again) continue;  // the next round completes the work
      PHX_CO_TRY(const auto waiting, co_await engine::lock_live_operations(after_tx, std::string(kMachineType), id));
      PHX_CO_CHECK(co_await engine::check_lease(after_tx, context.work));
      // A newer intent is not to blame for this failure, and not to be given up with it: decide afresh.
      if (!done && again->machine.generation != row.machine.generation) continue;
      Row after = *again;
      if (done) {
        after.machine = fulfil(again->machine, row.machine, decision.action, clock_.now());
        PHX_CO_CHECK(co_await store(after_tx, *again, after));
        PHX_CO_CHECK(co_await after_tx.commit());
      } else {
        const FailedRound failed =
            fail_round(again->machine, waiting, decision.action, done.error(), *seen, clock_.now());
        after.machine = failed.machine;
        after.reason = text_or_null(failed.failure.reason);
        after.next_action = text_or_null(failed.failure.next_action);
        PHX_CO_CHECK(co_await store(after_tx, *again, after));
        PHX_CO_CHECK(co_await tell(after_tx, row.spec, failed.operations));
        if (!failed.failure.retry) PHX_CO_CHECK(co_await engine::complete(after_tx, context.work));
        PHX_CO_CHECK(co_await after_tx.commit());
        if (!failed.failure.retry) co_return WorkResult::settled();
        co_return WorkResult::again(std::nullopt, failed.failure.reason);
      }
    }
    if (decision.again_after) co_return WorkResult::again(decision.again_after, decision.step);
  }
  co_return WorkResult::again(std::chrono::milliseconds(100), "more to do");
}

asio::awaitable<Status> MachineWorker::enqueue_all() {
  Uuid after;
  for (;;) {
    PHX_CO_TRY(const pg::Rows rows, co_await database_.read(pg::Scope::worker(), sql::compute::machines_to_probe,
                                                            pg::Params::of(after), soon()));
    if (rows.empty()) co_return Status();
    PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
    for (const auto row : rows) {
      after = row.get<Uuid>("id");
      engine::Work work{std::string(kMachineQueue), after.to_string(), row.get<Uuid>("tenant_id"), {}, "{}"};
      PHX_CO_CHECK(co_await engine::enqueue(tx, std::move(work)));
    }
    PHX_CO_CHECK(co_await tx.commit());
    if (rows.size() < 500) co_return Status();
  }
}

asio::awaitable<void> MachineWorker::hinted(Uuid id) {
  const auto found =
      co_await database_.read(pg::Scope::worker(), sql::compute::machine_exists, pg::Params::of(id), soon());
  // A lost hint costs time, not truth: the next round looks at every machine.
  const auto lost = [&](const Error& error) { log_error("vm.hint_lost", error, {{"vm", id.to_string()}}); };
  if (!found) co_return lost(found.error());
  if (found->empty()) co_return;
  auto tx = co_await database_.begin(pg::Scope::worker(), soon());
  if (!tx) co_return lost(tx.error());
  engine::Work work{std::string(kMachineQueue), id.to_string(), found->get<Uuid>(0, "tenant_id"), {}, "{}"};
  Status status = co_await engine::enqueue(*tx, std::move(work));
  if (status) status = co_await tx->commit();
  if (!status) lost(status.error());
}

asio::awaitable<void> MachineWorker::probe() {
  wake_ = std::make_unique<asio::steady_timer>(co_await asio::this_coro::executor);
  Duration next_round{0};
  for (;;) {
    const auto hints = std::exchange(hints_, {});
    for (const Uuid& id : hints) co_await hinted(id);
    if (clock_.monotonic() >= next_round) {
      if (const auto status = co_await enqueue_all(); !status) log_error("vm.probe_failed", status.error());
      next_round = clock_.monotonic() + settings_.probe_every;
    }
    if (!hints_.empty()) continue;
    wake_->expires_after(std::max(Duration(1000), next_round - clock_.monotonic()));
    boost::system::error_code woken;
    co_await wake_->async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

asio::awaitable<Result<int>> MachineWorker::start_after_host(UuidSource& ids) {
  int started = 0;
  Uuid after;
  for (;;) {
    PHX_CO_TRY(const pg::Rows rows, co_await database_.read(pg::Scope::worker(), sql::compute::machines_wanted_running,
                                                            pg::Params::of(after), soon()));
    if (rows.empty()) co_return started;
    for (const auto row : rows) {
      after = row.get<Uuid>(0);
      PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
      const auto operation = co_await request_intent(tx, ids, after, Intent::kStart, "phoenix (host start)");
      if (!operation) {
        const Code code = operation.error().code();
        // Everything else is worth another start of the server: a machine that is skipped would stay down.
        if (code != Code::kNotFound && code != Code::kConflict) co_return operation.error();
        log_error("vm.not_started_with_host", operation.error(), {{"vm", after.to_string()}});
        continue;  // deleted or being deleted meanwhile: nothing to start
      }
      PHX_CO_CHECK(co_await tx.commit());
      ++started;
    }
  }
}

asio::awaitable<Result<std::vector<FoundGuest>>> unknown_guests(pg::Database& database, pg::Scope scope,
                                                                Hypervisor& hypervisor) {
  PHX_CO_TRY(auto found, co_await hypervisor.list());
  std::vector<Uuid> ids;
  for (const auto& guest : found) ids.push_back(guest.id);
  PHX_CO_TRY(const pg::Rows rows,
             co_await database.read(scope, sql::compute::machine_known_ids, pg::Params::of(ids), soon()));
  std::set<Uuid> known;
  for (const auto row : rows) known.insert(row.get<Uuid>(0));
  // The accelerator's throw-away guests belong to nobody.
  std::erase_if(found, [&](const FoundGuest& guest) { return known.contains(guest.id) || guest.tenant.is_nil(); });
  if (found.empty()) co_return found;
  // A guest may have been removed, and its record after it, between the two questions. Who has no record and is still
  // there has none for good: a record goes after its guest.
  PHX_CO_TRY(const auto still, co_await hypervisor.list());
  std::set<Uuid> there;
  for (const auto& guest : still) there.insert(guest.id);
  std::erase_if(found, [&](const FoundGuest& guest) { return !there.contains(guest.id); });
  co_return found;
}

asio::awaitable<Result<std::vector<FoundGuest>>> MachineWorker::find_orphans() {
  PHX_CO_TRY(auto orphans, co_await unknown_guests(database_, pg::Scope::worker(), hypervisor_));
  for (const auto& guest : orphans)
    log_event(LogLevel::kWarn, "vm.orphan",
              {{"vm", guest.id.to_string()},
               {"tenant", guest.tenant.to_string()},
               {"name", guest.name},
               {"running", guest.has_process}});
  co_return orphans;
}

asio::awaitable<Result<WorkResult>> MachineWorker::remove_unknown(engine::WorkContext context) {
  PHX_CO_TRY(const Uuid id, Uuid::parse(context.work.key));
  {
    PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
    PHX_CO_TRY(const auto live, co_await engine::lock_live_operations(tx, std::string(kUnknownType), id));
    PHX_CO_TRY(const pg::Rows known, co_await tx.execute(sql::compute::machine_exists, pg::Params::of(id)));
    PHX_CO_CHECK(co_await engine::check_lease(tx, context.work));
    const bool wanted = known.empty() && !live.empty() && !live.back().cancel_requested();
    for (const auto& operation : live) {
      engine::OperationEvent event = engine::OperationStarted{};
      if (!wanted)
        event = engine::OperationCancelled{known.empty() ? "Cancelled; the guest is untouched."
                                                         : "The guest is a machine of a tenant."};
      else if (operation.id != live.back().id)
        event = engine::OperationCancelled{"Overtaken by another removal."};
      PHX_CO_CHECK(co_await engine::apply_operation_event(tx, operation.id, std::move(event)));
    }
    if (!wanted) PHX_CO_CHECK(co_await engine::complete(tx, context.work));
    PHX_CO_CHECK(co_await tx.commit());
    if (!wanted) co_return WorkResult::settled();
  }
  const Status gone = co_await hypervisor_.destroy(id);
  PHX_CRASH_POINT("compute.unknown.destroyed");
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), soon()));
  PHX_CO_TRY(const auto live, co_await engine::lock_live_operations(tx, std::string(kUnknownType), id));
  PHX_CO_CHECK(co_await engine::check_lease(tx, context.work));
  const bool again = !gone && code_info(gone.error().code()).retryable;
  for (const auto& operation : live) {
    engine::OperationEvent event = engine::OperationSucceeded{};
    if (again)
      event = engine::OperationWaiting{clock_.now() + std::chrono::seconds(1), gone.error().message(),
                                       gone.error().next_action()};
    else if (!gone)
      event = engine::OperationFailed{gone.error().message(), gone.error().next_action()};
    if (operation.state == engine::OperationState::kRunning)
      PHX_CO_CHECK(co_await engine::apply_operation_event(tx, operation.id, std::move(event)));
  }
  if (!again) PHX_CO_CHECK(co_await engine::complete(tx, context.work));
  PHX_CO_CHECK(co_await tx.commit());
  if (again) co_return WorkResult::again(std::nullopt, gone.error().message());
  co_return WorkResult::settled();
}

}  // namespace phx::compute
