// The second step of a sign-in, step-up, and the second factor of one's own account.
//
// Secrets of apps and recovery codes are shown by these routes and not by GraphQL: an answer of a mutation may be kept
// under its idempotency key.

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "api/step_up.hpp"
#include "domains/identity/account_rows.hpp"
#include "domains/identity/auth_http.hpp"
#include "domains/identity/cookie.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/lockout.hpp"
#include "domains/identity/secret_token.hpp"
#include "domains/identity/sql.gen.hpp"
#include "engine/events.hpp"
#include "pg/database.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

/// Of the account, wherever the guesses come from: whoever guesses codes knows the password already.
std::string code_attempts(const Uuid& user) { return lockout_key("second factor of " + user.to_string(), ""); }

Error wrong_code() { return invalid_argument("auth.code_wrong", "code", "The code is not right, or was used before."); }

net::Response as_response(Result<json::object> outcome) {
  if (!outcome) return refusal(outcome.error());
  return answer(200, json::serialize(*outcome));
}

json::object with_codes(const std::vector<std::string>& codes) {
  json::array out;
  for (const auto& code : codes) out.emplace_back(code);
  return {{"recoveryCodes", std::move(out)}};
}

}  // namespace

void Identity::register_second_factor(api::Router& router) {
  using Call = api::HttpCall;
  router.add("POST", "/auth/mfa", api::Auth::kNone, [this](Call call) { return post_mfa(std::move(call)); });
  router.add("POST", "/auth/step-up", api::Auth::kRequired,
             [this](Call call) { return post_step_up(std::move(call)); });
  router.add("GET", "/auth/second-factor", api::Auth::kRequired,
             [this](Call call) { return get_second_factor(std::move(call)); });
  router.add("POST", "/auth/second-factor", api::Auth::kRequired,
             [this](Call call) { return post_second_factor(std::move(call)); });
  router.add("POST", "/auth/second-factor/confirm", api::Auth::kRequired,
             [this](Call call) { return post_second_factor_confirm(std::move(call)); });
  router.add("POST", "/auth/second-factor/recovery-codes", api::Auth::kRequired,
             [this](Call call) { return post_recovery_codes(std::move(call)); });
  router.add("POST", "/auth/second-factor/remove", api::Auth::kRequired,
             [this](Call call) { return post_second_factor_remove(std::move(call)); });
}

asio::awaitable<Result<Identity::SignedIn>> Identity::enter(pg::Transaction& tx, Uuid user, std::string action,
                                                            const net::Request& request, Methods methods) {
  PHX_CO_TRY(const bool enrolled, co_await second_factor_.enrolled(tx, user));
  if (!enrolled)
    co_return co_await open_session(tx, user, std::move(action), settings_.session_absolute, request,
                                    std::move(methods));
  SignedIn waits;
  Challenge challenge{make_secret(random_), make_secret(random_), {}};
  pg::Params params;
  params.add_bytes(*secret_digest(challenge.secret))
      .add_bytes(*secret_digest(challenge.browser_secret))
      .add(user)
      .add(methods)
      .add(Duration(settings_.challenge_lifetime));
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::identity::insert_challenge, std::move(params)));
  challenge.expires_at = rows.get<Instant>(0, "expires_at");
  waits.challenge = std::move(challenge);
  co_return waits;
}

std::string Identity::challenge_cookie(std::string_view secret, std::chrono::seconds max_age) const {
  std::string cookie(kChallengeCookie);
  cookie += '=';
  cookie += secret;
  cookie += "; Path=/auth; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(max_age.count());
  if (settings_.secure_cookies) cookie += "; Secure";
  return cookie;
}

asio::awaitable<net::Response> Identity::post_mfa(api::HttpCall call) {
  auto done = co_await answer_challenge(call.http);
  const bool in = done.has_value();
  auto response = signed_in(std::move(done));
  if (in) response.headers.add("Set-Cookie", challenge_cookie("", 0s));
  co_return response;
}

asio::awaitable<Result<Identity::SignedIn>> Identity::answer_challenge(const net::Request& request) {
  PHX_CO_TRY(const auto body, parse_body(request));
  PHX_CO_TRY(const auto challenge, take_text(body, "challenge"));
  PHX_CO_TRY(auto code, take_text(body, "code"));
  const auto over = Error(Code::kUnauthenticated, "auth.challenge",
                          "This sign-in took too long, was finished before, or was not begun in this browser.")
                        .with_next_action("Sign in again.");
  const auto cookie = net::cookie(request.headers, kChallengeCookie);
  const auto digest = secret_digest(challenge);
  const auto browser = secret_digest(cookie.value_or(""));
  if (!digest || !browser) co_return over;
  const auto deadline = Deadline::at(request.deadline);
  pg::Params which;
  which.add_bytes(*digest).add_bytes(*browser);
  PHX_CO_TRY(auto found, co_await database_.read(pg::Scope::platform(), sql::identity::challenge, which, deadline));
  if (found.empty()) co_return over;
  const Uuid user = found.get<Uuid>(0, "user_id");
  PHX_CO_CHECK(co_await begin_attempt(code_attempts(user), deadline));

  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), deadline));
  // Before the code is judged: of two who answer at once one finds nothing.
  PHX_CO_TRY(auto used, co_await tx.execute(sql::identity::use_challenge, which));
  if (used.empty()) co_return over;
  auto methods = used.get<Methods>(0, "amr");
  auto given = co_await prove_second_factor(tx, user, std::move(code), request);
  if (!given && given.error().reason() == "auth.code_wrong")
    co_return Error(Code::kUnauthenticated, "auth.code_wrong", given.error().message());
  if (!given) co_return std::move(given).error();
  methods.insert(methods.end(), given->begin(), given->end());
  PHX_CO_TRY(auto done,
             co_await open_session(tx, user, "auth.mfa", settings_.session_absolute, request, std::move(methods)));
  PHX_CO_CHECK(co_await tx.commit());
  co_return done;
}

asio::awaitable<Result<Identity::Methods>> Identity::prove_second_factor(pg::Transaction& tx, Uuid user,
                                                                         std::string code,
                                                                         const net::Request& request) {
  PHX_CO_TRY(const auto proof, co_await second_factor_.prove(tx, user, std::move(code)));
  if (proof == SecondFactorProof::kNone) {
    PHX_CO_CHECK(co_await note_failed_login(user, request, "auth.mfa"));
    co_return wrong_code();
  }
  pg::Params key;
  key.add_bytes(code_attempts(user));
  PHX_CO_CHECK(co_await tx.execute(sql::identity::clear_attempts, std::move(key)));
  co_return Methods{proof == SecondFactorProof::kApp ? "otp" : "recovery", "mfa"};
}

Status Identity::check_browser(const api::Principal& principal) {
  if (principal.kind == api::PrincipalKind::kUser && principal.by_cookie && principal.session_id) return {};
  return permission_denied("auth.session_required", "This is done in a browser that is signed in, not with a token.");
}

asio::awaitable<Status> Identity::announce_change(pg::Transaction& tx, Uuid proof) {
  co_return co_await engine::record_event(tx, {.type = std::string(kSessionEvent),
                                               .id = proof,
                                               .tenant = {},
                                               .kind = engine::ChangeKind::kUpdated,
                                               .version = 1,
                                               .payload = {}});
}

asio::awaitable<net::Response> Identity::post_step_up(api::HttpCall call) {
  co_return as_response(co_await step_up(call));
}

asio::awaitable<Result<json::object>> Identity::step_up(const api::HttpCall& call) {
  PHX_CO_CHECK(check_browser(call.principal));
  PHX_CO_TRY(const auto body, parse_body(call.http));
  PHX_CO_TRY(auto code, take_text(body, "code"));
  const auto deadline = Deadline::at(call.http.deadline);
  const Uuid user = call.principal.user_id;
  PHX_CO_CHECK(co_await begin_attempt(code_attempts(user), deadline));
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), deadline));
  PHX_CO_TRY(const auto methods, co_await prove_second_factor(tx, user, std::move(code), call.http));
  PHX_CO_CHECK(
      co_await tx.execute(sql::identity::step_up_session, pg::Params::of(*call.principal.session_id, methods)));
  PHX_CO_CHECK(co_await announce_change(tx, *call.principal.session_id));
  PHX_CO_CHECK(co_await record(tx, {.actor = call.principal.actor(),
                                    .action = "auth.step_up",
                                    .user = user,
                                    .proof = call.principal.session_id,
                                    .remote_address = address_of(call.http),
                                    .request_id = call.http.id}));
  PHX_CO_CHECK(co_await tx.commit());
  forget();
  co_return json::object{{"acr", api::kTwoFactors}};
}

asio::awaitable<net::Response> Identity::get_second_factor(api::HttpCall call) {
  auto rows = co_await database_.read(pg::Scope::platform(), sql::identity::second_factor,
                                      pg::Params::of(call.principal.user_id), Deadline::at(call.http.deadline));
  if (!rows) co_return refusal(rows.error());
  json::object out{{"enabled", !rows->empty()}, {"since", nullptr}, {"recoveryCodes", 0}};
  if (!rows->empty()) {
    out["since"] = format_instant(rows->get<Instant>(0, "created_at"));
    out["recoveryCodes"] = rows->get<std::int64_t>(0, "recovery_codes");
  }
  co_return answer(200, json::serialize(out));
}

asio::awaitable<net::Response> Identity::post_second_factor(api::HttpCall call) {
  co_return as_response(co_await begin_second_factor(call));
}

asio::awaitable<Result<json::object>> Identity::begin_second_factor(const api::HttpCall& call) {
  PHX_CO_CHECK(check_browser(call.principal));
  PHX_CO_TRY(const auto body, parse_body(call.http));
  const auto deadline = Deadline::at(call.http.deadline);
  const Uuid user = call.principal.user_id;
  // An open browser is not enough: whoever found one would take the account for good. What is asked for is the second
  // factor where there is one, else the password where there is one.
  PHX_CO_TRY(auto account,
             co_await database_.read(pg::Scope::platform(), sql::identity::account, pg::Params::of(user), deadline));
  if (account.empty()) co_return Error(Code::kUnauthenticated, "auth.required", "Sign in first.");
  const Account who = account_of(account[0]);
  std::string attempts;
  std::string code;
  if (who.has_second_factor) {
    PHX_CO_TRY(code, take_text(body, "code"));
    PHX_CO_CHECK(co_await begin_attempt(code_attempts(user), deadline));
  } else if (who.has_password) {
    PHX_CO_TRY(auto password, take_text(body, "password"));
    attempts = lockout_key(who.email, "set-password");
    PHX_CO_CHECK(co_await begin_attempt(attempts, deadline));
    PHX_CO_TRY(auto stored, co_await database_.read(pg::Scope::platform(), sql::identity::credentials_by_email,
                                                    pg::Params::of(fold_case(who.email)), deadline));
    PHX_CO_TRY(const bool right,
               co_await verify(stored.empty() ? std::nullopt : std::optional(stored.get<std::string>(0, "phc")),
                               std::move(password)));
    if (!right) co_return invalid_argument("user.current_password_wrong", "password", "The password is not right.");
  }
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), deadline));
  if (who.has_second_factor) PHX_CO_CHECK(co_await prove_second_factor(tx, user, std::move(code), call.http));
  if (!attempts.empty()) {
    pg::Params key;
    key.add_bytes(attempts);
    PHX_CO_CHECK(co_await tx.execute(sql::identity::clear_attempts, std::move(key)));
  }
  PHX_CO_TRY(auto begun, co_await second_factor_.begin(tx, user, who.email));
  PHX_CO_CHECK(co_await tx.commit());
  co_return json::object{{"secret", begun.secret}, {"uri", begun.uri}, {"expiresAt", format_instant(begun.expires_at)}};
}

asio::awaitable<net::Response> Identity::post_second_factor_confirm(api::HttpCall call) {
  co_return as_response(co_await confirm_second_factor(call));
}

asio::awaitable<Result<json::object>> Identity::confirm_second_factor(const api::HttpCall& call) {
  PHX_CO_CHECK(check_browser(call.principal));
  PHX_CO_TRY(const auto body, parse_body(call.http));
  PHX_CO_TRY(auto code, take_text(body, "code"));
  const Uuid user = call.principal.user_id;
  const Uuid here = *call.principal.session_id;
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), Deadline::at(call.http.deadline)));
  // Guesses are not counted: whoever began has seen the secret.
  PHX_CO_TRY(const auto codes, co_await second_factor_.confirm(tx, user, std::move(code)));
  if (!codes) co_return wrong_code();
  PHX_CO_CHECK(co_await tx.execute(sql::identity::step_up_session, pg::Params::of(here, Methods{"otp", "mfa"})));
  PHX_CO_CHECK(co_await announce_change(tx, here));
  // Whoever is signed in elsewhere did without it.
  PHX_CO_TRY(auto revoked,
             co_await tx.execute(sql::identity::revoke_other_sessions, pg::Params::of(user, std::optional(here))));
  PHX_CO_TRY(const auto proofs, co_await announce(tx, std::move(revoked)));
  PHX_CO_CHECK(co_await record(tx, {.actor = call.principal.actor(),
                                    .action = "second_factor.enable",
                                    .user = user,
                                    .proof = here,
                                    .remote_address = address_of(call.http),
                                    .request_id = call.http.id}));
  PHX_CO_CHECK(co_await tx.commit());
  ended(proofs);
  co_return with_codes(*codes);
}

asio::awaitable<net::Response> Identity::post_recovery_codes(api::HttpCall call) {
  co_return as_response(co_await renew_recovery_codes(call));
}

asio::awaitable<Result<json::object>> Identity::renew_recovery_codes(const api::HttpCall& call) {
  PHX_CO_CHECK(check_browser(call.principal));
  PHX_CO_TRY(const auto body, parse_body(call.http));
  PHX_CO_TRY(auto code, take_text(body, "code"));
  const auto deadline = Deadline::at(call.http.deadline);
  const Uuid user = call.principal.user_id;
  PHX_CO_CHECK(co_await begin_attempt(code_attempts(user), deadline));
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), deadline));
  PHX_CO_CHECK(co_await prove_second_factor(tx, user, std::move(code), call.http));
  PHX_CO_TRY(const auto codes, co_await second_factor_.renew_recovery_codes(tx, user));
  PHX_CO_CHECK(co_await record(tx, {.actor = call.principal.actor(),
                                    .action = "second_factor.recovery_codes",
                                    .user = user,
                                    .proof = call.principal.session_id,
                                    .remote_address = address_of(call.http),
                                    .request_id = call.http.id}));
  PHX_CO_CHECK(co_await tx.commit());
  co_return with_codes(codes);
}

asio::awaitable<net::Response> Identity::post_second_factor_remove(api::HttpCall call) {
  co_return as_response(co_await remove_second_factor(call));
}

asio::awaitable<Result<json::object>> Identity::remove_second_factor(const api::HttpCall& call) {
  PHX_CO_CHECK(check_browser(call.principal));
  PHX_CO_TRY(const auto body, parse_body(call.http));
  PHX_CO_TRY(auto code, take_text(body, "code"));
  const auto deadline = Deadline::at(call.http.deadline);
  const Uuid user = call.principal.user_id;
  PHX_CO_CHECK(co_await begin_attempt(code_attempts(user), deadline));
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), deadline));
  PHX_CO_CHECK(co_await prove_second_factor(tx, user, std::move(code), call.http));
  PHX_CO_CHECK(co_await second_factor_.remove(tx, user));
  PHX_CO_CHECK(co_await announce_change(tx, *call.principal.session_id));
  PHX_CO_CHECK(co_await record(tx, {.actor = call.principal.actor(),
                                    .action = "second_factor.disable",
                                    .user = user,
                                    .proof = call.principal.session_id,
                                    .remote_address = address_of(call.http),
                                    .request_id = call.http.id}));
  PHX_CO_CHECK(co_await tx.commit());
  forget();
  co_return json::object{};
}

}  // namespace phx::identity
