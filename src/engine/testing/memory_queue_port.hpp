#pragma once
/// The model in memory behind the contract's port.

#include "engine/memory_work_queue.hpp"
#include "engine/testing/queue_contract.hpp"

namespace phx::engine::testing {

class MemoryQueuePort final : public QueuePort {
 public:
  void enqueue(Work work) override { queue_.enqueue(work, now_); }
  std::vector<ClaimedWork> claim(std::string queue, int max, Duration lease) override {
    return queue_.claim(queue, max, lease, now_);
  }
  Status complete(ClaimedWork work) override { return queue_.complete(work); }
  Status retry_later(ClaimedWork work, Duration delay, std::string reason) override {
    return queue_.retry_later(work, delay, reason, now_);
  }
  Status check_lease(ClaimedWork work) override { return queue_.check_lease(work); }
  std::vector<std::int64_t> heartbeat(std::vector<ClaimedWork> held, Duration lease) override {
    return queue_.heartbeat(held, lease, now_);
  }
  std::size_t size() override { return queue_.size(); }
  Instant now() override { return now_; }
  void advance(Duration by) override { now_ += by; }

 private:
  MemoryWorkQueue queue_;
  Instant now_{std::chrono::seconds(1893456000)};
};

}  // namespace phx::engine::testing
