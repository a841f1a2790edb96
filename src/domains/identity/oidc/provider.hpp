#pragma once
/// An OpenID provider as it is seen from here: where it says its things are (OpenID Connect Discovery 1.0) and the keys
/// it signs with, fetched when they are first needed and kept.
///
/// Guarantees
/// - The provider need not be there when the server starts; until it was reached once, each need asks it again, at most
///   once a second.
/// - Keys older than `keys_ttl` are fetched anew before they are used. A key that is not known makes a fetch too, at
///   most every `unknown_key_pause`: strangers with made-up key ids cost the provider nothing. While it is down or
///   talks nonsense the last good keys stay.
/// - Plain http is spoken to this machine only. What the provider says about itself must name the configured issuer.
///   Answers are bounded in size and time; one fetch runs at a time, for all who wait.
///
/// Errors: kUnavailable "oidc.unreachable" (never reached), "oidc.nonsense" (it answers what cannot be used);
/// kUnauthenticated "token.unknown_key"; kInvalidArgument "oidc.issuer" from check_issuer().

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "domains/identity/oidc/jose.hpp"
#include "net/client.hpp"

namespace phx::identity::oidc {

namespace asio = boost::asio;

/// https, or http to a loopback address; no query, no fragment.
Status check_issuer(std::string_view issuer);

struct Endpoints {
  std::string authorization;
  std::string token;
  std::string keys;
  std::string end_session;  ///< empty: the provider has none
  std::string userinfo;     ///< empty: the provider has none
  /// How a client shows its secret at the token endpoint: as HTTP Basic, else in the form.
  bool basic = true;
  /// The provider says in each answer whose it is (RFC 9207).
  bool names_itself = false;
};

/// We, as the provider knows us.
struct Client {
  std::string id;
  std::string secret;  ///< empty: a public client, which PKCE alone protects
};

/// What a code was exchanged for. Neither ever leaves the server.
struct Tokens {
  std::string id_token;
  std::string access_token;
};

class Provider {
 public:
  struct Options {
    std::string issuer;
    std::chrono::seconds keys_ttl{300};
    std::chrono::seconds unknown_key_pause{30};
    std::chrono::milliseconds fetch_timeout{5'000};
  };
  /// All references must outlive this.
  Provider(asio::any_io_executor executor, net::HttpClient& http, const Clock& clock, Options options);

  const std::string& issuer() const { return options_.issuer; }
  asio::awaitable<Result<Endpoints>> endpoints();
  /// The code of a sign-in for tokens (RFC 6749 4.1.3 with RFC 7636). kUnauthenticated "oidc.code" when the provider
  /// does not take it.
  asio::awaitable<Result<Tokens>> redeem(Client client, std::string code, std::string verifier,
                                         std::string redirect_uri);
  /// What the provider tells of a person to whoever has their access token (OpenID Connect Core 1.0, 5.3). Nothing when
  /// it has no such endpoint.
  asio::awaitable<Result<std::optional<boost::json::object>>> userinfo(std::string access_token);
  /// The key the token names, fetched when it has to be.
  asio::awaitable<Result<Key>> key_for(const ParsedToken& token);

 private:
  /// Brings what is there up to date, once for all who wait.
  asio::awaitable<void> refresh();
  asio::awaitable<Status> discover();
  asio::awaitable<Status> fetch_keys();
  asio::awaitable<Result<std::string>> get(std::string url, std::string authorization = {});
  bool stale() const;

  net::HttpClient& http_;
  const Clock& clock_;
  Options options_;
  std::optional<Endpoints> endpoints_;
  std::vector<Key> keys_;
  /// Of the monotonic clock.
  std::optional<Duration> fetched_at_;
  std::optional<Duration> tried_at_;
  std::optional<Duration> asked_for_unknown_at_;
  bool fetching_ = false;
  asio::steady_timer fetched_;
};

}  // namespace phx::identity::oidc
