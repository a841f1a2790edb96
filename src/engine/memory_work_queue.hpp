#pragma once
/// The work queue's rules in memory, for simulation: the same claims, fences, generations and leases as the table
/// work_queue. testing/queue_contract.hpp runs one suite on both, so this model cannot drift from PostgreSQL. A value
/// type: a copy is a snapshot.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "engine/work_queue.hpp"

namespace phx::engine {

class MemoryWorkQueue {
 public:
  void enqueue(const Work& work, Instant now);
  std::vector<ClaimedWork> claim(const std::string& queue, int max, Duration lease, Instant now);
  Status complete(const ClaimedWork& work);
  Status retry_later(const ClaimedWork& work, Duration delay, const std::string& reason, Instant now);
  Status check_lease(const ClaimedWork& work) const;
  std::vector<std::int64_t> heartbeat(const std::vector<ClaimedWork>& held, Duration lease, Instant now);
  std::size_t size() const { return rows_.size(); }

 private:
  struct Row {
    std::int64_t id;
    Work work;
    Instant run_at;
    std::int64_t generation = 1;
    std::int64_t attempts = 0;
    std::optional<std::int64_t> fence;
    std::int64_t claimed_generation = 0;
    std::optional<Instant> lease_until;
    std::string reason;

    bool leased(Instant now) const { return lease_until && *lease_until > now; }
    void release();
  };
  using Key = std::tuple<std::optional<Uuid>, std::string, std::string>;
  std::map<Key, Row>::iterator find(const ClaimedWork& work);

  std::map<Key, Row> rows_;
  std::int64_t last_id_ = 0;
  std::int64_t last_fence_ = 0;
};

}  // namespace phx::engine
