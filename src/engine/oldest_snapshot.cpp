#include "engine/oldest_snapshot.hpp"

#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/task_scope.hpp"
#include "engine/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::engine {

using namespace std::chrono_literals;

asio::awaitable<Result<OldestSnapshot>> oldest_snapshot(pg::Database& database) {
  PHX_CO_TRY(const auto rows,
             co_await database.read(pg::Scope::worker(), sql::engine::oldest_snapshot, {}, Deadline::after(5s)));
  OldestSnapshot out;
  if (rows.empty()) co_return out;
  out.seconds = rows.get<double>(0, "seconds");
  out.process = rows.get<std::int32_t>(0, "pid");
  out.role = rows.get<std::string>(0, "role");
  out.application = rows.get<std::string>(0, "application");
  co_return out;
}

asio::awaitable<void> watch_oldest_snapshot(pg::Database& database, Metrics& metrics, std::chrono::milliseconds every) {
  Gauge& gauge =
      metrics.gauge("sankofa_pg_oldest_snapshot_seconds", "Age of the oldest snapshot or open write in the database");
  for (;;) {
    if (const auto oldest = co_await oldest_snapshot(database))
      gauge.set(oldest->seconds);
    else
      log_error("oldest_snapshot.failed", oldest.error());
    co_await sleep_for(every);
  }
}

}  // namespace phx::engine
