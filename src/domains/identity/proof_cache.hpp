#pragma once
/// Verified sessions and tokens, so that most requests prove themselves without a question to the database. Keyed by
/// digest: the cache holds no secret.
///
/// Every hit checks that the proof has not ended, that it was verified recently, and that nothing was revoked since:
/// revoke() forgets all at once (it is rare; verifying again is one read). The recency bound limits how long another
/// server's revocation can go unnoticed.
///
/// A verification reads the database while others may revoke: take the epoch before the read and hand it to put(),
/// which ignores what was read under an older one.

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "api/context.hpp"
#include "base/clock.hpp"

namespace phx::identity {

class ProofCache {
 public:
  ProofCache(const Clock& clock, Duration verified_for, std::size_t max)
      : clock_(clock), verified_for_(verified_for), max_(max) {}

  std::uint64_t epoch() const { return epoch_; }
  std::optional<api::Principal> find(const std::string& digest);
  void put(std::string digest, api::Principal principal, std::uint64_t epoch);
  void revoke();
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string digest;
    api::Principal principal;
    Duration verified_at;
  };
  const Clock& clock_;
  const Duration verified_for_;
  const std::size_t max_;
  std::uint64_t epoch_ = 0;
  /// Most recently used first.
  std::list<Entry> entries_;
  std::unordered_map<std::string, std::list<Entry>::iterator> by_digest_;
};

}  // namespace phx::identity
