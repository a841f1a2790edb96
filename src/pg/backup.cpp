#include "pg/backup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "base/log.hpp"

namespace phx::pg {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInfoName = "phoenix-backup";
constexpr std::string_view kMarkerName = "restored";
constexpr std::chrono::hours kLimit{24};

Error failure(std::string_view reason, std::string message, std::string detail = {}) {
  return Error(Code::kFailedPrecondition, reason, std::move(message)).with_internal(std::move(detail));
}

Error disk_error(const fs::path& path, const std::error_code& failed) {
  if (failed == std::errc::no_space_on_device)
    return Error(failure("cluster.disk_full", fmt::format("The disk that holds {} is full.", path.string())))
        .with_next_action("Free some space there, then try again.");
  return failure("backup.failed", fmt::format("Cannot write {}: {}.", path.string(), failed.message()));
}

SpawnOptions tool(std::vector<std::string> argv) {
  SpawnOptions options;
  options.argv = std::move(argv);
  options.env = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=/"};
  return options;
}

/// Removes what is unfinished unless kept.
struct Unfinished {
  fs::path path;
  bool keep = false;
  ~Unfinished() {
    std::error_code ignored;
    if (!keep) fs::remove_all(path, ignored);
  }
};

std::uint64_t size_of(const fs::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) bytes += entry.file_size();
  return bytes;
}

/// Everything reaches the disk before the copy is called complete.
Status sync_tree(const fs::path& folder) {
  const auto sync = [](const fs::path& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    return fd && ::fsync(fd.get()) == 0;
  };
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (!entry.is_symlink() && !sync(entry.path()))
      return failure("backup.failed", fmt::format("Cannot sync {}.", entry.path().string()));
  if (!sync(folder)) return failure("backup.failed", fmt::format("Cannot sync {}.", folder.string()));
  return {};
}

Status give_tree(const fs::path& folder, const UserIdentity& owner) {
  if (::geteuid() != 0) return {};
  bool given = ::lchown(folder.c_str(), owner.uid, owner.gid) == 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    given = ::lchown(entry.path().c_str(), owner.uid, owner.gid) == 0 && given;
  if (!given) return failure("backup.failed", fmt::format("Cannot give {} to {}.", folder.string(), owner.name));
  return {};
}

}  // namespace

Result<BackupInfo> backup(const EmbeddedCluster& cluster, const fs::path& target) {
  std::error_code failed;
  if (fs::exists(target, failed))
    return failure("backup.target_exists",
                   fmt::format("{} exists already; a backup goes into a new folder.", target.string()));
  const fs::path parent = fs::absolute(target).parent_path();
  Unfinished fresh{parent / fmt::format(".{}.new-{}", target.filename().string(), ::getpid())};
  fs::create_directories(fresh.path, failed);
  if (failed) return disk_error(fresh.path, failed);
  fs::permissions(fresh.path, fs::perms::owner_all, failed);

  PHX_TRY(const auto run, run_command(tool({(cluster.binaries() / "pg_basebackup").string(), "--no-password",
                                            "--pgdata=" + (fresh.path / "data").string(), "--format=plain",
                                            "--wal-method=stream", "--checkpoint=fast", "--manifest-checksums=SHA256",
                                            "--dbname=" + cluster.conninfo("phoenix_backup")}),
                                      kLimit));
  if (!run.status.success()) {
    if (run.out.find("No space left on device") != run.out.npos)
      return disk_error(target, std::make_error_code(std::errc::no_space_on_device));
    return failure("backup.failed", "pg_basebackup could not copy the database.", run.out);
  }
  {
    std::ofstream info(fresh.path / kInfoName);
    info << "system-identifier " << cluster.system_identifier() << "\n";
    if (!info.flush()) return disk_error(target, std::make_error_code(std::errc::io_error));
  }
  PHX_CHECK(sync_tree(fresh.path));
  fs::rename(fresh.path, target, failed);
  if (failed) return disk_error(target, failed);
  fresh.keep = true;
  BackupInfo info{target, size_of(target), cluster.system_identifier()};
  log_event(LogLevel::kInfo, "backup.made", {{"folder", target.string()}, {"bytes", info.bytes}});
  return info;
}

Status verify_backup(const fs::path& backup_folder, const ClusterOptions& options) {
  // The tools run in another folder.
  const fs::path data = fs::absolute(backup_folder) / "data";
  if (!fs::exists(backup_folder / kInfoName) || !fs::exists(data / "backup_manifest") ||
      !fs::exists(data / "PG_VERSION"))
    return failure("backup.not_a_backup", fmt::format("{} is not a backup made by Phoenix.", backup_folder.string()));
  std::string major;
  std::ifstream(data / "PG_VERSION") >> major;
  const auto program = options.binaries_root / major / "bin" / "pg_verifybackup";
  if (!fs::exists(program))
    return Error(failure("cluster.version_missing", fmt::format("PostgreSQL {} is not installed.", major)))
        .with_next_action(fmt::format("Run: apt-get install postgresql-{}", major));
  PHX_TRY(const auto run, run_command(tool({program.string(), "--exit-on-error", data.string()}), kLimit));
  if (!run.status.success())
    return failure("backup.corrupt", fmt::format("The backup {} is damaged.", backup_folder.string()), run.out);
  return {};
}

Status restore(const fs::path& backup_folder, const ClusterOptions& options, Instant now) {
  PHX_CHECK(verify_backup(backup_folder, options));
  EmbeddedCluster cluster(options);
  PHX_CHECK(cluster.prepare_account());
  PHX_CHECK(cluster.lock_folder());
  if (fs::exists(cluster.data_folder()))
    return failure("backup.target_exists",
                   fmt::format("{} holds a database already; restore into a new folder.", options.folder.string()));
  const fs::path folder = cluster.options_.folder;
  Unfinished fresh{folder / fmt::format("data.new-{}", ::getpid())};
  std::error_code failed;
  fs::copy(backup_folder / "data", fresh.path, fs::copy_options::recursive | fs::copy_options::copy_symlinks, failed);
  if (failed) return disk_error(folder, failed);
  fs::permissions(fresh.path, fs::perms::owner_all, failed);
  PHX_CHECK(cluster.write_access(fresh.path));
  PHX_CHECK(give_tree(fresh.path, cluster.server_user()));
  PHX_CHECK(sync_tree(fresh.path));
  // Before the data is in place: a start between the two must already see that this is a restored database.
  {
    std::ofstream marker(folder / kMarkerName);
    marker << format_instant(now) << "\n";
    if (!marker.flush()) return disk_error(folder, std::make_error_code(std::errc::io_error));
  }
  fs::rename(fresh.path, cluster.data_folder(), failed);
  if (failed) return disk_error(folder, failed);
  fresh.keep = true;
  log_event(LogLevel::kInfo, "backup.restored", {{"from", backup_folder.string()}, {"folder", folder.string()}});
  return {};
}

bool has_restored_marker(const fs::path& cluster_folder) { return fs::exists(cluster_folder / kMarkerName); }

Status clear_restored_marker(const fs::path& cluster_folder) {
  std::error_code failed;
  fs::remove(cluster_folder / kMarkerName, failed);
  if (failed) return disk_error(cluster_folder, failed);
  return {};
}

}  // namespace phx::pg
