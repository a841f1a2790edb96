// Machines under faults. Real: the reconciler with its rounds, intents, the state machine of operations, the queue's
// rules, backoff. Played: the database (snapshots and atomic commits), the API, the shell of machine_worker.cpp in two
// processes, the sweep, and a host with its guests, which keeps its own account of what ran when.
//
// The host is reached over a link that loses, delays and repeats calls. It keeps the adapter's promise that calls for
// one guest are in order: one from before a call that it has already taken is refused.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "domains/compute/intent.hpp"
#include "domains/compute/reconciler.hpp"
#include "engine/backoff.hpp"
#include "engine/memory_work_queue.hpp"
#include "engine/operations.hpp"
#include "worlds.hpp"

namespace phx::sim_worlds {
namespace {

using namespace std::chrono_literals;
using namespace engine;
using namespace compute;
using engine::sim::ProcessId;
using engine::sim::Simulation;
using Commit = Simulation::Commit;

constexpr Duration kLease = 30s;
constexpr Duration kCallTimeout = 5s;
constexpr Duration kProbeEvery = 5s;
constexpr Duration kSweepPause = 5s;
constexpr Duration kImpatient = 20s;  // short, so that deadlines pass while faults strike
constexpr Backoff kBackoff{500ms, 30s};
constexpr int kConcurrency = 4;
constexpr int kStepsMax = 12;
constexpr int kQuota = 6;
constexpr std::size_t kMachinesMax = 8;  // in all of one history
const std::string kQueue = "compute.machine";
constexpr Intent kIntents[] = {Intent::kStart, Intent::kStop,   Intent::kForceStop, Intent::kReboot,
                               Intent::kPause, Intent::kResume, Intent::kDelete,    Intent::kRestart};
constexpr Intent kBack[] = {Intent::kStart, Intent::kResume, Intent::kReboot, Intent::kRestart};

struct Flaws {
  bool restarts_lost = false;
  bool ignores_lease = false;
  bool host_takes_stale_calls = false;
  bool forgets_press = false;
};

/// A machine's row.
struct Record {
  Machine machine;
  int vcpus = 1;
  std::string reason;
  std::string next_action;
  std::int64_t written_by = 0;  // the fence of the latest round
};

/// What is committed.
struct Store {
  MemoryWorkQueue queue;
  std::map<Uuid, Record> machines;
  std::set<Uuid> forgotten;
  std::map<Uuid, Operation> operations;  // ids grow with time
  std::map<std::string, Uuid> keys;      // idempotency
  int quota_used = 0;
  std::vector<std::pair<Uuid, std::int64_t>> events;  // operation, version
  std::vector<Uuid> succeeded;
};

/// Orders the calls for one guest: the claim's fence, then a running number.
using Token = std::pair<std::int64_t, std::int64_t>;

struct Guest {
  bool disk = false;
  int processes = 0;
  int born = 0;  // counts processes, so that a late event does not hit the next one
  Power power = Power::kOff;
  bool deaf = false;
  bool pressed = false;  // and has not obeyed yet
  Instant started_at{};
  std::optional<GuestExit> last_exit;
  Token newest;
  Instant last_running{};
  Instant last_paused{};
  Instant last_off{};
  Instant last_fresh{};   // started or reset
  Instant last_struck{};  // by fate

  bool present() const { return disk || processes > 0; }
};

class ComputeWorld : public engine::sim::World {
 public:
  ComputeWorld(Simulation& simulation, Flaws flaws) : sim_(simulation), flaws_(flaws) {}

  void start() override {
    // Of a database that was lost: nobody may touch it.
    stray_ = sim_.new_id();
    guests_[stray_].disk = true;
    guests_[stray_].processes = 1;
    api_ = sim_.add_process("api", [] {});
    for (int i = 0; i < 2; ++i) {
      workers_.emplace_back();
      workers_.back().id = sim_.add_process(fmt::format("worker-{}", i), [this, i] { boot(workers_[std::size_t(i)]); });
    }
    sweeper_ = sim_.add_process("sweeper", [this] { sweep(); });
    sim_.outside_after(10ms, "client", [this] { client(); });
    sim_.outside_after(5s, "fate", [this] { fate(); });
  }

  void check() override {
    for (; events_checked_ < store_.events.size(); ++events_checked_) {
      const auto& [id, version] = store_.events[events_checked_];
      sim_.require(version == ++seen_versions_[id], "an operation's events skip or repeat a version");
    }
    for (; succeeded_checked_ < store_.succeeded.size(); ++succeeded_checked_)
      check_success(store_.operations.at(store_.succeeded[succeeded_checked_]));
    int used = 0;
    for (const auto& [id, record] : store_.machines) {
      used += record.vcpus;
      const auto state = record.machine.state;
      sim_.require(!promised_.contains(id) || (state != MachineState::kStopped && state != MachineState::kLost),
                   "a machine that was said to run went off, and nobody has asked for that since");
    }
    sim_.require(used == store_.quota_used && used <= kQuota, "the quota is not what the machines take");
    sim_.require(guests_[stray_].disk && guests_[stray_].processes == 1, "somebody else's guest was touched");
    for (const auto& [id, guest] : guests_) {
      sim_.require(guest.processes <= 1, "two processes of one guest");
      sim_.require(!guest.present() || !store_.forgotten.contains(id), "something of a deleted machine is there");
    }
  }

  bool settled() const override {
    if (!unanswered_.empty() || store_.queue.size() > 0 || obeying_ > 0) return false;
    for (const auto& [id, operation] : store_.operations)
      if (!is_finished(operation.state)) return false;
    for (const auto& [id, record] : store_.machines)
      if (!at_rest(id, record)) return false;
    return true;
  }

  void check_settled() override {
    for (const auto& key : answered_) sim_.require(store_.keys.contains(key), "an accepted intent was lost");
    for (const auto& [id, guest] : guests_)
      sim_.require(!guest.present() || id == stray_ || store_.machines.contains(id),
                   "the host has a guest that no record knows");
    for (const auto& [id, record] : store_.machines) {
      sim_.probe(fmt::format("machine.{}", to_string(record.machine.state)));
      sim_.require(!promised_.contains(id) || record.machine.state == MachineState::kRunning,
                   "a machine that was said to run does not come back");
      const bool trouble =
          record.machine.state == MachineState::kLost || record.machine.state == MachineState::kDegraded;
      sim_.require(!trouble || (!record.reason.empty() && !record.next_action.empty()),
                   "a machine in trouble does not say why and what next");
    }
    for (const auto& [id, o] : store_.operations) {
      sim_.probe(fmt::format("{}.{}", o.kind, operation_state_name(o.state)));
      sim_.require(seen_versions_[id] == o.version, "the last event is not the last version");
      sim_.require(o.state != OperationState::kFailed || (o.reason && !o.reason->empty() && o.next_action),
                   "a failed operation does not say why and what next");
    }
  }

 private:
  struct Worker {
    ProcessId id = 0;
    std::map<std::int64_t, std::pair<ClaimedWork, Duration>> held;  // by fence; trusted until
  };
  using Seen = Result<GuestObservation>;

  // What must be true

  /// What is stored is what is there, nothing is wanted any more, or it says what is wrong.
  bool at_rest(const Uuid& id, const Record& record) const {
    const Machine& m = record.machine;
    if (m.start_wanted() || m.reset_wanted() || m.stop_pressed_at || m.force_stop) return false;
    const auto found = guests_.find(id);
    if (found == guests_.end() || found->second.processes == 0)
      return m.state == MachineState::kLost ||
             (m.state == MachineState::kStopped && m.desired == DesiredState::kStopped);
    switch (found->second.power) {
      case Power::kRunning: return m.state == MachineState::kRunning && m.desired == DesiredState::kRunning;
      case Power::kPaused: return m.state == MachineState::kPaused && m.desired == DesiredState::kPaused;
      case Power::kCrashed:
      case Power::kIoError: return m.state == MachineState::kDegraded;
      default: return false;
    }
  }

  /// An operation that says it succeeded has been true at some moment since it was asked for.
  void check_success(const Operation& o) {
    if (o.state != OperationState::kSucceeded) return;  // taken up anew in the meantime
    const Instant since = o.deadline_at - o.time_allowed;
    const Guest& guest = guests_[o.object_id];
    const auto was = [&](bool now, Instant last) { return now || last >= since; };
    const bool process = guest.processes > 0;
    bool held = false;
    if (o.kind == "vm.create" || o.kind == "vm.start" || o.kind == "vm.resume")
      held = was(process && guest.power == Power::kRunning, guest.last_running);
    else if (o.kind == "vm.reboot" || o.kind == "vm.restart")
      held = guest.last_fresh >= since;
    else if (o.kind == "vm.stop")
      held = was(!process, guest.last_off);
    else if (o.kind == "vm.pause")
      held = was(process && guest.power == Power::kPaused, guest.last_paused);
    else if (o.kind == "vm.delete")
      held = !guest.present() && !store_.machines.contains(o.object_id);
    sim_.require(held, fmt::format("{} succeeded, but it was not so", o.kind));
    const auto record = store_.machines.find(o.object_id);
    if (record != store_.machines.end() && record->second.machine.desired == DesiredState::kRunning &&
        guest.last_struck < since)
      promised_.insert(o.object_id);
  }

  // Shared by all shells: step, store, record the event. An illegal event of a shell is a broken promise.
  void apply(Store& store, const Uuid& id, const OperationEvent& event) {
    auto& operation = store.operations.at(id);
    auto next = step(operation, event, sim_.now());
    sim_.require(next.has_value(), "a shell told an operation what cannot be");
    if (next->version != operation.version) store.events.emplace_back(id, next->version);
    operation = std::move(*next);
    if (operation.state == OperationState::kSucceeded) store.succeeded.push_back(id);
  }

  std::vector<Operation> live_operations(const Store& store, const Uuid& machine) const {
    std::vector<Operation> live;
    for (const auto& [id, operation] : store.operations)
      if (operation.object_id == machine && !is_finished(operation.state)) live.push_back(operation);
    return live;
  }

  void tell(Store& store, const std::vector<OperationChange>& changes) {
    for (const auto& change : changes)
      for (const auto& event : change.events) {
        apply(store, change.id, event);
        if (is_finished(store.operations.at(change.id).state)) break;
      }
  }

  void wake(Store& store, const Uuid& machine) {
    store.queue.enqueue({kQueue, machine.to_string(), {}, {}}, sim_.now());
  }

  // Clients

  void client() {
    if (!sim_.faults_on()) return;
    auto& random = sim_.random();
    const auto pick = random.below(12);
    if (machines_.empty() || (pick < 2 && machines_.size() < kMachinesMax)) {
      const Uuid id = sim_.new_id();
      machines_.push_back(id);
      const int vcpus = 1 + static_cast<int>(random.below(2));
      send("create", [this, id, vcpus](Store& store, const std::string& key) { return create(store, key, id, vcpus); });
    } else if (const Uuid running = pick == 2 || pick == 3 ? some_running() : Uuid(); !running.is_nil()) {
      // People change their minds, and then wait for what comes of it.
      left_alone_[running] = sim_.now() + 1min;
      want(running, Intent::kStop);
      sim_.outside_after(sim_.between(10ms, 8s), "client changes its mind",
                         [this, running, back = kBack[random.below(std::size(kBack))]] { want(running, back); });
    } else if (pick < 10 || store_.operations.empty()) {
      const Uuid id = machines_[random.below(machines_.size())];
      const Intent intent = kIntents[random.below(std::size(kIntents))];
      if (left_alone_[id] < sim_.now()) want(id, intent);
    } else {
      auto it = store_.operations.begin();
      std::advance(it, static_cast<std::ptrdiff_t>(random.below(store_.operations.size())));
      const bool cancel = pick == 10;
      sim_.after(api_, sim_.between(1ms, 50ms), cancel ? "cancel" : "retry",
                 [this, id = it->first, cancel] { ask(id, cancel); });
    }
    sim_.outside_after(sim_.between(50ms, 4s), "client", [this] { client(); });
  }

  Uuid some_running() {
    std::vector<Uuid> running;
    for (const auto& [id, record] : store_.machines)
      if (record.machine.state == MachineState::kRunning && !left_alone_.contains(id)) running.push_back(id);
    return running.empty() ? Uuid() : running[sim_.random().below(running.size())];
  }

  void want(const Uuid& id, Intent intent) {
    send(std::string(spec_of(intent).operation),
         [this, id, intent](Store& store, const std::string& key) { return request(store, key, id, intent); });
  }

  /// Done once under its key. False: refused.
  using Mutation = std::function<bool(Store&, const std::string& key)>;

  void send(const std::string& what, const Mutation& mutation) {
    const auto key = fmt::format("request-{}", ++requests_);
    unanswered_.insert(key);
    post(key, what, mutation);
    if (sim_.random().chance(1, 8)) post(key, what, mutation);
  }

  void post(const std::string& key, const std::string& what, const Mutation& mutation) {
    sim_.after(api_, sim_.between(1ms, 50ms), what, [this, key, mutation] {
      bool replayed = false;
      const auto commit = sim_.transact(store_, "api.change", [&](Store& store) {
        replayed = store.keys.contains(key);
        return !replayed && mutation(store, key);
      });
      if (replayed) sim_.probe("api.replayed");
      if (commit == Commit::kUnknown) return;
      unanswered_.erase(key);
      if (commit == Commit::kDone) answered_.insert(key);
    });
    sim_.outside_after(3s, "client waits for " + key, [this, key, what, mutation] {
      if (unanswered_.contains(key)) post(key, what, mutation);
    });
  }

  // API

  void add_operation(Store& store, const std::string& key, std::string_view kind, const Uuid& machine,
                     Duration allowed) {
    Operation o;
    o.id = sim_.new_id();
    o.kind = kind;
    o.object_id = machine;
    o.work_queue = kQueue;
    o.work_key = machine.to_string();
    o.time_allowed = sim_.random().chance(1, 6) ? kImpatient : allowed;
    o.created_at = sim_.now();
    o.deadline_at = sim_.now() + o.time_allowed;
    store.keys[key] = o.id;
    store.events.emplace_back(o.id, o.version);
    store.operations.emplace(o.id, std::move(o));
    wake(store, machine);
  }

  bool create(Store& store, const std::string& key, const Uuid& id, int vcpus) {
    if (store.quota_used + vcpus > kQuota) {
      sim_.probe("quota.exceeded");
      return false;
    }
    store.quota_used += vcpus;
    Record record;
    record.vcpus = vcpus;
    record.machine.start_generation = 1;
    store.machines[id] = record;
    add_operation(store, key, "vm.create", id, 15min);
    return true;
  }

  /// request_intent() with sql/machine_intent.sql.
  bool request(Store& store, const std::string& key, const Uuid& id, Intent intent) {
    const auto found = store.machines.find(id);
    if (found == store.machines.end()) return false;
    Machine& m = found->second.machine;
    if (!check_intent(intent, m.desired, m.state)) return false;
    promised_.erase(id);
    const IntentSpec& spec = spec_of(intent);
    for (const auto& operation : live_operations(store, id))
      apply(store, operation.id, OperationCancelled{fmt::format("Overtaken by {}.", spec.operation)});
    m.generation += 1;
    m.desired = spec.desired;
    if (spec.start) m.start_generation = m.generation;
    if (spec.reset) m.reset_generation = m.generation;
    m.force_stop = spec.force;
    m.stop_pressed_at.reset();
    if (m.desired == DesiredState::kDeleted) m.state = MachineState::kDeleting;
    add_operation(store, key, spec.operation, id, spec.time_allowed);
    return true;
  }

  void ask(const Uuid& id, bool cancel) {
    sim_.transact(store_, "api.ask", [&](Store& store) {
      const OperationEvent event = cancel ? OperationEvent(OperationCancelRequested{}) : OperationRetryRequested{};
      const auto& operation = store.operations.at(id);
      if (!step(operation, event, sim_.now())) return false;
      if (operation.state == OperationState::kFailed) sim_.probe("operation.retried");
      const Uuid machine = operation.object_id;
      promised_.erase(machine);
      apply(store, id, event);
      wake(store, machine);
      return true;
    });
  }

  // Sweep

  void sweep() {
    sim_.transact(store_, "sweeper", [&](Store& store) {
      bool found = false;
      for (auto& [id, operation] : store.operations) {
        if (is_finished(operation.state) || operation.deadline_at > sim_.now()) continue;
        const Uuid machine = operation.object_id;
        apply(store, id, OperationDeadlinePassed{});
        wake(store, machine);
        sim_.probe("operation.deadline");
        found = true;
      }
      return found;
    });
    sim_.after(sweeper_, kSweepPause, "sweep", [this] { sweep(); });
  }

  // Workers: engine::Worker

  void boot(Worker& worker) {
    worker.held.clear();
    claim(worker);
    probe(worker);
    sim_.after(worker.id, kLease / 4, "heartbeat", [this, &worker] { heartbeat(worker); });
  }

  void claim(Worker& worker) {
    sim_.after(worker.id, sim_.between(50ms, 250ms), "claim", [this, &worker] { claim(worker); });
    const int room = kConcurrency - static_cast<int>(worker.held.size());
    if (room <= 0) return;
    std::vector<ClaimedWork> claimed;
    const auto asked = sim_.clock().monotonic();
    const auto commit = sim_.transact(store_, "worker.claim", [&](Store& store) {
      claimed = store.queue.claim(kQueue, room, kLease, sim_.now());
      return !claimed.empty();
    });
    if (commit != Commit::kDone) return;
    for (const auto& work : claimed) {
      for (const auto& other : workers_)
        for (const auto& [fence, held] : other.held)
          if (held.first.key == work.key) sim_.probe("work.taken_over");
      worker.held[work.fence] = {work, asked + kLease};
      sim_.after(worker.id, 0ms, "take up " + work.key, [this, &worker, work] { observe(worker, work, 0); });
    }
  }

  void heartbeat(Worker& worker) {
    sim_.after(worker.id, kLease / 4, "heartbeat", [this, &worker] { heartbeat(worker); });
    if (worker.held.empty()) return;
    std::vector<ClaimedWork> works;
    for (const auto& [fence, held] : worker.held) works.push_back(held.first);
    std::vector<std::int64_t> still;
    const auto asked = sim_.clock().monotonic();
    const auto commit = sim_.transact(store_, "worker.heartbeat", [&](Store& store) {
      still = store.queue.heartbeat(works, kLease, sim_.now());
      return true;
    });
    if (commit != Commit::kDone) return;
    for (auto& [fence, held] : worker.held)
      held.second = std::ranges::find(still, held.first.id) != still.end() ? asked + kLease : Duration::zero();
  }

  bool held(Worker& worker, const ClaimedWork& work) {
    const auto found = worker.held.find(work.fence);
    if (found != worker.held.end() && found->second.second > sim_.clock().monotonic()) return true;
    sim_.probe("work.lease_ran_out_here");
    return flaws_.ignores_lease;
  }

  bool ours(const Store& store, const ClaimedWork& work) {
    if (store.queue.check_lease(work)) return true;
    sim_.probe("work.lease_lost");
    return flaws_.ignores_lease;
  }

  bool complete(Store& store, const ClaimedWork& work) {
    return static_cast<bool>(store.queue.complete(work)) || flaws_.ignores_lease;
  }

  void drop(Worker& worker, const ClaimedWork& work) { worker.held.erase(work.fence); }

  void again(Worker& worker, const ClaimedWork& work, std::optional<Duration> delay) {
    const auto after = delay ? *delay : backoff_delay(kBackoff, work.attempts, sim_.random());
    sim_.transact(store_, "worker.again", [&](Store& store) {
      return static_cast<bool>(store.queue.retry_later(work, after, "", sim_.now()));
    });
    drop(worker, work);
  }

  // Workers: MachineWorker

  void probe(Worker& worker) {
    sim_.after(worker.id, kProbeEvery, "probe", [this, &worker] { probe(worker); });
    sim_.transact(store_, "compute.probe", [&](Store& store) {
      for (const auto& [id, record] : store.machines) wake(store, id);
      return !store.machines.empty();
    });
  }

  void observe(Worker& worker, const ClaimedWork& work, int round) {
    if (round == kStepsMax) return again(worker, work, 100ms);
    if (!held(worker, work)) return drop(worker, work);
    const Uuid id = *Uuid::parse(work.key);
    const Token token{work.fence, ++calls_};
    sim_.call<Seen>(
        worker.id, "observe " + work.key, kCallTimeout, [this, id, token] { return look(id, token); },
        [this, &worker, work, round](std::optional<Seen> seen) {
          decide_on(worker, work, round, seen ? std::move(*seen) : no_answer());
        });
  }

  static Error no_answer() { return {Code::kUnavailable, "hypervisor.unknown", "The host does not answer."}; }

  void write(Record& record, const ClaimedWork& work, const Machine& machine) {
    sim_.require(work.fence >= record.written_by, "a worker wrote after its work had passed to another");
    record.written_by = work.fence;
    record.machine = machine;
  }

  void decide_on(Worker& worker, const ClaimedWork& work, int number, const Seen& seen) {
    const Uuid id = *Uuid::parse(work.key);
    std::optional<Round> round;
    const auto commit = sim_.transact(store_, "compute.decide", [&](Store& store) {
      const auto live = live_operations(store, id);
      const auto found = store.machines.find(id);
      if (found == store.machines.end()) {
        tell(store, end_with_machine(live));
        return complete(store, work);
      }
      if (!ours(store, work)) return false;
      Record& record = found->second;
      if (flaws_.forgets_press) record.machine.power_pressed_at.reset();
      round = begin_round(record.machine, live, seen, sim_.now());
      if (flaws_.restarts_lost && round->decision.state == MachineState::kLost && record.machine.provisioned)
        round->decision.action = Action::kStart;
      write(record, work, round->machine);
      record.reason = round->decision.reason;
      record.next_action = round->decision.next_action;
      tell(store, round->operations);
      if (round->at_rest() && !complete(store, work)) return false;
      sim_.crash_point("compute.before_decision_commit");
      return true;
    });
    if (commit == Commit::kUnknown) return again(worker, work, {});
    if (commit == Commit::kRolledBack || !round) return drop(worker, work);
    sim_.crash_point("compute.after_decision_commit");
    if (round->at_rest()) return drop(worker, work);
    const Action action = round->decision.action;
    if (action == Action::kForget) return forget(worker, work, id);
    if (action == Action::kNone) return go_on(worker, work, number, *round);
    if (action == Action::kKill && round->machine.stop_pressed_at) sim_.probe("stop.killed_after_grace");
    if (!held(worker, work)) return drop(worker, work);
    const Token token{work.fence, ++calls_};
    sim_.call<Status>(
        worker.id, fmt::format("{} {}", to_string(action), work.key), kCallTimeout,
        [this, id, token, action] { return perform(id, token, action); },
        [this, &worker, work, number, round = *round, seen = *seen](std::optional<Status> done) {
          acted(worker, work, number, round, seen, done ? std::move(*done) : Status(no_answer()));
        });
  }

  void go_on(Worker& worker, const ClaimedWork& work, int number, const Round& round) {
    if (round.decision.again_after) return again(worker, work, round.decision.again_after);
    observe(worker, work, number + 1);
  }

  void forget(Worker& worker, const ClaimedWork& work, const Uuid& id) {
    const auto commit = sim_.transact(store_, "compute.forget", [&](Store& store) {
      if (const auto found = store.machines.find(id); found != store.machines.end()) {
        tell(store, end_with_machine(live_operations(store, id)));
        store.quota_used -= found->second.vcpus;
        store.machines.erase(found);
        store.forgotten.insert(id);
      }
      return complete(store, work);
    });
    if (commit == Commit::kUnknown) return again(worker, work, {});
    sim_.crash_point("compute.after_forget");
    drop(worker, work);
  }

  void acted(Worker& worker, const ClaimedWork& work, int number, const Round& round, const GuestObservation& seen,
             const Status& done) {
    sim_.crash_point("compute.after_action");
    const Uuid id = *Uuid::parse(work.key);
    const Action action = round.decision.action;
    bool afresh = false;
    std::optional<FailedRound> failed;
    const auto commit = sim_.transact(store_, "compute.after", [&](Store& store) {
      const auto found = store.machines.find(id);
      afresh = found == store.machines.end();
      if (afresh || !ours(store, work)) return false;
      Record& record = found->second;
      afresh = !done && record.machine.generation != round.machine.generation;
      if (afresh) {
        sim_.probe("intent.came_during_failure");
        return false;
      }
      if (done) {
        write(record, work, fulfil(record.machine, round.machine, action, sim_.now()));
        return true;
      }
      failed = fail_round(record.machine, live_operations(store, id), action, done.error(), seen, sim_.now());
      write(record, work, failed->machine);
      record.reason = failed->failure.reason;
      record.next_action = failed->failure.next_action;
      tell(store, failed->operations);
      return failed->failure.retry || complete(store, work);
    });
    if (afresh) return observe(worker, work, number + 1);
    if (commit == Commit::kUnknown) return again(worker, work, {});
    if (commit == Commit::kRolledBack) return drop(worker, work);
    if (!failed) return go_on(worker, work, number, round);
    sim_.probe(failed->failure.retry ? "action.tried_again" : "action.given_up");
    if (failed->failure.retry) return again(worker, work, {});
    drop(worker, work);
  }

  // The host

  /// Before and after each change.
  void note(Guest& guest) {
    const Instant now = sim_.now();
    if (guest.processes == 0) guest.last_off = now;
    if (guest.processes > 0 && guest.power == Power::kRunning) guest.last_running = now;
    if (guest.processes > 0 && guest.power == Power::kPaused) guest.last_paused = now;
  }

  void set_power(Guest& guest, Power power) {
    note(guest);
    guest.power = power;
    note(guest);
  }

  void end(const Uuid& id, bool expected, std::string why) {
    Guest& guest = guests_[id];
    if (guest.processes == 0) return;
    note(guest);
    guest.processes = 0;
    guest.power = Power::kOff;
    guest.last_exit = GuestExit{sim_.now(), {}, {}, expected, std::move(why)};
    note(guest);
    if (!sim_.random().chance(1, 2)) return;  // a hint may be lost
    auto& worker = workers_[sim_.random().below(workers_.size())];
    sim_.after(worker.id, 10ms, "hint " + id.to_string(), [this, id] {
      sim_.transact(store_, "compute.hint", [&](Store& store) {
        if (!store.machines.contains(id)) return false;
        wake(store, id);
        return true;
      });
    });
  }

  std::optional<Error> refuse(Guest& guest, const Token& token) {
    if (token <= guest.newest && !flaws_.host_takes_stale_calls) {
      sim_.probe("host.stale_refused");
      return no_answer();
    }
    guest.newest = std::max(guest.newest, token);
    if (sim_.faults_on() && sim_.random().chance(1, 20)) return no_answer();
    return std::nullopt;
  }

  Seen look(const Uuid& id, const Token& token) {
    Guest& guest = guests_[id];
    if (auto error = refuse(guest, token)) return *error;
    GuestObservation out;
    out.id = id;
    out.presence = guest.processes > 0 ? Presence::kRunning : guest.disk ? Presence::kDefined : Presence::kAbsent;
    out.power = guest.power;
    if (guest.born > 0) out.started_at = guest.started_at;
    out.last_exit = guest.last_exit;
    return out;
  }

  Status perform(const Uuid& id, const Token& token, Action action) {
    Guest& guest = guests_[id];
    if (auto error = refuse(guest, token)) return *error;
    const bool fails = sim_.faults_on() && sim_.random().chance(1, 25);
    const bool process = guest.processes > 0;
    const Error off(Code::kFailedPrecondition, "guest.not_running", "The guest is not running.");
    switch (action) {
      case Action::kProvision:
        if (fails) return Error(Code::kQuotaExceeded, "hypervisor.disk_full", "The host's disk is full.");
        require_start_wanted(id, "a disk was made");
        if (!guest.disk) guest.deaf = sim_.random().chance(1, 3);
        guest.disk = true;
        return {};
      case Action::kStart:
        if (!guest.disk) return not_found("guest.absent", "There is no disk.");
        if (process && !flaws_.host_takes_stale_calls) return {};
        if (fails) return Error(Code::kFailedPrecondition, "hypervisor.start_failed", "The guest did not start.");
        started(id, guest);
        return {};
      case Action::kPowerDown:
        if (!process || guest.power != Power::kRunning || guest.deaf) return {};
        if (!guest.pressed) obey_later(id, guest);
        guest.pressed = true;
        return {};
      case Action::kKill: end(id, true, "the plug was pulled"); return {};
      case Action::kReset:
        if (!process || guest.power == Power::kShutdown) return off;
        set_power(guest, Power::kRunning);
        guest.pressed = false;
        guest.last_fresh = sim_.now();
        return {};
      case Action::kPause:
        if (!process) return off;
        if (guest.power == Power::kRunning) set_power(guest, Power::kPaused);
        return {};
      case Action::kResume:
        if (!process) return off;
        if (guest.power != Power::kPaused) return {};
        set_power(guest, Power::kRunning);
        if (guest.pressed) obey_later(id, guest);
        return {};
      case Action::kDestroy:
        end(id, true, "removed");
        guest.disk = false;
        return {};
      case Action::kNone:
      case Action::kForget: break;
    }
    return {};
  }

  void require_start_wanted(const Uuid& id, std::string_view what) {
    const auto record = store_.machines.find(id);
    sim_.require(record != store_.machines.end(), fmt::format("{} for a machine that is deleted", what));
    const Machine& m = record->second.machine;
    sim_.require(m.start_wanted() || m.power_pressed_at, fmt::format("{} that nobody wanted", what));
    if (!m.start_wanted()) sim_.probe("start.again_after_press");
  }

  void started(const Uuid& id, Guest& guest) {
    require_start_wanted(id, "a guest was started");
    note(guest);
    guest.processes += 1;
    guest.born += 1;
    guest.power = Power::kRunning;
    guest.pressed = false;
    guest.started_at = sim_.now();
    guest.last_exit.reset();
    guest.last_fresh = sim_.now();
    note(guest);
  }

  /// Most guests obey soon; some take so long that somebody may want them to run again meanwhile.
  void obey_later(const Uuid& id, const Guest& guest) {
    ++obeying_;
    const Duration after = sim_.random().chance(1, 4) ? sim_.between(20s, 100s) : sim_.between(10ms, 20s);
    sim_.outside_after(after, "obey " + id.to_string(), [this, id, born = guest.born] {
      --obeying_;
      Guest& pressed = guests_[id];
      if (pressed.born != born || !pressed.pressed) return;
      const auto record = store_.machines.find(id);
      if (record != store_.machines.end() && record->second.machine.desired == DesiredState::kRunning)
        sim_.probe("guest.obeyed_late");
      power_off(id, born);
    });
  }

  void power_off(const Uuid& id, int born) {
    Guest& guest = guests_[id];
    if (guest.processes == 0 || guest.born != born || guest.power != Power::kRunning) return;
    set_power(guest, Power::kShutdown);
    sim_.outside_after(sim_.between(1ms, 2s), "exit " + id.to_string(), [this, id, born] {
      if (guests_[id].born == born) end(id, true, "the guest powered off");
    });
  }

  /// What happens to guests without anybody having asked for it.
  void fate() {
    if (!sim_.faults_on()) return;
    std::vector<Uuid> alive;
    for (const auto& [id, guest] : guests_)
      if (guest.processes > 0 && id != stray_) alive.push_back(id);
    if (!alive.empty()) {
      const Uuid id = alive[sim_.random().below(alive.size())];
      promised_.erase(id);
      guests_[id].last_struck = sim_.now();
      switch (sim_.random().below(4)) {
        case 0: end(id, false, "killed by signal 9"); break;
        case 1: power_off(id, guests_[id].born); break;
        case 2: set_power(guests_[id], Power::kCrashed); break;
        default: set_power(guests_[id], Power::kIoError);
      }
    }
    sim_.outside_after(sim_.between(2s, 25s), "fate", [this] { fate(); });
  }

  Simulation& sim_;
  Flaws flaws_;
  Store store_;
  std::map<Uuid, Guest> guests_;
  Uuid stray_;
  ProcessId api_ = 0;
  ProcessId sweeper_ = 0;
  std::deque<Worker> workers_;
  std::vector<Uuid> machines_;  // ever asked for
  /// Said to run by an operation that succeeded; nobody has asked for anything since, and no blow has struck the guest.
  std::set<Uuid> promised_;
  int obeying_ = 0;  // guests that are about to obey a press
  std::map<Uuid, Instant> left_alone_;
  int requests_ = 0;
  std::int64_t calls_ = 0;
  std::set<std::string> unanswered_;
  std::set<std::string> answered_;
  std::size_t events_checked_ = 0;
  std::size_t succeeded_checked_ = 0;
  std::map<Uuid, std::int64_t> seen_versions_;
};

engine::sim::WorldEntry entry(std::string name, std::string about, Flaws flaws) {
  engine::sim::WorldEntry entry;
  entry.name = std::move(name);
  entry.about = std::move(about);
  entry.make = [flaws](Simulation& simulation) { return std::make_unique<ComputeWorld>(simulation, flaws); };
  return entry;
}

engine::sim::WorldEntry canary(std::string name, std::string about, Flaws flaws) {
  auto world = entry(std::move(name), std::move(about), flaws);
  world.must_fail = true;
  return world;
}

}  // namespace

engine::sim::WorldEntry compute_world() {
  auto world =
      entry("compute", "machines: clients, two workers, a sweep, a host whose guests have a life of their own", {});
  world.probes = {"vm.create.SUCCEEDED",
                  "vm.create.FAILED",
                  "vm.start.SUCCEEDED",
                  "vm.stop.SUCCEEDED",
                  "vm.reboot.SUCCEEDED",
                  "vm.reboot.FAILED",
                  "vm.restart.SUCCEEDED",
                  "vm.pause.SUCCEEDED",
                  "vm.resume.SUCCEEDED",
                  "vm.delete.SUCCEEDED",
                  "vm.start.CANCELLED",
                  "machine.RUNNING",
                  "machine.STOPPED",
                  "machine.PAUSED",
                  "machine.LOST",
                  "machine.DEGRADED",
                  "stop.killed_after_grace",
                  "guest.obeyed_late",
                  "start.again_after_press",
                  "action.tried_again",
                  "action.given_up",
                  "intent.came_during_failure",
                  "operation.retried",
                  "operation.deadline",
                  "api.replayed",
                  "quota.exceeded",
                  "work.taken_over",
                  "work.lease_lost",
                  "work.lease_ran_out_here",
                  "host.stale_refused",
                  "sim.crash",
                  "sim.stall",
                  "sim.lost_request",
                  "sim.lost_answer",
                  "sim.duplicate",
                  "sim.late",
                  "sim.timeout",
                  "sim.commit_unknown"};
  world.crash_points = {
      "api.change.before_commit",      "api.change.after_commit",      "compute.before_decision_commit",
      "compute.after_decision_commit", "compute.after_action",         "compute.after.before_commit",
      "compute.after.after_commit",    "compute.forget.before_commit", "compute.after_forget",
      "worker.claim.before_commit",    "worker.claim.after_commit",    "worker.again.before_commit",
      "worker.again.after_commit"};
  return world;
}

std::vector<engine::sim::WorldEntry> compute_canaries() {
  return {
      canary("canary-compute-restart", "must fail: starts lost guests by itself", {.restarts_lost = true}),
      canary("canary-compute-lease", "must fail: acts and writes without its lease", {.ignores_lease = true}),
      canary("canary-compute-press", "must fail: forgets that it pressed the power button", {.forgets_press = true}),
      canary("canary-compute-stale", "must fail: its host takes calls out of order", {.host_takes_stale_calls = true})};
}

}  // namespace phx::sim_worlds
