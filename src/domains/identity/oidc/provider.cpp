#include "domains/identity/oidc/provider.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

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

asio::awaitable<Result<std::string>> Provider::get(std::string url) {
  net::ClientRequest request;
  request.url = std::move(url);
  request.headers.set("Accept", "application/json");
  request.timeout = options_.fetch_timeout;
  request.max_response_bytes = kMaxAnswer;
  PHX_CO_TRY(auto answer, co_await http_.send(std::move(request)));
  if (answer.status != 200) co_return nonsense("status " + std::to_string(answer.status));
  co_return std::move(answer.body);
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
  Endpoints found{member("authorization_endpoint"), member("token_endpoint"), member("jwks_uri"),
                  member("end_session_endpoint")};
  if (!is_safe_url(found.keys)) co_return nonsense("jwks_uri is missing or not https");
  for (std::string* one : {&found.authorization, &found.token, &found.end_session})
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
