#include "engine/oldest_snapshot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/metrics.hpp"
#include "base/task_scope.hpp"
#include "pg/sync.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;

OldestSnapshot oldest(pg::testing::TestDatabase& db) {
  auto found = db.run(oldest_snapshot(db.database()));
  if (!found) throw std::runtime_error(found.error().to_string());
  return *found;
}

asio::awaitable<void> until_rendered(const Metrics& metrics, std::string text) {
  while (metrics.render().find(text) == std::string::npos) co_await sleep_for(1ms);
}

TEST(OldestSnapshot, IsThatOfAnyRoleAndEndsWithIt) {
  pg::testing::TestDatabase db;
  EXPECT_EQ(oldest(db).seconds, 0) << "our own question does not count, nor does a session without a snapshot";
  auto holder = pg::SyncConnection::open(db.conninfo("phoenix_platform"));
  ASSERT_TRUE(holder);
  ASSERT_TRUE(holder->script("begin isolation level repeatable read; select 1"));
  const OldestSnapshot first = oldest(db);
  EXPECT_GT(first.seconds, 0);
  EXPECT_EQ(first.role, "phoenix_platform");
  EXPECT_EQ(db.value("select usename from pg_stat_activity where datname = current_database() and pid = " +
                     std::to_string(first.process)),
            "phoenix_platform")
      << "whom to end";
  const OldestSnapshot second = oldest(db);
  EXPECT_GT(second.seconds, first.seconds);
  EXPECT_EQ(second.process, first.process);
  ASSERT_TRUE(holder->script("commit"));
  EXPECT_EQ(oldest(db).seconds, 0);
  EXPECT_EQ(oldest(db).process, 0);
}

TEST(OldestSnapshot, IsAGauge) {
  pg::testing::TestDatabase db;
  Metrics metrics;
  TaskScope scope(db.executor(), "test");
  scope.spawn("watch", watch_oldest_snapshot(db.database(), metrics));
  db.run(until_rendered(metrics, "sankofa_pg_oldest_snapshot_seconds 0"));
  db.run(scope.stop());
  EXPECT_THAT(metrics.render(), ::testing::HasSubstr("# TYPE sankofa_pg_oldest_snapshot_seconds gauge"));
}

}  // namespace
}  // namespace phx::engine
