#include "engine/operations.hpp"

#include <algorithm>
#include <array>

#include "base/crash_point.hpp"
#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/task_scope.hpp"
#include "engine/events.hpp"
#include "engine/sql.gen.hpp"
#include "engine/work_queue.hpp"
#include "pg/database.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 6> kStates = {"PENDING",   "RUNNING", "WAITING",
                                                     "SUCCEEDED", "FAILED",  "CANCELLED"};
constexpr auto kSweepLimit = 20s;

Error illegal(const Operation& operation, std::string_view event) {
  return Error(Code::kFailedPrecondition, "operation.illegal_transition", "The operation cannot go on like this.")
      .with_internal(std::string(event) + " in state " + std::string(operation_state_name(operation.state)));
}

void finish(Operation& operation, OperationState state, Instant now) {
  operation.state = state;
  operation.finished_at = now;
  operation.retry_at.reset();
}

Operation fail(Operation operation, std::string reason, std::string next_action, Instant now) {
  finish(operation, OperationState::kFailed, now);
  operation.reason = std::move(reason);
  operation.next_action = next_action.empty() ? "Retry the operation." : std::move(next_action);
  return operation;
}

Operation fail_by_deadline(Operation operation, Instant now) {
  std::string reason = "It did not finish within " + format_duration(operation.time_allowed) + ".";
  if (operation.reason) reason += " Last known: " + *operation.reason;
  return fail(std::move(operation), std::move(reason), "Check the object's state, then retry the operation.", now);
}

/// One function per event; each is given a copy to change. Called for live operations unless said otherwise.
struct Stepper {
  Operation operation;
  Instant now;

  bool overdue() const { return now >= operation.deadline_at; }

  Result<Operation> operator()(const OperationStarted&) {
    if (operation.state == OperationState::kRunning) return operation;
    if (overdue()) return fail_by_deadline(std::move(operation), now);
    operation.state = OperationState::kRunning;
    operation.attempts += 1;
    operation.retry_at.reset();
    operation.reason.reset();
    operation.next_action.reset();
    if (!operation.started_at) operation.started_at = now;
    return operation;
  }
  Result<Operation> operator()(const OperationProgressed& event) {
    if (operation.state != OperationState::kRunning) return illegal(operation, "progressed");
    operation.progress = std::clamp(event.percent, 0, 99);
    operation.step = event.step;
    return operation;
  }
  Result<Operation> operator()(const OperationWaiting& event) {
    if (operation.state == OperationState::kPending) return illegal(operation, "waiting");
    if (overdue()) {
      operation.reason = event.reason;
      return fail_by_deadline(std::move(operation), now);
    }
    operation.state = OperationState::kWaiting;
    operation.retry_at = event.until;
    operation.reason = event.reason;
    operation.next_action = event.next_action;
    return operation;
  }
  Result<Operation> operator()(const OperationSucceeded&) {
    finish(operation, OperationState::kSucceeded, now);
    operation.progress = 100;
    operation.step = "Done";
    operation.reason.reset();
    operation.next_action.reset();
    return operation;
  }
  Result<Operation> operator()(const OperationFailed& event) {
    return fail(std::move(operation), event.reason, event.next_action, now);
  }
  Result<Operation> operator()(const OperationCancelRequested&) {
    if (!operation.cancel_requested_at) operation.cancel_requested_at = now;
    return operation;
  }
  Result<Operation> operator()(const OperationCancelled& event) {
    finish(operation, OperationState::kCancelled, now);
    operation.reason = event.reason;
    operation.next_action.reset();
    return operation;
  }
  Result<Operation> operator()(const OperationRetryRequested&) {
    if (operation.state == OperationState::kFailed) {
      operation.finished_at.reset();
      operation.cancel_requested_at.reset();
      operation.deadline_at = now + operation.time_allowed;
    } else if (operation.state != OperationState::kWaiting) {
      return Error(Code::kFailedPrecondition, "operation.not_retryable",
                   "Only an operation that failed or waits can be taken up again.");
    }
    operation.state = OperationState::kPending;
    operation.retry_at.reset();
    operation.reason.reset();
    operation.next_action.reset();
    return operation;
  }
  Result<Operation> operator()(const OperationDeadlinePassed&) {
    if (!overdue()) return operation;
    return fail_by_deadline(std::move(operation), now);
  }
};

/// The same word twice, as at-least-once delivery brings it, or a deadline that nobody waits for any more.
bool already_said(OperationState state, const OperationEvent& event) {
  if (std::holds_alternative<OperationDeadlinePassed>(event)) return true;
  return (state == OperationState::kSucceeded && std::holds_alternative<OperationSucceeded>(event)) ||
         (state == OperationState::kFailed && std::holds_alternative<OperationFailed>(event)) ||
         (state == OperationState::kCancelled && std::holds_alternative<OperationCancelled>(event));
}

auto what_may_change(const Operation& o) {
  return std::tie(o.state, o.progress, o.step, o.attempts, o.reason, o.next_action, o.deadline_at,
                  o.cancel_requested_at, o.retry_at, o.started_at, o.finished_at);
}

Operation operation_from(const pg::RowView& row) {
  Operation o;
  o.id = row.get<Uuid>(0);
  o.tenant = row.get<std::optional<Uuid>>(1);
  o.kind = row.get<std::string>(2);
  // The table's CHECK admits only the known states.
  o.state = *parse_operation_state(row.get<std::string_view>(3));
  o.object_type = row.get<std::string>(4);
  o.object_id = row.get<Uuid>(5);
  o.object_name = row.get<std::string>(6);
  o.progress = row.get<std::int32_t>(7);
  o.step = row.get<std::string>(8);
  o.attempts = row.get<std::int64_t>(9);
  o.reason = row.get<std::optional<std::string>>(10);
  o.next_action = row.get<std::optional<std::string>>(11);
  o.requested_by = row.get<std::string>(12);
  o.work_queue = row.get<std::string>(13);
  o.work_key = row.get<std::string>(14);
  o.time_allowed = row.get<Duration>(15);
  o.deadline_at = row.get<Instant>(16);
  o.cancel_requested_at = row.get<std::optional<Instant>>(17);
  o.retry_at = row.get<std::optional<Instant>>(18);
  o.created_at = row.get<Instant>(19);
  o.started_at = row.get<std::optional<Instant>>(20);
  o.finished_at = row.get<std::optional<Instant>>(21);
  o.version = row.get<std::int64_t>(22);
  return o;
}

Error no_such_operation() { return not_found("operation.not_found", "There is no such operation."); }

Event event_about(const Operation& operation, ChangeKind kind) {
  return {"Operation", operation.id, operation.tenant, kind, operation.version, {}};
}

asio::awaitable<Result<Operation>> apply_and_wake(pg::Transaction& tx, Uuid id, OperationEvent event) {
  PHX_CO_TRY(auto operation, co_await apply_operation_event(tx, id, std::move(event)));
  PHX_CRASH_POINT("engine.operation.before_wake");
  PHX_CO_CHECK(co_await enqueue(tx, {operation.work_queue, operation.work_key, operation.tenant, {}}));
  co_return operation;
}

}  // namespace

std::string_view operation_state_name(OperationState state) { return kStates[static_cast<std::size_t>(state)]; }

Result<OperationState> parse_operation_state(std::string_view name) {
  const auto found = std::find(kStates.begin(), kStates.end(), name);
  if (found == kStates.end()) return invalid_argument("operation.state_malformed", "state", "Not a state.");
  return static_cast<OperationState>(found - kStates.begin());
}

bool is_finished(OperationState state) { return state >= OperationState::kSucceeded; }

Result<Operation> step(Operation operation, const OperationEvent& event, Instant now) {
  if (is_finished(operation.state) && !std::holds_alternative<OperationRetryRequested>(event)) {
    if (already_said(operation.state, event)) return operation;
    if (std::holds_alternative<OperationCancelRequested>(event))
      return Error(Code::kFailedPrecondition, "operation.finished", "The operation has already ended.");
    return illegal(operation, "an event");
  }
  PHX_TRY(Operation next, std::visit(Stepper{operation, now}, event));
  if (what_may_change(next) != what_may_change(operation)) next.version = operation.version + 1;
  return next;
}

asio::awaitable<Result<Operation>> create_operation(pg::Transaction& tx, NewOperation wanted) {
  PHX_CRASH_POINT("engine.operation.before_create");
  PHX_CO_TRY(auto rows, co_await tx.execute(
                            sql::engine::create_operation,
                            pg::Params::of(wanted.id, wanted.tenant, wanted.kind, wanted.object_type, wanted.object_id,
                                           wanted.object_name, wanted.first_step, wanted.requested_by,
                                           wanted.work_queue, wanted.work_key, wanted.time_allowed)));
  auto operation = operation_from(rows[0]);
  PHX_CO_CHECK(co_await record_event(tx, event_about(operation, ChangeKind::kCreated)));
  co_return operation;
}

asio::awaitable<Result<Operation>> find_operation(pg::Transaction& tx, Uuid id) {
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::engine::find_operation, pg::Params::of(id)));
  if (rows.empty()) co_return no_such_operation();
  co_return operation_from(rows[0]);
}

asio::awaitable<Result<std::vector<Operation>>> lock_live_operations(pg::Transaction& tx, std::string object_type,
                                                                     Uuid object_id) {
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::engine::lock_live_operations, pg::Params::of(object_type, object_id)));
  std::vector<Operation> live;
  for (const auto row : rows) live.push_back(operation_from(row));
  co_return live;
}

asio::awaitable<Result<Operation>> apply_operation_event(pg::Transaction& tx, Uuid id, OperationEvent event) {
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::engine::lock_operation, pg::Params::of(id)));
  if (rows.empty()) co_return no_such_operation();
  const auto before = operation_from(rows[0]);
  PHX_CO_TRY(auto o, step(before, event, rows.get<Instant>(0, "now")));
  if (o.version == before.version) co_return o;
  PHX_CRASH_POINT("engine.operation.before_update");
  PHX_CO_CHECK(co_await tx.execute(
      sql::engine::update_operation,
      pg::Params::of(o.id, operation_state_name(o.state), o.progress, o.step, static_cast<std::int32_t>(o.attempts),
                     o.reason, o.next_action, o.deadline_at, o.cancel_requested_at, o.retry_at, o.started_at,
                     o.finished_at, static_cast<std::int32_t>(o.version))));
  PHX_CO_CHECK(co_await record_event(tx, event_about(o, ChangeKind::kUpdated)));
  co_return o;
}

asio::awaitable<Result<Operation>> request_cancel(pg::Transaction& tx, Uuid id) {
  return apply_and_wake(tx, id, OperationCancelRequested{});
}

asio::awaitable<Result<Operation>> request_retry(pg::Transaction& tx, Uuid id) {
  return apply_and_wake(tx, id, OperationRetryRequested{});
}

asio::awaitable<Result<int>> expire_overdue_operations(pg::Database& database, int max) {
  PHX_CO_TRY(auto tx, co_await database.begin(pg::Scope::worker(), Deadline::after(kSweepLimit)));
  PHX_CO_TRY(auto overdue, co_await tx.execute(sql::engine::overdue_operations, pg::Params::of(max)));
  for (const auto row : overdue) PHX_CO_CHECK(co_await apply_and_wake(tx, row.get<Uuid>(0), OperationDeadlinePassed{}));
  if (overdue.empty()) co_return 0;
  PHX_CRASH_POINT("engine.operation.before_expire_commit");
  PHX_CO_CHECK(co_await tx.commit());
  co_return overdue.size();
}

asio::awaitable<void> sweep_overdue_operations(pg::Database& database, std::chrono::milliseconds pause) {
  for (;;) {
    auto swept = co_await expire_overdue_operations(database);
    if (!swept) log_error("operations.sweep_failed", swept.error());
    if (!swept || *swept == 0) co_await sleep_for(pause);
  }
}

}  // namespace phx::engine
