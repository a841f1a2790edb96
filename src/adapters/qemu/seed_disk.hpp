#pragma once
/// The seed disk that tells a guest who it is: an ISO 9660 image with the label "cidata" holding meta-data and
/// user-data, as cloud-init's NoCloud source reads it. Written here (ECMA-119 with Joliet names), because the guest's
/// first contact should not depend on an installed tool. The same input gives the same bytes.

#include <string>
#include <string_view>
#include <vector>

#include "domains/compute/hypervisor.hpp"

namespace phx::qemu {

struct IsoFile {
  std::string name;  ///< ASCII, at most 30 characters
  std::string content;
};

/// A volume with these files in its root folder.
std::string make_iso(std::string_view label, const std::vector<IsoFile>& files);

/// meta-data, user-data of a checked spec (check_spec).
std::vector<IsoFile> seed_files(const compute::GuestSpec& spec);

}  // namespace phx::qemu
