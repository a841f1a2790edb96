#include "app/health.hpp"

#include <boost/json.hpp>

#include "app/core_api.hpp"
#include "app/disk.hpp"

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
    report.dependencies.push_back(std::move(one));
  }
  if (blocking_) report.dependencies.push_back(co_await check_disk());
  for (const auto& one : report.dependencies) {
    report.healthy = report.healthy && one.healthy;
    metrics_.gauge("sankofa_dependency_up_bool", "Whether a dependency answers", {{"dependency", one.name}})
        .set(one.healthy);
  }
  co_return report;
}

void Health::watch_disk(BlockingPool& blocking, std::filesystem::path folder) {
  blocking_ = &blocking;
  folder_ = std::move(folder);
}

asio::awaitable<DependencyReport> Health::check_disk() {
  DependencyReport out;
  out.name = "disk";
  const Duration start = clock_.monotonic();
  const auto asked = co_await blocking_->run([folder = folder_] { return disk_space(folder); });
  out.latency = clock_.monotonic() - start;
  if (!asked || !*asked) {
    out.detail = asked ? asked->error().message() : asked.error().message();
    co_return out;
  }
  const DiskSpace& space = **asked;
  metrics_.gauge("sankofa_data_free_bytes", "Free on the file system of the data folder", {})
      .set(static_cast<double>(space.free_bytes));
  const DiskLevel level = judge(space);
  out.healthy = level != DiskLevel::kFull;
  out.detail = (level == DiskLevel::kOk ? "" : level == DiskLevel::kLow ? "low: " : "full: ") + describe(space);
  co_return out;
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
  if (report.healthy) co_return answer(true, {{"status", "ready"}});
  json::array failed;
  for (const auto& one : report.dependencies)
    if (!one.healthy) failed.emplace_back(one.name);
  co_return answer(false, {{"status", "a dependency fails"}, {"failed", std::move(failed)}});
}

asio::awaitable<net::Response> Health::portal(api::HttpCall) {
  HealthReport report = co_await check();
  report.dependencies.push_back(
      {"portal files", portal_, Duration(0), portal_ ? "" : "No portal was built or configured."});
  report.healthy = report.healthy && portal_;
  co_return answer(report.healthy, to_json(report, clock_.now()));
}

asio::awaitable<net::Response> Health::metrics(api::HttpCall) {
  if (blocking_) static_cast<void>(co_await check_disk());  // so that the gauge is of now
  co_return net::text_response(200, metrics_.render(), "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace phx::app
