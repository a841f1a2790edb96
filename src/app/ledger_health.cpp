#include "app/ledger_health.hpp"

#include <fstream>
#include <iterator>
#include <optional>

#include "app/sql.gen.hpp"
#include "base/clock.hpp"
#include "domains/identity/server_key.hpp"
#include "engine/ledger/ledger.hpp"
#include "pg/sync.hpp"

namespace phx::app {
namespace {

/// A checkpoint comes within a second of a row; this leaves room for a database that is restarted.
constexpr Duration kBehindMax = std::chrono::seconds(10);

Error not_well(std::string_view reason, std::string message, std::string next_action) {
  return Error(Code::kFailedPrecondition, reason, std::move(message)).with_next_action(std::move(next_action));
}

std::optional<engine::SigningKey> readable_key(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string seed{std::istreambuf_iterator<char>(in), {}};
  if (!in) return std::nullopt;
  return engine::SigningKey(std::move(seed));
}

}  // namespace

Status check_ledger_health(const std::string& conninfo, const std::filesystem::path& key_file) {
  PHX_CHECK(identity::check_server_key(key_file));
  PHX_TRY(auto database, pg::SyncConnection::open(conninfo));
  PHX_TRY(const auto rows, database.execute(sql::app::ledger_state));
  const auto head = engine::ledger_head_from(rows);
  if (!head.note)
    return not_well("ledger.no_checkpoint", "No checkpoint of the ledger has been signed yet.",
                    "Start the server; if it runs, look for ledger.failed in its log.");
  if (const auto key = readable_key(key_file); key && !engine::open_checkpoint(*head.note, key->verifier(head.origin)))
    return not_well("ledger.other_key", "The ledger's newest checkpoint is not signed with " + key_file.string() + ".",
                    "Give every server of this database the same ledger.key, and restart those that had another.");
  const auto oldest = rows.get<std::optional<Instant>>(0, "oldest");
  const Duration behind = oldest ? rows.get<Instant>(0, "now") - *oldest : Duration(0);
  if (behind > kBehindMax)
    return not_well("ledger.behind",
                    "The oldest audit row that no checkpoint covers has waited for " + format_duration(behind) + ".",
                    "Look for ledger.failed in the server's log, then run phoenix fsck.");
  return {};
}

}  // namespace phx::app
