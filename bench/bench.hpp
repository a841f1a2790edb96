#pragma once
/// What the bench programs share: a Database on a connection string, a coroutine run to its end, and percentiles.

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/blocking_pool.hpp"
#include "base/metrics.hpp"
#include "base/task_scope.hpp"
#include "pg/database.hpp"

namespace phx::bench {

using Steady = std::chrono::steady_clock;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Bench {
 public:
  Bench(const std::string& conninfo, int connections) {
    pg::DatabaseOptions options;
    options.endpoints = must(pg::Endpoints::from(conninfo));
    options.worker.exclusive = connections;
    options.pool_wait = std::chrono::seconds(30);
    options.idle_in_transaction_timeout = std::chrono::hours(1);
    database_ = std::make_unique<pg::Database>(io_.get_executor(), blocking_, metrics_, options);
  }
  ~Bench() { run(database_->stop()); }

  pg::Database& database() { return *database_; }
  Metrics& metrics() { return metrics_; }
  asio::any_io_executor executor() { return io_.get_executor(); }

  void run(asio::awaitable<void> task) {
    std::exception_ptr failure;
    bool done = false;
    asio::co_spawn(io_, std::move(task), [&](std::exception_ptr e) {
      failure = e;
      done = true;
    });
    io_.restart();
    while (!done) io_.run_one();
    if (failure) std::rethrow_exception(failure);
  }

 private:
  asio::io_context io_{1};
  BlockingPool blocking_{4, 256};
  Metrics metrics_;
  std::unique_ptr<pg::Database> database_;
};

inline pg::Sql sql(std::string text) { return pg::Sql::dynamic("bench", std::move(text)); }

inline asio::awaitable<void> execute(pg::Database& database, pg::Scope scope, std::string text) {
  must(co_await database.execute(scope, sql(std::move(text)), {}, Deadline::after(std::chrono::seconds(60))));
}

/// In milliseconds; sorts.
inline double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

inline double ms_since(Steady::time_point start) {
  return std::chrono::duration<double, std::milli>(Steady::now() - start).count();
}

}  // namespace phx::bench
