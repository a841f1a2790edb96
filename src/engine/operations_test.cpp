#include "engine/operations.hpp"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <set>
#include <string>

#include "base/random.hpp"
#include "engine/backoff.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;
using S = OperationState;

constexpr Instant kT0{std::chrono::seconds(1'900'000'000)};

Operation in(S state) {
  Operation o;
  o.state = state;
  o.step = "Making the disk";
  o.time_allowed = 10min;
  o.created_at = kT0;
  o.deadline_at = kT0 + 10min;
  o.version = 7;
  if (is_finished(state)) o.finished_at = kT0;
  if (state == S::kWaiting) o.retry_at = kT0 + 10s;
  if (state == S::kFailed) o.reason = "no", o.next_action = "retry";
  return o;
}

struct Case {
  const char* name;
  OperationEvent event;
  // The state each state goes to, in the order of the enum; nullopt: refused.
  std::array<std::optional<S>, 6> to;
};

TEST(OperationStep, EveryEventInEveryState) {
  const std::optional<S> no;
  const Case cases[] = {
      {"started", OperationStarted{}, {S::kRunning, S::kRunning, S::kRunning, no, no, no}},
      {"progressed", OperationProgressed{10, "x"}, {no, S::kRunning, no, no, no, no}},
      {"waiting", OperationWaiting{kT0 + 5s, "r", "n"}, {no, S::kWaiting, S::kWaiting, no, no, no}},
      {"succeeded", OperationSucceeded{}, {S::kSucceeded, S::kSucceeded, S::kSucceeded, S::kSucceeded, no, no}},
      {"failed", OperationFailed{"r", "n"}, {S::kFailed, S::kFailed, S::kFailed, no, S::kFailed, no}},
      {"cancel requested", OperationCancelRequested{}, {S::kPending, S::kRunning, S::kWaiting, no, no, no}},
      {"cancelled", OperationCancelled{"r"}, {S::kCancelled, S::kCancelled, S::kCancelled, no, no, S::kCancelled}},
      {"retry", OperationRetryRequested{}, {no, no, S::kPending, no, S::kPending, no}},
      {"deadline, too early",
       OperationDeadlinePassed{},
       {S::kPending, S::kRunning, S::kWaiting, S::kSucceeded, S::kFailed, S::kCancelled}},
  };
  for (const auto& c : cases)
    for (std::size_t i = 0; i < 6; ++i) {
      const auto before = in(static_cast<S>(i));
      const auto next = step(before, c.event, kT0 + 1s);
      const auto where = std::string(c.name) + " in " + std::string(operation_state_name(before.state));
      ASSERT_EQ(next.has_value(), c.to[i].has_value()) << where;
      if (!next) continue;
      EXPECT_EQ(next->state, *c.to[i]) << where;
      EXPECT_EQ(is_finished(next->state), next->finished_at.has_value()) << where;
      EXPECT_EQ(next->state == S::kWaiting, next->retry_at.has_value()) << where;
      if (next->state == S::kFailed) EXPECT_TRUE(next->reason && next->next_action) << where;
    }
}

TEST(OperationStep, TheDeadlineEndsEveryLiveState) {
  for (const auto state : {S::kPending, S::kRunning, S::kWaiting}) {
    auto next = step(in(state), OperationDeadlinePassed{}, kT0 + 10min);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->state, S::kFailed);
    EXPECT_EQ(*next->reason, "It did not finish within 10m 00s.");
    EXPECT_FALSE(next->next_action->empty());
  }
}

TEST(OperationStep, NothingBeginsOrWaitsPastTheDeadlineButSuccessCounts) {
  EXPECT_EQ(step(in(S::kPending), OperationStarted{}, kT0 + 10min)->state, S::kFailed);
  auto waited = step(in(S::kRunning), OperationWaiting{kT0 + 20min, "The host is full.", "n"}, kT0 + 11min);
  EXPECT_EQ(waited->state, S::kFailed);
  EXPECT_NE(waited->reason->find("The host is full."), std::string::npos);
  EXPECT_EQ(step(in(S::kRunning), OperationSucceeded{}, kT0 + 11min)->state, S::kSucceeded);
}

TEST(OperationStep, RetryKeepsTheStepAndGetsNewTime) {
  auto failed = in(S::kFailed);
  failed.attempts = 3;
  failed.cancel_requested_at = kT0;
  auto next = step(failed, OperationRetryRequested{}, kT0 + 1h);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->step, "Making the disk");
  EXPECT_EQ(next->deadline_at, kT0 + 1h + 10min);
  EXPECT_FALSE(next->reason);
  EXPECT_FALSE(next->cancel_requested());
  EXPECT_EQ(next->attempts, 3);
  EXPECT_EQ(step(*next, OperationStarted{}, kT0 + 1h)->attempts, 4);
}

TEST(OperationStep, OnlyAChangeRaisesTheVersion) {
  EXPECT_EQ(step(in(S::kRunning), OperationProgressed{10, "x"}, kT0)->version, 8);
  auto same = in(S::kRunning);
  same.progress = 10;
  same.step = "x";
  EXPECT_EQ(step(same, OperationProgressed{10, "x"}, kT0)->version, 7);
  EXPECT_EQ(step(in(S::kRunning), OperationStarted{}, kT0)->version, 7);
  auto asked = step(in(S::kRunning), OperationCancelRequested{}, kT0);
  EXPECT_EQ(asked->version, 8);
  EXPECT_EQ(step(*asked, OperationCancelRequested{}, kT0 + 1s)->version, 8);
}

TEST(OperationStep, ErrorsAreStable) {
  EXPECT_EQ(step(in(S::kSucceeded), OperationCancelRequested{}, kT0).error().reason(), "operation.finished");
  EXPECT_EQ(step(in(S::kRunning), OperationRetryRequested{}, kT0).error().reason(), "operation.not_retryable");
  EXPECT_EQ(step(in(S::kFailed), OperationSucceeded{}, kT0).error().reason(), "operation.illegal_transition");
}

TEST(Backoff, DoublesUpToTheCapWithJitter) {
  SeededRandom random(1);
  const Backoff backoff{1s, 60s};
  for (int attempt = 1; attempt <= 70; ++attempt) {
    const Duration full = attempt <= 6 ? Duration(1s) * (1 << (attempt - 1)) : Duration(60s);
    for (int i = 0; i < 50; ++i) {
      const auto delay = backoff_delay(backoff, attempt, random);
      EXPECT_LE(delay, full);
      EXPECT_GE(delay, full / 2);
    }
  }
}

TEST(Backoff, IsPureAndSpreads) {
  SeededRandom a(7);
  SeededRandom b(7);
  std::set<Duration> delays;
  for (int i = 0; i < 20; ++i) {
    const auto delay = backoff_delay({1s, 60s}, 5, a);
    EXPECT_EQ(delay, backoff_delay({1s, 60s}, 5, b));
    delays.insert(delay);
  }
  EXPECT_GT(delays.size(), 10u);
}

}  // namespace
}  // namespace phx::engine
