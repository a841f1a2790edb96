#pragma once
/// The query console, GET /graphql/console: GraphiQL as the portal's build made it, for signed-in users, under a
/// Content-Security-Policy of its own. Who is not signed in is led to the portal's sign-in. No script from elsewhere,
/// no inline script and no eval; what is looser than the portal's policy, and why, stands at the policy in the .cpp.

#include "api/middleware.hpp"
#include "net/static_files.hpp"

namespace phx::app {

/// `files` outlives the router.
void install_query_console(api::Router& router, const net::StaticFiles& files);
/// The page's file: not to be had as a plain file of the portal.
inline constexpr std::string_view kQueryConsoleFile = "/graphql-console.html";

}  // namespace phx::app
