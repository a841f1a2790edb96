#pragma once
/// The one chain every request passes, readable top to bottom in middleware.cpp:
///
///     accept → request id, security headers → origin and CSRF rule → authenticate → rate limit → route → log
///
/// Routes come from modules (GraphQL, auth, webhooks, health, static files) as method + pattern + handler; metrics come
/// from the server's observer (HttpMetrics below), which sees refused requests as well.
///
/// Guarantees: every answer carries X-Request-Id and the security headers of the portal's policy; a state-changing
/// request that is authenticated by cookie needs JSON and the header X-Phoenix-Csrf: 1; a foreign Origin never reaches
/// a handler of a state-changing request or of a WebSocket; a handler that throws is logged and answered with 500.
/// Errors: "http.not_found", "http.method_not_allowed", "auth.required", "auth.csrf", "auth.origin", and what the
/// authenticator says; "rate.limited" (kRateLimited).

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "api/context.hpp"
#include "base/metrics.hpp"
#include "base/uuid.hpp"
#include "net/http.hpp"
#include "net/server.hpp"

namespace phx::api {

/// What a route wants of the caller.
enum class Auth : std::uint8_t {
  kNone,      ///< nobody is looked up: health, static files, webhooks with a secret of their own
  kOptional,  ///< anonymous and wrong proofs are let through; see HttpCall::auth_error
  kRequired,  ///< 401 without a valid proof
};

/// What a rate limiter said of one request, for the answer's headers.
struct RateDecision {
  bool admitted = true;
  std::string policy;  ///< "user", "address"
  std::int64_t quota = 0;
  Duration window{0};
  std::int64_t remaining = 0;
  Duration retry_after{0};  ///< when refused
  Duration reset{0};        ///< until all is there again
};

/// A request that passed the chain.
struct HttpCall {
  net::Request http;  ///< http.id is the request id
  Principal principal;
  /// With Auth::kOptional: why the proof that came along was not accepted.
  std::optional<Error> auth_error;
  /// What the rate limiter said, if it was asked.
  std::optional<RateDecision> rate;
  /// By the names in the pattern: "/webhooks/:source" gives {"source", "alertmanager"}.
  std::map<std::string, std::string, std::less<>> params;
};

using RouteHandler = std::function<asio::awaitable<net::Response>(HttpCall call)>;
using UpgradeHandler = std::function<asio::awaitable<net::UpgradeDecision>(HttpCall call)>;

/// Method + pattern → handler. A segment ":name" matches one path segment; exact segments win over named ones.
class Router {
 public:
  /// Throws std::logic_error when the route exists already.
  void add(std::string method, std::string pattern, Auth auth, RouteHandler handler);
  /// A WebSocket. The Origin rule holds as for state-changing requests.
  void upgrade(std::string pattern, Auth auth, UpgradeHandler handler);
  /// What answers GET and HEAD of paths without a route: the portal. `route` is its metric label.
  void fallback(std::string route, RouteHandler handler);

  struct Route {
    std::string method;  ///< "UPGRADE" for WebSockets
    std::string pattern;
    Auth auth = Auth::kNone;
    RouteHandler handler;
    UpgradeHandler upgrade;
    std::vector<std::string> segments;
  };
  struct Match {
    const Route* route = nullptr;
    std::map<std::string, std::string, std::less<>> params;
    /// Methods of the routes that match the path, when none matches the method.
    std::vector<std::string> allowed;
  };
  /// HEAD is served by the GET route.
  Match match(std::string_view method, std::string_view path) const;

 private:
  std::vector<Route> routes_;
  std::optional<Route> fallback_;
};

/// Decides before work is done: rate_limit.hpp. One request counts one.
class RateLimiter {
 public:
  virtual ~RateLimiter() = default;
  /// Nothing: this caller is not limited.
  virtual std::optional<RateDecision> admit(const net::Request& request, const Principal& principal) = 0;
};

/// Feeds http_request_duration_seconds{route,method,status} and the gauges of open connections.
class HttpMetrics final : public net::ServerObserver {
 public:
  explicit HttpMetrics(Metrics& metrics) : metrics_(metrics) {}
  void request_finished(const net::RequestRecord& record) override;
  void connections_changed(std::size_t open, std::size_t websockets) override;

 private:
  Metrics& metrics_;
  /// By route, method and status: looking a metric up by its labels' text costs more than counting.
  std::map<std::tuple<std::string, std::string, int>, Histogram*, std::less<>> known_;
};

class Middleware {
 public:
  struct Config {
    /// Served behind https: HSTS is sent and cookies are Secure.
    bool https = false;
    /// Origins besides our own Host that may call with cookies ("https://portal.example.org").
    std::vector<std::string> allowed_origins;
  };

  Middleware(Config config, const Router& router, Authenticator& authenticator, UuidSource& ids, const Clock& clock,
             RateLimiter* limiter = nullptr);

  /// For HttpServer::Config.
  asio::awaitable<net::Response> handle(net::Request request);
  asio::awaitable<net::UpgradeDecision> on_upgrade(net::Request request);

 private:
  /// Everything before the handler: fills the call, or says why not.
  asio::awaitable<Status> admit(const Router::Route& route, HttpCall& call) const;
  /// kRateLimited with a retry_after when the caller must wait.
  Status check_rate(const Router::Route& route, HttpCall& call) const;
  Status check_origin(const net::Request& request) const;
  net::Response finish(net::Response response, const std::string& request_id) const;
  /// What the log says of a request: its handler takes the request itself.
  struct Seen {
    std::string id;
    std::string method;
    std::string path;
    std::string peer;
    bool own;  ///< this process asks itself: the probe of own services
  };
  static Seen seen(const net::Request& request, std::string method);
  void log(const Seen& seen, const net::Response& response, Duration since);

  Config config_;
  const Router& router_;
  Authenticator& authenticator_;
  UuidSource& ids_;
  const Clock& clock_;
  RateLimiter* limiter_;
  /// What went well is logged up to a rate; beyond it requests are counted only.
  struct Logged {
    std::int64_t second = 0;
    int lines = 0;
    std::int64_t left_out = 0;
  };
  Logged logged_;
};

}  // namespace phx::api
