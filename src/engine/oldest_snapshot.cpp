#include "engine/oldest_snapshot.hpp"

#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/task_scope.hpp"
#include "engine/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::engine {

using namespace std::chrono_literals;

asio::awaitable<Result<double>> oldest_snapshot_seconds(pg::Database& database) {
  PHX_CO_TRY(const auto rows,
             co_await database.read(pg::Scope::worker(), sql::engine::oldest_snapshot, {}, Deadline::after(5s)));
  co_return rows.get<double>(0, 0);
}

asio::awaitable<void> watch_oldest_snapshot(pg::Database& database, Metrics& metrics, std::chrono::milliseconds every) {
  Gauge& gauge =
      metrics.gauge("sankofa_pg_oldest_snapshot_seconds", "Age of the oldest snapshot or open write in the database");
  for (;;) {
    if (const auto seconds = co_await oldest_snapshot_seconds(database))
      gauge.set(*seconds);
    else
      log_error("oldest_snapshot.failed", seconds.error());
    co_await sleep_for(every);
  }
}

}  // namespace phx::engine
