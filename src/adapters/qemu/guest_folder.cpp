#include "adapters/qemu/guest_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <filesystem>

#include "adapters/qemu/command_line.hpp"
#include "adapters/qemu/files.hpp"
#include "adapters/qemu/seed_disk.hpp"
#include "base/crash_point.hpp"
#include "base/log.hpp"

namespace phx::qemu {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using compute::ImageKind;

constexpr std::string_view kNew = ".new-";
constexpr std::string_view kGone = ".gone-";

Error damaged(const std::string& path) {
  return internal_error("hypervisor.folder_damaged", fmt::format("{} is not what we wrote", path));
}

/// Links a file of the image store into a guest's folder, so that the guest outlives the image; copies it where a link
/// is impossible (another file system) or would not be readable.
Status link_or_copy(const std::string& from, const std::string& to) {
  struct stat info{};
  if (::stat(from.c_str(), &info) != 0) return io_error("find image file", from);
  if ((info.st_mode & S_IROTH) && ::link(from.c_str(), to.c_str()) == 0) return {};
  const UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!in || !out) return io_error("copy image file to", to);
  if (::fchmod(out.get(), 0444) != 0) return io_error("set mode of", to);
  return copy_sparse(in.get(), out.get(), info.st_size, to);
}

Status make_file(const std::string& path, std::int64_t size, std::optional<uid_t> uid) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd || ::ftruncate(fd.get(), size) != 0) return io_error("make", path);
  if (uid && ::fchown(fd.get(), *uid, *uid) != 0) return io_error("give away", path);
  return {};
}

json::value instant_or_null(const std::optional<Instant>& at) {
  return at ? json::value(format_instant(*at)) : json::value(nullptr);
}

std::optional<Instant> instant_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_string()) return std::nullopt;
  const auto at = parse_instant(std::string_view(value->get_string()));
  return at ? std::optional(*at) : std::nullopt;
}

std::int64_t number_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_int64() ? value->get_int64() : 0;
}

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<int> int_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_int64() ? std::optional(static_cast<int>(value->get_int64())) : std::nullopt;
}

Result<json::object> read_object(const std::string& path) {
  PHX_TRY(const auto text, read_file(path));
  boost::system::error_code malformed;
  auto value = json::parse(text, malformed);
  if (malformed || !value.is_object()) return damaged(path);
  return std::move(value.get_object());
}

}  // namespace

GuestFolder::GuestFolder(std::string guests_folder, Uuid id)
    : guests_(std::move(guests_folder)), id_(id), path_(fmt::format("{}/{}", guests_, id.to_string())) {}

bool GuestFolder::exists() const {
  struct stat info{};
  return ::lstat(path_.c_str(), &info) == 0;
}

Status GuestFolder::provision(const compute::GuestSpec& spec, std::optional<uid_t> uid, const Options& options) const {
  if (exists()) {
    PHX_TRY(const auto known, identity());
    if (known.tenant != spec.tenant)
      return invalid_argument("guest.invalid", "id", "This id belongs to another guest.");
    return {};
  }
  const auto fresh = fmt::format("{}/{}{}", guests_, kNew, id_.to_string());
  std::error_code ignored;
  fs::remove_all(fresh, ignored);
  if (auto filled = fill(fresh, spec, uid, options); !filled) {
    fs::remove_all(fresh, ignored);
    return filled;
  }
  PHX_CRASH_POINT("qemu.provision.filled");
  if (::rename(fresh.c_str(), path_.c_str()) != 0) return io_error("move into place", path_);
  PHX_CRASH_POINT("qemu.provision.placed");
  return sync_folder(guests_);
}

Status GuestFolder::fill(const std::string& folder, const compute::GuestSpec& spec, std::optional<uid_t> uid,
                         const Options& options) const {
  const auto run = folder + "/run";
  const auto in_run = [&](const char* name) { return fmt::format("{}/{}", run, name); };
  PHX_CHECK(make_folder(folder, 0700));
  PHX_CHECK(make_folder(run, 0700));
  const std::int64_t disk_size = spec.disk_mib * 1024 * 1024;
  if (spec.image.kind() == ImageKind::kKernel) {
    PHX_CHECK(link_or_copy(spec.image.kernel_path, in_run(file::kKernel)));
    PHX_CHECK(link_or_copy(spec.image.initrd_path, in_run(file::kInitrd)));
    PHX_CHECK(make_file(in_run(file::kDisk), disk_size, uid));
  } else {
    PHX_CHECK(link_or_copy(spec.image.disk_path, in_run(file::kBase)));
    // -u: the image is not opened, only named; what a guest boots from is stated on QEMU's command line anyway.
    SpawnOptions create;
    create.argv = {options.qemu_img_binary,
                   "create",
                   "-q",
                   "-u",
                   "-f",
                   "qcow2",
                   "-F",
                   spec.image.format == compute::ImageFormat::kRaw ? "raw" : "qcow2",
                   "-b",
                   file::kBase,
                   file::kDisk,
                   std::to_string(disk_size)};
    create.cwd = run;
    PHX_TRY(const auto made, run_command(std::move(create), std::chrono::seconds(30)));
    if (!made.status.success()) return internal_error("hypervisor.io", "qemu-img create: " + made.out);
    if (uid && ::chown(in_run(file::kDisk).c_str(), *uid, *uid) != 0) return io_error("give away", run);
  }
  PHX_CHECK(replace_file(in_run(file::kSeed), make_iso("cidata", seed_files(spec)), 0600));
  if (uid && ::chown(in_run(file::kSeed).c_str(), *uid, *uid) != 0) return io_error("give away", run);
  PHX_CHECK(make_file(in_run(file::kConsoleLog), 0, uid));
  PHX_CHECK(make_file(folder + "/lock", 0, std::nullopt));
  if (uid && ::chown(run.c_str(), *uid, *uid) != 0) return io_error("give away", run);
  const json::object identity{{"id", spec.id.to_string()},
                              {"tenant", spec.tenant.to_string()},
                              {"name", spec.name},
                              {"uid", uid ? json::value(*uid) : json::value(nullptr)}};
  return replace_file(folder + "/guest.json", json::serialize(identity));
}

Status GuestFolder::remove() const {
  const auto gone = fmt::format("{}/{}{}", guests_, kGone, id_.to_string());
  std::error_code failed;
  fs::remove_all(gone, failed);
  if (::rename(path_.c_str(), gone.c_str()) != 0 && errno != ENOENT) return io_error("move away", path_);
  PHX_CRASH_POINT("qemu.destroy.moved");
  fs::remove_all(gone, failed);
  if (failed) {
    errno = failed.value();
    return io_error("remove", gone);
  }
  return sync_folder(guests_);
}

Result<GuestIdentity> GuestFolder::identity() const {
  const auto path = path_ + "/guest.json";
  PHX_TRY(const auto object, read_object(path));
  const auto id = Uuid::parse(text_at(object, "id"));
  const auto tenant = Uuid::parse(text_at(object, "tenant"));
  if (!id || *id != id_ || !tenant) return damaged(path);
  GuestIdentity out{*id, *tenant, text_at(object, "name"), std::nullopt};
  if (const auto uid = int_at(object, "uid")) out.uid = static_cast<uid_t>(*uid);
  return out;
}

Result<GuestState> GuestFolder::state() const {
  const auto path = path_ + "/state.json";
  if (!fs::exists(path)) return GuestState{};
  PHX_TRY(const auto object, read_object(path));
  GuestState out;
  out.started_at = instant_at(object, "startedAt");
  out.booted_at = instant_at(object, "bootedAt");
  out.log_offset = number_at(object, "logOffset");
  out.expected_end = text_at(object, "expectedEnd");
  if (const auto pid = int_at(object, "pid"))
    out.process = ProcessIdentity{*pid, static_cast<std::uint64_t>(number_at(object, "startTicks"))};
  if (const auto* exit = object.if_contains("exit"); exit && exit->is_object()) {
    const auto& ended = exit->get_object();
    const auto* expected = ended.if_contains("expected");
    out.exit =
        compute::GuestExit{instant_at(ended, "at").value_or(Instant{}), int_at(ended, "signal"), int_at(ended, "code"),
                           expected && expected->is_bool() && expected->get_bool(), text_at(ended, "reason")};
  }
  return out;
}

Status GuestFolder::save(const GuestState& state) const {
  json::object object{{"startedAt", instant_or_null(state.started_at)},
                      {"bootedAt", instant_or_null(state.booted_at)},
                      {"logOffset", state.log_offset},
                      {"expectedEnd", state.expected_end}};
  if (state.process) {
    object["pid"] = state.process->pid;
    object["startTicks"] = static_cast<std::int64_t>(state.process->start_ticks);
  }
  if (state.exit) {
    json::object exit{
        {"at", format_instant(state.exit->at)}, {"expected", state.exit->expected}, {"reason", state.exit->reason}};
    if (state.exit->signal) exit["signal"] = *state.exit->signal;
    if (state.exit->code) exit["code"] = *state.exit->code;
    object["exit"] = std::move(exit);
  }
  return replace_file(path_ + "/state.json", json::serialize(object));
}

Result<std::optional<UniqueFd>> GuestFolder::try_lock() const {
  const auto path = path_ + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return io_error("open", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::optional<UniqueFd>(std::move(fd));
  if (errno != EWOULDBLOCK) return io_error("lock", path);
  return std::optional<UniqueFd>();
}

bool GuestFolder::is_lock_holder(pid_t pid) const {
  struct stat lock{};
  if (::lstat((path_ + "/lock").c_str(), &lock) != 0) return false;
  std::error_code failed;
  for (auto it = fs::directory_iterator(fmt::format("/proc/{}/fd", pid), failed); !failed && it != fs::end(it);
       it.increment(failed)) {
    struct stat open{};
    if (::stat(it->path().c_str(), &open) == 0 && open.st_dev == lock.st_dev && open.st_ino == lock.st_ino) return true;
  }
  return false;
}

Result<UniqueFd> GuestFolder::open_run() const { return open_folder(run_path()); }

void GuestFolder::remove_sockets() const {
  for (const char* name : {file::kControl, file::kRescue, file::kConsole})
    ::unlink(fmt::format("{}/{}", run_path(), name).c_str());
}

std::int64_t GuestFolder::disk_bytes() const {
  struct stat info{};
  if (::lstat(fmt::format("{}/{}", run_path(), file::kDisk).c_str(), &info) != 0) return 0;
  return static_cast<std::int64_t>(info.st_blocks) * 512;
}

std::vector<Uuid> GuestFolder::all(const std::string& guests_folder) {
  std::vector<Uuid> out;
  std::error_code failed;
  for (auto it = fs::directory_iterator(guests_folder, failed); !failed && it != fs::end(it); it.increment(failed)) {
    if (const auto id = Uuid::parse(it->path().filename().string()); id && GuestFolder(guests_folder, *id).identity())
      out.push_back(*id);
  }
  return out;
}

void GuestFolder::clear_leftovers(const std::string& guests_folder) {
  std::error_code failed;
  for (auto it = fs::directory_iterator(guests_folder, failed); !failed && it != fs::end(it); it.increment(failed)) {
    const auto name = it->path().filename().string();
    for (const auto prefix : {kNew, kGone}) {
      if (!name.starts_with(prefix) || !Uuid::parse(name.substr(prefix.size()))) continue;
      std::error_code kept;
      fs::remove_all(it->path(), kept);
      log_event(LogLevel::kInfo, "qemu.leftover_removed", {{"folder", name}, {"failed", kept ? kept.message() : ""}});
    }
  }
}

}  // namespace phx::qemu
