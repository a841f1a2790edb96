#include "app/disk.hpp"

#include <gtest/gtest.h>

namespace phx::app {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;

DiskSpace space(std::uint64_t free, std::uint64_t total) { return {.free_bytes = free, .total_bytes = total}; }

TEST(Disk, IsLowBelowATenthWithinBoundsAndFullBelow64MiB) {
  EXPECT_EQ(judge(space(60 * kGiB, 100 * kGiB)), DiskLevel::kOk);
  EXPECT_EQ(judge(space(10 * kGiB, 100 * kGiB)), DiskLevel::kOk);
  EXPECT_EQ(judge(space(10 * kGiB - 1, 100 * kGiB)), DiskLevel::kLow);
  EXPECT_EQ(judge(space(20 * kGiB, 4000 * kGiB)), DiskLevel::kOk) << "a tenth of a large disk is plenty";
  EXPECT_EQ(judge(space(20 * kGiB - 1, 4000 * kGiB)), DiskLevel::kLow);
  EXPECT_EQ(judge(space(kGiB - 1, 4 * kGiB)), DiskLevel::kLow) << "a tenth of a small one is not";
  EXPECT_EQ(judge(space(64 * kMiB, 4 * kGiB)), DiskLevel::kLow);
  EXPECT_EQ(judge(space(64 * kMiB - 1, 4 * kGiB)), DiskLevel::kFull);
  EXPECT_EQ(judge(space(0, 4 * kGiB)), DiskLevel::kFull);
}

TEST(Disk, WithoutInodesOrReadOnlyNothingCanBeWritten) {
  DiskSpace one = space(50 * kGiB, 100 * kGiB);
  one.inodes_left = false;
  EXPECT_EQ(judge(one), DiskLevel::kFull);
  EXPECT_NE(describe(one).find("no inode left"), std::string::npos);
  one = space(50 * kGiB, 100 * kGiB);
  one.read_only = true;
  EXPECT_EQ(judge(one), DiskLevel::kFull);
  EXPECT_EQ(describe(one), "50 GiB of 100 GiB free, mounted read-only");
  EXPECT_EQ(describe(space(kMiB, kGiB)), "1 MiB of 1024 MiB free, 64 MiB are needed to write safely");
}

TEST(Disk, AsksTheFileSystem) {
  const auto found = disk_space(testing::TempDir());
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_GT(found->total_bytes, 0u);
  EXPECT_LE(found->free_bytes, found->total_bytes);
  EXPECT_EQ(disk_space("/nowhere/at/all").error().reason(), "disk.unreadable");
}

}  // namespace
}  // namespace phx::app
