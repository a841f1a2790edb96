#include "app/disk.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace phx::app {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

std::string amount(std::uint64_t bytes) {
  return bytes >= 10 * kGiB ? fmt::format("{} GiB", bytes / kGiB) : fmt::format("{} MiB", bytes >> 20);
}

}  // namespace

Result<DiskSpace> disk_space(const std::filesystem::path& folder) {
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0)
    return Error(Code::kUnavailable, "disk.unreadable",
                 fmt::format("The file system of {} cannot be asked: {}.", folder.string(), std::strerror(errno)));
  DiskSpace space;
  space.free_bytes = std::uint64_t{info.f_bavail} * info.f_frsize;
  space.total_bytes = std::uint64_t{info.f_blocks} * info.f_frsize;
  space.inodes_left = info.f_files == 0 || info.f_favail > 0;  // some file systems count none
  space.read_only = (info.f_flag & ST_RDONLY) != 0;
  return space;
}

DiskLevel judge(const DiskSpace& space) {
  if (space.read_only || !space.inodes_left || space.free_bytes < kDiskFullBelow) return DiskLevel::kFull;
  const std::uint64_t low = std::clamp(space.total_bytes / 10, kGiB, 20 * kGiB);
  return space.free_bytes < low ? DiskLevel::kLow : DiskLevel::kOk;
}

std::string describe(const DiskSpace& space) {
  std::string out = fmt::format("{} of {} free", amount(space.free_bytes), amount(space.total_bytes));
  if (space.read_only) out += ", mounted read-only";
  if (!space.inodes_left) out += ", no inode left";
  if (space.free_bytes < kDiskFullBelow) out += fmt::format(", {} are needed to write safely", amount(kDiskFullBelow));
  return out;
}

}  // namespace phx::app
