#pragma once
/// `phoenix doctor`: the runbook's five triage checks as they apply here, from outside, each with time-out and
/// latency: workloads, API, portal, database, identity; what brings all of them down in time: the disk (disk.hpp)
/// and a clock of the database that goes otherwise than this machine's; and whether the ledger signs
/// (ledger_health.hpp). Prints what is wrong and the next action; exit status 1 when anything is. A warning (a disk
/// that is low) is printed and leaves the status 0. What cannot be known, since something that it needs failed (the
/// database, mostly), is not checked and says so: it is neither well nor failed.
///
/// Errors, instead of findings: those of DataFolder::existing(), "data.missing" among them.

#include <string>

#include "app/settings.hpp"

namespace phx::app {

int run_doctor(const Settings& settings, bool as_json);

}  // namespace phx::app
