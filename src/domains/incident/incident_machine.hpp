#pragma once
/// An incident as a pure state machine: facts in, facts and timeline lines out. No I/O, no clock.
///
/// Severities, targets and statuses are the runbook's. Monitoring watches: when every alert of the incident has ended,
/// it goes to Monitoring by itself, resolves when the watch ends quietly, and is reopened by a relapse. A person may
/// set any status that the table of transitions allows.
///
/// Clocks: the response clock runs from the declaration until somebody takes the incident; the resolution clock from
/// its start until it is resolved. A change of severity counts the response anew from the change (nobody could answer
/// a P0 before it was one) and the resolution from the start.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace phx::incident {

enum class Severity : std::uint8_t { kP0, kP1, kP2, kP3 };
enum class IncidentStatus : std::uint8_t { kInvestigating, kIdentified, kMonitoring, kResolved };

std::string_view to_string(Severity severity);
std::string_view to_string(IncidentStatus status);
std::optional<Severity> severity(std::string_view name);
std::optional<IncidentStatus> incident_status(std::string_view name);
/// "Investigating": as the runbook's template writes it.
std::string_view title_case(IncidentStatus status);

struct Targets {
  Duration respond_within;
  Duration resolve_within;
};
Targets targets(Severity severity);

struct Incident {
  Severity severity = Severity::kP2;
  IncidentStatus status = IncidentStatus::kInvestigating;
  std::optional<std::string> commander;
  Instant started_at{};
  Instant declared_at{};
  Instant response_due_at{};
  std::optional<Instant> responded_at;
  Instant resolution_due_at{};
  std::optional<Instant> identified_at;
  std::optional<Instant> monitoring_since;
  std::optional<Instant> monitoring_until;
  std::optional<Instant> resolved_at;
  int relapses = 0;

  bool open() const { return status != IncidentStatus::kResolved; }
};

/// A line of the timeline.
struct Line {
  std::string_view kind;  ///< "status", "severity", "response", …
  std::string body;
  std::string actor;
};

struct Change {
  Incident incident;
  std::vector<Line> lines;
  bool changed() const { return !lines.empty(); }
};

/// A new incident with its clocks set.
Incident declare(Severity severity, Instant started_at, Instant now);

/// How long Monitoring watches before it resolves.
struct IncidentPolicy {
  Duration watch = std::chrono::minutes(2);
};

/// The incident's alerts as they are now: called whenever one of them changed and when the watch ends.
/// `has_alerts` is false for an incident that was declared by hand and has none: that one never moves by itself
/// except from Monitoring to Resolved.
Change follow_alerts(const Incident& incident, bool has_alerts, int firing, Instant now, const IncidentPolicy& policy);

/// Somebody takes it. Taking it twice changes nothing.
Change acknowledge(const Incident& incident, const std::string& actor, Instant now);

/// A person sets the status. Errors: kFailedPrecondition "incident.illegal_transition".
Result<Change> set_status(const Incident& incident, IncidentStatus to, const std::string& note,
                          const std::string& actor, Instant now, const IncidentPolicy& policy);

/// A person overrides the severity. Errors: kInvalidArgument "incident.reason_required".
Result<Change> set_severity(const Incident& incident, Severity to, const std::string& reason, const std::string& actor,
                            Instant now);

/// A graver alert joined. Severity never falls by itself: that is for people to say.
Change raise_severity(const Incident& incident, Severity to, const std::string& why, Instant now);

/// The severity of an alert by the rule table: the label `severity` (P0…P3, critical, page, error, warning, info), else
/// P2.
Severity severity_of_alert(std::string_view severity_label);

/// "incident-2026-01-31-database-down": UTC date, at most 80 characters of lower-case letters, digits and hyphens.
std::string channel_name(std::string_view title, Instant declared_at);

}  // namespace phx::incident
