#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "base/random.hpp"
#include "engine/testing/in_transaction.hpp"
#include "engine/testing/memory_queue_port.hpp"
#include "engine/testing/queue_contract.hpp"
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

void put(TestDatabase& db, Work work, Scope scope = Scope::worker()) {
  auto status = in_transaction(db, scope, [&](pg::Transaction& tx) { return enqueue(tx, work); });
  ASSERT_TRUE(status) << status.error().to_string();
}

std::vector<ClaimedWork> take(TestDatabase& db, WorkQueue& queue, int max = 10) {
  auto claimed = db.run(queue.claim(max));
  EXPECT_TRUE(claimed) << claimed.error().to_string();
  return claimed ? std::move(*claimed) : std::vector<ClaimedWork>{};
}

/// The table behind the contract's port, its clock moved as the owner would.
class TablePort final : public testing::QueuePort {
 public:
  explicit TablePort(TestDatabase& db) : db_(db), now_(std::chrono::seconds(1893456000)) { db_.set_now(now_); }
  void enqueue(Work work) override { put(db_, std::move(work)); }
  std::vector<ClaimedWork> claim(std::string queue, int max, Duration lease) override {
    // A new one each time: the low-water mark has tests of its own.
    WorkQueue fresh(db_.database(), clock_, std::move(queue), lease);
    return take(db_, fresh, max);
  }
  Status complete(ClaimedWork work) override {
    return in_transaction(db_, Scope::worker(), [&](pg::Transaction& tx) { return engine::complete(tx, work); });
  }
  Status retry_later(ClaimedWork work, Duration delay, std::string reason) override {
    return in_transaction(db_, Scope::worker(),
                          [&](pg::Transaction& tx) { return engine::retry_later(tx, work, delay, reason); });
  }
  Status check_lease(ClaimedWork work) override {
    return in_transaction(db_, Scope::worker(), [&](pg::Transaction& tx) { return engine::check_lease(tx, work); });
  }
  std::vector<std::int64_t> heartbeat(std::vector<ClaimedWork> held, Duration lease) override {
    WorkQueue fresh(db_.database(), clock_, "q", lease);
    auto still = db_.run(fresh.heartbeat(std::move(held)));
    EXPECT_TRUE(still);
    return *still;
  }
  std::size_t size() override { return std::stoul(db_.value("select count(*) from phoenix.work_queue")); }
  Instant now() override { return now_; }
  void advance(Duration by) override { db_.set_now(now_ += by); }

 private:
  TestDatabase& db_;
  SystemClock clock_;
  Instant now_;
};

class TableQueue : public ::testing::TestWithParam<testing::QueueScenario> {};

TEST_P(TableQueue, KeepsTheContract) {
  TestDatabase db;
  TablePort queue(db);
  GetParam().play(queue);
}

INSTANTIATE_TEST_SUITE_P(Contract, TableQueue, ::testing::ValuesIn(testing::kQueueContract),
                         [](const auto& scenario) { return std::string(scenario.param.name); });

TEST(WorkQueue, TableAndModelAnswerAlike) {
  TestDatabase db;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    db.exec("delete from phoenix.work_queue");
    TablePort table(db);
    testing::MemoryQueuePort model;
    EXPECT_EQ(testing::random_history(table, seed, 150), testing::random_history(model, seed, 150)) << "seed " << seed;
  }
}

TEST(WorkQueue, TenantsAskForWorkButSeeAndTakeOnlyTheirOwn) {
  TestDatabase db;
  put(db, {"q", "k", kA}, Scope::of_tenant(kA));
  put(db, {"q", "k", kA}, Scope::of_tenant(kA));
  put(db, {"q", "k", kB}, Scope::of_tenant(kB));
  EXPECT_EQ(db.value("select count(*) from phoenix.work_queue"), "2");
  auto foreign =
      in_transaction(db, Scope::of_tenant(kA), [&](pg::Transaction& tx) { return enqueue(tx, Work{"q", "x", kB}); });
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().reason(), "pg.permission_denied");
  const auto sql = [](const char* text) { return pg::Sql::dynamic("test", text); };
  auto seen = db.run(db->read(Scope::of_tenant(kA), sql("select key from work_queue"), {}, Deadline::after(5s)));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->size(), 1);
  for (const char* text : {"delete from work_queue", "update work_queue set lease_until = phoenix.now()"}) {
    auto refused = db.run(db->execute(Scope::of_tenant(kA), sql(text), {}, Deadline::after(5s)));
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().reason(), "pg.permission_denied");
  }
}

TEST(WorkQueue, ClaimersNeverShareWork) {
  TestDatabase db;
  for (int i = 0; i < 60; ++i) put(db, {"q", fmt::format("k{}", i)});
  SystemClock clock;
  auto other = db.another();
  WorkQueue here(db.database(), clock, "q", 20s);
  WorkQueue there(*other, clock, "q", 20s);
  std::set<std::string> taken;
  for (int i = 0; i < 6; ++i)
    for (auto* queue : {&here, &there})
      for (const auto& work : take(db, *queue, 5)) EXPECT_TRUE(taken.insert(work.key).second) << work.key;
  EXPECT_EQ(taken.size(), 60u);
  db.run(other->stop());
}

TEST(WorkQueue, AnOpenTransactionOnARowHoldsNobodyUp) {
  TestDatabase db;
  put(db, {"q", "a"});
  put(db, {"q", "b"});
  SystemClock clock;
  WorkQueue queue(db.database(), clock, "q", 20s);
  auto open = db.run(db->begin(Scope::worker(), Deadline::after(30s)));
  ASSERT_TRUE(open);
  ASSERT_TRUE(db.run(enqueue(*open, {"q", "a"})));
  auto claimed = take(db, queue);
  ASSERT_EQ(claimed.size(), 1u);
  EXPECT_EQ(claimed[0].key, "b");
  ASSERT_TRUE(db.run(open->commit()));
  EXPECT_EQ(take(db, queue).size(), 1u) << "passed over, not lost";
}

TEST(WorkQueue, TheLowWaterMarkPassesDeletedRowsAndIsReset) {
  TestDatabase db;
  ManualClock clock(Instant(std::chrono::seconds(1893456000)));
  db.set_now(clock.now());
  WorkQueue queue(db.database(), clock, "q", 20s);
  put(db, {"q", "a"});
  auto first = take(db, queue);
  ASSERT_EQ(first.size(), 1u);
  clock.advance(10s);
  db.set_now(clock.now());
  put(db, {"q", "b"});
  ASSERT_EQ(take(db, queue).size(), 1u);
  // A row that appears below the mark, as from a very late commit: not seen before the reset, seen after it.
  clock.advance(6s);
  db.set_now(clock.now());
  db.exec(
      "insert into phoenix.work_queue (queue, key, run_at) values ('q', 'late', phoenix.now() - interval '1 hour')");
  EXPECT_TRUE(take(db, queue).empty()) << "the scan begins above it";
  clock.advance(5s);
  db.set_now(clock.now());
  std::set<std::string> found;
  for (const auto& work : take(db, queue)) found.insert(work.key);
  EXPECT_TRUE(found.contains("late"));
  EXPECT_TRUE(found.contains("a")) << "its lease ran out";
}

TEST(WorkQueue, AClaimReadsNoRowDeletedBelowTheMark) {
  TestDatabase db;
  // A snapshot held elsewhere keeps deleted rows in the index.
  auto old = db.run(db->begin(Scope::platform(), Deadline::after(60s), {pg::Isolation::kRepeatableRead, true}));
  ASSERT_TRUE(old);
  ASSERT_TRUE(db.run(old->execute(pg::Sql::dynamic("test", "select count(*) from tenants"))));
  db.exec(
      "insert into phoenix.work_queue (queue, key, run_at)"
      " select 'q', 'k' || n, phoenix.now() - interval '1 hour' from generate_series(1, 20000) n;"
      "delete from phoenix.work_queue; analyze phoenix.work_queue;"
      "insert into phoenix.work_queue (queue, key, run_at) values ('q', 'live', phoenix.now())");
  const auto buffers = [&](const char* from) {
    std::string plan;
    for (const auto& line : db.exec(fmt::format(
             "set enable_seqscan = off; explain (analyze, buffers, costs off, timing off, summary off)"
             " select id from phoenix.work_queue where queue = 'q' and run_at >= {} and run_at <= phoenix.now()"
             " and (lease_until is null or lease_until <= phoenix.now()) order by run_at, id limit 10",
             from)))
      plan += line[0] + "\n";
    EXPECT_NE(plan.find("work_queue_due"), std::string::npos) << plan;
    // "shared hit=3 read=1" of the top node, which counts those below it; where a page was found does not matter here.
    const auto at = plan.find("Buffers: shared");
    const auto line = at == plan.npos ? std::string() : plan.substr(at, plan.find('\n', at) - at);
    long pages = 0;
    for (const std::string_view kind : {" hit=", " read="})
      if (const auto count = line.find(kind); count != line.npos) pages += std::stol(line.substr(count + kind.size()));
    return pages;
  };
  const auto unbounded = buffers("'-infinity'");
  const auto bounded = buffers("phoenix.now() - interval '5 seconds'");
  EXPECT_GT(unbounded, 100);
  EXPECT_GT(bounded, 0);
  EXPECT_LT(bounded, 20);
  ASSERT_TRUE(db.run(old->rollback()));
}

TEST(WorkQueue, AHeartbeatTouchesNoIndex) {
  TestDatabase db;
  EXPECT_EQ(db.value("select count(*) from pg_index i join pg_attribute a on a.attrelid = i.indrelid"
                     " and a.attnum = any (i.indkey) where i.indrelid = 'phoenix.work_queue'::regclass"
                     " and a.attname in ('lease_until', 'fence', 'attempts', 'claimed_generation')"),
            "0");
  EXPECT_EQ(db.value("select array_to_string(reloptions, ',') like '%fillfactor=50%' from pg_class"
                     " where oid = 'phoenix.work_queue'::regclass"),
            "t");
}

// The worker's shell.

struct Recorder {
  int at_once = 0;
  int most_at_once = 0;
  std::vector<std::string> handled;
  int failures_left = 0;
  bool hang = false;

  asio::awaitable<Result<WorkResult>> handle(WorkContext context) {
    ++at_once;
    most_at_once = std::max(most_at_once, at_once);
    if (hang) co_await sleep_for(1h);
    co_await sleep_for(5ms);
    --at_once;
    handled.push_back(context.work.key);
    if (failures_left > 0) {
      --failures_left;
      co_return Error(Code::kUnavailable, "test.busy", "Busy.");
    }
    if (!context.lease->held()) co_return Error(Code::kInternal, "test.lease", "Not held.");
    co_return WorkResult::done();
  }
};

asio::awaitable<bool> until_empty(pg::Database& database) {
  const auto limit = Deadline::after(20s);
  while (!limit.passed()) {
    auto rows = co_await database.read(Scope::worker(), pg::Sql::dynamic("test", "select count(*) from work_queue"), {},
                                       Deadline::after(5s));
    if (rows && rows->get<std::int64_t>(0, 0) == 0) co_return true;
    co_await sleep_for(5ms);
  }
  co_return false;
}

struct WorkerTest : ::testing::Test {
  TestDatabase db;
  SystemClock clock;
  SeededRandom random{1};
  Recorder recorder;
  Worker worker{db.executor(), db.database(), clock, random, db.metrics(), {5ms, 20ms}};

  WorkHandler handler() {
    return [this](WorkContext context) { return recorder.handle(std::move(context)); };
  }
};

TEST_F(WorkerTest, HandlesEverythingWithinItsConcurrency) {
  for (int i = 0; i < 30; ++i) put(db, {"q", fmt::format("k{:02}", i)});
  worker.handle("q", handler(), {.concurrency = 4});
  worker.start();
  EXPECT_TRUE(db.run(until_empty(db.database())));
  db.run(worker.stop());
  EXPECT_EQ(std::set<std::string>(recorder.handled.begin(), recorder.handled.end()).size(), 30u);
  EXPECT_EQ(recorder.handled.size(), 30u);
  EXPECT_LE(recorder.most_at_once, 4);
  EXPECT_GE(recorder.most_at_once, 2);
}

TEST_F(WorkerTest, TriesAgainWhatFailed) {
  recorder.failures_left = 2;
  put(db, {"q", "k"});
  worker.handle("q", handler(), {.backoff = {10ms, 20ms}});
  worker.start();
  EXPECT_TRUE(db.run(until_empty(db.database())));
  db.run(worker.stop());
  EXPECT_EQ(recorder.handled.size(), 3u);
}

asio::awaitable<void> until_busy(const Recorder& recorder) {
  while (recorder.at_once == 0) co_await sleep_for(2ms);
}

TEST_F(WorkerTest, StopGivesBackWhatItDidNotFinish) {
  recorder.hang = true;
  put(db, {"q", "k"});
  worker.handle("q", handler(), {.lease = 1h});
  worker.start();
  db.run(until_busy(recorder));
  db.run(worker.stop());
  WorkQueue queue(db.database(), clock, "q", 20s);
  EXPECT_EQ(take(db, queue).size(), 1u) << "although its lease was an hour";
}

TEST_F(WorkerTest, ALostLeaseIsNoticed) {
  recorder.hang = true;
  put(db, {"q", "k"});
  std::shared_ptr<const Lease> lease;
  worker.handle("q",
                [&](WorkContext context) {
                  lease = context.lease;
                  return recorder.handle(std::move(context));
                },
                {.lease = 400ms});
  worker.start();
  db.run(until_busy(recorder));
  EXPECT_TRUE(lease->held());
  db.exec("update phoenix.work_queue set fence = nextval('phoenix.work_fences')");
  const auto wait = [](std::shared_ptr<const Lease> held) -> asio::awaitable<void> {
    while (held->held()) co_await sleep_for(5ms);
  };
  db.run(wait(lease));
  EXPECT_FALSE(lease->held());
  db.run(worker.stop());
}

}  // namespace
}  // namespace phx::engine
