#pragma once
/// The worlds that phoenix-sim knows. A new one is a file here and a line in worlds().

#include <vector>

#include "engine/simulator.hpp"

namespace phx::sim_worlds {

/// Operations alone: clients, two workers, a sweep, and a site that makes things.
engine::sim::WorldEntry operations_world();
/// The same with a worker that makes things without looking first: the checks must notice.
engine::sim::WorldEntry canary_world();
/// The same with completions that do not ask for the fence: the checks must notice.
engine::sim::WorldEntry unfenced_canary_world();

/// Machines: the reconciler with its workers and a host.
engine::sim::WorldEntry compute_world();
/// The same with a fault each, which the checks must notice.
std::vector<engine::sim::WorldEntry> compute_canaries();

std::vector<engine::sim::WorldEntry> worlds();

}  // namespace phx::sim_worlds
