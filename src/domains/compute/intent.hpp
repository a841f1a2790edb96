#pragma once
/// What people and rules may want of a machine. Pure, so that the simulation uses the same table as the mutations.

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "domains/compute/reconciler.hpp"

namespace phx::compute {

/// By name, as mutations and actions ask for it.
enum class Intent : std::uint8_t {
  kStart,
  kStop,
  kForceStop,
  kReboot,
  kPause,
  kResume,
  kDelete,
  kRestart,  ///< running again, whatever it takes: started when off, reset when it runs or is broken
};

/// How an intent is written down: sql/machine_intent.sql.
struct IntentSpec {
  Intent intent;
  std::string_view operation;
  DesiredState desired;
  bool start;
  bool reset;
  bool force;
  std::chrono::minutes time_allowed;
};
const IntentSpec& spec_of(Intent intent);

/// Refuses what cannot be meant, at once: "vm.deleting" for a machine on its way out, "vm.not_running" for intents that
/// need a running guest.
Status check_intent(Intent intent, DesiredState desired, MachineState state);

}  // namespace phx::compute
