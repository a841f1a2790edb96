#include "adapters/qemu/qemu_hypervisor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "adapters/qemu/async_mutex.hpp"
#include "adapters/qemu/command_line.hpp"
#include "adapters/qemu/console_log.hpp"
#include "adapters/qemu/console_ring.hpp"
#include "adapters/qemu/files.hpp"
#include "adapters/qemu/guest_folder.hpp"
#include "adapters/qemu/image_store.hpp"
#include "adapters/qemu/qmp_client.hpp"
#include "adapters/qemu/tenant_uids.hpp"
#include "base/crash_point.hpp"
#include "base/crypto.hpp"
#include "base/log.hpp"

namespace phx::qemu {

using namespace compute;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

using LocalSocket = asio::local::stream_protocol::socket;

constexpr std::size_t kScrollback = 128 * 1024;
constexpr std::size_t kChunk = 16 * 1024;
constexpr auto kRetryEvery = milliseconds(20);

Error unknown(std::string detail) {
  return Error(Code::kUnavailable, "hypervisor.unknown", "What the guest does cannot be told just now.")
      .with_next_action("Look at the guest again.")
      .with_internal(std::move(detail));
}

Error absent() { return not_found("guest.absent", "There is no such guest on this host."); }

Error not_running() {
  return Error(Code::kFailedPrecondition, "guest.not_running", "The guest does not run.")
      .with_next_action("Start it first.");
}

/// QEMU's RunState (qapi/run-state.json).
Power power_of(std::string_view status) {
  if (status == "running") return Power::kRunning;
  if (status == "prelaunch" || status == "inmigrate") return Power::kPrelaunch;
  if (status == "shutdown") return Power::kShutdown;
  if (status == "guest-panicked" || status == "internal-error") return Power::kCrashed;
  if (status == "io-error") return Power::kIoError;
  return Power::kPaused;
}

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool flag_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_bool() && value->get_bool();
}

std::string object_text(const json::value& value, std::string_view key) {
  return value.is_object() ? text_at(value.get_object(), key) : std::string();
}

bool started_with_uuid(pid_t pid, const Uuid& id) {
  const auto arguments = process_arguments(pid);
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i)
    if (arguments[i] == "-uuid" && arguments[i + 1] == id.to_string()) return true;
  return false;
}

}  // namespace

/// A process that is provably a guest's. Exists from the proof to its end.
struct Process {
  Process(const asio::any_io_executor& executor, pid_t number, UniqueFd handle)
      : pid(number), pidfd(std::move(handle)), ended(executor, asio::steady_timer::time_point::max()) {}
  pid_t pid;
  UniqueFd pidfd;
  std::shared_ptr<QmpClient> monitor;  ///< null while nobody answers
  std::optional<ExitStatus> exit;
  std::string shutdown_reason;  ///< QEMU's word, when it said why it goes
  asio::steady_timer ended;     ///< cancelled when `exit` is set
};

struct Guest {
  Guest(const asio::any_io_executor& executor, const std::string& guests_folder, Uuid guest_id)
      : id(guest_id), folder(guests_folder, guest_id), ring(std::make_shared<ConsoleRing>(executor, kScrollback)) {}
  Uuid id;
  GuestFolder folder;
  AsyncMutex turn;
  GuestState state;
  bool state_loaded = false;
  std::shared_ptr<Process> process;
  std::shared_ptr<ConsoleRing> ring;
  std::unique_ptr<ConsoleLog> console;
  bool marker_seen = false;  ///< in this boot's part of the log, perhaps before the process was adopted
  int console_watch = -1;
  AsyncMutex input_turn;
  std::shared_ptr<LocalSocket> input;
};

using GuestPtr = std::shared_ptr<Guest>;
using ProcessPtr = std::shared_ptr<Process>;

class QemuHypervisor::Impl {
 public:
  Impl(asio::any_io_executor executor, BlockingPool& pool, const Clock& clock, Random& random, Options options)
      : executor_(executor),
        pool_(pool),
        clock_(clock),
        options_(std::move(options)),
        guests_folder_(options_.data_folder + "/guests"),
        images_(options_.data_folder + "/images", options_.data_folder + "/import", options_),
        uids_(guests_folder_ + "/tenant-uids", options_.first_uid, options_.uid_count),
        ids_(clock, random),
        watcher_(executor),
        scope_(executor, "qemu") {}

  asio::awaitable<Status> open();
  asio::awaitable<void> stop();
  asio::awaitable<Result<GuestObservation>> observe(Uuid id);
  asio::awaitable<Result<std::vector<FoundGuest>>> list();
  asio::awaitable<Status> provision(GuestSpec spec);
  asio::awaitable<Status> start(GuestSpec spec, bool kvm);
  asio::awaitable<Status> power_down(Uuid id);
  asio::awaitable<Status> kill(Uuid id);
  asio::awaitable<Status> reset(Uuid id);
  asio::awaitable<Status> command(Uuid id, std::string name);
  asio::awaitable<Status> destroy(Uuid id);
  asio::awaitable<Result<GuestUsage>> usage(Uuid id);
  asio::awaitable<Result<std::unique_ptr<Console>>> open_console(Uuid id);
  asio::awaitable<Status> type(GuestPtr guest, std::string bytes);
  asio::awaitable<Result<ImageFile>> import_image(ImageImport wanted, ImageProgress progress);
  asio::awaitable<Status> remove_image(Uuid id);
  asio::awaitable<Result<AcceleratorProbe>> probe_accelerator(ImageFile micro);

  bool use_kvm() const {
    return options_.accelerator == Accelerator::kKvm || (options_.accelerator == Accelerator::kAuto && kvm_proved_);
  }
  std::function<void(const GuestEvent&)> handler;

 private:
  struct Monitor {
    pid_t pid = 0;
    UniqueFd pidfd;
    std::shared_ptr<QmpClient> client;
  };

  /// Work on the pool whose own result is a Status or Result.
  template <class Fn>
  asio::awaitable<std::invoke_result_t<Fn>> on_pool(Fn fn) {
    auto outcome = co_await pool_.run(std::move(fn));
    if (!outcome) co_return std::move(outcome).error();
    co_return std::move(*outcome);
  }

  asio::awaitable<Result<ImageFile>> copy_image(std::shared_ptr<ImageStore::Import> task, ImageProgress progress);
  GuestPtr find(Uuid id);
  void forget_if_unused(const GuestPtr& guest);
  bool exists(Uuid id) const { return guests_.contains(id) || GuestFolder(guests_folder_, id).exists(); }
  Status load_state(Guest& guest);
  void emit(const Guest& guest, GuestEventKind kind, std::string detail);

  /// True: guest.process is there, provably ours. False: there is no process. Error: it cannot be told.
  asio::awaitable<Result<bool>> attach(GuestPtr guest);
  asio::awaitable<Result<Monitor>> connect_monitor(GuestPtr guest, milliseconds greeting_limit);
  void adopt(const GuestPtr& guest, ProcessPtr process);
  asio::awaitable<void> adopt_at_open(GuestPtr guest);
  asio::awaitable<void> watch(GuestPtr guest, ProcessPtr process);
  asio::awaitable<bool> wait_ended(ProcessPtr process, milliseconds limit);
  void finish(const GuestPtr& guest);
  void record_end(Guest& guest, const ExitStatus& status, const std::string& told);
  Result<ProcessPtr> find_lock_holder(const Guest& guest);
  asio::awaitable<Status> end_process(GuestPtr guest, std::string why);
  asio::awaitable<Result<UniqueFd>> take_lock(GuestPtr guest);
  asio::awaitable<Status> launch(GuestPtr guest, GuestSpec spec, bool kvm);
  asio::awaitable<Status> await_machine(GuestPtr guest, ProcessPtr process);
  Error start_failure(const Guest& guest, const ExitStatus& status);
  asio::awaitable<Result<std::string>> status_of(GuestPtr guest);

  Status open_console_log(const GuestPtr& guest);
  void pump_console(const GuestPtr& guest);
  void on_monitor_event(const std::weak_ptr<Guest>& weak, const std::string& name, const json::object& data);
  asio::awaitable<void> note_power_off(GuestPtr guest, ProcessPtr process);
  asio::awaitable<void> drain(std::shared_ptr<LocalSocket> socket);
  asio::awaitable<Status> boot_probe(GuestSpec spec);

  asio::any_io_executor executor_;
  BlockingPool& pool_;
  const Clock& clock_;
  Options options_;
  std::string guests_folder_;
  ImageStore images_;
  AsyncMutex import_turn_;
  TenantUids uids_;
  UuidSource ids_;
  UniqueFd host_lock_;
  FileWatcher watcher_;
  TaskScope scope_;
  std::map<Uuid, GuestPtr> guests_;
  bool kvm_proved_ = false;
};

// --- the host -------------------------------------------------------------------------------------------------------

asio::awaitable<Status> QemuHypervisor::Impl::open() {
  const auto& data = options_.data_folder;
  std::error_code ignored;
  std::filesystem::create_directories(data, ignored);
  for (const auto& folder : {guests_folder_, data + "/images", data + "/import"})
    PHX_CO_CHECK(make_folder(folder, 0700));
  const auto lock_path = guests_folder_ + "/host.lock";
  host_lock_.reset(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!host_lock_) co_return io_error("open", lock_path);
  if (::flock(host_lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    host_lock_.reset();
    co_return Error(Code::kUnavailable, "hypervisor.host_busy", "Another server runs this host's guests.")
        .with_next_action("Stop the other server, or give this one its own data folder.");
  }
  PHX_CO_CHECK(uids_.load());
  PHX_CO_CHECK(watcher_.open());
  scope_.spawn("console-watch", watcher_.run());
  PHX_CO_CHECK(co_await on_pool([guests = guests_folder_, images = images_]() -> Status {
    GuestFolder::clear_leftovers(guests);
    images.clear_leftovers();
    return {};
  }));
  for (const auto& id : GuestFolder::all(guests_folder_)) scope_.spawn("adopt", adopt_at_open(find(id)));
  co_return Status{};
}

asio::awaitable<void> QemuHypervisor::Impl::stop() {
  co_await scope_.stop();
  for (auto& [id, guest] : guests_) {
    if (guest->process && guest->process->monitor) guest->process->monitor->close();
    guest->ring->end();
  }
  guests_.clear();
  host_lock_.reset();
}

asio::awaitable<void> QemuHypervisor::Impl::adopt_at_open(GuestPtr guest) {
  const auto turn = co_await guest->turn.lock();
  const auto attached = co_await attach(guest);
  if (!attached) {
    log_error("qemu.adopt_failed", attached.error(), {{"guest", guest->id.to_string()}});
  } else if (*attached) {
    log_event(LogLevel::kInfo, "qemu.adopted", {{"guest", guest->id.to_string()}, {"pid", guest->process->pid}});
  }
}

GuestPtr QemuHypervisor::Impl::find(Uuid id) {
  auto& guest = guests_[id];
  if (!guest) guest = std::make_shared<Guest>(executor_, guests_folder_, id);
  return guest;
}

void QemuHypervisor::Impl::forget_if_unused(const GuestPtr& guest) {
  // The map's and our caller's: nobody waits for a turn.
  const auto found = guests_.find(guest->id);
  if (found != guests_.end() && found->second == guest && guest.use_count() <= 2 && !guest->folder.exists())
    guests_.erase(found);
}

Status QemuHypervisor::Impl::load_state(Guest& guest) {
  if (guest.state_loaded) return {};
  PHX_TRY(guest.state, guest.folder.state());
  guest.state_loaded = true;
  return {};
}

void QemuHypervisor::Impl::emit(const Guest& guest, GuestEventKind kind, std::string detail) {
  if (handler && !scope_.stopping()) handler({guest.id, kind, std::move(detail)});
}

// --- finding a guest's process

asio::awaitable<Result<QemuHypervisor::Impl::Monitor>> QemuHypervisor::Impl::connect_monitor(
    GuestPtr guest, milliseconds greeting_limit) {
  PHX_CO_TRY(const auto run, guest->folder.open_run());
  Error last = unknown("no monitor");
  for (const char* name : {file::kControl, file::kRescue}) {
    auto socket = connect_in_folder(executor_, run, name);
    if (!socket) {
      last = std::move(socket).error();
      continue;
    }
    Monitor monitor;
    const std::weak_ptr<Guest> weak = guest;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket->native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) continue;
    monitor.pid = peer.pid;
    // The handle comes before the question: if this process answers with our UUID now, the handle means it.
    auto pidfd = open_pidfd(monitor.pid);
    if (!pidfd) {
      last = unknown("the monitor's process is gone");
      continue;
    }
    monitor.pidfd = std::move(*pidfd);
    auto client = co_await QmpClient::open(
        std::move(*socket), scope_,
        [this, weak](const std::string& event, const json::object& data) { on_monitor_event(weak, event, data); },
        greeting_limit, options_.answer_limit);
    if (!client) {
      last = std::move(client).error();
      continue;
    }
    monitor.client = std::move(*client);
    auto uuid = co_await monitor.client->execute("query-uuid");
    if (uuid && object_text(*uuid, "UUID") == guest->id.to_string()) co_return std::move(monitor);
    monitor.client->close();
    last = uuid ? unknown("the process at the guest's socket is another machine") : std::move(uuid).error();
  }
  co_return last;
}

asio::awaitable<Result<bool>> QemuHypervisor::Impl::attach(GuestPtr guest) {
  PHX_CO_CHECK(load_state(*guest));
  if (guest->process && (guest->process->exit || pidfd_ended(guest->process->pidfd))) {
    co_await wait_ended(guest->process, options_.kill_limit);
    finish(guest);
  }
  if (guest->process && guest->process->monitor && guest->process->monitor->is_open()) co_return true;

  const auto end = steady_clock::now() + options_.greeting_limit;
  Error last = unknown("not tried");
  do {
    if (!guest->process) {
      PHX_CO_TRY(const auto lock, guest->folder.try_lock());
      if (lock) {
        if (guest->state.process_expected()) {
          record_end(*guest, {}, "");
          pump_console(guest);
        }
        co_return false;
      }
    }
    auto monitor = co_await connect_monitor(guest, options_.greeting_limit);
    if (monitor) {
      if (!guest->process) {
        auto process = std::make_shared<Process>(executor_, monitor->pid, std::move(monitor->pidfd));
        process->monitor = std::move(monitor->client);
        adopt(guest, std::move(process));
      } else {
        guest->process->monitor = std::move(monitor->client);
      }
      co_return true;
    }
    last = std::move(monitor).error();
    if (guest->process && guest->process->exit) {
      finish(guest);
      co_return false;
    }
    co_await sleep_for(kRetryEvery);
  } while (steady_clock::now() < end);
  co_return last;
}

void QemuHypervisor::Impl::adopt(const GuestPtr& guest, ProcessPtr process) {
  guest->process = process;
  if (const auto identity = identify_process(process->pid); identity && guest->state.process != *identity) {
    guest->state.process = *identity;
    if (!guest->state.started_at) guest->state.started_at = clock_.now();
    guest->state.exit.reset();
    if (auto saved = guest->folder.save(guest->state); !saved) log_error("qemu.state_not_saved", saved.error());
  }
  if (auto opened = open_console_log(guest); !opened) log_error("qemu.console_log", opened.error());
  pump_console(guest);
  scope_.spawn("watch", watch(guest, std::move(process)));
}

asio::awaitable<void> QemuHypervisor::Impl::watch(GuestPtr guest, ProcessPtr process) {
  process->exit = co_await wait_exit(process->pidfd);
  process->ended.cancel();
  if (process->monitor) process->monitor->close();
  const auto turn = co_await guest->turn.lock();
  if (guest->process == process) finish(guest);
}

asio::awaitable<bool> QemuHypervisor::Impl::wait_ended(ProcessPtr process, milliseconds limit) {
  if (process->exit) co_return true;
  // The watcher fills in how it ended; it shares this thread, so nothing slips between the check and the wait.
  process->ended.expires_after(limit);
  boost::system::error_code ended;
  co_await process->ended.async_wait(asio::redirect_error(asio::use_awaitable, ended));
  if (!process->exit && ended) throw boost::system::system_error(ended);
  co_return process->exit.has_value();
}

void QemuHypervisor::Impl::finish(const GuestPtr& guest) {
  const auto process = std::exchange(guest->process, nullptr);
  if (!process) return;
  if (process->monitor) process->monitor->close();
  if (guest->input) guest->input->close();
  guest->input.reset();
  pump_console(guest);
  record_end(*guest, process->exit.value_or(ExitStatus{}), process->shutdown_reason);
}

void QemuHypervisor::Impl::record_end(Guest& guest, const ExitStatus& status, const std::string& told) {
  auto& state = guest.state;
  GuestExit exit{clock_.now(), status.signal, status.code, !state.expected_end.empty(), state.expected_end};
  if (exit.reason.empty()) {
    if (status.signal)
      exit.reason = fmt::format("killed by signal {}", *status.signal);
    else if (told == "host-signal")
      exit.reason = "told to end by a signal from the host";
    else if (status.code)
      exit.reason = fmt::format("ended with exit code {}", *status.code);
    else
      exit.reason = "ended unexpectedly";
  }
  state.exit = exit;
  state.process.reset();
  state.expected_end.clear();
  if (auto saved = guest.folder.save(state); !saved) log_error("qemu.state_not_saved", saved.error());
  log_event(exit.expected ? LogLevel::kInfo : LogLevel::kWarn, "qemu.guest_ended",
            {{"guest", guest.id.to_string()}, {"reason", exit.reason}, {"expected", exit.expected}});
  emit(guest, GuestEventKind::kExited, exit.reason);
}

Result<ProcessPtr> QemuHypervisor::Impl::find_lock_holder(const Guest& guest) {
  std::error_code failed;
  for (auto it = std::filesystem::directory_iterator("/proc", failed); !failed && it != std::filesystem::end(it);
       it.increment(failed)) {
    const auto name = it->path().filename().string();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size() || pid <= 0)
      continue;
    if (pid == ::getpid()) continue;
    auto pidfd = open_pidfd(pid);
    if (pidfd && guest.folder.is_lock_holder(pid) && started_with_uuid(pid, guest.id) && !pidfd_ended(*pidfd))
      return std::make_shared<Process>(executor_, pid, std::move(*pidfd));
  }
  return unknown("no process can be proved to be the guest's");
}

// --- looking

asio::awaitable<Result<std::string>> QemuHypervisor::Impl::status_of(GuestPtr guest) {
  PHX_CO_TRY(const auto status, co_await guest->process->monitor->execute("query-status"));
  auto text = object_text(status, "status");
  if (text.empty()) co_return unknown("query-status without a status");
  // A power-off that happened while nobody watched is noted now.
  if (text == "shutdown") scope_.spawn("power-off", note_power_off(guest, guest->process));
  co_return text;
}

asio::awaitable<Result<GuestObservation>> QemuHypervisor::Impl::observe(Uuid id) {
  GuestObservation out;
  out.id = id;
  if (!exists(id)) co_return out;
  const auto guest = find(id);
  {
    const auto turn = co_await guest->turn.lock();
    if (guest->folder.exists()) {
      auto attached = co_await attach(guest);
      Result<std::string> status = std::string();
      if (attached && *attached) {
        status = co_await status_of(guest);
        // It may have ended under the question: then the answer is that there is no process.
        if (!status) attached = co_await attach(guest);
        if (!status && attached && *attached) status = co_await status_of(guest);
      }
      if (!attached) co_return std::move(attached).error();
      if (*attached && !status) co_return std::move(status).error();
      const auto& state = guest->state;
      out.presence = *attached ? Presence::kRunning : Presence::kDefined;
      out.started_at = state.started_at;
      if (*attached) {
        out.provider_state = *status;
        out.power = power_of(*status);
        out.pid = guest->process->pid;
        out.booted_at = state.booted_at;
      } else {
        out.last_exit = state.exit;
      }
    }
  }
  forget_if_unused(guest);
  co_return out;
}

asio::awaitable<Result<std::vector<FoundGuest>>> QemuHypervisor::Impl::list() {
  co_return co_await on_pool([guests = guests_folder_]() -> Result<std::vector<FoundGuest>> {
    std::vector<FoundGuest> out;
    for (const auto& id : GuestFolder::all(guests)) {
      const GuestFolder folder(guests, id);
      const auto identity = folder.identity();
      const auto lock = folder.try_lock();
      if (!identity || !lock) continue;  // removed meanwhile
      out.push_back({id, identity->tenant, identity->name, !lock->has_value()});
    }
    return out;
  });
}

asio::awaitable<Result<GuestUsage>> QemuHypervisor::Impl::usage(Uuid id) {
  if (!exists(id)) co_return absent();
  const auto guest = find(id);
  const auto turn = co_await guest->turn.lock();
  if (!guest->folder.exists()) co_return absent();
  PHX_CO_TRY(const bool running, co_await attach(guest));
  if (!running) co_return not_running();
  GuestUsage out;
  out.disk_bytes = guest->folder.disk_bytes();
  const auto pid = guest->process->pid;
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid), 4096);
  const auto memory = read_file(fmt::format("/proc/{}/statm", pid), 4096);
  if (!stat || !memory) co_return not_running();
  // Fields 14 and 15 (user and system time); the name in field 2 may hold spaces.
  const auto after_name = stat->rfind(')');
  if (after_name == stat->npos) co_return not_running();
  unsigned long user = 0;
  unsigned long system = 0;
  long resident = 0;
  if (std::sscanf(stat->c_str() + after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                  &system) != 2 ||
      std::sscanf(memory->c_str(), "%*d %ld", &resident) != 1)
    co_return unknown("unreadable /proc");
  out.cpu_seconds = static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  out.resident_bytes = std::int64_t{resident} * ::sysconf(_SC_PAGESIZE);
  if (const auto balloon = co_await guest->process->monitor->execute("query-balloon"); balloon && balloon->is_object())
    if (const auto* actual = balloon->get_object().if_contains("actual"); actual && actual->is_int64())
      out.balloon_bytes = actual->get_int64();
  co_return out;
}

// --- making and starting

asio::awaitable<Status> QemuHypervisor::Impl::provision(GuestSpec spec) {
  PHX_CO_CHECK(check_spec(spec));
  std::optional<uid_t> uid;
  if (::geteuid() == 0) { PHX_CO_TRY(uid, uids_.uid_of(spec.tenant)); }
  const auto guest = find(spec.id);
  const auto turn = co_await guest->turn.lock();
  co_return co_await on_pool([folder = guest->folder, spec = std::move(spec), uid, options = options_] {
    return folder.provision(spec, uid, options);
  });
}

asio::awaitable<Status> QemuHypervisor::Impl::start(GuestSpec spec, bool kvm) {
  PHX_CO_CHECK(check_spec(spec));
  if (!exists(spec.id)) co_return absent();
  const auto guest = find(spec.id);
  const auto turn = co_await guest->turn.lock();
  if (!guest->folder.exists()) co_return absent();
  PHX_CO_TRY(const bool running, co_await attach(guest));
  if (running) {
    PHX_CO_TRY(const auto status, co_await status_of(guest));
    if (status != "shutdown") co_return Status{};
    PHX_CO_CHECK(co_await end_process(guest, "the guest powered off"));
  }
  co_return co_await launch(guest, std::move(spec), kvm);
}

asio::awaitable<Result<UniqueFd>> QemuHypervisor::Impl::take_lock(GuestPtr guest) {
  // A program that another thread is just starting may hold a copy of a descriptor until it executes.
  const auto end = steady_clock::now() + std::chrono::seconds(1);
  do {
    PHX_CO_TRY(auto lock, guest->folder.try_lock());
    if (lock) co_return std::move(*lock);
    co_await sleep_for(kRetryEvery);
  } while (steady_clock::now() < end);
  co_return unknown("the guest's lock is held");
}

asio::awaitable<Status> QemuHypervisor::Impl::launch(GuestPtr guest, GuestSpec spec, bool kvm) {
  PHX_CO_TRY(auto lock, co_await take_lock(guest));
  PHX_CO_TRY(const auto identity, guest->folder.identity());
  PHX_CO_CHECK(open_console_log(guest));
  guest->folder.remove_sockets();
  ::unlink(guest->folder.qemu_log_path().c_str());
  guest->state = GuestState{};
  guest->state.started_at = clock_.now();
  guest->state.log_offset = guest->console->begin_boot();
  guest->marker_seen = false;
  PHX_CO_CHECK(guest->folder.save(guest->state));
  PHX_CRASH_POINT("qemu.start.recorded");

  const bool systemd = std::filesystem::exists("/run/systemd/system");
  const bool scope = options_.isolation == Isolation::kScope ||
                     (options_.isolation == Isolation::kAuto && systemd && ::geteuid() == 0);
  std::optional<gid_t> kvm_group;
  struct stat device{};
  if (kvm && ::stat("/dev/kvm", &device) == 0 && device.st_gid != 0) kvm_group = device.st_gid;
  SpawnOptions program;
  program.argv = launch_prefix(spec.id, scope, identity.uid, kvm_group);
  program.argv.push_back(options_.qemu_binary);
  for (auto& argument : qemu_arguments(spec, options_, kvm)) program.argv.push_back(std::move(argument));
  program.env = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TMPDIR=/tmp"};
  // systemd-run finds a user's own manager by this.
  if (const char* runtime = scope ? ::getenv("XDG_RUNTIME_DIR") : nullptr)
    program.env.push_back(fmt::format("XDG_RUNTIME_DIR={}", runtime));
  program.cwd = guest->folder.run_path();
  program.stdout_path = program.stderr_path = guest->folder.qemu_log_path();
  program.fds = {{lock.get(), 3}};
  program.limits = {{RLIMIT_CORE, 0}};
  program.oom_score_adj = options_.oom_score_adj;
  PHX_CO_TRY(const pid_t pid, spawn(program));
  PHX_CRASH_POINT("qemu.start.spawned");
  // From here on the lock is the process's alone.
  lock.reset();
  // Our own child that nobody reaped yet: the pid cannot mean anybody else.
  PHX_CO_TRY(auto pidfd, open_pidfd(pid));
  auto process = std::make_shared<Process>(executor_, pid, std::move(pidfd));
  adopt(guest, process);
  if (auto ready = co_await await_machine(guest, process); !ready) {
    guest->state.expected_end = "could not be started";
    if (auto sent = signal_pidfd(process->pidfd, SIGKILL); !sent && sent.error().code() != Code::kNotFound)
      log_error("qemu.not_killed", sent.error(), {{"guest", guest->id.to_string()}});
    if (co_await wait_ended(process, options_.kill_limit)) finish(guest);
    co_return ready;
  }
  PHX_CRASH_POINT("qemu.start.running");
  emit(*guest, GuestEventKind::kPowerChanged, "started");
  co_return Status{};
}

asio::awaitable<Status> QemuHypervisor::Impl::await_machine(GuestPtr guest, ProcessPtr process) {
  const auto end = steady_clock::now() + options_.start_limit;
  Error last = unknown("the machine did not start in time");
  while (steady_clock::now() < end) {
    if (process->exit) co_return start_failure(*guest, *process->exit);
    if (!process->monitor || !process->monitor->is_open()) {
      auto monitor = co_await connect_monitor(guest, options_.greeting_limit);
      if (monitor && monitor->pid == process->pid)
        process->monitor = std::move(monitor->client);
      else if (!monitor)
        last = std::move(monitor).error();
    }
    if (process->monitor && process->monitor->is_open()) {
      const auto status = co_await status_of(guest);
      if (status && power_of(*status) == Power::kRunning) co_return Status{};
      if (!status) last = status.error();
    }
    co_await sleep_for(kRetryEvery);
  }
  co_return last;
}

Error QemuHypervisor::Impl::start_failure(const Guest& guest, const ExitStatus& status) {
  auto said = read_file(guest.folder.qemu_log_path(), 8192).value_or("");
  if (said.find("Could not set up host forwarding rule") != said.npos)
    return Error(Code::kConflict, "hypervisor.port_in_use", "A forwarded port of the host is already in use.")
        .with_field("portForwards")
        .with_next_action("Choose another host port.")
        .with_internal(std::move(said));
  return Error(Code::kFailedPrecondition, "hypervisor.start_failed", "The hypervisor could not start the guest.")
      .with_next_action("See the server's log for the hypervisor's own words.")
      .with_internal(fmt::format("{}: {}", status.to_string(), said));
}

// --- power

asio::awaitable<Status> QemuHypervisor::Impl::power_down(Uuid id) {
  if (!exists(id)) co_return absent();
  const auto guest = find(id);
  const auto turn = co_await guest->turn.lock();
  if (!guest->folder.exists()) co_return absent();
  PHX_CO_TRY(const bool running, co_await attach(guest));
  if (!running) co_return Status{};
  PHX_CO_CHECK(co_await guest->process->monitor->execute("system_powerdown"));
  co_return Status{};
}

asio::awaitable<Status> QemuHypervisor::Impl::end_process(GuestPtr guest, std::string why) {
  auto attached = co_await attach(guest);
  if (attached && !*attached) co_return Status{};
  if (!attached && !guest->process) {
    PHX_CO_TRY(auto holder, find_lock_holder(*guest));
    adopt(guest, std::move(holder));
  }
  const auto process = guest->process;
  guest->state.expected_end = std::move(why);
  PHX_CO_CHECK(guest->folder.save(guest->state));
  if (auto sent = signal_pidfd(process->pidfd, SIGKILL); !sent && sent.error().code() != Code::kNotFound)
    co_return sent;
  if (!co_await wait_ended(process, options_.kill_limit)) co_return unknown("the process did not end when killed");
  finish(guest);
  co_return Status{};
}

asio::awaitable<Status> QemuHypervisor::Impl::kill(Uuid id) {
  if (!exists(id)) co_return absent();
  const auto guest = find(id);
  const auto turn = co_await guest->turn.lock();
  if (!guest->folder.exists()) co_return absent();
  co_return co_await end_process(guest, "switched off by force");
}

asio::awaitable<Status> QemuHypervisor::Impl::command(Uuid id, std::string name) {
  if (!exists(id)) co_return absent();
  const auto guest = find(id);
  const auto turn = co_await guest->turn.lock();
  if (!guest->folder.exists()) co_return absent();
  PHX_CO_TRY(const bool running, co_await attach(guest));
  if (!running) co_return not_running();
  PHX_CO_CHECK(co_await guest->process->monitor->execute(std::move(name)));
  co_return Status{};
}

asio::awaitable<Status> QemuHypervisor::Impl::reset(Uuid id) {
  if (!exists(id)) co_return absent();
  const auto guest = find(id);
  const auto turn = co_await guest->turn.lock();
  if (!guest->folder.exists()) co_return absent();
  PHX_CO_TRY(const bool running, co_await attach(guest));
  if (!running) co_return not_running();
  PHX_CO_TRY(const auto before, co_await status_of(guest));
  // It has powered off and is on its way out: there is nothing to reset.
  if (power_of(before) == Power::kShutdown) co_return not_running();
  const auto process = guest->process;
  const auto monitor = process->monitor;
  PHX_CO_CHECK(co_await monitor->execute("system_reset"));
  if (!process->shutdown_reason.empty()) co_return unknown("the guest powered off while it was reset");
  // A machine that crashed stays stopped after the reset unless told to go on; one paused by hand stays paused.
  if (const auto power = power_of(before); power == Power::kCrashed || power == Power::kIoError)
    PHX_CO_CHECK(co_await monitor->execute("cont"));
  co_return Status{};
}

asio::awaitable<Status> QemuHypervisor::Impl::destroy(Uuid id) {
  if (!exists(id)) co_return Status{};
  const auto guest = find(id);
  {
    const auto turn = co_await guest->turn.lock();
    if (guest->folder.exists()) {
      PHX_CO_CHECK(co_await end_process(guest, "removed"));
      PHX_CRASH_POINT("qemu.destroy.ended");
      // Held over the removal, so that nobody starts what is on its way out.
      PHX_CO_TRY(const auto lock, co_await take_lock(guest));
      if (guest->console_watch >= 0) watcher_.remove(std::exchange(guest->console_watch, -1));
      guest->console.reset();
      PHX_CO_CHECK(co_await on_pool([folder = guest->folder] { return folder.remove(); }));
      guest->state = GuestState{};
    }
    guest->ring->end();
    guest->ring = std::make_shared<ConsoleRing>(executor_, kScrollback);
  }
  forget_if_unused(guest);
  co_return Status{};
}

// --- what the guest tells

void QemuHypervisor::Impl::on_monitor_event(const std::weak_ptr<Guest>& weak, const std::string& name,
                                            const json::object& data) {
  const auto guest = weak.lock();
  if (!guest || !guest->process) return;
  if (name == "SHUTDOWN") {
    guest->process->shutdown_reason = text_at(data, "reason");
    if (flag_at(data, "guest")) scope_.spawn("power-off", note_power_off(guest, guest->process));
  } else if (name == "RESET") {
    if (guest->console) guest->state.log_offset = guest->console->begin_boot();
    guest->state.booted_at.reset();
    guest->marker_seen = false;
    if (auto saved = guest->folder.save(guest->state); !saved) log_error("qemu.state_not_saved", saved.error());
    emit(*guest, GuestEventKind::kReset, text_at(data, "reason"));
  } else if (name == "STOP" || name == "RESUME") {
    emit(*guest, GuestEventKind::kPowerChanged, name);
  } else if (name == "GUEST_PANICKED") {
    emit(*guest, GuestEventKind::kPanicked, text_at(data, "action"));
  } else if (name == "BLOCK_IO_ERROR") {
    emit(*guest, GuestEventKind::kDiskError, text_at(data, "reason"));
  }
}

asio::awaitable<void> QemuHypervisor::Impl::note_power_off(GuestPtr guest, ProcessPtr process) {
  const auto turn = co_await guest->turn.lock();
  if (guest->process != process || !process->monitor) co_return;
  guest->state.expected_end = "the guest powered off";
  if (auto saved = guest->folder.save(guest->state); !saved) log_error("qemu.state_not_saved", saved.error());
  // The answer may be lost in the end that it announces; the watcher sees the end itself.
  const auto asked = co_await process->monitor->execute("quit");
  if (!asked) log_event(LogLevel::kDebug, "qemu.quit_unanswered", {{"guest", guest->id.to_string()}});
}

// --- console

Status QemuHypervisor::Impl::open_console_log(const GuestPtr& guest) {
  if (guest->console) return {};
  auto console = std::make_unique<ConsoleLog>(guest->ring, options_.boot_marker, options_.console_log_max);
  const auto path = fmt::format("{}/{}", guest->folder.run_path(), file::kConsoleLog);
  PHX_CHECK(console->open(path, guest->state.log_offset));
  const std::weak_ptr<Guest> weak = guest;
  PHX_TRY(guest->console_watch, watcher_.add(path, [this, weak] {
    if (const auto changed = weak.lock()) pump_console(changed);
  }));
  guest->console = std::move(console);
  pump_console(guest);
  return {};
}

void QemuHypervisor::Impl::pump_console(const GuestPtr& guest) {
  if (!guest->console) return;
  guest->marker_seen |= guest->console->pump();
  if (!guest->marker_seen || !guest->process || guest->state.booted_at) return;
  guest->state.booted_at = clock_.now();
  if (auto saved = guest->folder.save(guest->state); !saved) log_error("qemu.state_not_saved", saved.error());
  emit(*guest, GuestEventKind::kBooted, "");
}

namespace {

class Viewer final : public Console {
 public:
  using Typist = std::function<asio::awaitable<Status>(std::string)>;
  Viewer(std::shared_ptr<ConsoleRing> ring, Typist type) : ring_(std::move(ring)), type_(std::move(type)) {
    position_ = ring_->begin();
  }

  asio::awaitable<Result<std::string>> read() override {
    const auto ring = ring_;
    while (!closed_) {
      auto bytes = ring->take(position_, kChunk);
      if (!bytes.empty()) co_return bytes;
      if (ring->ended()) break;
      co_await ring->changed();
    }
    co_return std::string();
  }
  asio::awaitable<Status> write(std::string bytes) override {
    if (closed_ || ring_->ended()) co_return not_running();
    co_return co_await type_(std::move(bytes));
  }
  void close() override {
    closed_ = true;
    ring_->wake();
  }

 private:
  std::shared_ptr<ConsoleRing> ring_;
  Typist type_;
  std::uint64_t position_ = 0;
  bool closed_ = false;
};

}  // namespace

asio::awaitable<Result<std::unique_ptr<Console>>> QemuHypervisor::Impl::open_console(Uuid id) {
  if (!exists(id)) co_return absent();
  const auto guest = find(id);
  const auto turn = co_await guest->turn.lock();
  if (!guest->folder.exists()) co_return absent();
  PHX_CO_CHECK(load_state(*guest));
  PHX_CO_CHECK(open_console_log(guest));
  co_return std::make_unique<Viewer>(guest->ring,
                                     [this, guest](std::string bytes) { return type(guest, std::move(bytes)); });
}

asio::awaitable<void> QemuHypervisor::Impl::drain(std::shared_ptr<LocalSocket> socket) {
  // What comes here is in the log, too; it is read only so that QEMU never waits for us.
  std::vector<char> block(kChunk);
  boost::system::error_code failed;
  while (!failed)
    co_await socket->async_read_some(asio::buffer(block), asio::redirect_error(asio::use_awaitable, failed));
  socket->close(failed);
}

asio::awaitable<Status> QemuHypervisor::Impl::type(GuestPtr guest, std::string bytes) {
  const auto turn = co_await guest->input_turn.lock();
  if (!guest->process) co_return not_running();
  if (!guest->input || !guest->input->is_open()) {
    PHX_CO_TRY(const auto run, guest->folder.open_run());
    PHX_CO_TRY(auto socket, connect_in_folder(executor_, run, file::kConsole));
    guest->input = std::make_shared<LocalSocket>(std::move(socket));
    scope_.spawn("console-drain", drain(guest->input));
  }
  const auto input = guest->input;
  asio::steady_timer limit(executor_, options_.answer_limit);
  limit.async_wait([input](boost::system::error_code cancelled) {
    if (!cancelled) input->close();
  });
  boost::system::error_code failed;
  co_await asio::async_write(*input, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, failed));
  if (limit.expiry() <= steady_clock::now())
    co_return Error(Code::kUnavailable, "console.full", "The guest does not take its input.");
  if (failed) co_return not_running();
  co_return Status{};
}

// --- images and the accelerator

asio::awaitable<Result<ImageFile>> QemuHypervisor::Impl::import_image(ImageImport wanted, ImageProgress progress) {
  const auto turn = co_await import_turn_.lock();
  // Shared with the pool's thread, which may still be at a piece when this coroutine is cancelled.
  const auto task = std::make_shared<ImageStore::Import>(images_.import(std::move(wanted)));
  auto imported = co_await copy_image(task, std::move(progress));
  // Here, and not when the last thread lets go of it: what failed has left nothing when the caller hears of it.
  if (!imported) PHX_CO_CHECK(co_await on_pool([task] { return task->discard(); }));
  co_return imported;
}

asio::awaitable<Result<ImageFile>> QemuHypervisor::Impl::copy_image(std::shared_ptr<ImageStore::Import> task,
                                                                    ImageProgress progress) {
  PHX_CO_CHECK(co_await on_pool([task] { return task->begin(); }));
  while (!task->complete()) {
    if (!co_await progress(task->done(), task->total()))
      co_return Error(Code::kCancelled, "image.cancelled", "The import was cancelled.");
    PHX_CO_CHECK(co_await on_pool([task] { return task->copy_piece(); }));
  }
  PHX_CRASH_POINT("qemu.import.copied");
  co_return co_await on_pool([task] { return task->finish(); });
}

asio::awaitable<Status> QemuHypervisor::Impl::remove_image(Uuid id) {
  const auto turn = co_await import_turn_.lock();
  co_return co_await on_pool([images = images_, id] { return images.remove(id); });
}

asio::awaitable<Status> QemuHypervisor::Impl::boot_probe(GuestSpec spec) {
  PHX_CO_CHECK(co_await provision(spec));
  PHX_CO_CHECK(co_await start(spec, options_.accelerator != Accelerator::kTcg));
  const auto end = steady_clock::now() + options_.probe_limit;
  while (steady_clock::now() < end) {
    PHX_CO_TRY(const auto seen, co_await observe(spec.id));
    if (seen.booted_at) co_return Status{};
    if (seen.presence != Presence::kRunning)
      co_return Error(Code::kFailedPrecondition, "hypervisor.start_failed",
                      "The probe's guest ended before it booted.");
    co_await sleep_for(milliseconds(100));
  }
  co_return Error(Code::kFailedPrecondition, "hypervisor.start_failed", "The probe's guest did not boot in time.");
}

asio::awaitable<Result<AcceleratorProbe>> QemuHypervisor::Impl::probe_accelerator(ImageFile micro) {
  AcceleratorProbe out;
  out.accelerator = "tcg";
  if (options_.accelerator == Accelerator::kTcg) {
    out.detail = "Emulation was chosen in the settings.";
    co_return out;
  }
  GuestSpec spec;
  spec.id = ids_.next();
  spec.name = "probe";
  spec.disk_mib = 16;
  spec.image = std::move(micro);
  const auto booted = co_await boot_probe(spec);
  PHX_CO_CHECK(co_await destroy(spec.id));
  kvm_proved_ = out.kvm_usable = booted.has_value();
  if (!booted) out.detail = booted.error().message();
  if (use_kvm()) out.accelerator = "kvm";
  log_event(LogLevel::kInfo, "qemu.accelerator", {{"accelerator", out.accelerator}, {"detail", out.detail}});
  co_return out;
}

// --- the port

QemuHypervisor::QemuHypervisor(asio::any_io_executor executor, BlockingPool& pool, const Clock& clock, Random& random,
                               Options options)
    : impl_(std::make_unique<Impl>(std::move(executor), pool, clock, random, std::move(options))) {}
QemuHypervisor::~QemuHypervisor() = default;

asio::awaitable<Status> QemuHypervisor::open() { return impl_->open(); }
asio::awaitable<void> QemuHypervisor::stop() { return impl_->stop(); }
asio::awaitable<Result<GuestObservation>> QemuHypervisor::observe(Uuid id) { return impl_->observe(id); }
asio::awaitable<Result<std::vector<FoundGuest>>> QemuHypervisor::list() { return impl_->list(); }
asio::awaitable<Status> QemuHypervisor::provision(GuestSpec spec) { return impl_->provision(std::move(spec)); }
asio::awaitable<Status> QemuHypervisor::start(GuestSpec spec) {
  return impl_->start(std::move(spec), impl_->use_kvm());
}
asio::awaitable<Status> QemuHypervisor::power_down(Uuid id) { return impl_->power_down(id); }
asio::awaitable<Status> QemuHypervisor::kill(Uuid id) { return impl_->kill(id); }
asio::awaitable<Status> QemuHypervisor::reset(Uuid id) { return impl_->reset(id); }
asio::awaitable<Status> QemuHypervisor::pause(Uuid id) { return impl_->command(id, "stop"); }
asio::awaitable<Status> QemuHypervisor::resume(Uuid id) { return impl_->command(id, "cont"); }
asio::awaitable<Status> QemuHypervisor::destroy(Uuid id) { return impl_->destroy(id); }
asio::awaitable<Result<GuestUsage>> QemuHypervisor::usage(Uuid id) { return impl_->usage(id); }
asio::awaitable<Result<std::unique_ptr<Console>>> QemuHypervisor::open_console(Uuid id) {
  return impl_->open_console(id);
}
asio::awaitable<Result<ImageFile>> QemuHypervisor::import_image(ImageImport wanted, ImageProgress progress) {
  return impl_->import_image(std::move(wanted), std::move(progress));
}
asio::awaitable<Status> QemuHypervisor::remove_image(Uuid id) { return impl_->remove_image(id); }
asio::awaitable<Result<AcceleratorProbe>> QemuHypervisor::probe_accelerator(ImageFile micro) {
  return impl_->probe_accelerator(std::move(micro));
}
void QemuHypervisor::on_event(std::function<void(const GuestEvent&)> handler) { impl_->handler = std::move(handler); }

Result<ImageFile> load_micro_image(const std::string& folder) {
  const auto text = read_file(folder + "/manifest.json");
  if (!text)
    return Error(Code::kNotFound, "image.not_found", "The image \"micro\" has not been built.")
        .with_next_action("Build it with tools/image/build-micro.sh.")
        .with_internal(text.error().internal());
  boost::system::error_code malformed;
  const auto manifest = json::parse(*text, malformed);
  ImageFile out;
  out.format = ImageFormat::kMicro;
  out.kernel_path = folder + "/kernel";
  out.initrd_path = folder + "/initrd";
  std::string digests;
  for (const auto& [path, key] : {std::pair{out.kernel_path, "kernel_sha256"}, {out.initrd_path, "initrd_sha256"}}) {
    PHX_TRY(const auto digest, sha256_of_file(path));
    if (malformed || object_text(manifest, key) != digest)
      return Error(Code::kDataLoss, "image.unreadable", "A file of the image \"micro\" differs from its manifest.")
          .with_next_action("Build it again with tools/image/build-micro.sh.")
          .with_internal(path);
    out.size_bytes += static_cast<std::int64_t>(std::filesystem::file_size(path));
    digests += digest;
  }
  out.sha256 = hex_encode(sha256(digests));
  return out;
}

}  // namespace phx::qemu
