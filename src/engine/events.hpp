#pragma once
/// What happened, as a log: each committed change once, in an order that every reader agrees on, resumable by cursor.
///
/// **Writing.** A mutation inserts into `event_inbox` in its own transaction, after it holds the object's row lock.
/// Nothing else: no NOTIFY, no counter, no lock that strangers take (measured: each of those costs group commit, 16
/// times slower on a disk with 2 ms fdatasync).
/// **Ordering.** One Sequencer at a time, over all server processes, moves visible inbox rows in id order into `events`
/// and gives them a gapless `seq`. Since a later change of an object inserts only after the earlier one committed, the
/// versions of one object are in order. A cursor is the place in that order.
/// **Reading.** EventFeed reads each batch once and hands it to its subscribers. A cursor is epoch and seq; a restored
/// or promoted database begins a new epoch, since its numbers may name other events.
///
/// The audit trail has a sequencer and an inbox of its own (ledger/ledger.hpp), so that neither log waits for the
/// other one.
///
/// Errors: kInvalidArgument "event.cursor_malformed"; those of pg/error.hpp.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "engine/low_water.hpp"

namespace phx {
class Metrics;
class Counter;
class Histogram;
}  // namespace phx

namespace phx::pg {
class Database;
class Transaction;
class Rows;
}  // namespace phx::pg

namespace phx::engine {

namespace asio = boost::asio;

enum class ChangeKind : std::uint8_t { kCreated, kUpdated, kDeleted };
/// "CREATED", "UPDATED", "DELETED".
std::string_view change_kind_name(ChangeKind kind);
/// kInvalidArgument "event.kind_malformed".
Result<ChangeKind> parse_change_kind(std::string_view name);

struct Event {
  std::string type;  ///< the SDL type, "VirtualMachine"
  Uuid id;
  std::optional<Uuid> tenant;  ///< none: of the platform
  ChangeKind kind = ChangeKind::kUpdated;
  std::int64_t version = 0;  ///< the object's, after the change
  /// A small JSON object for what the row itself will not tell later; usually none.
  std::optional<std::string> payload;
};

/// The object's row lock must be held. Travels with the transaction's next statement or its COMMIT
/// (Transaction::defer), so an event costs no round trip; a failure is that call's.
asio::awaitable<Status> record_event(pg::Transaction& tx, Event event);

/// An event with its place in the log.
struct LoggedEvent : Event {
  std::int64_t seq = 0;
  Instant at{};
};
using LoggedEventPtr = std::shared_ptr<const LoggedEvent>;

/// A place in the log: everything up to and with `seq` was seen. Clients are given it sealed: api/event_cursor.hpp.
struct EventCursor {
  std::string epoch;
  std::int64_t seq = 0;
  bool operator==(const EventCursor&) const = default;
};

/// The state of the log, one row.
struct EventLogState {
  std::string epoch;
  std::int64_t head = 0;            ///< seq of the newest event
  std::int64_t retained_after = 0;  ///< events with seq above it are still there
};

/// May a reader go on from here? Not from another epoch, from above the head, or from below what is retained.
bool resumable(const EventCursor& cursor, const EventLogState& state);

asio::awaitable<Result<EventLogState>> read_event_log_state(pg::Database& database);

/// 32 bytes that belong to this log alone, for sealing its cursors. They never change.
asio::awaitable<Result<std::string>> read_event_cursor_key(pg::Database& database);

/// Begins a new epoch: after initdb (the migration does it), after a restore, after a promotion. All cursors given out
/// before become unknown. `reason` is for people.
asio::awaitable<Status> begin_event_epoch(pg::Database& database, std::string reason);

/// Drops whole partitions of events that are older than `keep`; returns how many. Cursors below answer RESYNC.
asio::awaitable<Result<int>> drop_old_events(pg::Database& database, std::chrono::seconds keep);

struct SequencerOptions {
  int batch_max = 2'000;
  /// Between two batches, at least; a slow database's are further apart.
  std::chrono::milliseconds busy_pause{5};
  std::chrono::milliseconds idle_pause{100};
  /// A new partition is made when fewer numbers than this are left.
  std::int64_t partition_ahead = 200'000;
};

/// Gives events their numbers. Any number of them may run against one database; they take turns.
class Sequencer {
 public:
  Sequencer(asio::any_io_executor executor, pg::Database& database, const Clock& clock, Metrics& metrics,
            SequencerOptions options = {});

  /// Until cancelled; failures are logged and tried again with a growing pause. Run it in a TaskScope.
  asio::awaitable<void> run();
  /// Something was committed here: look now, or, right after a batch, when the next one has gathered. Cheap; call it
  /// after every commit that recorded an event.
  void nudge();
  /// Moves one batch; returns how many events it had.
  asio::awaitable<Result<int>> move_batch();

 private:
  asio::awaitable<Result<bool>> inbox_has_rows();
  asio::awaitable<Status> make_partitions();

  pg::Database& database_;
  const Clock& clock_;
  SequencerOptions options_;
  asio::steady_timer pause_;
  bool nudged_ = false;
  bool gathering_ = false;  // the pause after a batch: a nudge does not end it
  InboxLowWater low_water_;
  std::int64_t partitioned_to_ = 0;  // events up to this seq have a partition, as far as we know
  std::int64_t head_ = 0;
  Counter& sequenced_;
  Counter& batches_;
  Histogram& batch_seconds_;
};

/// What a subscriber wants to see. The tenant is a wall: with one, only that tenant's events pass; without, the events
/// of all tenants and of the platform (platform scope only).
struct EventFilter {
  std::optional<Uuid> tenant;
  std::set<std::string, std::less<>> types;  ///< empty: all
  bool matches(const Event& event) const;
};

/// What next() hands out. After `resync` the subscriber reads its lists anew and goes on from `cursor`.
struct EventBatch {
  std::vector<LoggedEventPtr> events;
  bool resync = false;
  EventCursor cursor;  ///< everything up to here was delivered or did not match
};

struct EventFeedOptions {
  /// Newest events kept in memory for all subscribers together. One who falls behind them reads pages from the log.
  std::size_t window = 4'096;
  /// One who falls further behind than this gets a resync instead of the backlog.
  std::int64_t lag_max = 50'000;
  int page = 1'000;
};

class EventSubscription;

/// Tails the log for any number of subscribers in this process. Memory is bounded by the window, whatever subscribers
/// do: they hold a place in the log, not a queue.
class EventFeed {
 public:
  EventFeed(asio::any_io_executor executor, pg::Database& database, Metrics& metrics, EventFeedOptions options = {});
  ~EventFeed();
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  /// Starts to LISTEN and learns where the log ends. Call once, before subscribe().
  asio::awaitable<Status> start();
  /// Reads what is announced until cancelled. Run it in a TaskScope.
  asio::awaitable<void> run();

  /// From `after` on, or from now. A cursor that cannot be resumed is no error: the first batch says resync.
  std::shared_ptr<EventSubscription> subscribe(EventFilter filter, std::optional<EventCursor> after = std::nullopt);
  /// The end of the log as far as this process has read it.
  EventCursor head() const { return {state_.epoch, state_.head}; }
  std::size_t subscribers() const { return subscriptions_.size(); }
  asio::any_io_executor executor() { return announced_.get_executor(); }

 private:
  friend class EventSubscription;
  asio::awaitable<Result<bool>> read_page();
  void distribute(std::size_t fresh);
  void wake_all();

  pg::Database& database_;
  EventFeedOptions options_;
  asio::steady_timer announced_;
  bool dirty_ = true;
  EventLogState state_;
  std::deque<LoggedEventPtr> window_;  // contiguous, ends at state_.head
  std::list<EventSubscription*> subscriptions_;
  // Callbacks registered with the database outlive the feed; they hold this and find it empty then.
  std::shared_ptr<EventFeed*> self_;
  Counter& resyncs_;
};

/// One subscriber. Destroy it to end it; the feed must outlive it.
class EventSubscription {
 public:
  EventSubscription(EventFeed& feed, EventFilter filter, EventCursor at, bool resync);
  ~EventSubscription();
  EventSubscription(const EventSubscription&) = delete;
  EventSubscription& operator=(const EventSubscription&) = delete;

  /// Waits for events that match (or a resync); never empty without a resync. Errors are the database's; the next call
  /// tries again from the same place. After close(): kCancelled "event.closed". One call at a time.
  asio::awaitable<Result<EventBatch>> next();
  /// The same without waiting for what has not happened yet: a batch with neither events nor resync says that
  /// everything up to its cursor was seen.
  asio::awaitable<Result<EventBatch>> poll();
  /// Ends a pending and every further next().
  void close();
  const EventCursor& cursor() const { return at_; }

 private:
  friend class EventFeed;
  EventBatch from_window();
  EventFeed& feed_;
  EventFilter filter_;
  EventCursor at_;
  bool resync_;
  bool waiting_ = false;
  bool closed_ = false;
  asio::steady_timer wake_;
  std::list<EventSubscription*>::iterator place_;
};

}  // namespace phx::engine
