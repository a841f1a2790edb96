#include "base/crash_point.hpp"

#include <csignal>
#include <cstdlib>
#include <string>

#include "base/log.hpp"

namespace phx {
namespace {
struct Armed {
  std::string name;
  int left = 0;
  Armed() {
    const char* text = std::getenv("PHOENIX_CRASH_POINT");
    if (!text) return;
    name = text;
    left = 1;
    if (const auto colon = name.rfind(':'); colon != name.npos) {
      left = std::atoi(name.c_str() + colon + 1);
      name.resize(colon);
    }
  }
};
}  // namespace

void pass_crash_point(std::string_view name) {
  static Armed armed;
  if (armed.left == 0 || armed.name != name) return;
  if (--armed.left > 0) return;
  log_event(LogLevel::kWarn, "crash_point.killed", {{"name", name}});
  std::raise(SIGKILL);
}

}  // namespace phx
