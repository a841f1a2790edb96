#pragma once
#include <string_view>

namespace phx::identity {

/// The portal's session. Its attributes are those of Identity::session_cookie().
inline constexpr std::string_view kSessionCookie = "phoenix_session";

}  // namespace phx::identity
