#pragma once
/// Watches the one thing that makes every queue slow: a snapshot held open. While it lasts no deleted row can go, and
/// claims walk over all of them (measured: 4,920 jobs/s fall to 355 in 70 s). The gauge
/// sankofa_pg_oldest_snapshot_seconds tells how long; whoever holds it too long is an alert of the platform's own.
///
/// Sees every session where the worker's role may read statistics (pg_read_all_stats), else only its own.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace phx {
class Metrics;
}
namespace phx::pg {
class Database;
}

namespace phx::engine {

namespace asio = boost::asio;

struct OldestSnapshot {
  double seconds = 0;  ///< 0 when there is none; the rest is empty then
  std::int32_t process = 0;
  std::string role;
  std::string application;
};

asio::awaitable<Result<OldestSnapshot>> oldest_snapshot(pg::Database& database);

/// Sets the gauge again and again until cancelled; failures are logged, and the gauge keeps its value. Run it in a
/// TaskScope.
asio::awaitable<void> watch_oldest_snapshot(pg::Database& database, Metrics& metrics,
                                            std::chrono::milliseconds every = std::chrono::seconds(10));

}  // namespace phx::engine
