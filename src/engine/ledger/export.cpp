#include "engine/ledger/export.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <ostream>

#include "base/crypto.hpp"
#include "base/deadline.hpp"
#include "engine/ledger/export_lines.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPage = 1'000;
constexpr auto kReadLimit = 30s;
constexpr auto kIndexesLimit = 10min;

/// Fetches at once what a computation over nodes will ask for, which it finds out by letting it ask.
asio::awaitable<Result<std::map<merkle::NodeId, std::string>>> nodes_for(
    pg::Database& database, std::function<void(const merkle::NodeSource&)> ask) {
  std::map<merkle::NodeId, std::string> out;
  ask([&out](merkle::NodeId id) {
    out.emplace(id, "");
    return std::string();
  });
  std::vector<merkle::NodeId> ids;
  for (const auto& [id, hash] : out) ids.push_back(id);
  auto query = ledger_nodes_query(ids);
  PHX_CO_TRY(const auto rows, co_await database.execute(pg::Scope::worker(), query.sql, std::move(query.params),
                                                        Deadline::after(kReadLimit)));
  PHX_CO_TRY(auto hashes, ledger_nodes_from(rows));
  std::size_t i = 0;
  for (auto& [id, hash] : out) hash = std::move(hashes[i++]);
  co_return out;
}

merkle::NodeSource source_of(const std::map<merkle::NodeId, std::string>& nodes) {
  return [&nodes](merkle::NodeId id) { return nodes.at(id); };
}

asio::awaitable<Result<std::vector<std::int64_t>>> indexes_of(pg::Database& database, std::optional<Uuid> tenant,
                                                              std::uint64_t size) {
  std::vector<std::int64_t> out;
  if (!tenant) {
    out.resize(static_cast<std::size_t>(size));
    std::iota(out.begin(), out.end(), 0);
    co_return out;
  }
  PHX_CO_TRY(const auto rows, co_await database.execute(pg::Scope::worker(), sql::engine::leaf_indexes,
                                                        pg::Params::of(*tenant, static_cast<std::int64_t>(size)),
                                                        Deadline::after(kIndexesLimit)));
  for (const auto row : rows) out.push_back(row.get<std::int64_t>(0));
  co_return out;
}

asio::awaitable<Result<SinceProof>> proof_since(pg::Database& database, std::string note, VerifierKey key,
                                                std::uint64_t size) {
  PHX_CO_TRY(const auto old, open_checkpoint(note, key));
  if (old.size > size)
    co_return Error(Code::kFailedPrecondition, "ledger.since_newer",
                    "The older checkpoint has more leaves than the ledger has now.");
  PHX_CO_TRY(const auto nodes, co_await nodes_for(database, [&](const merkle::NodeSource& source) {
               merkle::consistency_proof(old.size, size, source);
             }));
  co_return SinceProof{old.size, merkle::consistency_proof(old.size, size, source_of(nodes))};
}

/// Writes lines and keeps the digest that the seal needs.
class Lines {
 public:
  explicit Lines(std::ostream& out) : out_(out) {}
  void write(std::string_view line) {
    out_ << line << '\n';
    digest_.update(line);
    digest_.update("\n");
    ++count_;
  }
  void seal(const SigningKey& key, const std::string& origin) {
    out_ << seal_line(key.sign(origin, seal_text(origin, count_, digest_.finish()))) << '\n';
  }

 private:
  std::ostream& out_;
  Sha256 digest_;
  std::uint64_t count_ = 0;
};

asio::awaitable<Status> write_page(pg::Database& database, std::vector<std::int64_t> indexes, bool with_proofs,
                                   LedgerContents& contents, Lines& lines) {
  PHX_CO_TRY(const auto rows, co_await database.execute(pg::Scope::worker(), sql::engine::read_leaves,
                                                        pg::Params::of(indexes), Deadline::after(kReadLimit)));
  if (static_cast<std::size_t>(rows.size()) != indexes.size())
    co_return Error(Code::kDataLoss, "ledger.node_missing", "Leaves of the ledger are missing.")
        .with_next_action("Run phoenix fsck, and restore the database from a backup.");
  const auto size = contents.checkpoint.size;
  std::map<merkle::NodeId, std::string> nodes;
  if (with_proofs) {
    PHX_CO_TRY(nodes, co_await nodes_for(database, [&](const merkle::NodeSource& source) {
                 for (const auto index : indexes)
                   merkle::inclusion_proof(static_cast<std::uint64_t>(index), size, source);
               }));
  }
  for (const auto row : rows) {
    ExportedLeaf leaf;
    leaf.index = static_cast<std::uint64_t>(row.get<std::int64_t>("index"));
    leaf.canonical = row.get<std::string>("canonical");
    leaf.content = row.get<std::optional<std::string>>("content");
    leaf.salt = row.get<std::optional<std::string>>("salt");
    if (with_proofs) leaf.proof = merkle::inclusion_proof(leaf.index, size, source_of(nodes));
    PHX_CO_TRY(const auto line, leaf.line());
    lines.write(line);
    ++contents.leaves;
    if (!leaf.content) ++contents.erased;
  }
  co_return Status();
}

}  // namespace

asio::awaitable<Result<LedgerContents>> export_ledger(pg::Database& database, const SigningKey& key,
                                                      ExportOptions options, std::ostream& out) {
  PHX_CO_TRY(const auto head, co_await read_ledger_head(database));
  LedgerContents contents;
  contents.key = key.verifier(head.origin);
  contents.tenant = options.tenant;
  auto checkpoint = open_checkpoint(head.note.value_or(""), contents.key);
  if (!checkpoint)
    co_return Error(Code::kFailedPrecondition, "ledger.key_mismatch",
                    "The last checkpoint is not signed with the key of this data folder.")
        .with_next_action("Export on the machine whose server signs, or start a server here first.");
  contents.checkpoint = std::move(*checkpoint);

  PHX_CO_TRY(const auto indexes, co_await indexes_of(database, options.tenant, contents.checkpoint.size));
  ExportHeader header{contents.key, *head.note, options.tenant, indexes.size(), {}};
  if (options.since) {
    PHX_CO_TRY(header.since, co_await proof_since(database, *options.since, contents.key, contents.checkpoint.size));
  }
  Lines lines(out);
  lines.write(header.line());
  for (std::size_t begin = 0; begin < indexes.size(); begin += kPage) {
    const auto from = indexes.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto to = indexes.begin() + static_cast<std::ptrdiff_t>(std::min(indexes.size(), begin + kPage));
    PHX_CO_CHECK(co_await write_page(database, {from, to}, options.tenant.has_value(), contents, lines));
  }
  lines.seal(key, contents.checkpoint.origin);
  co_return contents;
}

}  // namespace phx::engine
