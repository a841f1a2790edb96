#include "engine/ledger/ledger.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <map>
#include <sstream>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "base/task_scope.hpp"
#include "engine/audit.hpp"
#include "engine/events.hpp"
#include "engine/ledger/export.hpp"
#include "engine/ledger/recount.hpp"
#include "engine/testing/in_transaction.hpp"
#include "engine/testing/two_tenants.hpp"
#include "pg/migrate.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;
using pg::Scope;
using testing::in_transaction;
using testing::kA;
using testing::kB;

SigningKey key_of(char letter) { return SigningKey(std::string(32, letter)); }
pg::Sql sql(std::string text) { return pg::Sql::dynamic("test", std::move(text)); }

std::string unhex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
  return out;
}

struct Ledger : ::testing::Test {
  testing::TwoTenants db;
  SystemClock clock;
  SystemRandom random;
  UuidSource ids{clock, random};

  LedgerSequencer sequencer(char key = 'k', int batch_max = 1000) {
    return {db.database(), clock, db.metrics(), key_of(key), {.batch_max = batch_max, .every = 5ms}};
  }

  AuditRow row(std::optional<Uuid> tenant) {
    AuditRow out;
    out.id = ids.next();
    out.tenant = tenant;
    out.actor = "ada@example.org";
    out.action = "stopVirtualMachine";
    out.after = boost::json::parse(R"({"state":"STOPPED"})");
    out.request_id = "r-1";
    return out;
  }
  void write(int count = 1, std::optional<Uuid> tenant = kA) {
    for (int i = 0; i < count; ++i) {
      const auto what = row(tenant);
      const auto written = in_transaction(db, tenant ? Scope::of_tenant(*tenant) : Scope::platform(),
                                          [&](pg::Transaction& tx) { return record_audit(tx, what, random); });
      ASSERT_TRUE(written) << written.error().to_string();
    }
  }
  int append(LedgerSequencer& by) {
    const auto appended = db.run(by.append_batch());
    EXPECT_TRUE(appended) << appended.error().to_string();
    return appended.value_or(-1);
  }
  LedgerHead head() {
    auto out = db.run(read_ledger_head(db.database()));
    EXPECT_TRUE(out) << out.error().to_string();
    return out.value_or(LedgerHead{});
  }
  std::vector<std::string> differences() {
    auto out = db.run(recount_ledger(db.database()));
    EXPECT_TRUE(out) << out.error().to_string();
    return out.value_or(std::vector<std::string>{"no answer"});
  }
  /// Everything that must hold whatever happened before: rows are leaves, each once, without a gap, and signed for.
  void expect_whole(int leaves) {
    const auto rows = db.exec(
        "select l.index, encode(l.leaf_hash, 'hex'), encode(a.canonical, 'hex') from phoenix.audit_leaves l "
        "join phoenix.audit_log a on a.id = l.audit_id order by l.index");
    ASSERT_EQ(rows.size(), static_cast<std::size_t>(leaves));
    merkle::Frontier frontier;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i][0], std::to_string(i)) << "gapless from 0";
      const auto hash = sha256(std::string(1, '\0') + unhex(rows[i][2]));
      EXPECT_EQ(rows[i][1], hex_encode(hash));
      frontier.append(hash);
    }
    const auto now = head();
    EXPECT_EQ(now.size, static_cast<std::uint64_t>(leaves));
    EXPECT_EQ(now.root, frontier.root());
    EXPECT_EQ(differences(), std::vector<std::string>{});
  }
};

TEST_F(Ledger, AuditRowsBecomeLeavesUnderASignedCheckpoint) {
  auto appends = sequencer();
  EXPECT_EQ(append(appends), 0) << "nothing happened yet, and even that is signed for";
  expect_whole(0);
  write(3, kA);
  write(2, kB);
  write(1, std::nullopt);
  EXPECT_EQ(append(appends), 6);
  expect_whole(6);
  EXPECT_EQ(db.value("select count(*) from phoenix.audit_inbox"), "0");
  const auto now = head();
  ASSERT_TRUE(now.note);
  const auto opened = open_checkpoint(*now.note, key_of('k').verifier(now.origin));
  ASSERT_TRUE(opened) << opened.error().to_string();
  EXPECT_EQ(opened->size, 6U);
  EXPECT_EQ(opened->root, now.root);
  EXPECT_EQ(now.origin, "sankofa-phoenix/audit/" + db.value("select epoch from phoenix.event_log"));
  EXPECT_EQ(append(appends), 0);
  EXPECT_EQ(db.value("select count(*) from phoenix.ledger_checkpoints"), "2") << "nothing new, nothing signed";
}

TEST_F(Ledger, EachNewLeafIsAnEventOfItsTenant) {
  auto appends = sequencer();
  write(2, kA);
  write(1, kB);
  write(1, std::nullopt);
  const std::string inbox = "select count(*) from phoenix.event_inbox where type = 'AuditEntry'";
  EXPECT_EQ(db.value(inbox), "0") << "the rows' own transactions tell nobody";
  EXPECT_EQ(append(appends), 4);
  EXPECT_EQ(append(appends), 0);
  EXPECT_EQ(db.value(inbox), "4");
  EXPECT_EQ(
      db.value("select count(*) from phoenix.audit_leaves l join phoenix.audit_log a on a.id = l.audit_id"
               " join phoenix.event_inbox e on e.object_id = a.id and e.tenant_id is not distinct from a.tenant_id"
               " and e.kind = 'CREATED' and e.version = 1"),
      "4");
  EXPECT_EQ(db.value("select string_agg(l.index::text, ' ' order by e.id) from phoenix.event_inbox e"
                     " join phoenix.audit_leaves l on l.audit_id = e.object_id"),
            "0 1 2 3")
      << "in the order of the leaves";
}

TEST_F(Ledger, BatchesOfAnySizeGiveTheSameTree) {
  write(11);
  for (const int batch : {1, 2, 3, 5}) {
    auto appends = sequencer('k', batch);
    EXPECT_EQ(append(appends), batch) << "each begins with what is stored";
  }
  expect_whole(11);
  EXPECT_EQ(db.value("select count(*) from phoenix.ledger_nodes"), "8") << "5 pairs, 2 of four, 1 of eight";
}

TEST_F(Ledger, ProofsAreMadeOfStoredNodes) {
  write(13);
  auto appends = sequencer('k', 4);
  while (append(appends) > 0) {}
  const auto now = head();
  const merkle::NodeSource source = [&](merkle::NodeId id) {
    auto found = db.run(read_ledger_nodes(db.database(), {id}));
    EXPECT_TRUE(found) << id.level << " " << id.index;
    return found ? found->front() : std::string();
  };
  for (std::uint64_t index = 0; index < 13; ++index)
    EXPECT_TRUE(
        merkle::verify_inclusion(index, 13, source({0, index}), merkle::inclusion_proof(index, 13, source), now.root));
  for (const auto& checkpoint : db.exec("select size, encode(root, 'hex') from phoenix.ledger_checkpoints")) {
    const auto size = std::stoull(checkpoint[0]);
    EXPECT_TRUE(merkle::verify_consistency(size, 13, unhex(checkpoint[1]), now.root,
                                           merkle::consistency_proof(size, 13, source)));
  }
  const auto missing = db.run(read_ledger_nodes(db.database(), {{1, 99}}));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason(), "ledger.node_missing");
}

TEST_F(Ledger, ALateCommitIsTakenInLater) {
  auto appends = sequencer();
  auto late = db.run(db->begin(Scope::of_tenant(kA), Deadline::after(30s)));
  ASSERT_TRUE(late);
  ASSERT_TRUE(db.run(record_audit(*late, row(kA), random)));
  ASSERT_TRUE(db.run(late->execute(sql("select 1"))));  // it has the lower place in the inbox now
  for (int i = 0; i < 5; ++i) {
    write();
    EXPECT_EQ(append(appends), 1);
  }
  EXPECT_EQ(append(appends), 0);
  ASSERT_TRUE(db.run(late->commit()));
  EXPECT_EQ(append(appends), 1);
  expect_whole(6);
}

asio::awaitable<Status> write_slowly(pg::Database& database, AuditRow what, Random& random, Duration hold,
                                     bool commit) {
  PHX_CO_TRY(auto tx, co_await database.begin(Scope::of_tenant(*what.tenant), Deadline::after(30s)));
  PHX_CO_CHECK(co_await record_audit(tx, std::move(what), random));
  PHX_CO_CHECK(co_await tx.execute(sql("select 1")));
  co_await sleep_for(hold);
  if (!commit) co_return co_await tx.rollback();
  co_return co_await tx.commit();
}

struct Writers {
  int committed = 0;
  int left = 0;
};

asio::awaitable<void> writer(pg::Database& database, UuidSource& ids, AuditRow like, std::uint64_t seed,
                             Writers& writers) {
  SeededRandom random(seed);
  for (int i = 0; i < 40; ++i) {
    like.id = ids.next();
    const bool commit = !random.chance(1, 5);
    const auto status =
        co_await write_slowly(database, like, random, Duration(static_cast<std::int64_t>(random.below(3000))), commit);
    if (!status) ADD_FAILURE() << status.error().to_string();
    writers.committed += commit ? 1 : 0;
  }
  --writers.left;
}

asio::awaitable<void> until_taken_in(pg::Database& database, const Writers& writers) {
  for (;;) {
    const auto left =
        co_await database.read(Scope::worker(), sql("select count(*) from audit_inbox"), {}, Deadline::after(5s));
    if (left && writers.left == 0 && left->get<std::int64_t>(0, 0) == 0) co_return;
    co_await sleep_for(5ms);
  }
}

TEST_F(Ledger, EachCommittedRowOnceWhateverWritersAndSequencersDo) {
  auto other = db.another();
  auto here = sequencer('k', 7);
  LedgerSequencer there(*other, clock, db.metrics(), key_of('k'), {.batch_max = 7, .every = 3ms});
  TaskScope scope(db.executor(), "test");
  scope.spawn("sequencer", here.run());
  scope.spawn("sequencer", there.run());
  Writers writers;
  writers.left = 8;
  for (std::uint64_t i = 0; i < 8; ++i)
    scope.spawn("writer", writer(i % 2 ? *other : db.database(), ids, row(i % 3 ? kA : kB), i + 1, writers));
  db.run(until_taken_in(db.database(), writers));
  db.run(scope.stop());
  db.run(other->stop());
  EXPECT_GT(writers.committed, 0);
  EXPECT_LT(writers.committed, 320);
  expect_whole(writers.committed);
}

// The backend dies while it commits, as it does when a kill -9 takes the server or the database down.
TEST_F(Ledger, AnAppendThatDiesLeavesNoGapAndNoDoubledLeaf) {
  auto appends = sequencer();
  write(5);
  EXPECT_EQ(append(appends), 5);
  write(6);
  db.exec(
      "create function phoenix.die() returns trigger language plpgsql as "
      "$$ begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(10); return null; end $$;"
      "create constraint trigger die after insert on phoenix.ledger_checkpoints deferrable initially deferred "
      "for each row execute function phoenix.die()");
  const auto died = db.run(appends.append_batch());
  ASSERT_FALSE(died);
  db.exec("drop trigger die on phoenix.ledger_checkpoints; drop function phoenix.die()");
  EXPECT_EQ(db.value("select count(*) from phoenix.audit_leaves"), "5");
  EXPECT_EQ(db.value("select count(*) from phoenix.audit_inbox"), "6");
  EXPECT_EQ(append(appends), 6) << "the same process goes on";
  expect_whole(11);
  write(2);
  auto after = sequencer();
  EXPECT_EQ(append(after), 2) << "and so does one that starts anew";
  write(1);
  EXPECT_EQ(append(appends), 1) << "what one remembers of the tree is not trusted when another went on";
  expect_whole(14);
}

TEST_F(Ledger, RowsFromBeforeItAreTakenInInTheirOrder) {
  pg::Migrator migrator(db.conninfo("phoenix_owner"));
  const auto down = migrator.down(22);
  ASSERT_TRUE(down) << down.error().to_string();
  write(4);
  const auto up = migrator.up();
  ASSERT_TRUE(up) << up.error().to_string();
  write(1);
  auto appends = sequencer();
  EXPECT_EQ(append(appends), 5);
  expect_whole(5);
  EXPECT_EQ(db.value("select count(*) from (select a.at, lag(a.at) over (order by l.index) as earlier "
                     "from phoenix.audit_leaves l join phoenix.audit_log a on a.id = l.audit_id) o "
                     "where o.at < o.earlier"),
            "0");
}

TEST_F(Ledger, AnotherKeyOrEpochSignsAnewAndNothingElse) {
  write(3);
  auto first = sequencer('k');
  EXPECT_EQ(append(first), 3);
  const auto before = head();
  auto second = sequencer('x');
  EXPECT_EQ(append(second), 0);
  const auto rekeyed = head();
  EXPECT_TRUE(open_checkpoint(*rekeyed.note, key_of('x').verifier(before.origin)));
  EXPECT_FALSE(open_checkpoint(*rekeyed.note, key_of('k').verifier(before.origin)));
  EXPECT_EQ(append(first), 0);
  EXPECT_EQ(head().note, rekeyed.note) << "two servers with different keys do not answer each other for ever";
  ASSERT_TRUE(db.run(begin_event_epoch(db.database(), "restored from a backup")));
  EXPECT_EQ(append(second), 0);
  const auto restored = head();
  EXPECT_NE(restored.origin, before.origin) << "leaves may be lost: it must not contradict what it signed";
  EXPECT_TRUE(open_checkpoint(*restored.note, key_of('x').verifier(restored.origin)));
  EXPECT_EQ(restored.root, before.root);
  expect_whole(3);
}

TEST_F(Ledger, NothingIsSignedThatContradictsTheLastCheckpoint) {
  write(4);
  auto first = sequencer();
  EXPECT_EQ(append(first), 4);
  write(1);
  db.exec("update phoenix.ledger_nodes set hash = sha256('x') where level = 2");
  auto fresh = sequencer();
  const auto refused = db.run(fresh.append_batch());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "ledger.diverged");
  EXPECT_EQ(head().size, 4U);
  EXPECT_EQ(db.value("select count(*) from phoenix.audit_inbox"), "1") << "it still waits";
}

TEST_F(Ledger, TheRecountFindsEveryChange) {
  write(9, kA);
  auto appends = sequencer('k', 4);
  while (append(appends) > 0) {}
  expect_whole(9);
  db.exec(
      "update phoenix.audit_log set content = null, salt = null, actor = 'erased', before = null, after = null "
      "where id = (select audit_id from phoenix.audit_leaves where index = 2)");
  EXPECT_EQ(differences(), std::vector<std::string>{}) << "what was erased is no difference";
  const std::string victim = "(select audit_id from phoenix.audit_leaves where index = 5)";
  const std::map<std::string, std::string> changes{
      {"update phoenix.audit_log set actor = 'nobody' where id = " + victim, "do not say what its content says"},
      {"update phoenix.audit_log set action = 'other' where id = " + victim, "do not say what its bytes say"},
      {"update phoenix.audit_log set at = at + interval '1 us' where id = " + victim, "do not say what its bytes say"},
      {"update phoenix.audit_log set content = content || 'x' where id = " + victim, "is not what its bytes committed"},
      {"update phoenix.audit_log set canonical = canonical || 'x' where id = " + victim, "not those that were hashed"},
      {"update phoenix.audit_leaves set leaf_hash = sha256('x') where index = 5", "not those that were hashed"},
      {"update phoenix.ledger_nodes set hash = sha256('x') where level = 1 and index = 2",
       "not the hash of its leaves"},
      {"delete from phoenix.ledger_nodes where level = 3", "not the hash of its leaves"},
      {"update phoenix.ledger_checkpoints set root = sha256('x')", "not that of the last checkpoint"},
      {"update phoenix.ledger_checkpoints set size = 8", "1 leaves are covered by no checkpoint"},
      {"delete from phoenix.audit_leaves where index = 5", "1 are missing"},
      {"delete from phoenix.audit_leaves where index = 8", "1 audit rows are no leaf"},
      {"insert into phoenix.audit_inbox (audit_id) values (" + victim + ")", "wait to be another"},
  };
  for (const auto& [change, told] : changes) {
    db.exec("drop schema if exists kept cascade; create schema kept");
    for (const std::string table : {"audit_log", "audit_leaves", "ledger_nodes", "ledger_checkpoints", "audit_inbox"})
      db.exec("create table kept." + table + " as table phoenix." + table);
    db.exec(change);
    const auto found = differences();
    bool seen = false;
    for (const auto& one : found) seen = seen || one.find(told) != std::string::npos;
    EXPECT_TRUE(seen) << change << "\n" << (found.empty() ? "nothing found" : found.front());
    db.exec(
        "delete from phoenix.audit_leaves; delete from phoenix.ledger_nodes; delete from phoenix.ledger_checkpoints;"
        "alter table phoenix.audit_log disable trigger audit_enters_inbox; delete from phoenix.audit_log;"
        "insert into phoenix.audit_log table kept.audit_log;"
        "alter table phoenix.audit_log enable trigger audit_enters_inbox; delete from phoenix.audit_inbox;"
        "insert into phoenix.audit_leaves table kept.audit_leaves;"
        "insert into phoenix.ledger_nodes table kept.ledger_nodes;"
        "insert into phoenix.ledger_checkpoints overriding system value table kept.ledger_checkpoints");
    ASSERT_EQ(differences(), std::vector<std::string>{}) << "restored after: " << change;
  }
}

TEST_F(Ledger, NoLoginMayChangeItAndTenantsSeeNothingOfIt) {
  write(2, kA);
  write(2, kB);
  auto appends = sequencer();
  EXPECT_EQ(append(appends), 4);
  write(1, kB);
  const auto refused = [&](Scope scope, const std::string& text) {
    const auto answer = db.run(db->execute(scope, sql(text), {}, Deadline::after(5s)));
    ASSERT_FALSE(answer) << text << " as " << pg::login_of(scope.role);
    EXPECT_EQ(answer.error().reason(), "pg.permission_denied") << text;
  };
  for (const std::string table : {"audit_leaves", "ledger_nodes", "ledger_checkpoints"}) {
    for (const auto& scope : {Scope::of_tenant(kA), Scope::platform(), Scope::worker()})
      for (const std::string& text :
           {"delete from " + table, "truncate " + table,
            "update " + table + " set " + (table == "ledger_checkpoints" ? "size" : "index") + " = 7"})
        refused(scope, text);
    for (const auto& scope : {Scope::of_tenant(kA), Scope::platform()})
      refused(scope, "insert into " + table + " default values");
    refused(Scope::of_tenant(kA), "select 1 from " + table);
  }
  for (const auto& scope : {Scope::of_tenant(kA), Scope::platform()})
    for (const std::string& text : {"select 1 from audit_inbox", "delete from audit_inbox",
                                    "insert into audit_inbox (audit_id) values (gen_random_uuid())"})
      refused(scope, text);
  refused(Scope::worker(), "insert into audit_inbox (audit_id) values (gen_random_uuid())");
  refused(Scope::worker(), "update audit_inbox set audit_id = gen_random_uuid()");
}

TEST_F(Ledger, OldCheckpointsAreThinnedToTheLastOfEachHourAndDay) {
  const auto noon = *parse_instant("2026-06-15T12:30:00Z");
  db.set_now(noon);
  // One each ten minutes for 40 days of two logs one after the other, so that the newest is far from a day's end.
  db.exec(
      "insert into phoenix.ledger_checkpoints (at, size, root, note)"
      " select t, 0, repeat('r', 32)::bytea, case when t < timestamptz '2026-06-15T11:05Z' then 'old' else 'new' end"
      "        || E'\\n0\\n'"
      "   from generate_series(timestamptz '2026-05-06T12:00Z', timestamptz '2026-06-15T12:30Z', interval '10 "
      "minutes') t");
  const auto kept = [&](const std::string& where) {
    return db.value("select count(*) from phoenix.ledger_checkpoints where " + where);
  };
  const auto thin = [&](int max) {
    const auto removed = db.run(thin_checkpoints(db.database(), max));
    EXPECT_TRUE(removed) << removed.error().to_string();
    return removed.value_or(-1);
  };
  EXPECT_EQ(thin(100), 100) << "no more than asked for";
  EXPECT_GT(thin(100'000), 0);
  EXPECT_EQ(thin(100'000), 0) << "what is left is to stay";
  EXPECT_EQ(kept("at >= '2026-06-15T11:30Z'"), "7") << "all of the last hour";
  // 2026-06-15T11: the last of each log before the last hour.
  EXPECT_EQ(kept("at >= '2026-06-15T11:00Z' and at < '2026-06-15T11:30Z'"), "2");
  EXPECT_EQ(kept("at >= '2026-06-15T00:00Z' and at < '2026-06-15T11:00Z'"), "11") << "one an hour";
  EXPECT_EQ(kept("at >= '2026-06-15T00:00Z' and at < '2026-06-15T11:00Z' and extract(minute from at) = 50"), "11")
      << "the last of it";
  EXPECT_EQ(kept("at >= '2026-05-17T00:00Z' and at < '2026-05-18T00:00Z'"), "24");
  EXPECT_EQ(kept("at >= '2026-05-07T00:00Z' and at < '2026-05-16T00:00Z'"), "9") << "one a day";
  EXPECT_EQ(kept("at >= '2026-05-07T00:00Z' and at < '2026-05-16T00:00Z' and at::time = '23:50'"), "9");

  // However old it is, the newest stays: without it the tree's size would be unknown.
  db.set_now(noon + std::chrono::days(4000));
  EXPECT_GT(thin(100'000), 0);
  EXPECT_EQ(kept("at = '2026-06-15T12:30Z'"), "1");
  EXPECT_EQ(kept("at >= '2026-06-15T00:00Z'"), "2") << "the last of each log on its last day";
  db.set_now(std::nullopt);
}

TEST_F(Ledger, AThinnedLedgerGoesOnAndItsOldCheckpointsStayConsistent) {
  auto appends = sequencer();
  std::vector<std::string> notes;
  for (int i = 0; i < 4; ++i) {
    write(3);
    EXPECT_EQ(append(appends), 3);
    notes.push_back(*head().note);
  }
  db.set_now(clock.now() + std::chrono::days(60));
  const auto removed = db.run(thin_checkpoints(db.database()));
  ASSERT_TRUE(removed) << removed.error().to_string();
  EXPECT_GE(*removed, 2) << "the test may run over midnight";
  EXPECT_EQ(head().note, notes.back());
  db.set_now(std::nullopt);
  write(2);
  EXPECT_EQ(append(appends), 2);
  expect_whole(14);
  for (const auto& note : notes) {
    std::stringstream out;
    const auto made = db.run(export_ledger(db.database(), key_of('k'), {{}, note}, out));
    ASSERT_TRUE(made) << made.error().to_string();
    const auto checked = verify_ledger(out, {key_of('k').verifier(head().origin), note});
    EXPECT_TRUE(checked) << checked.error().to_string();
  }
}

}  // namespace
}  // namespace phx::engine
