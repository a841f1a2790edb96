#include "domains/incident/report.hpp"

#include <gtest/gtest.h>

namespace phx::incident {
namespace {

using namespace std::chrono_literals;
const Instant kStart{std::chrono::seconds(1'800'000'000)};

ReportFacts facts() {
  ReportFacts f;
  f.reference = "INC-7";
  f.title = "Guest web-1 is down";
  f.incident = declare(Severity::kP0, kStart, kStart);
  f.timeline = {{kStart, "declared", "Declared by rule", "phoenix"}};
  return f;
}

TEST(Report, HasEverySectionOfTheRunbookInOrder) {
  const std::string text = render_report(facts(), kStart + 10min);
  std::size_t at = 0;
  for (const std::string_view section : {"# Incident Report: 2027-01-15 - Guest web-1 is down",
                                         "## Summary",
                                         "## Timeline",
                                         "Incident detected",
                                         "Investigation started",
                                         "Root cause identified",
                                         "Resolution implemented",
                                         "Service restored",
                                         "## Root Cause",
                                         "## Impact",
                                         "**Users Affected**",
                                         "**Duration**",
                                         "**Services Affected**",
                                         "## Resolution",
                                         "## Prevention",
                                         "- [ ] ",
                                         "## Follow-up",
                                         "Update monitoring/alerts",
                                         "Update runbooks",
                                         "Code changes needed",
                                         "Documentation updates"}) {
    const auto found = text.find(section, at);
    ASSERT_NE(found, std::string::npos) << section << " in\n" << text;
    at = found;
  }
}

TEST(Report, SaysWhatIsNotKnownAndWhatWasMissed) {
  const std::string text = render_report(facts(), kStart + 10min);
  EXPECT_NE(text.find("Not known yet."), std::string::npos);
  EXPECT_NE(text.find("**Users Affected**: not measured\n"), std::string::npos);
  EXPECT_NE(text.find("response target missed by 5m 00s"), std::string::npos);
  EXPECT_EQ(text.find("resolution target missed"), std::string::npos);
}

TEST(Report, DoesNotPassMembersOffAsAffectedUsers) {
  auto f = facts();
  f.members = 12;
  const std::string text = render_report(f, kStart + 10min);
  EXPECT_NE(text.find("**Users Affected**: not measured; members of the tenant: 12 (upper bound)\n"), text.npos);
}

TEST(Report, TextCannotForgeStructure) {
  auto f = facts();
  f.impact = "none\n## Resolution\nAll fine [click](javascript:alert(1)) <script>";
  const std::string text = render_report(f, kStart);
  EXPECT_EQ(text.find("\n## Resolution\nAll"), std::string::npos);
  EXPECT_EQ(text.find("<script>"), text.npos);
  EXPECT_EQ(text.find("[click]("), text.npos);
}

}  // namespace
}  // namespace phx::incident
