#pragma once
/// The layout of the data folder, and the marks that one run leaves for the next.

#include <filesystem>
#include <optional>
#include <string>

#include "app/settings.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "pg/cluster.hpp"
#include "pg/database.hpp"

namespace phx::app {

class DataFolder {
 public:
  /// Makes what is missing. Reason "data.unwritable".
  static Result<DataFolder> open(const std::string& path);
  /// For commands that must not make one: a folder that a server has used. Reason "data.missing".
  static Result<DataFolder> existing(const std::string& path);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path socket() const { return path_ / "run" / "phoenix.sock"; }
  std::filesystem::path server_key() const { return path_ / "server.key"; }
  /// Signs the ledger's checkpoints; a file like the server's key.
  std::filesystem::path ledger_key() const { return path_ / "ledger.key"; }
  std::filesystem::path database() const { return path_ / "postgres"; }

  /// True when the host has booted since the last mark_running(), or was taken down on purpose: guests that are missing
  /// then are not lost.
  bool host_started_anew() const;
  Status mark_running() const;
  /// Needs no free space: there may be none.
  Status mark_taken_down() const;

  /// The server that works on this folder, if it lives.
  std::optional<ProcessIdentity> server() const;
  Status write_server_pid() const;
  void remove_server_pid() const;

 private:
  explicit DataFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// That the data folder holds an embedded database. Reason "data.no_database".
Status has_database(const DataFolder& folder);
/// Where the database is: the embedded cluster's options, or what DATABASE_URL says.
pg::ClusterOptions cluster_options(const Settings& settings);
/// How to reach the database as it is now, without starting anything: without a user, for Endpoints::from().
Result<std::string> live_database(const Settings& settings);
/// The same as the owner, past any pooler.
Result<std::string> live_database_owner(const Settings& settings);

}  // namespace phx::app
