// Rules that hold for the whole database, whoever adds the next table: the tenant wall in the catalogue, the plans
// behind it, every statement against the migrated schema, and the migrations' way up, down and up again.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "app/sql.gen.hpp"
#include "domains/compute/sql.gen.hpp"
#include "domains/identity/sql.gen.hpp"
#include "domains/incident/sql.gen.hpp"
#include "domains/tenancy/sql.gen.hpp"
#include "engine/sql.gen.hpp"
#include "pg/migrate.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::app {
namespace {

using pg::testing::TestDatabase;
using Rows = std::vector<std::vector<std::string>>;

std::string listed(const Rows& rows) {
  std::string out;
  for (const auto& row : rows) {
    for (const auto& cell : row) out += cell + " ";
    out += "\n";
  }
  return out;
}

constexpr std::string_view kTenantTables =
    "select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace "
    "where n.nspname = 'phoenix' and c.relkind in ('r', 'p') and not c.relispartition "
    "and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not "
    "a.attisdropped)";

std::string with_tenant_tables(std::string_view sql) {
  return "with tenant_tables as (" + std::string(kTenantTables) + ") " + std::string(sql);
}

TEST(TenantWall, EveryTenantTableHasRowLevelSecurityEnabledAndNotForced) {
  TestDatabase db;
  const auto open =
      db.exec(with_tenant_tables("select c.relname from pg_class c join tenant_tables t on t.oid = c.oid where not "
                                 "c.relrowsecurity or c.relforcerowsecurity"));
  EXPECT_TRUE(open.empty()) << listed(open);
  EXPECT_GE(std::stoi(db.value(with_tenant_tables("select count(*) from tenant_tables"))), 8)
      << "the test sees the tables";
}

TEST(TenantWall, ATenantsPolicyIsOneEqualityCastInPlace) {
  TestDatabase db;
  const auto odd = db.exec(
      "select tablename, policyname, qual, with_check from pg_policies where schemaname = 'phoenix' "
      "and 'phoenix_tenant' = any (roles) and ("
      " (qual is not null and qual !~ '^\\((tenant_id|id) = "
      "\\(current_setting\\(''phoenix\\.tenant_id''::text\\)\\)::uuid\\)$') or"
      " (with_check is not null and with_check !~ '^\\((tenant_id|id) = "
      "\\(current_setting\\(''phoenix\\.tenant_id''::text\\)\\)::uuid\\)$'))");
  EXPECT_TRUE(odd.empty()) << listed(odd);
  const auto without = db.exec(with_tenant_tables(
      "select c.relname from pg_class c join tenant_tables t on t.oid = c.oid "
      "where has_table_privilege('phoenix_tenant', c.oid, 'select') and not exists (select 1 from pg_policies p "
      "where p.schemaname = 'phoenix' and p.tablename = c.relname and 'phoenix_tenant' = any (p.roles))"));
  EXPECT_TRUE(without.empty()) << "readable by tenants without a policy:\n" << listed(without);
}

TEST(TenantWall, KeysBetweenTenantTablesCarryTheTenant) {
  TestDatabase db;
  // Foreign keys bypass row-level security: one without the tenant could point through the wall.
  const auto doors = db.exec(with_tenant_tables(
      "select con.conrelid::regclass, con.conname from pg_constraint con "
      "where con.contype = 'f' and con.conparentid = 0 and con.conrelid in (select oid from tenant_tables) "
      "and con.confrelid in (select oid from tenant_tables) and not exists ("
      "  select 1 from unnest(con.conkey, con.confkey) as k (mine, theirs) "
      "  join pg_attribute a on a.attrelid = con.conrelid and a.attnum = k.mine and a.attname = 'tenant_id' "
      "  join pg_attribute b on b.attrelid = con.confrelid and b.attnum = k.theirs and b.attname = 'tenant_id')"));
  EXPECT_TRUE(doors.empty()) << listed(doors);
}

// Directly, or by a key that carries the tenant to a table for which it holds.
TEST(TenantWall, EveryTenantIdNamesATenantThatExists) {
  TestDatabase db;
  const std::map<std::string, std::string> allowed{
      {"events", "its rows come from event_inbox alone; a key would make dropping a partition lock tenants"},
      {"incident_counters", "the nil UUID counts the platform's own"},
  };
  const auto without = db.exec(with_tenant_tables(
      ", keys as (select con.conrelid, con.confrelid, con.convalidated from pg_constraint con "
      "  join lateral unnest(con.conkey) as k (mine) on true "
      "  join pg_attribute a on a.attrelid = con.conrelid and a.attnum = k.mine and a.attname = 'tenant_id' "
      "  where con.contype = 'f'), "
      "held as (select conrelid from keys where confrelid = 'phoenix.tenants'::regclass and convalidated) "
      "select c.relname from tenant_tables t join pg_class c on c.oid = t.oid where not exists ("
      "  with recursive sure (rel) as (select conrelid from held union "
      "    select k.conrelid from keys k join sure s on s.rel = k.confrelid where k.convalidated) "
      "  select 1 from sure where rel = t.oid)"));
  std::set<std::string> names;
  for (const auto& row : without) names.insert(row[0]);
  std::set<std::string> expected;
  for (const auto& [table, reason] : allowed) expected.insert(table);
  EXPECT_EQ(names, expected) << "tables whose tenant_id may name nobody:\n" << listed(without);
}

TEST(TenantWall, UniqueKeysOfTenantTablesAreLedByTheTenant) {
  TestDatabase db;
  // A global unique key tells one tenant what another one has. Exceptions are named here, each with its reason.
  const std::set<std::string> allowed{
      "host_ports_pkey",         // a host's port is taken for everybody; the error names no owner
      "incident_counters_pkey",  // its only column is the tenant
  };
  const auto keys = db.exec(
      with_tenant_tables("select i.indexrelid::regclass::text, (select string_agg(a.attname, ',' order by k.n) from "
                         "unnest(i.indkey) with ordinality as k (att, n) "
                         "join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.att) "
                         "from pg_index i join tenant_tables t on t.oid = i.indrelid where i.indisunique "
                         "and has_any_column_privilege('phoenix_tenant', i.indrelid, 'select, insert, update')"));
  for (const auto& key : keys) {
    const std::string name = key[0].substr(key[0].rfind('.') + 1);
    const bool led = key[1].starts_with("tenant_id") || key[1] == "id";
    EXPECT_TRUE(led || allowed.contains(name)) << key[0] << " (" << key[1] << ")";
  }
}

TEST(TenantWall, ViewsAskAsTheInvokerAndNothingElseIsADoor) {
  TestDatabase db;
  const auto views = db.exec(
      "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'phoenix' and "
      "((c.relkind = 'v' and not coalesce(c.reloptions, '{}') @> '{security_invoker=true}') or (c.relkind = 'm' and "
      "(has_table_privilege('phoenix_tenant', c.oid, 'select') or has_table_privilege('phoenix_platform', c.oid, "
      "'select'))))");
  EXPECT_TRUE(views.empty()) << listed(views);
  // Functions that act as the owner are on this list, each with its search_path pinned: partitions can only be made and
  // dropped by whoever owns the table, and the sequencer does not; only the trigger of audit rows fills their inbox;
  // checkpoints go by the rule alone.
  const std::set<std::string> allowed{"event_partitions_ensure", "event_partitions_drop", "audit_enters_inbox",
                                      "ledger_checkpoints_thin"};
  const auto definers = db.exec(
      "select p.proname, coalesce(array_to_string(p.proconfig, ' '), ''), "
      "has_function_privilege('phoenix_tenant', p.oid, 'execute') "
      "from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
      "where n.nspname = 'phoenix' and p.prosecdef");
  for (const auto& function : definers) {
    EXPECT_TRUE(allowed.contains(function[0])) << function[0];
    EXPECT_NE(function[1].find("search_path="), std::string::npos) << function[0];
    EXPECT_EQ(function[2], "f") << function[0] << " may be called by tenants";
  }
  const auto powers = db.exec(
      "select rolname from pg_roles where rolname like 'phoenix\\_%' and (rolsuper or rolbypassrls "
      "or rolcreaterole or rolcreatedb)");
  EXPECT_TRUE(powers.empty()) << listed(powers);
}

TEST(TenantWall, ForgottenContextIsAnErrorOnEveryTable) {
  TestDatabase db;
  const auto tables =
      db.exec(with_tenant_tables("select c.relname from pg_class c join tenant_tables t on t.oid = c.oid "
                                 "where has_any_column_privilege('phoenix_tenant', c.oid, 'select')"));
  ASSERT_FALSE(tables.empty());
  for (const auto& table : tables) {
    auto sql = pg::Sql::dynamic("wall", "select count(*) from phoenix." + table[0]);
    const auto refused =
        db.run(db->read({pg::Role::kTenant, std::nullopt}, sql, {}, Deadline::after(std::chrono::seconds(5))));
    ASSERT_FALSE(refused) << table[0];
    EXPECT_EQ(refused.error().reason(), "pg.no_tenant_context") << table[0];
  }
}

// The tenant's index is an Index Cond of every list, whatever the planner would like better on a small table.
TEST(TenantWall, ListsUseTheTenantsIndex) {
  TestDatabase db;
  const Uuid tenant = *Uuid::parse("01900000-0000-7000-8000-000000000001");
  for (const std::string table : {"virtual_machines", "operations", "incidents", "incident_entries", "alerts", "quotas",
                                  "memberships", "audit_log"}) {
    auto explain = pg::Sql::dynamic("explain", "explain (costs off) select tenant_id from phoenix." + table +
                                                   " where tenant_id = current_setting('phoenix.tenant_id')::uuid");
    std::string plan;
    const auto read = [&]() -> boost::asio::awaitable<Status> {
      auto tx = co_await db->begin(pg::Scope::of_tenant(tenant), Deadline::after(std::chrono::seconds(5)));
      if (!tx) co_return tx.error();
      PHX_CO_CHECK(co_await tx->execute(pg::Sql::dynamic("off", "set local enable_seqscan = off")));
      PHX_CO_TRY(const auto rows, co_await tx->execute(explain));
      for (const auto row : rows) plan += row.get<std::string>(0) + "\n";
      co_return co_await tx->rollback();
    };
    const Status status = db.run(read());
    ASSERT_TRUE(status) << status.error().to_string();
    EXPECT_NE(plan.find("Index Cond: (tenant_id = "), std::string::npos) << table << "\n" << plan;
  }
}

TEST(Statements, EveryOneIsUnderstoodByTheMigratedSchema) {
  TestDatabase db;
  int count = 0;
  const auto prepare_all = [&](std::span<const pg::Statement* const> statements) {
    for (const auto* statement : statements) {
      ++count;
      // SQL's PREPARE takes queries only; a utility statement has no plan and is run instead, in vain.
      const std::string sql(statement->sql);
      const bool query = sql.starts_with("select") || sql.starts_with("with") || sql.starts_with("insert") ||
                         sql.starts_with("update") || sql.starts_with("delete");
      const std::string check =
          query ? "prepare checked as " + sql + "; deallocate checked" : "begin; " + sql + "; rollback";
      EXPECT_NO_THROW(db.exec(check)) << statement->name;
    }
  };
  prepare_all(sql::engine::all());
  prepare_all(sql::tenancy::all());
  prepare_all(sql::identity::all());
  prepare_all(sql::compute::all());
  prepare_all(sql::incident::all());
  prepare_all(sql::app::all());
  EXPECT_GT(count, 60);
}

std::string dump(const TestDatabase& db, const std::string& conninfo) {
  const std::string program = (pg::testing::cluster().binaries() / "pg_dump").string();
  SpawnOptions options;
  options.argv = {program,
                  "--schema-only",
                  "--no-owner",
                  "--schema=phoenix",
                  "--exclude-table=phoenix.schema_migrations",
                  "--dbname=" + conninfo};
  options.env = {"PATH=/usr/bin:/bin", "LC_ALL=C"};
  const auto output = run_command(options, std::chrono::seconds(60));
  if (!output || !output->status.success())
    throw std::runtime_error("pg_dump of " + db.name() +
                             " failed: " + (output ? output->out : output.error().to_string()));
  // Versions of server and client, and session keys of newer minor releases, are no part of the schema.
  std::istringstream lines(output->out);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("--") || line.starts_with("SET ") || line.starts_with("SELECT pg_catalog") ||
        line.starts_with("\\"))
      continue;
    if (line.empty() && text.ends_with("\n\n")) continue;
    text += line + "\n";
  }
  return text;
}

TEST(Migrations, UpDownUpGivesTheCommittedSchema) {
  TestDatabase db(TestDatabase::Content::kEmpty);
  pg::Migrator migrator(db.conninfo("phoenix_owner"));
  const auto up = migrator.up();
  ASSERT_TRUE(up) << up.error().to_string();
  const std::string first = dump(db, db.conninfo("phoenix_owner"));
  const auto down = migrator.down(0);
  ASSERT_TRUE(down) << down.error().to_string();
  EXPECT_EQ(down->size(), up->size());
  EXPECT_EQ(
      db.value(
          "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'phoenix' "
          "and c.relkind in ('r', 'v', 'p') and c.relname <> 'schema_migrations'"),
      "0");
  ASSERT_TRUE(migrator.up());
  const std::string second = dump(db, db.conninfo("phoenix_owner"));
  EXPECT_EQ(first, second);

  const std::string path = std::string(PHOENIX_SOURCE_DIR) + "/migrations/schema.dump";
  if (std::getenv("PHX_UPDATE_GOLDEN")) std::ofstream(path) << first;
  std::ifstream committed(path);
  const std::string expected{std::istreambuf_iterator<char>(committed), {}};
  EXPECT_EQ(first, expected) << "the schema changed: review it, then ./dev golden";
}

TEST(Migrations, DownLosesNothingThatWasAccepted) {
  TestDatabase db;
  db.exec(
      "insert into phoenix.tenants (id, name, display_name) values ('01900000-0000-7000-8000-000000000001', 'acme', "
      "'Acme')");
  pg::Migrator migrator(db.conninfo("phoenix_owner"));
  const auto refused = migrator.down(0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "migrate.would_lose_data");
  EXPECT_EQ(db.value("select count(*) from phoenix.tenants"), "1");
}

}  // namespace
}  // namespace phx::app
