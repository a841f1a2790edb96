// Intents: what people and rules want of a machine. Stored in the caller's transaction with a new operation.
#include "domains/compute/compute.hpp"
#include "domains/compute/sql.gen.hpp"
#include "engine/events.hpp"
#include "engine/operations.hpp"

namespace phx::compute {
namespace {

constexpr IntentSpec kIntents[] = {
    {Intent::kStart, "vm.start", DesiredState::kRunning, true, false, false, std::chrono::minutes(10)},
    {Intent::kStop, "vm.stop", DesiredState::kStopped, false, false, false, std::chrono::minutes(65)},
    {Intent::kForceStop, "vm.stop", DesiredState::kStopped, false, false, true, std::chrono::minutes(10)},
    {Intent::kReboot, "vm.reboot", DesiredState::kRunning, false, true, false, std::chrono::minutes(10)},
    {Intent::kPause, "vm.pause", DesiredState::kPaused, false, false, false, std::chrono::minutes(10)},
    {Intent::kResume, "vm.resume", DesiredState::kRunning, false, false, false, std::chrono::minutes(10)},
    {Intent::kRestart, "vm.restart", DesiredState::kRunning, true, true, false, std::chrono::minutes(10)},
    {Intent::kDelete, "vm.delete", DesiredState::kDeleted, false, false, true, std::chrono::hours(24)},
};

}  // namespace

const IntentSpec& spec_of(Intent intent) {
  for (const auto& spec : kIntents)
    if (spec.intent == intent) return spec;
  std::unreachable();
}

Status check_intent(Intent intent, DesiredState desired, MachineState state) {
  if (desired == DesiredState::kDeleted && intent != Intent::kDelete)
    return Error(Code::kConflict, "vm.deleting", "The machine is being deleted.").with_field("id");
  const bool off = state == MachineState::kStopped || state == MachineState::kLost || state == MachineState::kPending ||
                   state == MachineState::kProvisioning;
  if (off && (intent == Intent::kReboot || intent == Intent::kPause || intent == Intent::kResume))
    return Error(Code::kFailedPrecondition, "vm.not_running", "The machine is not running.")
        .with_field("id")
        .with_next_action("Start it first.");
  return {};
}

asio::awaitable<Result<Intended>> request_intent(pg::Transaction& tx, UuidSource& ids, Uuid machine, Intent intent,
                                                 std::string requested_by) {
  PHX_CO_TRY(const pg::Rows rows, co_await tx.execute(sql::compute::machine_for_intent, pg::Params::of(machine)));
  if (rows.empty()) co_return not_found("vm.not_found", "There is no such machine.").with_field("id");
  const auto tenant = rows.get<Uuid>(0, "tenant_id");
  const auto name = rows.get<std::string>(0, "name");
  const auto state = machine_state(rows.get<std::string_view>(0, "state")).value();
  const auto desired = desired_state(rows.get<std::string_view>(0, "desired_state")).value();
  PHX_CO_CHECK(check_intent(intent, desired, state));

  const IntentSpec& wanted = spec_of(intent);
  PHX_CO_TRY(const auto live, co_await engine::lock_live_operations(tx, std::string(kMachineType), machine));
  // A deletion is never given up, so who asks again waits for the same one.
  if (intent == Intent::kDelete && !live.empty() && live.back().kind == wanted.operation)
    co_return Intended{live.back().id, state, desired, wanted.desired};
  // The latest word counts: what was asked for before has been overtaken.
  for (const auto& operation : live) {
    engine::OperationCancelled overtaken{"Overtaken by " + std::string(wanted.operation) + "."};
    PHX_CO_CHECK(co_await engine::apply_operation_event(tx, operation.id, std::move(overtaken)));
  }
  auto params = pg::Params::of(machine, to_string(wanted.desired), wanted.start, wanted.reset, wanted.force);
  PHX_CO_TRY(const pg::Rows updated, co_await tx.execute(sql::compute::machine_intent, std::move(params)));

  engine::NewOperation operation;
  operation.id = ids.next();
  operation.tenant = tenant;
  operation.kind = wanted.operation;
  operation.object_type = kMachineType;
  operation.object_id = machine;
  operation.object_name = name;
  operation.first_step = "Waiting for a worker";
  operation.requested_by = std::move(requested_by);
  operation.work_queue = kMachineQueue;
  operation.work_key = machine.to_string();
  operation.time_allowed = wanted.time_allowed;
  const Uuid operation_id = operation.id;
  PHX_CO_CHECK(co_await engine::create_operation(tx, std::move(operation)));
  engine::Work work{std::string(kMachineQueue), machine.to_string(), tenant, {}, "{}"};
  PHX_CO_CHECK(co_await engine::enqueue(tx, std::move(work)));
  engine::Event event{std::string(kMachineType),       machine, tenant, engine::ChangeKind::kUpdated,
                      updated.get<std::int32_t>(0, 0), {}};
  PHX_CO_CHECK(co_await engine::record_event(tx, std::move(event)));
  co_return Intended{operation_id, state, desired, wanted.desired};
}

}  // namespace phx::compute
