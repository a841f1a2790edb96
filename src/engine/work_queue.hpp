#pragma once
/// Work that must be done later, or again, by whichever server process comes to it first.
///
/// A row is live work: done is deleted. There is at most one row per (tenant, queue, key); the key is usually the id of
/// the object to reconcile, so that a hundred changes are one piece of work. Work enqueued again while it is being done
/// is done once more.
///
/// **Claims** take a batch by SKIP LOCKED, with a lease and a fencing number that only ever grows. Whoever loses the
/// lease (slow, paused, cut off) cannot complete or postpone the work any more: kAborted "work.lease_lost". A claim
/// scans from a low-water mark, so rows deleted under somebody's old snapshot do not slow it down; rows the mark passed
/// by (late commits, leases that ran out) are found at its reset, within the length of a lease.
/// **Times** are phoenix.now(). A lease is judged locally by the monotonic clock from before it was asked for.
/// **Locks**: the object's row first, then its work row, for everybody.
///
/// Delivery is at least once: handlers are idempotent, and write under their fence where the outside allows it.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task_scope.hpp"
#include "base/uuid.hpp"
#include "engine/backoff.hpp"
#include "engine/low_water.hpp"

namespace phx {
class Metrics;
class Random;
class Counter;
class Gauge;
}  // namespace phx

namespace phx::pg {
class Database;
class Transaction;
}  // namespace phx::pg

namespace phx::engine {

namespace asio = boost::asio;

/// What shall be done.
struct Work {
  std::string queue;  ///< "compute.vm"
  std::string key;    ///< one piece of live work per key
  std::optional<Uuid> tenant;
  std::optional<Instant> run_at;  ///< none: now
  std::string payload = "{}";     ///< JSON, small; the newest wins
};

/// Work in somebody's hands.
struct ClaimedWork {
  std::int64_t id = 0;
  std::int64_t fence = 0;       ///< grows with every claim of anything
  std::int64_t generation = 0;  ///< how often it had been enqueued when claimed
  std::string queue;
  std::string key;
  std::optional<Uuid> tenant;
  std::string payload;
  std::int64_t attempts = 0;  ///< this one included, since it was last enqueued
  Instant run_at{};
};

/// In the caller's transaction. Work there already: it is brought forward if the new time is earlier, and its attempts
/// begin anew; if it is in somebody's hands, it will be done again at the new time.
asio::awaitable<Status> enqueue(pg::Transaction& tx, Work work);

/// Done: the row goes, unless it was enqueued again meanwhile (then it becomes free). "work.lease_lost".
asio::awaitable<Status> complete(pg::Transaction& tx, ClaimedWork work);
/// Free again after `delay`, or at an earlier time it was enqueued for meanwhile. `reason` says why, for people.
asio::awaitable<Status> retry_later(pg::Transaction& tx, ClaimedWork work, Duration delay, std::string reason);
/// Fails with "work.lease_lost" unless the work is still in our hands; holds its row until the transaction ends.
asio::awaitable<Status> check_lease(pg::Transaction& tx, ClaimedWork work);

/// The claiming side of one queue in one process.
class WorkQueue {
 public:
  WorkQueue(pg::Database& database, const Clock& clock, std::string queue, Duration lease);

  /// Takes up to `max` pieces that are due, oldest first; an empty list when there are none.
  asio::awaitable<Result<std::vector<ClaimedWork>>> claim(int max);
  /// Lengthens the leases to `lease` from now; returns the ids still ours.
  asio::awaitable<Result<std::vector<std::int64_t>>> heartbeat(std::vector<ClaimedWork> held);
  const std::string& queue() const { return queue_; }
  Duration lease() const { return lease_; }

 private:
  pg::Database& database_;
  const Clock& clock_;
  std::string queue_;
  Duration lease_;
  LowWater low_water_;
};

/// A lease as its holder may trust it: ends by the local monotonic clock, or when a heartbeat was refused.
class Lease {
 public:
  Lease(const Clock& clock, Duration until) : clock_(clock), until_(until) {}
  bool held() const { return !lost_ && clock_.monotonic() < until_; }
  void extend(Duration until) { until_ = until; }
  void lose() { lost_ = true; }

 private:
  const Clock& clock_;
  Duration until_;
  bool lost_ = false;
};

/// What a handler is given.
struct WorkContext {
  ClaimedWork work;
  std::shared_ptr<const Lease> lease;  ///< ask held() before each call to the outside
};

/// What a handler says.
struct WorkResult {
  enum class Kind : std::uint8_t {
    kDone,     ///< complete it for me
    kSettled,  ///< I called complete() or retry_later() in my own transaction
    kAgain,    ///< after `delay`; without one, by backoff
  };
  Kind kind = Kind::kDone;
  std::optional<Duration> delay;
  std::string reason;

  static WorkResult done() { return {}; }
  static WorkResult settled() { return {Kind::kSettled, {}, {}}; }
  static WorkResult again(std::optional<Duration> after, std::string why) {
    return {Kind::kAgain, after, std::move(why)};
  }
};

/// A plain function that returns an awaitable (never a coroutine lambda with captures). An error is logged and tried
/// again by backoff. The context lives until the handler ended.
using WorkHandler = std::function<asio::awaitable<Result<WorkResult>>(WorkContext)>;

struct QueueOptions {
  int concurrency = 8;
  Duration lease = std::chrono::seconds(20);
  Backoff backoff;
};

struct WorkerOptions {
  std::chrono::milliseconds busy_pause{5};
  std::chrono::milliseconds idle_pause{250};
};

/// Runs handlers: per queue one loop that claims as much as there is room for, one that keeps the leases, and up to
/// `concurrency` handlers. Everything lives in one TaskScope. stop() gives back what it cancelled; what a crash leaves
/// behind is taken over after the lease.
class Worker {
 public:
  Worker(asio::any_io_executor executor, pg::Database& database, const Clock& clock, Random& random, Metrics& metrics,
         WorkerOptions options = {});
  ~Worker();

  /// Before start().
  void handle(std::string queue, WorkHandler handler, QueueOptions options = {});
  void start();
  /// Work was committed here: look now.
  void nudge();
  /// Cancels the loops and the handlers, waits for them, and gives their work back. Call before destruction.
  asio::awaitable<void> stop();

 private:
  struct Lane;
  asio::awaitable<void> claim_loop(Lane& lane);
  asio::awaitable<void> heartbeat_loop(Lane& lane);
  asio::awaitable<void> work_on(Lane& lane, ClaimedWork work, std::shared_ptr<Lease> lease);
  asio::awaitable<Status> release(ClaimedWork work);
  asio::awaitable<Status> settle(Lane& lane, ClaimedWork work, Result<WorkResult> outcome);

  pg::Database& database_;
  const Clock& clock_;
  Random& random_;
  Metrics& metrics_;
  WorkerOptions options_;
  TaskScope scope_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace phx::engine
