#include <gtest/gtest.h>

#include <limits>

#include "base/random.hpp"
#include "base/task_scope.hpp"
#include "base/uuid.hpp"
#include "engine/quota.hpp"
#include "engine/testing/in_transaction.hpp"
#include "engine/testing/two_tenants.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;
using pg::Scope;
using TestDatabase = testing::TwoTenants;
using testing::in_transaction;
using testing::kA;
using testing::kB;

void many_connections(pg::DatabaseOptions& options) {
  options.tenant.exclusive = 16;
  options.pool_wait = 20s;
}

struct Quota : ::testing::Test {
  TestDatabase db{TestDatabase::Content::kMigrated, many_connections};
  SystemClock clock;
  SeededRandom random{1};
  UuidSource ids{clock, random};

  void SetUp() override {
    for (const auto& tenant : {kA, kB}) {
      auto defined = in_transaction(db, Scope::platform(),
                                    [&](pg::Transaction& tx) { return define_quotas(tx, tenant, "FREE", ids); });
      ASSERT_TRUE(defined) << defined.error().to_string();
    }
  }
  Status maximum(std::string dimension, std::int64_t value, Scope scope = Scope::platform()) {
    return in_transaction(db, scope, [&](pg::Transaction& tx) { return set_quota_maximum(tx, kA, dimension, value); });
  }
  Status reserve(std::vector<QuotaAmount> amounts, Uuid tenant = kA, Scope scope = Scope::of_tenant(kA)) {
    return in_transaction(db, scope, [&](pg::Transaction& tx) { return reserve_quota(tx, tenant, amounts); });
  }
  Status release(std::vector<QuotaAmount> amounts) {
    return in_transaction(db, Scope::worker(), [&](pg::Transaction& tx) { return release_quota(tx, kA, amounts); });
  }
  std::string used(std::string dimension) {
    return db.value("select used from phoenix.quotas where tenant_id = '" + kA.to_string() + "' and dimension = '" +
                    dimension + "'");
  }
};

asio::awaitable<void> reserve_one(pg::Database& database, std::int64_t vcpus, int& passed, int& refused, int& broken) {
  auto tx = co_await database.begin(Scope::of_tenant(kA), Deadline::after(30s));
  if (!tx) {
    ++broken;
    co_return;
  }
  auto reserved = co_await reserve_quota(*tx, kA, {{"vcpus", vcpus, "input.vcpus"}, {"instances", 1, "input"}});
  if (reserved && co_await tx->commit())
    ++passed;
  else if (!reserved && reserved.error().reason() == "quota.exceeded")
    ++refused;
  else
    ++broken;
}

TEST_F(Quota, ManyAgainstTenFreeSlotsExactlyTenPass) {
  ASSERT_TRUE(maximum("instances", 10));
  ASSERT_TRUE(maximum("vcpus", 1000));
  TaskScope scope(db.executor(), "test");
  int passed = 0;
  int refused = 0;
  int broken = 0;
  for (int i = 0; i < 200; ++i) scope.spawn("reserve", reserve_one(db.database(), 1 + i % 3, passed, refused, broken));
  db.run(scope.join());
  EXPECT_EQ(passed, 10);
  EXPECT_EQ(refused, 190);
  EXPECT_EQ(broken, 0);
  EXPECT_EQ(used("instances"), "10");
}

TEST_F(Quota, NamesTheShortfallAndTheField) {
  ASSERT_TRUE(reserve({{"vcpus", 3, "input.vcpus"}}));
  auto refused =
      reserve({{"instances", 1, "input"}, {"vcpus", 2, "input.vcpus"}, {"memory_mib", 8192, "input.memoryMib"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kQuotaExceeded);
  EXPECT_EQ(refused.error().reason(), "quota.exceeded");
  EXPECT_EQ(refused.error().field(), "input.vcpus");
  EXPECT_EQ(refused.error().message(),
            "1 of 4 vCPUs are left, 2 were asked for. 4096 of 4096 MiB of memory are left, 8192 were asked for.");
  EXPECT_EQ(used("instances"), "0") << "all or nothing";
}

TEST_F(Quota, WhatIsGivenBackIsFreeAgain) {
  ASSERT_TRUE(reserve({{"vcpus", 4}, {"storage_gib", 20}}));
  EXPECT_FALSE(reserve({{"vcpus", 1}}));
  ASSERT_TRUE(release({{"storage_gib", 20}, {"vcpus", 4}}));
  EXPECT_EQ(used("vcpus"), "0");
  EXPECT_TRUE(reserve({{"vcpus", 4}}));
  auto negative = release({{"vcpus", 5}});
  ASSERT_FALSE(negative);
  EXPECT_EQ(negative.error().reason(), "quota.negative");
  EXPECT_EQ(used("vcpus"), "4");
}

TEST_F(Quota, AMaximumMayFallBelowWhatIsUsed) {
  ASSERT_TRUE(reserve({{"vcpus", 4}}));
  ASSERT_TRUE(maximum("vcpus", 2));
  auto refused = reserve({{"vcpus", 1, "input.vcpus"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "0 of 2 vCPUs are left, 1 were asked for.");
  ASSERT_TRUE(release({{"vcpus", 3}}));
  EXPECT_TRUE(reserve({{"vcpus", 1}}));
}

TEST_F(Quota, TiersDiffer) {
  const Uuid big = *Uuid::parse("00000000-0000-7000-8000-00000000000c");
  db.exec("insert into phoenix.tenants (id, name, display_name, tier) values ('" + big.to_string() +
          "', 'big', 'Big', 'ENTERPRISE')");
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(in_transaction(db, Scope::platform(),
                               [&](pg::Transaction& tx) { return define_quotas(tx, big, "ENTERPRISE", ids); }));
  auto lines = in_transaction(db, Scope::of_tenant(big), [&](pg::Transaction& tx) { return read_quota(tx, big); });
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), 4u);
  EXPECT_EQ((*lines)[3].dimension, "vcpus");
  EXPECT_EQ((*lines)[3].maximum, 512);
}

TEST_F(Quota, BadInputIsRefused) {
  EXPECT_EQ(reserve({{"gpus", 1, "input.gpus"}}).error().reason(), "quota.unknown_dimension");
  EXPECT_EQ(reserve({{"vcpus", -1, "input.vcpus"}}).error().reason(), "quota.malformed");
  EXPECT_EQ(reserve({{"vcpus", std::numeric_limits<std::int64_t>::max(), "f"}}).error().reason(), "quota.malformed");
  EXPECT_EQ(maximum("vcpus", 1LL << 40).error().reason(), "quota.malformed");
  db.exec("delete from phoenix.quotas where dimension = 'vcpus'");
  EXPECT_EQ(reserve({{"vcpus", 1, "input.vcpus"}}).error().reason(), "quota.undefined");
}

TEST_F(Quota, IsWalledByTenantAndAMaximumIsThePlatformsWord) {
  EXPECT_EQ(reserve({{"vcpus", 1}}, kB).error().reason(), "quota.undefined") << "B's rows do not exist for A";
  EXPECT_EQ(maximum("vcpus", 100, Scope::of_tenant(kA)).error().reason(), "pg.permission_denied");
  EXPECT_EQ(db.value("select sum(used) from phoenix.quotas"), "0");
}

TEST_F(Quota, ATenantsReservationWaitsForNoOtherTenant) {
  auto open = db.run(db->begin(Scope::of_tenant(kB), Deadline::after(30s)));
  ASSERT_TRUE(open);
  ASSERT_TRUE(db.run(reserve_quota(*open, kB, {{"vcpus", 1, {}}})));
  EXPECT_TRUE(reserve({{"vcpus", 1}}));
  ASSERT_TRUE(db.run(open->rollback()));
}

TEST_F(Quota, TheRecountFindsEachDrift) {
  db.exec(
      "create table phoenix.things (tenant_id uuid, vcpus int); grant select on phoenix.things to phoenix_platform");
  static constexpr pg::Statement kThings{"test.things",
                                         "select tenant_id, 'vcpus', sum(vcpus)::bigint from things group by 1"};
  static constexpr pg::Statement kCount{"test.count", "select tenant_id, 'instances', count(*) from things group by 1"};
  const auto recount = [&] { return *db.run(recount_quotas(db.database(), {&kThings, &kCount})); };
  EXPECT_TRUE(recount().empty());
  ASSERT_TRUE(reserve({{"vcpus", 3}, {"instances", 1}}));
  db.exec("insert into phoenix.things values ('" + kA.to_string() + "', 3)");
  EXPECT_TRUE(recount().empty());
  db.exec("insert into phoenix.things values ('" + kA.to_string() + "', 1)");
  db.exec("update phoenix.quotas set used = 7 where dimension = 'storage_gib' and tenant_id = '" + kB.to_string() +
          "'");
  const auto drift = recount();
  ASSERT_EQ(drift.size(), 3u);
  EXPECT_EQ(drift[0].dimension, "instances");
  EXPECT_EQ(drift[0].recorded, 1);
  EXPECT_EQ(drift[0].counted, 2);
  EXPECT_EQ(drift[1].dimension, "vcpus");
  EXPECT_EQ(drift[1].counted, 4);
  EXPECT_EQ(drift[2].tenant, kB);
  EXPECT_EQ(drift[2].recorded, 7);
  EXPECT_EQ(drift[2].counted, 0);
}

}  // namespace
}  // namespace phx::engine
