#include "engine/memory_work_queue.hpp"

#include <algorithm>

namespace phx::engine {
namespace {
Error lease_lost() { return {Code::kAborted, "work.lease_lost", "The work has passed to another worker."}; }
}  // namespace

void MemoryWorkQueue::Row::release() {
  fence.reset();
  claimed_generation = 0;
  lease_until.reset();
}

std::map<MemoryWorkQueue::Key, MemoryWorkQueue::Row>::iterator MemoryWorkQueue::find(const ClaimedWork& work) {
  auto it = rows_.find({work.tenant, work.queue, work.key});
  return it != rows_.end() && it->second.id == work.id && it->second.fence == work.fence ? it : rows_.end();
}

void MemoryWorkQueue::enqueue(const Work& work, Instant now) {
  const Instant wanted = std::max(work.run_at.value_or(now), now);
  const Key key{work.tenant, work.queue, work.key};
  auto it = rows_.find(key);
  if (it == rows_.end()) {
    rows_.emplace(key, Row{++last_id_, work, wanted});
    return;
  }
  Row& row = it->second;
  const bool first_during_work = row.leased(now) && row.claimed_generation == row.generation;
  row.run_at = first_during_work ? wanted : std::min(row.run_at, wanted);
  row.generation += 1;
  row.work.payload = work.payload;
  row.attempts = 0;
  row.reason.clear();
}

std::vector<ClaimedWork> MemoryWorkQueue::claim(const std::string& queue, int max, Duration lease, Instant now) {
  std::vector<Row*> due;
  for (auto& [key, row] : rows_)
    if (row.work.queue == queue && row.run_at <= now && !row.leased(now)) due.push_back(&row);
  std::sort(due.begin(), due.end(),
            [](const Row* a, const Row* b) { return std::tie(a->run_at, a->id) < std::tie(b->run_at, b->id); });
  if (due.size() > static_cast<std::size_t>(max)) due.resize(static_cast<std::size_t>(max));
  std::vector<ClaimedWork> claimed;
  for (Row* row : due) {
    row->fence = ++last_fence_;
    row->claimed_generation = row->generation;
    row->lease_until = now + lease;
    row->attempts += 1;
    claimed.push_back({row->id, *row->fence, row->generation, queue, row->work.key, row->work.tenant, row->work.payload,
                       row->attempts, row->run_at});
  }
  return claimed;
}

Status MemoryWorkQueue::complete(const ClaimedWork& work) {
  auto it = find(work);
  if (it == rows_.end()) return lease_lost();
  if (it->second.generation == work.generation)
    rows_.erase(it);
  else
    it->second.release();
  return {};
}

Status MemoryWorkQueue::retry_later(const ClaimedWork& work, Duration delay, const std::string& reason, Instant now) {
  auto it = find(work);
  if (it == rows_.end()) return lease_lost();
  Row& row = it->second;
  row.run_at = row.generation == work.generation ? now + delay : std::min(row.run_at, now + delay);
  row.reason = reason;
  row.release();
  return {};
}

Status MemoryWorkQueue::check_lease(const ClaimedWork& work) const {
  const auto it = rows_.find({work.tenant, work.queue, work.key});
  if (it == rows_.end() || it->second.id != work.id || it->second.fence != work.fence) return lease_lost();
  return {};
}

std::vector<std::int64_t> MemoryWorkQueue::heartbeat(const std::vector<ClaimedWork>& held, Duration lease,
                                                     Instant now) {
  std::vector<std::int64_t> still;
  for (const auto& work : held) {
    auto it = find(work);
    if (it == rows_.end()) continue;
    it->second.lease_until = now + lease;
    still.push_back(work.id);
  }
  return still;
}

}  // namespace phx::engine
