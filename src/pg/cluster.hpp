#pragma once
/// The embedded PostgreSQL: a private cluster that `phoenix serve` creates, starts, adopts and watches.
///
/// - The data folder is locked (flock) before anything else. initdb works in a sibling folder, renamed when complete.
/// - The server runs as an unprivileged account of its own, in a session of its own, and survives us: the next start
///   adopts it after comparing system identifiers. It stops only through stop().
/// - Only local: no TCP; a 0700 socket folder; `peer` authentication, mapping our account and the server's to the
///   phoenix_* logins; data checksums; fsync on; locale C.
/// - postmaster.pid is never deleted by us. A stale one, even with a reused pid, does not block a start.
/// - watch() restarts the server when it dies, with backoff.
///
/// Errors: "cluster.locked" (another phoenix holds the folder), "cluster.foreign_folder", "cluster.version_missing"
/// (PG_VERSION's binaries are not installed; next_action names the command), "cluster.disk_full",
/// "cluster.init_failed", "cluster.folder_unreachable" (the server's account cannot enter the folder),
/// "cluster.start_failed", "cluster.stop_failed", "cluster.wrong_server", "cluster.not_running".

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace phx {
class BlockingPool;
}

namespace phx::pg {

struct ClusterOptions {
  /// Holds `data/`, `socket/`, `server.log` and the lock. Created when missing.
  std::filesystem::path folder;
  /// Account the server runs as when we are root; without root it is ours.
  std::string system_user = "postgres";
  /// Major version for a new cluster; 0: the newest installed.
  int major = 0;
  /// Where versions are installed: <root>/<major>/bin.
  std::filesystem::path binaries_root = "/usr/lib/postgresql";
  std::string database = "phoenix";
  /// Added to postgresql.conf of a new cluster, after the defaults.
  std::map<std::string, std::string> settings;
  /// For throw-away clusters of tests only.
  bool durable = true;
  std::chrono::milliseconds start_limit{60'000};
};

class EmbeddedCluster {
 public:
  explicit EmbeddedCluster(ClusterOptions options);
  ~EmbeddedCluster();
  EmbeddedCluster(const EmbeddedCluster&) = delete;
  EmbeddedCluster& operator=(const EmbeddedCluster&) = delete;

  /// Locks, creates when missing, starts or adopts, and makes sure that roles and database exist. Blocks.
  Status start();
  /// For the command line beside a running server: finds the live one without taking the lock and changes nothing.
  /// "cluster.not_running". Blocks.
  Status attach();
  /// Fast shutdown, waited for; the lock is released. Blocks.
  Status stop();
  /// Stops the folder's server if one lives, ready or not, without starting anything or writing to the database: it
  /// works on a full disk. False when none lived. Blocks.
  Result<bool> halt();
  /// Leaves the server running and releases the lock; the destructor does this.
  void release();
  /// Restarts the server whenever it dies, until cancelled.
  boost::asio::awaitable<void> watch(BlockingPool& blocking);

  /// Connection string without a user: host=… dbname=…, for Endpoints::from().
  std::string conninfo() const;
  std::string conninfo(std::string_view user) const;
  /// Of the cluster's superuser, for bootstrap and tests. Nothing in the product logs in as it later.
  std::string superuser_conninfo() const;
  const std::filesystem::path& socket_folder() const { return socket_folder_; }
  std::filesystem::path data_folder() const { return options_.folder / "data"; }
  std::filesystem::path binaries() const { return binaries_; }
  const UserIdentity& server_user() const { return server_user_; }
  /// pg_control's system identifier.
  const std::string& system_identifier() const { return system_identifier_; }
  std::optional<ProcessIdentity> server() const { return server_; }
  /// True when start() found the server alive.
  bool adopted() const { return adopted_; }

 private:
  friend Status restore(const std::filesystem::path& backup_folder, const ClusterOptions& options, Instant now);

  Status lock_folder();
  Status prepare_account();
  Status choose_binaries();
  Status choose_socket_folder();
  Status create();
  /// Who may log in as whom: pg_hba.conf and pg_ident.conf, for the accounts of this machine.
  Status write_access(const std::filesystem::path& data) const;
  /// A server process of ours and the handle that keeps meaning it.
  struct Live {
    ProcessIdentity identity;
    UniqueFd pidfd;
  };
  /// Touches no member: watch() runs it on another thread.
  Result<Live> start_server() const;
  /// `log_from`: where in server.log this server's lines begin.
  Status wait_ready(const UniqueFd& pidfd, std::uintmax_t log_from) const;
  void keep(Live live);
  Status read_identifier();
  std::string superuser_conninfo_of(std::string_view database) const;
  Status bootstrap();
  Result<bool> adopt();
  std::uintmax_t log_size() const;
  std::string server_log_tail(std::uintmax_t log_from) const;

  ClusterOptions options_;
  UniqueFd lock_;
  UserIdentity server_user_;
  std::filesystem::path binaries_;
  std::filesystem::path socket_folder_;
  std::string system_identifier_;
  std::optional<ProcessIdentity> server_;
  UniqueFd server_pidfd_;
  bool adopted_ = false;
};

}  // namespace phx::pg
