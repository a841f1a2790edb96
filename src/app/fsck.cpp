#include "app/fsck.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <iostream>

#include "app/command_errors.hpp"
#include "app/data_folder.hpp"
#include "base/blocking_pool.hpp"
#include "base/metrics.hpp"
#include "domains/compute/sql.gen.hpp"
#include "engine/ledger/recount.hpp"
#include "engine/quota.hpp"
#include "pg/database.hpp"

namespace phx::app {
namespace {

asio::awaitable<Result<int>> check_quotas(pg::Database& database) {
  const std::vector<const pg::Statement*> sources{&sql::compute::quota_used};
  PHX_CO_TRY(const auto drifts, co_await engine::recount_quotas(database, sources));
  for (const auto& drift : drifts)
    std::cout << "quota " << drift.dimension << " of tenant " << drift.tenant.to_string() << ": recorded "
              << drift.recorded << ", counted " << drift.counted << "\n";
  co_return static_cast<int>(drifts.size());
}

asio::awaitable<Result<int>> check_ledger(pg::Database& database) {
  PHX_CO_TRY(const auto found, co_await engine::recount_ledger(database));
  for (const auto& difference : found) std::cout << "ledger: " << difference << "\n";
  co_return static_cast<int>(found.size());
}

asio::awaitable<Result<int>> check_all(pg::Database& database) {
  PHX_CO_TRY(const int quotas, co_await check_quotas(database));
  PHX_CO_TRY(const int ledger, co_await check_ledger(database));
  co_return quotas + ledger;
}

Result<int> differences(const std::string& conninfo) {
  asio::io_context io(1);
  BlockingPool blocking(1, 16);
  Metrics metrics;
  pg::DatabaseOptions options;
  PHX_TRY(options.endpoints, pg::Endpoints::from(conninfo));
  pg::Database database(io.get_executor(), blocking, metrics, std::move(options));
  std::optional<Result<int>> outcome;
  std::exception_ptr failure;
  const auto work = [&]() -> asio::awaitable<void> {
    outcome.emplace(co_await check_all(database));
    co_await database.stop();
  };
  asio::co_spawn(io, work(), [&](std::exception_ptr thrown) { failure = thrown; });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*outcome);
}

}  // namespace

Status check_database_numbers(const std::string& conninfo) {
  PHX_TRY(const int found, differences(conninfo));
  if (found > 0)
    return Error(Code::kDataLoss, "fsck.differs",
                 std::to_string(found) + " recorded numbers differ from their recount.");
  return {};
}

int run_fsck(const Settings& settings) {
  const auto found = [&]() -> Result<int> {
    PHX_TRY(const std::string conninfo, live_database(settings));
    return differences(conninfo);
  }();
  if (!found) return print_error(found.error(), false);
  if (*found == 0) std::cout << "fsck: every recorded number equals its recount\n";
  return *found == 0 ? 0 : 1;
}

}  // namespace phx::app
