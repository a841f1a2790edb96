#pragma once
/// `phoenix fsck`: recounts every derived number and compares it with what is stored; exit status 1 on any difference.

#include "app/settings.hpp"

namespace phx::app {

int run_fsck(const Settings& settings);

}  // namespace phx::app
