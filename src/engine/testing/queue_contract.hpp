#pragma once
/// What a work queue promises, as one suite for the table and for its model in memory. Each scenario gets a fresh queue
/// and a clock it moves itself. random_history() plays the same random calls on any queue and returns what it answered,
/// so that two queues can be compared line by line.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "engine/work_queue.hpp"

namespace phx::engine::testing {

class QueuePort {
 public:
  virtual ~QueuePort() = default;
  virtual void enqueue(Work work) = 0;
  virtual std::vector<ClaimedWork> claim(std::string queue, int max, Duration lease) = 0;
  virtual Status complete(ClaimedWork work) = 0;
  virtual Status retry_later(ClaimedWork work, Duration delay, std::string reason) = 0;
  virtual Status check_lease(ClaimedWork work) = 0;
  virtual std::vector<std::int64_t> heartbeat(std::vector<ClaimedWork> held, Duration lease) = 0;
  virtual std::size_t size() = 0;
  virtual Instant now() = 0;
  virtual void advance(Duration by) = 0;
};

namespace queue_contract {

using namespace std::chrono_literals;

inline ClaimedWork claim_one(QueuePort& queue, Duration lease = 20s) {
  auto claimed = queue.claim("q", 10, lease);
  EXPECT_EQ(claimed.size(), 1u);
  return claimed.empty() ? ClaimedWork{} : claimed.front();
}

inline std::string reason_of(const Status& status) { return status ? "ok" : status.error().reason(); }

inline void done_is_deleted(QueuePort& queue) {
  queue.enqueue({"q", "a"});
  auto work = claim_one(queue);
  EXPECT_EQ(work.attempts, 1);
  EXPECT_EQ(reason_of(queue.complete(work)), "ok");
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(reason_of(queue.complete(work)), "work.lease_lost");
}

inline void one_live_row_per_key(QueuePort& queue) {
  for (int i = 0; i < 5; ++i) queue.enqueue({"q", "a", {}, {}, fmt::format("{{\"n\":{}}}", i)});
  queue.enqueue({"q", "b"});
  queue.enqueue({"other", "a"});
  EXPECT_EQ(queue.size(), 3u);
  auto claimed = queue.claim("q", 10, 20s);
  ASSERT_EQ(claimed.size(), 2u);
  EXPECT_NE(claimed[0].payload.find('4'), std::string::npos) << "the newest payload wins: " << claimed[0].payload;
}

inline void keys_of_tenants_are_apart(QueuePort& queue) {
  const auto a = *Uuid::parse("00000000-0000-7000-8000-00000000000a");
  const auto b = *Uuid::parse("00000000-0000-7000-8000-00000000000b");
  queue.enqueue({"q", "k", a});
  queue.enqueue({"q", "k", b});
  queue.enqueue({"q", "k"});
  queue.enqueue({"q", "k"});
  EXPECT_EQ(queue.size(), 3u);
}

inline void enqueued_again_during_work_is_done_again(QueuePort& queue) {
  queue.enqueue({"q", "a"});
  auto work = claim_one(queue);
  queue.enqueue({"q", "a"});
  EXPECT_TRUE(queue.claim("q", 10, 20s).empty()) << "it is still in somebody's hands";
  EXPECT_EQ(reason_of(queue.complete(work)), "ok");
  EXPECT_EQ(queue.size(), 1u);
  auto again = claim_one(queue);
  EXPECT_GT(again.fence, work.fence);
  EXPECT_EQ(again.attempts, 1);
  EXPECT_EQ(reason_of(queue.complete(again)), "ok");
  EXPECT_EQ(queue.size(), 0u);
}

inline void enqueued_for_later_during_work_waits(QueuePort& queue) {
  queue.enqueue({"q", "a"});
  auto work = claim_one(queue);
  queue.enqueue({"q", "a", {}, queue.now() + 60s});
  EXPECT_EQ(reason_of(queue.complete(work)), "ok");
  EXPECT_TRUE(queue.claim("q", 10, 20s).empty());
  queue.advance(60s);
  claim_one(queue);
}

inline void brought_forward_never_put_off(QueuePort& queue) {
  queue.enqueue({"q", "a", {}, queue.now() + 60s});
  EXPECT_TRUE(queue.claim("q", 10, 20s).empty());
  queue.enqueue({"q", "a", {}, queue.now() + 30s});
  queue.enqueue({"q", "a", {}, queue.now() + 90s});
  queue.advance(30s);
  claim_one(queue);
}

inline void lease_runs_out_and_the_fence_passes(QueuePort& queue) {
  queue.enqueue({"q", "a"});
  auto first = claim_one(queue);
  queue.advance(19s);
  EXPECT_TRUE(queue.claim("q", 10, 20s).empty());
  queue.advance(1s);
  EXPECT_EQ(reason_of(queue.check_lease(first)), "ok") << "nobody took it yet";
  auto second = claim_one(queue);
  EXPECT_GT(second.fence, first.fence);
  EXPECT_EQ(second.attempts, 2);
  EXPECT_EQ(reason_of(queue.check_lease(first)), "work.lease_lost");
  EXPECT_EQ(reason_of(queue.retry_later(first, 1s, "late")), "work.lease_lost");
  EXPECT_EQ(reason_of(queue.complete(first)), "work.lease_lost");
  EXPECT_EQ(reason_of(queue.complete(second)), "ok");
}

inline void a_fence_never_comes_again(QueuePort& queue) {
  std::int64_t last = 0;
  for (int i = 0; i < 3; ++i) {
    queue.enqueue({"q", "a"});
    auto work = claim_one(queue);
    EXPECT_GT(work.fence, last);
    last = work.fence;
    EXPECT_EQ(reason_of(queue.complete(work)), "ok");
  }
}

inline void heartbeat_keeps_the_lease(QueuePort& queue) {
  queue.enqueue({"q", "a"});
  queue.enqueue({"q", "b"});
  auto claimed = queue.claim("q", 10, 20s);
  ASSERT_EQ(claimed.size(), 2u);
  queue.advance(15s);
  EXPECT_EQ(queue.heartbeat({claimed[0]}, 20s), std::vector<std::int64_t>{claimed[0].id});
  queue.advance(15s);
  auto taken = claim_one(queue);
  EXPECT_EQ(taken.id, claimed[1].id);
  EXPECT_EQ(queue.heartbeat(claimed, 20s), std::vector<std::int64_t>{claimed[0].id}) << "the other has passed on";
}

inline void retry_waits_and_counts(QueuePort& queue) {
  queue.enqueue({"q", "a"});
  auto work = claim_one(queue);
  EXPECT_EQ(reason_of(queue.retry_later(work, 30s, "busy")), "ok");
  EXPECT_EQ(reason_of(queue.complete(work)), "work.lease_lost") << "it was given back";
  queue.advance(29s);
  EXPECT_TRUE(queue.claim("q", 10, 20s).empty());
  queue.advance(1s);
  EXPECT_EQ(claim_one(queue).attempts, 2);
}

inline void retry_yields_to_new_work(QueuePort& queue) {
  queue.enqueue({"q", "a"});
  auto work = claim_one(queue);
  queue.enqueue({"q", "a"});
  EXPECT_EQ(reason_of(queue.retry_later(work, 1h, "busy")), "ok");
  EXPECT_EQ(claim_one(queue).attempts, 1) << "enqueued anew: at once, and counted from the beginning";
}

inline void oldest_first_up_to_max(QueuePort& queue) {
  for (const char* key : {"c", "a", "b"}) {
    queue.enqueue({"q", key});
    queue.advance(1s);
  }
  auto claimed = queue.claim("q", 2, 20s);
  ASSERT_EQ(claimed.size(), 2u);
  EXPECT_EQ(claimed[0].key, "c");
  EXPECT_EQ(claimed[1].key, "a");
  EXPECT_EQ(claim_one(queue).key, "b");
}

}  // namespace queue_contract

struct QueueScenario {
  const char* name;
  void (*play)(QueuePort&);
};
inline constexpr QueueScenario kQueueContract[] = {
    {"DoneIsDeleted", queue_contract::done_is_deleted},
    {"OneLiveRowPerKey", queue_contract::one_live_row_per_key},
    {"KeysOfTenantsAreApart", queue_contract::keys_of_tenants_are_apart},
    {"EnqueuedAgainDuringWorkIsDoneAgain", queue_contract::enqueued_again_during_work_is_done_again},
    {"EnqueuedForLaterDuringWorkWaits", queue_contract::enqueued_for_later_during_work_waits},
    {"BroughtForwardNeverPutOff", queue_contract::brought_forward_never_put_off},
    {"LeaseRunsOutAndTheFencePasses", queue_contract::lease_runs_out_and_the_fence_passes},
    {"AFenceNeverComesAgain", queue_contract::a_fence_never_comes_again},
    {"HeartbeatKeepsTheLease", queue_contract::heartbeat_keeps_the_lease},
    {"RetryWaitsAndCounts", queue_contract::retry_waits_and_counts},
    {"RetryYieldsToNewWork", queue_contract::retry_yields_to_new_work},
    {"OldestFirstUpToMax", queue_contract::oldest_first_up_to_max},
};

/// The answers of `queue` to `calls` random calls. Fences and ids are told by rank, since their numbers may differ.
inline std::vector<std::string> random_history(QueuePort& queue, std::uint64_t seed, int calls) {
  using namespace std::chrono_literals;
  SeededRandom random(seed);
  std::vector<ClaimedWork> seen;
  std::vector<std::string> log;
  const auto reason = [](const Status& status) { return status ? std::string("ok") : status.error().reason(); };
  for (int i = 0; i < calls; ++i) {
    const auto pick = random.below(10);
    const auto seconds = std::chrono::seconds(random.below(40));
    if (pick < 3) {
      Work work{"q", fmt::format("k{}", random.below(4))};
      if (random.chance(1, 3)) work.run_at = queue.now() + seconds;
      queue.enqueue(work);
      log.push_back(fmt::format("enqueue {}: {} rows", work.key, queue.size()));
    } else if (pick < 6) {
      std::string line = "claim:";
      for (auto& work : queue.claim("q", 1 + static_cast<int>(random.below(3)), 20s)) {
        line += fmt::format(" {}#{}g{}", work.key, work.attempts, work.generation);
        seen.push_back(std::move(work));
      }
      log.push_back(line);
    } else if (pick < 8 && !seen.empty()) {
      const auto& work = seen[random.below(seen.size())];
      const auto choice = random.below(3);
      const auto status = choice == 0   ? queue.complete(work)
                          : choice == 1 ? queue.retry_later(work, seconds, "busy")
                                        : queue.check_lease(work);
      log.push_back(fmt::format("settle {} {}: {}, {} rows", choice, work.key, reason(status), queue.size()));
    } else if (pick == 8 && !seen.empty()) {
      const auto& work = seen[random.below(seen.size())];
      log.push_back(fmt::format("heartbeat {}: {}", work.key, queue.heartbeat({work}, 20s).size()));
    } else {
      queue.advance(seconds);
      log.push_back(fmt::format("advance {}", seconds.count()));
    }
  }
  return log;
}

}  // namespace phx::engine::testing
