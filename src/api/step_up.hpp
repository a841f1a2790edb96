#pragma once
/// When a dangerous mutation (@stepUp) wants a second factor that was given lately: RFC 9470 for GraphQL. Pure.
///
/// In this order:
/// 1. Who is no person in a browser is not asked: a bearer token, a key or the server itself has no second factor to
///    give, and what it may do was decided when it was made.
/// 2. An account without a second factor is not asked, unless its role is one of those that must have one
///    (`required_from`): then it is told to set one up.
/// 3. An account with a second factor must have given it to this session within the mutation's maxAge.
///
/// Errors, both kMfaRequired: "auth.step_up" (the client asks for a code, sends it to POST /auth/step-up and repeats
/// the mutation; extensions say `acr_values` and `max_age`) and "auth.second_factor_missing".

#include <chrono>
#include <string_view>

#include "api/context.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace phx::api {

/// Authentication context classes of a session, by the levels of NIST SP 800-63B: one factor, two factors.
inline constexpr std::string_view kOneFactor = "aal1";
inline constexpr std::string_view kTwoFactors = "aal2";

/// `required_from` kNone: no role must have a second factor.
Status check_step_up(const RequestContext& context, std::chrono::seconds max_age, Role required_from, Instant now);

}  // namespace phx::api
