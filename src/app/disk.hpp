#pragma once
/// Room on the file system of the data folder, judged before PostgreSQL or a guest finds out by failing: a full disk
/// refuses every write while reads go on, so nothing else here would notice.
///
/// Free is what an ordinary account may still take (root's reserve is not counted: the database does not run as root).
/// Low below a tenth of the file system, held between 1 GiB and 20 GiB; full below 64 MiB (four segments of
/// PostgreSQL's log), without free inodes, or when mounted read-only. Errors: "disk.unreadable".

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace phx::app {

struct DiskSpace {
  std::uint64_t free_bytes = 0;
  std::uint64_t total_bytes = 0;
  bool inodes_left = true;
  bool read_only = false;
};

enum class DiskLevel : std::uint8_t { kOk, kLow, kFull };

inline constexpr std::uint64_t kDiskFullBelow = std::uint64_t{64} << 20;

/// Blocks as long as the file system does.
Result<DiskSpace> disk_space(const std::filesystem::path& folder);
DiskLevel judge(const DiskSpace& space);
/// "39 GiB of 252 GiB free", and what is wrong with it.
std::string describe(const DiskSpace& space);

}  // namespace phx::app
