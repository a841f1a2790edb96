#include "domains/compute/reconciler.hpp"

#include <gtest/gtest.h>

namespace phx::compute {
namespace {

using namespace std::chrono_literals;
const Instant kNow{std::chrono::seconds(1'800'000'000)};

Machine wanted(DesiredState desired) {
  Machine m;
  m.desired = desired;
  m.provisioned = true;
  m.state = MachineState::kRunning;
  return m;
}

Result<GuestObservation> seen(Presence presence, Power power = Power::kOff) {
  GuestObservation o;
  o.presence = presence;
  o.power = power;
  return o;
}

engine::Operation operation(std::string kind, engine::OperationState state) {
  engine::Operation o;
  o.id.bytes[0] = static_cast<std::uint8_t>(kind.size());
  o.kind = std::move(kind);
  o.state = state;
  o.deadline_at = kNow + 10min;
  return o;
}
/// The state in which the round leaves an operation.
engine::OperationState after(engine::Operation o, const OperationChange& change) {
  for (const auto& event : change.events) o = engine::step(o, event, kNow).value();
  return o.state;
}
using enum engine::OperationState;

TEST(Reconciler, CreatesThenStartsThenRests) {
  Machine m;
  m.start_generation = 1;
  auto d = decide(m, seen(Presence::kAbsent), kNow);
  EXPECT_EQ(d.action, Action::kProvision);
  EXPECT_EQ(d.state, MachineState::kProvisioning);
  m = after_action(m, d.action, kNow);
  d = decide(m, seen(Presence::kDefined), kNow);
  EXPECT_EQ(d.action, Action::kStart);
  EXPECT_EQ(d.state, MachineState::kStarting);
  m = after_action(m, d.action, kNow);
  d = decide(m, seen(Presence::kRunning, Power::kRunning), kNow);
  EXPECT_EQ(d.action, Action::kNone);
  EXPECT_EQ(d.state, MachineState::kRunning);
  EXPECT_TRUE(d.settled);
}

TEST(Reconciler, AGuestThatDiesIsLostAndNotRestarted) {
  const Machine m = wanted(DesiredState::kRunning);
  auto o = seen(Presence::kDefined);
  o->last_exit = GuestExit{kNow, 9, std::nullopt, false, "killed by signal 9"};
  const auto d = decide(m, o, kNow);
  EXPECT_EQ(d.action, Action::kNone);
  EXPECT_EQ(d.state, MachineState::kLost);
  EXPECT_FALSE(d.settled);
  EXPECT_NE(d.reason.find("signal 9"), std::string::npos);
  EXPECT_FALSE(d.next_action.empty());
}

TEST(Reconciler, ANewStartIntentRevivesALostGuest) {
  Machine m = wanted(DesiredState::kRunning);
  m.start_generation = 2;
  EXPECT_EQ(decide(m, seen(Presence::kDefined), kNow).action, Action::kStart);
}

TEST(Reconciler, AGuestThatPowersOffIsStopped) {
  auto o = seen(Presence::kDefined);
  o->last_exit = GuestExit{kNow, std::nullopt, 0, true, "the guest powered off"};
  const auto d = decide(wanted(DesiredState::kRunning), o, kNow);
  EXPECT_EQ(d.state, MachineState::kStopped);
  EXPECT_EQ(d.new_desired, DesiredState::kStopped);
  EXPECT_TRUE(d.settled);
}

TEST(Reconciler, StopPressesAgainAndPullsThePlugAfterTheGrace) {
  Machine m = wanted(DesiredState::kStopped);
  const auto running = seen(Presence::kRunning, Power::kRunning);
  auto d = decide(m, running, kNow);
  EXPECT_EQ(d.action, Action::kPowerDown);
  m = after_action(m, d.action, kNow);
  d = decide(m, running, kNow + 5s);
  EXPECT_EQ(d.action, Action::kPowerDown);
  EXPECT_EQ(d.again_after, 5s);
  m = after_action(m, d.action, kNow + 5s);
  EXPECT_EQ(m.stop_pressed_at, kNow) << "the grace counts from the first press";
  EXPECT_EQ(decide(m, running, kNow + 29s).again_after, 1s);
  EXPECT_EQ(decide(m, running, kNow + 30s).action, Action::kKill);
  EXPECT_EQ(decide(m, seen(Presence::kDefined), kNow + 31s).state, MachineState::kStopped);
}

TEST(Round, AStartRightAfterAStopOutlastsThePress) {
  const auto running = seen(Presence::kRunning, Power::kRunning);
  const auto stop = operation("vm.stop", kRunning);
  Machine m = begin_round(wanted(DesiredState::kStopped), {stop}, running, kNow).machine;
  EXPECT_EQ(m.power_pressed_at, kNow) << "noted before it is pressed";
  m = fulfil(m, m, Action::kPowerDown, kNow);
  m.desired = DesiredState::kRunning;  // the intent: sql/machine_intent.sql
  m.generation += 1;
  m.start_generation = m.generation;
  m.stop_pressed_at.reset();
  const auto start = operation("vm.start", kRunning);
  const auto watching = begin_round(m, {start}, running, kNow + 1s);
  EXPECT_EQ(watching.decision.action, Action::kNone);
  EXPECT_FALSE(watching.at_rest()) << "it may still obey";
  EXPECT_EQ(after(start, watching.operations.at(0)), kRunning);
  auto off = seen(Presence::kDefined);
  off->last_exit = GuestExit{kNow + 2s, std::nullopt, 0, true, "the guest powered off"};
  const auto again = begin_round(watching.machine, {start}, off, kNow + 2s);
  EXPECT_EQ(again.decision.action, Action::kStart);
  m = fulfil(again.machine, again.machine, Action::kStart, kNow + 3s);
  EXPECT_FALSE(m.power_pressed_at.has_value()) << "another process has not been pressed";
  const auto done = begin_round(m, {start}, running, kNow + 3s);
  EXPECT_EQ(after(start, done.operations.at(0)), kSucceeded);
  EXPECT_EQ(begin_round(done.machine, {}, off, kNow + 4s).machine.desired, DesiredState::kStopped)
      << "a power-off from inside is the guest's wish again";
}

TEST(Reconciler, AGuestThatObeysAnEarlierPressIsStartedAgain) {
  Machine m = wanted(DesiredState::kRunning);
  m.power_pressed_at = kNow;
  const auto running = seen(Presence::kRunning, Power::kRunning);
  EXPECT_TRUE(decide(m, running, kNow + 30s).settled) << "a deaf guest is not watched for ever";
  auto off = seen(Presence::kDefined);
  off->last_exit = GuestExit{kNow + 2min, std::nullopt, 0, true, "the guest powered off"};
  EXPECT_EQ(decide(m, off, kNow + 2min).action, Action::kStart);
  EXPECT_EQ(decide(m, off, kNow + 10min).state, MachineState::kStopped);
  off->started_at = kNow + 1min;
  EXPECT_EQ(decide(m, off, kNow + 2min).state, MachineState::kStopped) << "an earlier process was pressed";
  off->started_at = kNow - 1min;
  off->last_exit->expected = false;
  EXPECT_EQ(decide(m, off, kNow + 2min).state, MachineState::kLost) << "killed is not obeyed";
  m.desired = DesiredState::kPaused;
  off->last_exit->expected = true;
  EXPECT_EQ(decide(m, off, kNow + 1s).reason, "The guest obeyed the earlier stop.");
}

TEST(Reconciler, WhatEndsOrResetsAGuestEndsThePress) {
  Machine m = wanted(DesiredState::kRunning);
  m.power_pressed_at = kNow;
  for (const auto action : {Action::kStart, Action::kReset, Action::kKill})
    EXPECT_FALSE(after_action(m, action, kNow + 1s).power_pressed_at.has_value()) << to_string(action);
  EXPECT_EQ(after_action(m, Action::kResume, kNow + 1h).power_pressed_at, kNow + 1h) << "it could not obey before";
  m.desired = DesiredState::kStopped;
  EXPECT_FALSE(begin_round(m, {}, seen(Presence::kDefined), kNow).machine.power_pressed_at.has_value());
  m.power_pressed_at = kNow + 1h;
  EXPECT_EQ(begin_round(m, {}, seen(Presence::kRunning, Power::kPaused), kNow).machine.power_pressed_at, kNow)
      << "the clock was set back";
}

TEST(Round, AGuestThatCannotBeStartedAgainIsLeftOff) {
  Machine m = wanted(DesiredState::kRunning);
  m.power_pressed_at = kNow;
  auto off = seen(Presence::kDefined);
  off->last_exit = GuestExit{kNow, std::nullopt, 0, true, "the guest powered off"};
  const Error taken(Code::kConflict, "hypervisor.port_in_use", "Port 2222 is taken.");
  const auto failed = fail_round(m, {}, Action::kStart, taken, *off, kNow);
  EXPECT_EQ(decide(failed.machine, off, kNow + 1s).action, Action::kNone);
}

TEST(Reconciler, ForceStopPullsThePlugAtOnce) {
  Machine m = wanted(DesiredState::kStopped);
  m.force_stop = true;
  EXPECT_EQ(decide(m, seen(Presence::kRunning, Power::kRunning), kNow).action, Action::kKill);
  EXPECT_EQ(decide(m, seen(Presence::kRunning, Power::kPaused), kNow).action, Action::kKill);
}

TEST(Reconciler, AStoppedGuestNeedsNoPlugPulledTwice) {
  Machine m = wanted(DesiredState::kStopped);
  const auto d = decide(m, seen(Presence::kRunning, Power::kShutdown), kNow);
  EXPECT_EQ(d.action, Action::kNone);
  EXPECT_TRUE(d.again_after.has_value());
}

TEST(Reconciler, DeleteWinsOverEverything) {
  for (const auto presence : {Presence::kDefined, Presence::kRunning}) {
    Machine m = wanted(DesiredState::kDeleted);
    m.start_generation = 9;
    m.reset_generation = 9;
    EXPECT_EQ(decide(m, seen(presence, Power::kRunning), kNow).action, Action::kDestroy);
  }
  EXPECT_EQ(decide(wanted(DesiredState::kDeleted), seen(Presence::kAbsent), kNow).action, Action::kForget);
}

TEST(Reconciler, AMissingDiskIsNeverMadeAnew) {
  const auto d = decide(wanted(DesiredState::kRunning), seen(Presence::kAbsent), kNow);
  EXPECT_EQ(d.action, Action::kNone);
  EXPECT_EQ(d.state, MachineState::kLost);
}

TEST(Reconciler, AnUnreachableHostIsUnknownAndAskedAgain) {
  const Result<GuestObservation> error = Error(Code::kUnavailable, "hypervisor.unknown", "no answer");
  const auto d = decide(wanted(DesiredState::kRunning), error, kNow);
  EXPECT_EQ(d.action, Action::kNone);
  EXPECT_EQ(d.state, MachineState::kUnknown);
  EXPECT_TRUE(d.again_after.has_value());
}

TEST(Reconciler, PauseResumeAndReset) {
  EXPECT_EQ(decide(wanted(DesiredState::kPaused), seen(Presence::kRunning, Power::kRunning), kNow).action,
            Action::kPause);
  EXPECT_TRUE(decide(wanted(DesiredState::kPaused), seen(Presence::kRunning, Power::kPaused), kNow).settled);
  EXPECT_EQ(decide(wanted(DesiredState::kRunning), seen(Presence::kRunning, Power::kPaused), kNow).action,
            Action::kResume);
  Machine m = wanted(DesiredState::kRunning);
  m.reset_generation = 3;
  EXPECT_EQ(decide(m, seen(Presence::kRunning, Power::kRunning), kNow).action, Action::kReset);
  m = after_action(m, Action::kReset, kNow);
  EXPECT_TRUE(decide(m, seen(Presence::kRunning, Power::kRunning), kNow).settled);
}

TEST(Reconciler, GivingUpWantsWhatIsThereButNeverUndoesADelete) {
  Machine m = wanted(DesiredState::kRunning);
  m.start_generation = 5;
  m = give_up(m, *seen(Presence::kDefined));
  EXPECT_EQ(m.desired, DesiredState::kStopped);
  EXPECT_FALSE(m.start_wanted());
  EXPECT_EQ(give_up(wanted(DesiredState::kStopped), *seen(Presence::kRunning, Power::kRunning)).desired,
            DesiredState::kRunning);
  EXPECT_EQ(give_up(wanted(DesiredState::kDeleted), *seen(Presence::kDefined)).desired, DesiredState::kDeleted);
  EXPECT_EQ(give_up(wanted(DesiredState::kRunning), *seen(Presence::kDefined)).desired, DesiredState::kRunning)
      << "a lost machine became a stopped one";
}

TEST(Reconciler, RetriesOnlyWhatMayPass) {
  EXPECT_TRUE(judge_failure(Action::kStart, Error(Code::kUnavailable, "hypervisor.unknown", "no answer")).retry);
  const auto f = judge_failure(Action::kStart, Error(Code::kConflict, "hypervisor.port_in_use", "Port 2222 is taken."));
  EXPECT_FALSE(f.retry);
  EXPECT_FALSE(f.next_action.empty());
  EXPECT_TRUE(judge_failure(Action::kReset, Error(Code::kFailedPrecondition, "guest.not_running", "It is off.")).retry)
      << "what that means is decided by looking again";
}

// Whatever is wanted and seen, following the decisions ends at rest: no cycle of actions, no state without a reason.
TEST(Reconciler, EveryCombinationSettlesOrSaysWhy) {
  for (const auto desired :
       {DesiredState::kRunning, DesiredState::kStopped, DesiredState::kPaused, DesiredState::kDeleted})
    for (const auto presence : {Presence::kAbsent, Presence::kDefined, Presence::kRunning})
      for (const auto power : {Power::kRunning, Power::kPaused, Power::kCrashed, Power::kIoError})
        for (const bool start : {false, true})
          for (const bool force : {false, true})
            for (const bool provisioned : {false, true}) {
              Machine m = wanted(desired);
              m.provisioned = provisioned;
              m.start_generation = start ? 1 : 0;
              m.force_stop = force;
              GuestObservation o;
              o.presence = presence;
              o.power = presence == Presence::kRunning ? power : Power::kOff;
              Instant now = kNow;
              bool rest = false;
              for (int step = 0; step < 60 && !rest; ++step) {
                const auto d = decide(m, o, now);
                if (d.action == Action::kNone && !d.again_after) {
                  EXPECT_TRUE(d.settled || (!d.reason.empty() && !d.next_action.empty()));
                  rest = true;
                  break;
                }
                if (d.action == Action::kForget) {
                  rest = true;
                  break;
                }
                m = after_action(m, d.action, now);
                if (d.new_desired) m.desired = *d.new_desired;
                switch (d.action) {
                  case Action::kProvision: o.presence = Presence::kDefined; break;
                  case Action::kStart:
                    o.presence = Presence::kRunning;
                    o.power = Power::kRunning;
                    break;
                  case Action::kKill:
                    o.presence = Presence::kDefined;
                    o.power = Power::kOff;
                    break;
                  case Action::kReset:
                  case Action::kResume: o.power = Power::kRunning; break;
                  case Action::kPause: o.power = Power::kPaused; break;
                  case Action::kDestroy:
                    o.presence = Presence::kAbsent;
                    o.power = Power::kOff;
                    break;
                  default: break;  // a guest that ignores the power button
                }
                now += d.again_after.value_or(1s);
              }
              EXPECT_TRUE(rest) << to_string(desired) << " " << to_string(presence) << " " << to_string(power);
            }
}

TEST(Round, AnOperationSucceedsOnlyByWhatWasSeenAfterItWasTakenUp) {
  Machine m = wanted(DesiredState::kRunning);
  m.start_generation = 2;
  const auto running = seen(Presence::kRunning, Power::kRunning);
  const auto fresh = operation("vm.start", kPending);
  const auto first = begin_round(m, {fresh}, running, kNow);
  EXPECT_TRUE(first.look_again);
  EXPECT_FALSE(first.at_rest());
  EXPECT_TRUE(first.machine.start_wanted());
  EXPECT_EQ(after(fresh, first.operations.at(0)), kRunning);
  const auto taken_up = operation("vm.start", kRunning);
  const auto second = begin_round(first.machine, {taken_up}, running, kNow);
  EXPECT_TRUE(second.at_rest());
  EXPECT_FALSE(second.machine.start_wanted());
  EXPECT_EQ(after(taken_up, second.operations.at(0)), kSucceeded);
}

TEST(Round, NothingIsGivenUpWhileTheHostCannotTell) {
  const Result<GuestObservation> unknown = Error(Code::kUnavailable, "hypervisor.unknown", "no answer");
  auto reboot = operation("vm.reboot", kRunning);
  reboot.cancel_requested_at = kNow;
  Machine m = wanted(DesiredState::kRunning);
  m.reset_generation = 2;
  EXPECT_EQ(begin_round(m, {reboot}, unknown, kNow).machine.desired, DesiredState::kRunning);
  EXPECT_EQ(begin_round(m, {}, unknown, kNow).machine.desired, DesiredState::kRunning)
      << "its operation ran out of time";
  const auto known = begin_round(m, {reboot}, seen(Presence::kRunning, Power::kRunning), kNow);
  EXPECT_EQ(known.machine.desired, DesiredState::kRunning);
  EXPECT_FALSE(known.machine.reset_wanted());
  EXPECT_EQ(after(reboot, known.operations.at(0)), kCancelled);
}

TEST(Round, ALostMachineStaysLostWhenAnIntentFailsOnIt) {
  Machine m = wanted(DesiredState::kRunning);
  m.reset_generation = 2;
  const auto reboot = operation("vm.reboot", kRunning);
  const auto failed = begin_round(m, {reboot}, seen(Presence::kDefined), kNow);
  EXPECT_EQ(failed.decision.state, MachineState::kLost);
  EXPECT_EQ(after(reboot, failed.operations.at(0)), kFailed);
  EXPECT_EQ(begin_round(failed.machine, {}, seen(Presence::kDefined), kNow).decision.state, MachineState::kLost);
}

TEST(Round, OfSeveralOperationsTheNewestCounts) {
  const auto start = operation("vm.start", kPending);
  const auto stop = operation("vm.stop", kRunning);
  const auto round = begin_round(wanted(DesiredState::kStopped), {start, stop}, seen(Presence::kDefined), kNow);
  EXPECT_EQ(after(start, round.operations.at(0)), kCancelled);
  EXPECT_EQ(after(stop, round.operations.at(1)), kSucceeded);
}

TEST(Round, ARebootOfAGuestThatPoweredOffFails) {
  auto off = seen(Presence::kDefined);
  off->last_exit = GuestExit{kNow, std::nullopt, 0, true, "the guest powered off"};
  Machine m = wanted(DesiredState::kRunning);
  m.reset_generation = 2;
  const auto reboot = operation("vm.reboot", kRunning);
  const auto round = begin_round(m, {reboot}, off, kNow);
  EXPECT_EQ(round.machine.desired, DesiredState::kStopped);
  EXPECT_EQ(after(reboot, round.operations.at(0)), kFailed);
}

TEST(Round, AnOvertakenRebootIsNotMadeUpForLater) {
  Machine m = wanted(DesiredState::kPaused);
  m.reset_generation = 2;
  const auto pause = operation("vm.pause", kRunning);
  m = begin_round(m, {pause}, seen(Presence::kRunning, Power::kPaused), kNow).machine;
  EXPECT_FALSE(m.reset_wanted());
}

TEST(Round, ADiskThatCouldNotBeMadeIsNotTriedForEver) {
  Machine m = wanted(DesiredState::kRunning);
  m.provisioned = false;
  m.start_generation = 1;
  const auto create = operation("vm.create", kRunning);
  const Error full(Code::kQuotaExceeded, "hypervisor.disk_full", "The host's disk is full.");
  const auto failed = fail_round(m, {create}, Action::kProvision, full, *seen(Presence::kAbsent), kNow);
  EXPECT_FALSE(failed.failure.retry);
  EXPECT_EQ(after(create, failed.operations.at(0)), kFailed);
  const auto next = begin_round(failed.machine, {}, seen(Presence::kAbsent), kNow);
  EXPECT_TRUE(next.at_rest());
  EXPECT_EQ(next.decision.state, MachineState::kStopped);
  EXPECT_FALSE(next.decision.reason.empty());
}

TEST(Round, PausingWhatWasNeverMadeFailsAndMakesNothing) {
  Machine m = wanted(DesiredState::kPaused);
  m.provisioned = false;
  const auto pause = operation("vm.pause", kRunning);
  const auto round = begin_round(m, {pause}, seen(Presence::kAbsent), kNow);
  EXPECT_EQ(round.decision.action, Action::kNone);
  EXPECT_EQ(round.machine.desired, DesiredState::kStopped);
  EXPECT_EQ(after(pause, round.operations.at(0)), kFailed);
}

TEST(Round, TheMachinesEndIsASuccessOnlyForItsDeletion) {
  const auto start = operation("vm.start", kPending);
  const auto gone = operation("vm.delete", kRunning);
  const auto changes = end_with_machine({start, gone});
  EXPECT_EQ(after(start, changes.at(0)), kCancelled);
  EXPECT_EQ(after(gone, changes.at(1)), kSucceeded);
}

TEST(Reconciler, AClockSetBackGivesTheGuestItsGraceAnew) {
  Machine m = wanted(DesiredState::kStopped);
  m.stop_pressed_at = kNow + 1h;
  const auto d = decide(m, seen(Presence::kRunning, Power::kRunning), kNow);
  EXPECT_EQ(d.action, Action::kPowerDown);
  EXPECT_EQ(after_action(m, d.action, kNow).stop_pressed_at, kNow);
}

}  // namespace
}  // namespace phx::compute
