#pragma once
/// How long a sign-in has to wait after failed attempts from one address on one account name. Pure; the counting is
/// one SQL statement, which takes the schedule as a parameter.
///
/// Five attempts are free; then each further failure doubles the wait from 15 seconds up to 15 minutes, and a quiet
/// day forgets all. Names without an account are counted just so: the wait says nothing about who exists. Another
/// address is not hindered: locking a stranger out is not possible.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace phx::identity {

/// Wait after the n-th failure in a row (n from 1).
std::chrono::seconds lockout_wait(std::uint32_t failures);
/// lockout_wait(1), lockout_wait(2), … up to the first that reached the cap, in seconds.
const std::vector<std::int32_t>& lockout_schedule();
/// The key under which attempts are counted: 32 bytes, no plain address or account name in them.
std::string lockout_key(std::string_view email, std::string_view remote_address);

}  // namespace phx::identity
