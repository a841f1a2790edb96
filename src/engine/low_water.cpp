#include "engine/low_water.hpp"

#include <algorithm>

namespace phx::engine {

std::int64_t LowWater::bound(Duration now) {
  if (now >= next_reset_) {
    next_reset_ = now + reset_every_;
    return kNone;
  }
  while (!notes_.empty() && notes_.front().at + slack_ <= now) {
    bound_ = notes_.front().value;
    notes_.pop_front();
  }
  return bound_;
}

void LowWater::note(Duration now, std::int64_t value) {
  // A lower value found later proves the higher notes wrong.
  while (!notes_.empty() && notes_.back().value > value) notes_.pop_back();
  bound_ = std::min(bound_, value);
  // Notes need not be finer than a fraction of the slack: that keeps the list short at any rate of claims.
  if (!notes_.empty() && now - notes_.back().at < slack_ / 16) return;
  notes_.push_back({now, value});
}

std::int64_t InboxLowWater::bound(Duration now) {
  if (now >= next_reset_) {
    next_reset_ = now + reset_every_;
    return 0;
  }
  return bound_;
}

void InboxLowWater::note(std::int64_t last_id, std::int64_t xmin, std::int64_t xmax) {
  if (last_id > 0 && last_id < bound_) {
    // A whole batch lay below the mark, and there may be more.
    bound_ = 0;
    candidate_ = 0;
    return;
  }
  if (candidate_ > bound_ && xmin >= candidate_xmax_) {
    bound_ = candidate_;
    candidate_ = 0;
  }
  if (candidate_ == 0 && last_id > bound_) {
    candidate_ = last_id;
    candidate_xmax_ = xmax;
  }
}

}  // namespace phx::engine
