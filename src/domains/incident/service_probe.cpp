#include "domains/incident/service_probe.hpp"

#include <boost/json.hpp>

#include "base/log.hpp"
#include "base/task_scope.hpp"
#include "domains/incident/incident.hpp"
#include "domains/incident/sql.gen.hpp"
#include "domains/incident/text.hpp"
#include "pg/database.hpp"

namespace phx::incident {
namespace json = boost::json;
namespace {

// A service that flaps while nothing can be stored: the newest outages are kept.
constexpr std::size_t kOutagesMax = 32;

constexpr std::string_view kSource = "probe";

}  // namespace

ServiceProbe::ServiceProbe(pg::Database& database, Incidents& incidents, const Clock& clock, std::string instance,
                           Look look, Duration every)
    : database_(database),
      incidents_(incidents),
      clock_(clock),
      instance_(std::move(instance)),
      look_(std::move(look)),
      every_(every) {}

asio::awaitable<void> ServiceProbe::run(std::function<void()> stored) {
  for (;;) {
    if (co_await look()) stored();
    co_await sleep_for(every_);
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
    const auto told = co_await tell(service);
    if (told) {
      stored = stored || *told;
      continue;
    }
    log_error("service_probe.not_stored_yet", told.error(), {{"service", name}});
    // A database that does not answer makes each of them wait: the next look would come late, and with it the end.
    if (told.error().code() == Code::kUnavailable || told.error().code() == Code::kDeadlineExceeded) break;
  }
  co_return stored;
}

void ServiceProbe::note(const ServiceState& state, Instant now) {
  Service& service = services_[state.name];
  service.unclear = !state.healthy;
  if (!state.healthy) {
    service.failures = 0;  // what comes now is not in a row with what came before
    return;
  }
  const bool down = !service.outages.empty() && !service.outages.back().alert.ends_at;
  if (*state.healthy) {
    service.failures = 0;
    if (!down) return;
    log_event(LogLevel::kInfo, "service_probe.well", {{"service", state.name}});
    service.outages.back().alert.ends_at = now;
    return;
  }
  if (service.failures++ == 0) service.failing_since = now;
  if (down || service.failures < state.trouble.looks) return;
  log_event(LogLevel::kError, "service_probe.unwell",
            {{"service", state.name}, {"alert", state.trouble.alert}, {"detail", state.detail}});
  service.outages.push_back({alert_of(state, service.failing_since), false});
  if (service.outages.size() > kOutagesMax) service.outages.pop_front();
}

asio::awaitable<Status> ServiceProbe::load() {
  PHX_CO_TRY(const pg::Rows rows,
             co_await database_.read(pg::Scope::platform(), sql::incident::service_alerts_open,
                                     pg::Params::of(instance_), Deadline::after(std::chrono::seconds(5))));
  for (const auto row : rows) {
    IncomingAlert alert;
    alert.source = kSource;
    alert.fingerprint = row.get<std::string>("fingerprint");
    alert.labels = json::parse(row.get<std::string>("labels")).as_object();
    alert.annotations = json::parse(row.get<std::string>("annotations")).as_object();
    alert.starts_at = row.get<Instant>("starts_at");
    Service& service = services_[alert.label("service")];
    // Down then and down now is one outage; well now, or watched no more, is its end.
    if (!service.outages.empty() && !service.outages.front().alert.ends_at) {
      service.outages.front() = {std::move(alert), true};
      continue;
    }
    if (service.failures == 0 && !service.unclear) alert.ends_at = clock_.now();
    service.outages.push_front({std::move(alert), true});
  }
  loaded_ = true;
  co_return Status();
}

asio::awaitable<Result<bool>> ServiceProbe::tell(Service& service) {
  bool stored = false;
  while (!service.outages.empty()) {
    Outage& outage = service.outages.front();
    const auto say = [&](bool firing) {
      std::vector<IncomingAlert> one{outage.alert};
      one.front().firing = firing;
      if (firing) one.front().ends_at.reset();
      return incidents_.take_alerts(std::nullopt, std::move(one));
    };
    if (!outage.told) {
      PHX_CO_CHECK(co_await say(true));
      outage.told = stored = true;
    }
    if (!outage.alert.ends_at) break;
    PHX_CO_CHECK(co_await say(false));
    stored = true;
    service.outages.pop_front();
  }
  co_return stored;
}

IncomingAlert ServiceProbe::alert_of(const ServiceState& state, Instant started) const {
  const std::string detail = plain_text(state.detail, Lines::kOne);
  std::string summary = detail;
  if (state.trouble.alert == kServiceDown)
    summary = "Service " + state.name + " does not answer" + (detail.empty() ? "" : ": " + detail);
  IncomingAlert alert;
  alert.source = kSource;
  alert.labels = {{"alertname", state.trouble.alert},
                  {"severity", state.trouble.severity},
                  {"service", state.name},
                  {"instance", instance_}};
  alert.annotations = {{"summary", summary}, {"next", state.trouble.next_action}};
  alert.fingerprint = fingerprint_of(alert.labels);
  alert.starts_at = started;
  return alert;
}

}  // namespace phx::incident
