#pragma once
/// The audit trail as a transparency log: each audit row is a leaf of a Merkle tree (merkle.hpp), and signed
/// checkpoints (note.hpp) say its size and root. Who keeps an old checkpoint can find out later whether any row that
/// was there has been changed, removed or put in between.
///
/// **Writing.** A trigger puts each audit row into `audit_inbox`, in the row's own transaction: one small insert, no
/// lock that strangers take, no hashing. One LedgerSequencer at a time, over all server processes, takes visible rows
/// out in the order of the inbox, gives them leaf indexes without a gap, stores the nodes that are complete with them,
/// and signs a checkpoint, all in one transaction. A row that commits late is simply found later; being in the inbox is
/// what makes it waiting, so nothing is scanned for and nothing can be overlooked. An inbox of its own, not that of the
/// events, since not every audit row comes with an event (refused calls do not), and since events must not wait for
/// this.
/// **Events.** In the same transaction each new leaf's row becomes an event "AuditEntry": who watches the trail is told
/// of what is in the ledger, and the requests' transactions write no event for it.
/// **Leaf.** SHA-256(0x00 ‖ canonical), over the bytes as they are stored; content and salt may be erased (audit.hpp).
/// **Behind.** A row is provable from the next checkpoint on, at most a second after its commit.
/// **Origin.** "sankofa-phoenix/audit/<epoch>", the epoch being that of the events' log: a database that was restored
/// or promoted may have lost leaves it had signed for, and goes on as another log instead of contradicting itself.
///
/// The sequencer signs nothing that contradicts the last checkpoint: when the stored tree has another root, it stops
/// with kDataLoss "ledger.diverged". Others: "ledger.node_missing"; those of pg/error.hpp.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "engine/ledger/merkle.hpp"
#include "engine/ledger/note.hpp"
#include "engine/low_water.hpp"

namespace phx {
class Metrics;
class Counter;
class Gauge;
class Histogram;
}  // namespace phx

namespace phx::pg {
class Database;
class Transaction;
struct Query;
class Rows;
}  // namespace phx::pg

namespace phx::engine {

namespace asio = boost::asio;

/// Where the ledger is.
struct LedgerHead {
  std::string origin;      ///< under which the next checkpoint is signed
  std::uint64_t size = 0;  ///< the rest is of the last checkpoint; without one there are no leaves
  std::string root;
  std::optional<std::string> note;
};

asio::awaitable<Result<LedgerHead>> read_ledger_head(pg::Database& database);

/// The hashes of complete nodes, in the order asked for.
asio::awaitable<Result<std::vector<std::string>>> read_ledger_nodes(pg::Database& database,
                                                                    std::vector<merkle::NodeId> ids);

/// How read_ledger_head() and others understand their statements, for those who run them in a transaction.
LedgerHead ledger_head_from(const pg::Rows& rows);
pg::Query ledger_nodes_query(const std::vector<merkle::NodeId>& ids);
Result<std::vector<std::string>> ledger_nodes_from(const pg::Rows& rows);

/// Removes old checkpoints that say no more than others do: all of the last hour stay, then the last of each hour,
/// after 30 days the last of each day, and always the newest. Returns how many went, `max` at most. Proofs need none of
/// them.
asio::awaitable<Result<std::int64_t>> thin_checkpoints(pg::Database& database, int max = 10'000);

struct LedgerOptions {
  int batch_max = 1'000;
  /// Between two looks at the inbox, and thus two checkpoints.
  std::chrono::milliseconds every{400};
};

/// Makes audit rows leaves. Any number of them may run against one database; they take turns.
class LedgerSequencer {
 public:
  LedgerSequencer(pg::Database& database, const Clock& clock, Metrics& metrics, SigningKey key,
                  LedgerOptions options = {});

  /// Until cancelled; failures are logged and tried again with a growing pause. Run it in a TaskScope.
  asio::awaitable<void> run();
  /// Appends one batch and signs a checkpoint; returns how many leaves it had. Without new leaves it signs once, when
  /// the last checkpoint is none of this key's under the present origin; not again, since servers with different keys
  /// must not answer each other for ever.
  asio::awaitable<Result<int>> append_batch();

 private:
  asio::awaitable<Result<bool>> has_work();
  asio::awaitable<Result<merkle::Frontier>> frontier_at(pg::Transaction& tx, LedgerHead head);
  /// The last checkpoint is signed with our key, or we have had our say.
  bool settled(const LedgerHead& head);

  pg::Database& database_;
  const Clock& clock_;
  SigningKey key_;
  LedgerOptions options_;
  InboxLowWater low_water_;
  /// As of the last commit we know of; another process may have gone on.
  std::optional<merkle::Frontier> frontier_;
  /// The origin under which this process has found or made a checkpoint of its key.
  std::string settled_for_;
  Gauge& size_;
  Gauge& lag_;
  Counter& checkpoints_;
  Histogram& batch_seconds_;
};

}  // namespace phx::engine
