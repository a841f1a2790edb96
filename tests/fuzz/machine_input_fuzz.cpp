// A machine's texts as people give them: lines of "name", "image", an SSH key and user data. What is accepted fits into
// a host name, one line of authorized_keys, and a seed disk.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>

#include "domains/compute/machine_input.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using phx::fuzz::require;
  std::string_view rest = phx::fuzz::as_text(data, size);
  // Fields end with 0xff, which UTF-8 never holds.
  const auto field = [&rest] {
    const auto end = rest.find('\xff');
    const std::string out(rest.substr(0, end));
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    return out;
  };
  boost::json::object input{{"vcpus", 1}, {"memoryMib", 128}, {"diskGib", 1}};
  input["name"] = field();
  input["image"] = field();
  input["sshKeys"] = boost::json::array{boost::json::value(field())};
  input["userData"] = field();
  const auto machine = phx::compute::parse_machine_input(input);
  if (!machine) {
    require(machine.error().code() == phx::Code::kInvalidArgument && !machine.error().field().empty());
    return 0;
  }
  require(phx::compute::check_machine_name(machine->name, "name").has_value() && machine->name.size() <= 63);
  require(machine->ssh_keys.size() == 1 && machine->ssh_keys.front().find_first_of("\r\n") == std::string::npos);
  require(machine->user_data.find('\0') == std::string::npos);
  return 0;
}
