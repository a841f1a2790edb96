#include "domains/incident/incident_machine.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace phx::incident {
namespace {

using namespace std::chrono_literals;
const Instant kRaiseStart{std::chrono::seconds(1'800'000'000)};
const Instant kStart{std::chrono::seconds(1'800'000'000)};
const IncidentPolicy kPolicy{2min};

TEST(IncidentClocks, AreTheRunbooks) {
  const Incident p0 = declare(Severity::kP0, kStart - 10min, kStart);
  EXPECT_EQ(p0.response_due_at, kStart + 5min) << "nobody can respond before it is declared";
  EXPECT_EQ(p0.resolution_due_at, kStart - 10min + 1h) << "the fault counts from its start";
  EXPECT_EQ(targets(Severity::kP1).respond_within, 15min);
  EXPECT_EQ(targets(Severity::kP2).resolve_within, 24h);
  EXPECT_EQ(targets(Severity::kP3).respond_within, 4h);
  EXPECT_EQ(targets(Severity::kP3).resolve_within, std::chrono::days(7));
}

TEST(IncidentClocks, ARaiseCountsTheResponseAnewAndTheResolutionFromTheStart) {
  const Incident p2 = declare(Severity::kP2, kStart, kStart);
  const auto raised = set_severity(p2, Severity::kP0, "every tenant is hit", "ada", kStart + 50min);
  ASSERT_TRUE(raised);
  EXPECT_EQ(raised->incident.response_due_at, kStart + 55min);
  EXPECT_EQ(raised->incident.resolution_due_at, kStart + 1h);
  EXPECT_EQ(set_severity(p2, Severity::kP1, "", "ada", kStart).error().reason(), "incident.reason_required");
}

TEST(IncidentFlow, AlertsLeadThroughMonitoringToResolved) {
  Incident i = declare(Severity::kP2, kStart, kStart);
  EXPECT_FALSE(follow_alerts(i, true, 1, kStart, kPolicy).changed());
  i = follow_alerts(i, true, 0, kStart + 5min, kPolicy).incident;
  EXPECT_EQ(i.status, IncidentStatus::kMonitoring);
  EXPECT_EQ(i.monitoring_until, kStart + 7min);
  EXPECT_FALSE(follow_alerts(i, true, 0, kStart + 6min, kPolicy).changed());
  i = follow_alerts(i, true, 0, kStart + 7min, kPolicy).incident;
  EXPECT_EQ(i.status, IncidentStatus::kResolved);
  EXPECT_EQ(i.resolved_at, kStart + 7min);
}

TEST(IncidentFlow, ARelapseReopens) {
  Incident i = declare(Severity::kP2, kStart, kStart);
  i = follow_alerts(i, true, 0, kStart + 1min, kPolicy).incident;
  const auto change = follow_alerts(i, true, 1, kStart + 2min, kPolicy);
  EXPECT_EQ(change.incident.status, IncidentStatus::kInvestigating);
  EXPECT_EQ(change.incident.relapses, 1);
  EXPECT_FALSE(change.incident.monitoring_until.has_value());
  EXPECT_EQ(change.lines.size(), 1u);
}

TEST(IncidentFlow, AManualIncidentWithoutAlertsDoesNotMoveByItself) {
  const Incident i = declare(Severity::kP1, kStart, kStart);
  EXPECT_FALSE(follow_alerts(i, false, 0, kStart + 100h, kPolicy).changed());
}

TEST(IncidentFlow, TakingItTwiceChangesNothing) {
  Incident i = declare(Severity::kP0, kStart, kStart);
  i = acknowledge(i, "ada", kStart + 3min).incident;
  EXPECT_EQ(i.commander, "ada");
  EXPECT_EQ(i.responded_at, kStart + 3min);
  EXPECT_FALSE(acknowledge(i, "grace", kStart + 4min).changed());
}

TEST(IncidentFlow, APastTargetIsSaid) {
  const auto change = acknowledge(declare(Severity::kP0, kStart, kStart), "ada", kStart + 6min);
  EXPECT_NE(change.lines.at(0).body.find("past the target"), std::string::npos);
}

TEST(IncidentFlow, ResolvedLeadsBackToInvestigatingOnly) {
  Incident i = declare(Severity::kP1, kStart, kStart);
  i = set_status(i, IncidentStatus::kResolved, "", "ada", kStart + 1h, kPolicy)->incident;
  EXPECT_TRUE(i.responded_at.has_value()) << "whoever resolves it has responded";
  EXPECT_EQ(set_status(i, IncidentStatus::kMonitoring, "", "ada", kStart, kPolicy).error().reason(),
            "incident.illegal_transition");
  const auto reopened = set_status(i, IncidentStatus::kInvestigating, "it is back", "ada", kStart + 2h, kPolicy);
  ASSERT_TRUE(reopened);
  EXPECT_FALSE(reopened->incident.resolved_at.has_value());
  EXPECT_EQ(reopened->incident.relapses, 1);
}

// Whatever comes in whatever order: the clocks and marks agree with the status.
TEST(IncidentFlow, InvariantsHoldUnderRandomHistories) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SeededRandom random(seed);
    Instant now = kStart;
    Incident i = declare(static_cast<Severity>(random.below(4)), now, now);
    for (int step = 0; step < 60; ++step) {
      now += std::chrono::seconds(random.below(200));
      switch (random.below(4)) {
        case 0: i = follow_alerts(i, true, static_cast<int>(random.below(3)), now, kPolicy).incident; break;
        case 1: i = acknowledge(i, "ada", now).incident; break;
        case 2:
          if (auto c = set_status(i, static_cast<IncidentStatus>(random.below(4)), "", "ada", now, kPolicy))
            i = c->incident;
          break;
        default:
          if (auto c = set_severity(i, static_cast<Severity>(random.below(4)), "because", "ada", now)) i = c->incident;
      }
      ASSERT_EQ(i.resolved_at.has_value(), i.status == IncidentStatus::kResolved) << "seed " << seed;
      ASSERT_EQ(i.monitoring_until.has_value(), i.status == IncidentStatus::kMonitoring) << "seed " << seed;
      ASSERT_EQ(i.resolution_due_at, i.started_at + targets(i.severity).resolve_within) << "seed " << seed;
      ASSERT_EQ(i.responded_at.has_value(), i.commander.has_value()) << "seed " << seed;
    }
  }
}

TEST(IncidentChannel, IsDatedCutAndPlain) {
  EXPECT_EQ(channel_name("Database DOWN!", kStart), "incident-2027-01-15-database-down");
  EXPECT_EQ(channel_name("Ошибка", kStart), "incident-2027-01-15-unnamed");
  EXPECT_LE(channel_name(std::string(300, 'x'), kStart).size(), 80u);
}

TEST(IncidentSeverity, FollowsTheAlertsLabel) {
  EXPECT_EQ(severity_of_alert("P0"), Severity::kP0);
  EXPECT_EQ(severity_of_alert("critical"), Severity::kP1);
  EXPECT_EQ(severity_of_alert("warning"), Severity::kP2);
  EXPECT_EQ(severity_of_alert("info"), Severity::kP3);
  EXPECT_EQ(severity_of_alert(""), Severity::kP2);
}

TEST(IncidentMachine, AGraverAlertRaisesItAndALesserOneNeverLowersIt) {
  const Incident mild = declare(Severity::kP3, kRaiseStart, kRaiseStart);
  const Change raised = raise_severity(mild, Severity::kP0, "alert Meltdown", kRaiseStart + 10min);
  ASSERT_TRUE(raised.changed());
  EXPECT_EQ(raised.incident.severity, Severity::kP0);
  EXPECT_EQ(raised.incident.response_due_at, kRaiseStart + 15min) << "answered from the change on";
  EXPECT_EQ(raised.incident.resolution_due_at, kRaiseStart + 1h) << "resolved from the start on";
  ASSERT_EQ(raised.lines.size(), 1u);
  EXPECT_EQ(raised.lines[0].body, "P3 → P0: alert Meltdown");
  EXPECT_EQ(raised.lines[0].actor, "phoenix");
  EXPECT_FALSE(raise_severity(raised.incident, Severity::kP2, "alert Drizzle", kRaiseStart + 20min).changed());
  EXPECT_FALSE(raise_severity(raised.incident, Severity::kP0, "alert Again", kRaiseStart + 20min).changed());
}

}  // namespace
}  // namespace phx::incident
