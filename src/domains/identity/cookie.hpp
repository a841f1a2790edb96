#pragma once
#include <string_view>

namespace phx::identity {

/// The portal's session. Its attributes are those of Identity::session_cookie().
inline constexpr std::string_view kSessionCookie = "phoenix_session";
/// A sign-in that waits for its second factor, in the browser where it began; sent to /auth only.
inline constexpr std::string_view kChallengeCookie = "phoenix_challenge";

}  // namespace phx::identity
