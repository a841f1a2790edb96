#include "pg/database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "base/random.hpp"
#include "base/task_scope.hpp"
#include "pg/error.hpp"
#include "pg/sql.gen.hpp"
#include "pg/sync.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::pg {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::TestDatabase;

const Uuid kTenantA = *Uuid::parse("0193a7d2-0000-7000-8000-00000000000a");
const Uuid kTenantB = *Uuid::parse("0193a7d2-0000-7000-8000-00000000000b");

Sql dynamic(std::string text) { return Sql::dynamic("test", std::move(text)); }
Deadline soon() { return Deadline::after(10s); }

/// A table behind the wall: 30 rows of A, 20 rows of B.
void make_notes(TestDatabase& db) {
  db.exec(
      "create table phoenix.notes (id bigserial primary key, tenant_id uuid not null, body text not null unique);"
      "alter table phoenix.notes enable row level security;"
      "create policy tenant on phoenix.notes to phoenix_tenant"
      "  using (tenant_id = current_setting('phoenix.tenant_id')::uuid);"
      "create policy every on phoenix.notes to phoenix_platform, phoenix_worker using (true);"
      "grant select, insert, update, delete on phoenix.notes to phoenix_tenant");
  db.exec("insert into phoenix.notes (tenant_id, body) select '" + kTenantA.to_string() +
          "', 'a' || i from generate_series(1, 30) i");
  db.exec("insert into phoenix.notes (tenant_id, body) select '" + kTenantB.to_string() +
          "', 'b' || i from generate_series(1, 20) i");
}

const Statement kCount{"test.count", "select count(*), min(body) from phoenix.notes"};
const Statement kInsert{"test.insert", "insert into phoenix.notes (tenant_id, body) values ($1, $2) returning id"};
const Statement kSleep{"test.sleep", "select 1 from pg_sleep($1)"};
const Statement kPid{"test.pid", "select pg_backend_pid()"};
const Statement kPrepared{"test.prepared", "select count(*) from pg_prepared_statements where name like 'p%'"};

std::int64_t count_as(TestDatabase& db, const Scope& scope) {
  auto rows = db.run(db->read(scope, kCount, {}, soon()));
  if (!rows) throw std::runtime_error(rows.error().to_string());
  return rows->get<std::int64_t>(0, 0);
}

TEST(Reads, EachTypeComesBackAsItWent) {
  TestDatabase db(TestDatabase::Content::kEmpty);
  auto params = Params::of(true, std::int32_t{-5}, std::int64_t{1} << 40, 2.5, "text", kTenantA,
                           Instant(1'700'000'000'123'456us), Duration(90s), std::optional<std::string>());
  params.add(std::vector<Uuid>{kTenantA, kTenantB});
  params.add(std::vector<std::string>{"x", ""});
  params.add(std::vector<std::int64_t>{1, -1});
  params.add_json(R"({"a": [1, 2]})").add_bytes(std::string_view("\0\xff", 2)).add_numeric("-12345.6700");
  params.add(std::chrono::sys_days(std::chrono::year(1999) / 12 / 31));
  params.add(std::vector<std::string>{});
  auto rows = db.run(db->read(Scope::platform(),
                              dynamic("select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
                                      "$17, $15::text, $7::text, '{\"k\": 1}'::json as plain"),
                              params, soon()));
  ASSERT_TRUE(rows) << rows.error().to_string();
  const auto row = (*rows)[0];
  EXPECT_TRUE(row.get<bool>(0));
  EXPECT_EQ(row.get<std::int32_t>(1), -5);
  EXPECT_EQ(row.get<std::int64_t>(1), -5);
  EXPECT_EQ(row.get<std::int64_t>(2), std::int64_t{1} << 40);
  EXPECT_EQ(row.get<double>(3), 2.5);
  EXPECT_EQ(row.get<std::string_view>(4), "text");
  EXPECT_EQ(row.get<Uuid>(5), kTenantA);
  EXPECT_EQ(row.get<std::string>(5), kTenantA.to_string());
  EXPECT_EQ(row.get<Instant>(6), Instant(1'700'000'000'123'456us));
  EXPECT_EQ(row.get<Duration>(7), Duration(90s));
  EXPECT_EQ(row.get<std::optional<std::string>>(8), std::nullopt);
  EXPECT_EQ(row.get<std::vector<Uuid>>(9), (std::vector{kTenantA, kTenantB}));
  EXPECT_EQ(row.get<std::vector<std::string>>(10), (std::vector<std::string>{"x", ""}));
  EXPECT_EQ(row.get<std::vector<std::int64_t>>(11), (std::vector<std::int64_t>{1, -1}));
  EXPECT_EQ(row.get<std::string_view>(12), R"({"a": [1, 2]})");
  EXPECT_EQ(row.get<std::string_view>(13), std::string_view("\0\xff", 2));
  EXPECT_EQ(row.get<std::string>(14), "-12345.6700");
  EXPECT_EQ(row.get<std::chrono::sys_days>(15), std::chrono::sys_days(std::chrono::year(1999) / 12 / 31));
  EXPECT_TRUE(row.get<std::vector<std::string>>(16).empty());
  EXPECT_EQ(row.get<std::string>(17), "-12345.6700");
  EXPECT_EQ(row.get<std::string>(18), "2023-11-14 22:13:20.123456+00");
  EXPECT_EQ(row.get<std::string_view>("plain"), R"({"k": 1})");
  EXPECT_THROW(row.get<std::int64_t>(4), std::logic_error);
  EXPECT_THROW(row.get<std::string>(8), std::logic_error);
  EXPECT_THROW(row.get<bool>(99), std::logic_error);
  EXPECT_THROW(row.get<bool>("absent"), std::logic_error);
}

TEST(Reads, NumericIsDecodedExactly) {
  TestDatabase db(TestDatabase::Content::kEmpty);
  auto rows = db.run(db->read(Scope::platform(),
                              dynamic("select n, n::text from unnest(array[0, 0.00, 1, -1, 10000, 9999.9999, 0.0001, "
                                      "0.00012345, 123456789012345678.90, "
                                      "100000000, 1e20, -0.5, 'NaN'::numeric, 12.500]) n"),
                              {}, soon()));
  ASSERT_TRUE(rows) << rows.error().to_string();
  ASSERT_EQ(rows->size(), 14);
  for (const auto row : *rows) EXPECT_EQ(row.get<std::string>(0), row.get<std::string>(1));
}

TEST(Reads, TenantSeesOnlyItsRowsOnTheSameConnection) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.tenant = {1, 1}; });
  make_notes(db);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(count_as(db, Scope::of_tenant(kTenantA)), 30);
    EXPECT_EQ(count_as(db, Scope::of_tenant(kTenantB)), 20);
    EXPECT_EQ(count_as(db, Scope::platform()), 50);
  }
}

TEST(Reads, WithoutTenantContextNothingIsServedAlsoAfterAnotherTenant) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.tenant = {1, 1}; });
  make_notes(db);
  EXPECT_EQ(count_as(db, Scope::of_tenant(kTenantA)), 30);
  const Scope nobody{Role::kTenant, {}};
  auto read = db.run(db->read(nobody, kCount, {}, soon()));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason(), "pg.no_tenant_context");
  auto begun = db.run(db->begin(nobody, soon()));
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().reason(), "pg.no_tenant_context");
  // And should a statement ever get past us, the policy itself fails instead of answering "no rows": the setting is ''
  // on a connection that served another tenant before.
  auto late =
      db.run(db->read_many(Scope::of_tenant(kTenantA),
                           {{dynamic("select set_config('phoenix.tenant_id', '', true)"), {}}, {kCount, {}}}, soon()));
  ASSERT_FALSE(late);
  EXPECT_EQ(sqlstate_of(late.error()), "22P02");
}

TEST(Reads, SharedConnectionsRefuseWhatIsNotAQuery) {
  TestDatabase db;
  make_notes(db);
  for (const auto* text : {"begin", "insert into phoenix.notes default values", "set search_path = public", "commit"}) {
    auto refused = db.run(db->read(Scope::platform(), dynamic(text), {}, soon()));
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().reason(), "pg.not_a_query") << text;
  }
  // A query that writes is stopped by the server: the connection is read-only.
  auto writes =
      db.run(db->read(Scope::platform(),
                      dynamic("with x as (delete from phoenix.notes returning 1) select count(*) from x"), {}, soon()));
  ASSERT_FALSE(writes);
  EXPECT_EQ(sqlstate_of(writes.error()), "25006");
  EXPECT_EQ(db.value("select count(*) from phoenix.notes"), "50");
}

TEST(Reads, SeveralStatementsSeeOneSnapshot) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.shared_statement_timeout = 60s; });
  make_notes(db);
  auto gate = SyncConnection::open(db.conninfo("phoenix_owner"));
  ASSERT_TRUE(gate && gate->script("select pg_advisory_lock(1)"));
  // The second statement waits at the gate; a commit happens before it opens.
  std::vector<Query> queries = {{kCount, {}}, {dynamic("select pg_advisory_xact_lock(1)"), {}}, {kCount, {}}};
  std::optional<Result<std::vector<Rows>>> rows;
  auto read = [](TestDatabase& database, std::vector<Query> all,
                 std::optional<Result<std::vector<Rows>>>& out) -> asio::awaitable<void> {
    out = co_await database->read_many(Scope::platform(), std::move(all), soon());
  };
  TaskScope scope(db.executor(), "test");
  scope.spawn("read", read(db, queries, rows));
  while (db.exec_superuser("select 1 from pg_locks where locktype = 'advisory' and not granted").empty())
    db.io().poll();
  db.exec("insert into phoenix.notes (tenant_id, body) values ('" + kTenantA.to_string() + "', 'between')");
  ASSERT_TRUE(gate->script("select pg_advisory_unlock(1)"));
  db.run(scope.join());
  ASSERT_TRUE(rows && *rows) << (*rows).error().to_string();
  EXPECT_EQ((**rows)[0].get<std::int64_t>(0, 0), 50);
  EXPECT_EQ((**rows)[2].get<std::int64_t>(0, 0), 50);
  EXPECT_EQ(count_as(db, Scope::platform()), 51);
}

TEST(Reads, SlowOnesMoveToAnExclusiveConnection) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) {
    o.platform = {1, 1};
    o.shared_statement_timeout = 300ms;
  });
  auto shared = db.run(db->read(Scope::platform(), kPid, {}, soon()));
  ASSERT_TRUE(shared);
  std::vector<Query> slow = {{kSleep, Params::of(0.6)}, {kPid, {}}};
  auto rows = db.run(db->read_many(Scope::platform(), slow, soon()));
  ASSERT_TRUE(rows) << rows.error().to_string();
  EXPECT_NE((*rows)[1].get<std::int32_t>(0, 0), shared->get<std::int32_t>(0, 0));
  EXPECT_THAT(db.metrics().render(), HasSubstr("sankofa_pg_slow_lane_total 1"));
  // The shared connection goes on unharmed.
  auto again = db.run(db->read(Scope::platform(), kPid, {}, soon()));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->get<std::int32_t>(0, 0), shared->get<std::int32_t>(0, 0));
}

TEST(Reads, DeadlineEndsTheSlowLaneToo) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) {
    o.platform = {1, 1};
    o.shared_statement_timeout = 50ms;
  });
  auto rows = db.run(db->read(Scope::platform(), kSleep, Params::of(30.0), Deadline::after(500ms)));
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(rows.error().reason(), "pg.timeout");
  // The one exclusive connection is usable again.
  ASSERT_TRUE(db.run(db->read_slow(Scope::platform(), {{kPid, {}}}, soon())));
}

TEST(Prepared, AtTheThirdUseAndNotBefore) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.platform = {1, 1}; });
  const auto sql = dynamic("select $1::int4 + 1");
  const auto prepared = [&] {
    return db
        .run(
            db->read(Scope::platform(), dynamic(std::string(kPrepared.sql) + " and statement like '%+ 1'"), {}, soon()))
        ->get<std::int64_t>(0, 0);
  };
  for (int use = 1; use <= 4; ++use) {
    auto rows = db.run(db->read(Scope::platform(), sql, Params::of(std::int32_t{use}), soon()));
    ASSERT_TRUE(rows) << rows.error().to_string();
    EXPECT_EQ(rows->get<std::int32_t>(0, 0), use + 1);
    EXPECT_EQ(prepared(), use >= 3 ? 1 : 0) << use;
  }
}

TEST(Prepared, AreBoundedAndTheLeastRecentlyUsedGoes) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) {
    o.platform = {1, 1};
    o.prepared_max = 5;
    o.prepare_at_use = 1;
  });
  const auto kept = dynamic("select 'kept'");
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(db.run(db->read(Scope::platform(), dynamic("select " + std::to_string(i)), {}, soon())));
    ASSERT_TRUE(db.run(db->read(Scope::platform(), kept, {}, soon())));
  }
  auto rows =
      db.run(db->read(Scope::platform(),
                      dynamic("select count(*), count(*) filter (where statement = 'select ''kept''' and name = 'p2') "
                              "from pg_prepared_statements where name like 'p%' and name not like 'phx%'"),
                      {}, soon()));
  ASSERT_TRUE(rows);
  EXPECT_LE(rows->get<std::int64_t>(0, 0), 6);  // five, and the one whose turn to go comes with the next segment
  EXPECT_EQ(rows->get<std::int64_t>(0, 1), 1);  // the one used all the time was never evicted
}

TEST(Prepared, AreMadeAgainAfterASchemaChange) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) {
    o.platform = {1, 1};
    o.prepare_at_use = 1;
  });
  make_notes(db);
  const auto sql = dynamic("select * from phoenix.notes order by id limit 1");
  auto before = db.run(db->read(Scope::platform(), sql, {}, soon()));
  ASSERT_TRUE(before);
  auto slow_before = db.run(db->read_slow(Scope::platform(), {{sql, {}}}, soon()));
  ASSERT_TRUE(slow_before);
  db.exec("alter table phoenix.notes add column extra text not null default 'new'");
  auto after = db.run(db->read(Scope::platform(), sql, {}, soon()));
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_EQ(after->columns(), before->columns() + 1);
  auto slow_after = db.run(db->read_slow(Scope::platform(), {{sql, {}}}, soon()));
  ASSERT_TRUE(slow_after) << slow_after.error().to_string();
  EXPECT_EQ((*slow_after)[0].get<std::string>(0, "extra"), "new");
}

TEST(Prepared, SameTextWithOtherParameterTypesIsAnotherStatement) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) {
    o.platform = {1, 1};
    o.prepare_at_use = 1;
  });
  const auto sql = dynamic("select pg_typeof($1)::text");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(db.run(db->read(Scope::platform(), sql, Params::of(std::int32_t{1}), soon()))->get<std::string>(0, 0),
              "integer");
    EXPECT_EQ(db.run(db->read(Scope::platform(), sql, Params::of("x"), soon()))->get<std::string>(0, 0), "text");
  }
}

TEST(Transactions, CommitKeepsAndDestructionRollsBack) {
  TestDatabase db;
  make_notes(db);
  {
    auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
    ASSERT_TRUE(tx);
    auto rows = db.run(tx->execute(kInsert, Params::of(kTenantA, "kept")));
    ASSERT_TRUE(rows) << rows.error().to_string();
    EXPECT_EQ(rows->affected(), 1);
    ASSERT_TRUE(db.run(tx->commit()));
    EXPECT_EQ(db.run(tx->execute(kCount)).error().reason(), "pg.transaction_aborted");
  }
  {
    auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
    ASSERT_TRUE(tx);
    ASSERT_TRUE(db.run(tx->execute(kInsert, Params::of(kTenantA, "dropped"))));
  }
  EXPECT_EQ(count_as(db, Scope::of_tenant(kTenantA)), 31);
}

TEST(Transactions, AreBoundToTheirTenant) {
  TestDatabase db;
  make_notes(db);
  auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
  ASSERT_TRUE(tx);
  EXPECT_EQ(db.run(tx->execute(kCount))->get<std::int64_t>(0, 0), 30);
  auto foreign = db.run(tx->execute(kInsert, Params::of(kTenantB, "smuggled")));
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code(), Code::kPermissionDenied);
  // After the failure the transaction does nothing more, and says so at commit, too.
  EXPECT_EQ(db.run(tx->execute(kCount)).error().reason(), "pg.transaction_aborted");
  EXPECT_EQ(db.run(tx->commit()).error().reason(), "pg.transaction_aborted");
  EXPECT_EQ(count_as(db, Scope::platform()), 50);
}

TEST(Transactions, ViolationsCarryTheConstraint) {
  TestDatabase db;
  make_notes(db);
  auto double_one = db.run(db->execute(Scope::of_tenant(kTenantA), kInsert, Params::of(kTenantA, "a1"), soon()));
  ASSERT_FALSE(double_one);
  EXPECT_EQ(double_one.error().code(), Code::kAlreadyExists);
  EXPECT_TRUE(violates(double_one.error(), "notes_body_key"));
  EXPECT_EQ(double_one.error().message().find("a1"), std::string::npos) << "data must not reach the caller";
  auto null = db.run(
      db->execute(Scope::of_tenant(kTenantA), kInsert, Params::of(kTenantA, std::optional<std::string>()), soon()));
  EXPECT_EQ(null.error().reason(), "pg.null_violation");
}

TEST(Transactions, SavepointsUndoOnlyWhatCameAfter) {
  TestDatabase db;
  make_notes(db);
  auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
  ASSERT_TRUE(tx);
  ASSERT_TRUE(db.run(tx->execute(kInsert, Params::of(kTenantA, "first"))));
  ASSERT_TRUE(db.run(tx->savepoint("one")));
  ASSERT_FALSE(db.run(tx->execute(kInsert, Params::of(kTenantA, "first"))));
  ASSERT_TRUE(db.run(tx->rollback_to("one")));
  ASSERT_TRUE(db.run(tx->execute(kInsert, Params::of(kTenantA, "second"))));
  ASSERT_TRUE(db.run(tx->release("one")));
  EXPECT_EQ(db.run(tx->savepoint("x; drop table")).error().reason(), "pg.savepoint_name");
  ASSERT_TRUE(db.run(tx->commit()));
  EXPECT_EQ(count_as(db, Scope::of_tenant(kTenantA)), 32);
}

TEST(Transactions, DeferredStatementsTravelWithTheNextOneOrWithCommitInOrder) {
  TestDatabase db;
  make_notes(db);
  {
    auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
    ASSERT_TRUE(tx);
    tx->defer(kInsert, Params::of(kTenantA, "one"));
    EXPECT_EQ(db.value("select count(*) from pg_stat_activity where state = 'idle in transaction' and "
                       "datname = current_database()"),
              "0")
        << "nothing was sent";
    const auto batch = db.run(tx->execute_batch({{kInsert, Params::of(kTenantA, "two")}, {kCount, {}}}));
    ASSERT_TRUE(batch) << batch.error().to_string();
    ASSERT_EQ(batch->size(), 2u) << "the rows of what was asked for, and no others";
    EXPECT_EQ((*batch)[1].get<std::int64_t>(0, 0), 32);
    tx->defer(kInsert, Params::of(kTenantA, "three"));
    tx->defer(kInsert, Params::of(kTenantA, "four"));
    ASSERT_TRUE(db.run(tx->commit()));
  }
  // Nothing but deferred statements is a transaction, too.
  auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
  ASSERT_TRUE(tx);
  tx->defer(kInsert, Params::of(kTenantA, "five"));
  ASSERT_TRUE(db.run(tx->commit()));
  const auto stored = db.exec("select body from phoenix.notes where id > 50 order by id");
  std::vector<std::string> bodies;
  for (const auto& row : stored) bodies.push_back(row[0]);
  EXPECT_THAT(bodies, ::testing::ElementsAre("one", "two", "three", "four", "five"));
}

TEST(Transactions, ADeferredFailureFailsTheCommitAndStoresNothing) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.tenant = {1, 1}; });
  make_notes(db);
  {
    auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
    ASSERT_TRUE(tx);
    ASSERT_TRUE(db.run(tx->execute(kInsert, Params::of(kTenantA, "before"))));
    tx->defer(kInsert, Params::of(kTenantA, "a1"));
    tx->defer(kInsert, Params::of(kTenantA, "after"));
    const auto committed = db.run(tx->commit());
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code(), Code::kAlreadyExists);
    EXPECT_EQ(constraint_of(committed.error()), "notes_body_key");
    EXPECT_FALSE(db.run(tx->commit()));
  }
  {
    auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
    ASSERT_TRUE(tx) << "the pool's only connection came back";
    EXPECT_EQ(db.run(tx->execute(kCount))->get<std::int64_t>(0, 0), 30) << "nothing was stored";
    tx->defer(kInsert, Params::of(kTenantB, "smuggled"));
    const auto next = db.run(tx->execute(kCount));
    ASSERT_FALSE(next) << "the statement it travelled with answers";
    EXPECT_EQ(next.error().code(), Code::kPermissionDenied);
    EXPECT_EQ(db.run(tx->commit()).error().reason(), "pg.transaction_aborted");
  }
  {
    auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
    ASSERT_TRUE(tx);
    tx->defer(kInsert, Params::of(kTenantA, "never sent"));
  }
  EXPECT_EQ(count_as(db, Scope::of_tenant(kTenantA)), 30);
}

TEST(Transactions, SavepointsKeepWhatWasDeferredBeforeThem) {
  TestDatabase db;
  make_notes(db);
  auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
  ASSERT_TRUE(tx);
  tx->defer(kInsert, Params::of(kTenantA, "kept"));
  ASSERT_TRUE(db.run(tx->savepoint("one")));
  tx->defer(kInsert, Params::of(kTenantA, "undone"));
  ASSERT_TRUE(db.run(tx->rollback_to("one")));
  tx->defer(kInsert, Params::of(kTenantA, "a1"));
  ASSERT_FALSE(db.run(tx->release("one"))) << "it was taken along";
  ASSERT_TRUE(db.run(tx->rollback_to("one")));
  ASSERT_TRUE(db.run(tx->commit()));
  EXPECT_EQ(db.value("select string_agg(body, ',') from phoenix.notes where id > 50"), "kept");
}

TEST(Transactions, BatchIsOneRoundTripAndStopsAtTheFirstFailure) {
  TestDatabase db;
  make_notes(db);
  auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
  ASSERT_TRUE(tx);
  auto good = db.run(tx->execute_batch({{kInsert, Params::of(kTenantA, "x1")}, {kCount, {}}}));
  ASSERT_TRUE(good);
  EXPECT_EQ((*good)[1].get<std::int64_t>(0, 0), 31);
  auto bad = db.run(
      tx->execute_batch({{kInsert, Params::of(kTenantA, "x2")}, {kInsert, Params::of(kTenantA, "a1")}, {kCount, {}}}));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().reason(), "pg.unique_violation");
}

TEST(Transactions, SerializationFailureIsAborted) {
  TestDatabase db;
  make_notes(db);
  TransactionOptions serializable;
  serializable.isolation = Isolation::kSerializable;
  auto one = db.run(db->begin(Scope::platform(), soon(), serializable));
  auto two = db.run(db->begin(Scope::platform(), soon(), serializable));
  ASSERT_TRUE(one && two);
  ASSERT_TRUE(db.run(one->execute(kCount)) && db.run(two->execute(kCount)));
  ASSERT_TRUE(db.run(one->execute(kInsert, Params::of(kTenantA, "s1"))));
  auto second = db.run(two->execute(kInsert, Params::of(kTenantA, "s2")));
  Status first_end = db.run(one->commit());
  ASSERT_TRUE(first_end);
  if (second) {
    const Status second_end = db.run(two->commit());
    ASSERT_FALSE(second_end);
    EXPECT_EQ(second_end.error().code(), Code::kAborted);
  } else {
    EXPECT_EQ(second.error().code(), Code::kAborted);
  }
}

TEST(Transactions, CopyWritesManyRows) {
  TestDatabase db;
  make_notes(db);
  const std::vector<std::string> columns = {"tenant_id", "body"};
  std::vector<Params> rows;
  for (int i = 0; i < 20'000; ++i)
    rows.push_back(Params::of(kTenantA, "copied " + std::to_string(i) + std::string(100, 'x')));
  auto tx = db.run(db->begin(Scope::owner(), soon()));
  ASSERT_TRUE(tx);
  auto copied = db.run(tx->copy_in("phoenix.notes", columns, rows));
  ASSERT_TRUE(copied) << copied.error().to_string();
  EXPECT_EQ(*copied, 20'000);
  // Pipeline mode is back.
  EXPECT_EQ(db.run(tx->execute(kCount))->get<std::int64_t>(0, 0), 20'050);
  ASSERT_TRUE(db.run(tx->commit()));
  const auto refusal = [&](const Scope& scope, const std::string& table, const std::vector<std::string>& names,
                           const std::vector<Params>& values) {
    auto one = db.run(db->begin(scope, soon()));
    auto result = db.run(one->copy_in(table, names, values));
    return result ? std::string("none") : result.error().reason();
  };
  EXPECT_EQ(refusal(Scope::owner(), "phoenix.notes", columns, {Params::of(kTenantA, "a1")}), "pg.unique_violation");
  EXPECT_EQ(refusal(Scope::owner(), "notes; drop", columns, {}), "pg.copy_columns");
  EXPECT_EQ(refusal(Scope::owner(), "phoenix.notes", columns, {Params::of(kTenantA)}), "pg.copy_columns");
  // Row-level security and COPY exclude each other; this is a refusal, not a way around the wall.
  EXPECT_EQ(refusal(Scope::of_tenant(kTenantA), "phoenix.notes", columns, {Params::of(kTenantB, "b")}),
            "pg.statement_failed");
}

TEST(Transactions, DeadlineCancelsOnTheServerAndOnlyThere) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.worker = {1, 1}; });
  make_notes(db);
  auto tx = db.run(db->begin(Scope::worker(), Deadline::after(300ms)));
  ASSERT_TRUE(tx);
  auto slow = db.run(tx->execute(kSleep, Params::of(30.0)));
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code(), Code::kDeadlineExceeded);
  ASSERT_TRUE(db.run(tx->rollback()));
  auto next = db.run(db->execute(Scope::worker(), kPid, {}, soon()));
  ASSERT_TRUE(next) << next.error().to_string();
  EXPECT_EQ(db.value("select count(*) from pg_stat_activity where query like '%pg_sleep%' and state = 'active' "
                     "and pid <> pg_backend_pid()"),
            "0");
}

TEST(Pools, FullOneAnswersUnavailableWithRetryAfter) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) {
    o.worker = {1, 2};
    o.pool_wait = 100ms;
  });
  auto one = db.run(db->begin(Scope::worker(), soon()));
  auto two = db.run(db->begin(Scope::worker(), soon()));
  ASSERT_TRUE(one && two);
  auto three = db.run(db->begin(Scope::worker(), soon()));
  ASSERT_FALSE(three);
  EXPECT_EQ(three.error().code(), Code::kUnavailable);
  EXPECT_EQ(three.error().reason(), "pg.pool_exhausted");
  EXPECT_TRUE(three.error().retry_after());
  // Other roles have pools of their own.
  EXPECT_TRUE(db.run(db->begin(Scope::platform(), soon())));
  ASSERT_TRUE(db.run(one->rollback()));
  EXPECT_TRUE(db.run(db->begin(Scope::worker(), soon())));
}

TEST(Pools, WaitingRequestGetsTheConnectionThatBecomesFree) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.worker = {1, 1}; });
  auto one = db.run(db->begin(Scope::worker(), soon()));
  ASSERT_TRUE(one);
  const auto pid = db.run(one->execute(kPid))->get<std::int32_t>(0, 0);
  TaskScope scope(db.executor(), "test");
  std::optional<std::int32_t> seen;
  auto wait = [](TestDatabase& database, std::optional<std::int32_t>& out) -> asio::awaitable<void> {
    auto rows = co_await database->execute(Scope::worker(), kPid, {}, soon());
    if (rows) out = rows->get<std::int32_t>(0, 0);
  };
  scope.spawn("waiter", wait(db, seen));
  db.io().poll();
  EXPECT_FALSE(seen);
  ASSERT_TRUE(db.run(one->rollback()));
  db.run(scope.join());
  EXPECT_EQ(seen, pid);
}

/// Pitfall 1. One shared connection for all readers, one exclusive for A's transaction; readers of both tenants, some
/// of which fail, some give up at once, while A's transaction goes on.
TEST(Interleaving, NobodySeesOrBreaksAnother) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) {
    o.tenant = {1, 4};
    o.prepare_at_use = 2;
  });
  make_notes(db);
  struct Tally {
    int right = 0, wrong = 0, failed_as_meant = 0, aborted = 0;
  } tally;
  const Sql failing = dynamic("select 1 / (select count(*) - count(*) from phoenix.notes)");

  auto reader = [](TestDatabase& database, Uuid tenant, std::int64_t expected, std::string prefix, Tally& out,
                   int rounds) -> asio::awaitable<void> {
    for (int i = 0; i < rounds; ++i) {
      const auto rows = co_await database->read(Scope::of_tenant(tenant), kCount, {}, soon());
      const bool right = rows && rows->get<std::int64_t>(0, 0) >= expected &&
                         rows->get<std::int64_t>(0, 0) <= expected && rows->get<std::string>(0, 1).starts_with(prefix);
      ++(right ? out.right : out.wrong);
    }
  };
  auto failer = [](TestDatabase& database, Sql sql, Tally& out, int rounds) -> asio::awaitable<void> {
    for (int i = 0; i < rounds; ++i) {
      const auto rows = co_await database->read(Scope::of_tenant(kTenantB), sql, {}, soon());
      if (!rows && rows.error().reason() == "pg.invalid_value") ++out.failed_as_meant;
    }
  };
  auto aborter = [](TestDatabase& database, Uuid tenant) -> asio::awaitable<void> {
    static_cast<void>(co_await database->read(Scope::of_tenant(tenant), kCount, {}, soon()));
  };

  auto tx = db.run(db->begin(Scope::of_tenant(kTenantA), soon()));
  ASSERT_TRUE(tx);
  TaskScope scope(db.executor(), "readers");
  constexpr int kRounds = 100;
  for (int i = 0; i < 4; ++i) {
    scope.spawn("a", reader(db, kTenantA, 30, "a", tally, kRounds));
    scope.spawn("b", reader(db, kTenantB, 20, "b", tally, kRounds));
    scope.spawn("f", failer(db, failing, tally, kRounds));
  }
  SeededRandom random(7);
  for (int i = 0; i < kRounds; ++i) {
    // Clients that leave in the middle of their read.
    asio::cancellation_signal leave;
    bool ended = false;
    asio::co_spawn(db.io(), aborter(db, random.chance(1, 2) ? kTenantA : kTenantB),
                   asio::bind_cancellation_slot(leave.slot(), [&](std::exception_ptr) { ended = true; }));
    const auto steps = random.below(4);
    for (std::uint64_t step = 0; step < steps && !ended; ++step) db.io().poll_one();
    leave.emit(asio::cancellation_type::terminal);
    while (!ended) db.io().run_one();
    ++tally.aborted;
    // A's own transaction, in the midst of it.
    auto inserted = db.run(tx->execute(kInsert, Params::of(kTenantA, "tx" + std::to_string(i))));
    ASSERT_TRUE(inserted) << inserted.error().to_string();
    auto counted = db.run(tx->execute(kCount));
    ASSERT_TRUE(counted) << counted.error().to_string();
    EXPECT_EQ(counted->get<std::int64_t>(0, 0), 31 + i);
  }
  db.run(scope.join());
  EXPECT_EQ(tally.right, 8 * kRounds);
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_EQ(tally.failed_as_meant, 4 * kRounds);
  EXPECT_EQ(tally.aborted, kRounds);
  EXPECT_THAT(db.metrics().render(), HasSubstr("sankofa_pg_cancelled_total 0")) << "shared ones are never cancelled";
  ASSERT_TRUE(db.run(tx->commit()));
  EXPECT_EQ(count_as(db, Scope::of_tenant(kTenantA)), 30 + kRounds);
  EXPECT_EQ(db.value("select count(*) from pg_stat_activity where usename = 'phoenix_tenant' and application_name like "
                     "'%shared' and datname = current_database()"),
            "1")
      << "all of it went over one shared connection";
}

TEST(Interleaving, LeavingInTheMiddleOfATransactionRollsBackAndCancels) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.tenant = {1, 1}; });
  make_notes(db);
  auto leaver = [](TestDatabase& database, bool& sleeping) -> asio::awaitable<void> {
    auto tx = co_await database->begin(Scope::of_tenant(kTenantA), Deadline::after(60s));
    static_cast<void>(co_await tx->execute(kInsert, Params::of(kTenantA, "left behind")));
    sleeping = true;
    static_cast<void>(co_await tx->execute(kSleep, Params::of(60.0)));
  };
  asio::cancellation_signal leave;
  bool sleeping = false, ended = false;
  asio::co_spawn(db.io(), leaver(db, sleeping),
                 asio::bind_cancellation_slot(leave.slot(), [&](std::exception_ptr) { ended = true; }));
  while (!sleeping) db.io().run_one();
  leave.emit(asio::cancellation_type::terminal);
  while (!ended) db.io().run_one();
  // The only exclusive connection of the pool is replaced; the insert is gone.
  auto rows = db.run(db->execute(Scope::of_tenant(kTenantA), kCount, {}, soon()));
  ASSERT_TRUE(rows) << rows.error().to_string();
  EXPECT_EQ(rows->get<std::int64_t>(0, 0), 30);
  EXPECT_EQ(db.value("select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep%' and "
                     "pid <> pg_backend_pid()"),
            "0");
}

void kill_backends(TestDatabase& db, const std::string& role) {
  db.exec_superuser("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '" + role +
                    "' and datname = current_database()");
}

TEST(Loss, ReadsOutliveTheirConnection) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.platform = {1, 1}; });
  make_notes(db);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(count_as(db, Scope::platform()), 50);
    kill_backends(db, "phoenix_platform");
  }
  EXPECT_EQ(count_as(db, Scope::platform()), 50);
}

TEST(Loss, TransactionFailsAndTheNextOneWorks) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.worker = {1, 1}; });
  make_notes(db);
  auto tx = db.run(db->begin(Scope::worker(), soon()));
  ASSERT_TRUE(tx);
  ASSERT_TRUE(db.run(tx->execute(kInsert, Params::of(kTenantA, "lost"))));
  kill_backends(db, "phoenix_worker");
  auto next = db.run(tx->execute(kCount));
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code(), Code::kUnavailable);
  EXPECT_EQ(next.error().reason(), "pg.unavailable");
  EXPECT_FALSE(db.run(tx->commit()));
  auto fresh = db.run(db->execute(Scope::worker(), kCount, {}, soon()));
  ASSERT_TRUE(fresh) << fresh.error().to_string();
  EXPECT_EQ(fresh->get<std::int64_t>(0, 0), 50);
}

TEST(Loss, CommitWithoutAnswerIsReportedAsUnknown) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.worker = {1, 1}; });
  make_notes(db);
  // A deferred trigger holds the COMMIT until the backend is killed.
  db.exec(
      "create function phoenix.hold() returns trigger language plpgsql as "
      "'begin perform pg_sleep(60); return null; end';"
      "create constraint trigger hold after insert on phoenix.notes deferrable initially deferred "
      "for each row execute function phoenix.hold()");
  auto tx = db.run(db->begin(Scope::worker(), Deadline::after(60s)));
  ASSERT_TRUE(tx);
  ASSERT_TRUE(db.run(tx->execute(kInsert, Params::of(kTenantA, "unknown"))));
  TaskScope scope(db.executor(), "test");
  std::optional<Status> outcome;
  auto commit = [](Transaction& transaction, std::optional<Status>& out) -> asio::awaitable<void> {
    out = co_await transaction.commit();
  };
  scope.spawn("commit", commit(*tx, outcome));
  db.io().poll();
  while (db.exec_superuser("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = "
                           "'phoenix_worker' and state = 'active' and query = 'commit'")
             .empty())
    db.io().poll();
  db.run(scope.join());
  ASSERT_TRUE(outcome && !*outcome);
  EXPECT_EQ(outcome->error().reason(), "pg.commit_unknown");
  EXPECT_EQ(outcome->error().code(), Code::kUnavailable);
}

TEST(Listen, DeliversAndTellsOfGaps) {
  TestDatabase db;
  std::vector<std::string> heard;
  int gaps = 0;
  const auto hear = [&](std::optional<std::string_view> payload) {
    if (payload)
      heard.emplace_back(*payload);
    else
      ++gaps;
  };
  ASSERT_TRUE(db.run(db->listen("phoenix_test", hear)));
  EXPECT_EQ(gaps, 1);
  db.exec("notify phoenix_test, 'one'; notify other_channel, 'no'");
  while (heard.empty()) db.io().run_one();
  EXPECT_EQ(heard, std::vector<std::string>{"one"});
  db.exec_superuser(
      "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'phoenix listener'");
  while (gaps < 2) db.io().run_one();
  db.exec("notify phoenix_test, 'two'");
  while (heard.size() < 2) db.io().run_one();
  EXPECT_EQ(heard.back(), "two");
}

TEST(Health, PingAndMetrics) {
  TestDatabase db;
  ASSERT_TRUE(db.run(db->ping(soon())));
  const auto text = db.metrics().render();
  EXPECT_THAT(text, HasSubstr("sankofa_pg_connections{kind=\"shared\",pool=\"platform\"} 1"));
  EXPECT_THAT(text, HasSubstr("sankofa_pg_statement_seconds_count{statement=\"pg.ping\"} 1"));
}

TEST(Sessions, ProbeFindsSessionsThatWereChangedUnderUs) {
  TestDatabase db(TestDatabase::Content::kMigrated, [](DatabaseOptions& o) { o.platform = {1, 1}; });
  ASSERT_TRUE(db.run(db->probe(soon())));
  // As a pooler does that hands the same server session to clients with other settings.
  ASSERT_TRUE(
      db.run(db->read(Scope::platform(), dynamic("select set_config('search_path', 'public', false)"), {}, soon())));
  const auto refused = db.run(db->probe(soon()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "pg.pooler_unsuitable");
}

TEST(Sessions, EveryPoolHasItsTimeouts) {
  EXPECT_EQ(DatabaseOptions().shared_statement_timeout, 50ms);
  TestDatabase db;
  const auto sql = dynamic(
      "select current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'), "
      "current_setting('default_transaction_read_only'), current_setting('transaction_isolation'), "
      "current_setting('search_path')");
  for (const auto& scope : {Scope::of_tenant(kTenantA), Scope::platform(), Scope::worker()}) {
    auto shared = db.run(db->read(scope, sql, {}, soon()));
    ASSERT_TRUE(shared) << shared.error().to_string();
    EXPECT_EQ(shared->get<std::string>(0, 0), "5s");
    EXPECT_EQ(shared->get<std::string>(0, 1), "30s");
    EXPECT_EQ(shared->get<std::string>(0, 2), "on");
    EXPECT_EQ(shared->get<std::string>(0, 3), "repeatable read");
    EXPECT_EQ(shared->get<std::string>(0, 4), "phoenix,pg_catalog");
    auto exclusive = db.run(db->execute(scope, sql, {}, Deadline::after(2s)));
    ASSERT_TRUE(exclusive) << exclusive.error().to_string();
    EXPECT_NE(exclusive->get<std::string>(0, 0), "0");
    EXPECT_EQ(exclusive->get<std::string>(0, 1), "30s");
    EXPECT_EQ(exclusive->get<std::string>(0, 3), "read committed");
  }
}

TEST(Sessions, EveryStatementOfThisModuleIsAccepted) {
  TestDatabase db;
  auto connection = SyncConnection::open(db.conninfo("phoenix_owner"));
  ASSERT_TRUE(connection);
  for (const auto* statement : sql::pg::all()) {
    const auto accepted = connection->check(*statement);
    EXPECT_TRUE(accepted) << statement->name << ": " << accepted.error().to_string();
  }
}

}  // namespace
}  // namespace phx::pg
