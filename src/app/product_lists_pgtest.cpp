// What the product's lists promise, on rows in every one of them: a page costs the same however deep it lies, in every
// order that is offered; and sums and groups are of the tenant's own rows.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "api/service.hpp"
#include "api/testing/compiled.hpp"
#include "app/product_schema.hpp"
#include "app/testing/unserved.hpp"
#include "base/random.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::app {
namespace {

using namespace std::chrono_literals;

constexpr int kRows = 12'000;
constexpr int kDepth = 11'000;

/// Rows of one tenant and, a tenth of them, of another, in no order of their own.
constexpr const char* kFill = R"(
  insert into phoenix.sites (id, name, region)
    select ('00000000-0000-7000-8000-3' || lpad(n::text, 11, '0'))::uuid, 'site-' || n, 'r' from generate_series(1, {0}) n;
  insert into phoenix.images (id, name, format, sha256, size_mib, size_bytes, virtual_bytes, min_memory_mib, min_disk_gib)
    select ('00000000-0000-7000-8000-2' || lpad(n::text, 11, '0'))::uuid, 'image-' || n, 'raw', repeat('0', 64), 1, 1, 1,
           64, 1 from generate_series(1, {0}) n order by hashint4(n);
  insert into phoenix.tenants (id, name, display_name, created_at)
    select ('00000000-0000-7000-8000-1' || lpad(n::text, 11, '0'))::uuid, 'tenant-' || n, 'x',
           phoenix.now() - n * interval '1 second' from generate_series(1, {0}) n order by hashint4(n);
  create temporary table filled as
    select n, ('00000000-0000-7000-8000-1' || lpad(case when n % 11 = 0 then '2' else '1' end, 11, '0'))::uuid as tenant,
           phoenix.now() - n * interval '1 second' as at
      from generate_series(1, {0} * 11 / 10) n order by hashint4(n);
  insert into phoenix.virtual_machines (id, tenant_id, name, image_id, site_id, vcpus, memory_mib, disk_gib,
                                        desired_state, state, state_since, created_by, created_at)
    select gen_random_uuid(), tenant, 'vm-' || n, '00000000-0000-7000-8000-200000000001',
           '00000000-0000-7000-8000-300000000001', 2, 128, 1, 'RUNNING',
           case when n % 4 = 0 then 'STOPPED' else 'RUNNING' end, at, 'x', at from filled;
  insert into phoenix.operations (id, tenant_id, kind, state, object_type, object_id, object_name, step, requested_by,
                                  work_queue, work_key, time_allowed, deadline_at, created_at)
    select gen_random_uuid(), tenant, 'vm.create', 'PENDING', 'VirtualMachine', gen_random_uuid(), 'x', 'x', 'x', 'x',
           n::text, interval '1 hour', at, at from filled;
  insert into phoenix.incidents (id, tenant_id, number, reference, title, severity, status, channel, origin, declared_by,
                                 started_at, declared_at, response_due_at, resolution_due_at)
    select gen_random_uuid(), tenant, n, 'INC-' || n, 'x', 'P' || n % 4, 'INVESTIGATING', 'x', 'manual', 'x', at, at, at,
           at from filled;
  insert into phoenix.alerts (id, tenant_id, source, fingerprint, status, name, labels, starts_at, received_at)
    select gen_random_uuid(), tenant, 'manual', lpad(to_hex(n), 16, '0'), 'FIRING', 'x', '{{}}', at, at from filled;
  insert into phoenix.audit_log (id, at, tenant_id, actor, action, outcome, request_id, canonical)
    select gen_random_uuid(), at, tenant, 'x', 'x', 'OK', 'x', '' from filled;
  insert into phoenix.service_accounts (id, tenant_id, name, role, created_by, created_at)
    select ('00000000-0000-7000-8000-4' || lpad(n::text, 11, '0'))::uuid, tenant, 'program-' || n, 'TENANT_MEMBER', 'x',
           at from filled;
  insert into phoenix.api_keys (id, tenant_id, service_account_id, prefix, digest, scopes, allowed_addresses, created_by,
                                created_at)
    select gen_random_uuid(), tenant, ('00000000-0000-7000-8000-4' || lpad(n::text, 11, '0'))::uuid, 'phxk_' || n, '',
           '{{READ}}', '{{}}', 'x', at from filled;
  analyze)";

/// Something to filter by that takes nothing away, where a list has a filter.
const std::map<std::string, std::string, std::less<>> kFilters{
    {"virtualMachines", "{vcpus: {gte: 1}}"},  {"resources", "{name: {ne: \"x\"}}"},
    {"images", "{name: {ne: \"x\"}}"},         {"sites", "{region: {eq: \"r\"}}"},
    {"tenants", "{tier: {eq: STANDARD}}"},     {"operations", "{kind: {ne: \"x\"}}"},
    {"incidents", "{status: {ne: RESOLVED}}"}, {"alerts", "{source: {eq: \"manual\"}}"},
    {"auditLog", "{outcome: {eq: \"OK\"}}"},   {"serviceAccounts", "{name: {ne: \"x\"}}"},
    {"apiKeys", "{prefix: {ne: \"x\"}}"}};

struct ProductLists : ::testing::Test {
  ProductLists() {
    testing::register_unserved(registry);
    auto assembled = api::ApiSchema::assemble(product_sdl(), registry);
    if (!assembled) throw std::runtime_error(assembled.error().message());
    schema = std::move(*assembled);
    db.exec(fmt::format(fmt::runtime(kFill), kRows));
  }

  /// Of a page that is full.
  std::int64_t pages(const std::string& query, const pg::Scope& scope) {
    const auto [pages, rows] = api::testing::cost(db, *schema, query, scope);
    EXPECT_EQ(rows, 101) << query;
    return pages;
  }
  /// The rows of the table that the scope can see, as a condition.
  std::string seen(const api::TableType& table, const pg::Scope& scope) {
    const bool walled =
        db.value(fmt::format("select count(*) from information_schema.columns where table_schema = 'phoenix' and "
                             "table_name = '{}' and column_name = 'tenant_id'",
                             table.table)) == "1";
    return scope.tenant && walled ? "tenant_id = '" + scope.tenant->to_string() + "'" : "true";
  }

  pg::testing::TestDatabase db;
  api::Registry registry;
  std::unique_ptr<api::ApiSchema> schema;
  const Uuid tenant = *Uuid::parse("00000000-0000-7000-8000-100000000001");
};

TEST_F(ProductLists, ADeepPageReadsAsMuchAsTheFirstInEveryOrder) {
  std::set<std::string> walked;
  for (const bool platform : {false, true}) {
    const pg::Scope scope = platform ? pg::Scope::platform() : pg::Scope::of_tenant(tenant);
    for (const graphql::Field& field : schema->schema().root(graphql::OperationKind::kQuery)->fields) {
      const api::FieldMeaning& meaning = schema->meaning(field);
      if (meaning.kind != api::FieldMeaning::Kind::kConnection) continue;
      if (!platform && field.name == "tenants") continue;  // one row in a tenant
      const auto filter = kFilters.find(field.name);
      ASSERT_NE(filter, kFilters.end()) << field.name << " is new: give it rows, and a filter that takes none away";
      std::vector<const api::TableOrder*> orders{nullptr};
      for (const api::TableOrder& order : meaning.target->orders) orders.push_back(&order);
      for (const api::TableOrder* order : orders)
        for (const bool descending : {false, true})
          for (const bool backward : {false, true}) {
            const auto query = [&](const std::string& at) {
              return fmt::format("{{ {}({}: 100, {} {} direction: {}, filter: {}) {{ nodes {{ id }} }} }}", field.name,
                                 backward ? "last" : "first", at, order ? "orderBy: " + order->name + "," : "",
                                 descending ? "DESC" : "ASC", filter->second);
            };
            const std::string deep_cursor = api::testing::cursor_at(db, *meaning.target, order, descending, backward,
                                                                    seen(*meaning.target, scope), kDepth - 200);
            const std::int64_t first = pages(query(""), scope);
            const std::int64_t deep =
                pages(query(fmt::format("{}: \"{}\",", backward ? "before" : "after", deep_cursor)), scope);
            EXPECT_LE(static_cast<double>(deep), 1.3 * static_cast<double>(first) + 30)
                << (platform ? "platform: " : "tenant: ") << query("...");
            EXPECT_LT(first, 700) << (platform ? "platform: " : "tenant: ") << query("");
            walked.insert(field.name);
          }
    }
  }
  EXPECT_EQ(walked.size(), kFilters.size());
}

TEST_F(ProductLists, SumsAndGroupsAreOfTheTenantsOwnRows) {
  SystemClock clock;
  SystemRandom random;
  UuidSource ids(clock, random);
  const api::EventCursorSeal event_cursors("key of a test's log");
  api::GraphqlService service({*schema, db.database(), clock, random, ids, db.metrics(), "secret", event_cursors});
  const auto ask = [&](int n, const std::string& query) {
    api::RequestContext context;
    context.principal.kind = api::PrincipalKind::kUser;
    context.role = api::Role::kTenantViewer;
    context.tenant = *Uuid::parse(fmt::format("00000000-0000-7000-8000-10000000000{}", n));
    context.deadline = Deadline::after(20s);
    return db.run(service.execute(context, {.query = query})).body;
  };
  const std::string machines =
      "{ virtualMachines { aggregate { count sum { vcpus memoryMib } } groups(by: [STATE]) { keys { state } count } } "
      "}";
  const auto count = [&](const std::string& where) {
    return db.value("select count(*) from phoenix.virtual_machines where tenant_id = '00000000-0000-7000-8000-" +
                    where);
  };
  const int others = std::stoi(count("100000000002'"));
  const int running = std::stoi(count("100000000002' and state = 'RUNNING'"));
  EXPECT_EQ(ask(2, machines),
            fmt::format(R"({{"data":{{"virtualMachines":{{"aggregate":{{"count":{0},"sum":{{"vcpus":"{1}",)"
                        R"("memoryMib":"{2}"}}}},"groups":[{{"keys":{{"state":"RUNNING"}},"count":{3}}},)"
                        R"({{"keys":{{"state":"STOPPED"}},"count":{4}}}]}}}}}})",
                        others, 2 * others, 128 * others, running, others - running));
  const std::string rest =
      "{ incidents { groups(by: [SEVERITY, STATUS]) { keys { severity status } count } } "
      "alerts(filter: {status: {eq: FIRING}}) { groups(by: [STATUS]) { count } } "
      "operations { groups(by: [KIND, STATE]) { keys { kind state } count } } "
      "resources { groups(by: [TYPE, STATUS]) { keys { type status } count } } }";
  const std::string before = ask(2, rest);
  EXPECT_THAT(before, ::testing::HasSubstr(fmt::format(R"({{"groups":[{{"count":{}}}]}})", others)));
  EXPECT_THAT(before, ::testing::Not(::testing::HasSubstr("errors")));
  // Who has nothing sums nothing, whatever others have; and what others do changes nothing.
  EXPECT_EQ(
      ask(3, machines),
      R"({"data":{"virtualMachines":{"aggregate":{"count":0,"sum":{"vcpus":null,"memoryMib":null}},"groups":[]}}})");
  db.exec(
      "update phoenix.virtual_machines set vcpus = 7, state = 'LOST' where tenant_id = "
      "'00000000-0000-7000-8000-100000000001'; update phoenix.incidents set severity = 'P0' where tenant_id = "
      "'00000000-0000-7000-8000-100000000001'; delete from phoenix.operations where tenant_id = "
      "'00000000-0000-7000-8000-100000000001'");
  EXPECT_EQ(ask(2, rest), before);
}

}  // namespace
}  // namespace phx::app
