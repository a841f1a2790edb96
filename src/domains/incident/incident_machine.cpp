#include "domains/incident/incident_machine.hpp"

#include <array>

#include "domains/incident/text.hpp"

namespace phx::incident {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 4> kSeverities{"P0", "P1", "P2", "P3"};
constexpr std::array<std::string_view, 4> kStatuses{"INVESTIGATING", "IDENTIFIED", "MONITORING", "RESOLVED"};
constexpr std::array<std::string_view, 4> kTitles{"Investigating", "Identified", "Monitoring", "Resolved"};
constexpr std::array<Targets, 4> kTargets{{{5min, 1h}, {15min, 4h}, {1h, 24h}, {4h, 168h}}};
constexpr std::string_view kSystem = "phoenix";

// May a person move an incident from (row) to (column)? Resolved leads back to Investigating only: a reopened
// incident's cause has to be found again.
constexpr bool kLegal[4][4] = {
    // investigating, identified, monitoring, resolved
    {false, true, true, true},
    {true, false, true, true},
    {true, true, false, true},
    {true, false, false, false},
};

void enter(Incident& incident, IncidentStatus to, Instant now, const IncidentPolicy& policy) {
  incident.status = to;
  incident.monitoring_since.reset();
  incident.monitoring_until.reset();
  incident.resolved_at.reset();
  switch (to) {
    case IncidentStatus::kInvestigating: break;
    case IncidentStatus::kIdentified:
      if (!incident.identified_at) incident.identified_at = now;
      break;
    case IncidentStatus::kMonitoring:
      incident.monitoring_since = now;
      incident.monitoring_until = now + policy.watch;
      break;
    case IncidentStatus::kResolved: incident.resolved_at = now; break;
  }
}

Change moved(Incident incident, IncidentStatus to, std::string why, std::string_view actor, Instant now,
             const IncidentPolicy& policy) {
  Change change;
  std::string body = std::string(title_case(incident.status)) + " → " + std::string(title_case(to));
  if (!why.empty()) body += ": " + why;
  enter(incident, to, now, policy);
  change.incident = std::move(incident);
  change.lines.push_back({"status", std::move(body), std::string(actor)});
  return change;
}

}  // namespace

std::string_view to_string(Severity value) { return kSeverities[static_cast<std::size_t>(value)]; }
std::string_view to_string(IncidentStatus value) { return kStatuses[static_cast<std::size_t>(value)]; }
std::string_view title_case(IncidentStatus value) { return kTitles[static_cast<std::size_t>(value)]; }

std::optional<Severity> severity(std::string_view name) {
  for (std::size_t i = 0; i < kSeverities.size(); ++i)
    if (kSeverities[i] == name) return static_cast<Severity>(i);
  return std::nullopt;
}
std::optional<IncidentStatus> incident_status(std::string_view name) {
  for (std::size_t i = 0; i < kStatuses.size(); ++i)
    if (kStatuses[i] == name) return static_cast<IncidentStatus>(i);
  return std::nullopt;
}

Targets targets(Severity value) { return kTargets[static_cast<std::size_t>(value)]; }

Incident declare(Severity value, Instant started_at, Instant now) {
  Incident incident;
  incident.severity = value;
  incident.started_at = started_at;
  incident.declared_at = now;
  incident.response_due_at = now + targets(value).respond_within;
  incident.resolution_due_at = started_at + targets(value).resolve_within;
  return incident;
}

Change follow_alerts(const Incident& incident, bool has_alerts, int firing, Instant now, const IncidentPolicy& policy) {
  Change same{incident, {}};
  switch (incident.status) {
    case IncidentStatus::kInvestigating:
    case IncidentStatus::kIdentified:
      if (has_alerts && firing == 0)
        return moved(incident, IncidentStatus::kMonitoring, "every alert has ended; watching for a relapse", kSystem,
                     now, policy);
      return same;
    case IncidentStatus::kMonitoring: {
      if (firing > 0) {
        Change change = moved(incident, IncidentStatus::kInvestigating, "an alert fires again", kSystem, now, policy);
        ++change.incident.relapses;
        return change;
      }
      if (incident.monitoring_until && now >= *incident.monitoring_until)
        return moved(incident, IncidentStatus::kResolved, "no relapse during the watch", kSystem, now, policy);
      return same;
    }
    case IncidentStatus::kResolved: return same;
  }
  return same;
}

Change acknowledge(const Incident& incident, const std::string& actor, Instant now) {
  Change change{incident, {}};
  if (incident.responded_at) return change;
  change.incident.responded_at = now;
  if (!change.incident.commander) change.incident.commander = actor;
  std::string body = actor + " took the incident after " + format_duration(now - incident.declared_at);
  if (now > incident.response_due_at) body += ", past the target";
  change.lines.push_back({"response", std::move(body), actor});
  return change;
}

Result<Change> set_status(const Incident& incident, IncidentStatus to, const std::string& note,
                          const std::string& actor, Instant now, const IncidentPolicy& policy) {
  if (to == incident.status) return Change{incident, {}};
  if (!kLegal[static_cast<std::size_t>(incident.status)][static_cast<std::size_t>(to)])
    return Error(Code::kFailedPrecondition, "incident.illegal_transition",
                 "An incident cannot go from " + std::string(title_case(incident.status)) + " to " +
                     std::string(title_case(to)) + ".")
        .with_field("status")
        .with_next_action("Set it to Investigating first.");
  // Whoever moves it has responded.
  Change taken = acknowledge(incident, actor, now);
  const bool reopened = !incident.open();
  Change change = moved(taken.incident, to, note, actor, now, policy);
  if (reopened) ++change.incident.relapses;
  change.lines.insert(change.lines.begin(), taken.lines.begin(), taken.lines.end());
  return change;
}

Result<Change> set_severity(const Incident& incident, Severity to, const std::string& reason, const std::string& actor,
                            Instant now) {
  Change change{incident, {}};
  if (to == incident.severity) return change;
  if (blank(reason))
    return invalid_argument("incident.reason_required", "input.reason", "Say why the severity changes.");
  change.incident.severity = to;
  if (!incident.responded_at) change.incident.response_due_at = now + targets(to).respond_within;
  change.incident.resolution_due_at = incident.started_at + targets(to).resolve_within;
  change.lines.push_back(
      {"severity", std::string(to_string(incident.severity)) + " → " + std::string(to_string(to)) + ": " + reason,
       actor});
  return change;
}

Change raise_severity(const Incident& incident, Severity to, const std::string& why, Instant now) {
  if (!incident.open() || to >= incident.severity) return Change{incident, {}};
  return set_severity(incident, to, why, std::string(kSystem), now).value();
}

Severity severity_of_alert(std::string_view label) {
  if (const auto direct = severity(label)) return *direct;
  if (label == "critical" || label == "page" || label == "error") return Severity::kP1;
  if (label == "info" || label == "none") return Severity::kP3;
  return Severity::kP2;
}

std::string channel_name(std::string_view title, Instant declared_at) {
  std::string name = "incident-" + format_instant(declared_at).substr(0, 10) + "-";
  const std::size_t prefix = name.size();
  for (const char c : title) {
    if (name.size() >= 80) break;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      name += c;
    else if (c >= 'A' && c <= 'Z')
      name += static_cast<char>(c - 'A' + 'a');
    else if (name.back() != '-')
      name += '-';
  }
  while (name.size() > prefix && name.back() == '-') name.pop_back();
  if (name.size() == prefix) name += "unnamed";
  return name;
}

}  // namespace phx::incident
