#pragma once
/// A guest's specification as QEMU's arguments (qemu(1), QEMU 7.2). Pure. All file names are relative to the guest's
/// run folder, which is the process's working folder: the guest's user needs no right on any folder above it.

#include <optional>
#include <string>
#include <vector>

#include "adapters/qemu/options.hpp"
#include "domains/compute/hypervisor.hpp"

namespace phx::qemu {

namespace file {
inline constexpr const char* kKernel = "kernel";
inline constexpr const char* kInitrd = "initrd";
inline constexpr const char* kBase = "base";  ///< the image a disk is a copy-on-write child of
inline constexpr const char* kDisk = "disk";
inline constexpr const char* kSeed = "seed.iso";
inline constexpr const char* kControl = "control.sock";
inline constexpr const char* kRescue = "rescue.sock";
inline constexpr const char* kConsole = "console.sock";
inline constexpr const char* kConsoleLog = "console.log";
}  // namespace file

/// "guest.invalid" with the field when QEMU could not run it or its seed disk could not hold it.
Status check_spec(const compute::GuestSpec& spec);

/// Everything after the program's name.
std::vector<std::string> qemu_arguments(const compute::GuestSpec& spec, const Options& options, bool kvm);

/// What goes before the program's name: the scope of its own and the loss of all privileges. uid and gid are both
/// `uid`; nullopt keeps the user. `kvm_group` is an additional group.
std::vector<std::string> launch_prefix(const Uuid& id, bool scope, std::optional<uid_t> uid,
                                       std::optional<gid_t> kvm_group);

}  // namespace phx::qemu
