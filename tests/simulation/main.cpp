// phoenix-sim: runs worlds by seed. A failing seed is printed with the one command that replays it.

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "worlds.hpp"

namespace {

using namespace phx;
using engine::sim::RunResult;
using engine::sim::WorldEntry;

constexpr std::uint64_t kRerunEvery = 20;   // 5 % of the seeds run twice
constexpr std::uint64_t kProbesFrom = 100;  // seeds that must suffice to reach each probe
constexpr std::size_t kFailuresMax = 5;

struct Options {
  std::uint64_t seeds = 200;
  std::uint64_t from = 1;
  std::string world = "all";
  std::string regressions;
  bool trace = false;
  bool list = false;
};

constexpr std::string_view kUsage =
    "phoenix-sim [--seeds N] [--from S] [--world NAME|all] [--regressions FILE] [--trace] [--list]\n"
    "  --regressions FILE  first runs the seeds kept in FILE, lines of 'world seed'\n"
    "  --trace             prints the whole history of each seed\n";

bool parse(int argc, char** argv, Options& options) {
  const auto number = [](std::string_view text, std::uint64_t& out) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
    return failed == std::errc() && end == text.data() + text.size();
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--trace")
      options.trace = true;
    else if (name == "--list")
      options.list = true;
    else if (i + 1 == argc)
      return false;
    else if (name == "--seeds" && number(argv[i + 1], options.seeds))
      ++i;
    else if (name == "--from" && number(argv[i + 1], options.from))
      ++i;
    else if (name == "--world")
      options.world = argv[++i];
    else if (name == "--regressions")
      options.regressions = argv[++i];
    else
      return false;
  }
  return true;
}

/// Runs one seed, and again where asked; a difference is a failure like any other.
RunResult run_checked(const WorldEntry& world, std::uint64_t seed, bool trace) {
  auto result = engine::sim::run(world, seed, trace);
  if (seed % kRerunEvery == 0) {
    const auto again = engine::sim::run(world, seed, trace);
    if (again.hash != result.hash || again.steps != result.steps)
      result.failure = fmt::format("not deterministic: {:016x} then {:016x}", result.hash, again.hash);
  }
  if (!result.failure && (result.steps < engine::sim::kFaultSteps || result.faults == 0))
    result.failure = fmt::format("the seed proves nothing: {} steps, {} faults", result.steps, result.faults);
  return result;
}

void print_failure(const WorldEntry& world, const RunResult& result) {
  fmt::print("FAILED world {} seed {}: {}\n  replay: phoenix-sim --world {} --from {} --seeds 1 --trace\n", world.name,
             result.seed, *result.failure, world.name, result.seed);
  constexpr std::size_t kTail = 15;
  const auto begin = result.trace.size() > kTail ? result.trace.size() - kTail : 0;
  for (auto i = begin; i < result.trace.size(); ++i) fmt::print("  {}\n", result.trace[i]);
}

/// True when the world did what is expected of it: a canary must fail at least once.
bool run_world(const WorldEntry& world, const std::vector<std::uint64_t>& seeds, const Options& options) {
  std::uint64_t steps = 0;
  std::uint64_t faults = 0;
  std::uint64_t crashes = 0;
  std::size_t failures = 0;
  std::set<std::string, std::less<>> missing(world.probes.begin(), world.probes.end());
  std::set<std::string, std::less<>> uncrashed(world.crash_points.begin(), world.crash_points.end());
  for (const auto seed : seeds) {
    const auto result = run_checked(world, seed, options.trace);
    steps += result.steps;
    faults += result.faults;
    for (const auto& probe : result.probes) missing.erase(probe);
    for (const auto& [point, count] : result.crashes) {
      uncrashed.erase(point);
      crashes += count;
    }
    if (options.trace)
      for (const auto& line : result.trace) fmt::print("{}\n", line);
    if (!result.failure) continue;
    ++failures;
    if (world.must_fail && !options.trace) break;
    print_failure(world, result);
    if (failures == kFailuresMax) break;
  }
  if (world.must_fail) {
    fmt::print("world {}: {}\n", world.name, failures > 0 ? "the fault was found, as it must be" : "NOT FOUND");
    return failures > 0;
  }
  bool good = failures == 0;
  if (good && seeds.size() >= kProbesFrom) {
    for (const auto& probe : missing) fmt::print("FAILED world {}: no seed reached probe {}\n", world.name, probe);
    for (const auto& point : uncrashed) fmt::print("FAILED world {}: no seed crashed at {}\n", world.name, point);
    good = missing.empty() && uncrashed.empty();
  }
  fmt::print("world {}: {} seeds, {} steps, {} faults, {} crashes: {}\n", world.name, seeds.size(), steps, faults,
             crashes, good ? "good" : "FAILED");
  return good;
}

std::vector<std::uint64_t> regressions_of(const std::string& path, const std::string& world) {
  std::vector<std::uint64_t> seeds;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t seed = 0;
    if (words >> name >> seed && name == world) seeds.push_back(seed);
  }
  return seeds;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  bool good = true;
  bool found = false;
  for (const auto& world : sim_worlds::worlds()) {
    if (options.list) fmt::print("{:<18} {}\n", world.name, world.about);
    if (options.list || (options.world != "all" && options.world != world.name)) continue;
    found = true;
    auto seeds = regressions_of(options.regressions, world.name);
    for (std::uint64_t i = 0; i < options.seeds; ++i) seeds.push_back(options.from + i);
    good = run_world(world, seeds, options) && good;
    std::fflush(stdout);
  }
  if (!found && !options.list) {
    fmt::print(stderr, "There is no world '{}'.\n{}", options.world, kUsage);
    return 2;
  }
  return good ? 0 : 1;
}
