#include "domains/incident/service_probe.hpp"

#include "base/log.hpp"
#include "base/task_scope.hpp"
#include "domains/incident/incident.hpp"
#include "domains/incident/sql.gen.hpp"
#include "domains/incident/text.hpp"
#include "pg/database.hpp"

namespace phx::incident {
namespace {

// A service that flaps while nothing can be stored: the newest outages are kept.
constexpr std::size_t kOutagesMax = 32;

}  // namespace

ServiceProbe::ServiceProbe(pg::Database& database, Incidents& incidents, const Clock& clock, std::string instance,
                           Look look, ServiceProbePolicy policy)
    : database_(database),
      incidents_(incidents),
      clock_(clock),
      instance_(std::move(instance)),
      look_(std::move(look)),
      policy_(policy) {}

asio::awaitable<void> ServiceProbe::run(std::function<void()> stored) {
  for (;;) {
    if (co_await look()) stored();
    co_await sleep_for(policy_.every);
  }
}

asio::awaitable<bool> ServiceProbe::look() {
  const Instant started = clock_.now();
  for (const auto& state : co_await look_()) note(state, started);
  if (!loaded_) {
    if (const auto loaded = co_await load(); !loaded) co_return false;
  }
  bool stored = false;
  for (auto& [name, service] : services_) {
    const auto told = co_await tell(name, service);
    if (told)
      stored = stored || *told;
    else
      log_error("service_probe.not_stored_yet", told.error());
  }
  co_return stored;
}

void ServiceProbe::note(const ServiceState& state, Instant now) {
  Service& service = services_[state.name];
  const bool down = !service.outages.empty() && !service.outages.back().ended;
  if (state.healthy) {
    service.failures = 0;
    if (down) service.outages.back().ended = now;
    return;
  }
  if (service.failures++ == 0) service.failing_since = now;
  if (down || service.failures < policy_.failures) return;
  log_event(LogLevel::kError, "service_probe.down", {{"service", state.name}, {"detail", state.detail}});
  service.outages.push_back({service.failing_since, {}, cleaned(state.detail, Lines::kOne), false});
  if (service.outages.size() > kOutagesMax) service.outages.pop_front();
}

asio::awaitable<Status> ServiceProbe::load() {
  PHX_CO_TRY(const pg::Rows rows, co_await database_.read(pg::Scope::platform(), sql::incident::service_alerts_open, {},
                                                          Deadline::after(std::chrono::seconds(5))));
  for (const auto row : rows) {
    if (row.get<std::optional<std::string>>("instance") != instance_) continue;
    Service& service = services_[row.get<std::string>("service")];
    const Instant started = row.get<Instant>("starts_at");
    // Down then and down now is one outage; well now is its end.
    if (!service.outages.empty() && !service.outages.front().ended) {
      service.outages.front().started = started;
      service.outages.front().told = true;
    } else {
      const bool failing = service.failures > 0;
      service.outages.push_front({started, failing ? std::nullopt : std::optional(clock_.now()), "", true});
    }
  }
  loaded_ = true;
  co_return Status();
}

asio::awaitable<Result<bool>> ServiceProbe::tell(const std::string& name, Service& service) {
  bool stored = false;
  while (!service.outages.empty()) {
    Outage& outage = service.outages.front();
    const auto say = [&](bool firing) {
      std::vector<IncomingAlert> one;
      one.push_back(alert_of(name, outage, firing));
      return incidents_.take_alerts(std::nullopt, std::move(one));
    };
    if (!outage.told) {
      PHX_CO_CHECK(co_await say(true));
      outage.told = stored = true;
    }
    if (!outage.ended) break;
    PHX_CO_CHECK(co_await say(false));
    stored = true;
    service.outages.pop_front();
  }
  co_return stored;
}

IncomingAlert ServiceProbe::alert_of(const std::string& name, const Outage& outage, bool firing) const {
  IncomingAlert alert;
  alert.source = "probe";
  alert.labels = {{"alertname", "ServiceDown"}, {"severity", "P1"}, {"service", name}, {"instance", instance_}};
  alert.annotations = {{"summary", "Service " + name + " does not answer" +
                                       (outage.detail.empty() ? std::string() : ": " + outage.detail)},
                       {"next", "phoenix doctor"}};
  alert.fingerprint = fingerprint_of(alert.labels);
  alert.firing = firing;
  alert.starts_at = outage.started;
  if (!firing) alert.ends_at = outage.ended;
  return alert;
}

}  // namespace phx::incident
