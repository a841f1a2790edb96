#include "api/step_up.hpp"

#include <gtest/gtest.h>

namespace phx::api {
namespace {

using namespace std::chrono_literals;

const Instant kNow{std::chrono::sys_days{std::chrono::year(2030) / 1 / 1}};

RequestContext person(std::optional<Duration> ago = {}) {
  RequestContext context;
  context.principal.kind = PrincipalKind::kUser;
  context.principal.by_cookie = true;
  context.principal.has_second_factor = true;
  if (ago) context.principal.second_factor_at = kNow - *ago;
  context.role = Role::kTenantOwner;
  return context;
}

std::string verdict(const RequestContext& context, Role required_from = Role::kNone) {
  const Status status = check_step_up(context, 300s, required_from, kNow);
  if (status) return "";
  EXPECT_EQ(status.error().code(), Code::kMfaRequired);
  return status.error().reason();
}

TEST(StepUp, WantsTheSecondFactorOfTheLastMinutes) {
  EXPECT_EQ(verdict(person(0s)), "");
  EXPECT_EQ(verdict(person(300s)), "");
  EXPECT_EQ(verdict(person(301s)), "auth.step_up");
  EXPECT_EQ(verdict(person()), "auth.step_up") << "a session that was opened before there was one";
}

TEST(StepUp, DoesNotAskWhoHasNone) {
  auto context = person();
  context.principal.has_second_factor = false;
  EXPECT_EQ(verdict(context), "");
}

TEST(StepUp, RolesThatMustHaveOneAreToldSo) {
  auto context = person();
  context.principal.has_second_factor = false;
  EXPECT_EQ(verdict(context, Role::kTenantOwner), "auth.second_factor_missing");
  EXPECT_EQ(verdict(context, Role::kPlatformAdmin), "");
  context.role = Role::kTenantAdmin;
  EXPECT_EQ(verdict(context, Role::kTenantOwner), "");
  // Also in what an administrator does for themselves, where there is no role.
  context.role = Role::kNone;
  context.principal.platform_admin = true;
  EXPECT_EQ(verdict(context, Role::kPlatformAdmin), "auth.second_factor_missing");
}

TEST(StepUp, DoesNotAskMachines) {
  auto context = person();
  context.principal.by_cookie = false;
  EXPECT_EQ(verdict(context, Role::kTenantViewer), "");
  context.principal.kind = PrincipalKind::kSystem;
  EXPECT_EQ(verdict(context, Role::kTenantViewer), "");
}

}  // namespace
}  // namespace phx::api
