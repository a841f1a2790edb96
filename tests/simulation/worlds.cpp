#include "worlds.hpp"

namespace phx::sim_worlds {

std::vector<engine::sim::WorldEntry> worlds() {
  std::vector<engine::sim::WorldEntry> all{operations_world(), canary_world(), unfenced_canary_world(),
                                           compute_world()};
  for (auto& canary : compute_canaries()) all.push_back(std::move(canary));
  return all;
}

}  // namespace phx::sim_worlds
