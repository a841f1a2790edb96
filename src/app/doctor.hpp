#pragma once
/// `phoenix doctor`: the runbook's five triage checks as they apply here, from outside, each with time-out and latency:
/// workloads, API, portal, database, identity. Prints what is wrong and the next action; exit status 1 when anything
/// is.

#include <string>

#include "app/settings.hpp"

namespace phx::app {

int run_doctor(const Settings& settings, bool as_json);

}  // namespace phx::app
