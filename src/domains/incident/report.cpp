#include "domains/incident/report.hpp"

#include <algorithm>

namespace phx::incident {
namespace {

/// One line of plain text: no line breaks, and nothing at its start or inside that Markdown would read as structure.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == '\t') {
      if (!out.empty() && out.back() != ' ') out += ' ';
      continue;
    }
    if (std::string_view("\\`*_[]<>#|").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string or_unknown(std::string_view text) { return text.empty() ? "Not known yet." : plain(text); }

std::string list(const std::vector<std::string>& items) {
  if (items.empty()) return "not known yet";
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + plain(item);
  return out;
}

}  // namespace

std::string render_report(const ReportFacts& facts, Instant now) {
  const Incident& incident = facts.incident;
  const std::string date = format_instant(incident.started_at).substr(0, 10);
  const Duration lasted = incident.resolved_at.value_or(now) - incident.started_at;
  std::string out = "# Incident Report: " + date + " - " + plain(facts.title) + "\n\n";
  out += facts.reference + " · " + std::string(to_string(incident.severity)) + " · " +
         std::string(title_case(incident.status)) + "\n\n";

  out += "## Summary\n\n";
  std::string sentence = plain(facts.title);
  while (sentence.ends_with('.')) sentence.pop_back();
  out += sentence + ". Severity " + std::string(to_string(incident.severity)) + ", started " +
         format_instant(incident.started_at) + ", ";
  out += incident.resolved_at ? "resolved " + format_instant(*incident.resolved_at) : "not resolved yet";
  out += facts.tenant.empty() ? ". Concerns the platform" : ". Tenant: " + plain(facts.tenant);
  if (!facts.virtual_machine.empty()) out += ". Guest: " + plain(facts.virtual_machine);
  out += ".\n\n";

  out += "## Timeline\n\n";
  // The runbook's five moments first, as far as they have come, then every line.
  const auto moment = [&](const std::optional<Instant>& at, std::string_view what) {
    out += "- " + (at ? format_instant(*at) : std::string("not yet")) + " - " + std::string(what) + "\n";
  };
  moment(incident.declared_at, "Incident detected");
  moment(incident.responded_at, "Investigation started");
  moment(incident.identified_at, "Root cause identified");
  const auto action = std::ranges::find_if(facts.timeline, [](const auto& line) { return line.kind == "action"; });
  moment(action != facts.timeline.end() ? std::optional(action->at) : incident.monitoring_since,
         "Resolution implemented");
  moment(incident.resolved_at, "Service restored");
  out += "\nIn full:\n\n";
  for (const auto& line : facts.timeline)
    out += "- " + format_instant(line.at) + " - " + plain(line.kind) + " - " + plain(line.body) + " (" +
           plain(line.actor) + ")\n";

  out += "\n## Root Cause\n\n" + or_unknown(facts.root_cause) + "\n\n";
  out += "## Impact\n\n";
  if (!facts.impact.empty()) out += plain(facts.impact) + "\n\n";
  // Whom an incident really touched is for people to say; what we know is how many there are.
  out += "- **Users Affected**: not measured" +
         (facts.members < 0 ? std::string()
                            : "; members of the tenant: " + std::to_string(facts.members) + " (upper bound)") +
         "\n";
  out += "- **Duration**: " + format_duration(lasted) + (incident.resolved_at ? "" : " so far") + "\n";
  out += "- **Services Affected**: " + list(facts.affected_services) + "\n\n";

  out += "## Resolution\n\n" + or_unknown(facts.resolution) + "\n\n";
  const auto breach = [&](std::string_view clock, Instant due, const std::optional<Instant>& met) {
    const Instant at = met.value_or(now);
    if (at > due)
      out += "- [ ] Why was the " + std::string(clock) + " target missed by " + format_duration(at - due) + "?\n";
  };
  out += "## Prevention\n\n";
  breach("response", incident.response_due_at, incident.responded_at);
  breach("resolution", incident.resolution_due_at, incident.resolved_at);
  out += "- [ ] Remove the cause, or say why it stays\n- [ ] Detect it earlier\n- [ ] Make the next repair faster\n\n";
  out += "## Follow-up\n\n- [ ] Update monitoring/alerts";
  if (!facts.alerts.empty()) out += " (fired: " + list(facts.alerts) + ")";
  out += "\n- [ ] Update runbooks\n- [ ] Code changes needed\n- [ ] Documentation updates\n";
  return out;
}

}  // namespace phx::incident
