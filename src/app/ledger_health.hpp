#pragma once
/// Is the audit trail's ledger well? For `phoenix doctor`: past the server, since it may be the server that no longer
/// signs. Audit rows that wait, not the age of the newest checkpoint, tell that it is behind: where nothing happens,
/// nothing is signed.
///
/// Errors: those of identity::check_server_key() for the key; kFailedPrecondition "ledger.no_checkpoint",
/// "ledger.other_key" (the newest checkpoint is signed with another key than the folder's), "ledger.behind"; those of
/// pg/sync.hpp. Whose key the checkpoint has is not asked by an account that may not read the folder's.

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace phx::app {

Status check_ledger_health(const std::string& conninfo, const std::filesystem::path& key_file);

}  // namespace phx::app
