#include <gtest/gtest.h>

#include "engine/operations.hpp"
#include "engine/testing/in_transaction.hpp"
#include "engine/testing/two_tenants.hpp"
#include "engine/work_queue.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;
using pg::Scope;
using TestDatabase = testing::TwoTenants;
using testing::in_transaction;
using testing::kA;
using testing::kB;
using S = OperationState;

const Uuid kVm = *Uuid::parse("00000000-0000-7000-8000-0000000000f1");
const Uuid kOp = *Uuid::parse("00000000-0000-7000-8000-0000000000e1");

struct Operations : ::testing::Test {
  TestDatabase db;
  Instant now{std::chrono::seconds(1'900'000'000)};

  void SetUp() override { db.set_now(now); }
  void advance(Duration by) { db.set_now(now += by); }

  NewOperation wanted(Uuid id = kOp, std::optional<Uuid> tenant = kA) {
    NewOperation o;
    o.id = id;
    o.tenant = tenant;
    o.kind = "vm.create";
    o.object_type = "VirtualMachine";
    o.object_id = kVm;
    o.object_name = "web-1";
    o.first_step = "Waiting for a worker";
    o.requested_by = "ada@example.org";
    o.work_queue = "compute.vm";
    o.work_key = kVm.to_string();
    o.time_allowed = 10min;
    return o;
  }
  Result<Operation> create(NewOperation o, Scope scope = Scope::of_tenant(kA)) {
    return in_transaction(db, scope, [&](pg::Transaction& tx) { return create_operation(tx, o); });
  }
  Result<Operation> apply(OperationEvent event, Scope scope = Scope::worker()) {
    return in_transaction(db, scope, [&](pg::Transaction& tx) { return apply_operation_event(tx, kOp, event); });
  }
  Result<Operation> cancel(Scope scope) {
    return in_transaction(db, scope, [&](pg::Transaction& tx) { return request_cancel(tx, kOp); });
  }
  Result<Operation> retry(Scope scope) {
    return in_transaction(db, scope, [&](pg::Transaction& tx) { return request_retry(tx, kOp); });
  }
  /// "CREATED 1, UPDATED 2": what the inbox holds about operations.
  std::string events() {
    return db.value(
        "select coalesce(string_agg(kind || ' ' || version, ', ' order by id), '') from phoenix.event_inbox"
        " where type = 'Operation'");
  }
  std::string work() {
    return db.value("select count(*) from phoenix.work_queue where queue = 'compute.vm' and key = '" + kVm.to_string() +
                    "' and tenant_id = '" + kA.to_string() + "'");
  }
};

TEST_F(Operations, LiveThroughTheirLifeWithAnEventForEachChange) {
  auto created = create(wanted());
  ASSERT_TRUE(created) << created.error().to_string();
  EXPECT_EQ(created->state, S::kPending);
  EXPECT_EQ(created->deadline_at, now + 10min);
  ASSERT_TRUE(apply(OperationStarted{}));
  ASSERT_TRUE(apply(OperationProgressed{40, "Making the disk"}));
  ASSERT_TRUE(apply(OperationProgressed{40, "Making the disk"}));
  ASSERT_TRUE(apply(OperationWaiting{now + 30s, "The host is full.", "Wait, or remove a machine."}));
  ASSERT_TRUE(apply(OperationStarted{}));
  advance(5s);
  auto done = apply(OperationSucceeded{});
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(events(), "CREATED 1, UPDATED 2, UPDATED 3, UPDATED 4, UPDATED 5, UPDATED 6");
  auto found = in_transaction(db, Scope::of_tenant(kA), [&](pg::Transaction& tx) { return find_operation(tx, kOp); });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, S::kSucceeded);
  EXPECT_EQ(found->progress, 100);
  EXPECT_EQ(found->attempts, 2);
  EXPECT_EQ(found->finished_at, now);
  EXPECT_EQ(found->time_allowed, 10min);
  EXPECT_EQ(found->object_name, "web-1");
  EXPECT_FALSE(found->reason);
}

TEST_F(Operations, CancelAndRetryWakeTheWorkerAndKeepTheStep) {
  ASSERT_TRUE(create(wanted()));
  ASSERT_TRUE(apply(OperationStarted{}));
  ASSERT_TRUE(apply(OperationProgressed{40, "Making the disk"}));
  auto asked = cancel(Scope::of_tenant(kA));
  ASSERT_TRUE(asked) << asked.error().to_string();
  EXPECT_TRUE(asked->cancel_requested());
  EXPECT_EQ(asked->state, S::kRunning) << "it is the worker who stops";
  EXPECT_EQ(work(), "1");
  db.exec("delete from phoenix.work_queue");
  ASSERT_TRUE(apply(OperationFailed{"The disk is broken.", "Replace it, then retry."}));
  auto again = retry(Scope::of_tenant(kA));
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->state, S::kPending);
  EXPECT_EQ(again->step, "Making the disk");
  EXPECT_FALSE(again->cancel_requested());
  EXPECT_EQ(work(), "1");
  ASSERT_TRUE(apply(OperationSucceeded{}));
  auto late = cancel(Scope::of_tenant(kA));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason(), "operation.finished");
}

TEST_F(Operations, NoneLivesBeyondItsDeadline) {
  ASSERT_TRUE(create(wanted()));
  ASSERT_TRUE(apply(OperationStarted{}));
  advance(10min - 1s);
  auto early = db.run(expire_overdue_operations(db.database()));
  ASSERT_TRUE(early) << early.error().to_string();
  EXPECT_EQ(*early, 0);
  advance(1s);
  EXPECT_EQ(*db.run(expire_overdue_operations(db.database())), 1);
  EXPECT_EQ(*db.run(expire_overdue_operations(db.database())), 0);
  EXPECT_EQ(work(), "1") << "the worker learns of it";
  auto row = db.exec("select state, reason, next_action from phoenix.operations");
  EXPECT_EQ(row[0][0], "FAILED");
  EXPECT_EQ(row[0][1], "It did not finish within 10m 00s.");
  EXPECT_NE(row[0][2], "NULL");
  EXPECT_EQ(events(), "CREATED 1, UPDATED 2, UPDATED 3");
}

TEST_F(Operations, LiveOnesOfAnObjectAreFoundOldestFirst) {
  const Uuid second = *Uuid::parse("00000000-0000-7000-8000-0000000000e2");
  ASSERT_TRUE(create(wanted()));
  advance(1s);
  ASSERT_TRUE(create(wanted(second)));
  const auto live = [&] {
    return *in_transaction(db, Scope::worker(),
                           [&](pg::Transaction& tx) { return lock_live_operations(tx, "VirtualMachine", kVm); });
  };
  ASSERT_EQ(live().size(), 2u);
  EXPECT_EQ(live()[0].id, kOp);
  ASSERT_TRUE(apply(OperationSucceeded{}));
  ASSERT_EQ(live().size(), 1u);
  EXPECT_EQ(live()[0].id, second);
}

TEST_F(Operations, AreWalledByTenant) {
  ASSERT_TRUE(create(wanted()));
  for (const auto& result :
       {cancel(Scope::of_tenant(kB)), retry(Scope::of_tenant(kB)), apply(OperationStarted{}, Scope::of_tenant(kB))}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason(), "operation.not_found");
  }
  auto foreign = create(wanted(*Uuid::parse("00000000-0000-7000-8000-0000000000e3"), kB));
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().reason(), "pg.permission_denied");
  EXPECT_TRUE(create(wanted(*Uuid::parse("00000000-0000-7000-8000-0000000000e4"), std::nullopt), Scope::platform()));
  auto stolen =
      db.run(db->execute(Scope::of_tenant(kA), pg::Sql::dynamic("test", "update operations set requested_by = 'x'"), {},
                         Deadline::after(5s)));
  ASSERT_FALSE(stolen);
  EXPECT_EQ(stolen.error().reason(), "pg.permission_denied");
}

TEST_F(Operations, TheTableRefusesWhatTheMachineNeverSays) {
  ASSERT_TRUE(create(wanted()));
  for (const char* text :
       {"update phoenix.operations set state = 'DONE'", "update phoenix.operations set state = 'FAILED'",
        "update phoenix.operations set state = 'WAITING'", "update phoenix.operations set progress = 101"})
    EXPECT_THROW(db.exec(text), std::runtime_error) << text;
}

}  // namespace
}  // namespace phx::engine
