/// What stops an operation that costs too much, against a real database: budgets before it begins, the deadline while
/// it runs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/testing/fleet.hpp"
#include "base/task_scope.hpp"

namespace phx::api {
namespace {

using testing::Fleet;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

TEST(OperationLimits, BudgetsGoByRole) {
  Fleet fleet;
  // 480 ships with 250 crates each: 120,480 rows.
  const std::string query = "{ ships(first: 480) { nodes { crates(first: 250) { nodes { id } } } } }";
  EXPECT_EQ(fleet.reason(fleet.context(1, Role::kTenantMember), query), "");
  const std::string refused = fleet.run(fleet.context(1, Role::kTenantViewer), query);
  EXPECT_EQ(Fleet::reason_in(refused), "limit.cost");
  EXPECT_THAT(refused, HasSubstr("100000"));
}

TEST(OperationLimits, TheAnswerSaysWhatItCosts) {
  Fleet fleet;
  const auto cost = [&](Role role, std::string query) {
    return fleet.db.run(fleet.service->execute(fleet.context(1, role), {.query = std::move(query)})).cost;
  };
  const auto nested = cost(Role::kTenantMember, "{ ships(first: 10) { nodes { crates(first: 5) { nodes { id } } } } }");
  ASSERT_TRUE(nested);
  EXPECT_EQ(nested->requested, 60U);
  EXPECT_EQ(nested->limit, 200'000U);
  EXPECT_EQ(cost(Role::kTenantViewer, "{ ships(first: 10) { nodes { id } } }")->limit, 100'000U);
  EXPECT_FALSE(cost(Role::kTenantMember, "{ whoAmI }")) << "nothing is read";
}

TEST(OperationLimits, TheDeadlineCancelsTheStatementInFlight) {
  Fleet fleet;
  // Each row takes five seconds, whoever asks within a tenant.
  fleet.db.exec(
      "alter policy wall on phoenix.test_ships using (tenant_id = current_setting('phoenix.tenant_id')::uuid and "
      "pg_sleep(5)::text = '')");
  const auto sleeping = [&] {
    return fleet.db.value("select count(*) from pg_stat_activity where state = 'active' and wait_event = 'PgSleep'");
  };
  RequestContext context = fleet.context(1);
  context.deadline = Deadline::after(800ms);
  const std::string answer = fleet.run(std::move(context), "{ ships { nodes { name } } }");
  EXPECT_THAT(answer, HasSubstr("\"code\":\"SERVER_ERROR\"")) << answer;
  for (int i = 0; i < 200 && sleeping() != "0"; ++i) fleet.db.run(sleep_for(10ms));
  EXPECT_EQ(sleeping(), "0") << "nobody waits for it any more, and nothing runs";
}

}  // namespace
}  // namespace phx::api
