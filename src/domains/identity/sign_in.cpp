// The HTTP side of Identity: sign in, sign out, and the routes of the local socket.

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/blocking_pool.hpp"
#include "base/random.hpp"
#include "domains/identity/account_rows.hpp"
#include "domains/identity/auth_http.hpp"
#include "domains/identity/cookie.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/lockout.hpp"
#include "domains/identity/secret_token.hpp"
#include "domains/identity/sql.gen.hpp"
#include "net/http.hpp"
#include "pg/database.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;

Error wrong_credentials() {
  return {Code::kUnauthenticated, "auth.invalid_credentials", "The e-mail address or the password is wrong."};
}

std::string user_json(const Account& account) {
  return boost::json::serialize(boost::json::object{{"user",
                                                     {{"id", account.id.to_string()},
                                                      {"email", account.email},
                                                      {"name", account.name},
                                                      {"platformAdmin", account.platform_admin},
                                                      {"hasPassword", account.has_password},
                                                      {"hasSecondFactor", account.has_second_factor}}}});
}

/// Only root and the account of the server may ask for secrets on the local socket.
Status check_local(const net::Request& request) {
  if (!request.peer.local || (request.peer.uid != 0 && request.peer.uid != geteuid()))
    return permission_denied("auth.local_only",
                             "This is open on the machine of the server only, to root and the server's own account.");
  return {};
}

std::string local_actor(const net::Request& request) { return "local uid " + std::to_string(request.peer.uid); }

}  // namespace

void Identity::register_with(api::Registry& registry, api::Router& router) {
  using Call = api::HttpCall;
  router.add("POST", "/auth/login", api::Auth::kNone, [this](Call call) { return post_login(std::move(call)); });
  router.add("POST", "/auth/one-time", api::Auth::kNone, [this](Call call) { return post_one_time(std::move(call)); });
  router.add("POST", "/auth/logout", api::Auth::kOptional, [this](Call call) { return post_logout(std::move(call)); });
  router.add("GET", "/auth/methods", api::Auth::kNone, [this](Call call) { return get_methods(std::move(call)); });
  router.add("GET", "/auth/session", api::Auth::kRequired, [this](Call call) { return get_session(std::move(call)); });
  router.add("POST", "/local/token", api::Auth::kNone, [this](Call call) { return post_local_token(std::move(call)); });
  router.add("POST", "/local/sign-in-link", api::Auth::kNone,
             [this](Call call) { return post_local_sign_in_link(std::move(call)); });
  keys_.register_with(registry);
  register_second_factor(router);
  registry.query("sessions", [this](api::QueryContext& context, boost::json::object args) {
    return sessions(context, std::move(args));
  });
  registry.mutation("revokeSession", [this](api::MutationContext& context, boost::json::object args) {
    return revoke_session(context, std::move(args));
  });
  registry.mutation("revokeOtherSessions", [this](api::MutationContext& context, boost::json::object args) {
    return revoke_other_sessions(context, std::move(args));
  });
  registry.mutation("resetSecondFactor", [this](api::MutationContext& context, boost::json::object args) {
    return reset_second_factor(context, std::move(args));
  });
  registry.mutation("resetPassword", [this](api::MutationContext& context, boost::json::object args) {
    return reset_password(context, std::move(args));
  });
  registry.mutation("createUser", [this](api::MutationContext& context, boost::json::object args) {
    return create_user(context, std::move(args));
  });
  registry.mutation("setPassword", [this](api::MutationContext& context, boost::json::object args) {
    return set_password(context, std::move(args));
  });
  registry.query("me",
                 [this](api::QueryContext& context, boost::json::object args) { return me(context, std::move(args)); });
}

asio::awaitable<net::Response> Identity::post_login(api::HttpCall call) {
  co_return signed_in(co_await login(call.http));
}

asio::awaitable<net::Response> Identity::post_one_time(api::HttpCall call) {
  co_return signed_in(co_await use_link(call.http));
}

net::Response Identity::signed_in(Result<SignedIn> outcome) const {
  if (!outcome) return refusal(outcome.error());
  if (outcome->challenge) {
    const auto& challenge = *outcome->challenge;
    auto response = answer(401, boost::json::serialize(boost::json::object{
                                    {"error",
                                     {{"code", code_info(Code::kMfaRequired).graphql_code},
                                      {"reason", "auth.second_factor"},
                                      {"message", "This account asks for a second factor."},
                                      {"nextAction", "Give a code of your authenticator app, or a recovery code."}}},
                                    {"challenge", challenge.secret},
                                    {"methods", {"otp", "recovery"}},
                                    {"expiresAt", format_instant(challenge.expires_at)}}));
    response.headers.add("Set-Cookie", challenge_cookie(challenge.browser_secret, settings_.challenge_lifetime));
    return response;
  }
  auto response = answer(200, user_json(outcome->account));
  response.headers.add("Set-Cookie", session_cookie(outcome->session_secret, settings_.session_absolute));
  return response;
}

std::string Identity::session_cookie(std::string_view secret, std::chrono::seconds max_age) const {
  std::string cookie(kSessionCookie);
  cookie += '=';
  cookie += secret;
  cookie += "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(max_age.count());
  if (settings_.secure_cookies) cookie += "; Secure";
  return cookie;
}

asio::awaitable<Result<Identity::SignedIn>> Identity::login(const net::Request& request) {
  PHX_CO_TRY(const auto body, parse_body(request));
  PHX_CO_TRY(const auto email, take_text(body, "email"));
  PHX_CO_TRY(auto password, take_text(body, "password"));
  const auto deadline = Deadline::at(request.deadline);
  const auto attempts = lockout_key(email, address_of(request));
  PHX_CO_CHECK(co_await begin_attempt(attempts, deadline));

  // What is no address at all is looked up as one that nobody can have, so that it takes the same way.
  const std::string name = check_email(email, "email") ? fold_case(email) : std::string();
  PHX_CO_TRY(auto found, co_await database_.read(pg::Scope::platform(), sql::identity::credentials_by_email,
                                                 pg::Params::of(name), deadline));
  std::optional<Uuid> user;
  std::optional<std::string> phc;
  if (!found.empty()) {
    user = found.get<Uuid>(0, "id");
    phc = found.get<std::string>(0, "phc");
  }
  auto right = co_await verify(phc, password);
  pg::Params key;
  key.add_bytes(attempts);
  if (!right) {
    PHX_CO_CHECK(co_await database_.execute(pg::Scope::platform(), sql::identity::forgive_attempt, key, deadline));
    co_return std::move(right).error();
  }
  if (!*right) {
    PHX_CO_CHECK(co_await note_failed_login(user, request));
    co_return wrong_credentials();
  }
  std::optional<std::string> renewed;
  if (needs_rehash(*phc, settings_.argon2)) { PHX_CO_TRY(renewed, co_await hash(std::move(password))); }
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), deadline));
  PHX_CO_CHECK(co_await tx.execute(sql::identity::clear_attempts, key));
  if (renewed) PHX_CO_CHECK(co_await tx.execute(sql::identity::upsert_password, pg::Params::of(*user, *renewed)));
  PHX_CO_TRY(auto done, co_await enter(tx, *user, "auth.login", request, {"pwd"}));
  PHX_CO_CHECK(co_await tx.commit());
  co_return done;
}

asio::awaitable<Status> Identity::note_failed_login(std::optional<Uuid> user, const net::Request& request,
                                                    std::string action) {
  const auto deadline = Deadline::at(request.deadline);
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), deadline));
  PHX_CO_CHECK(co_await tx.execute(sql::identity::sweep_attempts));
  // The name that was typed is not recorded: people type passwords there.
  PHX_CO_CHECK(co_await record(tx, {.actor = "anonymous",
                                    .action = std::move(action),
                                    .user = user,
                                    .remote_address = address_of(request),
                                    .request_id = request.id,
                                    .outcome = Code::kUnauthenticated}));
  co_return co_await tx.commit();
}

asio::awaitable<Result<Identity::SignedIn>> Identity::use_link(const net::Request& request) {
  PHX_CO_TRY(const auto body, parse_body(request));
  PHX_CO_TRY(const auto secret, take_text(body, "token"));
  const Error invalid(Code::kUnauthenticated, "auth.link_invalid",
                      "This sign-in link was used before, has expired, or is not complete.");
  const auto digest = secret_digest(secret);
  if (!digest) co_return invalid;
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), Deadline::at(request.deadline)));
  pg::Params params;
  params.add_bytes(*digest);
  PHX_CO_TRY(auto used, co_await tx.execute(sql::identity::consume_link, std::move(params)));
  if (used.empty()) co_return invalid;
  PHX_CO_TRY(auto done, co_await enter(tx, used.get<Uuid>(0, "id"), "auth.one_time", request, {"link"}));
  PHX_CO_CHECK(co_await tx.commit());
  co_return done;
}

asio::awaitable<Result<Identity::SignedIn>> Identity::open_session(pg::Transaction& tx, Uuid user, std::string action,
                                                                   std::chrono::seconds lifetime,
                                                                   const net::Request& request, Methods methods) {
  SignedIn done;
  done.session_secret = make_secret(random_);
  done.session = ids_.next();
  auto params = pg::Params::of(done.session);
  params.add_bytes(*secret_digest(done.session_secret))
      .add(user)
      .add(Duration(lifetime))
      .add(address_of(request))
      .add(user_agent_of(request))
      .add(methods)
      .add(std::ranges::find(methods, "mfa") != methods.end());
  PHX_CO_CHECK(co_await tx.execute(sql::identity::delete_stale_sessions,
                                   pg::Params::of(user, Duration(settings_.session_idle))));
  PHX_CO_CHECK(co_await tx.execute(sql::identity::insert_session, std::move(params)));
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::identity::account, pg::Params::of(user)));
  // Disabled between the proof and here.
  if (rows.empty()) co_return wrong_credentials();
  done.account = account_of(rows[0]);
  PHX_CO_CHECK(co_await record(tx, {.actor = done.account.email,
                                    .action = std::move(action),
                                    .user = user,
                                    .proof = done.session,
                                    .remote_address = address_of(request),
                                    .request_id = request.id}));
  co_return done;
}

asio::awaitable<Status> Identity::begin_attempt(std::string key, Deadline deadline) {
  static const std::vector<std::int64_t> schedule(lockout_schedule().begin(), lockout_schedule().end());
  pg::Params params;
  params.add_bytes(key).add(schedule);
  PHX_CO_TRY(auto counted, co_await database_.execute(pg::Scope::platform(), sql::identity::begin_attempt,
                                                      std::move(params), deadline));
  if (!counted.empty()) co_return Status();
  pg::Params which;
  which.add_bytes(key);
  PHX_CO_TRY(auto rows,
             co_await database_.read(pg::Scope::platform(), sql::identity::attempt_wait, std::move(which), deadline));
  const std::chrono::milliseconds wait(rows.empty() ? 0 : rows.get<std::int64_t>(0, "wait_ms"));
  co_return Error(Code::kRateLimited, "auth.locked", "There were too many failed attempts. Wait before the next one.")
      .with_retry_after(wait);
}

asio::awaitable<Result<bool>> Identity::verify(std::optional<std::string> phc, std::string password) {
  // Made at the first sign-in of whoever it is, so that not even the first one differs.
  if (dummy_phc_.empty()) {
    PHX_CO_TRY(auto made, co_await hash(make_secret(random_)));
    dummy_phc_ = std::move(made);
  }
  const bool known = phc.has_value();
  PHX_CO_TRY(const bool right, co_await blocking_.run([stored = phc.value_or(dummy_phc_), text = std::move(password)] {
    return verify_password(stored, text);
  }));
  co_return right&& known;
}

asio::awaitable<Result<std::string>> Identity::hash(std::string password) {
  PHX_CO_TRY(auto made, co_await blocking_.run([text = std::move(password), salt = make_salt(random_),
                                                cost = settings_.argon2] { return hash_password(text, salt, cost); }));
  co_return made;
}

asio::awaitable<net::Response> Identity::post_logout(api::HttpCall call) {
  if (call.principal.program)
    co_return refusal(permission_denied("api_key.person_required", "A key is ended by revoking it."));
  bool outside = false;
  if (call.principal.session_id) {
    auto rows = co_await database_.read(pg::Scope::platform(), sql::identity::is_outside_session,
                                        pg::Params::of(*call.principal.session_id), Deadline::at(call.http.deadline));
    if (!rows) co_return refusal(rows.error());
    outside = rows->get<bool>(0, "outside");
    if (auto revoked = co_await revoke(*call.principal.session_id); !revoked) co_return refusal(revoked.error());
  }
  // The provider is still signed in: only the browser can go there and end it.
  auto response = answer(200, outside && provider_ != nullptr ? R"({"next":"/auth/oidc/sign-out"})" : "{}");
  response.headers.add("Set-Cookie", session_cookie("", 0s));
  co_return response;
}

asio::awaitable<net::Response> Identity::get_methods(api::HttpCall) {
  boost::json::object methods{{"password", true}, {"outside", nullptr}};
  if (!outside_name_.empty()) methods["outside"] = {{"name", outside_name_}, {"start", "/auth/oidc/start"}};
  co_return answer(200, boost::json::serialize(methods));
}

asio::awaitable<Result<bool>> Identity::use_once(pg::Transaction& tx, const UsedOnce& once) {
  pg::Params params;
  params.add_bytes(once.digest).add(Duration(once.lifetime));
  PHX_CO_TRY(auto used, co_await tx.execute(sql::identity::use_once, std::move(params)));
  co_return used.affected() == 1;
}

asio::awaitable<Result<std::string>> Identity::open_outside_session(oidc::IdentityClaims claims, UsedOnce once,
                                                                    const net::Request& request) {
  const auto deadline = Deadline::at(request.deadline);
  PHX_CO_TRY(const auto principal, co_await external_user(claims.who, deadline));
  std::optional<std::string> tenants;
  if (claims.who.tenants) {
    boost::json::object roles;
    for (const auto& [name, role] : *claims.who.tenants) roles[name] = api::role_name(role);
    tenants = boost::json::serialize(roles);
  }
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), deadline));
  PHX_CO_TRY(const bool first, co_await use_once(tx, once));
  if (!first)
    co_return Error(Code::kUnauthenticated, "oidc.state", "This sign-in was finished before.")
        .with_next_action("Sign in again.");
  const auto lifetime = std::min(settings_.session_outside, settings_.session_absolute);
  PHX_CO_TRY(auto done, co_await open_session(tx, principal.user_id, "auth.oidc", lifetime, request, {"provider"}));
  auto params = pg::Params::of(done.session, expected_.issuer, claims.who.subject, claims.sid);
  params.add_json(tenants);
  PHX_CO_CHECK(co_await tx.execute(sql::identity::insert_outside_session, std::move(params)));
  PHX_CO_CHECK(co_await tx.commit());
  co_return session_cookie(done.session_secret, lifetime);
}

asio::awaitable<Status> Identity::end_outside_sessions(std::optional<std::string> subject,
                                                       std::optional<std::string> sid, UsedOnce once,
                                                       const net::Request& request) {
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), Deadline::at(request.deadline)));
  PHX_CO_TRY(const bool first, co_await use_once(tx, once));
  if (!first) co_return Error(Code::kUnauthenticated, "token.replayed", "The token was used before.");
  PHX_CO_TRY(auto rows,
             co_await tx.execute(sql::identity::end_outside_sessions, pg::Params::of(expected_.issuer, subject, sid)));
  std::vector<Fact> facts;
  for (const auto row : rows)
    facts.push_back({.actor = expected_.issuer,
                     .action = "auth.outside_logout",
                     .user = row.get<Uuid>("user_id"),
                     .proof = row.get<Uuid>("id"),
                     .remote_address = address_of(request),
                     .request_id = request.id});
  PHX_CO_TRY(const auto proofs, co_await announce(tx, std::move(rows)));
  for (auto& fact : facts) PHX_CO_CHECK(co_await record(tx, std::move(fact)));
  auto done = co_await tx.commit();
  ended(proofs);
  co_return done;
}

asio::awaitable<net::Response> Identity::get_session(api::HttpCall call) {
  auto rows = co_await database_.read(pg::Scope::platform(), sql::identity::account,
                                      pg::Params::of(call.principal.user_id), Deadline::at(call.http.deadline));
  if (!rows) co_return refusal(rows.error());
  if (rows->empty()) co_return refusal(Error(Code::kUnauthenticated, "auth.required", "Sign in first."));
  co_return answer(200, user_json(account_of((*rows)[0])));
}

asio::awaitable<net::Response> Identity::post_local_token(api::HttpCall call) {
  auto token = co_await issue_local_token(call.http);
  if (!token) co_return refusal(token.error());
  co_return answer(200, boost::json::serialize(boost::json::object{{"token", token->secret},
                                                                   {"expiresAt", format_instant(token->expires_at)}}));
}

asio::awaitable<Result<IssuedSecret>> Identity::issue_local_token(const net::Request& request) {
  PHX_CO_CHECK(check_local(request));
  PHX_CO_TRY(const auto body, parse_body(request));
  // A misspelt limit must not become a token without it.
  for (const auto& [key, value] : body)
    if (key != "tenant" && key != "ttlSeconds") co_return malformed(std::string(key), "This is not known here.");
  std::chrono::seconds ttl{0};
  if (const auto* value = body.if_contains("ttlSeconds"); value != nullptr && !value->is_null()) {
    if (!value->is_int64() || value->as_int64() < 1 || value->as_int64() > settings_.token_lifetime_max.count())
      co_return invalid_argument(
          "auth.ttl", "ttlSeconds",
          "A token lives between 1 and " + std::to_string(settings_.token_lifetime_max.count()) + " seconds.");
    ttl = std::chrono::seconds(value->as_int64());
  }
  PHX_CO_TRY(const auto administrator, co_await first_administrator());
  std::optional<Uuid> tenant;
  if (const auto* value = body.if_contains("tenant"); value != nullptr && !value->is_null()) {
    PHX_CO_TRY(auto name, take_text(body, "tenant"));
    api::Principal principal;
    principal.kind = api::PrincipalKind::kUser;
    principal.user_id = administrator.id;
    principal.platform_admin = true;
    PHX_CO_TRY(const auto access, co_await tenants_.enter(std::move(principal), std::move(name)));
    tenant = access.id;
  }
  co_return co_await mint_token(local_actor(request), administrator.id, tenant, ttl);
}

asio::awaitable<net::Response> Identity::post_local_sign_in_link(api::HttpCall call) {
  auto link = co_await issue_local_link(call.http);
  if (!link) co_return refusal(link.error());
  co_return answer(200, boost::json::serialize(boost::json::object{{"link", sign_in_url(*link)},
                                                                   {"token", link->secret},
                                                                   {"expiresAt", format_instant(link->expires_at)}}));
}

asio::awaitable<Result<IssuedSecret>> Identity::issue_local_link(const net::Request& request) {
  PHX_CO_CHECK(check_local(request));
  PHX_CO_CHECK(parse_body(request));
  co_return co_await mint_sign_in_link(local_actor(request));
}

}  // namespace phx::identity
