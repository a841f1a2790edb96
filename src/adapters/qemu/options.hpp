#pragma once
/// How guests are run on this host; one struct for the whole adapter, filled by the composition root.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace phx::qemu {

enum class Accelerator : std::uint8_t {
  kTcg,   ///< emulation: works everywhere
  kKvm,   ///< refuse to start guests without it
  kAuto,  ///< emulation, until probe_accelerator() has really booted a guest with KVM
};

/// Where a guest's process lives, so that neither our end nor our restart as a service touches it.
enum class Isolation : std::uint8_t {
  kAuto,     ///< a systemd scope where systemd runs, else a session of its own
  kScope,    ///< transient scope phoenix-vm-<uuid>.scope
  kSession,  ///< setsid()
};

struct Options {
  /// Holds guests/, images/ and import/; made when absent.
  std::string data_folder;
  std::string qemu_binary = "/usr/bin/qemu-system-x86_64";
  std::string qemu_img_binary = "/usr/bin/qemu-img";
  Accelerator accelerator = Accelerator::kTcg;
  Isolation isolation = Isolation::kAuto;
  /// As root each tenant's guests run as one uid (and gid) of [first_uid, first_uid + uid_count); the number before the
  /// range inspects imported images. Without root everything runs as the one user we are.
  uid_t first_uid = 200000;
  uid_t uid_count = 65536;
  /// Translation cache of one emulated guest; QEMU's own default is a share of the host's memory.
  int tcg_cache_mib = 32;
  /// Seen on the serial console it means that the guest has booted.
  std::string boot_marker = " login: ";
  /// When memory runs out guests go before the database and the control plane.
  int oom_score_adj = 300;
  /// The console log's blocks beyond this are given back to the host, oldest first.
  std::int64_t console_log_max = 1 << 20;
  std::int64_t image_max_bytes = std::int64_t{20} << 30;
  std::int64_t image_max_virtual_bytes = std::int64_t{1} << 40;
  /// What an import leaves free on the host's disk: the guests there need it to go on.
  std::int64_t image_disk_reserve = std::int64_t{512} << 20;
  /// QMP: from connecting to the greeting, and from a command to its answer.
  std::chrono::milliseconds greeting_limit = std::chrono::seconds(5);
  std::chrono::milliseconds answer_limit = std::chrono::seconds(5);
  /// From the start of the process to the machine running.
  std::chrono::milliseconds start_limit = std::chrono::seconds(30);
  /// For a killed process to be gone.
  std::chrono::milliseconds kill_limit = std::chrono::seconds(20);
  /// For the throw-away guest of the accelerator probe to boot.
  std::chrono::milliseconds probe_limit = std::chrono::seconds(30);
};

}  // namespace phx::qemu
