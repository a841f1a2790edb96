// The engine's tables as the catalogue shows them: walls, keys, and who may do what.

#include <gtest/gtest.h>

#include "pg/testing/test_cluster.hpp"

namespace phx::engine {
namespace {

using pg::testing::TestDatabase;

constexpr const char* kTenantTables =
    "('event_inbox', 'events', 'operations', 'work_queue', 'idempotency_keys', 'audit_log', 'quotas')";

TEST(Walls, EachTenantTableHasOneEqualityPerLogin) {
  TestDatabase db;
  const auto rows =
      db.exec(std::string("select c.relname, c.relrowsecurity, c.relforcerowsecurity,"
                          " (select count(*) from pg_policies p where p.tablename = c.relname)"
                          " from pg_class c where c.relnamespace = 'phoenix'::regnamespace and c.relname in ") +
              kTenantTables);
  ASSERT_EQ(rows.size(), 7u);
  for (const auto& row : rows) {
    EXPECT_EQ(row[1], "t") << row[0];
    EXPECT_EQ(row[2], "f") << row[0] << ": the owner serves migrations and backup";
    EXPECT_EQ(row[3], "3") << row[0];
  }
  const auto policies =
      db.exec(std::string("select tablename, roles::text, qual, coalesce(with_check, qual) from pg_policies"
                          " where schemaname = 'phoenix' and tablename in ") +
              kTenantTables);
  ASSERT_EQ(policies.size(), 21u);
  for (const auto& policy : policies) {
    const bool tenant = policy[1] == "{phoenix_tenant}";
    const std::string expected = tenant ? "(tenant_id = (current_setting('phoenix.tenant_id'::text))::uuid)" : "true";
    EXPECT_EQ(policy[2], expected) << policy[0] << ' ' << policy[1];
    EXPECT_EQ(policy[3], expected) << policy[0] << ' ' << policy[1];
  }
}

TEST(Walls, PartitionsAreReachedThroughTheParentOnly) {
  TestDatabase db;
  EXPECT_EQ(db.value("select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid"
                     " where i.inhparent = 'phoenix.events'::regclass and (not c.relrowsecurity"
                     "   or has_table_privilege('phoenix_tenant', c.oid, 'select')"
                     "   or has_table_privilege('phoenix_platform', c.oid, 'select')"
                     "   or has_table_privilege('phoenix_worker', c.oid, 'select'))"),
            "0");
  EXPECT_NE(db.value("select count(*) from pg_inherits where inhparent = 'phoenix.events'::regclass"), "0");
}

TEST(Walls, UniqueKeysLeadWithTheTenant) {
  TestDatabase db;
  const auto rows =
      db.exec(std::string("select c.relname, (select a.attname from pg_attribute a where a.attrelid = i.indrelid"
                          " and a.attnum = i.indkey[0]), i.indnkeyatts from pg_index i"
                          " join pg_class c on c.oid = i.indrelid where i.indisunique"
                          " and c.relnamespace = 'phoenix'::regnamespace and c.relname in ") +
              kTenantTables);
  EXPECT_GT(rows.size(), 7u);
  for (const auto& row : rows) {
    const bool bare_id = (row[1] == "id" || row[1] == "seq") && row[2] == "1";
    EXPECT_TRUE(bare_id || row[1] == "tenant_id") << row[0] << " by " << row[1];
  }
}

TEST(Walls, EachLoginMayDoOnlyWhatItMust) {
  TestDatabase db;
  const auto privileges = [&](const char* login, const char* table) {
    std::string out;
    for (const char* privilege : {"select", "insert", "update", "delete", "truncate"})
      if (db.value(std::string("select has_table_privilege('") + login + "', 'phoenix." + table + "', '" + privilege +
                   "')") == "t")
        out += privilege[0];
    return out;
  };
  struct Expected {
    const char* table;
    const char* tenant;
    const char* platform;
    const char* worker;
  };
  // s, i, u, d, t: select, insert, update of whole rows, delete, truncate.
  for (const auto& e : {Expected{"event_inbox", "i", "i", "sid"}, Expected{"events", "", "s", "si"},
                        Expected{"event_log", "", "s", "su"}, Expected{"event_epochs", "", "s", "si"},
                        Expected{"operations", "si", "si", "si"}, Expected{"work_queue", "si", "si", "siud"},
                        Expected{"idempotency_keys", "si", "si", "sid"}, Expected{"audit_log", "si", "si", "si"},
                        Expected{"audit_inbox", "", "", "sd"}, Expected{"audit_leaves", "", "s", "si"},
                        Expected{"ledger_nodes", "", "s", "si"}, Expected{"ledger_checkpoints", "", "s", "si"},
                        Expected{"quotas", "s", "si", "s"}, Expected{"quota_defaults", "", "s", "s"}}) {
    EXPECT_EQ(privileges("phoenix_tenant", e.table), e.tenant) << e.table;
    EXPECT_EQ(privileges("phoenix_platform", e.table), e.platform) << e.table;
    EXPECT_EQ(privileges("phoenix_worker", e.table), e.worker) << e.table;
  }
}

TEST(Walls, FunctionsWithTheOwnersRightsArePinned) {
  TestDatabase db;
  const auto rows = db.exec(
      "select proname, array_to_string(proconfig, ',') from pg_proc"
      " where pronamespace = 'phoenix'::regnamespace and prosecdef order by 1");
  ASSERT_EQ(rows.size(), 4u);
  for (const auto& row : rows) {
    EXPECT_NE(row[1].find("search_path=phoenix, pg_catalog"), std::string::npos) << row[0];
    EXPECT_EQ(
        db.value("select has_function_privilege('phoenix_tenant', oid, 'execute') from pg_proc where proname = '" +
                 row[0] + "'"),
        "f");
  }
}

}  // namespace
}  // namespace phx::engine
