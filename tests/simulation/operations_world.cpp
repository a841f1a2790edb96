// The operation engine under faults. Real: the state machine of operations, the queue's rules, backoff. Played: the
// database (snapshots and atomic commits), the API, two workers, the sweep, and a site that makes things and keeps its
// own account of what it made and for whom.

#include <fmt/format.h>

#include <map>
#include <set>

#include "engine/backoff.hpp"
#include "engine/memory_work_queue.hpp"
#include "engine/operations.hpp"
#include "worlds.hpp"

namespace phx::sim_worlds {
namespace {

using namespace std::chrono_literals;
using namespace engine;
using engine::sim::ProcessId;
using engine::sim::Simulation;
using Commit = Simulation::Commit;

constexpr int kParts = 3;  // things one operation makes, one after the other
constexpr Duration kLease = 20s;
constexpr Duration kCallTimeout = 5s;
constexpr Duration kTimeAllowed = 3min;
constexpr Duration kStuckTimeAllowed = 20s;  // short, so that deadlines pass while faults strike
constexpr Duration kSweepPause = 5s;
constexpr int kConcurrency = 4;
const std::string kQueue = "sim.make";

struct Flaws {
  bool makes_without_looking = false;
  bool ignores_fence = false;
};

/// What is committed.
struct Store {
  MemoryWorkQueue queue;
  std::map<Uuid, Operation> operations;
  std::map<Uuid, int> parts_done;
  std::map<std::string, Uuid> keys;                   // idempotency
  std::vector<std::pair<Uuid, std::int64_t>> events;  // operation, version
};

enum class Answer { kMade, kBusy, kStale, kImpossible };

/// The outside. It never crashes and forgets nothing.
struct Site {
  std::map<std::pair<Uuid, int>, int> made;
  std::map<Uuid, std::int64_t> fences;
};

class OperationsWorld : public engine::sim::World {
 public:
  OperationsWorld(Simulation& simulation, Flaws flaws) : sim_(simulation), flaws_(flaws) {}

  void start() override {
    api_ = sim_.add_process("api", [] {});
    for (int i = 0; i < 2; ++i) {
      workers_.emplace_back();
      workers_.back().id = sim_.add_process(fmt::format("worker-{}", i), [this, i] { boot(workers_[std::size_t(i)]); });
    }
    sweeper_ = sim_.add_process("sweeper", [this] { sweep(); });
    sim_.outside_after(10ms, "client", [this] { client(); });
  }

  void check() override {
    for (; events_checked_ < store_.events.size(); ++events_checked_) {
      const auto& [id, version] = store_.events[events_checked_];
      sim_.require(version == ++seen_versions_[id], "an operation's events skip or repeat a version");
    }
    sim_.require(!made_twice_, "the site made the same thing twice");
    sim_.require(!late_write_, "a worker wrote after its work had passed to another");
  }

  bool settled() const override {
    if (!unanswered_.empty() || store_.queue.size() > 0) return false;
    for (const auto& [id, operation] : store_.operations)
      if (!is_finished(operation.state)) return false;
    return true;
  }

  void check_settled() override {
    sim_.require(store_.operations.size() == store_.keys.size(), "one key made several operations");
    for (const auto& key : answered_) sim_.require(store_.keys.contains(key), "an accepted intent was lost");
    for (const auto& [id, o] : store_.operations) {
      sim_.require(seen_versions_[id] == o.version, "the last event is not the last version");
      int made = 0;
      for (int part = 0; part < kParts; ++part) made += static_cast<int>(site_.made.contains({id, part}));
      if (o.state == OperationState::kSucceeded) {
        sim_.probe("operation.succeeded");
        sim_.require(made == kParts, "an operation succeeded without all it was to make");
      }
      if (o.state == OperationState::kFailed) {
        sim_.probe("operation.failed");
        sim_.require(o.reason && !o.reason->empty() && o.next_action && !o.next_action->empty(),
                     "a failed operation does not say why and what next");
      }
      if (o.state == OperationState::kCancelled) {
        sim_.probe("operation.cancelled");
        sim_.require(o.cancel_requested(), "an operation was cancelled that nobody asked to cancel");
      }
    }
  }

 private:
  struct Worker {
    ProcessId id = 0;
    std::map<std::int64_t, std::pair<ClaimedWork, Duration>> held;  // by fence; trusted until
  };

  // Shared by all shells: step, store, record the event.
  bool apply(Store& store, const Uuid& id, const OperationEvent& event) {
    auto& operation = store.operations.at(id);
    auto next = step(operation, event, sim_.now());
    if (!next) return false;
    if (next->version != operation.version) store.events.emplace_back(id, next->version);
    operation = std::move(*next);
    return true;
  }

  // Clients

  void client() {
    if (!sim_.faults_on()) return;
    auto& random = sim_.random();
    const auto pick = random.below(10);
    if (pick < 6 || store_.operations.empty()) {
      const auto key = fmt::format("request-{}", ++requests_);
      unanswered_.insert(key);
      send_create(key);
      if (random.chance(1, 8)) send_create(key);
    } else {
      auto it = store_.operations.begin();
      std::advance(it, static_cast<std::ptrdiff_t>(random.below(store_.operations.size())));
      const Uuid id = it->first;
      const bool cancel = pick < 8;
      sim_.after(api_, sim_.between(1ms, 50ms), cancel ? "cancel" : "retry", [this, id, cancel] { ask(id, cancel); });
    }
    sim_.outside_after(sim_.between(50ms, 3s), "client", [this] { client(); });
  }

  void send_create(const std::string& key) {
    sim_.after(api_, sim_.between(1ms, 50ms), "create " + key, [this, key] { create(key); });
    sim_.outside_after(3s, "client waits for " + key, [this, key] {
      if (unanswered_.contains(key)) send_create(key);
    });
  }

  // API

  void create(const std::string& key) {
    const auto commit = sim_.transact(store_, "api.create", [&](Store& store) {
      if (store.keys.contains(key)) {
        sim_.probe("api.replayed");
        return true;
      }
      Operation o;
      o.id = sim_.new_id();
      o.kind = sim_.random().chance(1, 12) ? "sim.stuck" : "sim.make";
      o.object_id = o.id;
      o.work_queue = kQueue;
      o.work_key = o.id.to_string();
      o.time_allowed = o.kind == "sim.stuck" ? kStuckTimeAllowed : kTimeAllowed;
      o.created_at = sim_.now();
      o.deadline_at = sim_.now() + o.time_allowed;
      store.keys[key] = o.id;
      store.events.emplace_back(o.id, o.version);
      store.queue.enqueue({kQueue, o.work_key, {}, {}}, sim_.now());
      store.operations.emplace(o.id, std::move(o));
      return true;
    });
    if (commit != Commit::kDone) return;
    unanswered_.erase(key);
    answered_.insert(key);
  }

  void ask(const Uuid& id, bool cancel) {
    sim_.transact(store_, "api.ask", [&](Store& store) {
      const bool failed = store.operations.at(id).state == OperationState::kFailed;
      const bool accepted =
          cancel ? apply(store, id, OperationCancelRequested{}) : apply(store, id, OperationRetryRequested{});
      if (!accepted) return false;
      if (!cancel && failed) sim_.probe("operation.retried");
      store.queue.enqueue({kQueue, id.to_string(), {}, {}}, sim_.now());
      return true;
    });
  }

  // Sweep

  void sweep() {
    sim_.transact(store_, "sweeper", [&](Store& store) {
      bool found = false;
      for (auto& [id, operation] : store.operations) {
        if (is_finished(operation.state) || operation.deadline_at > sim_.now()) continue;
        apply(store, id, OperationDeadlinePassed{});
        store.queue.enqueue({kQueue, id.to_string(), {}, {}}, sim_.now());
        sim_.probe("operation.deadline");
        found = true;
      }
      return found;
    });
    sim_.after(sweeper_, kSweepPause, "sweep", [this] { sweep(); });
  }

  // Workers

  void boot(Worker& worker) {
    worker.held.clear();
    claim(worker);
    sim_.after(worker.id, kLease / 4, "heartbeat", [this, &worker] { heartbeat(worker); });
  }

  void claim(Worker& worker) {
    sim_.after(worker.id, sim_.between(100ms, 400ms), "claim", [this, &worker] { claim(worker); });
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
      worker.held[work.fence] = {work, asked + kLease};
      sim_.after(worker.id, 0ms, "take up " + work.key, [this, &worker, work] { take_up(worker, work); });
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
    for (auto it = worker.held.begin(); it != worker.held.end();) {
      const bool ours = std::find(still.begin(), still.end(), it->second.first.id) != still.end();
      if (ours) it->second.second = asked + kLease;
      it = ours ? std::next(it) : worker.held.erase(it);
    }
  }

  /// The lease in the store; the flawed worker does not ask.
  bool ours(Store& store, const ClaimedWork& work) {
    if (store.queue.check_lease(work)) return true;
    sim_.probe("work.lease_lost");
    if (!flaws_.ignores_fence) return false;
    late_write_ = true;
    return true;
  }

  void drop(Worker& worker, const ClaimedWork& work) { worker.held.erase(work.fence); }

  void take_up(Worker& worker, const ClaimedWork& work) {
    const Uuid id = *Uuid::parse(work.key);
    bool go_on = false;
    const auto commit = sim_.transact(store_, "worker.take_up", [&](Store& store) {
      if (!ours(store, work)) return false;
      const auto& operation = store.operations.at(id);
      if (!is_finished(operation.state) && operation.cancel_requested())
        apply(store, id, OperationCancelled{"A person asked for it."});
      else if (!is_finished(operation.state))
        apply(store, id, OperationStarted{});
      if (is_finished(store.operations.at(id).state)) return static_cast<bool>(store.queue.complete(work));
      go_on = true;
      return true;
    });
    if (commit != Commit::kDone || !go_on) return drop(worker, work);
    make_next(worker, work, id);
  }

  void make_next(Worker& worker, const ClaimedWork& work, const Uuid& id) {
    const auto held = worker.held.find(work.fence);
    if (held == worker.held.end() || held->second.second <= sim_.clock().monotonic()) {
      sim_.probe("work.lease_ran_out_here");
      return drop(worker, work);
    }
    sim_.crash_point("worker.before_call");
    const int part = store_.parts_done[id];
    sim_.call<Answer>(
        worker.id, fmt::format("make {} of {}", part, work.key), kCallTimeout,
        [this, id, part, fence = work.fence] { return make(id, part, fence); },
        [this, &worker, work, id, part](std::optional<Answer> answer) { made(worker, work, id, part, answer); });
  }

  /// At the site.
  Answer make(const Uuid& id, int part, std::int64_t fence) {
    auto& highest = site_.fences[id];
    if (fence < highest) {
      sim_.probe("site.stale_refused");
      return Answer::kStale;
    }
    highest = fence;
    if (!flaws_.makes_without_looking && site_.made.contains({id, part})) return Answer::kMade;
    if (store_.operations.at(id).kind == "sim.stuck" || sim_.random().chance(1, 10)) return Answer::kBusy;
    if (sim_.random().chance(1, 60)) return Answer::kImpossible;
    if (++site_.made[{id, part}] > 1) made_twice_ = true;
    return Answer::kMade;
  }

  void made(Worker& worker, const ClaimedWork& work, const Uuid& id, int part, std::optional<Answer> answer) {
    sim_.crash_point("worker.after_call");
    bool go_on = false;
    const auto commit = sim_.transact(store_, "worker.made", [&](Store& store) {
      if (!ours(store, work)) return false;
      if (is_finished(store.operations.at(id).state)) return static_cast<bool>(store.queue.complete(work));
      if (answer == Answer::kMade) {
        store.parts_done[id] = part + 1;
        if (part + 1 == kParts) {
          apply(store, id, OperationSucceeded{});
          return static_cast<bool>(store.queue.complete(work));
        }
        apply(store, id, OperationProgressed{(part + 1) * 100 / kParts, fmt::format("Made part {}", part + 1)});
        go_on = !store.operations.at(id).cancel_requested();
        return go_on || static_cast<bool>(store.queue.retry_later(work, 0s, "", sim_.now()));
      }
      if (answer == Answer::kImpossible) {
        apply(store, id, OperationFailed{"The site cannot make this.", "Ask for something else."});
        return static_cast<bool>(store.queue.complete(work));
      }
      const auto delay = backoff_delay({1s, 1min}, work.attempts, sim_.random());
      apply(store, id, OperationWaiting{sim_.now() + delay, "The site does not answer.", "Wait; it is tried again."});
      return static_cast<bool>(store.queue.retry_later(work, delay, "busy", sim_.now()));
    });
    if (commit != Commit::kDone || !go_on) return drop(worker, work);
    make_next(worker, work, id);
  }

  Simulation& sim_;
  Flaws flaws_;
  Store store_;
  Site site_;
  ProcessId api_ = 0;
  ProcessId sweeper_ = 0;
  std::deque<Worker> workers_;
  int requests_ = 0;
  std::set<std::string> unanswered_;
  std::set<std::string> answered_;
  std::size_t events_checked_ = 0;
  std::map<Uuid, std::int64_t> seen_versions_;
  bool made_twice_ = false;
  bool late_write_ = false;
};

engine::sim::WorldEntry entry(std::string name, std::string about, Flaws flaws) {
  engine::sim::WorldEntry entry;
  entry.name = std::move(name);
  entry.about = std::move(about);
  entry.make = [flaws](Simulation& simulation) { return std::make_unique<OperationsWorld>(simulation, flaws); };
  return entry;
}

}  // namespace

engine::sim::WorldEntry operations_world() {
  auto world = entry("operations", "durable operations: clients, two workers, a sweep, a site", {});
  world.probes = {
      "operation.succeeded", "operation.failed",  "operation.cancelled",     "operation.deadline", "operation.retried",
      "api.replayed",        "work.lease_lost",   "work.lease_ran_out_here", "site.stale_refused", "sim.crash",
      "sim.stall",           "sim.lost_request",  "sim.lost_answer",         "sim.duplicate",      "sim.late",
      "sim.timeout",         "sim.commit_unknown"};
  world.crash_points = {"api.create.before_commit",
                        "api.create.after_commit",
                        "api.ask.before_commit",
                        "api.ask.after_commit",
                        "sweeper.before_commit",
                        "sweeper.after_commit",
                        "worker.claim.before_commit",
                        "worker.claim.after_commit",
                        "worker.heartbeat.before_commit",
                        "worker.heartbeat.after_commit",
                        "worker.take_up.before_commit",
                        "worker.take_up.after_commit",
                        "worker.made.before_commit",
                        "worker.made.after_commit",
                        "worker.before_call",
                        "worker.after_call"};
  return world;
}

engine::sim::WorldEntry canary_world() {
  auto world = entry("canary", "must fail: makes things without looking first", {.makes_without_looking = true});
  world.must_fail = true;
  return world;
}

engine::sim::WorldEntry unfenced_canary_world() {
  auto world = entry("canary-unfenced", "must fail: completes work it no longer holds", {.ignores_fence = true});
  world.must_fail = true;
  return world;
}

}  // namespace phx::sim_worlds
