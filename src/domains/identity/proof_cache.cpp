#include "domains/identity/proof_cache.hpp"

namespace phx::identity {

std::optional<api::Principal> ProofCache::find(const std::string& digest) {
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return std::nullopt;
  const auto entry = found->second;
  const bool ended = entry->principal.expires_at && *entry->principal.expires_at <= clock_.now();
  if (ended || clock_.monotonic() - entry->verified_at >= verified_for_) {
    by_digest_.erase(found);
    entries_.erase(entry);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->principal;
}

void ProofCache::put(std::string digest, api::Principal principal, std::uint64_t epoch) {
  if (epoch != epoch_ || max_ == 0) return;
  if (const auto found = by_digest_.find(digest); found != by_digest_.end()) {
    entries_.erase(found->second);
    by_digest_.erase(found);
  }
  if (entries_.size() == max_) {
    by_digest_.erase(entries_.back().digest);
    entries_.pop_back();
  }
  entries_.push_front(Entry{digest, std::move(principal), clock_.monotonic()});
  by_digest_.emplace(std::move(digest), entries_.begin());
}

void ProofCache::revoke() {
  ++epoch_;
  entries_.clear();
  by_digest_.clear();
}

}  // namespace phx::identity
