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

TEST(LowWater, OneScanInEachIntervalBeginsAtTheStart) {
  LowWater mark(5s, 60s);
  (void)mark.bound(0s);
  mark.note(1s, 100);
  EXPECT_EQ(mark.bound(59s), 100);
  EXPECT_EQ(mark.bound(60s), LowWater::kNone);
  EXPECT_EQ(mark.bound(61s), 100) << "one scan found nothing below it";
  EXPECT_EQ(mark.bound(120s), LowWater::kNone);
  mark.note(120s, 7);
  EXPECT_EQ(mark.bound(121s), 7) << "one scan found something below it";
}

TEST(LowWater, AgesWhileTheSameValueIsNotedAgain) {
  LowWater mark(5s, 60s);
  (void)mark.bound(0s);
  for (int second = 1; second <= 6; ++second) mark.note(std::chrono::seconds(second), 100);
  EXPECT_EQ(mark.bound(6s), 100);
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

TEST(InboxLowWater, OneScanInEachIntervalBeginsAtTheStart) {
  InboxLowWater mark(60s);
  (void)mark.bound(0s);
  mark.note(50, 90, 100);
  mark.note(50, 100, 100);
  EXPECT_EQ(mark.bound(59s), 50);
  EXPECT_EQ(mark.bound(60s), 0);
  EXPECT_EQ(mark.bound(61s), 50);
  mark.note(30, 100, 100);
  EXPECT_EQ(mark.bound(62s), 0) << "a whole batch lay below the mark";
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
