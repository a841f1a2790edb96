#include "pg/upgrade.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "pg/sql.gen.hpp"
#include "pg/sync.hpp"

namespace phx::pg {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::hours kLimit{24};

Error failure(std::string_view reason, std::string message, std::string detail = {}) {
  return Error(Code::kFailedPrecondition, reason, std::move(message)).with_internal(std::move(detail));
}

int major_of(const fs::path& data) {
  int major = 0;
  std::ifstream(data / "PG_VERSION") >> major;
  return major;
}

Status run_tool(std::vector<std::string> argv) {
  SpawnOptions tool;
  tool.argv = std::move(argv);
  tool.env = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=/"};
  PHX_TRY(const auto run, run_command(tool, kLimit));
  if (!run.status.success())
    return failure(
        "upgrade.failed",
        fmt::format("{} failed; the old database is untouched.", fs::path(tool.argv.front()).filename().string()),
        run.out);
  return {};
}

Result<std::vector<std::string>> row_counts(const EmbeddedCluster& cluster) {
  PHX_TRY(auto connection, SyncConnection::open(cluster.superuser_conninfo()));
  PHX_TRY(const auto rows, connection.execute(sql::pg::row_counts));
  std::vector<std::string> out;
  for (const auto row : rows) out.push_back(row.get<std::string>(0) + " " + row.get<std::string>(1));
  return out;
}

/// What an interrupted attempt left behind.
Status clear_away(const ClusterOptions& options) {
  if (!fs::exists(options.folder)) return {};
  EmbeddedCluster leftover(options);
  if (leftover.attach()) PHX_CHECK(leftover.stop());
  fs::remove_all(options.folder);
  return {};
}

}  // namespace

Result<UpgradeReport> upgrade(const ClusterOptions& options, int to_major,
                              const std::function<Status(const EmbeddedCluster&)>& check) {
  EmbeddedCluster old_cluster(options);
  if (!fs::exists(old_cluster.data_folder() / "PG_VERSION"))
    return failure("upgrade.failed", fmt::format("There is no database in {}.", options.folder.string()));
  const fs::path folder = old_cluster.data_folder().parent_path();
  UpgradeReport report{major_of(old_cluster.data_folder()), to_major, {}};
  report.kept = folder / fmt::format("data.before-{}", to_major);
  if (fs::exists(report.kept))
    return Error(failure("upgrade.kept_exists",
                         fmt::format("{} is still there from an earlier upgrade.", report.kept.string())))
        .with_next_action("Move it away, then try again.");
  PHX_CHECK(old_cluster.start());

  auto fresh_options = options;
  fresh_options.folder = folder / "upgrade";
  fresh_options.major = to_major;
  PHX_CHECK(clear_away(fresh_options));
  EmbeddedCluster fresh(fresh_options);
  PHX_CHECK(fresh.start());
  const auto dump = fresh_options.folder / "dump";
  // The new version's tools read the old server: that direction is the supported one.
  PHX_CHECK(run_tool({(fresh.binaries() / "pg_dump").string(), "--format=custom", "--file=" + dump.string(),
                      "--dbname=" + old_cluster.superuser_conninfo()}));
  PHX_CHECK(run_tool({(fresh.binaries() / "pg_restore").string(), "--exit-on-error",
                      "--dbname=" + fresh.superuser_conninfo(), dump.string()}));
  PHX_TRY(const auto before, row_counts(old_cluster));
  PHX_TRY(const auto after, row_counts(fresh));
  if (before != after)
    return failure("upgrade.differs", "The copy differs from the original, which stays in use.",
                   fmt::format("{} tables before, {} after", before.size(), after.size()));
  PHX_CHECK(check(fresh));

  PHX_CHECK(fresh.stop());
  PHX_CHECK(old_cluster.stop());
  if (::renameat2(AT_FDCWD, (fresh_options.folder / "data").c_str(), AT_FDCWD, old_cluster.data_folder().c_str(),
                  RENAME_EXCHANGE) != 0)
    return failure("upgrade.failed",
                   fmt::format("The new data folder could not be put in place: {}.", std::strerror(errno)));
  fs::rename(fresh_options.folder / "data", report.kept);
  fs::remove_all(fresh_options.folder);
  log_event(LogLevel::kInfo, "upgrade.done", {{"from", report.from_major}, {"to", report.to_major}});
  return report;
}

}  // namespace phx::pg
