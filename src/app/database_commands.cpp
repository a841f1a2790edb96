#include "app/database_commands.hpp"

#include <functional>
#include <iostream>

#include "app/data_folder.hpp"
#include "app/fsck.hpp"
#include "base/clock.hpp"
#include "pg/backup.hpp"
#include "pg/cluster.hpp"
#include "pg/migrate.hpp"
#include "pg/upgrade.hpp"

namespace phx::app {
namespace {

/// Runs `work` with the owner's connection string: of DATABASE_URL, of the live embedded cluster, or of one started
/// for this.
Status with_owner(const Settings& settings, const std::function<Status(pg::Migrator&)>& work) {
  PHX_TRY(const DataFolder folder, DataFolder::open(settings.data));
  if (!settings.database_url.empty() || folder.server()) {
    PHX_TRY(const std::string conninfo, live_database_owner(settings));
    pg::Migrator migrator(conninfo);
    return work(migrator);
  }
  pg::EmbeddedCluster cluster(cluster_options(settings));
  PHX_CHECK(cluster.start());
  pg::Migrator migrator(cluster.conninfo("phoenix_owner"));
  const Status status = work(migrator);
  if (!cluster.adopted()) PHX_CHECK(cluster.stop());
  return status;
}

Status embedded_only(const Settings& settings) {
  if (settings.database_url.empty()) return {};
  return Error(Code::kFailedPrecondition, "db.external", "This database is not ours: DATABASE_URL is set.")
      .with_next_action("Use your own PostgreSQL's backup tools.");
}

}  // namespace

Status migrate_up(const Settings& settings) {
  return with_owner(settings, [](pg::Migrator& migrator) -> Status {
    PHX_TRY(const auto applied, migrator.up());
    std::cout << applied.size() << " applied\n";
    return {};
  });
}

Status migrate_down(const Settings& settings, int to) {
  PHX_TRY(const DataFolder folder, DataFolder::open(settings.data));
  if (const auto server = folder.server())
    return Error(Code::kFailedPrecondition, "migrate.server_runs",
                 "A server (pid " + std::to_string(server->pid) + ") works with this schema.")
        .with_next_action("Stop the server first.");
  return with_owner(settings, [to](pg::Migrator& migrator) -> Status {
    PHX_TRY(const auto taken_back, migrator.down(to));
    std::cout << taken_back.size() << " taken back\n";
    return {};
  });
}

Status migrate_status(const Settings& settings) {
  return with_owner(settings, [](pg::Migrator& migrator) -> Status {
    PHX_TRY(const auto states, migrator.status());
    for (const auto& state : states)
      std::cout << state.name << "  " << (state.applied_at ? format_instant(*state.applied_at) : "pending")
                << (state.edited ? "  EDITED SINCE" : "") << (state.in_binary ? "" : "  (newer than this binary)")
                << "\n";
    return {};
  });
}

Status migrate_verify(const Settings& settings) {
  return with_owner(settings, [](pg::Migrator& migrator) { return migrator.verify(); });
}

Status database_backup(const Settings& settings, const std::string& target) {
  PHX_CHECK(embedded_only(settings));
  pg::EmbeddedCluster cluster(cluster_options(settings));
  PHX_TRY(const DataFolder folder, DataFolder::open(settings.data));
  // A live server holds the cluster; its own copy of the options is enough to reach it.
  if (folder.server()) {
    PHX_CHECK(cluster.attach());
  } else {
    PHX_CHECK(cluster.start());
  }
  PHX_TRY(const auto info, pg::backup(cluster, target));
  std::cout << info.folder.string() << ": " << (info.bytes >> 20) << " MiB\n";
  if (!folder.server() && !cluster.adopted()) PHX_CHECK(cluster.stop());
  return {};
}

Status database_restore(const Settings& settings, const std::string& source) {
  PHX_CHECK(embedded_only(settings));
  PHX_TRY(const DataFolder folder, DataFolder::open(settings.data));
  PHX_CHECK(pg::restore(source, cluster_options(settings), SystemClock().now()));
  std::cout << "restored; start it with phoenix serve\n";
  return {};
}

Status database_upgrade(const Settings& settings, int to_major) {
  PHX_CHECK(embedded_only(settings));
  PHX_TRY(const DataFolder folder, DataFolder::open(settings.data));
  if (folder.server())
    return Error(Code::kFailedPrecondition, "db.server_runs", "A server runs on this database.")
        .with_next_action("Stop it first: phoenix down.");
  PHX_TRY(const auto report, pg::upgrade(cluster_options(settings), to_major, [](const pg::EmbeddedCluster& cluster) {
            return check_database_numbers(cluster.conninfo());
          }));
  std::cout << "upgraded from " << report.from_major << " to " << report.to_major << "; the old cluster is kept in "
            << report.kept.string() << "\n";
  return {};
}

}  // namespace phx::app
