#pragma once
/// Signing in at an outside OpenID provider: the authorization code flow with PKCE (OpenID Connect Core 1.0, 3.1;
/// RFC 7636; RFC 9700's advice), and signing out there and from there (RP-Initiated Logout 1.0, Back-Channel
/// Logout 1.0). The browser ends with our session cookie; the provider's tokens are looked at here and forgotten.
///
/// A sign-in that has begun is kept by the browser: a cookie of ten minutes, signed with the server's key and open to
/// the callback only. Strangers who begin sign-ins cost no memory and no row, and any server of the installation can
/// finish one. What the provider must bring back (nonce) or is shown at the end (PKCE's verifier) is worked out of the
/// state under the same key and stored nowhere. A state counts once: using it up is part of opening the session.
///
/// Routes
///   GET  /auth/oidc/start?return_to=/x   to the provider; return_to is a path of the portal
///   GET  /auth/oidc/callback             from the provider; to return_to, with a session
///   GET  /auth/oidc/sign-out             to the provider's own sign-out, which comes back to /sign-in
///   POST /auth/oidc/logout               the provider has ended somebody's sign-in (form field logout_token)
///
/// Errors: "auth.return_to" (kInvalidArgument), "oidc.request" (the callback lacks what it needs),
/// "oidc.state" (not begun in this browser, too long ago, or used before), "oidc.mixed_up" (RFC 9207: the answer is of
/// another provider), "oidc.denied" (the provider says no), "oidc.no_sign_in" (it offers none), those of
/// oidc/provider.hpp, oidc/jose.hpp and oidc/claims.hpp. Pages get them as /sign-in?problem=<reason>.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "api/middleware.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "domains/identity/oidc/provider.hpp"

namespace phx {
class BlockingPool;
class Random;
}  // namespace phx

namespace phx::identity {

class Identity;

namespace asio = boost::asio;

class OutsideSignIn {
 public:
  struct Options {
    oidc::Client client;
    std::string tenant_claim;
    std::string server_key;
    bool secure_cookies = false;
  };
  /// All references must outlive this.
  OutsideSignIn(Identity& identity, oidc::Provider& provider, const Clock& clock, Random& random,
                BlockingPool& blocking, Options options);

  void register_with(api::Router& router);

 private:
  asio::awaitable<net::Response> get_start(api::HttpCall call);
  asio::awaitable<net::Response> get_callback(api::HttpCall call);
  asio::awaitable<net::Response> get_sign_out(api::HttpCall call);
  asio::awaitable<net::Response> post_logout(api::HttpCall call);

  struct Begun {
    std::string state;
    std::string return_to;
  };
  /// What the browser kept of the sign-in with that state.
  Result<Begun> begun(const net::Request& request, std::string_view state) const;
  asio::awaitable<Result<std::string>> start(const net::Request& request, std::string& cookie);
  asio::awaitable<Result<net::Response>> finish(const net::Request& request);
  asio::awaitable<Status> end(const net::Request& request);
  /// kUnauthenticated unless the provider signed it.
  asio::awaitable<Status> prove(oidc::ParsedToken token);
  /// 43 characters that only this installation can work out.
  std::string derived(std::string_view purpose, std::string_view text) const;
  std::string redirect_uri() const;
  std::string cookie(std::string_view state, std::string_view value, std::chrono::seconds max_age) const;

  Identity& identity_;
  oidc::Provider& provider_;
  const Clock& clock_;
  Random& random_;
  BlockingPool& blocking_;
  const Options options_;
};

}  // namespace phx::identity
