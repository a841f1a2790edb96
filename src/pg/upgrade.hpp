#pragma once
/// Moves the embedded cluster to another major version of PostgreSQL: dump, restore into a new cluster beside the old
/// one, check, switch, keep the old.
///
/// Nothing of the old cluster is changed. The switch is one atomic exchange of two folders; before it every failure
/// leaves the old cluster as it was, after it the old one lies in `data.before-<major>` in the cluster's folder.
///
/// Errors: "upgrade.failed" (dump or restore), "upgrade.differs" (a table has another number of rows),
/// "upgrade.kept_exists" (an older kept folder is in the way), the check's own, and "cluster.*". Blocks; the server
/// must not be running on the cluster's lock.

#include <filesystem>
#include <functional>

#include "base/result.hpp"
#include "pg/cluster.hpp"

namespace phx::pg {

struct UpgradeReport {
  int from_major = 0;
  int to_major = 0;
  std::filesystem::path kept;  ///< the old data folder
};

/// `check` is given the running new cluster: phoenix fsck.
Result<UpgradeReport> upgrade(const ClusterOptions& options, int to_major,
                              const std::function<Status(const EmbeddedCluster&)>& check);

}  // namespace phx::pg
