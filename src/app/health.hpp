#pragma once
/// What the server depends on, with latency, for people, load balancers and the triage of `phoenix doctor`:
/// GET /health (503 when a dependency fails), /ready (503 until requests can be served, while draining, and while a
/// dependency fails, a full disk among them),
/// /api/health (the portal: its files and the API behind it), /metrics (Prometheus text format 0.0.4).

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "api/middleware.hpp"
#include "base/blocking_pool.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "base/task_scope.hpp"

namespace phx::app {

struct DependencyReport {
  std::string name;
  bool healthy = false;
  Duration latency{0};
  std::string detail;  ///< for people; empty when healthy and there is nothing to say
};

struct HealthReport {
  bool healthy = true;
  std::vector<DependencyReport> dependencies;
};

class Health {
 public:
  Health(const Clock& clock, Metrics& metrics) : clock_(clock), metrics_(metrics) {}

  using Check = std::function<asio::awaitable<Status>()>;
  /// Before requests are served. Each check bounds its own time.
  void add(std::string name, Check check);
  /// Makes the room on this folder's file system a dependency "disk" and a gauge. It is asked on the pool.
  void watch_disk(BlockingPool& blocking, std::filesystem::path folder);
  asio::awaitable<HealthReport> check();

  void register_with(api::Router& router);
  void set_ready(bool ready) { ready_ = ready; }
  void set_portal(bool present) { portal_ = present; }

 private:
  asio::awaitable<DependencyReport> check_disk();
  asio::awaitable<net::Response> health(api::HttpCall call);
  asio::awaitable<net::Response> ready(api::HttpCall call);
  asio::awaitable<net::Response> portal(api::HttpCall call);
  asio::awaitable<net::Response> metrics(api::HttpCall call);

  const Clock& clock_;
  Metrics& metrics_;
  std::vector<std::pair<std::string, Check>> checks_;
  BlockingPool* blocking_ = nullptr;
  std::filesystem::path folder_;
  bool ready_ = false;
  bool portal_ = false;
};

}  // namespace phx::app
