#pragma once
/// Physical backup of the embedded cluster, and restore into a new data folder.
///
/// backup() runs pg_basebackup over the private socket as phoenix_backup: consistent at its end, no lock, no long
/// snapshot. A backup folder holds `data/` (with PostgreSQL's manifest) and a file `phoenix-backup`. restore() first
/// proves the copy with pg_verifybackup (every file against the manifest, WAL included), never overwrites a folder, and
/// leaves a file `restored` in it: the first start after a restore must begin a new event epoch (cursors given out
/// before may point past the restored head), see has_restored_marker().
///
/// Errors: "backup.target_exists", "backup.failed", "backup.corrupt", "backup.not_a_backup", "cluster.*".
/// Blocks: for the command line and BlockingPool.

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pg/cluster.hpp"

namespace phx::pg {

struct BackupInfo {
  std::filesystem::path folder;
  std::uint64_t bytes = 0;
  std::string system_identifier;
};

/// `target` must not exist. The cluster is started or attached to.
Result<BackupInfo> backup(const EmbeddedCluster& cluster, const std::filesystem::path& target);

/// Checks a backup without touching anything else.
Status verify_backup(const std::filesystem::path& backup_folder, const ClusterOptions& options);

/// Makes options.folder a cluster folder holding the backup; it must not hold one yet. Start it with EmbeddedCluster.
Status restore(const std::filesystem::path& backup_folder, const ClusterOptions& options, Instant now);

/// True from a restore on until the marker is cleared: clear it once the new epoch is stored.
bool has_restored_marker(const std::filesystem::path& cluster_folder);
Status clear_restored_marker(const std::filesystem::path& cluster_folder);

}  // namespace phx::pg
