#include "api/step_up.hpp"

#include <algorithm>

namespace phx::api {

Status check_step_up(const RequestContext& context, std::chrono::seconds max_age, Role required_from, Instant now) {
  const Principal& principal = context.principal;
  if (principal.kind != PrincipalKind::kUser || !principal.by_cookie) return {};
  if (!principal.has_second_factor) {
    const Role role = principal.platform_admin ? Role::kPlatformAdmin : context.role;
    if (required_from == Role::kNone || role < required_from) return {};
    return Error(Code::kMfaRequired, "auth.second_factor_missing", "This needs an account with a second factor.")
        .with_next_action("Set up an authenticator app for your account, then repeat the act.");
  }
  if (principal.second_factor_at && now - *principal.second_factor_at <= max_age) return {};
  return Error(Code::kMfaRequired, "auth.step_up", "This needs a fresh code of your authenticator app.")
      .with_next_action("Give a code, then repeat the act.");
}

}  // namespace phx::api
