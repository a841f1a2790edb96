#pragma once
/// Inside pg/ only: the two kinds of pools, and what they share.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/blocking_pool.hpp"
#include "base/deadline.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "base/task_scope.hpp"
#include "pg/connection.hpp"
#include "pg/database.hpp"

namespace phx::pg {

/// Services all pools of one Database use.
struct PoolContext {
  asio::any_io_executor executor;
  BlockingPool& blocking;
  Metrics& metrics;
  TaskScope& scope;
  const DatabaseOptions& options;
};

/// Opens connections of one pool, with backoff while the server is away.
class Opener {
 public:
  Opener(PoolContext context, Role role, Kind kind);

  /// Tries until it succeeds or `wanted` says that nobody needs it any more (then null).
  asio::awaitable<std::shared_ptr<Connection>> open(std::function<bool()> wanted);
  const std::string& last_failure() const { return last_failure_; }

 private:
  PoolContext context_;
  ConnectPlan plan_;
  std::string last_failure_;
  Counter& failures_;
};

/// Connections that many reads share. Grows while all are busy, up to its size.
class SharedPool {
 public:
  SharedPool(PoolContext context, Role role, int size);

  bool enabled() const { return size_ > 0; }
  /// The least loaded connection when that needs no waiting; else null, and pick() waits or says why not.
  std::shared_ptr<Connection> pick_now();
  asio::awaitable<Result<std::shared_ptr<Connection>>> pick(Deadline deadline);
  void close();

 private:
  std::shared_ptr<Connection> least_loaded();
  void close_stalled();
  void grow();
  asio::awaitable<void> open_one();
  void closed(Connection& connection);

  PoolContext context_;
  Opener opener_;
  std::size_t size_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::size_t opening_ = 0;
  std::list<asio::steady_timer*> waiting_;
  bool closing_ = false;
  Gauge& open_gauge_;
  Counter& exhausted_;
};

/// Connections that one request owns from checkout until they are idle again.
class ExclusivePool {
 public:
  ExclusivePool(PoolContext context, Role role, int size);

  /// First come, first served; "pg.pool_exhausted" after pool_wait.
  asio::awaitable<Result<std::shared_ptr<Connection>>> acquire(Deadline deadline);
  /// An idle connection is handed on, any other is closed.
  void release(const std::shared_ptr<Connection>& connection);
  void close();

 private:
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    std::shared_ptr<Connection> given;
  };
  /// Leaves the queue however the waiting ends.
  struct Place {
    ExclusivePool& pool;
    std::shared_ptr<Waiter> waiter;
    ~Place();
  };

  void give(const std::shared_ptr<Connection>& connection);
  void grow();
  asio::awaitable<void> open_one();
  void closed(Connection& connection);
  void gone();

  PoolContext context_;
  Opener opener_;
  std::size_t size_;
  std::size_t total_ = 0;  // idle, in use and being opened
  std::size_t opening_ = 0;
  std::vector<std::shared_ptr<Connection>> idle_;
  std::deque<std::shared_ptr<Waiter>> waiting_;
  bool closing_ = false;
  Gauge& open_gauge_;
  Gauge& busy_gauge_;
  Histogram& wait_seconds_;
  Counter& exhausted_;
};

}  // namespace phx::pg
