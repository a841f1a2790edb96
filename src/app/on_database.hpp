#pragma once
/// For commands: one piece of work on a database, from connecting to the last connection's end.
///
///     on_database<int>(conninfo, [](pg::Database& database) { return count_something(database); });

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "base/blocking_pool.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "pg/database.hpp"

namespace phx::app {

template <class T>
using DatabaseWork = std::function<boost::asio::awaitable<Result<T>>(pg::Database&)>;

template <class T>
boost::asio::awaitable<void> run_work(pg::Database& database, const DatabaseWork<T>& work,
                                      std::optional<Result<T>>& outcome) {
  outcome.emplace(co_await work(database));
  co_await database.stop();
}

/// `work` is a plain function that returns an awaitable. Exceptions pass through.
template <class T>
Result<T> on_database(const std::string& conninfo, const DatabaseWork<T>& work) {
  boost::asio::io_context io(1);
  BlockingPool blocking(1, 16);
  Metrics metrics;
  pg::DatabaseOptions options;
  PHX_TRY(options.endpoints, pg::Endpoints::from(conninfo));
  // Nobody else waits for this connection; each piece of work states how long it may take.
  options.statement_timeout = std::chrono::minutes(10);
  pg::Database database(io.get_executor(), blocking, metrics, std::move(options));
  std::optional<Result<T>> outcome;
  std::exception_ptr failure;
  boost::asio::co_spawn(io, run_work<T>(database, work, outcome), [&](std::exception_ptr thrown) { failure = thrown; });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*outcome);
}

}  // namespace phx::app
