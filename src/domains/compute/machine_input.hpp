#pragma once
/// Checks of what people give for a machine. Pure. Every error names the field.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domains/compute/hypervisor.hpp"

namespace phx::compute {

/// A host name, RFC 1123 in lower case: [a-z0-9-], 1 to 63, no hyphen at either end. "vm.bad_name".
Status check_machine_name(std::string_view name, std::string field);

/// Bytes as MiB, rounded up.
constexpr std::int64_t whole_mib(std::int64_t bytes) { return (bytes + (1 << 20) - 1) >> 20; }

struct MachineInput {
  std::string name;
  std::string image;
  int vcpus = 1;
  int memory_mib = 128;
  int disk_gib = 1;
  std::vector<std::string> ssh_keys;
  std::string user_data;
  std::vector<PortForward> port_forwards;
};

/// From the coerced CreateVirtualMachineInput. "vm.bad_name", "vm.bad_size", "vm.bad_ssh_key", "vm.bad_user_data",
/// "vm.bad_port".
Result<MachineInput> parse_machine_input(const boost::json::object& input);

/// As stored in virtual_machines.port_forwards.
boost::json::array port_forwards_json(const std::vector<PortForward>& forwards);
/// All that was asked for, for the audit trail. User data may hold secrets, so of it there is the size.
boost::json::object audit_json(const MachineInput& input);

}  // namespace phx::compute
