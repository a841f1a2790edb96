#pragma once
/// `phoenix fsck`: recounts every derived number and compares it with what is stored; exit status 1 on any difference.

#include <string>

#include "app/settings.hpp"
#include "base/result.hpp"

namespace phx::app {

int run_fsck(const Settings& settings);
/// The same on a database that is not the settings' own, for an upgrade's check: "fsck.differs".
Status check_database_numbers(const std::string& conninfo);

}  // namespace phx::app
