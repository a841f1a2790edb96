#include "app/health.hpp"

#include <boost/json.hpp>

#include "app/core_api.hpp"

namespace phx::app {
namespace json = boost::json;
namespace {

json::object to_json(const HealthReport& report, Instant now) {
  json::array dependencies;
  for (const auto& one : report.dependencies) {
    json::object item{{"name", one.name},
                      {"status", one.healthy ? "ok" : "failed"},
                      {"latencyMs", static_cast<double>(one.latency.count()) / 1000.0}};
    if (!one.detail.empty()) item["detail"] = one.detail;
    dependencies.push_back(std::move(item));
  }
  return {{"status", report.healthy ? "ok" : "degraded"},
          {"timestamp", format_instant(now)},
          {"version", version()},
          {"dependencies", std::move(dependencies)}};
}

net::Response answer(bool healthy, const json::object& body) {
  auto response = net::json_response(healthy ? 200 : 503, json::serialize(body));
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace

void Health::add(std::string name, Check check) { checks_.emplace_back(std::move(name), std::move(check)); }

asio::awaitable<HealthReport> Health::check() {
  HealthReport report;
  for (const auto& [name, check] : checks_) {
    DependencyReport one;
    one.name = name;
    const Duration start = clock_.monotonic();
    const Status status = co_await check();
    one.latency = clock_.monotonic() - start;
    one.healthy = status.has_value();
    if (!status) one.detail = status.error().message();
    report.healthy = report.healthy && one.healthy;
    metrics_.gauge("sankofa_dependency_up_bool", "Whether a dependency answers", {{"dependency", name}})
        .set(one.healthy);
    report.dependencies.push_back(std::move(one));
  }
  co_return report;
}

void Health::register_with(api::Router& router) {
  router.add("GET", "/health", api::Auth::kNone, [this](api::HttpCall call) { return health(std::move(call)); });
  router.add("GET", "/ready", api::Auth::kNone, [this](api::HttpCall call) { return ready(std::move(call)); });
  router.add("GET", "/api/health", api::Auth::kNone, [this](api::HttpCall call) { return portal(std::move(call)); });
  router.add("GET", "/metrics", api::Auth::kNone, [this](api::HttpCall call) { return metrics(std::move(call)); });
}

asio::awaitable<net::Response> Health::health(api::HttpCall) {
  const HealthReport report = co_await check();
  co_return answer(report.healthy, to_json(report, clock_.now()));
}

asio::awaitable<net::Response> Health::ready(api::HttpCall) {
  if (!ready_) co_return answer(false, {{"status", "starting or draining"}});
  const HealthReport report = co_await check();
  co_return answer(report.healthy, {{"status", report.healthy ? "ready" : "a dependency fails"}});
}

asio::awaitable<net::Response> Health::portal(api::HttpCall) {
  HealthReport report = co_await check();
  report.dependencies.push_back(
      {"portal files", portal_, Duration(0), portal_ ? "" : "No portal was built or configured."});
  report.healthy = report.healthy && portal_;
  co_return answer(report.healthy, to_json(report, clock_.now()));
}

asio::awaitable<net::Response> Health::metrics(api::HttpCall) {
  co_return net::text_response(200, metrics_.render(), "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace phx::app
