#include "base/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/deadline.hpp"

// glibc 2.36's header declares no C linkage of its own.
extern "C" {
#include <sys/pidfd.h>
}

namespace phx {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kOutputMax = 1 << 20;

Error system_error(std::string_view reason, std::string_view what, int code) {
  const auto kind = code == EPERM || code == EACCES ? Code::kPermissionDenied : Code::kInternal;
  return Error(kind, reason, fmt::format("{}: {}.", what, std::strerror(code)));
}

Error gone(pid_t pid) { return {Code::kNotFound, "process.not_found", fmt::format("Process {} does not run.", pid)}; }

UserIdentity from_passwd(const passwd& entry) { return {entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir}; }

/// What the child does between fork and exec. Only async-signal-safe calls: another thread of ours may have held any
/// lock at the moment of the fork.
struct Child {
  const SpawnOptions& options;
  char* const* argv;
  char* const* env;
  const std::vector<std::pair<int, int>>& descriptors;
  const std::string& oom_score;
  bool change_user;
  int report;

  [[noreturn]] void fail(int step) const {
    const int message[2] = {step, errno};
    [[maybe_unused]] const auto written = ::write(report, message, sizeof message);
    ::_exit(127);
  }

  static void close_on_exec_all() {
    if (::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) == 0) return;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    for (int fd = 3; fd < static_cast<int>(limit.rlim_cur); ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }

  [[noreturn]] void run() const {
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (options.new_session) ::setsid();
    ::umask(options.umask);
    close_on_exec_all();
    for (const auto& [from, to] : descriptors)
      if (::dup2(from, to) < 0) fail(1);
    for (const auto& limit : options.limits) {
      const rlimit value{limit.value, limit.value};
      if (::setrlimit(static_cast<__rlimit_resource>(limit.resource), &value) != 0) fail(2);
    }
    if (!oom_score.empty()) {
      // Refused without privilege when lowering; the program runs all the same.
      const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
      if (fd >= 0) [[maybe_unused]]
        const auto written = ::write(fd, oom_score.data(), oom_score.size());
    }
    if (change_user) {
      const gid_t group = options.user->gid;
      if (::setgroups(1, &group) != 0 || ::setgid(group) != 0 || ::setuid(options.user->uid) != 0) fail(3);
    }
    if (::chdir(options.cwd.c_str()) != 0) fail(4);
    ::execve(argv[0], argv, env);
    fail(5);
  }
};

constexpr std::string_view kSteps[] = {"start",           "pass descriptors", "set limits",
                                       "change the user", "enter the folder", "execute"};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const auto& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

/// Polls two descriptors until one is ready or the time is over; retries when a signal interrupts.
int poll_until(pollfd* fds, nfds_t count, Deadline deadline) {
  while (true) {
    const int ready =
        ::poll(fds, count, static_cast<int>(std::min<std::int64_t>(deadline.remaining().count(), 1 << 30)));
    if (ready >= 0 || errno != EINTR) return ready;
  }
}

}  // namespace

Result<UserIdentity> find_user(const std::string& name) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (!found)
    return Error(Code::kNotFound, "process.unknown_user", fmt::format("There is no system account \"{}\".", name));
  return from_passwd(entry);
}

UserIdentity current_user() {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
  if (found) return from_passwd(entry);
  return {::geteuid(), ::getegid(), std::to_string(::geteuid()), "/"};
}

Result<pid_t> spawn(const SpawnOptions& options) {
  constexpr std::string_view kReason = "process.spawn_failed";
  if (options.argv.empty()) return internal_error(kReason, "argv is empty");
  const std::string& program = options.argv.front();

  // Everything that allocates or looks something up happens before the fork.
  std::vector<std::pair<int, int>> wanted;
  std::vector<UniqueFd> opened;
  const auto named = [&](int number) {
    return std::any_of(options.fds.begin(), options.fds.end(), [&](const auto& fd) { return fd.second == number; });
  };
  const std::string* const paths[] = {&options.stdin_path, &options.stdout_path, &options.stderr_path};
  for (int number = 0; number < 3; ++number) {
    if (named(number)) continue;
    const std::string& path = *paths[number];
    const int flags = number == 0 ? O_RDONLY : path == "/dev/null" ? O_WRONLY : O_WRONLY | O_CREAT | O_APPEND;
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0600));
    if (!fd) return system_error(kReason, fmt::format("Cannot open {} for {}", path, program), errno);
    wanted.emplace_back(fd.get(), number);
    opened.push_back(std::move(fd));
  }
  wanted.insert(wanted.end(), options.fds.begin(), options.fds.end());
  // Sources move above all targets first, so that no dup2 overwrites a source still needed.
  int highest = 2;
  for (const auto& [from, to] : wanted) highest = std::max(highest, to);
  for (auto& [from, to] : wanted) {
    UniqueFd moved(::fcntl(from, F_DUPFD_CLOEXEC, highest + 1));
    if (!moved) return system_error(kReason, fmt::format("Cannot pass a descriptor to {}", program), errno);
    from = moved.get();
    opened.push_back(std::move(moved));
  }

  int raw[2];
  if (::pipe2(raw, O_CLOEXEC) != 0) return system_error(kReason, "Cannot make a pipe", errno);
  UniqueFd reader(raw[0]);
  UniqueFd writer(::fcntl(raw[1], F_DUPFD_CLOEXEC, highest + 1));
  ::close(raw[1]);
  if (!writer) return system_error(kReason, "Cannot make a pipe", errno);

  const auto argv = pointers(options.argv);
  const auto env = pointers(options.env);
  const std::string oom_score = options.oom_score_adj ? std::to_string(*options.oom_score_adj) : std::string();
  const bool change_user =
      options.user && (options.user->uid != ::geteuid() || options.user->gid != ::getegid() || ::geteuid() == 0);
  const Child child{options, argv.data(), env.data(), wanted, oom_score, change_user, writer.get()};

  const pid_t pid = ::fork();
  if (pid < 0) return system_error(kReason, fmt::format("Cannot start {}", program), errno);
  if (pid == 0) child.run();

  writer.reset();
  int message[2] = {0, 0};
  ssize_t got = 0;
  do { got = ::read(reader.get(), message, sizeof message); } while (got < 0 && errno == EINTR);
  if (got == 0) return pid;
  ::waitpid(pid, nullptr, 0);
  const auto step = static_cast<std::size_t>(std::clamp(message[0], 0, 5));
  return system_error(kReason, fmt::format("Cannot start {}: failed to {}", program, kSteps[step]), message[1]);
}

std::string ExitStatus::to_string() const {
  if (code) return fmt::format("exit code {}", *code);
  if (signal) return fmt::format("signal {}", *signal);
  return "ended";
}

Result<CommandOutput> run_command(SpawnOptions options, milliseconds limit) {
  int raw[2];
  if (::pipe2(raw, O_CLOEXEC) != 0) return system_error("process.spawn_failed", "Cannot make a pipe", errno);
  UniqueFd reader(raw[0]);
  UniqueFd writer(raw[1]);
  options.fds.emplace_back(writer.get(), 1);
  options.fds.emplace_back(writer.get(), 2);
  PHX_TRY(const pid_t pid, spawn(options));
  writer.reset();
  PHX_TRY(const UniqueFd pidfd, open_pidfd(pid));
  ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);

  CommandOutput output;
  const auto deadline = Deadline::after(limit);
  const auto drain = [&] {
    char buffer[4096];
    while (true) {
      const ssize_t got = ::read(reader.get(), buffer, sizeof buffer);
      if (got <= 0) return got == 0;
      output.out.append(buffer, static_cast<std::size_t>(got));
      if (output.out.size() > kOutputMax) output.out.erase(0, output.out.size() - kOutputMax);
    }
  };
  bool open = true;
  while (true) {
    pollfd fds[2] = {{pidfd.get(), POLLIN, 0}, {open ? reader.get() : -1, POLLIN, 0}};
    if (poll_until(fds, 2, deadline) == 0) {
      ::kill(options.new_session ? -pid : pid, SIGKILL);
      wait_exit_for(pidfd, std::chrono::seconds(10));
      return Error(Code::kDeadlineExceeded, "process.timeout",
                   fmt::format("{} did not end within {} s and was killed.", options.argv.front(),
                               std::chrono::duration_cast<std::chrono::seconds>(limit).count()))
          .with_internal(output.out);
    }
    if (open && drain()) open = false;
    if (auto status = try_reap(pidfd)) {
      // A grandchild may keep the pipe open: what is there now is all we take.
      if (open) drain();
      output.status = *status;
      return output;
    }
  }
}

Result<ProcessIdentity> identify_process(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  // The second field is the name in parentheses and may hold spaces and parentheses itself.
  const auto close = text.rfind(')');
  if (close == std::string::npos || close + 2 >= text.size()) return gone(pid);
  std::string_view rest = std::string_view(text).substr(close + 2);
  const char state = rest.front();
  if (state == 'Z' || state == 'X') return gone(pid);
  // `rest` starts at field 3; the start time is field 22.
  for (int field = 3; field < 22; ++field) {
    const auto space = rest.find(' ');
    if (space == rest.npos) return gone(pid);
    rest.remove_prefix(space + 1);
  }
  ProcessIdentity identity{pid, 0};
  std::from_chars(rest.data(), rest.data() + rest.size(), identity.start_ticks);
  return identity;
}

std::vector<std::string> process_arguments(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find('\0', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

Result<UniqueFd> open_pidfd(pid_t pid) {
  UniqueFd fd(::pidfd_open(pid, 0));
  if (fd) return fd;
  if (errno == ESRCH || errno == EINVAL) return gone(pid);
  return system_error("process.not_found", fmt::format("Cannot open process {}", pid), errno);
}

Result<UniqueFd> open_pidfd(const ProcessIdentity& remembered) {
  PHX_TRY(auto fd, open_pidfd(remembered.pid));
  // The handle is opened first: if it now is the process remembered, the handle means that one.
  PHX_TRY(const auto identity, identify_process(remembered.pid));
  if (identity != remembered) return gone(remembered.pid);
  return fd;
}

Status signal_pidfd(const UniqueFd& pidfd, int signal) {
  if (::pidfd_send_signal(pidfd.get(), signal, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return Error(Code::kNotFound, "process.not_found", "The process has ended.");
  return system_error("process.signal_failed", fmt::format("Cannot send signal {}", signal), errno);
}

bool pidfd_ended(const UniqueFd& pidfd) {
  pollfd fd{pidfd.get(), POLLIN, 0};
  return poll_until(&fd, 1, Deadline::after(milliseconds(0))) > 0;
}

std::optional<ExitStatus> try_reap(const UniqueFd& pidfd) {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) == 0) {
    if (info.si_pid == 0) return std::nullopt;
    ExitStatus status;
    (info.si_code == CLD_EXITED ? status.code : status.signal) = info.si_status;
    return status;
  }
  if (!pidfd_ended(pidfd)) return std::nullopt;
  return ExitStatus{};
}

std::optional<ExitStatus> wait_exit_for(const UniqueFd& pidfd, milliseconds limit) {
  pollfd fd{pidfd.get(), POLLIN, 0};
  if (poll_until(&fd, 1, Deadline::after(limit)) <= 0) return std::nullopt;
  return try_reap(pidfd);
}

boost::asio::awaitable<ExitStatus> wait_exit(const UniqueFd& pidfd) {
  namespace asio = boost::asio;
  asio::posix::stream_descriptor ready(co_await asio::this_coro::executor, ::fcntl(pidfd.get(), F_DUPFD_CLOEXEC, 3));
  while (true) {
    if (auto status = try_reap(pidfd)) co_return *status;
    co_await ready.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
  }
}

}  // namespace phx
