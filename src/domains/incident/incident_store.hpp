#pragma once
// An incident as its row holds it. Private to the domain's .cpp files.

#include "domains/incident/incident.hpp"

namespace phx::incident {

struct Incidents::Stored {
  Uuid id;
  std::optional<Uuid> tenant;
  std::string reference;
  std::string title;
  std::vector<std::string> affected_services;
  std::string impact;
  std::string root_cause;
  std::string resolution;
  std::optional<Uuid> machine;
  std::string machine_name;
  Incident incident;

  static Stored from(pg::RowView row);
};

/// What is to be stored, and the lines that say why.
struct Incidents::Altered {
  Stored stored;
  std::vector<Line> lines;
};

/// The gravest of the alerts that joined an incident just now.
struct Incidents::Joined {
  Severity severity;
  std::string name;
};

struct Incidents::Declaration {
  std::string title;
  Severity severity = Severity::kP2;
  std::vector<std::string> affected_services;
  std::string impact;
  std::optional<Uuid> machine;
  std::string machine_name;
  std::string_view origin;
  std::optional<std::string> correlation_key;
  std::string declared_by;
  Instant started_at{};
};

}  // namespace phx::incident
