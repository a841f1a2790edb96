#include "app/query_console.hpp"

#include <boost/asio/awaitable.hpp>

namespace phx::app {
namespace {

/// As strict as the portal's but for two things: GraphiQL writes schema descriptions, rendered from Markdown, as HTML,
/// so the page may have one Trusted Types policy, which lets Markdown's tags through and makes no scripts
/// (portal/src/console/main.tsx); and its styles carry a font within themselves.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types default";

boost::asio::awaitable<net::Response> serve(const net::StaticFiles& files, api::HttpCall call) {
  if (!call.principal.authenticated()) {
    net::Response out = net::text_response(303, "Sign in first.\n");
    out.headers.set("Location", "/sign-in");
    co_return out;
  }
  call.http.path = kQueryConsoleFile;
  net::Response out = files.serve(call.http);
  out.headers.set("Content-Security-Policy", kPolicy);
  out.headers.set("Cache-Control", "no-store");
  co_return out;
}

}  // namespace

void install_query_console(api::Router& router, const net::StaticFiles& files) {
  if (!files.contains(kQueryConsoleFile)) return;
  router.add("GET", "/graphql/console", api::Auth::kOptional,
             [&files](api::HttpCall call) { return serve(files, std::move(call)); });
}

}  // namespace phx::app
