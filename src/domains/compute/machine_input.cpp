#include "domains/compute/machine_input.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace phx::compute {
namespace json = boost::json;
namespace {

// What the hypervisor takes; what a tenant may use is its quota's business.
constexpr std::int64_t kVcpusMax = 64;
constexpr std::int64_t kMemoryMibMin = 64;
constexpr std::int64_t kMemoryMibMax = 2'097'152;
constexpr std::int64_t kDiskGibMax = 65'536;
constexpr std::size_t kUserDataMax = 16'384;
constexpr std::size_t kSshKeysMax = 32;
constexpr std::size_t kSshKeyMax = 8'192;
constexpr std::size_t kPortsMax = 16;

Result<int> number(const json::object& input, std::string_view key, std::int64_t low, std::int64_t high,
                   std::string_view unit) {
  const auto* value = input.if_contains(key);
  const std::int64_t number = value && value->is_int64() ? value->get_int64() : low - 1;
  if (number < low || number > high)
    return invalid_argument(
        "vm.bad_size", "input." + std::string(key),
        "This must be from " + std::to_string(low) + " to " + std::to_string(high) + " " + std::string(unit) + ".");
  return static_cast<int>(number);
}

Status check_ssh_key(std::string_view key, const std::string& field) {
  static constexpr std::array<std::string_view, 7> kKinds{"ssh-ed25519 ",
                                                          "ssh-rsa ",
                                                          "ecdsa-sha2-nistp256 ",
                                                          "ecdsa-sha2-nistp384 ",
                                                          "ecdsa-sha2-nistp521 ",
                                                          "sk-ssh-ed25519@openssh.com ",
                                                          "sk-ecdsa-sha2-nistp256@openssh.com "};
  const bool known = std::ranges::any_of(kKinds, [&](std::string_view kind) { return key.starts_with(kind); });
  // A line break would smuggle a second line into authorized_keys, with options of its own.
  const bool one_line =
      std::ranges::none_of(key, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; });
  if (!known || !one_line || key.size() > kSshKeyMax)
    return invalid_argument("vm.bad_ssh_key", field,
                            "This is not a public SSH key: one line such as 'ssh-ed25519 AAAA… name'.");
  return {};
}

Result<PortForward> parse_forward(const json::object& item, const std::string& field) {
  PortForward forward;
  const auto port = [&](std::string_view key, std::int64_t low) -> Result<int> {
    const auto* value = item.if_contains(key);
    if (!value || !value->is_int64() || value->get_int64() < low || value->get_int64() > 65535)
      return invalid_argument("vm.bad_port", field + "." + std::string(key),
                              "A port from " + std::to_string(low) + " to 65535.");
    return static_cast<int>(value->get_int64());
  };
  PHX_TRY(forward.host_port, port("hostPort", 1024));
  PHX_TRY(forward.guest_port, port("guestPort", 1));
  const auto* protocol = item.if_contains("protocol");
  const std::string_view name = protocol && protocol->is_string() ? std::string_view(protocol->get_string()) : "tcp";
  if (name != "tcp" && name != "udp") return invalid_argument("vm.bad_port", field + ".protocol", "tcp or udp.");
  forward.protocol = name == "udp" ? Protocol::kUdp : Protocol::kTcp;
  return forward;
}

}  // namespace

Status check_machine_name(std::string_view name, std::string field) {
  const bool letters =
      std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (name.empty() || name.size() > 63 || !letters || name.front() == '-' || name.back() == '-')
    return invalid_argument("vm.bad_name", std::move(field),
                            "A name is 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end.");
  return {};
}

Result<MachineInput> parse_machine_input(const json::object& input) {
  MachineInput out;
  out.name = std::string(input.at("name").as_string());
  PHX_CHECK(check_machine_name(out.name, "input.name"));
  out.image = std::string(input.at("image").as_string());
  PHX_TRY(out.vcpus, number(input, "vcpus", 1, kVcpusMax, "CPUs"));
  PHX_TRY(out.memory_mib, number(input, "memoryMib", kMemoryMibMin, kMemoryMibMax, "MiB"));
  PHX_TRY(out.disk_gib, number(input, "diskGib", 1, kDiskGibMax, "GiB"));
  if (const auto* keys = input.if_contains("sshKeys"); keys && keys->is_array()) {
    if (keys->get_array().size() > kSshKeysMax)
      return invalid_argument("vm.bad_ssh_key", "input.sshKeys", "At most 32 keys.");
    for (std::size_t i = 0; i < keys->get_array().size(); ++i) {
      std::string key(keys->get_array()[i].as_string());
      PHX_CHECK(check_ssh_key(key, "input.sshKeys[" + std::to_string(i) + "]"));
      out.ssh_keys.push_back(std::move(key));
    }
  }
  if (const auto* data = input.if_contains("userData"); data && data->is_string()) {
    out.user_data = std::string(data->get_string());
    if (out.user_data.size() > kUserDataMax || out.user_data.find('\0') != std::string::npos)
      return invalid_argument("vm.bad_user_data", "input.userData", "At most 16 KiB of text without NUL.");
  }
  if (const auto* forwards = input.if_contains("portForwards"); forwards && forwards->is_array()) {
    if (forwards->get_array().size() > kPortsMax)
      return invalid_argument("vm.bad_port", "input.portForwards", "At most 16 ports.");
    for (std::size_t i = 0; i < forwards->get_array().size(); ++i) {
      const std::string field = "input.portForwards[" + std::to_string(i) + "]";
      PHX_TRY(const PortForward forward, parse_forward(forwards->get_array()[i].as_object(), field));
      const bool twice = std::ranges::any_of(out.port_forwards, [&](const PortForward& other) {
        return other.host_port == forward.host_port && other.protocol == forward.protocol;
      });
      if (twice) return invalid_argument("vm.bad_port", field + ".hostPort", "This port is named twice.");
      out.port_forwards.push_back(forward);
    }
  }
  return out;
}

json::array port_forwards_json(const std::vector<PortForward>& forwards) {
  json::array out;
  for (const auto& forward : forwards) {
    json::object item;
    item["hostPort"] = forward.host_port;
    item["guestPort"] = forward.guest_port;
    item["protocol"] = to_string(forward.protocol);
    out.push_back(std::move(item));
  }
  return out;
}

json::object audit_json(const MachineInput& input) {
  return {{"name", input.name},
          {"image", input.image},
          {"vcpus", input.vcpus},
          {"memoryMib", input.memory_mib},
          {"diskGib", input.disk_gib},
          {"sshKeys", json::array(input.ssh_keys.begin(), input.ssh_keys.end())},
          {"userDataBytes", input.user_data.size()},
          {"portForwards", port_forwards_json(input.port_forwards)}};
}

}  // namespace phx::compute
