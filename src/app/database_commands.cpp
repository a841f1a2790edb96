#include "app/database_commands.hpp"

#include <filesystem>
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

/// Runs `work` on the data folder's cluster, started for this if it does not run, and then stopped however it went.
Status with_cluster(const Settings& settings, const std::function<Status(pg::EmbeddedCluster&)>& work) {
  PHX_TRY(const DataFolder folder, DataFolder::existing(settings.data));
  PHX_CHECK(has_database(folder));
  pg::EmbeddedCluster cluster(cluster_options(settings));
  if (folder.server()) {
    // A live server holds the lock; what it started is enough.
    PHX_CHECK(cluster.attach());
    return work(cluster);
  }
  PHX_CHECK(cluster.start());
  Status status = work(cluster);
  if (cluster.adopted()) return status;
  Status stopped = cluster.stop();
  return status ? std::move(stopped) : std::move(status);
}

/// Runs `work` as the owner of the database: of DATABASE_URL, or of the embedded cluster.
Status with_owner(const Settings& settings, const std::function<Status(pg::Migrator&)>& work) {
  if (!settings.database_url.empty()) {
    PHX_TRY(const std::string conninfo, live_database_owner(settings));
    pg::Migrator migrator(conninfo);
    return work(migrator);
  }
  return with_cluster(settings, [&work](pg::EmbeddedCluster& cluster) {
    pg::Migrator migrator(cluster.conninfo("phoenix_owner"));
    return work(migrator);
  });
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
  if (to < 0)
    return invalid_argument("migrate.bad_target", "to", "There is no migration " + std::to_string(to) + " to stay at.")
        .with_next_action("Name the number of a file that phoenix migrate status lists, or 0 for none.");
  const auto folder = DataFolder::existing(settings.data);
  if (const auto server = folder ? folder->server() : std::nullopt)
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
  // Before anything is started for it.
  if (std::error_code ignored; std::filesystem::exists(target, ignored))
    return Error(Code::kFailedPrecondition, "backup.target_exists", target + " exists already.")
        .with_next_action("Name a folder that does not exist; the backup makes it.");
  return with_cluster(settings, [&target](pg::EmbeddedCluster& cluster) -> Status {
    PHX_TRY(const auto info, pg::backup(cluster, target));
    std::cout << info.folder.string() << ": " << (info.bytes >> 20) << " MiB\n";
    return {};
  });
}

Status database_restore(const Settings& settings, const std::string& source) {
  PHX_CHECK(embedded_only(settings));
  if (std::error_code ignored; !std::filesystem::is_directory(source, ignored))
    return Error(Code::kNotFound, "backup.not_a_backup", "There is no backup " + source + ".")
        .with_next_action("Name the folder that phoenix db backup made.");
  PHX_TRY(const DataFolder folder, DataFolder::open(settings.data));
  PHX_CHECK(pg::restore(source, cluster_options(settings), SystemClock().now()));
  std::cout << "restored; start it with phoenix serve\n";
  return {};
}

Status database_upgrade(const Settings& settings, int to_major) {
  PHX_CHECK(embedded_only(settings));
  PHX_TRY(const DataFolder folder, DataFolder::existing(settings.data));
  PHX_CHECK(has_database(folder));
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
