#include "domains/identity/outside_sign_in.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "base/blocking_pool.hpp"
#include "base/crypto.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/oidc/claims.hpp"
#include "domains/identity/oidc/json_strict.hpp"
#include "domains/identity/secret_token.hpp"
#include "net/http.hpp"
#include "net/url.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;

/// How long somebody may take at the provider.
constexpr auto kPatience = 10min;
constexpr std::size_t kMaxReturnTo = 1000;
constexpr std::size_t kMaxCode = 4096;
constexpr std::size_t kMaxCookie = 4096;
constexpr std::size_t kMaxLogoutBody = 2 * oidc::kMaxToken;

/// A path of this portal, as a browser understands it: "//evil" and "/\evil" are other machines there.
bool is_local_path(std::string_view text) {
  if (!text.starts_with('/') || text.size() > kMaxReturnTo) return false;
  if (text.size() > 1 && (text[1] == '/' || text[1] == '\\')) return false;
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127 && c != '\\'; });
}

net::Response go_to(const std::string& url) {
  net::Response response = net::text_response(303, "");
  response.headers.set("Location", url);
  response.headers.set("Cache-Control", "no-store");
  return response;
}

/// People get a page that says what happened, programs the error itself.
net::Response refusal(const net::Request& request, const Error& error) {
  log_error("auth.refused", error);
  const bool browser = request.headers.get("Accept").find("text/html") != std::string_view::npos;
  return browser ? go_to("/sign-in?problem=" + net::percent_encode(error.reason())) : net::error_response(error);
}

Error bad_request() {
  return invalid_argument("oidc.request", "", "The answer of the identity provider is not complete.");
}

std::string parameter(std::string_view name, std::string_view value) {
  return std::string(name) + "=" + net::percent_encode(value);
}

}  // namespace

OutsideSignIn::OutsideSignIn(Identity& identity, oidc::Provider& provider, const Clock& clock, Random& random,
                             BlockingPool& blocking, Options options)
    : identity_(identity),
      provider_(provider),
      clock_(clock),
      random_(random),
      blocking_(blocking),
      options_(std::move(options)) {}

void OutsideSignIn::register_with(api::Router& router) {
  using Call = api::HttpCall;
  router.add("GET", "/auth/oidc/start", api::Auth::kNone, [this](Call call) { return get_start(std::move(call)); });
  router.add("GET", "/auth/oidc/callback", api::Auth::kNone,
             [this](Call call) { return get_callback(std::move(call)); });
  router.add("GET", "/auth/oidc/sign-out", api::Auth::kNone,
             [this](Call call) { return get_sign_out(std::move(call)); });
  router.add("POST", "/auth/oidc/logout", api::Auth::kNone, [this](Call call) { return post_logout(std::move(call)); });
}

std::string OutsideSignIn::derived(std::string_view purpose, std::string_view text) const {
  return base64url_encode(hmac_sha256(options_.server_key, "oidc " + std::string(purpose) + " " + std::string(text)));
}

std::string OutsideSignIn::redirect_uri() const { return identity_.base_url() + "/auth/oidc/callback"; }

std::string OutsideSignIn::cookie(std::string_view state, std::string_view value, std::chrono::seconds max_age) const {
  // One for each, so that two tabs can sign in beside each other. Lax: the way back begins at the provider's site.
  std::string out = "phoenix_sign_in_" + std::string(state.substr(0, 8)) + "=" + std::string(value) +
                    "; Path=/auth/oidc; HttpOnly; SameSite=Lax; Max-Age=" + std::to_string(max_age.count());
  if (options_.secure_cookies) out += "; Secure";
  return out;
}

asio::awaitable<net::Response> OutsideSignIn::get_start(api::HttpCall call) {
  std::string kept;
  const auto url = co_await start(call.http, kept);
  if (!url) co_return refusal(call.http, url.error());
  auto response = go_to(*url);
  response.headers.add("Set-Cookie", kept);
  co_return response;
}

asio::awaitable<Result<std::string>> OutsideSignIn::start(const net::Request& request, std::string& kept) {
  PHX_CO_TRY(const auto parameters, net::parse_query(request.query));
  const auto return_to = net::query_value(parameters, "return_to").value_or("/");
  if (!is_local_path(return_to))
    co_return invalid_argument("auth.return_to", "return_to",
                               "After signing in only a page of this portal can be opened.");
  PHX_CO_TRY(const auto where, co_await provider_.endpoints());
  if (where.authorization.empty() || where.token.empty())
    co_return Error(Code::kUnavailable, "oidc.no_sign_in", "The identity provider offers no sign-in.");

  const auto state = make_secret(random_);
  const auto until = std::chrono::duration_cast<std::chrono::seconds>((clock_.now() + kPatience).time_since_epoch());
  const auto body = base64url_encode(
      boost::json::serialize(boost::json::object{{"state", state}, {"returnTo", return_to}, {"until", until.count()}}));
  kept = cookie(state, body + "." + derived("begun", body), kPatience);

  std::string url = where.authorization;
  url += url.find('?') == url.npos ? '?' : '&';
  const std::array parts{parameter("response_type", "code"),
                         parameter("client_id", options_.client.id),
                         parameter("redirect_uri", redirect_uri()),
                         parameter("scope", "openid profile email"),
                         parameter("state", state),
                         parameter("nonce", derived("nonce", state)),
                         parameter("code_challenge", base64url_encode(sha256(derived("verifier", state)))),
                         parameter("code_challenge_method", "S256")};
  for (const auto& part : parts) url += part + (&part == &parts.back() ? "" : "&");
  co_return url;
}

Result<OutsideSignIn::Begun> OutsideSignIn::begun(const net::Request& request, std::string_view state) const {
  const Error unknown =
      Error(Code::kUnauthenticated, "oidc.state", "This sign-in was not begun in this browser, or too long ago.")
          .with_next_action("Sign in again.");
  if (!secret_digest(state)) return unknown;
  const auto kept = net::cookie(request.headers, "phoenix_sign_in_" + std::string(state.substr(0, 8)));
  if (!kept || kept->size() > kMaxCookie) return unknown;
  const auto dot = kept->find('.');
  if (dot == kept->npos) return unknown;
  const auto body = kept->substr(0, dot);
  if (!constant_time_equal(kept->substr(dot + 1), derived("begun", body))) return unknown;
  const auto text = base64url_decode(body);
  const auto object = text ? oidc::parse_strict_object(*text) : std::nullopt;
  if (!object) return unknown;
  const auto* until = object->if_contains("until");
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch()).count();
  if (until == nullptr || !until->is_int64() || until->get_int64() <= now) return unknown;
  if (!constant_time_equal(oidc::text_member(*object, "state").value_or(""), state)) return unknown;
  return Begun{.state = std::string(state),
               .return_to = std::string(oidc::text_member(*object, "returnTo").value_or("/"))};
}

asio::awaitable<net::Response> OutsideSignIn::get_callback(api::HttpCall call) {
  auto done = co_await finish(call.http);
  if (!done) co_return refusal(call.http, done.error());
  co_return std::move(*done);
}

asio::awaitable<Result<net::Response>> OutsideSignIn::finish(const net::Request& request) {
  PHX_CO_TRY(const auto parameters, net::parse_query(request.query));
  const auto state = net::query_value(parameters, "state");
  if (!state) co_return bad_request();
  // Before anything else is believed, also before an error is: whoever has no sign-in here gets no further.
  PHX_CO_TRY(const auto sign_in, begun(request, *state));
  PHX_CO_TRY(const auto where, co_await provider_.endpoints());
  const auto from = net::query_value(parameters, "iss");
  if (from ? *from != provider_.issuer() : where.names_itself)
    co_return Error(Code::kUnauthenticated, "oidc.mixed_up", "The answer is not of the provider that was asked.");
  if (net::query_value(parameters, "error"))
    co_return Error(Code::kUnauthenticated, "oidc.denied", "The identity provider did not sign you in.")
        .with_next_action("Sign in again.");
  auto code = net::query_value(parameters, "code");
  if (!code || code->empty() || code->size() > kMaxCode) co_return bad_request();

  PHX_CO_TRY(const auto tokens, co_await provider_.redeem(options_.client, std::move(*code),
                                                          derived("verifier", sign_in.state), redirect_uri()));
  PHX_CO_TRY(auto parsed, oidc::parse_token(tokens.id_token));
  PHX_CO_TRY(auto identity, oidc::check_id_token(parsed,
                                                 {.issuer = provider_.issuer(),
                                                  .client = options_.client.id,
                                                  .nonce = derived("nonce", sign_in.state),
                                                  .access_token = tokens.access_token,
                                                  .tenant_claim = options_.tenant_claim},
                                                 clock_.now()));
  PHX_CO_CHECK(co_await prove(std::move(parsed)));
  // Providers by the book put only the subject into the token of this flow.
  const auto& who = identity.who;
  if (who.email.empty() || who.name.empty() || (who.tenants && who.tenants->empty())) {
    PHX_CO_TRY(const auto told, co_await provider_.userinfo(tokens.access_token));
    if (told) PHX_CO_CHECK(oidc::complete(identity, *told, options_.tenant_claim));
  }
  const Identity::UsedOnce once{.digest = sha256("sign-in " + sign_in.state), .lifetime = kPatience};
  PHX_CO_TRY(auto session, co_await identity_.open_outside_session(std::move(identity), once, request));
  auto response = go_to(sign_in.return_to);
  response.headers.add("Set-Cookie", session);
  response.headers.add("Set-Cookie", cookie(sign_in.state, "", 0s));
  co_return response;
}

asio::awaitable<Status> OutsideSignIn::prove(oidc::ParsedToken token) {
  PHX_CO_TRY(auto key, co_await provider_.key_for(token));
  PHX_CO_TRY(const Status verified, co_await blocking_.run([token = std::move(token), key = std::move(key)] {
    return oidc::verify_signature(token, key);
  }));
  co_return verified;
}

asio::awaitable<net::Response> OutsideSignIn::get_sign_out(api::HttpCall call) {
  const auto where = co_await provider_.endpoints();
  if (!where) co_return refusal(call.http, where.error());
  if (where->end_session.empty()) co_return go_to("/sign-in");
  // Without id_token_hint, which would show a token to the browser: the provider asks before it ends its session.
  const auto& url = where->end_session;
  co_return go_to(url + (url.find('?') == url.npos ? "?" : "&") + parameter("client_id", options_.client.id) + "&" +
                  parameter("post_logout_redirect_uri", identity_.base_url() + "/sign-in"));
}

asio::awaitable<net::Response> OutsideSignIn::post_logout(api::HttpCall call) {
  const auto done = co_await end(call.http);
  if (!done) {
    log_error("auth.refused", done.error());
    // The specification's status (2.8); when it is we who cannot, the provider should come again.
    const bool ours = code_info(done.error().code()).http_status >= 500;
    co_return net::error_response(done.error(), ours ? 0 : 400);
  }
  auto response = net::text_response(200, "");
  response.headers.set("Cache-Control", "no-store");
  co_return response;
}

asio::awaitable<Status> OutsideSignIn::end(const net::Request& request) {
  const auto type = request.headers.get("Content-Type");
  if (!net::iequals(type.substr(0, type.find_first_of("; ")), "application/x-www-form-urlencoded") ||
      request.body.size() > kMaxLogoutBody)
    co_return bad_request();
  PHX_CO_TRY(const auto form, net::parse_query(request.body));
  const auto compact = net::query_value(form, "logout_token");
  if (!compact) co_return bad_request();
  PHX_CO_TRY(auto parsed, oidc::parse_token(*compact));
  PHX_CO_TRY(const auto claims, oidc::check_logout_token(parsed, provider_.issuer(), options_.client.id, clock_.now()));
  PHX_CO_CHECK(co_await prove(std::move(parsed)));
  const Identity::UsedOnce once{.digest = sha256("logout " + claims.id), .lifetime = 2 * oidc::kLogoutTokenLife};
  co_return co_await identity_.end_outside_sessions(claims.subject, claims.sid, once, request);
}

}  // namespace phx::identity
