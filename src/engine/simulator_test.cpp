#include "engine/simulator.hpp"

#include <gtest/gtest.h>

namespace phx::engine::sim {
namespace {

using namespace std::chrono_literals;

/// One process writes a counter, one transaction at a time, and tells the outside.
class CounterWorld : public World {
 public:
  CounterWorld(Simulation& simulation, bool broken) : sim_(simulation), broken_(broken) {}
  void start() override {
    process_ = sim_.add_process("counter", [this] { tick(); });
  }
  void check() override { sim_.require(!broken_ || store_ < 5, "the counter passed five"); }
  bool settled() const override { return told_ >= 3; }
  void check_settled() override { sim_.require(told_ <= store_, "told more than was counted"); }

 private:
  void tick() {
    sim_.transact(store_, "counter", [](int& count) { return ++count, true; });
    sim_.call<int>(
        process_, "tell", 1s, [this] { return told_ = std::max(told_, store_); },
        [this](std::optional<int> told) {
          if (told) sim_.probe("told");
        });
    sim_.after(process_, 100ms, "tick", [this] { tick(); });
  }

  Simulation& sim_;
  bool broken_;
  ProcessId process_ = 0;
  int store_ = 0;
  int told_ = 0;
};

WorldEntry entry(bool broken) {
  WorldEntry entry;
  entry.name = "counter";
  entry.make = [broken](Simulation& simulation) { return std::make_unique<CounterWorld>(simulation, broken); };
  return entry;
}

TEST(Simulator, ASeedIsOneHistory) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto a = run(entry(false), seed, true);
    const auto b = run(entry(false), seed, true);
    EXPECT_FALSE(a.failure) << *a.failure;
    EXPECT_EQ(a.hash, b.hash);
    EXPECT_EQ(a.trace, b.trace);
    EXPECT_GE(a.steps, kFaultSteps);
    EXPECT_GT(a.faults, 0u);
  }
}

TEST(Simulator, SeedsDiffer) {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) hashes.insert(run(entry(false), seed).hash);
  EXPECT_EQ(hashes.size(), 50u);
}

TEST(Simulator, FindsABrokenPromise) {
  const auto result = run(entry(true), 1);
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(*result.failure, "the counter passed five");
}

TEST(Simulator, EachFaultStrikes) {
  std::set<std::string, std::less<>> probes;
  std::set<std::string> points;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const auto result = run(entry(false), seed);
    probes.insert(result.probes.begin(), result.probes.end());
    for (const auto& [point, count] : result.crashes) points.insert(point);
  }
  for (const char* probe : {"sim.crash", "sim.stall", "sim.lost_request", "sim.lost_answer", "sim.duplicate",
                            "sim.late", "sim.timeout", "sim.commit_unknown", "told"})
    EXPECT_TRUE(probes.contains(probe)) << probe;
  EXPECT_EQ(points, (std::set<std::string>{"counter.after_commit", "counter.before_commit"}));
}

/// What a process asked before it crashed is not answered to the one that was booted after it.
class ForgetfulWorld : public World {
 public:
  explicit ForgetfulWorld(Simulation& simulation) : sim_(simulation) {}
  void start() override {
    process_ = sim_.add_process("asker", [this] {
      ++boots_;
      ask();
    });
  }
  void check() override {}
  bool settled() const override { return true; }
  void check_settled() override {}

 private:
  void ask() {
    sim_.call<int>(
        process_, "ask", 1s, [] { return 1; },
        [this, boots = boots_](std::optional<int>) { sim_.require(boots == boots_, "answered another"); });
    sim_.after(process_, 50ms, "ask", [this] {
      sim_.crash_point("asked");
      ask();
    });
  }

  Simulation& sim_;
  ProcessId process_ = 0;
  int boots_ = 0;
};

TEST(Simulator, AnAnswerDoesNotOutliveWhoAsked) {
  WorldEntry forgetful;
  forgetful.name = "forgetful";
  forgetful.make = [](Simulation& simulation) { return std::make_unique<ForgetfulWorld>(simulation); };
  std::uint64_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto result = run(forgetful, seed);
    EXPECT_FALSE(result.failure) << *result.failure;
    for (const auto& [point, count] : result.crashes) crashes += count;
  }
  EXPECT_GT(crashes, 0u);
}

/// Nothing is scheduled: the run must say so instead of passing.
class SilentWorld : public World {
 public:
  void start() override {}
  void check() override {}
  bool settled() const override { return true; }
  void check_settled() override {}
};

TEST(Simulator, AWorldThatDoesNothingFails) {
  WorldEntry silent;
  silent.name = "silent";
  silent.make = [](Simulation&) { return std::make_unique<SilentWorld>(); };
  EXPECT_TRUE(run(silent, 1).failure);
}

}  // namespace
}  // namespace phx::engine::sim
