#pragma once
/// Durable operations: what a mutation started and what a person may watch, cancel and retry until it ended.
///
/// An operation is a record, not the worker: the domain's reconciler does the work (found by the operation's work queue
/// and key) and tells the operation what happened. The state machine is pure, step(); the shell loads the row under its
/// lock, steps, writes the row and its event. An operation never runs beyond its deadline: whoever comes first, the
/// reconciler or the sweep, ends it as FAILED with a reason and a next action.
///
///     PENDING ──started──▶ RUNNING ──succeeded──▶ SUCCEEDED
///        ▲ ▲                │  │ └──waiting──▶ WAITING ──started──▶ RUNNING
///        │ └──retry── FAILED ◀─┘failed, deadline (from every live state)
///        └──retry (at once)── WAITING           cancelled (from every live state) ──▶ CANCELLED
///
/// Cancelling is a request: the reconciler obeys at its next safe point and says `cancelled`, or finishes.
///
/// Errors: kNotFound "operation.not_found"; kFailedPrecondition "operation.finished" (cancel of one that ended),
/// "operation.not_retryable", "operation.illegal_transition".

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx::pg {
class Database;
class Transaction;
}  // namespace phx::pg

namespace phx::engine {

namespace asio = boost::asio;

enum class OperationState : std::uint8_t { kPending, kRunning, kWaiting, kSucceeded, kFailed, kCancelled };
/// "PENDING" …
std::string_view operation_state_name(OperationState state);
Result<OperationState> parse_operation_state(std::string_view name);
/// SUCCEEDED, FAILED, CANCELLED.
bool is_finished(OperationState state);

struct Operation {
  Uuid id;
  std::optional<Uuid> tenant;
  std::string kind;  ///< "vm.create"
  OperationState state = OperationState::kPending;
  std::string object_type;  ///< the SDL type
  Uuid object_id;
  std::string object_name;
  int progress = 0;
  std::string step;
  std::int64_t attempts = 0;
  std::optional<std::string> reason;
  std::optional<std::string> next_action;
  std::string requested_by;
  /// Whom to wake when somebody cancels or retries.
  std::string work_queue;
  std::string work_key;
  Duration time_allowed{};  ///< from creation, and anew from each retry
  Instant deadline_at{};
  std::optional<Instant> cancel_requested_at;
  std::optional<Instant> retry_at;  ///< when WAITING ends by itself
  Instant created_at{};
  std::optional<Instant> started_at;
  std::optional<Instant> finished_at;
  std::int64_t version = 1;

  bool cancel_requested() const { return cancel_requested_at.has_value(); }
};

/// What may happen to an operation.
struct OperationStarted {};
struct OperationProgressed {
  int percent;
  std::string step;
};
struct OperationWaiting {
  Instant until;
  std::string reason;
  std::string next_action;
};
struct OperationSucceeded {};
struct OperationFailed {
  std::string reason;
  std::string next_action;
};
struct OperationCancelRequested {};
struct OperationCancelled {
  std::string reason;
};
struct OperationRetryRequested {};
struct OperationDeadlinePassed {};
using OperationEvent =
    std::variant<OperationStarted, OperationProgressed, OperationWaiting, OperationSucceeded, OperationFailed,
                 OperationCancelRequested, OperationCancelled, OperationRetryRequested, OperationDeadlinePassed>;

/// The next state. A change raises `version`; an event that says nothing new gives the same operation back. Started or
/// waiting at or after the deadline fails the operation instead.
Result<Operation> step(Operation operation, const OperationEvent& event, Instant now);

/// For a new operation. Its id is chosen by the caller.
struct NewOperation {
  Uuid id;
  std::optional<Uuid> tenant;
  std::string kind;
  std::string object_type;
  Uuid object_id;
  std::string object_name;
  std::string first_step;  ///< in words: "Waiting for a worker"
  std::string requested_by;
  std::string work_queue;
  std::string work_key;
  Duration time_allowed = std::chrono::minutes(15);
};

/// In the mutation's transaction, with its CREATED event. The work itself is enqueued by the caller.
asio::awaitable<Result<Operation>> create_operation(pg::Transaction& tx, NewOperation wanted);
asio::awaitable<Result<Operation>> find_operation(pg::Transaction& tx, Uuid id);
/// The live operations about an object, oldest first, their rows locked.
asio::awaitable<Result<std::vector<Operation>>> lock_live_operations(pg::Transaction& tx, std::string object_type,
                                                                     Uuid object_id);
/// Locks, steps at phoenix.now(), stores, records the event.
asio::awaitable<Result<Operation>> apply_operation_event(pg::Transaction& tx, Uuid id, OperationEvent event);

/// Asks it to stop, and wakes its worker. Asking twice is asking once.
asio::awaitable<Result<Operation>> request_cancel(pg::Transaction& tx, Uuid id);
/// Takes a failed (or waiting) one up again from the step it was at, with its time anew, and wakes its worker.
asio::awaitable<Result<Operation>> request_retry(pg::Transaction& tx, Uuid id);

/// Fails up to `max` live operations whose deadline passed and wakes their workers; returns how many. Two sweeps at
/// once take different ones.
asio::awaitable<Result<int>> expire_overdue_operations(pg::Database& database, int max = 100);
/// expire_overdue_operations() each `pause` until cancelled; failures are logged. Run it in a TaskScope.
asio::awaitable<void> sweep_overdue_operations(pg::Database& database, std::chrono::milliseconds pause);

}  // namespace phx::engine
