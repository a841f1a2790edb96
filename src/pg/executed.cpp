#include "pg/executed.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <string>

namespace phx::pg {

void note_executed(std::string_view statement) {
  static const char* const folder = std::getenv("PHX_SQL_LOG");
  if (!folder) return;
  static std::mutex mutex;
  static std::set<std::string, std::less<>> noted;
  const std::lock_guard lock(mutex);
  if (noted.contains(statement)) return;
  noted.emplace(statement);
  // Opened each time, since the process may be killed at any moment and may have been forked.
  std::ofstream(std::string(folder) + "/" + std::to_string(getpid()), std::ios::app) << statement << "\n";
}

}  // namespace phx::pg
