#include "engine/events.hpp"

#include <gtest/gtest.h>

namespace phx::engine {
namespace {

TEST(EventCursor, IsResumableOnlyWithinWhatIsRetained) {
  const EventLogState state{"now", 100, 40};
  EXPECT_TRUE(resumable({"now", 100}, state));
  EXPECT_TRUE(resumable({"now", 40}, state));
  EXPECT_FALSE(resumable({"now", 39}, state)) << "below retention";
  EXPECT_FALSE(resumable({"now", 101}, state)) << "above the head";
  EXPECT_FALSE(resumable({"old", 50}, state)) << "another epoch";
}

TEST(EventFilter, TheTenantIsAWall) {
  const auto a = *Uuid::parse("00000000-0000-7000-8000-00000000000a");
  const auto b = *Uuid::parse("00000000-0000-7000-8000-00000000000b");
  const Event of_a{"VirtualMachine", a, a};
  const Event of_platform{"Site", b, {}};
  EXPECT_TRUE((EventFilter{a, {}}.matches(of_a)));
  EXPECT_FALSE((EventFilter{b, {}}.matches(of_a)));
  EXPECT_FALSE((EventFilter{a, {}}.matches(of_platform))) << "the platform's events are not a tenant's";
  EXPECT_TRUE((EventFilter{{}, {}}.matches(of_a)));
  EXPECT_TRUE((EventFilter{{}, {}}.matches(of_platform)));
  EXPECT_TRUE((EventFilter{a, {"VirtualMachine", "Operation"}}.matches(of_a)));
  EXPECT_FALSE((EventFilter{a, {"Operation"}}.matches(of_a)));
}

TEST(ChangeKind, NamesRoundTrip) {
  for (const auto kind : {ChangeKind::kCreated, ChangeKind::kUpdated, ChangeKind::kDeleted})
    EXPECT_EQ(*parse_change_kind(change_kind_name(kind)), kind);
  EXPECT_FALSE(parse_change_kind("RESYNC"));
}

}  // namespace
}  // namespace phx::engine
