#pragma once
/// `phoenix ledger …`: the audit trail's transparency log for people who check it. See docs/ledger.md.
///
/// Reasons besides those of engine/ledger: "ledger.no_key", "ledger.no_checkpoint", "ledger.file_exists",
/// "ledger.unreadable", "ledger.unwritable", "tenant.not_found".

#include <string>

#include "app/settings.hpp"
#include "base/result.hpp"

namespace phx::app {

/// Prints the public key that checkpoints are signed with.
Status ledger_key(const Settings& settings);
/// Prints the last checkpoint, for keeping.
Status ledger_checkpoint(const Settings& settings);

struct LedgerExportArguments {
  std::string out;
  std::string tenant;  ///< id or name; empty: all
  std::string since;   ///< a file with a checkpoint; empty: none
};
Status ledger_export(const Settings& settings, const LedgerExportArguments& arguments);

struct LedgerVerifyArguments {
  std::string file;
  std::string key;    ///< empty: the file's own
  std::string since;  ///< a file with a checkpoint; empty: none
};
/// Needs nothing but the file.
Status ledger_verify(const LedgerVerifyArguments& arguments);

}  // namespace phx::app
