#include "engine/low_water.hpp"

#include <gtest/gtest.h>

namespace phx::engine {
namespace {

using namespace std::chrono_literals;

TEST(LowWater, BeginsAtTheVeryStart) {
  LowWater mark(5s, 60s);
  EXPECT_EQ(mark.bound(0s), LowWater::kNone);
}

TEST(LowWater, CountsOnlyAfterTheSlack) {
  LowWater mark(5s, 60s);
  (void)mark.bound(0s);
  mark.note(1s, 100);
  EXPECT_EQ(mark.bound(5s), LowWater::kNone);
  EXPECT_EQ(mark.bound(6s), 100);
}

TEST(LowWater, IsDroppedEachInterval) {
  LowWater mark(5s, 60s);
  (void)mark.bound(0s);
  mark.note(1s, 100);
  EXPECT_EQ(mark.bound(59s), 100);
  EXPECT_EQ(mark.bound(60s), LowWater::kNone);
  EXPECT_EQ(mark.bound(61s), LowWater::kNone) << "what was noted before the reset is forgotten";
}

TEST(LowWater, FallsWhenSomethingLowerIsFound) {
  LowWater mark(5s, 60s);
  (void)mark.bound(0s);
  mark.note(1s, 100);
  EXPECT_EQ(mark.bound(10s), 100);
  mark.note(11s, 40);
  EXPECT_LE(mark.bound(12s), 40);
  EXPECT_LE(mark.bound(30s), 40);
}

TEST(InboxLowWater, WaitsForTransactionsThatMayBringALowerId) {
  InboxLowWater mark(60s);
  EXPECT_EQ(mark.bound(0s), 0);
  mark.note(50, 90, 100);  // transactions up to 99 were open
  EXPECT_EQ(mark.bound(1s), 0);
  mark.note(60, 95, 120);  // 95 is still open and may hold an id below 50
  EXPECT_EQ(mark.bound(2s), 0);
  mark.note(70, 100, 130);  // all of them have ended, and this scan saw what they left
  EXPECT_EQ(mark.bound(3s), 50);
}

TEST(InboxLowWater, IsDroppedEachInterval) {
  InboxLowWater mark(60s);
  (void)mark.bound(0s);
  mark.note(50, 90, 100);
  mark.note(50, 100, 100);
  EXPECT_EQ(mark.bound(59s), 50);
  EXPECT_EQ(mark.bound(60s), 0);
}

TEST(InboxLowWater, AnEmptyScanMovesTheMarkToo) {
  InboxLowWater mark(60s);
  (void)mark.bound(0s);
  mark.note(50, 90, 100);
  mark.note(0, 101, 101);
  EXPECT_EQ(mark.bound(1s), 50);
}

}  // namespace
}  // namespace phx::engine
