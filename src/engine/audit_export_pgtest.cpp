// Exports of the audit trail from a real trail: pages, filters and the tenant wall.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <set>

#include "engine/audit_export.hpp"
#include "engine/testing/two_tenants.hpp"

namespace phx::engine {
namespace {

using pg::Scope;
using testing::kA;
using testing::kB;

struct AuditExportRows : ::testing::Test {
  testing::TwoTenants db;

  /// Rows n of a tenant, several of them at the same time, so that a page ends among equals.
  void fill(const Uuid& tenant, int count) {
    db.exec(
        "insert into phoenix.audit_log (id, at, tenant_id, actor, action, object_id, outcome, request_id, canonical)"
        " select gen_random_uuid(), timestamptz '2026-01-01' + (n / 7) * interval '1 minute', '" +
        tenant.to_string() +
        "', case when n % 2 = 0 then 'ada@example.org' else 'bob@example.org' end,"
        " case when n % 3 = 0 then 'stopVirtualMachine' else 'startVirtualMachine' end,"
        " ('00000000-0000-7000-8000-' || lpad((n % 5)::text, 12, '0'))::uuid,"
        " case when n % 10 = 0 then 'FORBIDDEN' else 'OK' end, n::text, '' from generate_series(0, " +
        std::to_string(count - 1) + ") n order by hashint4(n)");
  }
  std::vector<boost::json::object> rows(Scope scope, AuditFilter filter = {}) {
    AuditExport exported(db.database(), scope, std::move(filter), AuditFormat::kJsonLines);
    std::vector<boost::json::object> out;
    for (;;) {
      const auto page = db.run(exported.next());
      EXPECT_TRUE(page) << page.error().to_string();
      if (!page || page->empty()) return out;
      std::string_view rest = *page;
      while (!rest.empty()) {
        const auto end = rest.find('\n');
        out.push_back(boost::json::parse(rest.substr(0, end)).as_object());
        rest.remove_prefix(end + 1);
      }
    }
  }
};

TEST_F(AuditExportRows, EveryRowOfTheTenantComesOnceAndInOrder) {
  fill(kA, 1203);
  fill(kB, 30);
  const auto all = rows(Scope::of_tenant(kA));
  ASSERT_EQ(all.size(), 1203U);
  std::set<std::string> seen;
  std::string before;
  for (const auto& row : all) {
    EXPECT_EQ(row.at("tenantId").as_string(), kA.to_string());
    seen.emplace(row.at("requestId").as_string());
    const std::string place = std::string(row.at("at").as_string()) + std::string(row.at("id").as_string());
    EXPECT_LT(before, place);
    before = place;
  }
  EXPECT_EQ(seen.size(), 1203U);
  EXPECT_EQ(rows(Scope::of_tenant(kB)).size(), 30U);
  EXPECT_EQ(rows(Scope::platform()).size(), 1233U);
}

TEST_F(AuditExportRows, FiltersNarrow) {
  fill(kA, 700);
  const auto count = [&](AuditFilter filter) { return rows(Scope::of_tenant(kA), std::move(filter)).size(); };
  EXPECT_EQ(count({.actor = "ADA"}), 350U);
  EXPECT_EQ(count({.actor = "%"}), 0U) << "no pattern, a text";
  EXPECT_EQ(count({.action = "stop"}), 234U);
  EXPECT_EQ(count({.object = *Uuid::parse("00000000-0000-7000-8000-000000000003")}), 140U);
  EXPECT_EQ(count({.outcome = "FORBIDDEN"}), 70U);
  EXPECT_EQ(count({.outcome = "OTHER"}), 0U);
  EXPECT_EQ(count({.since = parse_instant("2026-01-01T00:10:00Z").value()}), 630U) << "that minute included";
  EXPECT_EQ(count({.until = parse_instant("2026-01-01T00:10:00Z").value()}), 70U) << "that minute excluded";
  EXPECT_EQ(count({.actor = "ada", .outcome = "FORBIDDEN"}), 70U);
}

TEST_F(AuditExportRows, AnEmptyCsvHasItsHeader) {
  AuditExport exported(db.database(), Scope::of_tenant(kA), {}, AuditFormat::kCsv);
  EXPECT_EQ(db.run(exported.next()).value(), audit_export_header(AuditFormat::kCsv));
  EXPECT_EQ(db.run(exported.next()).value(), "");
}

}  // namespace
}  // namespace phx::engine
