#pragma once
/// `phoenix migrate …` and `phoenix db …`. On the embedded database these start (or adopt) the cluster of the data
/// folder for as long as they need it, and stop it again whatever comes of it.
///
/// Only `phoenix serve` and `db restore` make a data folder or a database: all others refuse one that is not there
/// ("data.missing", "data.no_database") and leave nothing behind.

#include <string>

#include "app/settings.hpp"
#include "base/result.hpp"

namespace phx::app {

Status migrate_up(const Settings& settings);
Status migrate_down(const Settings& settings, int to);
Status migrate_status(const Settings& settings);
Status migrate_verify(const Settings& settings);

Status database_backup(const Settings& settings, const std::string& folder);
Status database_restore(const Settings& settings, const std::string& folder);
/// Moves the embedded cluster to another major version beside itself; the server must be down.
Status database_upgrade(const Settings& settings, int to_major);

}  // namespace phx::app
