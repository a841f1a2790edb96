#include "engine/simulator.hpp"

#include <fmt/format.h>

namespace phx::engine::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kTraceTail = 400;
constexpr std::uint64_t kFaultsMin = 5;
constexpr std::uint64_t kStepsMax = 2'000'000;
/// 2030-01-01T00:00:00Z: a date that no wall clock shows, so that reading one is noticed.
constexpr Instant kStart{std::chrono::seconds(1893456000)};

}  // namespace

Simulation::Simulation(std::uint64_t seed, FaultRates rates, bool keep_trace)
    : clock_(kStart), random_(seed), ids_(clock_, random_), rates_(rates), keep_trace_(keep_trace) {}

Duration Simulation::between(Duration from, Duration to) {
  return from + Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>((to - from).count()) + 1)));
}

void Simulation::push(Step step) {
  step.shuffle = random_.next_u64();
  step.number = ++numbers_;
  steps_.insert(std::move(step));
}

ProcessId Simulation::add_process(std::string name, std::function<void()> boot) {
  processes_.push_back({std::move(name), std::move(boot), 0, {}});
  const ProcessId id = processes_.size() - 1;
  after(id, between(0ms, 100ms), "boot", [this, id] { processes_[id].boot(); });
  return id;
}

void Simulation::after(ProcessId process, Duration delay, std::string label, std::function<void()> task) {
  push({now() + delay, 0, 0, process, processes_[process].incarnation, std::move(label), std::move(task)});
}

void Simulation::outside_after(Duration delay, std::string label, std::function<void()> task) {
  push({now() + delay, 0, 0, std::nullopt, 0, std::move(label), std::move(task)});
}

void Simulation::crash_point(std::string_view name) {
  if (!running_ || !strikes(rates_.crash)) return;
  ++crashes_[std::string(name)];
  trace(fmt::format("crash at {}", name));
  throw Crash{};
}

Simulation::Delivery Simulation::choose_delivery() {
  const auto pick = [this](std::uint64_t rate, Delivery delivery, std::string_view name) -> std::optional<Delivery> {
    if (!strikes(rate)) return std::nullopt;
    ++faults_;
    probe(name);
    return delivery;
  };
  if (auto d = pick(rates_.lost_request, Delivery::kLostRequest, "sim.lost_request")) return *d;
  if (auto d = pick(rates_.lost_answer, Delivery::kLostAnswer, "sim.lost_answer")) return *d;
  if (auto d = pick(rates_.duplicate, Delivery::kDuplicate, "sim.duplicate")) return *d;
  if (auto d = pick(rates_.late, Delivery::kLate, "sim.late")) return *d;
  return Delivery::kNormal;
}

void Simulation::crash(ProcessId id) {
  ++faults_;
  probe("sim.crash");
  Process& process = processes_[id];
  process.incarnation += 1;
  process.stalled_until = {};
  after(id, between(100ms, 20s), "boot", [this, id] { processes_[id].boot(); });
}

bool Simulation::run_next() {
  if (steps_.empty()) return false;
  auto step = std::move(steps_.extract(steps_.begin()).value());
  if (step.at > now()) clock_.advance(step.at - now());
  if (step.process) {
    Process& process = processes_[*step.process];
    if (step.incarnation != process.incarnation) return true;
    if (process.stalled_until <= now() && strikes(rates_.stall)) {
      ++faults_;
      probe("sim.stall");
      process.stalled_until = now() + between(1s, rates_.stall_max);
      trace(fmt::format("{} stands still", process.name));
    }
    if (process.stalled_until > now()) {
      step.at = process.stalled_until;
      push(std::move(step));
      return true;
    }
  }
  ++steps_run_;
  trace(fmt::format("{}: {}", step.process ? processes_[*step.process].name : "outside", step.label));
  running_ = step.process;
  try {
    step.task();
    running_.reset();
  } catch (const Crash&) {
    running_.reset();
    crash(*step.process);
  }
  return true;
}

void Simulation::trace(std::string line) {
  line = fmt::format("{:>12.6f} {}", std::chrono::duration<double>(now() - kStart).count(), line);
  for (const char c : line) hash_ = (hash_ ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  trace_.push_back(std::move(line));
  if (!keep_trace_ && trace_.size() > kTraceTail) trace_.pop_front();
}

void Simulation::require(bool holds, std::string_view what) {
  if (!holds) throw Violation(std::string(what));
}

struct Runner {
  static RunResult run(const WorldEntry& entry, std::uint64_t seed, bool keep_trace) {
    Simulation sim(seed, entry.rates, keep_trace);
    RunResult result;
    result.seed = seed;
    try {
      play(sim, entry);
    } catch (const Violation& violation) { result.failure = violation.what(); }
    result.hash = sim.hash_;
    result.steps = sim.steps_run_;
    result.faults = sim.faults_;
    result.virtual_time = sim.now() - kStart;
    result.trace.assign(sim.trace_.begin(), sim.trace_.end());
    result.probes = std::move(sim.probes_);
    result.crashes = std::move(sim.crashes_);
    return result;
  }

 private:
  static void play(Simulation& sim, const WorldEntry& entry) {
    const auto world = entry.make(sim);
    world->start();
    const auto fault_steps = kFaultSteps + sim.random_.below(3 * kFaultSteps);
    while (sim.steps_run_ < fault_steps || sim.faults_ < kFaultsMin) {
      sim.require(sim.run_next(), "the world fell silent while it was still offered load");
      world->check();
    }
    sim.faults_on_ = false;
    sim.trace("faults end");
    const auto settle_by = sim.now() + kSettleTime;
    while (!world->settled()) {
      sim.require(sim.run_next(), "nothing is left to do, yet the world has not settled");
      world->check();
      sim.require(sim.now() < settle_by && sim.steps_run_ < kStepsMax, "the world did not settle in time");
    }
    world->check_settled();
  }
};

RunResult run(const WorldEntry& world, std::uint64_t seed, bool keep_trace) {
  return Runner::run(world, seed, keep_trace);
}

}  // namespace phx::engine::sim
