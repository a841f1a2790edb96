#pragma once
/// Starting, finding and ending other programs: PostgreSQL, QEMU, and the small tools around them.
///
/// spawn() starts a program that outlives us: a session of its own, no descriptor of ours but those named, default
/// signal handling, another user when asked. It returns only after exec() succeeded, so a missing binary is an error
/// here and not a silent early exit. The child stays ours to reap: wait for it with wait_exit() (or try_reap()).
///
/// A pid may be reused, so a process is addressed through a pidfd opened *before* the check that it is the right one,
/// and remembered across our own restart as (pid, start time), see ProcessIdentity. (pidfd_open(2), proc(5))
///
/// Errors: "process.spawn_failed", "process.not_found", "process.signal_failed", "process.timeout",
/// "process.unknown_user".

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace phx {

struct UserIdentity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  std::string home;
};

/// The system's account of that name; kNotFound "process.unknown_user".
Result<UserIdentity> find_user(const std::string& name);
/// The account we run as. Works for a uid without a name, too.
UserIdentity current_user();

struct SpawnOptions {
  /// argv[0] is the program's path; it is not searched in PATH.
  std::vector<std::string> argv;
  /// The whole environment of the child, "KEY=value"; nothing is inherited.
  std::vector<std::string> env;
  /// Run as this account (groups: its gid only). Needs root unless it is the account we have.
  std::optional<UserIdentity> user;
  std::string cwd = "/";
  /// setsid(): signals to our process group, and our terminal, do not reach the child.
  bool new_session = true;
  mode_t umask = 077;
  /// Opened by the child's side before the user changes; output is appended to, created with mode 0600.
  std::string stdin_path = "/dev/null";
  std::string stdout_path = "/dev/null";
  std::string stderr_path = "/dev/null";
  /// (descriptor here, number in the child). Wins over the paths above for 0, 1 and 2.
  std::vector<std::pair<int, int>> fds;
  struct Limit {
    int resource;  ///< RLIMIT_…
    std::uint64_t value;
  };
  /// Soft and hard limits set to the same value.
  std::vector<Limit> limits;
  /// Value for /proc/self/oom_score_adj; -1000 spares the process.
  std::optional<int> oom_score_adj;
};

/// Starts the program; returns its pid once exec() succeeded.
Result<pid_t> spawn(const SpawnOptions& options);

/// How a process ended. Neither field is set when it was not our child: then only the end itself is known.
struct ExitStatus {
  std::optional<int> code;
  std::optional<int> signal;
  bool success() const { return code == 0; }
  std::string to_string() const;
};

struct CommandOutput {
  ExitStatus status;
  std::string out;  ///< standard output and standard error, at most the last 1 MiB
};

/// Runs a program to its end and collects what it printed (stdout_path and stderr_path are not used). Blocks: for
/// start-up, command line and BlockingPool only. After `limit` the program is killed: kDeadlineExceeded,
/// "process.timeout". A program that ran and failed is a value, not an error.
Result<CommandOutput> run_command(SpawnOptions options, std::chrono::milliseconds limit);

/// A pid together with its start time in clock ticks since boot (field 22 of /proc/pid/stat): never reused within one
/// boot of the machine.
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;
  bool operator==(const ProcessIdentity&) const = default;
};

/// Start time of a live process (a zombie counts as gone); kNotFound "process.not_found".
Result<ProcessIdentity> identify_process(pid_t pid);
/// Arguments of a live process, from /proc/pid/cmdline; empty when it is gone or may not be read.
std::vector<std::string> process_arguments(pid_t pid);

/// A handle that keeps meaning the same process; kNotFound "process.not_found".
Result<UniqueFd> open_pidfd(pid_t pid);
/// open_pidfd, and proof that it is the process remembered; kNotFound when the pid now is somebody else.
Result<UniqueFd> open_pidfd(const ProcessIdentity& remembered);
/// kNotFound "process.not_found" when it already ended; kPermissionDenied or kInternal "process.signal_failed".
Status signal_pidfd(const UniqueFd& pidfd, int signal);
/// True once the process ended (reaped or not).
bool pidfd_ended(const UniqueFd& pidfd);
/// Reaps it if it is our ended child. nullopt while it runs.
std::optional<ExitStatus> try_reap(const UniqueFd& pidfd);
/// Blocks up to `limit` for the end, then reaps; nullopt when it still runs.
std::optional<ExitStatus> wait_exit_for(const UniqueFd& pidfd, std::chrono::milliseconds limit);
/// Waits for the end without blocking the thread, then reaps. `pidfd` must outlive the wait; cancellable.
boost::asio::awaitable<ExitStatus> wait_exit(const UniqueFd& pidfd);

}  // namespace phx
