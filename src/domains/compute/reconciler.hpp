#pragma once
/// The heart of compute: given what is wanted of a machine and what its hypervisor tells, the one next thing to do.
/// Pure: no I/O, no clock. The shell (machine_worker) performs the action, and asks again until `settled`.
///
/// Rules that users rely on:
/// - A guest is started only for an intent that has not been fulfilled yet. One that dies later is LOST, with a reason
///   and a next action: it is never silently restarted, because a guest that died for a cause dies again.
/// - A guest that powers itself off is STOPPED, as if it had been asked to.
/// - Stop presses the power button, presses again every few seconds (a booting guest may not listen yet), and pulls the
///   plug after the grace period or at once with force.
/// - Delete wins over everything.
///
/// States are those of the platform's one state model (docs/architecture.md): RUNNING means that the hypervisor says
/// so; `booted_at` is a fact of its own.

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "domains/compute/hypervisor.hpp"

namespace phx::compute {

enum class MachineState : std::uint8_t {
  kPending,
  kProvisioning,
  kStopped,
  kStarting,
  kRunning,
  kStopping,
  kPaused,
  kDegraded,
  kUnknown,
  kLost,
  kDeleting,
};
enum class DesiredState : std::uint8_t { kRunning, kStopped, kPaused, kDeleted };

std::string_view to_string(MachineState state);
std::string_view to_string(DesiredState state);
std::optional<MachineState> machine_state(std::string_view name);
std::optional<DesiredState> desired_state(std::string_view name);

/// The stored facts that the decision depends on.
struct Machine {
  DesiredState desired = DesiredState::kRunning;
  MachineState state = MachineState::kPending;
  int generation = 1;
  int start_generation = 0;
  int started_generation = 0;
  int reset_generation = 0;
  int reset_done_generation = 0;
  bool force_stop = false;
  bool provisioned = false;
  std::optional<Instant> stop_pressed_at;

  bool start_wanted() const { return start_generation > started_generation; }
  bool reset_wanted() const { return reset_generation > reset_done_generation; }
};

enum class Action : std::uint8_t {
  kNone,
  kProvision,
  kStart,
  kPowerDown,
  kKill,
  kReset,
  kPause,
  kResume,
  kDestroy,
  kForget,  ///< nothing is left of the guest: remove the machine's row and give its quota back
};
std::string_view to_string(Action action);

/// What the shell writes down and does. Written before the action is done, except the *_done facts, which
/// after_action() gives.
struct Decision {
  Action action = Action::kNone;
  MachineState state = MachineState::kPending;
  std::string reason;       ///< empty: the state is what was asked for
  std::string next_action;  ///< for people
  /// What is wanted has been reached: open operations succeed.
  bool settled = false;
  /// The guest decided for itself (it powered off): this becomes what is wanted.
  std::optional<DesiredState> new_desired;
  /// Ask again after this time even if nothing happens; nullopt: only when something happens.
  std::optional<Duration> again_after;
  /// "waiting for the guest to power off", for the operation's step.
  std::string step;
  int progress = 0;
};

struct ReconcilePolicy {
  Duration stop_grace = std::chrono::seconds(30);
  Duration power_button_every = std::chrono::seconds(5);
  Duration poll_every = std::chrono::milliseconds(500);
};

/// `seen` is what the hypervisor told, or the error that it could not tell.
Decision decide(const Machine& machine, const Result<GuestObservation>& seen, Instant now,
                const ReconcilePolicy& policy = {});

/// The machine's facts after the action succeeded.
Machine after_action(Machine machine, Action action, Instant now);

/// How a failed action goes on. A retryable error (the hypervisor is busy, its outcome unknown) is tried again with
/// backoff; any other fails the operation, and the intent is dropped so that it is not tried for ever.
struct Failure {
  bool retry = false;
  std::string reason;
  std::string next_action;
};
Failure judge_failure(Action action, const Error& error);

/// The machine after its open intent was given up (operation failed, cancelled or out of time): what is wanted becomes
/// what is there. A deletion is never given up.
Machine give_up(Machine machine, const std::optional<GuestObservation>& seen);

}  // namespace phx::compute
