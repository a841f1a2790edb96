#include "engine/events.hpp"
#include "engine/testing/two_tenants.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <map>

#include "base/random.hpp"
#include "base/task_scope.hpp"
#include "engine/testing/in_transaction.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;
using pg::Scope;
using TestDatabase = testing::TwoTenants;
using testing::in_transaction;
using testing::kA;
using testing::kB;

Uuid object(std::uint8_t n) {
  Uuid id = kA;
  id.bytes[0] = n;
  return id;
}

Event event(std::uint8_t n, std::int64_t version, std::optional<Uuid> tenant = kA,
            std::string type = "VirtualMachine") {
  return {std::move(type), object(n), tenant, ChangeKind::kUpdated, version, {}};
}

void write(TestDatabase& db, Event what, Scope scope = Scope::worker()) {
  auto status = in_transaction(db, scope, [&](pg::Transaction& tx) { return record_event(tx, what); });
  ASSERT_TRUE(status) << status.error().to_string();
}

int move_all(TestDatabase& db, Sequencer& sequencer) {
  int all = 0;
  for (;;) {
    auto moved = db.run(sequencer.move_batch());
    EXPECT_TRUE(moved) << moved.error().to_string();
    if (!moved || *moved == 0) return all;
    all += *moved;
  }
}

// The experiment behind the rule: writers with delays and rollbacks, two sequencers in two processes.

struct Tally {
  int committed = 0;
  int rolled_back = 0;
  int writers_left = 0;
};

pg::Sql sql(std::string text) { return pg::Sql::dynamic("test", std::move(text)); }

asio::awaitable<Status> change_object(pg::Database& database, std::uint8_t n, Duration hold, bool commit,
                                      Tally& tally) {
  PHX_CO_TRY(auto tx, co_await database.begin(Scope::worker(), Deadline::after(30s)));
  PHX_CO_TRY(auto row,
             co_await tx.execute(sql("update objects set version = version + 1 where n = $1 returning version"),
                                 pg::Params::of(static_cast<std::int32_t>(n))));
  PHX_CO_CHECK(co_await record_event(tx, event(n, row.get<std::int64_t>(0, 0))));
  co_await sleep_for(hold);
  if (!commit) {
    ++tally.rolled_back;
    co_return co_await tx.rollback();
  }
  PHX_CO_CHECK(co_await tx.commit());
  ++tally.committed;
  co_return Status();
}

asio::awaitable<void> writer(pg::Database& database, std::uint64_t seed, int rounds, Tally& tally) {
  SeededRandom random(seed);
  for (int i = 0; i < rounds; ++i) {
    auto status =
        co_await change_object(database, static_cast<std::uint8_t>(random.below(5)),
                               Duration(static_cast<std::int64_t>(random.below(3000))), !random.chance(1, 5), tally);
    if (!status) ADD_FAILURE() << status.error().to_string();
  }
  --tally.writers_left;
}

asio::awaitable<void> until_drained(pg::Database& database, const Tally& tally) {
  for (;;) {
    auto left =
        co_await database.read(Scope::worker(), sql("select count(*) from event_inbox"), {}, Deadline::after(5s));
    if (left && tally.writers_left == 0 && left->get<std::int64_t>(0, 0) == 0) co_return;
    co_await sleep_for(5ms);
  }
}

TEST(Sequencer, EachCommittedEventOnceGaplessAndInOrderPerObject) {
  TestDatabase db;
  db.exec(
      "create table phoenix.objects (n int primary key, version bigint not null default 0);"
      "insert into phoenix.objects (n) select generate_series(0, 4);"
      "grant select, update on phoenix.objects to phoenix_worker");
  SystemClock clock;
  auto other = db.another();
  Sequencer here(db.executor(), db.database(), clock, db.metrics(), {.batch_max = 7});
  Sequencer there(db.executor(), *other, clock, db.metrics(), {.batch_max = 7});
  TaskScope scope(db.executor(), "test");
  scope.spawn("sequencer", here.run());
  scope.spawn("sequencer", there.run());
  Tally tally;
  tally.writers_left = 8;
  for (std::uint64_t i = 0; i < 8; ++i) scope.spawn("writer", writer(i % 2 ? *other : db.database(), i + 1, 60, tally));
  db.run(until_drained(db.database(), tally));
  db.run(scope.stop());
  db.run(other->stop());

  EXPECT_EQ(tally.committed + tally.rolled_back, 480);
  EXPECT_GT(tally.rolled_back, 0);
  const auto events = db.exec("select seq, object_id, version from phoenix.events order by seq");
  ASSERT_EQ(events.size(), static_cast<std::size_t>(tally.committed));
  std::map<std::string, std::int64_t> versions;
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i][0], std::to_string(i + 1)) << "gapless";
    EXPECT_EQ(std::stoll(events[i][2]), ++versions[events[i][1]]) << "an object's versions in order, each once";
  }
  EXPECT_EQ(db.value("select head from phoenix.event_log"), std::to_string(tally.committed));
}

TEST(Sequencer, ALateCommitIsNeitherLostNorOvertakenByItsObject) {
  TestDatabase db;
  SystemClock clock;
  Sequencer sequencer(db.executor(), db.database(), clock, db.metrics());
  auto late = db.run(db->begin(Scope::worker(), Deadline::after(30s)));
  ASSERT_TRUE(late);
  ASSERT_TRUE(db.run(record_event(*late, event(1, 1))));
  ASSERT_TRUE(db.run(late->execute(sql("select 1"))));  // takes it along: it has the lower id, and commits later
  for (int i = 0; i < 5; ++i) {
    write(db, event(2, i + 1));
    EXPECT_EQ(move_all(db, sequencer), 1);
  }
  ASSERT_TRUE(db.run(late->commit()));
  write(db, event(1, 2));
  EXPECT_EQ(move_all(db, sequencer), 2);
  const auto events = db.exec(
      fmt::format("select version from phoenix.events where object_id = '{}' order by seq", object(1).to_string()));
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0][0], "1");
  EXPECT_EQ(events[1][0], "2");
}

TEST(Sequencer, AFailedBatchChangesNothing) {
  TestDatabase db;
  SystemClock clock;
  Sequencer sequencer(db.executor(), db.database(), clock, db.metrics());
  write(db, event(1, 1));
  db.exec("alter table phoenix.events add constraint broken check (version <> 1)");
  EXPECT_FALSE(db.run(sequencer.move_batch()));
  EXPECT_EQ(db.value("select count(*) from phoenix.event_inbox"), "1");
  EXPECT_EQ(db.value("select head from phoenix.event_log"), "0");
  db.exec("alter table phoenix.events drop constraint broken");
  EXPECT_EQ(move_all(db, sequencer), 1);
}

TEST(Events, WritersOnlyAddAndTenantsSeeNothingOfTheLog) {
  TestDatabase db;
  write(db, event(1, 1, kA), Scope::of_tenant(kA));
  write(db, event(2, 1, kB), Scope::platform());
  auto foreign =
      in_transaction(db, Scope::of_tenant(kA), [&](pg::Transaction& tx) { return record_event(tx, event(1, 2, kB)); });
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().reason(), "pg.permission_denied");
  for (const char* text : {"select 1 from event_inbox", "select 1 from events", "select 1 from event_log",
                           "select 1 from events_000000000"}) {
    auto read = db.run(db->read(Scope::of_tenant(kA), sql(text), {}, Deadline::after(5s)));
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().reason(), "pg.permission_denied") << text;
  }
  auto changed = db.run(db->execute(Scope::worker(), sql("update events set version = 0"), {}, Deadline::after(5s)));
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().reason(), "pg.permission_denied");
}

TEST(Events, PartitionsAreMadeAheadAndDroppedWhole) {
  TestDatabase db;
  SystemClock clock;
  db.exec(
      "update phoenix.event_log set head = 1999998;"
      "insert into phoenix.events (seq, type, object_id, kind, version, at)"
      " values (5, 'Site', gen_random_uuid(), 'CREATED', 1, phoenix.now())");
  Sequencer sequencer(db.executor(), db.database(), clock, db.metrics());
  for (int i = 0; i < 4; ++i) write(db, event(1, i + 1));
  // The first round does not know the head yet, finds no partition, fails whole, and has learned.
  auto first = db.run(sequencer.move_batch());
  if (!first) EXPECT_EQ(first.error().reason(), "pg.check_violation");
  EXPECT_EQ(move_all(db, sequencer) + (first ? *first : 0), 4);
  EXPECT_EQ(db.value("select string_agg(seq::text, ',' order by seq) from phoenix.events"),
            "5,1999999,2000000,2000001,2000002");
  EXPECT_EQ(db.value("select count(*) from phoenix.events_000000002"), "3");

  auto kept = db.run(drop_old_events(db.database(), 1h));
  ASSERT_TRUE(kept) << kept.error().to_string();
  EXPECT_EQ(*kept, 0) << "its newest event is of just now";
  db.set_now(clock.now() + std::chrono::hours(24 * 31));
  auto dropped = db.run(drop_old_events(db.database(), std::chrono::hours(24 * 30)));
  ASSERT_TRUE(dropped) << dropped.error().to_string();
  EXPECT_EQ(*dropped, 2) << "0 and 1; never the one being written";
  auto state = db.run(read_event_log_state(db.database()));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->retained_after, 1'999'999);
  EXPECT_EQ(state->head, 2'000'002);
  EXPECT_EQ(db.value("select count(*) from phoenix.events"), "3");
}

// The feed.

asio::awaitable<void> until_read(pg::Database& database, const EventFeed& feed) {
  for (;;) {
    auto state = co_await read_event_log_state(database);
    if (state && feed.head().seq == state->head) co_return;
    co_await sleep_for(2ms);
  }
}

struct FeedTest : ::testing::Test {
  TestDatabase db;
  SystemClock clock;
  Sequencer sequencer{db.executor(), db.database(), clock, db.metrics()};
  std::unique_ptr<TaskScope> scope;
  std::unique_ptr<EventFeed> feed;

  void SetUp() override { open({}); }
  void open(EventFeedOptions options) {
    if (scope) db.run(scope->stop());
    scope = std::make_unique<TaskScope>(db.executor(), "test");
    feed = std::make_unique<EventFeed>(db.executor(), db.database(), db.metrics(), options);
    auto started = db.run(feed->start());
    ASSERT_TRUE(started) << started.error().to_string();
    scope->spawn("feed", feed->run());
  }
  void TearDown() override {
    db.run(scope->stop());
    feed.reset();
  }
  EventBatch next(EventSubscription& subscription) {
    auto batch = db.run(subscription.next());
    EXPECT_TRUE(batch) << batch.error().to_string();
    return batch ? std::move(*batch) : EventBatch{};
  }
  std::vector<std::int64_t> versions(EventSubscription& subscription, std::size_t count) {
    std::vector<std::int64_t> out;
    while (out.size() < count) {
      auto batch = next(subscription);
      EXPECT_FALSE(batch.resync);
      if (batch.resync) break;
      for (const auto& e : batch.events) out.push_back(e->version);
    }
    return out;
  }
  /// The feed has read all there is, so 'from now on' is a known place.
  std::shared_ptr<EventSubscription> subscribe_from_here() {
    db.run(until_read(db.database(), *feed));
    return feed->subscribe({kA, {}});
  }
  void write_and_move(Event what) {
    write(db, std::move(what));
    EXPECT_EQ(move_all(db, sequencer), 1);
  }
};

TEST_F(FeedTest, DeliversEachEventOnceInOrderToAll) {
  auto one = feed->subscribe({kA, {}});
  auto two = feed->subscribe({{}, {}});
  for (int i = 1; i <= 5; ++i) write_and_move(event(1, i));
  EXPECT_EQ(versions(*one, 5), (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(versions(*two, 5), (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
}

TEST_F(FeedTest, KeepsTenantsAndTypesApart) {
  auto of_a = feed->subscribe({kA, {}});
  auto vms_of_b = feed->subscribe({kB, {"VirtualMachine"}});
  write_and_move(event(1, 1, kB));
  write_and_move(event(2, 2, kA));
  write_and_move(event(3, 3, {}));
  write_and_move(event(4, 4, kB, "Operation"));
  write_and_move(event(5, 5, kB));
  write_and_move(event(6, 6, kA));
  EXPECT_EQ(versions(*of_a, 2), (std::vector<std::int64_t>{2, 6}));
  EXPECT_EQ(versions(*vms_of_b, 2), (std::vector<std::int64_t>{1, 5}));
}

TEST_F(FeedTest, ResumesFromACursorWithoutLossOrRepetition) {
  auto first = feed->subscribe({kA, {}});
  for (int i = 1; i <= 3; ++i) write_and_move(event(1, i));
  EXPECT_EQ(versions(*first, 3).size(), 3u);
  const auto cursor = first->cursor();
  first.reset();
  for (int i = 4; i <= 6; ++i) write_and_move(event(1, i));
  auto again = feed->subscribe({kA, {}}, cursor);
  EXPECT_EQ(versions(*again, 3), (std::vector<std::int64_t>{4, 5, 6}));
}

TEST_F(FeedTest, ReadsTheLogWhereTheWindowDoesNotReach) {
  open({.window = 2, .page = 3});
  const auto start = feed->head();
  for (int i = 1; i <= 12; ++i) write_and_move(event(1, i));
  auto behind = feed->subscribe({kA, {}}, start);
  std::vector<std::int64_t> all;
  for (int i = 1; i <= 12; ++i) all.push_back(i);
  EXPECT_EQ(versions(*behind, 12), all);
  write_and_move(event(1, 13));
  EXPECT_EQ(versions(*behind, 1), (std::vector<std::int64_t>{13})) << "then lives on";
}

TEST_F(FeedTest, SaysResyncForWhatCannotBeResumed) {
  write_and_move(event(1, 1));
  const auto head = *db.run(read_event_log_state(db.database()));
  for (const auto& cursor : {EventCursor{"another0", 1}, EventCursor{head.epoch, 999}}) {
    auto subscription = feed->subscribe({kA, {}}, cursor);
    auto batch = next(*subscription);
    EXPECT_TRUE(batch.resync) << cursor.epoch << " " << cursor.seq;
    EXPECT_TRUE(batch.events.empty());
    EXPECT_EQ(batch.cursor.epoch, head.epoch);
    write_and_move(event(1, 2));
    EXPECT_FALSE(next(*subscription).resync) << "and goes on from there";
  }
}

TEST_F(FeedTest, SaysResyncBelowWhatIsRetained) {
  for (int i = 1; i <= 3; ++i) write_and_move(event(1, i));
  db.exec("update phoenix.event_log set retained_after = 2");
  open({});
  const auto epoch = feed->head().epoch;
  EXPECT_TRUE(next(*feed->subscribe({kA, {}}, EventCursor{epoch, 1})).resync);
  auto at_the_edge = feed->subscribe({kA, {}}, EventCursor{epoch, 2});
  EXPECT_EQ(versions(*at_the_edge, 1), (std::vector<std::int64_t>{3}));
}

TEST_F(FeedTest, SaysResyncToOneWhoFellTooFarBehind) {
  open({.window = 2, .lag_max = 5});
  const auto start = feed->head();
  for (int i = 1; i <= 8; ++i) write_and_move(event(1, i));
  auto live = subscribe_from_here();
  write_and_move(event(1, 9));
  EXPECT_EQ(versions(*live, 1).size(), 1u);
  auto slow = feed->subscribe({kA, {}}, start);
  EXPECT_TRUE(next(*slow).resync);
}

TEST_F(FeedTest, ANewEpochReachesLiveSubscribers) {
  write_and_move(event(1, 1));
  auto live = subscribe_from_here();
  write_and_move(event(1, 2));
  EXPECT_EQ(versions(*live, 1), (std::vector<std::int64_t>{2}));
  const auto before = live->cursor();
  auto begun = db.run(begin_event_epoch(db.database(), "restored from a backup"));
  ASSERT_TRUE(begun) << begun.error().to_string();
  auto batch = next(*live);
  EXPECT_TRUE(batch.resync);
  EXPECT_NE(batch.cursor.epoch, before.epoch);
  EXPECT_TRUE(next(*feed->subscribe({kA, {}}, before)).resync);
}

TEST_F(FeedTest, WorksAcrossTwoProcesses) {
  auto other = db.another();
  Sequencer there(db.executor(), *other, clock, db.metrics());
  TaskScope there_scope(db.executor(), "other");
  there_scope.spawn("sequencer", there.run());
  EventFeed other_feed(db.executor(), *other, db.metrics());
  ASSERT_TRUE(db.run(other_feed.start()));
  there_scope.spawn("feed", other_feed.run());
  auto here = feed->subscribe({kA, {}});
  auto over_there = other_feed.subscribe({kA, {}});
  for (int i = 1; i <= 5; ++i) write(db, event(1, i));
  there.nudge();
  EXPECT_EQ(versions(*here, 5), (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(versions(*over_there, 5), (std::vector<std::int64_t>{1, 2, 3, 4, 5}));
  over_there.reset();
  db.run(there_scope.stop());
  db.run(other->stop());
}

TEST_F(FeedTest, CloseEndsAWaitingReader) {
  auto subscription = feed->subscribe({kA, {}});
  asio::post(db.executor(), [&] { subscription->close(); });
  auto ended = db.run(subscription->next());
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().reason(), "event.closed");
}

TEST_F(FeedTest, ManyEventsWhileAReaderSleepsAreAllThere) {
  auto slow = feed->subscribe({kA, {}});
  db.exec(
      "insert into phoenix.event_inbox (tenant_id, type, object_id, kind, version)"
      " select '" +
      kA.to_string() +
      "', 'VirtualMachine', gen_random_uuid(), 'UPDATED', n"
      " from generate_series(1, 6000) n order by n");
  EXPECT_EQ(move_all(db, sequencer), 6000);
  const auto seen = versions(*slow, 6000);
  for (std::size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], static_cast<std::int64_t>(i + 1));
}

}  // namespace
}  // namespace phx::engine
