#include "worlds.hpp"

namespace phx::sim_worlds {

std::vector<engine::sim::WorldEntry> worlds() { return {operations_world(), canary_world(), unfenced_canary_world()}; }

}  // namespace phx::sim_worlds
