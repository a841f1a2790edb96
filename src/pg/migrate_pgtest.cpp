#include "pg/migrate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "pg/error.hpp"
#include "pg/sync.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::pg {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestDatabase;

constexpr std::string_view kOne =
    "-- min-binary: 1\n"
    "create table phoenix.one (id int primary key);\n"
    "-- migrate: down\n"
    "-- down-guard: select 1 from phoenix.one\n"
    "drop table phoenix.one;\n";
constexpr std::string_view kTwo =
    "-- min-binary: 1\n"
    "-- no-transaction\n"
    "create index concurrently if not exists one_id on phoenix.one (id);\n"
    "create index concurrently if not exists one_id2 on phoenix.one\n"
    "  (id desc);\n"
    "-- migrate: down\n"
    "-- down-guard: none\n"
    "drop index phoenix.one_id, phoenix.one_id2;\n";
constexpr std::string_view kThree =
    "-- min-binary: 1\n"
    "create function phoenix.three() returns int language plpgsql as $$ begin return 3; end $$;\n"
    "-- irreversible: the function is for ever\n";

EmbeddedMigration file(int number, std::string_view name, std::string_view text, std::string_view sha = "") {
  return {number, name, sha.empty() ? name : sha, text};
}

struct Migrations {
  TestDatabase db{TestDatabase::Content::kEmpty};
  std::vector<EmbeddedMigration> files;

  Migrator migrator() { return Migrator(db.conninfo("phoenix_owner"), files); }
  std::string reason(const Status& status) { return status ? "ok" : status.error().reason(); }
};

TEST(Migrate, UpDownAndUpAgain) {
  Migrations m;
  m.files = {file(1, "001_one", kOne), file(2, "002_two", kTwo)};
  EXPECT_EQ(m.reason(m.migrator().verify()), "migrate.pending");
  auto up = m.migrator().up();
  ASSERT_TRUE(up) << up.error().to_string();
  EXPECT_THAT(*up, ElementsAre(1, 2));
  EXPECT_TRUE(m.migrator().verify());
  EXPECT_TRUE(m.migrator().up()->empty());
  EXPECT_EQ(m.db.value("select count(*) from pg_indexes where tablename = 'one'"), "3");
  auto down = m.migrator().down(0);
  ASSERT_TRUE(down) << down.error().to_string();
  EXPECT_THAT(*down, ElementsAre(2, 1));
  EXPECT_EQ(m.db.value("select to_regclass('phoenix.one') is null"), "t");
  ASSERT_TRUE(m.migrator().up());
  const auto status = m.migrator().status();
  ASSERT_TRUE(status);
  ASSERT_EQ(status->size(), 2U);
  EXPECT_TRUE((*status)[0].applied_at && (*status)[1].applied_at);
}

TEST(Migrate, FailureLeavesNothingAndNamesTheFile) {
  Migrations m;
  m.files = {
      file(1, "001_bad", "-- min-binary: 1\ncreate table phoenix.one (id int);\nselect 1/0;\n-- irreversible: no\n")};
  const auto up = m.migrator().up();
  ASSERT_FALSE(up);
  EXPECT_THAT(up.error().message(), HasSubstr("001_bad"));
  EXPECT_THAT(up.error().message(), HasSubstr("division by zero"));
  EXPECT_EQ(m.db.value("select to_regclass('phoenix.one') is null"), "t");
  EXPECT_EQ(m.db.value("select count(*) from phoenix.schema_migrations"), "0");
}

TEST(Migrate, EditedFileIsRefusedEverywhere) {
  Migrations m;
  m.files = {file(1, "001_one", kOne, "sha-a")};
  ASSERT_TRUE(m.migrator().up());
  m.files = {file(1, "001_one", kOne, "sha-b"), file(2, "002_two", kTwo)};
  EXPECT_EQ(m.migrator().up().error().reason(), "migrate.edited");
  EXPECT_EQ(m.migrator().down(0).error().reason(), "migrate.edited");
  EXPECT_EQ(m.reason(m.migrator().verify()), "migrate.edited");
  EXPECT_TRUE((*m.migrator().status())[0].edited);
}

TEST(Migrate, GapsAreRefused) {
  Migrations m;
  m.files = {file(1, "001_one", kOne), file(3, "003_three", kThree)};
  EXPECT_EQ(m.migrator().up().error().reason(), "migrate.gap");
  m.files = {file(1, "001_one", kOne), file(2, "002_two", kTwo), file(3, "003_three", kThree)};
  ASSERT_TRUE(m.migrator().up());
  // Another branch applied 1 and 3, and brings its 2 only now.
  m.db.exec("delete from phoenix.schema_migrations where number = 2");
  EXPECT_EQ(m.migrator().up().error().reason(), "migrate.gap");
}

TEST(Migrate, NewerSchemaIsAcceptedWhenItsFilesAllowIt) {
  Migrations m;
  m.files = {file(1, "001_one", kOne), file(2, "002_two", kTwo)};
  ASSERT_TRUE(m.migrator().up());
  m.files = {file(1, "001_one", kOne)};
  EXPECT_TRUE(m.migrator().verify()) << "002 says min-binary: 1";
  EXPECT_TRUE(m.migrator().up()->empty());
  EXPECT_FALSE((*m.migrator().status())[1].in_binary);
  EXPECT_EQ(m.migrator().down(0).error().reason(), "migrate.newer_schema");
  const std::string breaking = "-- min-binary: 3\nalter table phoenix.one add x int;\n-- irreversible: contract step\n";
  m.files = {file(1, "001_one", kOne), file(2, "002_two", kTwo), file(3, "003_contract", breaking)};
  ASSERT_TRUE(m.migrator().up());
  m.files = {file(1, "001_one", kOne), file(2, "002_two", kTwo)};
  EXPECT_EQ(m.reason(m.migrator().verify()), "migrate.newer_schema");
}

TEST(Migrate, DownLosesNoAcceptedData) {
  Migrations m;
  m.files = {file(1, "001_one", kOne)};
  ASSERT_TRUE(m.migrator().up());
  m.db.exec("insert into phoenix.one values (1)");
  const auto down = m.migrator().down(0);
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().reason(), "migrate.would_lose_data");
  EXPECT_EQ(m.db.value("select count(*) from phoenix.one"), "1");
  m.db.exec("delete from phoenix.one");
  EXPECT_TRUE(m.migrator().down(0));

  // What a later file would lose nothing by is not taken back either when an earlier one refuses.
  m.files = {file(1, "001_one", kOne), file(2, "002_two", kTwo)};
  ASSERT_TRUE(m.migrator().up());
  m.db.exec("insert into phoenix.one values (1)");
  EXPECT_EQ(m.migrator().down(0).error().reason(), "migrate.would_lose_data");
  EXPECT_TRUE(m.migrator().verify());
  EXPECT_EQ(m.db.value("select count(*) from pg_indexes where tablename = 'one'"), "3");
  m.db.exec("delete from phoenix.one");
  EXPECT_TRUE(m.migrator().down(0));

  m.files = {file(1, "001_unguarded", "-- min-binary: 1\nselect 1;\n-- migrate: down\nselect 1;\n")};
  ASSERT_TRUE(m.migrator().up());
  EXPECT_EQ(m.migrator().down(0).error().reason(), "migrate.would_lose_data");
}

TEST(Migrate, IrreversibleSaysWhy) {
  Migrations m;
  m.files = {file(1, "001_three", kThree)};
  ASSERT_TRUE(m.migrator().up());
  const auto down = m.migrator().down(0);
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().reason(), "migrate.irreversible");
  EXPECT_THAT(down.error().message(), HasSubstr("the function is for ever"));
}

TEST(Migrate, MalformedFilesAreRefused) {
  const auto refused = [](std::string_view text) {
    const auto status = Migrator::check(file(5, "005_x", text));
    return status ? std::string("ok") : status.error().message();
  };
  EXPECT_THAT(refused("select 1;\n-- irreversible: no\n"), HasSubstr("min-binary"));
  EXPECT_THAT(refused("-- min-binary: x\n-- irreversible: no\n"), HasSubstr("min-binary"));
  EXPECT_THAT(refused("-- min-binary: 6\n-- irreversible: no\n"), HasSubstr("newer than itself"));
  EXPECT_THAT(refused("-- min-binary: 1\nselect 1;\n"), HasSubstr("neither"));
  EXPECT_THAT(refused("-- min-binary: 1\n-- irreversible:\n"), HasSubstr("why"));
  EXPECT_THAT(refused("-- min-binary: 1\n-- no-transaction\ndo $$ begin end $$;\n-- irreversible: no\n"),
              HasSubstr("$$"));
  EXPECT_THAT(refused("-- min-binary: 1\n-- down-guard: none\n-- migrate: down\n"), HasSubstr("above"));
  EXPECT_EQ(refused("-- min-binary: 5\nselect 1;\n-- irreversible: no\n"), "ok");
}

TEST(Migrate, TwoAtOnceTakeTurns) {
  Migrations m;
  m.files = {file(1, "001_one", kOne), file(2, "002_two", kTwo), file(3, "003_three", kThree)};
  const auto conninfo = m.db.conninfo("phoenix_owner");
  std::vector<Result<std::vector<int>>> results(4);
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) threads.emplace_back([&] { result = Migrator(conninfo, m.files).up(); });
  }
  std::size_t applied = 0;
  for (const auto& result : results) {
    ASSERT_TRUE(result) << result.error().to_string();
    applied += result->size();
  }
  EXPECT_EQ(applied, 3U);
}

TEST(Migrate, WaitsOnlyShortlyForLocks) {
  Migrations m;
  m.files = {file(1, "001_one", kOne)};
  ASSERT_TRUE(m.migrator().up());
  auto holder = SyncConnection::open(m.db.conninfo("phoenix_owner"));
  ASSERT_TRUE(holder && holder->script("begin; lock table phoenix.one in access share mode"));
  const std::string alter = "-- min-binary: 1\nalter table phoenix.one add y int;\n-- irreversible: no\n";
  m.files = {file(1, "001_one", kOne), file(2, "002_alter", alter)};
  const auto blocked = m.migrator().up();
  ASSERT_FALSE(blocked);
  EXPECT_EQ(sqlstate_of(blocked.error()), "55P03");
  ASSERT_TRUE(holder->script("commit"));
  EXPECT_TRUE(m.migrator().up());
}

TEST(Migrate, EmbeddedFilesAreWellFormedAndGoUpDownAndUpAgain) {
  Migrations m;
  const auto conninfo = m.db.conninfo("phoenix_owner");
  for (const auto& one : embedded_migrations()) {
    const auto status = Migrator::check(one);
    EXPECT_TRUE(status) << status.error().to_string();
  }
  const auto schema = [&] {
    std::string out;
    for (const auto& row : m.db.exec(
             "select table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable from "
             "information_schema.columns where table_schema = 'phoenix' "
             "union all select indexdef from pg_indexes where schemaname = 'phoenix' "
             "union all select p.oid::regprocedure::text from pg_proc p where pronamespace = 'phoenix'::regnamespace "
             "union all select tablename || ': ' || policyname || ' ' || coalesce(qual, '') from pg_policies "
             "union all select grantee || ' ' || table_name || ' ' || privilege_type from "
             "information_schema.role_table_grants where table_schema = 'phoenix' "
             "order by 1"))
      out += row.front() + "\n";
    return out;
  };
  auto up = Migrator(conninfo).up();
  ASSERT_TRUE(up) << up.error().to_string();
  EXPECT_EQ(up->size(), embedded_migrations().size());
  const auto first = schema();
  auto down = Migrator(conninfo).down(0);
  ASSERT_TRUE(down) << down.error().to_string();
  EXPECT_EQ(m.db.value("select count(*) from pg_class where relnamespace = 'phoenix'::regnamespace and relkind in "
                       "('r', 'p', 'v', 'S')"),
            "1")
      << "only schema_migrations remains";
  ASSERT_TRUE(Migrator(conninfo).up());
  EXPECT_EQ(schema(), first);
}

TEST(Foundation, ClockIsInlinedAndMovable) {
  TestDatabase db;
  EXPECT_EQ(db.value("select phoenix.now() = statement_timestamp()"), "t");
  const auto plan = db.exec("explain (verbose, costs off) select phoenix.now()");
  std::string text;
  for (const auto& line : plan) text += line.front();
  EXPECT_THAT(text, HasSubstr("statement_timestamp()"));
  db.set_now(*parse_instant("2031-05-06T07:08:09Z"));
  EXPECT_EQ(db.value("select phoenix.now()::text"), "2031-05-06 07:08:09+00");
  db.set_now(std::nullopt);
  EXPECT_EQ(db.value("select phoenix.now() = statement_timestamp()"), "t");
}

TEST(Foundation, RolesHaveNoMoreThanTheyNeed) {
  TestDatabase db;
  EXPECT_EQ(db.value("select count(*) from pg_roles where rolname like 'phoenix%' and (rolsuper or rolbypassrls or "
                     "rolcreaterole or rolcreatedb)"),
            "0");
  EXPECT_EQ(db.value("select string_agg(rolname, ' ' order by rolname) from pg_roles where rolname like 'phoenix%' and "
                     "rolcanlogin"),
            "phoenix_backup phoenix_maintenance phoenix_owner phoenix_platform phoenix_tenant phoenix_worker");
  db.exec("create table phoenix.forgotten (id int)");
  EXPECT_EQ(db.value("select has_table_privilege('phoenix_tenant', 'phoenix.forgotten', 'select')"), "f");
  EXPECT_EQ(db.value("select has_table_privilege('phoenix_worker', 'phoenix.forgotten', 'insert')"), "t");
  EXPECT_EQ(db.value("select extname from pg_extension where extname = 'pg_stat_statements'"), "pg_stat_statements");
}

}  // namespace
}  // namespace phx::pg
