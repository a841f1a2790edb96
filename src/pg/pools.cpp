#include "pg/pools.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.hpp"
#include "pg/error.hpp"

namespace phx::pg {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kBackoffFirst{25};
constexpr milliseconds kBackoffMax{1000};

std::string_view short_name(Role role) { return login_of(role).substr(std::string_view("phoenix_").size()); }

Labels labels_of(Role role, Kind kind) {
  return {{"pool", std::string(short_name(role))}, {"kind", kind == Kind::kShared ? "shared" : "exclusive"}};
}

ConnectPlan plan_for(const DatabaseOptions& options, Role role, Kind kind) {
  ConnectPlan plan;
  plan.conninfo = options.endpoints.of(role);
  plan.application_name =
      fmt::format("phoenix {} {}", short_name(role), kind == Kind::kShared ? "shared" : "exclusive");
  plan.limit = options.connect_timeout;
  const auto limit = kind == Kind::kShared ? options.shared_statement_timeout : options.statement_timeout;
  plan.options = fmt::format(
      "-c search_path=phoenix,pg_catalog -c timezone=UTC -c statement_timeout={} "
      "-c idle_in_transaction_session_timeout={}",
      limit.count(), options.idle_in_transaction_timeout.count());
  if (kind == Kind::kShared)
    plan.options += " -c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read";
  return plan;
}

}  // namespace

Opener::Opener(PoolContext context, Role role, Kind kind)
    : context_(context),
      plan_(plan_for(context.options, role, kind)),
      failures_(context.metrics.counter("sankofa_pg_connect_failures_total", "Attempts to connect that failed",
                                        labels_of(role, kind))) {}

asio::awaitable<std::shared_ptr<Connection>> Opener::open(std::function<bool()> wanted) {
  auto backoff = kBackoffFirst;
  while (wanted()) {
    auto connected = co_await context_.blocking.run([plan = plan_] { return connect_blocking(plan); });
    if (connected && connected->handle) {
      last_failure_.clear();
      co_return std::make_shared<Connection>(context_.executor, std::move(connected->handle),
                                             context_.options.prepared_max, context_.options.prepare_at_use);
    }
    failures_.add();
    last_failure_ = connected ? connected->failure : connected.error().to_string();
    log_event(LogLevel::kWarn, "pg.connect_failed", {{"pool", plan_.application_name}, {"why", last_failure_}});
    co_await sleep_for(backoff);
    backoff = std::min(backoff * 2, kBackoffMax);
  }
  co_return nullptr;
}

SharedPool::SharedPool(PoolContext context, Role role, int size)
    : context_(context),
      opener_(context, role, Kind::kShared),
      size_(static_cast<std::size_t>(std::max(size, 0))),
      open_gauge_(context.metrics.gauge("sankofa_pg_connections", "Open connections", labels_of(role, Kind::kShared))),
      exhausted_(context.metrics.counter("sankofa_pg_pool_exhausted_total",
                                         "Requests turned away for want of a connection",
                                         labels_of(role, Kind::kShared))) {}

void SharedPool::close_stalled() {
  // A connection whose server does not answer at all would hold its requests until their deadlines, for ever.
  const auto too_long_ago = Deadline::Steady::now() - context_.options.shared_stall;
  for (std::size_t i = connections_.size(); i-- > 0;)
    if (connections_[i]->waiting_since() < too_long_ago) std::shared_ptr(connections_[i])->close();  // takes itself out
}

std::shared_ptr<Connection> SharedPool::least_loaded() {
  if (closing_) return nullptr;
  close_stalled();
  const auto best = std::ranges::min_element(connections_, {}, [](const auto& one) { return one->depth(); });
  if (best == connections_.end() || (*best)->depth() > 0) grow();
  return best == connections_.end() ? nullptr : *best;
}

std::shared_ptr<Connection> SharedPool::pick_now() {
  auto best = least_loaded();
  return best && best->depth() < context_.options.shared_depth ? std::move(best) : nullptr;
}

asio::awaitable<Result<std::shared_ptr<Connection>>> SharedPool::pick(Deadline deadline) {
  const auto limit = deadline.within(context_.options.pool_wait);
  while (!closing_) {
    if (const auto best = least_loaded()) {
      if (best->depth() < context_.options.shared_depth) co_return best;
      exhausted_.add();
      co_return unavailable("pg.pool_exhausted", "every shared connection has its full depth in flight");
    }
    if (limit.passed()) {
      exhausted_.add();
      co_return unavailable("pg.unavailable", opener_.last_failure());
    }
    asio::steady_timer timer(context_.executor, limit.when());
    const auto place = waiting_.insert(waiting_.end(), &timer);
    struct Leave {
      std::list<asio::steady_timer*>& list;
      std::list<asio::steady_timer*>::iterator place;
      ~Leave() { list.erase(place); }
    } const leave{waiting_, place};
    boost::system::error_code woken;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  co_return unavailable("pg.unavailable", "the database client is stopping");
}

void SharedPool::grow() {
  // One at a time: a burst of requests does not need a burst of connections.
  if (closing_ || opening_ > 0 || connections_.size() >= size_) return;
  ++opening_;
  context_.scope.spawn("pg.open_shared", open_one());
}

asio::awaitable<void> SharedPool::open_one() {
  // Tried once in any case, and again for as long as somebody waits.
  const auto connection = co_await opener_.open(
      [this, first = true]() mutable { return !closing_ && (std::exchange(first, false) || !waiting_.empty()); });
  --opening_;
  if (!connection || closing_) co_return;
  connections_.push_back(connection);
  open_gauge_.add(1);
  connection->start([this](Connection& which) { closed(which); });
  for (auto* timer : waiting_) timer->cancel();
}

void SharedPool::closed(Connection& connection) {
  open_gauge_.add(-1);
  std::erase_if(connections_, [&](const auto& one) { return one.get() == &connection; });
}

void SharedPool::close() {
  closing_ = true;
  for (const auto& connection : std::vector(connections_)) connection->close();
  for (auto* timer : waiting_) timer->cancel();
}

ExclusivePool::ExclusivePool(PoolContext context, Role role, int size)
    : context_(context),
      opener_(context, role, Kind::kExclusive),
      size_(static_cast<std::size_t>(std::max(size, 1))),
      open_gauge_(
          context.metrics.gauge("sankofa_pg_connections", "Open connections", labels_of(role, Kind::kExclusive))),
      busy_gauge_(context.metrics.gauge("sankofa_pg_connections_busy", "Exclusive connections checked out",
                                        labels_of(role, Kind::kExclusive))),
      wait_seconds_(context.metrics.latency("sankofa_pg_pool_wait_seconds", "Time spent waiting for a connection",
                                            labels_of(role, Kind::kExclusive))),
      exhausted_(context.metrics.counter("sankofa_pg_pool_exhausted_total",
                                         "Requests turned away for want of a connection",
                                         labels_of(role, Kind::kExclusive))) {}

ExclusivePool::Place::~Place() {
  std::erase(pool.waiting_, waiter);
  if (waiter->given) pool.give(waiter->given);
}

asio::awaitable<Result<std::shared_ptr<Connection>>> ExclusivePool::acquire(Deadline deadline) {
  if (closing_) co_return unavailable("pg.unavailable", "the database client is stopping");
  if (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    busy_gauge_.add(1);
    co_return connection;
  }
  const Stopwatch stopwatch;
  const Place place{*this, std::make_shared<Waiter>(context_.executor)};
  waiting_.push_back(place.waiter);
  grow();
  place.waiter->timer.expires_at(deadline.within(context_.options.pool_wait).when());
  boost::system::error_code woken;
  co_await place.waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  wait_seconds_.observe(stopwatch.seconds());
  if (auto connection = std::exchange(place.waiter->given, nullptr)) {
    busy_gauge_.add(1);
    co_return connection;
  }
  exhausted_.add();
  if (closing_ || !opener_.last_failure().empty()) co_return unavailable("pg.unavailable", opener_.last_failure());
  co_return unavailable("pg.pool_exhausted",
                        fmt::format("{} connections in use, {} requests waiting", total_, waiting_.size()));
}

void ExclusivePool::release(const std::shared_ptr<Connection>& connection) {
  busy_gauge_.add(-1);
  if (connection->idle() && !closing_) return give(connection);
  connection->close();
  gone();
}

void ExclusivePool::give(const std::shared_ptr<Connection>& connection) {
  if (connection->closed()) return gone();
  if (waiting_.empty()) {
    idle_.push_back(connection);
    return;
  }
  const auto waiter = std::move(waiting_.front());
  waiting_.pop_front();
  waiter->given = connection;
  waiter->timer.cancel();
}

void ExclusivePool::grow() {
  if (closing_ || total_ >= size_ || opening_ >= waiting_.size()) return;
  ++total_;
  ++opening_;
  context_.scope.spawn("pg.open_exclusive", open_one());
}

asio::awaitable<void> ExclusivePool::open_one() {
  const auto connection = co_await opener_.open([this] { return !closing_ && !waiting_.empty(); });
  --opening_;
  if (!connection || closing_) {
    --total_;
    co_return;
  }
  open_gauge_.add(1);
  connection->start([this](Connection& which) { closed(which); });
  give(connection);
}

void ExclusivePool::closed(Connection& connection) {
  open_gauge_.add(-1);
  const auto before = idle_.size();
  std::erase_if(idle_, [&](const auto& one) { return one.get() == &connection; });
  if (idle_.size() != before) gone();
}

void ExclusivePool::gone() {
  --total_;
  grow();
}

void ExclusivePool::close() {
  closing_ = true;
  for (const auto& connection : std::exchange(idle_, {})) connection->close();
  for (const auto& waiter : waiting_) waiter->timer.cancel();
}

}  // namespace phx::pg
