#include "pg/cluster.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "base/blocking_pool.hpp"
#include "base/crypto.hpp"
#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/task_scope.hpp"
#include "pg/sql.gen.hpp"
#include "pg/sync.hpp"

namespace phx::pg {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr std::string_view kLockName = "phoenix-cluster.lock";
constexpr std::string_view kSuperuser = "postgres";
/// sun_path holds 108 bytes with its NUL; PostgreSQL appends "/.s.PGSQL.5432".
constexpr std::size_t kSocketFolderMax = 107 - 14;
constexpr std::string_view kLogins[] = {"phoenix_owner",  "phoenix_tenant",      "phoenix_platform",
                                        "phoenix_worker", "phoenix_maintenance", "phoenix_backup"};

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string first_line(const fs::path& path) {
  const std::string text = read_text(path);
  return text.substr(0, text.find_first_of("\r\n"));
}

Error failure(std::string_view reason, std::string message, std::string detail = {}) {
  return Error(Code::kFailedPrecondition, reason, std::move(message)).with_internal(std::move(detail));
}

bool tells_of_full_disk(std::string_view text) { return text.find("No space left on device") != text.npos; }

Error disk_full(const fs::path& folder, std::string detail) {
  return Error(Code::kFailedPrecondition, "cluster.disk_full",
               fmt::format("The disk that holds {} is full.", folder.string()))
      .with_next_action("Free some space there, then start again.")
      .with_internal(std::move(detail));
}

/// Creates the folder when missing and gives it owner and mode. A symbolic link or somebody else's folder is refused.
Status private_folder(const fs::path& path, const UserIdentity& owner, mode_t mode) {
  const bool made = ::mkdir(path.c_str(), mode) == 0;
  if (!made && errno != EEXIST) {
    if (errno == ENOSPC) return disk_full(path, {});
    return failure("cluster.init_failed", fmt::format("Cannot create {}: {}.", path.string(), std::strerror(errno)));
  }
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (!folder || ::fstat(folder.get(), &info) != 0)
    return failure("cluster.foreign_folder", fmt::format("{} is not a folder of ours.", path.string()));
  if (made && ::fchown(folder.get(), owner.uid, owner.gid) != 0)
    return failure("cluster.init_failed", fmt::format("Cannot give {} to {}.", path.string(), owner.name));
  if (!made && info.st_uid != owner.uid)
    return failure("cluster.foreign_folder",
                   fmt::format("{} belongs to another account than {}.", path.string(), owner.name));
  if (::fchmod(folder.get(), mode) != 0)
    return failure("cluster.init_failed", fmt::format("Cannot set the mode of {}.", path.string()));
  return {};
}

Status write_file(const fs::path& path, const std::string& text, const UserIdentity& owner) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  const bool complete = file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                        ::fsync(file.get()) == 0 && ::fchown(file.get(), owner.uid, owner.gid) == 0;
  if (complete) return {};
  if (errno == ENOSPC) return disk_full(path, {});
  return failure("cluster.init_failed", fmt::format("Cannot write {}: {}.", path.string(), std::strerror(errno)));
}

void sync_folder(const fs::path& path) {
  const UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) ::fsync(folder.get());
}

SpawnOptions tool(const UserIdentity& user, std::vector<std::string> argv) {
  SpawnOptions options;
  options.argv = std::move(argv);
  options.env = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=/"};
  options.user = user;
  return options;
}

/// postmaster.pid as PostgreSQL writes it: pid, data folder, start time, port, socket folder, …
struct PidFile {
  pid_t pid = 0;
  std::string socket_folder;
};

std::optional<PidFile> read_pid_file(const fs::path& data) {
  std::ifstream file(data / "postmaster.pid");
  std::array<std::string, 5> lines;
  for (auto& line : lines)
    if (!std::getline(file, line)) break;
  PidFile out;
  std::from_chars(lines[0].data(), lines[0].data() + lines[0].size(), out.pid);
  if (out.pid <= 1) return std::nullopt;
  out.socket_folder = lines[4];
  return out;
}

/// A server process lives in its data folder (ChangeToDataDir) and runs the program "postgres".
bool is_server_of(pid_t pid, const fs::path& data) {
  std::error_code ignored;
  const auto cwd = fs::read_symlink(fmt::format("/proc/{}/cwd", pid), ignored);
  const auto program = fs::read_symlink(fmt::format("/proc/{}/exe", pid), ignored);
  return cwd == fs::canonical(data, ignored) && program.filename().string().starts_with("postgres");
}

std::vector<pid_t> servers_of(const fs::path& data) {
  std::vector<pid_t> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    std::from_chars(name.data(), name.data() + name.size(), pid);
    if (pid > 1 && is_server_of(pid, data)) out.push_back(pid);
  }
  return out;
}

/// Backends whose postmaster was killed: they hold its shared memory, and a new server would not start beside them.
void end_orphans(const fs::path& data) {
  const auto signal_all = [&](int signal) {
    bool any = false;
    for (const pid_t pid : servers_of(data)) {
      const auto handle = open_pidfd(pid);
      if (handle && is_server_of(pid, data)) any = signal_pidfd(*handle, signal).has_value() || any;
    }
    return any;
  };
  if (!signal_all(SIGQUIT)) return;
  const auto patience = Deadline::after(std::chrono::seconds(3));
  while (!servers_of(data).empty() && !patience.passed()) std::this_thread::sleep_for(milliseconds(20));
  if (signal_all(SIGKILL)) log_event(LogLevel::kWarn, "cluster.orphans_killed");
}

std::string setting(std::string_view value) {
  std::string out = "'";
  for (const char c : value) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

}  // namespace

EmbeddedCluster::EmbeddedCluster(ClusterOptions options) : options_(std::move(options)) {
  options_.folder = fs::absolute(options_.folder).lexically_normal();
}

EmbeddedCluster::~EmbeddedCluster() { release(); }

void EmbeddedCluster::release() { lock_.reset(); }

Status EmbeddedCluster::start() {
  PHX_CHECK(prepare_account());
  PHX_CHECK(lock_folder());
  PHX_CHECK(choose_binaries());
  PHX_CHECK(choose_socket_folder());
  if (!fs::exists(data_folder() / "PG_VERSION")) PHX_CHECK(create());
  PHX_CHECK(read_identifier());
  PHX_TRY(adopted_, adopt());
  if (!adopted_) {
    PHX_TRY(auto live, start_server());
    keep(std::move(live));
  }
  return bootstrap();
}

Status EmbeddedCluster::attach() {
  PHX_CHECK(prepare_account());
  const auto missing = [&] {
    return Error(failure("cluster.not_running", fmt::format("No database runs in {}.", options_.folder.string())))
        .with_next_action("Run: phoenix serve");
  };
  if (!fs::exists(data_folder() / "PG_VERSION")) return missing();
  PHX_CHECK(choose_binaries());
  PHX_CHECK(read_identifier());
  PHX_TRY(adopted_, adopt());
  if (!adopted_) return missing();
  return {};
}

Status EmbeddedCluster::prepare_account() {
  server_user_ = current_user();
  if (::geteuid() != 0) return {};
  PHX_TRY(server_user_, find_user(options_.system_user));
  if (server_user_.uid == 0)
    return failure("cluster.init_failed", "PostgreSQL refuses to run as root: name another account.");
  return {};
}

Status EmbeddedCluster::lock_folder() {
  const auto& folder = options_.folder;
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed == std::errc::no_space_on_device) return disk_full(folder, {});
  if (failed)
    return failure("cluster.init_failed", fmt::format("Cannot create {}: {}.", folder.string(), failed.message()));
  const auto path = folder / kLockName;
  // Emptiness is asked first: whoever starts beside us writes the lock before anything else.
  if (!fs::is_empty(folder) && !fs::exists(path))
    return Error(failure("cluster.foreign_folder",
                         fmt::format("{} holds something that is not a Phoenix database.", folder.string())))
        .with_next_action("Name an empty or new folder.");
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) {
    if (errno == ENOSPC) return disk_full(folder, {});
    return failure("cluster.init_failed", fmt::format("Cannot open {}: {}.", path.string(), std::strerror(errno)));
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return Error(failure("cluster.locked", fmt::format("Another phoenix uses {}.", folder.string())))
        .with_next_action("Stop that one, or name another folder.");
  lock_ = std::move(lock);
  // The server's account passes through to its own folders; nothing else here is for it.
  if (::chmod(folder.c_str(), 0711) != 0)
    return failure("cluster.foreign_folder", fmt::format("{} belongs to another account.", folder.string()));
  if (::geteuid() == 0) {
    auto probe = tool(server_user_, {"/usr/bin/test", "-x", folder.string()});
    PHX_TRY(const auto reached, run_command(probe, std::chrono::seconds(10)));
    if (!reached.status.success())
      return Error(failure("cluster.folder_unreachable",
                           fmt::format("The account {} cannot enter {}.", server_user_.name, folder.string())))
          .with_next_action("Choose a folder that is not inside a private home, such as /var/lib/phoenix.");
  }
  return {};
}

Status EmbeddedCluster::choose_binaries() {
  std::string major = options_.major > 0 ? std::to_string(options_.major) : std::string();
  if (const auto version = data_folder() / "PG_VERSION"; fs::exists(version)) {
    struct stat info{};
    if (::stat(data_folder().c_str(), &info) != 0 || info.st_uid != server_user_.uid)
      return failure("cluster.foreign_folder",
                     fmt::format("{} belongs to another account than {}.", data_folder().string(), server_user_.name));
    major = first_line(version);
  } else if (fs::exists(data_folder())) {
    return failure("cluster.foreign_folder",
                   fmt::format("{} is not a PostgreSQL data folder.", data_folder().string()));
  }
  if (major.empty()) {
    int newest = 0;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(options_.binaries_root, ignored)) {
      const std::string name = entry.path().filename();
      int number = 0;
      std::from_chars(name.data(), name.data() + name.size(), number);
      if (number > newest && fs::exists(entry.path() / "bin" / "initdb")) newest = number;
    }
    major = newest > 0 ? std::to_string(newest) : "15";
  }
  binaries_ = options_.binaries_root / major / "bin";
  if (!fs::exists(binaries_ / "postgres"))
    return Error(failure("cluster.version_missing", fmt::format("PostgreSQL {} is not installed ({} is missing).",
                                                                major, (binaries_ / "postgres").string())))
        .with_next_action(fmt::format("Run: apt-get install postgresql-{}", major));
  return {};
}

Status EmbeddedCluster::choose_socket_folder() {
  socket_folder_ = options_.folder / "socket";
  if (socket_folder_.string().size() > kSocketFolderMax) {
    const std::string name = "phoenix-" + hex_encode(sha256(options_.folder.string())).substr(0, 16);
    socket_folder_ = fs::path(::access("/run", W_OK) == 0 ? "/run" : "/tmp") / name;
    PHX_CHECK(write_file(options_.folder / "socket-folder", socket_folder_.string() + "\n", current_user()));
  }
  return private_folder(socket_folder_, server_user_, 0700);
}

Status EmbeddedCluster::create() {
  const auto& folder = options_.folder;
  // What an interrupted start left behind is ours: the lock says that nobody is at work on it.
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("data.new-")) fs::remove_all(entry.path());
  const fs::path fresh = folder / fmt::format("data.new-{}", ::getpid());
  PHX_CHECK(private_folder(fresh, server_user_, 0700));
  const auto give_up = [&](Error error) {
    std::error_code ignored;
    fs::remove_all(fresh, ignored);
    return error;
  };

  std::vector<std::string> argv = {(binaries_ / "initdb").string(),
                                   "-D",
                                   fresh.string(),
                                   "-U",
                                   std::string(kSuperuser),
                                   "--locale=C",
                                   "--encoding=UTF8",
                                   "--data-checksums",
                                   "--auth=peer"};
  if (!options_.durable) argv.push_back("--no-sync");
  auto made = run_command(tool(server_user_, std::move(argv)), std::chrono::minutes(5));
  if (!made) return give_up(std::move(made).error());
  if (!made->status.success()) {
    if (tells_of_full_disk(made->out)) return give_up(disk_full(folder, made->out));
    return give_up(failure("cluster.init_failed", "initdb could not create the database.", made->out));
  }

  std::string config = fmt::format(
      "# Written by Phoenix when the cluster was created.\n"
      "listen_addresses = ''\n"
      "unix_socket_permissions = 0700\n"
      "max_connections = 60\n"
      "shared_buffers = 128MB\n"
      "work_mem = 8MB\n"
      "maintenance_work_mem = 64MB\n"
      "effective_cache_size = 1GB\n"
      "random_page_cost = 1.1\n"
      "jit = off\n"
      "wal_level = replica\n"
      "max_wal_senders = 4\n"
      "max_wal_size = 1GB\n"
      "wal_compression = on\n"
      "shared_preload_libraries = 'pg_stat_statements'\n"
      "log_timezone = 'UTC'\n"
      "timezone = 'UTC'\n"
      "log_line_prefix = '%m [%p] %u@%d '\n"
      "log_min_duration_statement = 1s\n"
      "log_lock_waits = on\n"
      "log_parameter_max_length = 0\n"
      "idle_in_transaction_session_timeout = 5min\n"
      "fsync = {0}\nsynchronous_commit = {0}\nfull_page_writes = {0}\n",
      options_.durable ? "on" : "off");
  for (const auto& [name, value] : options_.settings) config += fmt::format("{} = {}\n", name, setting(value));
  const std::string original = read_text(fresh / "postgresql.conf");
  if (auto status = write_file(fresh / "postgresql.conf", original + "\n" + config, server_user_); !status)
    return give_up(std::move(status).error());
  if (auto status = write_access(fresh); !status) return give_up(std::move(status).error());

  std::error_code failed;
  fs::rename(fresh, data_folder(), failed);
  if (failed) return give_up(failure("cluster.init_failed", "The new data folder could not be put in place."));
  sync_folder(folder);
  log_event(LogLevel::kInfo, "cluster.created", {{"folder", data_folder().string()}});
  return {};
}

Status EmbeddedCluster::write_access(const fs::path& data) const {
  std::string ident = "# map user login\n";
  std::vector<std::string> users = {server_user_.name};
  if (const auto own = current_user().name; own != server_user_.name) users.push_back(own);
  for (const auto& user : users) {
    ident += fmt::format("phoenix {} {}\n", user, kSuperuser);
    for (const auto login : kLogins) ident += fmt::format("phoenix {} {}\n", user, login);
  }
  PHX_CHECK(write_file(data / "pg_ident.conf", ident, server_user_));
  return write_file(data / "pg_hba.conf",
                    "# Only the private socket folder, only accounts of pg_ident.conf.\n"
                    "local all all peer map=phoenix\n"
                    "local replication phoenix_backup peer map=phoenix\n",
                    server_user_);
}

Status EmbeddedCluster::read_identifier() {
  PHX_TRY(const auto output,
          run_command(tool(server_user_, {(binaries_ / "pg_controldata").string(), "-D", data_folder().string()}),
                      std::chrono::seconds(30)));
  constexpr std::string_view kKey = "Database system identifier:";
  const auto at = output.out.find(kKey);
  if (!output.status.success() || at == std::string::npos)
    return failure("cluster.foreign_folder", fmt::format("{} has no readable pg_control.", data_folder().string()),
                   output.out);
  const auto begin = output.out.find_first_not_of(' ', at + kKey.size());
  system_identifier_ = output.out.substr(begin, output.out.find('\n', begin) - begin);
  return {};
}

Result<bool> EmbeddedCluster::adopt() {
  const auto file = read_pid_file(data_folder());
  if (!file) return false;
  auto handle = open_pidfd(file->pid);
  if (!handle) return false;
  const auto identity = identify_process(file->pid);
  if (!identity || !is_server_of(file->pid, data_folder())) return false;
  socket_folder_ = file->socket_folder;
  // It may still be starting, or stopping: the first answers soon, the second ends soon.
  if (auto ready = wait_ready(*handle, log_size()); !ready) {
    if (!pidfd_ended(*handle)) return std::move(ready).error();
    PHX_CHECK(choose_socket_folder());
    return false;
  }
  keep({*identity, std::move(*handle)});
  log_event(LogLevel::kInfo, "cluster.adopted", {{"pid", file->pid}});
  return true;
}

void EmbeddedCluster::keep(Live live) {
  server_ = live.identity;
  server_pidfd_ = std::move(live.pidfd);
}

std::uintmax_t EmbeddedCluster::log_size() const {
  std::error_code absent;
  const auto size = fs::file_size(options_.folder / "server.log", absent);
  return absent ? 0 : size;
}

Result<EmbeddedCluster::Live> EmbeddedCluster::start_server() const {
  end_orphans(data_folder());
  const auto log = options_.folder / "server.log";
  const auto log_from = log_size();

  SpawnOptions options = tool(server_user_, {(binaries_ / "postgres").string(), "-D", data_folder().string(), "-c",
                                             "unix_socket_directories=" + socket_folder_.string()});
  options.stdout_path = options.stderr_path = log.string();
  options.cwd = data_folder().string();
  // The kernel's out-of-memory killer should take a backend, never the postmaster.
  options.oom_score_adj = -900;
  options.env.push_back("PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj");
  options.env.push_back("PG_OOM_ADJUST_VALUE=0");
  // A pid file whose pid now is another process of the same account would block the start. PostgreSQL takes a lock file
  // for stale when it names the pid of its own grandparent, which a start script may declare. We just proved that this
  // process does not live in our data folder, so it is not our server. A dead one that nobody has waited for yet counts
  // too: it answers signal 0, which is all that PostgreSQL asks.
  if (const auto stale = read_pid_file(data_folder()); stale && (::kill(stale->pid, 0) == 0 || errno == EPERM))
    options.env.push_back(fmt::format("PG_GRANDPARENT_PID={}", stale->pid));
  // Under systemd a service's children end with its unit: the server gets a scope of its own. systemd-run executes it
  // in place, so the pid stays.
  if (::geteuid() == 0 && fs::exists("/run/systemd/system") && fs::exists("/usr/bin/systemd-run")) {
    std::vector<std::string> argv = {"/usr/bin/systemd-run",
                                     "--scope",
                                     "--quiet",
                                     "--collect",
                                     fmt::format("--uid={}", server_user_.uid),
                                     fmt::format("--gid={}", server_user_.gid),
                                     "--"};
    argv.insert(argv.end(), options.argv.begin(), options.argv.end());
    options.argv = std::move(argv);
    options.user.reset();
  }

  PHX_TRY(const pid_t pid, spawn(options));
  PHX_TRY(auto pidfd, open_pidfd(pid));
  if (auto ready = wait_ready(pidfd, log_from); !ready) {
    if (auto told = signal_pidfd(pidfd, SIGQUIT); !told && told.error().code() != Code::kNotFound)
      log_error("cluster.cannot_end_failed_start", told.error());
    wait_exit_for(pidfd, std::chrono::seconds(10));
    return std::move(ready).error();
  }
  PHX_TRY(const auto identity, identify_process(pid));
  log_event(LogLevel::kInfo, "cluster.started", {{"pid", pid}});
  return Live{identity, std::move(pidfd)};
}

Status EmbeddedCluster::wait_ready(const UniqueFd& pidfd, std::uintmax_t log_from) const {
  const auto deadline = Deadline::after(options_.start_limit);
  std::string last;
  while (!deadline.passed()) {
    if (pidfd_ended(pidfd)) {
      try_reap(pidfd);
      const auto tail = server_log_tail(log_from);
      if (tells_of_full_disk(tail)) return disk_full(options_.folder, tail);
      return failure("cluster.start_failed", "PostgreSQL ended while it was starting; its log says why.", tail);
    }
    auto connection = SyncConnection::open(superuser_conninfo_of("postgres"));
    if (connection) {
      PHX_TRY(const auto rows, connection->execute(sql::pg::system_identifier));
      if (rows.get<std::string>(0, 0) == system_identifier_) return {};
      return failure("cluster.wrong_server",
                     fmt::format("The server on {} serves another data folder.", socket_folder_.string()));
    }
    last = connection.error().internal();
    std::this_thread::sleep_for(milliseconds(25));
  }
  return failure("cluster.start_failed", "PostgreSQL did not become ready in time.",
                 last + "\n" + server_log_tail(log_from));
}

std::string EmbeddedCluster::server_log_tail(std::uintmax_t log_from) const {
  const std::string text = read_text(options_.folder / "server.log");
  const auto from = std::min<std::size_t>(log_from, text.size());
  return text.substr(text.size() - from > 4000 ? text.size() - 4000 : from);
}

Status EmbeddedCluster::bootstrap() {
  PHX_TRY(auto server, SyncConnection::open(superuser_conninfo_of("postgres")));
  PHX_TRY(const auto roles, server.execute(sql::pg::bootstrap_roles));
  PHX_TRY(const auto found, server.execute(sql::pg::database_exists, Params::of(options_.database)));
  if (found.empty())
    PHX_CHECK(
        server.script(fmt::format("create database \"{}\" owner phoenix_owner template template0", options_.database)));
  PHX_TRY(auto database, SyncConnection::open(superuser_conninfo()));
  PHX_TRY(const auto done, database.execute(sql::pg::bootstrap_database));
  return {};
}

Status EmbeddedCluster::stop() {
  if (!server_) return {};
  auto asked = signal_pidfd(server_pidfd_, SIGINT);
  if (!asked && asked.error().code() != Code::kNotFound) return asked;
  if (!wait_exit_for(server_pidfd_, std::chrono::seconds(60)))
    return failure("cluster.stop_failed", "PostgreSQL did not stop within a minute.", server_log_tail(0));
  server_.reset();
  log_event(LogLevel::kInfo, "cluster.stopped");
  release();
  return {};
}

Result<bool> EmbeddedCluster::halt() {
  PHX_CHECK(prepare_account());
  PHX_CHECK(lock_folder());
  if (const auto file = read_pid_file(data_folder())) {
    // The handle first: what is then found out about the pid is about the process that the handle means.
    auto handle = open_pidfd(file->pid);
    const auto identity = identify_process(file->pid);
    if (handle && identity && is_server_of(file->pid, data_folder())) {
      keep({*identity, std::move(*handle)});
      PHX_CHECK(stop());
      return true;
    }
  }
  end_orphans(data_folder());
  release();
  return false;
}

boost::asio::awaitable<void> EmbeddedCluster::watch(BlockingPool& blocking) {
  milliseconds backoff{100};
  while (true) {
    const Stopwatch lifetime;
    const auto status = co_await wait_exit(server_pidfd_);
    server_.reset();
    log_event(LogLevel::kError, "cluster.server_died", {{"how", status.to_string()}});
    if (lifetime.elapsed() > std::chrono::minutes(1)) backoff = milliseconds(100);
    while (true) {
      auto restarted = co_await blocking.run([this] { return start_server(); });
      if (restarted && *restarted) {
        keep(std::move(**restarted));
        break;
      }
      log_error("cluster.restart_failed", restarted ? restarted->error() : restarted.error());
      co_await sleep_for(backoff);
      backoff = std::min<milliseconds>(backoff * 2, std::chrono::seconds(10));
    }
  }
}

std::string EmbeddedCluster::conninfo() const {
  return fmt::format("host={} port=5432 dbname={}", quote_conninfo(socket_folder_.string()),
                     quote_conninfo(options_.database));
}
std::string EmbeddedCluster::conninfo(std::string_view user) const {
  return fmt::format("{} user={}", conninfo(), user);
}
std::string EmbeddedCluster::superuser_conninfo() const { return superuser_conninfo_of(options_.database); }
std::string EmbeddedCluster::superuser_conninfo_of(std::string_view database) const {
  return fmt::format("host={} port=5432 dbname={} user={}", quote_conninfo(socket_folder_.string()),
                     quote_conninfo(database), kSuperuser);
}

}  // namespace phx::pg
