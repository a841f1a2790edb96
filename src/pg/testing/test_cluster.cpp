#include "pg/testing/test_cluster.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <stdexcept>

#include "base/log.hpp"
#include "base/process.hpp"
#include "pg/migrate.hpp"
#include "pg/sql.gen.hpp"
#include "pg/sync.hpp"

namespace phx::pg::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemplate = "phx_template";

template <class T>
T must(Result<T> result, std::string_view what) {
  if (!result) throw std::runtime_error(fmt::format("{}: {}", what, result.error().to_string()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// The binary's folder, and the process that removes it. It waits at the other end of a pipe, which the kernel closes
/// however we end.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "phx-pgtest-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
    folder_ = name;
    fs::permissions(folder_, fs::perms(0711));
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
    const UniqueFd reader(ends[0]);
    alive_.reset(ends[1]);
    SpawnOptions options;
    options.argv = {"/bin/sh", "-c",
                    "read -r _\n"
                    "find \"$1\" -name postmaster.pid | while read -r file; do\n"
                    "  pid=$(head -n 1 \"$file\")\n"
                    "  case $(readlink \"/proc/$pid/exe\") in */postgres*) kill -QUIT \"$pid\" ;; *) continue ;; esac\n"
                    "  tries=200\n"
                    "  while [ -e \"/proc/$pid/exe\" ] && [ $tries -gt 0 ]; do sleep 0.05; tries=$((tries - 1)); done\n"
                    "done\n"
                    "rm -rf \"$1\"\n",
                    "sh", name};
    options.env = {"PATH=/usr/bin:/bin"};
    options.fds = {{reader.get(), 0}};
    janitor_ = must(open_pidfd(must(spawn(options), "janitor")), "janitor");
  }
  ~Scratch() {
    alive_.reset();
    wait_exit_for(janitor_, std::chrono::seconds(30));
  }
  const fs::path& folder() const { return folder_; }

 private:
  fs::path folder_;
  UniqueFd alive_;
  UniqueFd janitor_;
};

std::unique_ptr<Scratch>& scratch_slot() {
  static std::unique_ptr<Scratch> slot;
  return slot;
}

const fs::path& scratch_folder() {
  if (!scratch_slot()) scratch_slot() = std::make_unique<Scratch>();
  return scratch_slot()->folder();
}

std::string conninfo_of(std::string_view database, std::string_view user) {
  return fmt::format("host={} port=5432 dbname={} user={}", quote_conninfo(cluster().socket_folder().string()),
                     database, user);
}

void run_as(std::string_view database, std::string_view user, const std::string& sql) {
  auto connection = must(SyncConnection::open(conninfo_of(database, user)), "connect");
  must(connection.script(sql), sql);
}

void create_database(std::string_view name, std::string_view from) {
  run_as("postgres", "postgres", fmt::format("create database {} owner phoenix_owner template {}", name, from));
  auto connection = must(SyncConnection::open(conninfo_of(name, "postgres")), "connect");
  must(connection.execute(sql::pg::bootstrap_database), "bootstrap");
}

void make_template() {
  static const bool made = [] {
    create_database(kTemplate, "template0");
    must(Migrator(conninfo_of(kTemplate, "phoenix_owner")).up(), "migrate");
    return true;
  }();
  static_cast<void>(made);
}

std::vector<std::vector<std::string>> query_as(std::string_view database, std::string_view user, std::string_view sql) {
  auto connection = must(SyncConnection::open(conninfo_of(database, user)), "connect");
  must(connection.script("set search_path = phoenix, pg_catalog; set timezone = 'UTC'"), "set");
  return must(connection.script_text(std::string(sql)), sql);
}

}  // namespace

fs::path scratch(const std::string& name) { return scratch_folder() / name; }

EmbeddedCluster& cluster() {
  static std::unique_ptr<EmbeddedCluster> instance = [] {
    ClusterOptions options;
    options.folder = scratch("main");
    options.durable = false;
    options.settings = {{"max_connections", "200"}, {"shared_buffers", "64MB"}, {"autovacuum", "off"}};
    // The deep suite's sick database: what is written is flushed, every flush of a commit takes 2 ms longer, as on an
    // ordinary disk, and next to nothing is kept in memory.
    if (std::getenv("PHX_PGTEST_SICK")) {
      options.durable = true;
      options.settings["commit_delay"] = "2000";
      options.settings["commit_siblings"] = "0";
      options.settings["shared_buffers"] = "2MB";
    }
    auto made = std::make_unique<EmbeddedCluster>(std::move(options));
    must(made->start(), "cluster");
    return made;
  }();
  return *instance;
}

TestDatabase::TestDatabase(Content content, void (*adjust)(DatabaseOptions&)) {
  static int count = 0;
  name_ = fmt::format("t{}", ++count);
  if (content == Content::kMigrated) make_template();
  create_database(name_, content == Content::kMigrated ? kTemplate : "template0");
  options_.endpoints = must(Endpoints::from(fmt::format("host={} port=5432 dbname={}",
                                                        quote_conninfo(cluster().socket_folder().string()), name_)),
                            "endpoints");
  // A busy machine must not move a test's reads to the slow lane.
  options_.shared_statement_timeout = std::chrono::seconds(5);
  options_.pool_wait = std::chrono::seconds(5);
  if (adjust) adjust(options_);
  database_ = another();
}

TestDatabase::~TestDatabase() {
  run(database_->stop());
  database_.reset();
  try {
    run_as("postgres", "postgres", fmt::format("drop database {} with (force)", name_));
  } catch (const std::exception& error) { ADD_FAILURE() << error.what(); }
}

std::unique_ptr<Database> TestDatabase::another() {
  return std::make_unique<Database>(executor(), blocking_, metrics_, options_);
}

void TestDatabase::run(asio::awaitable<void> task) {
  bool done = false;
  std::exception_ptr failure;
  asio::co_spawn(io_, std::move(task), [&](std::exception_ptr thrown) {
    failure = thrown;
    done = true;
  });
  if (io_.stopped()) io_.restart();
  while (!done && io_.run_one() > 0) {}
  if (failure) std::rethrow_exception(failure);
  if (!done) throw std::logic_error("the task waits for something that will never happen");
}

std::vector<std::vector<std::string>> TestDatabase::exec(std::string_view sql) {
  return query_as(name_, "phoenix_owner", sql);
}
std::vector<std::vector<std::string>> TestDatabase::exec_superuser(std::string_view sql) {
  return query_as(name_, "postgres", sql);
}
std::string TestDatabase::value(std::string_view sql) {
  const auto rows = exec(sql);
  if (rows.empty() || rows.front().empty()) throw std::runtime_error(fmt::format("no row: {}", sql));
  return rows.front().front();
}

void TestDatabase::set_now(std::optional<Instant> now) {
  const std::string body = now ? fmt::format("select ''{}''::timestamptz", format_instant(*now))
                               : std::string("select pg_catalog.statement_timestamp()");
  exec(
      fmt::format("create or replace function phoenix.now() returns timestamptz language sql stable parallel safe "
                  "as '{}'",
                  body));
}

std::string TestDatabase::conninfo(std::string_view user) const { return conninfo_of(name_, user); }

}  // namespace phx::pg::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  phx::set_log_level(phx::LogLevel::kError);
  const int result = RUN_ALL_TESTS();
  phx::pg::testing::scratch_slot().reset();
  return result;
}
