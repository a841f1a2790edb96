#pragma once
/// Inside pg/ only: what Database and Transaction share.

#include <array>
#include <map>
#include <memory>
#include <string>

#include "pg/listener.hpp"
#include "pg/pools.hpp"

namespace phx::pg {

struct Database::Impl : std::enable_shared_from_this<Database::Impl> {
  struct RolePools {
    SharedPool shared;
    ExclusivePool exclusive;
    RolePools(const PoolContext& context, Role role, DatabaseOptions::PoolSize size)
        : shared(context, role, size.shared), exclusive(context, role, size.exclusive) {}
  };

  Impl(asio::any_io_executor executor, BlockingPool& blocking, Metrics& metrics, DatabaseOptions options);

  RolePools& pools(Role role) { return *pools_[static_cast<std::size_t>(role)]; }
  /// A transaction whose owner left: stops what runs, rolls back, gives the connection back.
  void abandon(Role role, std::shared_ptr<Connection> connection, std::shared_ptr<Segment> committing);
  void observe(const Sql& sql, const Stopwatch& stopwatch);

  asio::any_io_executor executor_;
  BlockingPool& blocking_;
  Metrics& metrics_;
  DatabaseOptions options_;
  TaskScope scope_;
  PoolContext context_;
  std::array<std::unique_ptr<RolePools>, kRoles> pools_;
  Listener listener_;
  Counter& slow_lane_;
  Counter& repeated_;
  Counter& cancelled_;

 private:
  asio::awaitable<void> finish_abandoned(Role role, std::shared_ptr<Connection> connection,
                                         std::shared_ptr<Segment> committing);
  std::map<std::string, Histogram*, std::less<>> statements_;
};

/// Refuses a tenant role without tenant, before any connection is touched.
Status check_scope(const Scope& scope);

}  // namespace phx::pg
