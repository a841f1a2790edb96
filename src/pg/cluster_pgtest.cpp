#include "pg/cluster.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <latch>
#include <thread>

#include "base/task_scope.hpp"
#include "pg/backup.hpp"
#include "pg/database.hpp"
#include "pg/sync.hpp"
#include "pg/testing/test_cluster.hpp"
#include "pg/upgrade.hpp"

namespace phx::pg {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::scratch;

ClusterOptions options_for(const std::string& name) {
  ClusterOptions options;
  options.folder = scratch(name);
  options.settings = {{"shared_buffers", "16MB"}};
  return options;
}

UserIdentity server_user() { return ::geteuid() == 0 ? *find_user("postgres") : current_user(); }

std::string ask(const EmbeddedCluster& cluster, const std::string& sql, std::string_view user = "phoenix_owner") {
  auto connection = SyncConnection::open(cluster.conninfo(user));
  if (!connection) return connection.error().to_string();
  auto rows = connection->script_text(sql);
  if (!rows) return rows.error().to_string();
  return rows->empty() ? "" : rows->front().front();
}

/// The server's end, seen from outside.
void kill_server(const EmbeddedCluster& cluster) {
  const auto handle = open_pidfd(*cluster.server());
  ASSERT_TRUE(handle);
  ASSERT_TRUE(signal_pidfd(*handle, SIGKILL));
  ASSERT_TRUE(wait_exit_for(*handle, 20s));
}

TEST(Cluster, IsCreatedPrivateAndDurable) {
  EmbeddedCluster cluster(options_for("created"));
  const auto status = cluster.start();
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_FALSE(cluster.adopted());
  EXPECT_EQ(ask(cluster, "show fsync"), "on");
  EXPECT_EQ(ask(cluster, "show data_checksums"), "on");
  EXPECT_EQ(ask(cluster, "show listen_addresses"), "");
  EXPECT_EQ(ask(cluster, "show lc_collate"), "C");
  EXPECT_EQ(ask(cluster, "show server_encoding"), "UTF8");
  EXPECT_EQ(
      ask(cluster, "select count(*) from pg_hba_file_rules where auth_method <> 'peer' or type <> 'local'", "postgres"),
      "0");
  for (const auto& path : {cluster.socket_folder(), cluster.data_folder()}) {
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U) << path;
    EXPECT_EQ(info.st_uid, server_user().uid) << path;
  }
  ASSERT_TRUE(cluster.stop());
  EXPECT_FALSE(fs::exists(cluster.data_folder() / "postmaster.pid")) << "a clean stop";
}

TEST(Cluster, StrangersDoNotGetIn) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  EmbeddedCluster cluster(options_for("strangers"));
  ASSERT_TRUE(cluster.start());
  SpawnOptions psql;
  psql.argv = {"/usr/bin/psql", cluster.superuser_conninfo(), "-c", "select 1"};
  psql.env = {"PATH=/usr/bin:/bin"};
  psql.user = *find_user("nobody");
  auto refused = run_command(psql, 20s);
  ASSERT_TRUE(refused);
  EXPECT_FALSE(refused->status.success());
  EXPECT_THAT(refused->out, HasSubstr("ermission denied"));
  // Even past the folder's mode `peer` says no.
  ASSERT_EQ(::chmod(cluster.socket_folder().c_str(), 0755), 0);
  for (const auto& entry : fs::directory_iterator(cluster.socket_folder()))
    if (entry.is_socket()) ASSERT_EQ(::chmod(entry.path().c_str(), 0777), 0);
  refused = run_command(psql, 20s);
  ASSERT_TRUE(refused);
  EXPECT_FALSE(refused->status.success());
  EXPECT_THAT(refused->out, HasSubstr("authentication failed"));
  ASSERT_TRUE(cluster.stop());
}

TEST(Cluster, TwoStartsAtOnceLeaveOneWorkingCluster) {
  const auto options = options_for("twice");
  EmbeddedCluster one(options), two(options);
  Status first, second;
  {
    std::jthread a([&] { first = one.start(); });
    std::jthread b([&] { second = two.start(); });
  }
  ASSERT_NE(first.has_value(), second.has_value());
  EXPECT_EQ((first ? second : first).error().reason(), "cluster.locked");
  auto& winner = first ? one : two;
  EXPECT_EQ(ask(winner, "select 1"), "1");
  ASSERT_TRUE(winner.stop());
}

TEST(Cluster, TwoAtOnceInANewFolderDoNotTakeEachOtherForStrangers) {
  for (int round = 0; round < 200; ++round) {
    const auto options = options_for(fmt::format("new-{}", round));
    EmbeddedCluster one(options), two(options);
    Result<bool> first = true, second = true;
    {
      std::latch together(2);
      const auto halt = [&](EmbeddedCluster& cluster, Result<bool>& out) {
        together.arrive_and_wait();
        out = cluster.halt();
      };
      std::jthread a(halt, std::ref(one), std::ref(first));
      std::jthread b(halt, std::ref(two), std::ref(second));
    }
    for (const auto* halted : {&first, &second})
      if (!*halted) ASSERT_EQ(halted->error().reason(), "cluster.locked") << "round " << round;
  }
}

TEST(Cluster, LiveServerIsAdopted) {
  const auto options = options_for("adopted");
  ProcessIdentity before;
  {
    EmbeddedCluster first(options);
    ASSERT_TRUE(first.start());
    ask(first, "create table public_fact (x int)", "postgres");
    before = *first.server();
  }
  EmbeddedCluster second(options);
  ASSERT_TRUE(second.start());
  EXPECT_TRUE(second.adopted());
  EXPECT_EQ(second.server(), before);
  EmbeddedCluster beside(options);
  ASSERT_TRUE(beside.attach()) << "the command line looks on without the lock";
  EXPECT_EQ(beside.system_identifier(), second.system_identifier());
  ASSERT_TRUE(second.stop());
  EmbeddedCluster late(options);
  EXPECT_EQ(late.attach().error().reason(), "cluster.not_running");
}

TEST(Cluster, IsHaltedWithoutBeingStarted) {
  const auto options = options_for("halted");
  {
    EmbeddedCluster cluster(options);
    ASSERT_TRUE(cluster.start());
  }
  EmbeddedCluster later(options);
  const auto halted = later.halt();
  ASSERT_TRUE(halted) << halted.error().to_string();
  EXPECT_TRUE(*halted);
  EXPECT_FALSE(fs::exists(later.data_folder() / "postmaster.pid")) << "a clean stop";
  const auto again = later.halt();
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_FALSE(*again) << "nothing ran, and nothing was started to be stopped";
  EmbeddedCluster next(options);
  EXPECT_EQ(next.attach().error().reason(), "cluster.not_running");
}

TEST(Cluster, ServerSurvivesTheDeathOfOurWholeProcessGroup) {
  const auto options = options_for("group");
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::setpgid(0, 0);
    EmbeddedCluster cluster(options);
    const char answer = cluster.start() ? 'y' : 'n';
    [[maybe_unused]] const auto written = ::write(ready[1], &answer, 1);
    ::pause();
    ::_exit(0);
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  ASSERT_EQ(::kill(-child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EmbeddedCluster cluster(options);
  ASSERT_TRUE(cluster.start());
  EXPECT_TRUE(cluster.adopted());
  ASSERT_TRUE(cluster.stop());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(Cluster, StalePidFileWithAReusedPidDoesNotBlockTheStart) {
  const auto options = options_for("stale");
  SpawnOptions sleeper;
  sleeper.argv = {"/bin/sleep", "1000"};
  sleeper.user = server_user();
  const auto other = spawn(sleeper);
  ASSERT_TRUE(other);
  {
    EmbeddedCluster cluster(options);
    ASSERT_TRUE(cluster.start());
    ask(cluster, "create table kept (x int)");
    kill_server(cluster);
  }
  // What remains after a crash of the machine, when the pid now is another process of the same account.
  const auto path = options.folder / "data" / "postmaster.pid";
  std::string text;
  {
    std::ifstream file(path);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  ASSERT_FALSE(text.empty());
  std::ofstream(path) << *other << text.substr(text.find('\n'));
  {
    EmbeddedCluster cluster(options);
    const auto status = cluster.start();
    ASSERT_TRUE(status) << status.error().to_string();
    EXPECT_FALSE(cluster.adopted());
    EXPECT_EQ(ask(cluster, "select count(*) from kept"), "0");
    ASSERT_TRUE(cluster.stop());
  }
  const auto handle = open_pidfd(*other);
  ASSERT_TRUE(handle) << "the innocent process was left alone";
  ASSERT_TRUE(signal_pidfd(*handle, SIGKILL));
  wait_exit_for(*handle, 5s);
}

TEST(Cluster, ForeignFoldersAreRefusedUntouched) {
  const auto options = options_for("foreign");
  fs::create_directories(options.folder);
  std::ofstream(options.folder / "thesis.txt") << "years of work";
  EmbeddedCluster cluster(options);
  const auto status = cluster.start();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason(), "cluster.foreign_folder");
  EXPECT_EQ(std::distance(fs::directory_iterator(options.folder), {}), 1);

  const auto empty = options_for("foreign-data");
  {
    EmbeddedCluster made(empty);
    ASSERT_TRUE(made.start());
    ASSERT_TRUE(made.stop());
  }
  fs::remove_all(empty.folder / "data");
  fs::create_directories(empty.folder / "data" / "something");
  EmbeddedCluster broken(empty);
  EXPECT_EQ(broken.start().error().reason(), "cluster.foreign_folder");
}

TEST(Cluster, MissingVersionNamesTheCommand) {
  const auto options = options_for("version");
  {
    EmbeddedCluster made(options);
    ASSERT_TRUE(made.start());
    ASSERT_TRUE(made.stop());
  }
  std::ofstream(options.folder / "data" / "PG_VERSION") << "9\n";
  EmbeddedCluster cluster(options);
  const auto status = cluster.start();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason(), "cluster.version_missing");
  EXPECT_EQ(status.error().next_action(), "Run: apt-get install postgresql-9");
}

TEST(Cluster, InterruptedCreationIsCleanedAwayAndRepeated) {
  const auto options = options_for("interrupted");
  {
    EmbeddedCluster made(options);
    ASSERT_TRUE(made.start());
    ASSERT_TRUE(made.stop());
  }
  // As if we had been killed inside initdb.
  fs::rename(options.folder / "data", options.folder / "data.new-12345");
  EmbeddedCluster cluster(options);
  ASSERT_TRUE(cluster.start());
  EXPECT_FALSE(fs::exists(options.folder / "data.new-12345"));
  ASSERT_TRUE(cluster.stop());
}

TEST(Cluster, LongPathsGetAShortPrivateSocketFolder) {
  auto options = options_for(std::string(60, 'l') + "/" + std::string(60, 'm'));
  EmbeddedCluster cluster(options);
  const auto status = cluster.start();
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_LT(cluster.socket_folder().string().size(), 93U);
  EXPECT_EQ(ask(cluster, "select 1"), "1");
  std::string recorded;
  std::ifstream(options.folder / "socket-folder") >> recorded;
  EXPECT_EQ(recorded, cluster.socket_folder().string());
  ASSERT_TRUE(cluster.stop());
  fs::remove_all(cluster.socket_folder());
}

TEST(Cluster, FullDiskIsAClearError) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a small disk";
  const auto mount_point = scratch("small-disk");
  fs::create_directories(mount_point);
  if (::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=8m,mode=0755") != 0) GTEST_SKIP() << "cannot mount";
  struct Unmount {
    fs::path path;
    ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
  } const unmount{mount_point};
  ClusterOptions options;
  options.folder = mount_point / "cluster";
  EmbeddedCluster cluster(options);
  const auto status = cluster.start();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason(), "cluster.disk_full") << status.error().to_string();
  EXPECT_FALSE(status.error().next_action().empty());
  EXPECT_FALSE(fs::exists(options.folder / "data"));
  for (const auto& entry : fs::directory_iterator(options.folder))
    EXPECT_THAT(entry.path().filename().string(), ::testing::Not(HasSubstr("data"))) << "nothing half-made is left";
}

TEST(Cluster, KilledServerComesBackAndKeepsWhatWasAccepted) {
  EmbeddedCluster cluster(options_for("killed"));
  ASSERT_TRUE(cluster.start());
  ask(cluster, "create table kept (x int)");
  ask(cluster, "grant select, insert on kept to phoenix_worker");

  asio::io_context io(1);
  BlockingPool blocking(4, 64);
  Metrics metrics;
  DatabaseOptions options;
  options.endpoints = *Endpoints::from(cluster.conninfo());
  options.pool_wait = 20s;
  Database database(io.get_executor(), blocking, metrics, options);
  TaskScope scope(io.get_executor(), "test");
  scope.spawn("watch", cluster.watch(blocking));

  struct Outcome {
    int accepted = 0;
    std::int64_t found = -1;
    int rounds = 0;
    int kills = 0;
    std::string problem;
  } outcome;
  auto story = [](EmbeddedCluster& server, Database& db, Outcome& out) -> asio::awaitable<void> {
    const auto insert = Sql::dynamic("insert", "insert into public.kept values (1)");
    const auto count = Sql::dynamic("count", "select count(*) from public.kept");
    for (out.rounds = 0; out.rounds < 3; ++out.rounds) {
      const auto stored = co_await db.execute(Scope::worker(), insert, {}, Deadline::after(30s));
      if (!stored) out.problem = stored.error().to_string();
      out.accepted += stored ? 1 : 0;
      const auto before = server.server();
      const auto victim = open_pidfd(*before);
      if (victim && signal_pidfd(*victim, SIGKILL)) ++out.kills;
      // A read in between may still meet a backend that has not noticed; one after the restart meets the new server.
      static_cast<void>(co_await db.read(Scope::worker(), count, {}, Deadline::after(30s)));
      while (!server.server() || server.server() == before) co_await sleep_for(5ms);
      const auto rows = co_await db.read(Scope::worker(), count, {}, Deadline::after(30s));
      if (!rows) out.problem = rows.error().to_string();
      out.found = rows ? rows->get<std::int64_t>(0, 0) : -1;
    }
    co_await db.stop();
  };
  bool done = false;
  asio::co_spawn(io, story(cluster, database, outcome), [&](std::exception_ptr failure) {
    EXPECT_FALSE(failure);
    done = true;
  });
  while (!done) io.run_one();
  bool stopped = false;
  asio::co_spawn(io, scope.stop(), [&](std::exception_ptr) { stopped = true; });
  while (!stopped) io.run_one();
  EXPECT_EQ(outcome.kills, 3);
  EXPECT_EQ(outcome.accepted, 3) << outcome.problem;
  EXPECT_EQ(outcome.found, 3) << outcome.problem;
  ASSERT_TRUE(cluster.stop());
}

TEST(Backup, DrillRestoresWhatWasThereAndMarksIt) {
  EmbeddedCluster source(options_for("source"));
  ASSERT_TRUE(source.start());
  ask(source, "create table facts as select generate_series(1, 1000) as x");
  const auto target = scratch("backup");
  const auto made = backup(source, target);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_GT(made->bytes, 1'000'000U);
  EXPECT_EQ(backup(source, target).error().reason(), "backup.target_exists");
  ask(source, "delete from facts");

  const auto options = options_for("restored");
  const auto restored = restore(target, options, *parse_instant("2026-01-02T03:04:05Z"));
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_TRUE(has_restored_marker(options.folder));
  EmbeddedCluster copy(options);
  const auto started = copy.start();
  ASSERT_TRUE(started) << started.error().to_string();
  EXPECT_EQ(ask(copy, "select count(*) from facts"), "1000");
  EXPECT_EQ(ask(source, "select count(*) from facts"), "0") << "the source goes on beside it";
  ASSERT_TRUE(clear_restored_marker(options.folder));
  EXPECT_FALSE(has_restored_marker(options.folder));
  EXPECT_EQ(restore(target, options, {}).error().reason(), "cluster.locked");
  ASSERT_TRUE(copy.stop());
  EXPECT_EQ(restore(target, options, {}).error().reason(), "backup.target_exists");
  ASSERT_TRUE(source.stop());

  EXPECT_TRUE(verify_backup(fs::relative(target), options)) << "named from here";
  // One changed byte is found before anything is written.
  std::fstream file(target / "data" / "global" / "pg_control", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(100);
  file.put('!');
  file.close();
  const auto fresh = options_for("restored-corrupt");
  EXPECT_EQ(restore(target, fresh, {}).error().reason(), "backup.corrupt");
  EXPECT_FALSE(fs::exists(fresh.folder));
  EXPECT_EQ(verify_backup(scratch("created"), fresh).error().reason(), "backup.not_a_backup");
}

TEST(Upgrade, MovesEverythingAndKeepsTheOld) {
  const auto options = options_for("upgrade");
  int major = 0;
  std::string identifier;
  {
    EmbeddedCluster cluster(options);
    ASSERT_TRUE(cluster.start());
    ask(cluster, "create schema phoenix");
    ask(cluster, "create table phoenix.facts as select generate_series(1, 1000) as x");
    ask(cluster, "grant select on phoenix.facts to phoenix_worker");
    identifier = cluster.system_identifier();
    ASSERT_TRUE(cluster.stop());
    std::ifstream(cluster.data_folder() / "PG_VERSION") >> major;
  }
  // A check that fails leaves all as it was.
  const auto refused = upgrade(options, major, [](const EmbeddedCluster&) -> Status {
    return Error(Code::kDataLoss, "fsck.differs", "A counter is wrong.");
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "fsck.differs");
  {
    EmbeddedCluster cluster(options);
    ASSERT_TRUE(cluster.start());
    EXPECT_EQ(cluster.system_identifier(), identifier);
    ASSERT_TRUE(cluster.stop());
  }
  std::string seen;
  const auto done = upgrade(options, major, [&](const EmbeddedCluster& fresh) -> Status {
    seen = ask(fresh, "select count(*) from phoenix.facts");
    return {};
  });
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(seen, "1000");
  EXPECT_TRUE(fs::exists(done->kept / "PG_VERSION"));
  EXPECT_FALSE(fs::exists(options.folder / "upgrade"));
  EmbeddedCluster cluster(options);
  ASSERT_TRUE(cluster.start());
  EXPECT_NE(cluster.system_identifier(), identifier);
  EXPECT_EQ(ask(cluster, "select count(*) from phoenix.facts"), "1000");
  EXPECT_EQ(ask(cluster, "select has_table_privilege('phoenix_worker', 'phoenix.facts', 'select')"), "t");
  EXPECT_EQ(upgrade(options, major, [](const EmbeddedCluster&) { return Status(); }).error().reason(),
            "upgrade.kept_exists");
  ASSERT_TRUE(cluster.stop());
}

}  // namespace
}  // namespace phx::pg
