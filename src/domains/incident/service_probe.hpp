#pragma once
/// Watches the platform's own services and says so by the path that every signal takes: one that fails `failures` times
/// in a row is an alert of the platform (tenant null: administrators see it, tenants do not), which opens an incident
/// by the rule and ends when the service is well again.
///
/// What cannot be stored, such as the database's own outage, is kept and stored as soon as it can be, in order and with
/// its true times. A server that starts again takes up what an earlier one left firing for the same instance.
///
/// The probe knows no service: `look` is given by the composition root.

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "domains/incident/alertmanager.hpp"

namespace phx::pg {
class Database;
}

namespace phx::incident {

namespace asio = boost::asio;
class Incidents;

struct ServiceState {
  std::string name;
  bool healthy = false;
  Duration latency{0};
  std::string detail;  ///< for people; empty when healthy
};

struct ServiceProbePolicy {
  Duration every = std::chrono::seconds(10);
  int failures = 3;
};

class ServiceProbe {
 public:
  using Look = std::function<asio::awaitable<std::vector<ServiceState>>()>;

  /// `instance` tells this server from others on the same database, also after a restart.
  ServiceProbe(pg::Database& database, Incidents& incidents, const Clock& clock, std::string instance, Look look,
               ServiceProbePolicy policy = {});

  /// Until cancelled; run it in a TaskScope. `stored` is called after each commit.
  asio::awaitable<void> run(std::function<void()> stored);
  /// One look. True when something was stored.
  asio::awaitable<bool> look();

 private:
  struct Outage {
    Instant started{};
    std::optional<Instant> ended;
    std::string detail;
    bool told = false;  // the firing alert is stored
  };
  struct Service {
    int failures = 0;
    Instant failing_since{};
    std::deque<Outage> outages;  // oldest first; what is stored to its end goes
  };
  void note(const ServiceState& state, Instant now);
  asio::awaitable<Status> load();
  asio::awaitable<Result<bool>> tell(const std::string& name, Service& service);
  IncomingAlert alert_of(const std::string& name, const Outage& outage, bool firing) const;

  pg::Database& database_;
  Incidents& incidents_;
  const Clock& clock_;
  std::string instance_;
  Look look_;
  ServiceProbePolicy policy_;
  bool loaded_ = false;
  std::map<std::string, Service> services_;
};

}  // namespace phx::incident
