#pragma once
/// The same request sent twice is done once. A key is the client's; it is unique within (tenant, principal) and bound
/// to the hash of the request it came with. Work outside of a tenant (createTenant) is unique within the principal
/// alone.
///
/// begin() is the first insert of the mutation's transaction: a concurrent duplicate waits on the unique index until
/// the first has committed (then it replays the answer) or rolled back (then it goes on itself). A request that failed
/// leaves no key behind. Keys are kept for at least 24 hours.
///
/// Errors: kConflict "idempotency.key_reused"; kInvalidArgument "idempotency.key_malformed".

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx::pg {
class Database;
class Transaction;
}  // namespace phx::pg

namespace phx::engine {

namespace asio = boost::asio;

struct IdempotencyKey {
  std::optional<Uuid> tenant;
  std::string principal;  ///< the user's id, or "system"
  std::string key;        ///< 1 to 200 printable ASCII characters
  std::string request_hash;
};

/// 32 bytes over the field's name and its arguments; `canonical_arguments` is canonical_json() of the coerced ones,
/// without the idempotency key itself. Keyed by the server's secret: arguments may hold a password, and a bare digest
/// of one that lies in a table for a day could be guessed at leisure.
std::string hash_request(std::string_view secret, std::string_view field, std::string_view canonical_arguments);

/// Nothing: go on, and call finish. A text: this was done before, here is what was stored (JSON).
asio::awaitable<Result<std::optional<std::string>>> begin_idempotent(pg::Transaction& tx, IdempotencyKey key);
/// Stores the answer's keys (JSON), in the same transaction.
asio::awaitable<Status> finish_idempotent(pg::Transaction& tx, IdempotencyKey key, std::string response_json);

/// Removes up to `max` keys older than `keep` (never less than 24 hours); returns how many.
asio::awaitable<Result<int>> purge_idempotency_keys(pg::Database& database,
                                                    std::chrono::hours keep = std::chrono::hours(24), int max = 1'000);

}  // namespace phx::engine
