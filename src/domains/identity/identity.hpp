#pragma once
/// Who people are and how they prove it: local accounts, sessions of the portal, bearer tokens of the command line,
/// one-time sign-in links, and the first administrator. Programs' keys are those of api_keys.hpp.
///
/// Guarantees
/// - Passwords are argon2id, hashed off the I/O thread; a name without an account costs as much time as a wrong
///   password, and neither answer nor lockout tells the two apart (lockout.hpp).
/// - Of sessions, links and tokens only digests are stored (secret_token.hpp). A link works once, also under parallel
///   use. A revoked or expired proof is refused at once by the server that revoked it, and by any other server on the
///   same database within `verified_for`.
/// - A proof that is malformed, unknown, expired or of a disabled account is kUnauthenticated, never anonymous.
/// - Durable deadlines are judged by the database's clock (phoenix.now()).
///
/// - An account with a second factor (second_factor.hpp) is signed in to by password or link and a code, in the browser
///   that began it, within five minutes. Wrong codes are counted for the account, whoever gives them.
///
/// Routes: GET /auth/methods, POST /auth/login, POST /auth/one-time, POST /auth/mfa, POST /auth/logout,
/// GET /auth/session, POST /auth/step-up, /auth/second-factor…, those of outside_sign_in.hpp; on the local socket, for
/// root and our own account only, POST /local/token and POST /local/sign-in-link.
///
/// Errors: those of oidc/jose.hpp, oidc/claims.hpp and oidc/provider.hpp for outside tokens; "auth.invalid",
/// "auth.invalid_credentials", "auth.link_invalid", "auth.locked" (kRateLimited with retry_after), "auth.malformed",
/// "auth.local_only", "auth.no_administrator", "auth.ttl", "token.replayed", "user.email_taken",
/// "auth.second_factor", "auth.challenge", "auth.code_wrong", "auth.session_required", "second_factor.missing", those
/// of second_factor.hpp, "session.not_found",
/// "user.current_password_wrong", "user.token_bound", "scope.platform_required", and those of account.hpp and
/// password.hpp.

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/context.hpp"
#include "api/middleware.hpp"
#include "api/registry.hpp"
#include "base/clock.hpp"
#include "base/deadline.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "domains/identity/api_keys.hpp"
#include "domains/identity/oidc/claims.hpp"
#include "domains/identity/password.hpp"
#include "domains/identity/proof_cache.hpp"
#include "domains/identity/second_factor.hpp"

namespace phx {
class BlockingPool;
class Random;
}  // namespace phx
namespace phx::pg {
class Database;
class Rows;
class Transaction;
}  // namespace phx::pg
namespace phx::identity::oidc {
class Provider;
}

namespace phx::identity {

namespace asio = boost::asio;

/// A session or bearer token that was revoked, as an event of the platform.
inline constexpr std::string_view kSessionEvent = "Session";

struct Settings {
  std::string first_admin_email = "admin@localhost";
  std::string first_admin_name = "Administrator";
  /// Where people reach the portal, without a slash at the end; sign-in links begin with it. See set_base_url().
  std::string base_url = "http://127.0.0.1:4000";
  /// What authenticator apps show beside the account.
  std::string second_factor_issuer = "Sankofa Phoenix";
  /// How long a sign-in waits for its second factor.
  std::chrono::seconds challenge_lifetime = std::chrono::minutes(5);
  /// Cookies are sent over https only.
  bool secure_cookies = false;
  std::chrono::seconds session_idle = std::chrono::hours(12);
  std::chrono::seconds session_absolute = std::chrono::days(7);
  /// Of a session that an outside provider vouched for: its claims are believed so long.
  std::chrono::seconds session_outside = std::chrono::hours(12);
  std::chrono::seconds link_lifetime = std::chrono::hours(24);
  std::chrono::seconds token_lifetime = std::chrono::hours(12);
  std::chrono::seconds token_lifetime_max = std::chrono::days(90);
  /// How long a verified proof is believed without asking the database again.
  std::chrono::seconds verified_for = std::chrono::seconds(5);
  std::size_t verified_max = 4096;
  Argon2Cost argon2;
};

/// A secret that was just made; this is the only time it can be seen.
struct IssuedSecret {
  std::string secret;
  Uuid user_id;
  Instant expires_at;
};

/// What people see of an account.
struct Account {
  Uuid id;
  std::string email;
  std::string name;
  bool platform_admin = false;
  bool has_password = false;
  bool has_second_factor = false;
};

class Identity final : public api::Authenticator {
 public:
  /// `server_key` is that of load_server_key(); all references must outlive this.
  Identity(pg::Database& database, const Clock& clock, Random& random, UuidSource& ids, BlockingPool& blocking,
           api::TenantDirectory& tenants, std::string server_key, Settings settings);
  ~Identity() override;

  void register_with(api::Registry& registry, api::Router& router);

  /// When there is no account at all: makes the first administrator and a sign-in link for it. Of servers that start
  /// at the same time one gets the link, the others nothing.
  asio::awaitable<Result<std::optional<IssuedSecret>>> ensure_first_admin();
  /// A new one-time link for a user, or for the first platform administrator.
  asio::awaitable<Result<IssuedSecret>> mint_sign_in_link(std::string issued_by, std::optional<Uuid> user = {});
  /// "<base_url>/sign-in#token=<secret>": in the fragment, so that it reaches no log and no Referer.
  std::string sign_in_url(const IssuedSecret& link) const;
  /// For a server that learns its address only when it listens (port 0).
  void set_base_url(std::string url) { settings_.base_url = std::move(url); }
  /// A bearer token; with a tenant it opens that one only. ttl 0 takes the setting.
  asio::awaitable<Result<IssuedSecret>> mint_token(std::string issued_by, Uuid user, std::optional<Uuid> tenant,
                                                   std::chrono::seconds ttl);
  /// The platform administrator with the oldest account.
  asio::awaitable<Result<Account>> first_administrator();

  /// Takes access tokens of an outside provider as well (external.cpp). Whoever comes with one for the first time gets
  /// an account: with the verified address when nobody has it, and never the account of that address.
  void trust(oidc::Provider& provider, oidc::Expected expected);

  /// The base of all our addresses, without a slash at the end.
  const std::string& base_url() const { return settings_.base_url; }
  /// What can be used once: a row for as long as somebody could try again.
  struct UsedOnce {
    std::string digest;
    std::chrono::seconds lifetime;
  };
  /// A session for whom the trusted provider vouches, as the value of Set-Cookie. Their account is made when they come
  /// for the first time. kUnauthenticated "oidc.state" when `once` was used before.
  asio::awaitable<Result<std::string>> open_outside_session(oidc::IdentityClaims claims, UsedOnce once,
                                                            const net::Request& request);
  /// The provider has ended the sessions of a subject, or its session `sid` (that of the subject, when it names both).
  /// Succeeds when there are none. kUnauthenticated "token.replayed" when `once` was used before.
  asio::awaitable<Status> end_outside_sessions(std::optional<std::string> subject, std::optional<std::string> sid,
                                               UsedOnce once, const net::Request& request);
  /// Lets the portal show a way to sign in elsewhere, by this name.
  void offer_outside(std::string name) { outside_name_ = std::move(name); }

  /// Ends a session or a bearer token, by the id in Principal::session_id. Succeeds when it is already gone.
  asio::awaitable<Status> revoke(Uuid proof);
  /// Told of each proof that was ended here, so that what is open in its name can be closed at once. Other servers on
  /// the database learn of it by an event of type kSessionEvent, whose id is the proof's.
  void on_revoked(std::function<void(const Uuid&)> listener) { on_revoked_ = std::move(listener); }
  /// Another server has ended proofs: nothing is believed without asking the database.
  void forget() { verified_.revoke(); }
  /// Whether people can sign in at all: every table of a sign-in can be read.
  asio::awaitable<Status> check();
  /// Ends all sessions, tokens and links of a user.
  asio::awaitable<Status> revoke_all(Uuid user);

  asio::awaitable<Result<api::Principal>> authenticate(const net::Request& request) override;
  asio::awaitable<Result<api::Principal>> authenticate_token(std::string token, std::string address) override;

 private:
  // Routes.
  asio::awaitable<net::Response> post_login(api::HttpCall call);
  asio::awaitable<net::Response> post_one_time(api::HttpCall call);
  asio::awaitable<net::Response> post_logout(api::HttpCall call);
  asio::awaitable<net::Response> get_session(api::HttpCall call);
  asio::awaitable<net::Response> get_methods(api::HttpCall call);
  asio::awaitable<net::Response> post_local_token(api::HttpCall call);
  asio::awaitable<net::Response> post_local_sign_in_link(api::HttpCall call);
  // Routes of second_factor_routes.cpp.
  void register_second_factor(api::Router& router);
  asio::awaitable<net::Response> post_mfa(api::HttpCall call);
  asio::awaitable<net::Response> post_step_up(api::HttpCall call);
  asio::awaitable<net::Response> get_second_factor(api::HttpCall call);
  asio::awaitable<net::Response> post_second_factor(api::HttpCall call);
  asio::awaitable<net::Response> post_second_factor_confirm(api::HttpCall call);
  asio::awaitable<net::Response> post_recovery_codes(api::HttpCall call);
  asio::awaitable<net::Response> post_second_factor_remove(api::HttpCall call);
  // Mutations and queries.
  asio::awaitable<Result<boost::json::value>> sessions(api::QueryContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> revoke_session(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> revoke_other_sessions(api::MutationContext& context,
                                                                     boost::json::object args);
  asio::awaitable<Result<boost::json::object>> create_user(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> set_password(api::MutationContext& context, boost::json::object args);
  /// The account an administrator named by id or address; "user.not_found".
  asio::awaitable<Result<Uuid>> account_to_reset(api::MutationContext& context, const boost::json::object& args);
  /// Sessions, tokens, links and waiting sign-ins of an account; returns how many sessions and tokens.
  asio::awaitable<Result<std::int64_t>> end_everything(api::MutationContext& context, Uuid user);
  asio::awaitable<Result<boost::json::object>> reset_second_factor(api::MutationContext& context,
                                                                   boost::json::object args);
  asio::awaitable<Result<boost::json::object>> reset_password(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::value>> me(api::QueryContext& context, boost::json::object args);

  /// A sign-in that waits for its second factor: both secrets are needed, one of them is the browser's cookie.
  struct Challenge {
    std::string secret;
    std::string browser_secret;
    Instant expires_at;
  };
  struct SignedIn {
    Account account;
    Uuid session;
    std::string session_secret;
    /// Instead of a session.
    std::optional<Challenge> challenge;
  };
  /// How somebody proved who they are, by RFC 8176 ("pwd", "otp", "mfa") and words of our own ("link", "provider",
  /// "recovery").
  using Methods = std::vector<std::string>;
  /// What happened outside of a GraphQL mutation, for the audit trail.
  struct Fact {
    std::string actor;
    std::string action;
    std::optional<Uuid> user = {};
    std::optional<Uuid> tenant = {};
    /// The session or token it is about.
    std::optional<Uuid> proof = {};
    std::string remote_address = {};
    std::string request_id = {};
    /// Nothing: it succeeded.
    std::optional<Code> outcome = {};
  };
  asio::awaitable<Result<SignedIn>> login(const net::Request& request);
  asio::awaitable<Result<SignedIn>> use_link(const net::Request& request);
  /// Within the transaction that proved who it is.
  asio::awaitable<Result<SignedIn>> open_session(pg::Transaction& tx, Uuid user, std::string action,
                                                 std::chrono::seconds lifetime, const net::Request& request,
                                                 Methods methods);
  /// A session, or a challenge where the account wants a second factor.
  asio::awaitable<Result<SignedIn>> enter(pg::Transaction& tx, Uuid user, std::string action,
                                          const net::Request& request, Methods methods);
  asio::awaitable<Result<SignedIn>> answer_challenge(const net::Request& request);
  /// Whose account it is whole, in a browser: what concerns the second factor is nothing for tokens.
  static Status check_browser(const api::Principal& principal);
  /// Judges a code in `tx`, within the account's lockout. Nothing is left of it unless `tx` is committed.
  asio::awaitable<Result<Methods>> prove_second_factor(pg::Transaction& tx, Uuid user, std::string code,
                                                       const net::Request& request);
  asio::awaitable<Result<boost::json::object>> step_up(const api::HttpCall& call);
  asio::awaitable<Result<boost::json::object>> begin_second_factor(const api::HttpCall& call);
  asio::awaitable<Result<boost::json::object>> confirm_second_factor(const api::HttpCall& call);
  asio::awaitable<Result<boost::json::object>> renew_recovery_codes(const api::HttpCall& call);
  asio::awaitable<Result<boost::json::object>> remove_second_factor(const api::HttpCall& call);
  /// After a step-up: what was believed of this session is read again, here and by other servers.
  asio::awaitable<Status> announce_change(pg::Transaction& tx, Uuid proof);
  /// False when it was used before.
  asio::awaitable<Result<bool>> use_once(pg::Transaction& tx, const UsedOnce& once);
  asio::awaitable<Status> note_failed_login(std::optional<Uuid> user, const net::Request& request,
                                            std::string action = "auth.login");
  net::Response signed_in(Result<SignedIn> outcome) const;
  std::string session_cookie(std::string_view secret, std::chrono::seconds max_age) const;
  std::string challenge_cookie(std::string_view secret, std::chrono::seconds max_age) const;
  asio::awaitable<Result<IssuedSecret>> issue_local_token(const net::Request& request);
  asio::awaitable<Result<IssuedSecret>> issue_local_link(const net::Request& request);

  /// Counts an attempt; "auth.locked" when the key must wait.
  asio::awaitable<Status> begin_attempt(std::string key, Deadline deadline);
  /// Against a hash of nobody when there is none, which takes as long.
  asio::awaitable<Result<bool>> verify(std::optional<std::string> phc, std::string password);
  asio::awaitable<Result<std::string>> hash(std::string password);
  asio::awaitable<Result<IssuedSecret>> insert_link(pg::Transaction& tx, Uuid user);
  asio::awaitable<Status> record(pg::Transaction& tx, Fact fact);
  /// The ids in rows of the revoke statements, each announced to other servers in this transaction.
  asio::awaitable<Result<std::vector<Uuid>>> announce(pg::Transaction& tx, pg::Rows ended);
  /// After the commit.
  void ended(const std::vector<Uuid>& proofs);
  asio::awaitable<Result<api::Principal>> session_principal(std::string secret, Deadline deadline);
  /// `address` as in ApiKeys::authenticate().
  asio::awaitable<Result<api::Principal>> bearer_principal(std::string token, std::string address, Deadline deadline);
  asio::awaitable<Result<api::Principal>> key_principal(std::string key, std::string address, Deadline deadline);
  asio::awaitable<Result<api::Principal>> external_principal(std::string token, Deadline deadline);
  /// The user of that subject; made when there is none.
  asio::awaitable<Result<api::Principal>> external_user(const oidc::Claims& claims, Deadline deadline);
  asio::awaitable<Status> make_external_user(const oidc::Claims& claims, Deadline deadline);

  pg::Database& database_;
  const Clock& clock_;
  Random& random_;
  UuidSource& ids_;
  BlockingPool& blocking_;
  api::TenantDirectory& tenants_;
  const std::string server_key_;
  Settings settings_;
  /// What unknown names are verified against.
  std::string dummy_phc_;
  SecondFactor second_factor_;
  ProofCache verified_;
  ApiKeys keys_;
  oidc::Provider* provider_ = nullptr;
  oidc::Expected expected_;
  /// Empty: one cannot sign in elsewhere.
  std::string outside_name_;
  std::function<void(const Uuid&)> on_revoked_;
};

}  // namespace phx::identity
