#pragma once
/// The incident's report in the runbook's format, as Markdown. Pure. What is not known yet is said to be unknown, never
/// made up; text written by people is escaped so that it cannot forge the report's structure.

#include <string>
#include <vector>

#include "domains/incident/incident_machine.hpp"

namespace phx::incident {

struct ReportLine {
  Instant at;
  std::string kind;
  std::string body;
  std::string actor;
};

struct ReportFacts {
  std::string reference;
  std::string title;
  Incident incident;
  std::vector<std::string> affected_services;
  std::string impact;
  std::string root_cause;
  std::string resolution;
  std::string tenant;           ///< empty: the platform
  std::string virtual_machine;  ///< empty: none
  std::vector<std::string> alerts;
  /// Members of the tenant, an upper bound of the users affected; -1 unknown.
  int members = -1;
  std::vector<ReportLine> timeline;
};

std::string render_report(const ReportFacts& facts, Instant now);

}  // namespace phx::incident
