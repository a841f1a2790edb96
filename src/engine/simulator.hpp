#pragma once
/// Deterministic simulation of engines under faults. One seed is one history: virtual clock, seeded scheduler, no
/// thread, no I/O. The engines themselves are the product's own pure code; a World supplies their shell, the processes
/// that run it, and the fakes of the outside, which keep their own truth.
///
/// **Faults**, all from the seed: messages are delayed, reordered, duplicated, lost before or after their effect; a
/// commit's answer is lost; a process crashes at a named point between two writes or calls and boots again with nothing
/// but what was committed; a process stands still for longer than its leases.
/// **Judgement.** World::check() after each step (safety). When the fault phase ends the world must settle within a
/// bounded virtual time (liveness), then check_settled(). Probes are places that a set of seeds must reach, so that a
/// world which tests nothing is noticed. The trace's hash must be the same when a seed is run again.
///
///     auto result = sim::run(entry, seed);   // result.failure, result.hash, result.trace …

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/uuid.hpp"

namespace phx::engine::sim {

/// A broken promise; ends the run.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using ProcessId = std::size_t;

/// How often a fault strikes where it may, in thousandths.
struct FaultRates {
  std::uint64_t crash = 25;         ///< at each crash point
  std::uint64_t stall = 6;          ///< at each step of a process: stands still for up to `stall_max`
  std::uint64_t lost_request = 40;  ///< a call never arrives
  std::uint64_t lost_answer = 40;   ///< it arrives, nobody hears of it
  std::uint64_t duplicate = 40;     ///< it arrives twice
  std::uint64_t late = 60;          ///< it arrives after the caller stopped waiting
  std::uint64_t lost_commit = 15;   ///< the answer to a commit is lost; half of those did commit
  Duration stall_max = std::chrono::minutes(2);
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, FaultRates rates, bool keep_trace);

  const Clock& clock() const { return clock_; }
  Instant now() const { return clock_.now(); }
  Random& random() { return random_; }
  /// True while faults may strike. Worlds offer new load only then.
  bool faults_on() const { return faults_on_; }
  Uuid new_id() { return ids_.next(); }
  /// Uniform in [from, to].
  Duration between(Duration from, Duration to);

  /// A process loses its memory when it crashes: everything scheduled for it is dropped, and `boot` runs again later.
  ProcessId add_process(std::string name, std::function<void()> boot);
  /// Runs `task` in the process after `delay`, unless it has crashed meanwhile.
  void after(ProcessId process, Duration delay, std::string label, std::function<void()> task);
  /// The same for things that never crash: the outside, clients.
  void outside_after(Duration delay, std::string label, std::function<void()> task);
  /// A place between two writes or calls of the running process. May not return.
  void crash_point(std::string_view name);

  /// A call from a process to the outside. `effect` runs there: never, once, or twice; maybe after the caller gave up.
  /// `then` runs in the process once: with the answer, or without one after `timeout`.
  template <class Reply>
  void call(ProcessId from, std::string label, Duration timeout, std::function<Reply()> effect,
            std::function<void(std::optional<Reply>)> then);

  /// Runs a transaction on a store: `change` works on a copy, which becomes the store at the commit. `change` may
  /// answer false to roll back. Crash points lie before and after the commit.
  enum class Commit : std::uint8_t { kDone, kRolledBack, kUnknown };
  template <class Store, class Change>
  Commit transact(Store& store, std::string_view name, Change change);

  /// Part of the trace, and so of the hash.
  void trace(std::string line);
  /// A place that the seeds together must reach.
  void probe(std::string_view name) { probes_.emplace(name); }
  /// Throws Violation.
  void require(bool holds, std::string_view what);

 private:
  friend struct Runner;
  struct Crash {};
  struct Step {
    Instant at;
    std::uint64_t shuffle;  // steps of one instant run in an order of the seed's choosing
    std::uint64_t number;
    std::optional<ProcessId> process;
    std::uint64_t incarnation;
    std::string label;
    std::function<void()> task;
    bool operator<(const Step& other) const {
      return std::tie(at, shuffle, number) < std::tie(other.at, other.shuffle, other.number);
    }
  };
  struct Process {
    std::string name;
    std::function<void()> boot;
    std::uint64_t incarnation = 0;
    Instant stalled_until{};
  };
  enum class Delivery : std::uint8_t { kNormal, kLostRequest, kLostAnswer, kDuplicate, kLate };

  bool strikes(std::uint64_t rate) { return faults_on_ && random_.chance(rate, 1000); }
  Delivery choose_delivery();
  void push(Step step);
  /// False when nothing is left to do.
  bool run_next();
  void crash(ProcessId process);

  ManualClock clock_;
  SeededRandom random_;
  UuidSource ids_;
  FaultRates rates_;
  bool keep_trace_;
  bool faults_on_ = true;
  std::set<Step> steps_;
  std::vector<Process> processes_;
  std::optional<ProcessId> running_;
  std::uint64_t steps_run_ = 0;
  std::uint64_t numbers_ = 0;
  std::uint64_t faults_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
  std::deque<std::string> trace_;
  std::set<std::string, std::less<>> probes_;
  std::map<std::string, std::uint64_t, std::less<>> crashes_;
};

/// One world in one history.
class World {
 public:
  virtual ~World() = default;
  /// Sets up processes, clients and the first steps.
  virtual void start() = 0;
  /// After each step: what must never be otherwise. Use Simulation::require.
  virtual void check() = 0;
  /// Nothing is under way any more.
  virtual bool settled() const = 0;
  /// What must hold when all is settled.
  virtual void check_settled() = 0;
};

/// A world by name, for the list in tests/simulation/worlds.hpp.
struct WorldEntry {
  std::string name;
  std::string about;
  std::function<std::unique_ptr<World>(Simulation&)> make;
  /// Over a hundred seeds or more, each must be reached; so must a crash at each of `crash_points`.
  std::vector<std::string> probes;
  std::vector<std::string> crash_points;
  /// A canary: has a known fault, which the checks must find.
  bool must_fail = false;
  FaultRates rates = {};
};

struct RunResult {
  std::uint64_t seed = 0;
  std::uint64_t hash = 0;
  std::uint64_t steps = 0;
  std::uint64_t faults = 0;
  Duration virtual_time{};
  std::optional<std::string> failure;
  std::vector<std::string> trace;  ///< the newest lines; all of them when asked for
  std::set<std::string, std::less<>> probes;
  std::map<std::string, std::uint64_t, std::less<>> crashes;  ///< by crash point
};

/// Steps with faults in one seed, at least.
inline constexpr std::uint64_t kFaultSteps = 200;
/// How long, in virtual time, a world may take to settle once faults have stopped.
inline constexpr Duration kSettleTime = std::chrono::hours(4);

RunResult run(const WorldEntry& world, std::uint64_t seed, bool keep_trace = false);

template <class Reply>
void Simulation::call(ProcessId from, std::string label, Duration timeout, std::function<Reply()> effect,
                      std::function<void(std::optional<Reply>)> then) {
  using std::chrono::milliseconds;
  const auto delivery = choose_delivery();
  auto answered = std::make_shared<bool>(false);
  const auto incarnation = processes_[from].incarnation;
  const auto answer = [this, from, incarnation, label, answered, then](Reply reply) {
    if (processes_[from].incarnation != incarnation) return;  // whoever asked has crashed since
    after(from, between(milliseconds(1), milliseconds(40)), label + " answered",
          [answered, then, reply = std::move(reply)]() mutable {
            if (std::exchange(*answered, true)) return;
            then(std::move(reply));
          });
  };
  after(from, timeout, label + " timed out", [this, answered, then] {
    if (std::exchange(*answered, true)) return;
    probe("sim.timeout");
    then(std::nullopt);
  });
  if (delivery == Delivery::kLostRequest) return;
  const auto on_the_way = delivery == Delivery::kLate ? timeout + between(milliseconds(1), timeout)
                                                      : between(milliseconds(1), milliseconds(200));
  const bool heard = delivery != Delivery::kLostAnswer;
  outside_after(on_the_way, label, [effect, answer, heard] {
    auto reply = effect();
    if (heard) answer(std::move(reply));
  });
  if (delivery == Delivery::kDuplicate)
    outside_after(on_the_way + between(milliseconds(0), timeout), label + " again", [effect] { (void)effect(); });
}

template <class Store, class Change>
Simulation::Commit Simulation::transact(Store& store, std::string_view name, Change change) {
  Store copy = store;
  if (!change(copy)) return Commit::kRolledBack;
  crash_point(std::string(name) + ".before_commit");
  const bool lost = strikes(rates_.lost_commit);
  if (lost) {
    ++faults_;
    probe("sim.commit_unknown");
    if (random_.chance(1, 2)) store = std::move(copy);
    return Commit::kUnknown;
  }
  store = std::move(copy);
  crash_point(std::string(name) + ".after_commit");
  return Commit::kDone;
}

}  // namespace phx::engine::sim
