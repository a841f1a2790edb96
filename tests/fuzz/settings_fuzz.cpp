// phoenix.conf: what it is read as, printed and read again, is the same.
#include <string>

#include "app/settings.hpp"
#include "fuzz.hpp"

namespace {

phx::Result<phx::app::Settings> load(std::string text) {
  phx::app::SettingSources sources;
  sources.command_line = {{"data", "/srv/phoenix"}};
  sources.read_file = [&text](const std::string&) { return text; };
  return phx::app::load_settings(sources);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using phx::fuzz::require;
  const auto settings = load(std::string(phx::fuzz::as_text(data, size)));
  if (!settings) {
    require(settings.error().reason() == "settings.unknown" || settings.error().reason() == "settings.bad_value");
    return 0;
  }
  const std::string printed = phx::app::print_settings(*settings);
  const auto again = load(printed);
  require(again && phx::app::print_settings(*again) == printed);
  return 0;
}
