#include "engine/ledger/ledger.hpp"

#include <algorithm>

#include "base/crash_point.hpp"
#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/task_scope.hpp"
#include "engine/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto kReadLimit = 5s;
constexpr auto kAppendLimit = 20s;
constexpr Duration kInboxReset = 60s;

std::string origin_of(std::string_view epoch) { return "sankofa-phoenix/audit/" + std::string(epoch); }

/// What one transaction adds to the tree.
struct Growth {
  std::vector<Uuid> audit_ids;
  std::string leaf_hashes;
  std::vector<std::int64_t> levels, indexes;
  std::string node_hashes;

  void add(const Uuid& audit_id, std::string_view canonical, merkle::Frontier& frontier) {
    auto hash = merkle::leaf_hash(canonical);
    audit_ids.push_back(audit_id);
    leaf_hashes += hash;
    for (const auto& node : frontier.append(std::move(hash))) {
      levels.push_back(static_cast<std::int64_t>(node.id.level));
      indexes.push_back(static_cast<std::int64_t>(node.id.index));
      node_hashes += node.hash;
    }
  }
};

}  // namespace

LedgerHead ledger_head_from(const pg::Rows& rows) {
  LedgerHead out;
  out.origin = origin_of(rows.get<std::string>(0, "epoch"));
  out.size = static_cast<std::uint64_t>(rows.get<std::optional<std::int64_t>>(0, "size").value_or(0));
  out.root = rows.get<std::optional<std::string>>(0, "root").value_or(merkle::empty_root());
  out.note = rows.get<std::optional<std::string>>(0, "note");
  return out;
}

pg::Query ledger_nodes_query(const std::vector<merkle::NodeId>& ids) {
  std::vector<std::int64_t> levels, indexes;
  for (const auto& id : ids) {
    levels.push_back(static_cast<std::int64_t>(id.level));
    indexes.push_back(static_cast<std::int64_t>(id.index));
  }
  return {sql::engine::read_ledger_nodes, pg::Params::of(levels, indexes)};
}

Result<std::vector<std::string>> ledger_nodes_from(const pg::Rows& rows) {
  std::vector<std::string> out;
  for (const auto row : rows) {
    auto hash = row.get<std::optional<std::string>>(0);
    if (!hash)
      return Error(Code::kDataLoss, "ledger.node_missing", "A node of the ledger's tree is missing.")
          .with_next_action("Run phoenix fsck, and restore the database from a backup.");
    out.push_back(std::move(*hash));
  }
  return out;
}

asio::awaitable<Result<LedgerHead>> read_ledger_head(pg::Database& database) {
  PHX_CO_TRY(const auto rows,
             co_await database.read(pg::Scope::worker(), sql::engine::ledger_head, {}, Deadline::after(kReadLimit)));
  co_return ledger_head_from(rows);
}

asio::awaitable<Result<std::vector<std::string>>> read_ledger_nodes(pg::Database& database,
                                                                    std::vector<merkle::NodeId> ids) {
  auto query = ledger_nodes_query(ids);
  PHX_CO_TRY(const auto rows, co_await database.read(pg::Scope::worker(), query.sql, std::move(query.params),
                                                     Deadline::after(kReadLimit)));
  co_return ledger_nodes_from(rows);
}

asio::awaitable<Result<std::int64_t>> thin_checkpoints(pg::Database& database, int max) {
  PHX_CO_TRY(const auto rows, co_await database.execute(pg::Scope::worker(), sql::engine::thin_checkpoints,
                                                        pg::Params::of(max), Deadline::after(kAppendLimit)));
  co_return rows.get<std::int64_t>(0, 0);
}

LedgerSequencer::LedgerSequencer(pg::Database& database, const Clock& clock, Metrics& metrics, SigningKey key,
                                 LedgerOptions options)
    : database_(database),
      clock_(clock),
      key_(std::move(key)),
      options_(options),
      low_water_(kInboxReset),
      size_(metrics.gauge("sankofa_ledger_size_leaves", "Audit rows that a signed checkpoint covers")),
      lag_(metrics.gauge("sankofa_ledger_lag_seconds", "Age of the oldest audit row that no checkpoint covers yet")),
      checkpoints_(metrics.counter("sankofa_ledger_checkpoints_total", "Checkpoints signed by this process")),
      batch_seconds_(metrics.latency("sankofa_ledger_batch_seconds", "Time to append one batch and sign for it")) {}

bool LedgerSequencer::settled(const LedgerHead& head) {
  if (settled_for_ != head.origin && head.note && open_checkpoint(*head.note, key_.verifier(head.origin)))
    settled_for_ = head.origin;
  return settled_for_ == head.origin;
}

asio::awaitable<Result<bool>> LedgerSequencer::has_work() {
  std::vector<pg::Query> queries;
  queries.push_back({sql::engine::ledger_head, {}});
  queries.push_back({sql::engine::ledger_backlog, pg::Params::of(low_water_.bound(clock_.monotonic()))});
  PHX_CO_TRY(const auto answers,
             co_await database_.read_many(pg::Scope::worker(), std::move(queries), Deadline::after(kReadLimit)));
  const auto head = ledger_head_from(answers[0]);
  const auto& backlog = answers[1];
  const auto oldest = backlog.get<std::optional<Instant>>(0, "oldest");
  size_.set(static_cast<double>(head.size));
  lag_.set(oldest ? std::chrono::duration<double>(backlog.get<Instant>(0, "now") - *oldest).count() : 0);
  if (!oldest) low_water_.note(0, backlog.get<std::int64_t>(0, "xmin"), backlog.get<std::int64_t>(0, "xmax"));
  co_return oldest || !settled(head);
}

/// The stored tree at the last checkpoint's size; it must be the one that was signed.
asio::awaitable<Result<merkle::Frontier>> LedgerSequencer::frontier_at(pg::Transaction& tx, LedgerHead head) {
  if (frontier_ && frontier_->size() == head.size && frontier_->root() == head.root) co_return *frontier_;
  auto query = ledger_nodes_query(merkle::edge_of(head.size));
  PHX_CO_TRY(const auto rows, co_await tx.execute(query.sql, std::move(query.params)));
  PHX_CO_TRY(auto edge, ledger_nodes_from(rows));
  PHX_CO_TRY(auto stored, merkle::Frontier::restore(head.size, std::move(edge)));
  if (stored.root() != head.root)
    co_return Error(Code::kDataLoss, "ledger.diverged",
                    "The stored tree of the ledger is not the one that the last checkpoint was signed for.")
        .with_next_action("Run phoenix fsck, and restore the database from a backup.");
  co_return stored;
}

asio::awaitable<Result<int>> LedgerSequencer::append_batch() {
  const auto started = clock_.monotonic();
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::worker(), Deadline::after(kAppendLimit)));
  // Statements of their own after the lock: their snapshots show what the sequencer before us left.
  std::vector<pg::Query> queries;
  queries.push_back({sql::engine::lock_ledger, {}});
  queries.push_back({sql::engine::ledger_head, {}});
  queries.push_back(
      {sql::engine::take_audit_rows, pg::Params::of(low_water_.bound(clock_.monotonic()), options_.batch_max)});
  PHX_CO_TRY(const auto answers, co_await tx.execute_batch(std::move(queries)));
  const auto head = ledger_head_from(answers[1]);
  const auto& rows = answers[2];
  const bool had_our_say = settled(head);
  if (rows.empty() && had_our_say) co_return 0;
  if (head.note && !had_our_say)
    log_event(LogLevel::kWarn, "ledger.other_key", {{"key", key_.verifier(head.origin).text()}, {"size", head.size}});

  PHX_CO_TRY(auto frontier, co_await frontier_at(tx, head));
  Growth growth;
  for (const auto row : rows) growth.add(row.get<Uuid>("audit_id"), row.get<std::string_view>("canonical"), frontier);
  const Checkpoint checkpoint{head.origin, frontier.size(), frontier.root()};
  auto leaves = pg::Params::of(static_cast<std::int64_t>(head.size), growth.audit_ids);
  tx.defer(sql::engine::add_leaves, std::move(leaves.add_bytes(growth.leaf_hashes)));
  auto nodes = pg::Params::of(growth.levels, growth.indexes);
  tx.defer(sql::engine::add_ledger_nodes, std::move(nodes.add_bytes(growth.node_hashes)));
  auto signed_for = pg::Params::of(static_cast<std::int64_t>(checkpoint.size));
  signed_for.add_bytes(checkpoint.root).add(key_.sign(checkpoint.origin, checkpoint.text()));
  tx.defer(sql::engine::add_checkpoint, std::move(signed_for));
  if (!growth.audit_ids.empty()) tx.defer(sql::engine::tell_audit_rows, pg::Params::of(growth.audit_ids));
  PHX_CRASH_POINT("engine.ledger.before_commit");
  PHX_CO_CHECK(co_await tx.commit());
  PHX_CRASH_POINT("engine.ledger.after_commit");

  // A full batch says nothing about what it left behind.
  if (!rows.empty() && rows.size() < options_.batch_max)
    low_water_.note(rows.get<std::int64_t>(rows.size() - 1, "inbox_id"), rows.get<std::int64_t>(0, "xmin"),
                    rows.get<std::int64_t>(0, "xmax"));
  frontier_ = std::move(frontier);
  settled_for_ = checkpoint.origin;
  size_.set(static_cast<double>(checkpoint.size));
  checkpoints_.add();
  batch_seconds_.observe(std::chrono::duration<double>(clock_.monotonic() - started).count());
  co_return rows.size();
}

asio::awaitable<void> LedgerSequencer::run() {
  auto pause = options_.every;
  for (;;) {
    Result<int> appended = 0;
    auto work = co_await has_work();
    if (!work)
      appended = std::move(work).error();
    else if (*work)
      appended = co_await append_batch();
    if (!appended) {
      if (appended.error().code() != Code::kCancelled) log_error("ledger.failed", appended.error());
      pause = std::min<std::chrono::milliseconds>(pause * 2, 2s);
    } else {
      pause = options_.every;
      if (*appended == options_.batch_max) continue;
    }
    co_await sleep_for(pause);
  }
}

}  // namespace phx::engine
