#include "app/data_folder.hpp"

#include <unistd.h>

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
  fs::permissions(folder / "run", fs::perms::owner_all, failure);
  return DataFolder(folder);
}

bool DataFolder::host_started_anew() const {
  const std::string last = read_line(path_ / "run" / "host");
  return !last.empty() && last != boot_id();
}

Status DataFolder::mark_running() const { return write_file(path_ / "run" / "host", boot_id() + "\n"); }
Status DataFolder::mark_taken_down() const { return write_file(path_ / "run" / "host", "taken down\n"); }

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

pg::ClusterOptions cluster_options(const Settings& settings) {
  pg::ClusterOptions options;
  options.folder = fs::absolute(settings.data) / "postgres";
  options.system_user = settings.database_user;
  return options;
}

Result<std::string> live_database(const Settings& settings) {
  if (!settings.database_url.empty()) return settings.database_url;
  pg::EmbeddedCluster cluster(cluster_options(settings));
  PHX_CHECK(cluster.attach());
  return cluster.conninfo();
}

Result<std::string> live_database_owner(const Settings& settings) {
  PHX_TRY(const std::string conninfo, live_database(settings));
  PHX_TRY(const auto endpoints, pg::Endpoints::from(conninfo, settings.database_direct_url));
  return endpoints.owner;
}

}  // namespace phx::app
