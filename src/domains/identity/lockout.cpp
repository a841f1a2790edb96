#include "domains/identity/lockout.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "domains/identity/account.hpp"

namespace phx::identity {
namespace {
constexpr std::uint32_t kFreeAttempts = 5;
constexpr std::chrono::seconds kFirstWait{15};
constexpr std::chrono::seconds kLongestWait = std::chrono::minutes(15);
}  // namespace

std::chrono::seconds lockout_wait(std::uint32_t failures) {
  if (failures < kFreeAttempts) return std::chrono::seconds(0);
  const std::uint32_t doublings = std::min(failures - kFreeAttempts, 20U);
  return std::min(kFirstWait * (std::int64_t{1} << doublings), kLongestWait);
}

const std::vector<std::int32_t>& lockout_schedule() {
  static const std::vector<std::int32_t> schedule = [] {
    std::vector<std::int32_t> waits;
    for (std::uint32_t n = 1; waits.empty() || waits.back() < kLongestWait.count(); ++n)
      waits.push_back(static_cast<std::int32_t>(lockout_wait(n).count()));
    return waits;
  }();
  return schedule;
}

std::string lockout_key(std::string_view email, std::string_view remote_address) {
  // Hashed first, so that no choice of the one can imitate another pair.
  return sha256(sha256(fold_case(email)) + std::string(remote_address));
}

}  // namespace phx::identity
