// The product's SDL over the product's migrations: every table is as its type says, and everything that can be asked
// can be read, in a tenant and in platform scope.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service.hpp"
#include "api/testing/compiled.hpp"
#include "api/testing/schema_walk.hpp"
#include "api/verify.hpp"
#include "app/product_schema.hpp"
#include "app/testing/unserved.hpp"
#include "base/random.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::app {
namespace {

using namespace std::chrono_literals;

struct ProductSchema : ::testing::Test {
  ProductSchema() {
    testing::register_unserved(registry);
    auto assembled = api::ApiSchema::assemble(product_sdl(), registry);
    if (!assembled) throw std::runtime_error(assembled.error().message());
    schema = std::move(*assembled);
  }
  /// EXPLAIN (ANALYZE) of the compiled statement, as this tenant.
  std::string explain(const std::string& query, const Uuid& tenant) {
    const auto compiled = api::testing::compile(*schema, query, api::Role::kTenantMember);
    return api::testing::explain(db, *compiled.plan->rows, "analyze, costs off, timing off",
                                 pg::Scope::of_tenant(tenant));
  }

  pg::testing::TestDatabase db;
  api::Registry registry;
  std::unique_ptr<api::ApiSchema> schema;
};

TEST_F(ProductSchema, TablesAreWhatTheSdlSays) {
  const Status status = db.run(api::verify_tables(*schema, db.database(), Deadline::after(10s)));
  EXPECT_TRUE(status) << status.error().message();
}

TEST_F(ProductSchema, EverythingThatCanBeAskedCanBeRead) {
  SystemClock clock;
  SystemRandom random;
  UuidSource ids(clock, random);
  const api::EventCursorSeal event_cursors("key of a test's log");
  api::GraphqlService service({*schema, db.database(), clock, random, ids, db.metrics(), "secret", event_cursors});
  for (const bool in_tenant : {true, false}) {
    for (const auto& [field, query] : api::testing::walk_schema(*schema, 2)) {
      api::RequestContext context;
      context.principal.kind = api::PrincipalKind::kUser;
      context.principal.platform_admin = true;
      context.role = api::Role::kPlatformAdmin;
      if (in_tenant) context.tenant = ids.next();
      context.deadline = Deadline::after(20s);
      const auto answer = db.run(service.execute(context, {.query = query}));
      EXPECT_EQ(answer.body.find("\"errors\""), std::string::npos)
          << field << (in_tenant ? " in a tenant" : " on the platform") << "\n"
          << query << "\n"
          << answer.body;
    }
  }
}

/// Pages of a tenant's machines among those of many others: the index led by the tenant serves every order, the first
/// page and a deep one alike, with relations joined to the page only.
TEST_F(ProductSchema, ListsWalkTheTenantsIndex) {
  db.exec(R"(
    insert into phoenix.sites (id, name, region) values ('00000000-0000-7000-8000-000000000001', 'here', 'r')
      on conflict do nothing;
    insert into phoenix.images (id, name, format, sha256, size_mib, size_bytes, virtual_bytes, min_memory_mib, min_disk_gib)
      values ('00000000-0000-7000-8000-000000000002', 'plan', 'raw', repeat('0', 64), 1, 1, 1, 64, 1);
    insert into phoenix.tenants (id, name, display_name)
      select ('00000000-0000-7000-8000-1' || lpad(n::text, 11, '0'))::uuid, 'tenant-' || n, 'x' from generate_series(1, 20) n;
    insert into phoenix.virtual_machines (id, tenant_id, name, image_id, site_id, vcpus, memory_mib, disk_gib,
                                          desired_state, state, state_since, created_by, created_at)
      select gen_random_uuid(), ('00000000-0000-7000-8000-1' || lpad((1 + n % 20)::text, 11, '0'))::uuid, 'vm-' || n,
             '00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 1, 128, 1, 'RUNNING',
             'RUNNING', phoenix.now(), 'x', phoenix.now() - n * interval '1 second'
        from generate_series(1, 20000) n;
    analyze phoenix.virtual_machines)");
  const Uuid tenant = *Uuid::parse("00000000-0000-7000-8000-100000000005");
  const api::TableType& table = *schema->table("VirtualMachine");
  for (const std::string order : {"", "NAME", "CREATED_AT"}) {
    const std::string deep = api::testing::cursor_at(db, table, table.order(order), false, false,
                                                     "tenant_id = '" + tenant.to_string() + "'", 800);
    for (const std::string& after : {std::string(), deep}) {
      std::string query = "{ virtualMachines(first: 20";
      if (!order.empty()) query += ", orderBy: " + order;
      if (!after.empty()) query += ", after: \"" + after + "\"";
      query += ") { nodes { id name state image { name } operations(first: 3) { nodes { id } } } } }";
      std::string plan = explain(query, tenant);
      EXPECT_NE(plan.find("(tenant_id = (current_setting"), std::string::npos) << plan;
      EXPECT_EQ(plan.find("Seq Scan on virtual_machines"), std::string::npos) << query << "\n" << plan;
      // Nothing is read in vain but the row the cursor names.
      if (const auto at = plan.find("Rows Removed by Filter: 1\n"); at != std::string::npos && !after.empty())
        plan.erase(at, 24);
      EXPECT_EQ(plan.find("Rows Removed"), std::string::npos) << query << "\n" << plan;
    }
  }
}

/// Sites belong to nobody, and many tenants have resources in each: a tenant's page of one site walks the index led by
/// tenant and site, and reads nobody else's rows; so do the operations of each resource.
TEST_F(ProductSchema, SitesListTheTenantsOwnResources) {
  db.exec(R"(
    insert into phoenix.sites (id, name, region)
      select ('00000000-0000-7000-8000-3' || lpad(n::text, 11, '0'))::uuid, 'site-' || n, 'r' from generate_series(1, 10) n;
    insert into phoenix.images (id, name, format, sha256, size_mib, size_bytes, virtual_bytes, min_memory_mib, min_disk_gib)
      values ('00000000-0000-7000-8000-000000000002', 'plan', 'raw', repeat('0', 64), 1, 1, 1, 64, 1);
    insert into phoenix.tenants (id, name, display_name)
      select ('00000000-0000-7000-8000-1' || lpad(n::text, 11, '0'))::uuid, 'tenant-' || n, 'x' from generate_series(1, 20) n;
    insert into phoenix.virtual_machines (id, tenant_id, name, image_id, site_id, vcpus, memory_mib, disk_gib,
                                          desired_state, state, state_since, created_by, created_at)
      select gen_random_uuid(), ('00000000-0000-7000-8000-1' || lpad((1 + n % 20)::text, 11, '0'))::uuid, 'vm-' || n,
             '00000000-0000-7000-8000-000000000002',
             ('00000000-0000-7000-8000-3' || lpad((1 + n / 20 % 10)::text, 11, '0'))::uuid, 1, 128, 1, 'RUNNING',
             'RUNNING', phoenix.now(), 'x', phoenix.now() from generate_series(1, 20000) n;
    insert into phoenix.operations (id, tenant_id, kind, state, object_type, object_id, object_name, step, requested_by,
                                    work_queue, work_key, time_allowed, deadline_at, created_at)
      select gen_random_uuid(), tenant_id, 'vm.create', 'PENDING', 'VirtualMachine', id, name, 'x', 'x', 'x', name,
             interval '1 hour', phoenix.now(), phoenix.now() from phoenix.virtual_machines;
    analyze)");
  const std::string plan = explain(
      "{ sites(first: 5) { nodes { id resources(first: 20) { nodes { id name operations(first: 5) { nodes { id kind } "
      "} } "
      "} } } }",
      *Uuid::parse("00000000-0000-7000-8000-100000000005"));
  EXPECT_THAT(plan, ::testing::HasSubstr("virtual_machines_tenant_site")) << plan;
  // Either index led by the object serves; those of a machine are a handful, sorted by id.
  EXPECT_THAT(plan, ::testing::ContainsRegex("on operations t2 [^\n]*\n *Index Cond: [^\n]*object_id = t1.id")) << plan;
  EXPECT_THAT(plan, ::testing::Not(::testing::HasSubstr("Seq Scan on virtual_machines"))) << plan;
  EXPECT_THAT(plan, ::testing::Not(::testing::HasSubstr("Rows Removed"))) << plan;
}

}  // namespace
}  // namespace phx::app
