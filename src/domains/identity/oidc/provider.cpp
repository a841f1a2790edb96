#include "domains/identity/oidc/provider.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "base/crypto.hpp"
#include "base/log.hpp"
#include "domains/identity/oidc/json_strict.hpp"
#include "net/url.hpp"

namespace phx::identity::oidc {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxAnswer = 256 * 1024;
constexpr auto kRetryPause = 1s;

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

/// https, or http to this machine.
bool is_safe_url(std::string_view text) {
  const auto url = net::parse_url(text);
  return url && (url->scheme == "https" || (url->scheme == "http" && is_loopback(url->host)));
}

bool says_yes(const boost::json::object& document, std::string_view name) {
  const auto* value = document.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

/// RFC 7617's form of base64.
std::string basic_credentials(std::string_view user, std::string_view password) {
  auto out = base64url_encode(std::string(user) + ":" + std::string(password));
  std::ranges::replace(out, '-', '+');
  std::ranges::replace(out, '_', '/');
  out.append((4 - out.size() % 4) % 4, '=');
  return "Basic " + out;
}

/// HTTP Basic is what a provider takes that says nothing (OpenID Connect Discovery 1.0, section 3).
bool takes_basic(const boost::json::object& document) {
  const auto* methods = document.if_contains("token_endpoint_auth_methods_supported");
  if (methods == nullptr || !methods->is_array()) return true;
  return std::ranges::find(methods->get_array(), boost::json::value("client_secret_basic")) !=
         methods->get_array().end();
}

Error nonsense(std::string what) {
  return Error(Code::kUnavailable, "oidc.nonsense", "The identity provider answers what cannot be used.")
      .with_internal(std::move(what));
}

}  // namespace

Status check_issuer(std::string_view issuer) {
  if (is_safe_url(issuer) && issuer.find_first_of("?#") == issuer.npos) return {};
  return invalid_argument("oidc.issuer", "oidc-issuer",
                          "The issuer must be an https address, or an http address of this machine, without query.");
}

Provider::Provider(asio::any_io_executor executor, net::HttpClient& http, const Clock& clock, Options options)
    : http_(http), clock_(clock), options_(std::move(options)), fetched_(std::move(executor)) {}

bool Provider::stale() const {
  return !fetched_at_ || clock_.monotonic() - *fetched_at_ >= Duration(options_.keys_ttl);
}

asio::awaitable<Result<Endpoints>> Provider::endpoints() {
  if (!endpoints_) co_await refresh();
  if (!endpoints_) co_return Error(Code::kUnavailable, "oidc.unreachable", "The identity provider cannot be reached.");
  co_return *endpoints_;
}

asio::awaitable<Result<Key>> Provider::key_for(const ParsedToken& token) {
  if (stale()) co_await refresh();
  if (!fetched_at_)
    co_return Error(Code::kUnavailable, "oidc.unreachable", "The identity provider cannot be reached.")
        .with_retry_after(kRetryPause);
  if (const Key* key = find_key(keys_, token)) co_return *key;
  const Duration now = clock_.monotonic();
  const bool may_ask = !asked_for_unknown_at_ || now - *asked_for_unknown_at_ >= Duration(options_.unknown_key_pause);
  if (may_ask && !fetching_) {
    asked_for_unknown_at_ = now;
    tried_at_.reset();
  }
  // What is being fetched for somebody else may hold this key too.
  if (may_ask || fetching_) {
    co_await refresh();
    if (const Key* key = find_key(keys_, token)) co_return *key;
  }
  co_return Error(Code::kUnauthenticated, "token.unknown_key", "The token is signed with a key that is not known here.")
      .with_next_action("Sign in again.");
}

asio::awaitable<void> Provider::refresh() {
  if (fetching_) {
    // The one who fetches cancels this timer; everybody then looks for themselves.
    boost::system::error_code woken;
    co_await fetched_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
    co_return;
  }
  if (tried_at_ && clock_.monotonic() - *tried_at_ < Duration(kRetryPause)) co_return;
  tried_at_ = clock_.monotonic();
  fetching_ = true;
  // Now, while nobody waits: setting it wakes whoever does.
  fetched_.expires_at(asio::steady_timer::time_point::max());
  // Also when this request is cancelled: others may be waiting.
  struct Done {
    Provider& provider;
    ~Done() {
      provider.fetching_ = false;
      provider.fetched_.cancel();
    }
  } done{*this};
  Status status;
  if (!endpoints_) status = co_await discover();
  if (status) status = co_await fetch_keys();
  if (!status) log_error("oidc.fetch_failed", status.error(), {{"issuer", options_.issuer}});
}

asio::awaitable<Result<std::optional<boost::json::object>>> Provider::userinfo(std::string access_token) {
  PHX_CO_TRY(const auto where, co_await endpoints());
  if (where.userinfo.empty() || access_token.empty()) co_return std::optional<boost::json::object>();
  PHX_CO_TRY(const auto text, co_await get(where.userinfo, "Bearer " + access_token));
  auto document = parse_strict_object(text);
  if (!document) co_return nonsense("userinfo is no JSON object");
  co_return std::move(document);
}

asio::awaitable<Result<std::string>> Provider::get(std::string url, std::string authorization) {
  net::ClientRequest request;
  request.url = std::move(url);
  request.headers.set("Accept", "application/json");
  if (!authorization.empty()) request.headers.set("Authorization", authorization);
  request.timeout = options_.fetch_timeout;
  request.max_response_bytes = kMaxAnswer;
  PHX_CO_TRY(auto answer, co_await http_.send(std::move(request)));
  if (answer.status != 200) co_return nonsense("status " + std::to_string(answer.status));
  co_return std::move(answer.body);
}

asio::awaitable<Result<Tokens>> Provider::redeem(Client client, std::string code, std::string verifier,
                                                 std::string redirect_uri) {
  PHX_CO_TRY(const auto where, co_await endpoints());
  net::ClientRequest request;
  request.method = "POST";
  request.url = where.token;
  request.headers.set("Accept", "application/json");
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  request.timeout = options_.fetch_timeout;
  request.max_response_bytes = kMaxAnswer;
  request.body = "grant_type=authorization_code&code=" + net::percent_encode(code) +
                 "&redirect_uri=" + net::percent_encode(redirect_uri) +
                 "&code_verifier=" + net::percent_encode(verifier);
  const auto id = net::percent_encode(client.id);
  const auto secret = net::percent_encode(client.secret);
  if (client.secret.empty() || !where.basic) request.body += "&client_id=" + id;
  if (!client.secret.empty() && !where.basic) request.body += "&client_secret=" + secret;
  // Both parts are encoded before they are joined (RFC 6749 2.3.1).
  if (!client.secret.empty() && where.basic) request.headers.set("Authorization", basic_credentials(id, secret));
  PHX_CO_TRY(const auto answer, co_await http_.send(std::move(request)));
  const auto document = parse_strict_object(answer.body);
  if (answer.status >= 400 && answer.status < 500) {
    const auto why = document ? text_member(*document, "error").value_or("") : "";
    log_event(LogLevel::kWarn, "oidc.code_refused",
              {{"issuer", options_.issuer}, {"status", answer.status}, {"error", why.substr(0, 64)}});
    co_return Error(Code::kUnauthenticated, "oidc.code", "The identity provider did not confirm this sign-in.")
        .with_next_action("Sign in again.");
  }
  if (answer.status != 200 || !document) co_return nonsense("token endpoint: status " + std::to_string(answer.status));
  Tokens out{.id_token = std::string(text_member(*document, "id_token").value_or("")),
             .access_token = std::string(text_member(*document, "access_token").value_or(""))};
  if (out.id_token.empty()) co_return nonsense("the token endpoint gives no ID token");
  co_return out;
}

asio::awaitable<Status> Provider::discover() {
  std::string base = options_.issuer;
  if (base.ends_with('/')) base.pop_back();
  PHX_CO_TRY(const auto text, co_await get(base + "/.well-known/openid-configuration"));
  const auto document = parse_strict_object(text);
  if (!document) co_return nonsense("the discovery document is no JSON object");
  if (text_member(*document, "issuer") != std::string_view(options_.issuer))
    co_return nonsense("the discovery document is of another issuer");
  const auto member = [&](std::string_view name) { return std::string(text_member(*document, name).value_or("")); };
  Endpoints found{.authorization = member("authorization_endpoint"),
                  .token = member("token_endpoint"),
                  .keys = member("jwks_uri"),
                  .end_session = member("end_session_endpoint"),
                  .userinfo = member("userinfo_endpoint"),
                  .basic = takes_basic(*document),
                  .names_itself = says_yes(*document, "authorization_response_iss_parameter_supported")};
  if (!is_safe_url(found.keys)) co_return nonsense("jwks_uri is missing or not https");
  for (std::string* one : {&found.authorization, &found.token, &found.end_session, &found.userinfo})
    if (!one->empty() && !is_safe_url(*one)) co_return nonsense("an endpoint is not https");
  endpoints_ = std::move(found);
  co_return Status();
}

asio::awaitable<Status> Provider::fetch_keys() {
  PHX_CO_TRY(const auto text, co_await get(endpoints_->keys));
  auto keys = parse_keys(text);
  if (!keys || keys->empty()) co_return nonsense("no key of the set can be used");
  keys_ = std::move(*keys);
  fetched_at_ = clock_.monotonic();
  co_return Status();
}

}  // namespace phx::identity::oidc
