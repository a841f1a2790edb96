#pragma once
/// One guest's folder on disk. What the guest's user may write is only run/; identity, state and lock above it are the
/// server's, so a guest that breaks out of QEMU cannot forge them. Everything here blocks for a moment only, except
/// provision() and remove(), which belong on the pool.
///
///     <guests>/<uuid>/guest.json    who it is; written once
///     <guests>/<uuid>/state.json    its latest process: since when, booted, how it ended
///     <guests>/<uuid>/lock          flock()ed for as long as a process of this guest lives
///     <guests>/<uuid>/qemu.log      what QEMU said since the latest start
///     <guests>/<uuid>/run/          working folder of the process (command_line.hpp names the files)
///     <guests>/.new-<uuid>, .gone-<uuid>   half made, half removed; cleared by clear_leftovers()

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "adapters/qemu/options.hpp"
#include "base/process.hpp"
#include "base/unique_fd.hpp"
#include "domains/compute/hypervisor.hpp"

namespace phx::qemu {

struct GuestIdentity {
  Uuid id;
  Uuid tenant;
  std::string name;
  std::optional<uid_t> uid;  ///< of its process; empty: ours
};

struct GuestState {
  std::optional<Instant> started_at;
  std::optional<Instant> booted_at;
  /// A hint where the process is, never proof.
  std::optional<ProcessIdentity> process;
  /// Size of the console log at the start or the last reset: what is after it was written by this boot.
  std::int64_t log_offset = 0;
  /// Why the process is about to end, known before it does; empty: an end would be unexpected.
  std::string expected_end;
  std::optional<compute::GuestExit> exit;

  bool process_expected() const { return started_at && !exit; }
};

class GuestFolder {
 public:
  GuestFolder(std::string guests_folder, Uuid id);

  const std::string& path() const { return path_; }
  std::string run_path() const { return path_ + "/run"; }
  std::string qemu_log_path() const { return path_ + "/qemu.log"; }

  bool exists() const;
  /// Makes everything a start needs, aside, and moves it into place. Done already: nothing happens; another tenant's
  /// guest of that id: "guest.invalid".
  Status provision(const compute::GuestSpec& spec, std::optional<uid_t> uid, const Options& options) const;
  /// Moves the folder away, then removes it.
  Status remove() const;

  Result<GuestIdentity> identity() const;
  /// Nothing recorded yet is an empty state.
  Result<GuestState> state() const;
  Status save(const GuestState& state) const;

  /// The guest's lock, held by the descriptor and whoever inherits it; nullopt: a process of the guest has it.
  Result<std::optional<UniqueFd>> try_lock() const;
  /// True when the process has the lock file open. Only a process that we started with it can.
  bool is_lock_holder(pid_t pid) const;
  Result<UniqueFd> open_run() const;
  /// Sockets of an ended process.
  void remove_sockets() const;
  std::int64_t disk_bytes() const;

  /// Ids of all whole guest folders.
  static std::vector<Uuid> all(const std::string& guests_folder);
  static void clear_leftovers(const std::string& guests_folder);

 private:
  Status fill(const std::string& folder, const compute::GuestSpec& spec, std::optional<uid_t> uid,
              const Options& options) const;

  std::string guests_;
  Uuid id_;
  std::string path_;
};

}  // namespace phx::qemu
