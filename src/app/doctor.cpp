#include "app/doctor.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <iostream>

#include "app/ctl_client.hpp"
#include "app/data_folder.hpp"
#include "base/clock.hpp"
#include "pg/cluster.hpp"
#include "pg/migrate.hpp"

namespace phx::app {
namespace json = boost::json;
namespace {

struct Finding {
  std::string check;
  bool healthy = false;
  Duration latency{0};
  std::string detail;
  std::string next_action;
};

std::string text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// Names each failed dependency of a /health answer.
std::string failed_dependencies(const std::string& body) {
  json::error_code failure;
  const auto parsed = json::parse(body, failure);
  if (failure || !parsed.is_object()) return "unreadable answer";
  std::string out;
  if (const auto* list = parsed.get_object().if_contains("dependencies"); list && list->is_array())
    for (const auto& one : list->get_array())
      if (text(one.as_object(), "status") != "ok")
        out += (out.empty() ? "" : "; ") + text(one.as_object(), "name") + ": " + text(one.as_object(), "detail");
  return out.empty() ? "no detail" : out;
}

asio::awaitable<Finding> check_path(CtlClient& client, std::string name, std::string path, std::string next_action) {
  const SystemClock clock;
  Finding finding{name, false, {}, {}, next_action};
  const Duration start = clock.monotonic();
  const auto answer = co_await client.request("GET", path, "");
  finding.latency = clock.monotonic() - start;
  if (!answer)
    finding.detail = answer.error().message();
  else if (!answer->ok())
    finding.detail = path + " answers " + std::to_string(answer->status) + ": " + failed_dependencies(answer->body);
  else
    finding.healthy = true;
  co_return finding;
}

/// The guests that are not where they should be, named with tenant, since when, why, and what to do.
asio::awaitable<Finding> check_workloads(CtlClient& client) {
  const SystemClock clock;
  Finding finding{"workloads", false, {}, {}, {}};
  const Duration start = clock.monotonic();
  const auto data = co_await client.graphql(
      "{ virtualMachines(first: 100, filter: { state: { in: [LOST, DEGRADED, UNKNOWN] } }) { totalCount nodes { name "
      "state "
      "stateReason stateSince nextAction tenant { name } } } }",
      {}, "");
  finding.latency = clock.monotonic() - start;
  if (!data) {
    finding.detail = "cannot be asked for: " + data.error().message();
    finding.next_action = data.error().next_action();
    co_return finding;
  }
  const auto& list = data->at("virtualMachines").as_object();
  for (const auto& node : list.at("nodes").as_array()) {
    const auto& machine = node.as_object();
    const auto since = parse_instant(text(machine, "stateSince"));
    finding.detail += (finding.detail.empty() ? "" : "\n") + std::string("guest ") + text(machine, "name") +
                      " of tenant " + text(machine.at("tenant").as_object(), "name") + " is " + text(machine, "state") +
                      (since ? " for " + format_duration(clock.now() - *since) : "") + ": " +
                      text(machine, "stateReason");
    if (finding.next_action.empty()) finding.next_action = text(machine, "nextAction");
  }
  finding.healthy = finding.detail.empty();
  if (finding.healthy) finding.next_action.clear();
  co_return finding;
}

/// Straight to the database, past the server: it may be the server that is broken.
Finding check_database(const Settings& settings) {
  const SystemClock clock;
  Finding finding{"database", false, {}, {}, "Start it with phoenix serve; its log is in the data folder."};
  const Duration start = clock.monotonic();
  const Status status = [&]() -> Status {
    PHX_TRY(const std::string conninfo, live_database_owner(settings));
    pg::Migrator migrator(conninfo);
    return migrator.verify();
  }();
  finding.latency = clock.monotonic() - start;
  finding.healthy = status.has_value();
  if (!status) {
    finding.detail = status.error().message();
    if (!status.error().next_action().empty()) finding.next_action = status.error().next_action();
  }
  return finding;
}

/// The local accounts: can a caller be recognised at all? A stranger must get a clear 401 and a good token a viewer.
asio::awaitable<Finding> check_identity(CtlClient& client) {
  const SystemClock clock;
  Finding finding{"identity", false, {}, {}, "Look for identity.* and auth.* in the server's log."};
  const Duration start = clock.monotonic();
  const auto me = co_await client.graphql("{ me { id } }", {}, "");
  finding.latency = clock.monotonic() - start;
  finding.healthy = me.has_value();
  if (!me) finding.detail = "a valid token is not accepted: " + me.error().message();
  co_return finding;
}

asio::awaitable<std::vector<Finding>> check_server(CtlClient& client) {
  std::vector<Finding> findings;
  const Status connected = co_await client.connect();
  if (!connected) {
    for (const char* name : {"workloads", "API", "portal", "identity"})
      findings.push_back({name, false, {}, connected.error().message(), connected.error().next_action()});
    co_return findings;
  }
  findings.push_back(co_await check_workloads(client));
  findings.push_back(
      co_await check_path(client, "API", "/health", "Look at the dependency named, then at the server's log."));
  findings.push_back(
      co_await check_path(client, "portal", "/api/health", "Build the portal (./dev build) and restart the server."));
  findings.push_back(co_await check_identity(client));
  co_return findings;
}

}  // namespace

int run_doctor(const Settings& settings, bool as_json) {
  asio::io_context io(1);
  CtlTarget target;
  target.data = settings.data;
  CtlClient client(io.get_executor(), target);
  std::vector<Finding> findings;
  std::exception_ptr failure;
  const auto work = [&]() -> asio::awaitable<void> { findings = co_await check_server(client); };
  asio::co_spawn(io, work(), [&](std::exception_ptr thrown) {
    failure = thrown;
    io.stop();
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  findings.push_back(check_database(settings));

  bool healthy = true;
  json::array list;
  for (const auto& finding : findings) {
    healthy = healthy && finding.healthy;
    list.push_back(json::object{{"check", finding.check},
                                {"status", finding.healthy ? "ok" : "failed"},
                                {"latencyMs", static_cast<double>(finding.latency.count()) / 1000.0},
                                {"detail", finding.detail},
                                {"nextAction", finding.healthy ? "" : finding.next_action}});
    if (as_json) continue;
    std::cout << (finding.healthy ? "ok      " : "FAILED  ") << finding.check
              << std::string(12 - finding.check.size(), ' ') << static_cast<double>(finding.latency.count()) / 1000.0
              << " ms\n";
    if (finding.healthy) continue;
    std::string_view detail = finding.detail;
    while (!detail.empty()) {
      const auto end = detail.find('\n');
      std::cout << "        " << detail.substr(0, end) << "\n";
      detail = end == detail.npos ? std::string_view() : detail.substr(end + 1);
    }
    if (!finding.next_action.empty()) std::cout << "        next: " << finding.next_action << "\n";
  }
  if (as_json) std::cout << json::serialize(json::object{{"healthy", healthy}, {"checks", std::move(list)}}) << "\n";
  return healthy ? 0 : 1;
}

}  // namespace phx::app
