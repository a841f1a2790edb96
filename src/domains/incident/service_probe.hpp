#pragma once
/// Watches the platform's own services and says so by the path that every signal takes: one that is found unwell
/// `Trouble::looks` times in a row is an alert of the platform (tenant null: administrators see it, tenants do not),
/// which opens an incident by the rule and ends when the service is well again. What is over before that many looks is
/// no outage.
///
/// What cannot be stored, such as the database's own outage, is kept and stored as soon as it can be, in order and with
/// its true times. A server that starts again takes up what an earlier one left firing for the same instance.
///
/// The probe knows no service: `look` is given by the composition root. Of each it tells the whole alert, so besides
/// services that are down it serves whatever is there and should not be.

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

/// The alert of a service that does not answer.
inline constexpr std::string_view kServiceDown = "ServiceDown";

/// What is said of a service that is unwell.
struct Trouble {
  std::string alert = std::string(kServiceDown);
  std::string severity = "P1";
  int looks = 3;  ///< in a row: fewer may be a hiccup
  std::string next_action = "phoenix doctor";
};

struct ServiceState {
  std::string name;
  std::optional<bool> healthy;  ///< empty: it cannot be told now, and stays as it was
  std::string detail;           ///< for people; what an alert other than kServiceDown says
  Trouble trouble{};
};

class ServiceProbe {
 public:
  using Look = std::function<asio::awaitable<std::vector<ServiceState>>()>;

  /// `instance` tells this server from others on the same database, also after a restart.
  ServiceProbe(pg::Database& database, Incidents& incidents, const Clock& clock, std::string instance, Look look,
               Duration every = std::chrono::seconds(10));

  /// Until cancelled; run it in a TaskScope. `stored` is called after each commit.
  asio::awaitable<void> run(std::function<void()> stored);
  /// One look. True when something was stored.
  asio::awaitable<bool> look();

 private:
  struct Outage {
    IncomingAlert alert;  // ends_at: it is over
    bool told = false;    // the firing alert is stored
  };
  struct Service {
    int failures = 0;
    bool unclear = false;
    Instant failing_since{};
    std::deque<Outage> outages;  // oldest first; what is stored to its end goes
  };
  void note(const ServiceState& state, Instant now);
  asio::awaitable<Status> load();
  asio::awaitable<Result<bool>> tell(Service& service);
  IncomingAlert alert_of(const ServiceState& state, Instant started) const;

  pg::Database& database_;
  Incidents& incidents_;
  const Clock& clock_;
  std::string instance_;
  Look look_;
  Duration every_;
  bool loaded_ = false;
  std::map<std::string, Service> services_;
};

}  // namespace phx::incident
