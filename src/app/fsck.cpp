#include "app/fsck.hpp"

#include <iostream>

#include "app/command_errors.hpp"
#include "app/data_folder.hpp"
#include "app/on_database.hpp"
#include "domains/compute/sql.gen.hpp"
#include "engine/ledger/recount.hpp"
#include "engine/quota.hpp"

namespace phx::app {
namespace {

namespace asio = boost::asio;

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
  return on_database<int>(conninfo, [](pg::Database& database) { return check_all(database); });
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
