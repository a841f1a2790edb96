#include "domains/compute/reconciler.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace phx::compute {
namespace {

constexpr std::array<std::pair<MachineState, std::string_view>, 11> kStates{{
    {MachineState::kPending, "PENDING"},
    {MachineState::kProvisioning, "PROVISIONING"},
    {MachineState::kStopped, "STOPPED"},
    {MachineState::kStarting, "STARTING"},
    {MachineState::kRunning, "RUNNING"},
    {MachineState::kStopping, "STOPPING"},
    {MachineState::kPaused, "PAUSED"},
    {MachineState::kDegraded, "DEGRADED"},
    {MachineState::kUnknown, "UNKNOWN"},
    {MachineState::kLost, "LOST"},
    {MachineState::kDeleting, "DELETING"},
}};
constexpr std::array<std::pair<DesiredState, std::string_view>, 4> kDesired{{
    {DesiredState::kRunning, "RUNNING"},
    {DesiredState::kStopped, "STOPPED"},
    {DesiredState::kPaused, "PAUSED"},
    {DesiredState::kDeleted, "DELETED"},
}};
constexpr std::array<std::string_view, 10> kActions{"none",  "provision", "start",  "power_down", "kill",
                                                    "reset", "pause",     "resume", "destroy",    "forget"};

constexpr std::string_view kRestart = "Start the machine again, or open its console log to see why it ended.";

constexpr std::string_view kDeleteOperation = "vm.delete";
/// What a waiting operation shows; the work queue's backoff says when it is really tried.
constexpr Duration kRetryShown = std::chrono::seconds(1);

void drop_intents(Machine& machine) {
  machine.started_generation = machine.start_generation;
  machine.reset_done_generation = machine.reset_generation;
  machine.force_stop = false;
  machine.stop_pressed_at.reset();
}

/// An operation that has not begun yet says what is wanted. For a fresh one the mutation said so already; for one that
/// is retried after its intent was given up, this takes the intent up again.
void take_up(Machine& machine, const std::vector<engine::Operation>& live) {
  if (live.empty() || live.back().state != engine::OperationState::kPending) return;
  if (machine.desired == DesiredState::kDeleted) return;
  const std::string_view kind = live.back().kind;
  if (kind == "vm.create" || kind == "vm.start" || kind == "vm.restart") {
    machine.desired = DesiredState::kRunning;
    if (!machine.start_wanted())
      machine.start_generation = std::max(machine.generation, machine.started_generation + 1);
  }
  if (kind == "vm.stop") machine.desired = DesiredState::kStopped;
  if (kind == "vm.pause") machine.desired = DesiredState::kPaused;
  if (kind == "vm.resume") machine.desired = DesiredState::kRunning;
  if ((kind == "vm.reboot" || kind == "vm.restart") && !machine.reset_wanted()) {
    machine.desired = DesiredState::kRunning;
    machine.reset_generation = std::max(machine.generation, machine.reset_done_generation + 1);
  }
}

Decision settled(MachineState state) {
  Decision d;
  d.state = state;
  d.settled = true;
  d.progress = 100;
  return d;
}

Decision act(Action action, MachineState state, std::string step, int progress) {
  Decision d;
  d.action = action;
  d.state = state;
  d.step = std::move(step);
  d.progress = progress;
  return d;
}

Decision wait(MachineState state, std::string step, int progress, Duration again_after) {
  Decision d = act(Action::kNone, state, std::move(step), progress);
  d.again_after = again_after;
  return d;
}

Decision troubled(MachineState state, std::string reason, std::string_view next_action) {
  Decision d;
  d.state = state;
  d.reason = std::move(reason);
  d.next_action = next_action;
  return d;
}

Decision without_disk(const Machine& machine) {
  if (machine.provisioned)
    return troubled(MachineState::kLost, "The machine's disk is gone from its host.",
                    "Delete the machine, or put its disk back from a backup.");
  if (!machine.start_wanted()) {
    Decision d = settled(MachineState::kStopped);
    d.reason = "The machine's disk has not been made.";
    d.next_action = "Start the machine to try again, or delete it.";
    if (machine.desired != DesiredState::kStopped) d.new_desired = DesiredState::kStopped;
    return d;
  }
  return act(Action::kProvision, MachineState::kProvisioning, "making the disk", 20);
}

/// A press of ours that came at this process, or at the one that has just ended, not at an earlier one.
bool pressed_within(const Machine& machine, const GuestObservation& seen, Instant now, Duration span) {
  if (!machine.power_pressed_at || now - *machine.power_pressed_at >= span) return false;
  return !seen.started_at || *seen.started_at <= *machine.power_pressed_at;
}

Decision without_process(const Machine& machine, const GuestObservation& seen, Instant now,
                         const ReconcilePolicy& policy) {
  switch (machine.desired) {
    case DesiredState::kStopped: return settled(MachineState::kStopped);
    case DesiredState::kRunning:
    case DesiredState::kPaused: break;
    case DesiredState::kDeleted: std::unreachable();
  }
  if (machine.start_wanted()) return act(Action::kStart, MachineState::kStarting, "starting the guest", 60);
  if (seen.last_exit && seen.last_exit->expected) {
    const bool obeyed = pressed_within(machine, seen, now, policy.press_remembered);
    if (obeyed && machine.desired == DesiredState::kRunning)
      return act(Action::kStart, MachineState::kStarting, "starting the guest again, which obeyed the earlier stop",
                 60);
    Decision d = settled(MachineState::kStopped);
    d.reason = obeyed ? "The guest obeyed the earlier stop." : "The guest powered itself off.";
    d.new_desired = DesiredState::kStopped;
    return d;
  }
  std::string why = "The guest's process ended and nobody asked for it";
  if (seen.last_exit && !seen.last_exit->reason.empty()) why += ": " + seen.last_exit->reason;
  return troubled(MachineState::kLost, why + ".", kRestart);
}

Decision stopping(const Machine& machine, Instant now, const ReconcilePolicy& policy) {
  if (machine.force_stop) return act(Action::kKill, MachineState::kStopping, "pulling the plug", 60);
  // stop_pressed_at is the first press. One in the future is from before the wall clock was set back: the grace starts
  // anew.
  const bool pressed = machine.stop_pressed_at && *machine.stop_pressed_at <= now;
  const Duration waited = pressed ? now - *machine.stop_pressed_at : Duration::zero();
  if (waited >= policy.stop_grace)
    return act(Action::kKill, MachineState::kStopping, "pulling the plug: the guest did not power off in time", 80);
  Decision d = act(Action::kPowerDown, MachineState::kStopping,
                   pressed ? "waiting for the guest to power off" : "pressing the power button", pressed ? 50 : 30);
  d.again_after = std::min(policy.power_button_every, policy.stop_grace - waited);
  return d;
}

Decision with_process(const Machine& machine, const GuestObservation& seen, Instant now,
                      const ReconcilePolicy& policy) {
  switch (seen.power) {
    case Power::kOff:
    case Power::kShutdown:
      // The guest has powered off and its process is on the way out.
      return wait(machine.desired == DesiredState::kStopped ? MachineState::kStopping : machine.state,
                  "waiting for the guest's process to end", 80, policy.poll_every);
    case Power::kPrelaunch: return wait(MachineState::kStarting, "starting the guest", 70, policy.poll_every);
    case Power::kCrashed:
    case Power::kIoError:
      if (machine.desired == DesiredState::kStopped)
        return act(Action::kKill, MachineState::kStopping, "pulling the plug of a broken guest", 60);
      if (machine.reset_wanted()) return act(Action::kReset, MachineState::kStarting, "resetting the guest", 50);
      return troubled(
          MachineState::kDegraded,
          seen.power == Power::kCrashed ? "The guest's kernel has crashed."
                                        : "The guest is halted because its disk reports errors.",
          seen.power == Power::kCrashed ? "Reboot the machine." : "Free space on the host, then reboot the machine.");
    case Power::kPaused:
      if (machine.desired == DesiredState::kPaused) return settled(MachineState::kPaused);
      if (machine.desired == DesiredState::kStopped && machine.force_stop)
        return act(Action::kKill, MachineState::kStopping, "pulling the plug", 60);
      return act(Action::kResume, machine.desired == DesiredState::kStopped ? MachineState::kStopping : machine.state,
                 "resuming the guest", 40);
    case Power::kRunning: break;
  }
  switch (machine.desired) {
    case DesiredState::kStopped: return stopping(machine, now, policy);
    case DesiredState::kPaused: return act(Action::kPause, machine.state, "pausing the guest", 50);
    case DesiredState::kRunning:
      if (machine.reset_wanted()) return act(Action::kReset, MachineState::kRunning, "resetting the guest", 50);
      if (pressed_within(machine, seen, now, policy.press_awaited))
        return wait(MachineState::kStopping, "waiting whether the guest obeys the earlier stop", 50, policy.poll_every);
      return settled(MachineState::kRunning);
    case DesiredState::kDeleted: break;
  }
  std::unreachable();
}

}  // namespace

std::string_view to_string(MachineState state) { return kStates[static_cast<std::size_t>(state)].second; }
std::string_view to_string(DesiredState state) { return kDesired[static_cast<std::size_t>(state)].second; }
std::string_view to_string(Action action) { return kActions[static_cast<std::size_t>(action)]; }

std::optional<MachineState> machine_state(std::string_view name) {
  for (const auto& [state, text] : kStates)
    if (text == name) return state;
  return std::nullopt;
}
std::optional<DesiredState> desired_state(std::string_view name) {
  for (const auto& [state, text] : kDesired)
    if (text == name) return state;
  return std::nullopt;
}

Decision decide(const Machine& machine, const Result<GuestObservation>& seen, Instant now,
                const ReconcilePolicy& policy) {
  if (!seen) {
    Decision d = troubled(MachineState::kUnknown, "The host cannot tell the machine's state: " + seen.error().message(),
                          "Nothing: it is asked again. If it lasts, look at the host.");
    if (machine.desired == DesiredState::kDeleted) d.state = MachineState::kDeleting;
    // What was known stays known while a first attempt has not even reached the host.
    if (machine.state == MachineState::kPending) d.state = MachineState::kPending;
    d.again_after = std::chrono::seconds(2);
    d.step = "waiting for the host";
    return d;
  }
  if (machine.desired == DesiredState::kDeleted) {
    if (seen->presence == Presence::kAbsent)
      return act(Action::kForget, MachineState::kDeleting, "removing the record", 90);
    return act(Action::kDestroy, MachineState::kDeleting, "removing guest and disks", 40);
  }
  switch (seen->presence) {
    case Presence::kAbsent: return without_disk(machine);
    case Presence::kDefined: return without_process(machine, *seen, now, policy);
    case Presence::kRunning: return with_process(machine, *seen, now, policy);
  }
  std::unreachable();
}

Machine after_action(Machine machine, Action action, Instant now) {
  switch (action) {
    case Action::kProvision: machine.provisioned = true; break;
    case Action::kStart:
      machine.provisioned = true;
      machine.started_generation = machine.start_generation;
      // A machine that has just been started needs no reset that was asked for before.
      machine.reset_done_generation = machine.reset_generation;
      machine.stop_pressed_at.reset();
      machine.power_pressed_at.reset();
      break;
    case Action::kReset:
      machine.reset_done_generation = machine.reset_generation;
      machine.power_pressed_at.reset();
      break;
    case Action::kPowerDown:
      if (!machine.stop_pressed_at || *machine.stop_pressed_at > now) machine.stop_pressed_at = now;
      break;
    case Action::kKill:
      machine.stop_pressed_at.reset();
      machine.power_pressed_at.reset();
      break;
    case Action::kResume:
      // It could not obey while it was paused.
      if (machine.power_pressed_at) machine.power_pressed_at = now;
      break;
    case Action::kNone:
    case Action::kPause:
    case Action::kDestroy:
    case Action::kForget: break;
  }
  return machine;
}

Failure judge_failure(Action action, const Error& error) {
  Failure f;
  f.retry = code_info(error.code()).retryable || error.reason() == "guest.not_running";
  f.reason = error.message();
  f.next_action = error.next_action();
  if (!f.retry && f.next_action.empty())
    f.next_action = action == Action::kProvision ? "Delete the machine, or retry after the cause is mended."
                                                 : "Retry after the cause is mended.";
  return f;
}

Machine give_up(Machine machine, const GuestObservation& seen) {
  if (machine.desired == DesiredState::kDeleted) return machine;
  const bool was_to_be_started = machine.start_wanted();
  drop_intents(machine);
  if (seen.presence == Presence::kRunning)
    machine.desired = seen.power == Power::kPaused ? DesiredState::kPaused : DesiredState::kRunning;
  else if (was_to_be_started)
    machine.desired = DesiredState::kStopped;
  return machine;
}

Round begin_round(const Machine& stored, const std::vector<engine::Operation>& live,
                  const Result<GuestObservation>& seen, Instant now, const ReconcilePolicy& policy) {
  Round round;
  Machine& machine = round.machine = stored;
  take_up(machine, live);
  const engine::Operation* newest = live.empty() ? nullptr : &live.back();
  const bool deleted = machine.desired == DesiredState::kDeleted;
  // Giving up means wanting what is there, so it waits until the host can tell what that is.
  const bool cancelled = seen && newest && newest->cancel_requested() && !deleted;
  // Without a live operation nobody waits for an intent any more: it was cancelled, or ran out of time.
  const bool abandoned =
      seen && !newest &&
      (machine.start_wanted() || machine.reset_wanted() || machine.stop_pressed_at || machine.force_stop);
  if (cancelled || abandoned) machine = give_up(std::move(machine), *seen);

  const Decision& decision = round.decision = decide(machine, seen, now, policy);
  machine.state = decision.state;
  round.look_again = decision.settled && !cancelled && newest && newest->state == engine::OperationState::kPending;
  if (!round.look_again && decision.new_desired) machine.desired = *decision.new_desired;
  // A settled machine has what was asked for, even if it was there before we could do it ourselves; one in trouble has
  // failed it, and it is not tried again by itself.
  if (round.at_rest()) drop_intents(machine);
  // The clock was set back.
  if (machine.power_pressed_at > now) machine.power_pressed_at = now;
  // Noted before it is done: a press that we never hear of again may be obeyed.
  if (decision.action == Action::kPowerDown) machine.power_pressed_at = now;
  if (round.at_rest() && seen && seen->presence != Presence::kRunning) machine.power_pressed_at.reset();

  for (const auto& operation : live) {
    auto& events = round.operations.emplace_back(OperationChange{operation.id, operation.kind, {}}).events;
    if (deleted && operation.kind != kDeleteOperation) {
      events.emplace_back(engine::OperationCancelled{"The machine is being deleted."});
    } else if (operation.id != newest->id) {
      events.emplace_back(engine::OperationCancelled{"Overtaken by " + newest->kind + "."});
    } else if (cancelled) {
      events.emplace_back(engine::OperationCancelled{"Cancelled at a safe point; the machine is " +
                                                     std::string(to_string(decision.state)) + "."});
    } else if (!round.at_rest()) {
      events.emplace_back(engine::OperationStarted{});
      events.emplace_back(round.look_again ? engine::OperationProgressed{90, "looking whether it is done already"}
                                           : engine::OperationProgressed{decision.progress, decision.step});
    } else if (decision.new_desired) {
      events.emplace_back(engine::OperationFailed{decision.reason, "Start the machine if it shall run."});
    } else if (decision.settled) {
      events.emplace_back(engine::OperationSucceeded{});
    } else {
      events.emplace_back(engine::OperationFailed{decision.reason, decision.next_action});
    }
  }
  return round;
}

Machine fulfil(Machine stored, const Machine& round, Action action, Instant now) {
  const Machine done = after_action(round, action, now);
  stored.provisioned = stored.provisioned || done.provisioned;
  stored.started_generation = std::max(stored.started_generation, done.started_generation);
  stored.reset_done_generation = std::max(stored.reset_done_generation, done.reset_done_generation);
  if (stored.generation == round.generation) stored.stop_pressed_at = done.stop_pressed_at;
  // About the process, not about an intent.
  stored.power_pressed_at = done.power_pressed_at;
  return stored;
}

FailedRound fail_round(Machine stored, const std::vector<engine::Operation>& live, Action action, const Error& error,
                       const GuestObservation& seen, Instant now) {
  FailedRound out;
  out.failure = judge_failure(action, error);
  // A deletion is never given up, whatever its error.
  out.failure.retry = out.failure.retry || stored.desired == DesiredState::kDeleted;
  for (const auto& operation : live) {
    auto& events = out.operations.emplace_back(OperationChange{operation.id, operation.kind, {}}).events;
    if (!out.failure.retry)
      events.emplace_back(engine::OperationFailed{out.failure.reason, out.failure.next_action});
    else if (operation.state != engine::OperationState::kPending)  // one taken up anew meanwhile has not failed yet
      events.emplace_back(engine::OperationWaiting{now + kRetryShown, out.failure.reason, out.failure.next_action});
  }
  out.machine = std::move(stored);
  if (!out.failure.retry) {
    out.machine = give_up(std::move(out.machine), seen);
    if (action == Action::kStart) out.machine.power_pressed_at.reset();  // not started again for that reason, either
    if (out.machine.state == MachineState::kProvisioning || out.machine.state == MachineState::kStarting)
      out.machine.state = MachineState::kStopped;
  }
  return out;
}

std::vector<OperationChange> end_with_machine(const std::vector<engine::Operation>& live) {
  std::vector<OperationChange> out;
  for (const auto& operation : live) {
    auto& events = out.emplace_back(OperationChange{operation.id, operation.kind, {}}).events;
    if (operation.kind == kDeleteOperation)
      events.emplace_back(engine::OperationSucceeded{});
    else
      events.emplace_back(engine::OperationCancelled{"The machine has been deleted."});
  }
  return out;
}

}  // namespace phx::compute
