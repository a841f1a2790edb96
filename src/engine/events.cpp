#include "engine/events.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <unordered_set>

#include "base/crash_point.hpp"
#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/task_scope.hpp"
#include "engine/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 3> kKinds = {"CREATED", "UPDATED", "DELETED"};
constexpr auto kReadLimit = 5s;
constexpr auto kMoveLimit = 20s;
constexpr Duration kInboxReset = 60s;

LoggedEventPtr event_from(const pg::RowView& row) {
  auto event = std::make_shared<LoggedEvent>();
  event->seq = row.get<std::int64_t>(0);
  event->tenant = row.get<std::optional<Uuid>>(1);
  event->type = row.get<std::string>(2);
  event->id = row.get<Uuid>(3);
  // The table's CHECK admits only the known kinds.
  event->kind = *parse_change_kind(row.get<std::string_view>(4));
  event->version = row.get<std::int64_t>(5);
  event->payload = row.get<std::optional<std::string>>(6);
  event->at = row.get<Instant>(7);
  return event;
}

EventLogState state_from(const pg::Rows& rows) {
  return {rows.get<std::string>(0, 0), rows.get<std::int64_t>(0, 1), rows.get<std::int64_t>(0, 2)};
}

struct LogPage {
  EventLogState state;
  std::vector<LoggedEventPtr> events;
};

/// State and events of one snapshot: the page and what the state says about it cannot disagree.
asio::awaitable<Result<LogPage>> read_log(pg::Database& database, std::int64_t after, int max) {
  std::vector<pg::Query> queries;
  queries.push_back({sql::engine::event_log_state, {}});
  queries.push_back({sql::engine::read_events, pg::Params::of(after, max)});
  PHX_CO_TRY(auto answers,
             co_await database.read_many(pg::Scope::worker(), std::move(queries), Deadline::after(kReadLimit)));
  LogPage page{state_from(answers[0]), {}};
  page.events.reserve(static_cast<std::size_t>(answers[1].size()));
  for (const auto row : answers[1]) page.events.push_back(event_from(row));
  co_return page;
}

asio::awaitable<void> wait(asio::steady_timer& timer) {
  boost::system::error_code woken;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

}  // namespace

std::string_view change_kind_name(ChangeKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

Result<ChangeKind> parse_change_kind(std::string_view name) {
  const auto found = std::find(kKinds.begin(), kKinds.end(), name);
  if (found == kKinds.end()) return invalid_argument("event.kind_malformed", "kind", "Not a kind of change.");
  return static_cast<ChangeKind>(found - kKinds.begin());
}

asio::awaitable<Status> record_event(pg::Transaction& tx, Event event) {
  PHX_CRASH_POINT("engine.event.before_record");
  auto params = pg::Params::of(event.tenant, event.type, event.id, change_kind_name(event.kind), event.version);
  params.add_json(event.payload);
  tx.defer(sql::engine::record_event, std::move(params));
  co_return Status();
}

bool resumable(const EventCursor& cursor, const EventLogState& state) {
  return cursor.epoch == state.epoch && cursor.seq <= state.head && cursor.seq >= state.retained_after;
}

bool EventFilter::matches(const Event& event) const {
  if (tenant && event.tenant != tenant) return false;
  return types.empty() || types.contains(event.type);
}

asio::awaitable<Result<EventLogState>> read_event_log_state(pg::Database& database) {
  PHX_CO_TRY(auto rows, co_await database.read(pg::Scope::worker(), sql::engine::event_log_state, {},
                                               Deadline::after(kReadLimit)));
  co_return state_from(rows);
}

asio::awaitable<Result<std::string>> read_event_cursor_key(pg::Database& database) {
  PHX_CO_TRY(auto rows, co_await database.read(pg::Scope::worker(), sql::engine::event_cursor_key, {},
                                               Deadline::after(kReadLimit)));
  co_return rows.get<std::string>(0, 0);
}

asio::awaitable<Status> begin_event_epoch(pg::Database& database, std::string reason) {
  PHX_CO_TRY(auto tx, co_await database.begin(pg::Scope::worker(), Deadline::after(kMoveLimit)));
  PHX_CO_CHECK(co_await tx.execute(sql::engine::lock_sequencer));
  PHX_CO_CHECK(co_await tx.execute(sql::engine::begin_epoch, pg::Params::of(reason)));
  PHX_CO_CHECK(co_await tx.execute(sql::engine::announce_epoch));
  PHX_CRASH_POINT("engine.epoch.before_commit");
  co_return co_await tx.commit();
}

asio::awaitable<Result<int>> drop_old_events(pg::Database& database, std::chrono::seconds keep) {
  PHX_CO_TRY(auto rows, co_await database.execute(pg::Scope::worker(), sql::engine::drop_event_partitions,
                                                  pg::Params::of(Duration(keep)), Deadline::after(kMoveLimit)));
  co_return rows.get<std::int32_t>(0, 0);
}

// Sequencer

Sequencer::Sequencer(asio::any_io_executor executor, pg::Database& database, const Clock& clock, Metrics& metrics,
                     SequencerOptions options)
    : database_(database),
      clock_(clock),
      options_(options),
      pause_(executor),
      low_water_(kInboxReset),
      sequenced_(metrics.counter("sankofa_events_sequenced_total", "Events given their place in the log")),
      batches_(metrics.counter("sankofa_events_batches_total", "Batches of events moved into the log")),
      batch_seconds_(metrics.latency("sankofa_events_batch_seconds", "Time to move one batch into the log")) {}

void Sequencer::nudge() {
  nudged_ = true;
  if (!gathering_) pause_.cancel();
}

asio::awaitable<Result<bool>> Sequencer::inbox_has_rows() {
  PHX_CO_TRY(auto rows, co_await database_.read(pg::Scope::worker(), sql::engine::inbox_has_rows,
                                                pg::Params::of(low_water_.bound(clock_.monotonic())),
                                                Deadline::after(kReadLimit)));
  co_return rows.get<bool>(0, 0);
}

asio::awaitable<Status> Sequencer::make_partitions() {
  PHX_CO_TRY(auto rows,
             co_await database_.execute(pg::Scope::worker(), sql::engine::ensure_event_partitions,
                                        pg::Params::of(head_ + options_.partition_ahead + options_.batch_max),
                                        Deadline::after(kMoveLimit)));
  partitioned_to_ = rows.get<std::int64_t>(0, 0);
  co_return Status();
}

asio::awaitable<Result<int>> Sequencer::move_batch() {
  const auto started = clock_.monotonic();
  // head_ is what we last saw; another process may have moved it, but by less than is kept ahead, or the statement
  // finds no partition, fails whole, and the next round looks again.
  if (partitioned_to_ < head_ + options_.batch_max) PHX_CO_CHECK(co_await make_partitions());
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), Deadline::after(kMoveLimit)));
  // Two statements: the second one's snapshot must be taken after the lock is ours, or it would miss what the sequencer
  // before us left.
  std::vector<pg::Query> queries;
  queries.push_back({sql::engine::lock_sequencer, {}});
  queries.push_back(
      {sql::engine::move_events, pg::Params::of(low_water_.bound(clock_.monotonic()), options_.batch_max)});
  auto answers = co_await tx.execute_batch(std::move(queries));
  if (!answers) {
    partitioned_to_ = 0;
    if (auto state = co_await read_event_log_state(database_); state) head_ = state->head;
    co_return std::move(answers).error();
  }
  const auto& moved = answers->at(1);
  PHX_CRASH_POINT("engine.sequencer.before_commit");
  PHX_CO_CHECK(co_await tx.commit());
  PHX_CRASH_POINT("engine.sequencer.after_commit");
  const auto count = moved.get<std::int64_t>(0, "n");
  low_water_.note(moved.get<std::int64_t>(0, "last_id"), moved.get<std::int64_t>(0, "xmin"),
                  moved.get<std::int64_t>(0, "xmax"));
  if (count > 0) {
    head_ = moved.get<std::int64_t>(0, "head");
    sequenced_.add(static_cast<double>(count));
    batches_.add();
    batch_seconds_.observe(std::chrono::duration<double>(clock_.monotonic() - started).count());
  }
  co_return static_cast<int>(count);
}

asio::awaitable<void> Sequencer::run() {
  auto pause = options_.idle_pause;
  Result<int> moved = 0;
  for (;;) {
    nudged_ = false;
    const auto began = clock_.monotonic();
    // After a batch there are more, as a rule; otherwise a look at the inbox is cheaper than a transaction.
    auto has_rows = moved && *moved > 0 ? Result<bool>(true) : co_await inbox_has_rows();
    moved = 0;
    if (!has_rows)
      moved = std::move(has_rows).error();
    else if (*has_rows)
      moved = co_await move_batch();
    if (!moved) {
      if (moved.error().code() != Code::kCancelled) log_error("sequencer.failed", moved.error());
      // The database is away or busy: a nudge must not make us hammer it.
      pause = std::min<std::chrono::milliseconds>(std::max(pause * 2, options_.idle_pause), 2s);
      co_await sleep_for(pause);
      continue;
    }
    if (*moved >= options_.batch_max) continue;
    pause = *moved > 0 ? options_.busy_pause : std::min(std::max(pause, options_.busy_pause) * 2, options_.idle_pause);
    if (nudged_) pause = options_.busy_pause;
    // The slower the database, the more events a batch has: the sequencer works a quarter of the time at most.
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - began);
    pause = std::clamp(3 * took, pause, options_.idle_pause);
    gathering_ = *moved > 0;
    pause_.expires_after(pause);
    co_await wait(pause_);
    gathering_ = false;
  }
}

// EventFeed

EventFeed::EventFeed(asio::any_io_executor executor, pg::Database& database, Metrics& metrics, EventFeedOptions options)
    : database_(database),
      options_(options),
      announced_(executor, asio::steady_timer::time_point::max()),
      self_(std::make_shared<EventFeed*>(this)),
      resyncs_(metrics.counter("sankofa_events_resyncs_total", "Subscribers told to read their lists anew")) {}

EventFeed::~EventFeed() { *self_ = nullptr; }

asio::awaitable<Status> EventFeed::start() {
  PHX_CO_CHECK(co_await database_.listen("phoenix_events", [self = self_](std::optional<std::string_view>) {
    if (!*self) return;
    (*self)->dirty_ = true;
    (*self)->announced_.cancel();
  }));
  // After LISTEN is in force: what comes later is announced, what came before is below this head.
  PHX_CO_TRY(state_, co_await read_event_log_state(database_));
  co_return Status();
}

asio::awaitable<void> EventFeed::run() {
  auto pause = 50ms;
  for (;;) {
    if (!dirty_) {
      announced_.expires_at(asio::steady_timer::time_point::max());
      co_await wait(announced_);
      continue;
    }
    dirty_ = false;
    auto more = co_await read_page();
    if (!more) {
      if (more.error().code() != Code::kCancelled) log_error("event_feed.read_failed", more.error());
      dirty_ = true;
      co_await sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::milliseconds(2s));
      continue;
    }
    pause = 50ms;
    if (*more) dirty_ = true;
  }
}

asio::awaitable<Result<bool>> EventFeed::read_page() {
  PHX_CO_TRY(auto page, co_await read_log(database_, state_.head, options_.page));
  if (page.state.epoch != state_.epoch || page.state.head < state_.head) {
    // Another history: nothing we hold means anything in it.
    window_.clear();
    state_ = page.state;
    wake_all();
    co_return false;
  }
  state_.retained_after = page.state.retained_after;
  if (page.events.empty()) co_return false;
  const auto fresh = page.events.size();
  for (auto& event : page.events) window_.push_back(std::move(event));
  state_.head = window_.back()->seq;
  distribute(fresh);
  while (window_.size() > options_.window) window_.pop_front();
  co_return state_.head < page.state.head;
}

void EventFeed::distribute(std::size_t fresh) {
  // Most subscribers of a large installation care for none of the events: those only move on.
  std::unordered_set<Uuid> tenants;
  for (std::size_t i = window_.size() - fresh; i < window_.size(); ++i)
    if (window_[i]->tenant) tenants.insert(*window_[i]->tenant);
  for (auto* subscription : subscriptions_) {
    if (!subscription->waiting_) continue;
    const auto& tenant = subscription->filter_.tenant;
    if (tenant && !tenants.contains(*tenant)) {
      subscription->at_.seq = state_.head;
    } else {
      // From here on it has something to read: a further batch before it resumes must not move it on.
      subscription->waiting_ = false;
      subscription->wake_.cancel();
    }
  }
}

void EventFeed::wake_all() {
  for (auto* subscription : subscriptions_) subscription->wake_.cancel();
}

std::shared_ptr<EventSubscription> EventFeed::subscribe(EventFilter filter, std::optional<EventCursor> after) {
  if (!after) return std::make_shared<EventSubscription>(*this, std::move(filter), head(), false);
  // What another process announced may be ahead of what we have read: a seq above our own head is looked up by next().
  const bool lost = after->epoch != state_.epoch || after->seq < state_.retained_after;
  return std::make_shared<EventSubscription>(*this, std::move(filter), lost ? head() : *after, lost);
}

// EventSubscription

EventSubscription::EventSubscription(EventFeed& feed, EventFilter filter, EventCursor at, bool resync)
    : feed_(feed),
      filter_(std::move(filter)),
      at_(std::move(at)),
      resync_(resync),
      wake_(feed.announced_.get_executor(), asio::steady_timer::time_point::max()) {
  place_ = feed_.subscriptions_.insert(feed_.subscriptions_.end(), this);
}

EventSubscription::~EventSubscription() { feed_.subscriptions_.erase(place_); }

void EventSubscription::close() {
  closed_ = true;
  wake_.cancel();
}

EventBatch EventSubscription::from_window() {
  EventBatch batch;
  const auto& window = feed_.window_;
  if (!window.empty() && at_.seq < feed_.state_.head) {
    const auto first = window.front()->seq;
    for (auto i = static_cast<std::size_t>(at_.seq + 1 - first); i < window.size(); ++i)
      if (filter_.matches(*window[i])) batch.events.push_back(window[i]);
  }
  at_.seq = feed_.state_.head;
  batch.cursor = at_;
  return batch;
}

asio::awaitable<Result<EventBatch>> EventSubscription::poll() {
  for (;;) {
    if (closed_) co_return Error(Code::kCancelled, "event.closed", "The subscription was closed.");
    const auto& state = feed_.state_;
    if (at_.epoch != state.epoch || at_.seq < state.retained_after || state.head - at_.seq > feed_.options_.lag_max)
      resync_ = true;
    if (!resync_ && at_.seq > state.head) {
      // Above our head: another process gave it out before we read that far, or it never was.
      PHX_CO_TRY(auto now, co_await read_event_log_state(feed_.database_));
      if (!resumable(at_, now)) resync_ = true;
    }
    if (resync_) {
      resync_ = false;
      feed_.resyncs_.add();
      at_ = feed_.head();
      co_return EventBatch{{}, true, at_};
    }
    if (at_.seq >= state.head) co_return EventBatch{{}, false, at_};
    const auto window_begins = feed_.window_.empty() ? state.head : feed_.window_.front()->seq - 1;
    EventBatch batch;
    if (at_.seq >= window_begins) {
      batch = from_window();
    } else {
      PHX_CO_TRY(auto page, co_await read_log(feed_.database_, at_.seq, feed_.options_.page));
      if (!resumable(at_, page.state)) {
        resync_ = true;
        continue;
      }
      for (auto& event : page.events) {
        if (event->seq > state.head) break;
        at_.seq = event->seq;
        if (filter_.matches(*event)) batch.events.push_back(std::move(event));
      }
      batch.cursor = at_;
    }
    if (!batch.events.empty()) co_return batch;
  }
}

asio::awaitable<Result<EventBatch>> EventSubscription::next() {
  for (;;) {
    PHX_CO_TRY(auto batch, co_await poll());
    if (batch.resync || !batch.events.empty()) co_return batch;
    waiting_ = at_.seq == feed_.state_.head;
    wake_.expires_at(asio::steady_timer::time_point::max());
    if (!waiting_) {
      // Another process is ahead of us: let the feed catch up.
      feed_.dirty_ = true;
      feed_.announced_.cancel();
      wake_.expires_after(20ms);
    }
    co_await wait(wake_);
    waiting_ = false;
  }
}

}  // namespace phx::engine
