#include "app/data_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

namespace phx::app {
namespace fs = std::filesystem;
namespace {

std::string read_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string boot_id() { return read_line("/proc/sys/kernel/random/boot_id"); }

Status write_file(const fs::path& path, const std::string& content) {
  const fs::path temporary = path.string() + ".new";
  {
    std::ofstream out(temporary, std::ios::trunc);
    out << content;
    out.flush();
    if (!out)
      return Error(Code::kUnavailable, "data.unwritable", "Cannot write " + path.string() + ".")
          .with_next_action("Free space, or give the folder to the account the server runs as.");
  }
  std::error_code failure;
  fs::rename(temporary, path, failure);
  if (failure)
    return Error(Code::kUnavailable, "data.unwritable", "Cannot write " + path.string() + ": " + failure.message());
  return {};
}

}  // namespace

Result<DataFolder> DataFolder::open(const std::string& path) {
  std::error_code failure;
  const fs::path folder = fs::absolute(path, failure);
  for (const auto& part : {folder, folder / "run", folder / "log", folder / "import"}) {
    fs::create_directories(part, failure);
    if (failure)
      return Error(Code::kUnavailable, "data.unwritable", "Cannot make " + part.string() + ": " + failure.message())
          .with_next_action("Choose another folder with --data, or make it writable.");
  }
  // The database's and the guests' accounts must be able to pass through, but not to look around.
  fs::permissions(folder, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec, failure);
  for (const auto& part : {folder / "run", folder / "log"}) fs::permissions(part, fs::perms::owner_all, failure);
  return DataFolder(folder);
}

Result<DataFolder> DataFolder::existing(const std::string& path) {
  std::error_code failure;
  const fs::path folder = fs::absolute(path, failure);
  // Every start makes run/ first.
  if (fs::is_directory(folder / "run", failure)) return DataFolder(folder);
  if (failure && failure != std::errc::no_such_file_or_directory && failure != std::errc::not_a_directory)
    return Error(Code::kUnavailable, "data.unreadable",
                 "Cannot look into " + folder.string() + ": " + failure.message())
        .with_next_action("Run this as root, or as the account that the server runs as.");
  return Error(Code::kNotFound, "data.missing",
               fs::exists(folder, failure) ? folder.string() + " is not a data folder of Phoenix."
                                           : "There is no data folder " + folder.string() + ".")
      .with_next_action("Name the server's data folder with --data or PHOENIX_DATA; phoenix serve makes a new one.");
}

bool DataFolder::host_started_anew() const {
  const std::string last = read_line(path_ / "run" / "host");
  return !last.empty() && last != boot_id();
}

Status DataFolder::mark_running() const { return write_file(path_ / "run" / "host", boot_id() + "\n"); }
Status DataFolder::mark_taken_down() const {
  // Over the bytes that are there, not beside them: a new file would need room. Torn, it still differs from a boot id,
  // and that is all it has to do.
  constexpr std::string_view kMark = "taken down\n";
  const fs::path path = path_ / "run" / "host";
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (file && ::pwrite(file.get(), kMark.data(), kMark.size(), 0) == static_cast<ssize_t>(kMark.size()) &&
      ::ftruncate(file.get(), static_cast<off_t>(kMark.size())) == 0 && ::fsync(file.get()) == 0)
    return {};
  return Error(Code::kUnavailable, "data.unwritable", "Cannot write " + path.string() + ": " + std::strerror(errno))
      .with_next_action("Free space, or give the folder to the account the server runs as.");
}

std::optional<ProcessIdentity> DataFolder::server() const {
  std::ifstream in(path_ / "run" / "server.pid");
  ProcessIdentity written;
  if (!(in >> written.pid >> written.start_ticks)) return std::nullopt;
  const auto now = identify_process(written.pid);
  if (!now || *now != written) return std::nullopt;
  return written;
}

Status DataFolder::write_server_pid() const {
  PHX_TRY(const auto self, identify_process(getpid()));
  return write_file(path_ / "run" / "server.pid",
                    std::to_string(self.pid) + " " + std::to_string(self.start_ticks) + "\n");
}

void DataFolder::remove_server_pid() const {
  std::error_code ignored;
  fs::remove(path_ / "run" / "server.pid", ignored);
}

Status has_database(const DataFolder& folder) {
  std::error_code failure;
  if (fs::exists(folder.database() / "data", failure)) return {};
  if (failure == std::errc::permission_denied)
    return Error(Code::kUnavailable, "data.unreadable", "Cannot look into " + folder.database().string() + ".")
        .with_next_action("Run this as root, or as the account that the server runs as.");
  return Error(Code::kNotFound, "data.no_database", folder.path().string() + " holds no database.")
      .with_next_action(
          "Name the server's data folder with --data or PHOENIX_DATA; phoenix serve makes a new database.");
}

pg::ClusterOptions cluster_options(const Settings& settings) {
  pg::ClusterOptions options;
  options.folder = fs::absolute(settings.data) / "postgres";
  options.system_user = settings.database_user;
  return options;
}

Result<std::string> live_database(const Settings& settings) {
  if (!settings.database_url.empty()) return settings.database_url;
  // Nothing is started, so there is little to wait for: whoever asks wants to know that it does not answer.
  auto options = cluster_options(settings);
  options.start_limit = std::chrono::seconds(10);
  pg::EmbeddedCluster cluster(std::move(options));
  PHX_CHECK(cluster.attach());
  return cluster.conninfo();
}

Result<std::string> live_database_owner(const Settings& settings) {
  PHX_TRY(const std::string conninfo, live_database(settings));
  PHX_TRY(const auto endpoints, pg::Endpoints::from(conninfo, settings.database_direct_url));
  return endpoints.owner;
}

}  // namespace phx::app
