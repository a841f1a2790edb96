#include "engine/work_queue.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <tuple>

#include "base/crash_point.hpp"
#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "engine/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto kQueueLimit = 10s;
/// A transaction that enqueues may commit this much later than one that got a later time; a slower one is found at the
/// mark's reset. Each claim scans what was deleted in this span, if a snapshot keeps it.
constexpr Duration kCommitSlack = 1s;

Error lease_lost() { return {Code::kAborted, "work.lease_lost", "The work has passed to another worker."}; }

}  // namespace

asio::awaitable<Status> enqueue(pg::Transaction& tx, Work work) {
  auto params = pg::Params::of(work.tenant, work.queue, work.key, work.run_at);
  params.add_json(std::string_view(work.payload));
  PHX_CRASH_POINT("engine.work.before_enqueue");
  PHX_CO_CHECK(co_await tx.execute(sql::engine::enqueue_work, std::move(params)));
  co_return Status();
}

asio::awaitable<Status> complete(pg::Transaction& tx, ClaimedWork work) {
  PHX_CRASH_POINT("engine.work.before_complete");
  PHX_CO_TRY(auto gone,
             co_await tx.execute(sql::engine::complete_work, pg::Params::of(work.id, work.fence, work.generation)));
  if (gone.affected() == 1) co_return Status();
  PHX_CO_TRY(auto kept, co_await tx.execute(sql::engine::release_work, pg::Params::of(work.id, work.fence)));
  if (kept.affected() == 1) co_return Status();
  co_return lease_lost();
}

asio::awaitable<Status> retry_later(pg::Transaction& tx, ClaimedWork work, Duration delay, std::string reason) {
  PHX_CRASH_POINT("engine.work.before_retry_later");
  PHX_CO_TRY(auto kept, co_await tx.execute(sql::engine::retry_work,
                                            pg::Params::of(work.id, work.fence, work.generation, delay, reason)));
  if (kept.affected() == 1) co_return Status();
  co_return lease_lost();
}

asio::awaitable<Status> check_lease(pg::Transaction& tx, ClaimedWork work) {
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::engine::check_lease, pg::Params::of(work.id, work.fence)));
  if (rows.size() == 1) co_return Status();
  co_return lease_lost();
}

WorkQueue::WorkQueue(pg::Database& database, const Clock& clock, std::string queue, Duration lease)
    : database_(database),
      clock_(clock),
      queue_(std::move(queue)),
      lease_(lease),
      low_water_(kCommitSlack, std::min<Duration>(lease, 60s)) {}

asio::awaitable<Result<std::vector<ClaimedWork>>> WorkQueue::claim(int max) {
  const auto bound = low_water_.bound(clock_.monotonic());
  const Instant from(Duration(bound == LowWater::kNone ? 0 : bound));
  PHX_CO_TRY(auto rows,
             co_await database_.execute(pg::Scope::worker(), sql::engine::claim_work,
                                        pg::Params::of(queue_, from, max, lease_), Deadline::after(kQueueLimit)));
  std::vector<ClaimedWork> claimed;
  claimed.reserve(static_cast<std::size_t>(rows.size()));
  for (const auto row : rows) {
    ClaimedWork& work = claimed.emplace_back();
    work.queue = queue_;
    work.id = row.get<std::int64_t>(0);
    work.fence = row.get<std::int64_t>(1);
    work.generation = row.get<std::int64_t>(2);
    work.tenant = row.get<std::optional<Uuid>>(3);
    work.key = row.get<std::string>(4);
    work.payload = row.get<std::string>(5);
    work.attempts = row.get<std::int64_t>(6);
    work.run_at = row.get<Instant>(7);
  }
  std::sort(claimed.begin(), claimed.end(), [](const ClaimedWork& a, const ClaimedWork& b) {
    return std::tie(a.run_at, a.id) < std::tie(b.run_at, b.id);
  });
  if (!claimed.empty()) low_water_.note(clock_.monotonic(), claimed.front().run_at.time_since_epoch().count());
  co_return claimed;
}

asio::awaitable<Result<std::vector<std::int64_t>>> WorkQueue::heartbeat(std::vector<ClaimedWork> held) {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> fences;
  for (const auto& work : held) {
    ids.push_back(work.id);
    fences.push_back(work.fence);
  }
  PHX_CO_TRY(auto rows, co_await database_.execute(pg::Scope::worker(), sql::engine::heartbeat_work,
                                                   pg::Params::of(ids, fences, lease_), Deadline::after(kQueueLimit)));
  std::vector<std::int64_t> still;
  for (const auto row : rows) still.push_back(row.get<std::int64_t>(0));
  co_return still;
}

// Worker

struct Worker::Lane {
  Lane(asio::any_io_executor executor, pg::Database& database, const Clock& clock, std::string name,
       WorkHandler handler_, QueueOptions options_)
      : queue(database, clock, std::move(name), options_.lease),
        handler(std::move(handler_)),
        options(options_),
        wake(executor, asio::steady_timer::time_point::max()) {}

  struct Held {
    ClaimedWork work;
    std::shared_ptr<Lease> lease;
  };
  WorkQueue queue;
  WorkHandler handler;
  QueueOptions options;
  asio::steady_timer wake;
  bool nudged = false;
  std::list<Held> held;
  std::vector<ClaimedWork> abandoned;  // cancelled before they were settled
  Counter* done = nullptr;
  Counter* failed = nullptr;
  Gauge* busy = nullptr;
};

Worker::Worker(asio::any_io_executor executor, pg::Database& database, const Clock& clock, Random& random,
               Metrics& metrics, WorkerOptions options)
    : database_(database),
      clock_(clock),
      random_(random),
      metrics_(metrics),
      options_(options),
      scope_(executor, "worker") {}

Worker::~Worker() = default;

void Worker::handle(std::string queue, WorkHandler handler, QueueOptions options) {
  auto lane =
      std::make_unique<Lane>(scope_.executor(), database_, clock_, std::move(queue), std::move(handler), options);
  const Labels labels = {{"queue", lane->queue.queue()}};
  lane->done = &metrics_.counter("sankofa_work_done_total", "Pieces of work handled to their end", labels);
  lane->failed = &metrics_.counter("sankofa_work_failed_total", "Attempts that ended in an error", labels);
  lane->busy = &metrics_.gauge("sankofa_work_busy_handlers", "Handlers at work", labels);
  lanes_.push_back(std::move(lane));
}

void Worker::start() {
  for (const auto& lane : lanes_) {
    scope_.spawn("claim", claim_loop(*lane));
    scope_.spawn("heartbeat", heartbeat_loop(*lane));
  }
}

void Worker::nudge() {
  for (const auto& lane : lanes_) {
    lane->nudged = true;
    lane->wake.cancel();
  }
}

asio::awaitable<void> Worker::stop() {
  co_await scope_.stop();
  // An orderly stop gives back what it did not finish, so that the next worker need not wait for the leases' end.
  for (const auto& lane : lanes_) {
    for (const auto& work : lane->abandoned)
      if (auto released = co_await release(work); !released)
        log_error("worker.release_failed", released.error(), {{"queue", work.queue}, {"key", work.key}});
    lane->abandoned.clear();
  }
}

asio::awaitable<Status> Worker::release(ClaimedWork work) {
  PHX_CO_CHECK(co_await database_.execute(pg::Scope::worker(), sql::engine::release_work,
                                          pg::Params::of(work.id, work.fence), Deadline::after(kQueueLimit)));
  co_return Status();
}

asio::awaitable<void> Worker::claim_loop(Lane& lane) {
  auto pause = options_.busy_pause;
  for (;;) {
    lane.nudged = false;
    const int room = lane.options.concurrency - static_cast<int>(lane.held.size());
    std::size_t got = 0;
    if (room > 0) {
      // The lease counts from before it was asked for: the server's count cannot have begun earlier.
      const auto asked = clock_.monotonic();
      auto claimed = co_await lane.queue.claim(room);
      PHX_CRASH_POINT("engine.work.claimed");
      if (claimed) {
        got = claimed->size();
        for (auto& work : *claimed) {
          auto lease = std::make_shared<Lease>(clock_, asked + lane.queue.lease());
          lane.held.push_back({work, lease});
          scope_.spawn(lane.queue.queue(), work_on(lane, std::move(work), std::move(lease)));
        }
        lane.busy->set(static_cast<double>(lane.held.size()));
      } else {
        if (claimed.error().code() != Code::kCancelled)
          log_error("worker.claim_failed", claimed.error(), {{"queue", lane.queue.queue()}});
        co_await sleep_for(options_.idle_pause);
      }
    }
    if (lane.nudged) continue;
    pause = got > 0 ? options_.busy_pause : std::min(std::max(pause, options_.busy_pause) * 2, options_.idle_pause);
    lane.wake.expires_after(pause);
    boost::system::error_code woken;
    co_await lane.wake.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

asio::awaitable<void> Worker::heartbeat_loop(Lane& lane) {
  for (;;) {
    co_await sleep_for(lane.queue.lease() / 4);
    if (lane.held.empty()) continue;
    std::vector<ClaimedWork> works;
    for (const auto& held : lane.held) works.push_back(held.work);
    const auto asked = clock_.monotonic();
    auto still = co_await lane.queue.heartbeat(works);
    if (!still) {
      // The leases go on as long as they were given; the next beat may come through.
      log_error("worker.heartbeat_failed", still.error(), {{"queue", lane.queue.queue()}});
      continue;
    }
    for (auto& held : lane.held) {
      const auto asked_about = [&](const ClaimedWork& work) { return work.fence == held.work.fence; };
      if (std::none_of(works.begin(), works.end(), asked_about)) continue;
      if (std::find(still->begin(), still->end(), held.work.id) != still->end())
        held.lease->extend(asked + lane.queue.lease());
      else
        held.lease->lose();
    }
  }
}

asio::awaitable<void> Worker::work_on(Lane& lane, ClaimedWork work, std::shared_ptr<Lease> lease) {
  // Also when cancelled in the middle: the place is free again.
  struct Leave {
    Lane& lane;
    ClaimedWork work;
    bool settled = false;
    ~Leave() {
      if (!settled) lane.abandoned.push_back(work);
      lane.held.remove_if([this](const Lane::Held& held) { return held.work.fence == work.fence; });
      lane.busy->set(static_cast<double>(lane.held.size()));
      lane.wake.cancel();
    }
  } leave{lane, work};
  auto outcome = co_await lane.handler(WorkContext{work, lease});
  PHX_CRASH_POINT("engine.work.handled");
  if (auto settled = co_await settle(lane, work, std::move(outcome)); !settled)
    log_error("worker.settle_failed", settled.error(), {{"queue", work.queue}, {"key", work.key}});
  leave.settled = true;
}

asio::awaitable<Status> Worker::settle(Lane& lane, ClaimedWork work, Result<WorkResult> outcome) {
  if (outcome && outcome->kind == WorkResult::Kind::kSettled) {
    lane.done->add();
    co_return Status();
  }
  Duration delay{};
  std::string reason;
  if (!outcome) {
    lane.failed->add();
    log_error("worker.work_failed", outcome.error(),
              {{"queue", work.queue}, {"key", work.key}, {"attempt", work.attempts}});
    delay = backoff_delay(lane.options.backoff, work.attempts, random_);
    reason = outcome.error().message();
  } else if (outcome->kind == WorkResult::Kind::kAgain) {
    delay = outcome->delay ? *outcome->delay : backoff_delay(lane.options.backoff, work.attempts, random_);
    reason = outcome->reason;
  }
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), Deadline::after(kQueueLimit)));
  if (outcome && outcome->kind == WorkResult::Kind::kDone) {
    PHX_CO_CHECK(co_await complete(tx, work));
    lane.done->add();
  } else {
    PHX_CO_CHECK(co_await retry_later(tx, work, delay, reason));
  }
  co_return co_await tx.commit();
}

}  // namespace phx::engine
