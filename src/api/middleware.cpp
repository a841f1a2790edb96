#include "api/middleware.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "base/log.hpp"

namespace phx::api {
namespace {

constexpr std::string_view kUpgrade = "UPGRADE";
/// A log line costs more than a read of a row; thousands a second help nobody. Failures and slow requests are always
/// written.
constexpr int kLoggedPerSecond = 50;
constexpr double kSlowMs = 1000;

/// The portal's policy: nothing inline, nothing from elsewhere, Trusted Types.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> out;
  std::size_t from = 1;
  for (;;) {
    const std::size_t to = path.find('/', from);
    if (to == std::string_view::npos) break;
    out.emplace_back(path.substr(from, to - from));
    from = to + 1;
  }
  if (from <= path.size()) out.emplace_back(path.substr(from));
  return out;
}

using Params = std::map<std::string, std::string, std::less<>>;

/// Exact segments before named ones: the number of exact segments, or -1 when the path does not match. What stands for
/// the named ones is put into `params`, if there are any.
int match_segments(const std::vector<std::string>& pattern, std::string_view path, Params* params = nullptr) {
  int exact = 0;
  std::size_t from = 1;
  for (const std::string& segment : pattern) {
    if (from > path.size()) return -1;
    const std::size_t to = std::min(path.find('/', from), path.size());
    const std::string_view part = path.substr(from, to - from);
    from = to + 1;
    if (segment.starts_with(':')) {
      if (part.empty()) return -1;
      if (params) params->insert_or_assign(segment.substr(1), std::string(part));
    } else if (segment == part) {
      ++exact;
    } else {
      return -1;
    }
  }
  return from > path.size() ? exact : -1;
}

bool state_changing(std::string_view method) { return method != "GET" && method != "HEAD" && method != "OPTIONS"; }

bool is_json(std::string_view content_type) {
  const std::string_view media = content_type.substr(0, content_type.find(';'));
  const auto last = media.find_last_not_of(" \t");
  return last != std::string_view::npos && net::iequals(media.substr(0, last + 1), "application/json");
}

/// draft-ietf-httpapi-ratelimit-headers: the policy, and where this caller stands in it.
void add_rate_headers(net::Response& response, const RateDecision& rate) {
  const auto seconds = [](Duration span) { return std::chrono::ceil<std::chrono::seconds>(span).count(); };
  response.headers.set("RateLimit-Policy",
                       fmt::format("\"{}\";q={};w={}", rate.policy, rate.quota, seconds(rate.window)));
  response.headers.set("RateLimit", fmt::format("\"{}\";r={};t={}", rate.policy, rate.remaining,
                                                seconds(rate.admitted ? rate.reset : rate.retry_after)));
}

}  // namespace

void Router::add(std::string method, std::string pattern, Auth auth, RouteHandler handler) {
  for (const Route& route : routes_)
    if (route.method == method && route.pattern == pattern)
      throw std::logic_error("two routes for " + method + " " + pattern);
  auto segments = split(pattern);
  routes_.push_back({std::move(method), std::move(pattern), auth, std::move(handler), {}, std::move(segments)});
}

void Router::upgrade(std::string pattern, Auth auth, UpgradeHandler handler) {
  for (const Route& route : routes_)
    if (route.method == kUpgrade && route.pattern == pattern) throw std::logic_error("two WebSockets at " + pattern);
  auto segments = split(pattern);
  routes_.push_back({std::string(kUpgrade), std::move(pattern), auth, {}, std::move(handler), std::move(segments)});
}

void Router::fallback(std::string route, RouteHandler handler) {
  fallback_ = Route{"GET", std::move(route), Auth::kNone, std::move(handler), {}, {}};
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  if (method == "HEAD") method = "GET";
  Match best;
  int best_exact = -1;
  for (const Route& route : routes_) {
    if (route.method != method) continue;
    const int exact = match_segments(route.segments, path);
    if (exact <= best_exact) continue;
    best_exact = exact;
    best.route = &route;
  }
  if (best.route) {
    match_segments(best.route->segments, path, &best.params);
    return best;
  }
  for (const Route& route : routes_)
    if (route.method != kUpgrade && match_segments(route.segments, path) >= 0) best.allowed.push_back(route.method);
  if (fallback_ && method == "GET" && best.allowed.empty()) best.route = &*fallback_;
  return best;
}

void HttpMetrics::request_finished(const net::RequestRecord& record) {
  auto found = known_.find(std::tie(record.route, record.method, record.status));
  if (found == known_.end()) {
    std::string route(record.route);
    std::string method(record.method);
    Histogram& seconds = metrics_.latency(
        "http_request_duration_seconds", "Time from the complete header to the last byte of the answer",
        {{"route", route}, {"method", method}, {"status", std::to_string(record.status)}});
    found = known_.emplace(std::tuple(std::move(route), std::move(method), record.status), &seconds).first;
  }
  found->second->observe(record.seconds);
}

void HttpMetrics::connections_changed(std::size_t open, std::size_t websockets) {
  metrics_.gauge("sankofa_http_connections", "Open connections").set(static_cast<double>(open));
  metrics_.gauge("sankofa_http_websockets", "Open WebSockets").set(static_cast<double>(websockets));
}

Middleware::Middleware(Config config, const Router& router, Authenticator& authenticator, UuidSource& ids,
                       const Clock& clock, RateLimiter* limiter)
    : config_(std::move(config)),
      router_(router),
      authenticator_(authenticator),
      ids_(ids),
      clock_(clock),
      limiter_(limiter) {}

// The chain, from top to bottom.

asio::awaitable<net::Response> Middleware::handle(net::Request request) {
  const Duration since = clock_.monotonic();
  // 1. Identity of the request: ours alone, so that nobody writes into our logs.
  request.id = ids_.next().to_string();
  const std::string id = request.id;
  const Seen seen = Middleware::seen(request, request.method);

  // 2. Where it goes.
  Router::Match match = router_.match(request.method, request.path);
  net::Response response;
  if (!match.route) {
    if (match.allowed.empty()) {
      response = net::error_response(not_found("http.not_found", "There is nothing at this address."));
    } else {
      response = net::error_response(
          Error(Code::kInvalidArgument, "http.method_not_allowed", "The address does not answer this method."), 405);
      response.headers.set("Allow", fmt::format("{}", fmt::join(match.allowed, ", ")));
    }
  } else {
    // 3. Origin and CSRF, who calls, rate limit.
    HttpCall call{.http = std::move(request), .params = std::move(match.params)};
    Status admitted = co_await admit(*match.route, call);
    const std::optional<RateDecision> rate = call.rate;
    // 4. The handler.
    if (!admitted) {
      response = net::error_response(admitted.error());
    } else {
      std::optional<std::string> thrown;
      try {
        response = co_await match.route->handler(std::move(call));
      } catch (const boost::system::system_error&) {
        throw;  // cancellation: the client left, or the server stops
      } catch (const std::exception& bug) { thrown = bug.what(); }
      if (thrown) {
        const Error error = internal_error("http.handler", *thrown);
        log_error("http.handler_threw", error, {{"request", id}, {"route", match.route->pattern}});
        response = net::error_response(error);
      }
    }
    response.route = match.route->pattern;
    if (rate) add_rate_headers(response, *rate);
  }
  // 5. What every answer carries, and the log.
  response = finish(std::move(response), id);
  log(seen, response, since);
  co_return response;
}

asio::awaitable<net::UpgradeDecision> Middleware::on_upgrade(net::Request request) {
  const Duration since = clock_.monotonic();
  request.id = ids_.next().to_string();
  const std::string id = request.id;
  const Seen seen = Middleware::seen(request, std::string(kUpgrade));
  const auto refuse = [&](net::Response response) {
    response = finish(std::move(response), id);
    log(seen, response, since);
    return net::UpgradeDecision(std::move(response));
  };
  Router::Match match = router_.match(kUpgrade, request.path);
  if (!match.route || match.route->method != kUpgrade)
    co_return refuse(net::error_response(not_found("http.not_found", "There is no WebSocket at this address.")));
  HttpCall call{.http = std::move(request), .params = std::move(match.params)};
  Status admitted = co_await admit(*match.route, call);
  if (!admitted) co_return refuse(net::error_response(admitted.error()));
  net::UpgradeDecision decision = co_await match.route->upgrade(std::move(call));
  if (auto* response = std::get_if<net::Response>(&decision)) co_return refuse(std::move(*response));
  std::get<net::WebSocketSession>(decision).route = match.route->pattern;
  co_return decision;
}

asio::awaitable<Status> Middleware::admit(const Router::Route& route, HttpCall& call) const {
  const bool changing = route.method == kUpgrade || state_changing(call.http.method);
  if (changing) PHX_CO_CHECK(check_origin(call.http));
  if (route.auth != Auth::kNone) {
    auto principal = co_await authenticator_.authenticate(call.http);
    if (principal) {
      call.principal = std::move(*principal);
    } else if (route.auth == Auth::kRequired || principal.error().code() != Code::kUnauthenticated) {
      co_return principal.error();
    } else {
      call.auth_error = std::move(principal.error());
    }
    if (route.auth == Auth::kRequired && !call.principal.authenticated())
      co_return Error(Code::kUnauthenticated, "auth.required", "Sign in first, or send a token.");
    // A WebSocket cannot carry the header; the Origin rule, which browsers cannot evade, guards it alone.
    if (call.principal.by_cookie && state_changing(call.http.method) &&
        !(is_json(call.http.headers.get("Content-Type")) && call.http.headers.get("X-Phoenix-Csrf") == "1"))
      co_return permission_denied("auth.csrf",
                                  "A request with the session cookie needs Content-Type: application/json and the "
                                  "header X-Phoenix-Csrf: 1.");
    // GET changes nothing, but another site shall not make a browser ask either: not for its load, not for its timing.
    const std::string_view site = call.http.headers.get("Sec-Fetch-Site");
    if (call.principal.by_cookie && (site == "cross-site" || site == "same-site"))
      co_return permission_denied("auth.csrf", "The session cookie works on the server's own pages only.");
  }
  co_return check_rate(route, call);
}

Status Middleware::check_rate(const Router::Route& route, HttpCall& call) const {
  // The portal's files, health and metrics cost little and must answer when somebody is limited.
  if (!limiter_ || (route.auth == Auth::kNone && !state_changing(call.http.method))) return {};
  call.rate = limiter_->admit(call.http, call.principal);
  if (!call.rate || call.rate->admitted) return {};
  return Error(Code::kRateLimited, "rate.limited", "There were too many requests. Wait before the next one.")
      .with_retry_after(std::chrono::ceil<std::chrono::milliseconds>(call.rate->retry_after));
}

Status Middleware::check_origin(const net::Request& request) const {
  const auto origin = request.headers.find("Origin");
  if (!origin) return {};  // not a browser, or a browser's own same-origin navigation
  const std::string_view host = request.headers.get("Host");
  for (std::string_view scheme : {"https://", "http://"})
    if (origin->starts_with(scheme) && net::iequals(origin->substr(scheme.size()), host)) return {};
  if (std::ranges::find(config_.allowed_origins, *origin) != config_.allowed_origins.end()) return {};
  return permission_denied("auth.origin", "This origin may not call the API.");
}

net::Response Middleware::finish(net::Response response, const std::string& request_id) const {
  response.headers.set("X-Request-Id", request_id);
  if (!response.headers.contains("Content-Security-Policy"))  // a page may have a policy of its own
    response.headers.set("Content-Security-Policy", kContentSecurityPolicy);
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "no-referrer");
  response.headers.set("Cross-Origin-Opener-Policy", "same-origin");
  if (config_.https) response.headers.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  return response;
}

Middleware::Seen Middleware::seen(const net::Request& request, std::string method) {
  // The kernel's word: nobody else can leave the log by saying that he is the probe.
  const bool own = request.peer.local && request.peer.pid == ::getpid();
  return {request.id, std::move(method), request.path, request.peer.address, own};
}

void Middleware::log(const Seen& seen, const net::Response& response, Duration since) {
  const Duration now = clock_.monotonic();
  const double ms = static_cast<double>((now - since).count()) / 1000.0;
  const bool failed = response.status >= 500;
  if (const auto second = std::chrono::duration_cast<std::chrono::seconds>(now).count(); second != logged_.second) {
    if (logged_.left_out > 0) log_event(LogLevel::kInfo, "http.requests_left_out", {{"count", logged_.left_out}});
    logged_ = {.second = second};
  }
  if (!failed && !seen.own && ms < kSlowMs && ++logged_.lines > kLoggedPerSecond) {
    ++logged_.left_out;
    return;
  }
  // What the probe asks every few seconds is news only when it fails.
  const LogLevel level = failed ? LogLevel::kWarn : seen.own ? LogLevel::kDebug : LogLevel::kInfo;
  log_event(level, "http.request",
            {{"request", seen.id},
             {"method", seen.method},
             {"path", seen.path},
             {"route", response.route},
             {"status", response.status},
             {"ms", ms},
             {"peer", seen.peer}});
}

}  // namespace phx::api
