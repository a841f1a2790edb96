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
/// - The latest word holds over a press that the guest has not obeyed yet: a start, resume or reboot after a stop waits
///   a while for the guest to obey it and starts it again; one that obeys even later is started again, too. A press is
///   forgotten with its process, with a reset, or after a time in which every guest should have obeyed.
/// - Delete wins over everything. Of several operations that wait for one machine the newest counts.
/// - An operation succeeds only by an observation made after it was taken up: what was seen before proves nothing.
///
/// States are those of the platform's one state model (docs/architecture.md): RUNNING means that the hypervisor says
/// so; `booted_at` is a fact of its own.

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "domains/compute/hypervisor.hpp"
#include "engine/operations.hpp"

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
  /// The first press of this stop: its grace counts from here.
  std::optional<Instant> stop_pressed_at;
  /// The latest press of ours that this process may still obey, whatever is wanted by now.
  std::optional<Instant> power_pressed_at;

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
  /// How long a guest that shall run is watched for an earlier press before it counts as running.
  Duration press_awaited = std::chrono::seconds(30);
  /// A power-off so long after our press is taken for the guest's own wish.
  Duration press_remembered = std::chrono::minutes(10);
};

/// `seen` is what the hypervisor told, or the error that it could not tell.
Decision decide(const Machine& machine, const Result<GuestObservation>& seen, Instant now,
                const ReconcilePolicy& policy = {});

/// The machine's facts after the action succeeded.
Machine after_action(Machine machine, Action action, Instant now);

/// How a failed action goes on. A guest that went off under our hands ("guest.not_running") is looked at again: what it
/// means is decided from what is seen then. A retryable error (the hypervisor is busy, its outcome unknown) is tried
/// again with backoff; any other fails the operation, and the intent is dropped so that it is not tried for ever.
struct Failure {
  bool retry = false;
  std::string reason;
  std::string next_action;
};
Failure judge_failure(Action action, const Error& error);

/// The machine after its open intent was given up (operation failed, cancelled or out of time): what is wanted becomes
/// what is there, but a guest that was to run already and is gone stays wanted: it is lost, not stopped. A deletion is
/// never given up.
Machine give_up(Machine machine, const GuestObservation& seen);

/// What a round says to one live operation: the events in order, none after one that ended it (which its deadline may
/// do).
struct OperationChange {
  Uuid id;
  std::string kind;
  std::vector<engine::OperationEvent> events;
};

/// One round of the worker: what it writes down, in one transaction, before it does decision.action.
struct Round {
  Machine machine;
  Decision decision;
  std::vector<OperationChange> operations;
  /// All seems done, but was seen before the operation was taken up: observe and decide once more.
  bool look_again = false;

  /// Nothing is left to do until something happens.
  bool at_rest() const { return decision.action == Action::kNone && !decision.again_after && !look_again; }
};

/// On what is stored, with the machine's live operations, oldest first.
Round begin_round(const Machine& stored, const std::vector<engine::Operation>& live,
                  const Result<GuestObservation>& seen, Instant now, const ReconcilePolicy& policy = {});

/// The machine as it is stored now, after the round's action succeeded: only what this action fulfilled, an intent that
/// came meanwhile stays open.
Machine fulfil(Machine stored, const Machine& round, Action action, Instant now);

/// After the round's action failed, if no newer intent came meanwhile (then the next round decides afresh).
struct FailedRound {
  Machine machine;
  Failure failure;
  std::vector<OperationChange> operations;
};
FailedRound fail_round(Machine stored, const std::vector<engine::Operation>& live, Action action, const Error& error,
                       const GuestObservation& seen, Instant now);

/// The machine's record goes: what that means for operations that still wait for it.
std::vector<OperationChange> end_with_machine(const std::vector<engine::Operation>& live);

}  // namespace phx::compute
