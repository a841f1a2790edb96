#include "engine/ledger/recount.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/deadline.hpp"
#include "engine/audit.hpp"
#include "engine/ledger/audit_bytes.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kPage = 1'000;
constexpr std::size_t kDifferencesMax = 100;
constexpr auto kPageLimit = 30s;
constexpr auto kCountLimit = 10min;

using Differences = std::vector<std::string>;

/// The columns that people read against the bytes that are proven.
bool columns_agree(const pg::RowView& row, const AuditFacts& facts) {
  return row.get<Instant>("at") == facts.at && row.get<Uuid>("id") == facts.id &&
         row.get<std::optional<Uuid>>("tenant_id") == facts.tenant && row.get<std::string>("action") == facts.action &&
         row.get<std::optional<std::string>>("object_type") == facts.object_type &&
         row.get<std::optional<Uuid>>("object_id") == facts.object_id &&
         row.get<std::string>("outcome") == facts.outcome && row.get<std::string>("request_id") == facts.request_id;
}

bool columns_agree(const pg::RowView& row, const AuditContent& content) {
  return row.get<std::string>("actor") == content.actor &&
         row.get<std::optional<std::string>>("on_behalf_of") == content.on_behalf_of &&
         row.get<std::optional<std::string>>("remote_address") == content.remote_address;
}

void check_row(const pg::RowView& row, Differences& out) {
  const auto index = row.get<std::int64_t>("index");
  const auto canonical = row.get<std::string_view>("canonical");
  if (row.get<std::string_view>("leaf_hash") != merkle::leaf_hash(canonical))
    out.push_back(fmt::format("leaf {}: the audit row's bytes are not those that were hashed", index));
  const auto facts = AuditFacts::read(canonical);
  if (!facts || !columns_agree(row, *facts))
    out.push_back(fmt::format("leaf {}: the audit row's columns do not say what its bytes say", index));
  const auto bytes = row.get<std::optional<std::string>>("content");
  if (!bytes) return;
  const auto content = AuditContent::read(*bytes);
  if (!audit_content_matches(canonical, row.get<std::string>("salt"), *bytes))
    out.push_back(fmt::format("leaf {}: the audit row's content is not what its bytes committed to", index));
  else if (!content || !columns_agree(row, *content))
    out.push_back(fmt::format("leaf {}: the audit row's columns do not say what its content says", index));
}

/// One page: its rows, and the nodes that are complete with them.
asio::awaitable<Status> check_page(pg::Database& database, std::uint64_t end, merkle::Frontier& frontier,
                                   Differences& out) {
  std::vector<std::int64_t> indexes(static_cast<std::size_t>(end - frontier.size()));
  std::iota(indexes.begin(), indexes.end(), static_cast<std::int64_t>(frontier.size()));
  PHX_CO_TRY(const auto rows, co_await database.execute(pg::Scope::worker(), sql::engine::read_leaves,
                                                        pg::Params::of(indexes), Deadline::after(kPageLimit)));
  if (static_cast<std::size_t>(rows.size()) != indexes.size()) {
    out.push_back(fmt::format("leaves {} to {}: {} are missing", indexes.front(), indexes.back(),
                              indexes.size() - static_cast<std::size_t>(rows.size())));
    co_return Status();
  }
  std::vector<merkle::NodeId> ids;
  std::vector<std::string> hashes;
  for (const auto row : rows) {
    check_row(row, out);
    for (auto& node : frontier.append(merkle::leaf_hash(row.get<std::string_view>("canonical")))) {
      ids.push_back(node.id);
      hashes.push_back(std::move(node.hash));
    }
  }
  auto query = ledger_nodes_query(ids);
  PHX_CO_TRY(const auto nodes, co_await database.execute(pg::Scope::worker(), query.sql, std::move(query.params),
                                                         Deadline::after(kPageLimit)));
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (nodes.get<std::optional<std::string>>(static_cast<int>(i), 0) != hashes[i])
      out.push_back(fmt::format("node {} of level {}: not the hash of its leaves", ids[i].index, ids[i].level));
  co_return Status();
}

void check_loose(const pg::Rows& rows, Differences& out) {
  const auto tell = [&](std::string_view column, std::string_view what) {
    if (const auto count = rows.get<std::int64_t>(0, column); count > 0)
      out.push_back(fmt::format("{} {}", count, what));
  };
  tell("forgotten", "audit rows are no leaf and do not wait to be one");
  tell("doubled", "audit rows are a leaf and wait to be another");
  tell("unsigned", "leaves are covered by no checkpoint");
}

}  // namespace

asio::awaitable<Result<std::vector<std::string>>> recount_ledger(pg::Database& database) {
  std::vector<pg::Query> queries;
  queries.push_back({sql::engine::ledger_head, {}});
  queries.push_back({sql::engine::loose_ledger_rows, {}});
  PHX_CO_TRY(const auto answers,
             co_await database.read_slow(pg::Scope::worker(), std::move(queries), Deadline::after(kCountLimit)));
  const auto head = ledger_head_from(answers[0]);
  Differences out;
  check_loose(answers[1], out);
  merkle::Frontier frontier;
  while (frontier.size() < head.size) {
    const auto before = frontier.size();
    PHX_CO_CHECK(co_await check_page(database, std::min(head.size, before + kPage), frontier, out));
    // After a gap nothing can be said of what follows.
    if (frontier.size() == before) break;
  }
  if (frontier.size() == head.size && frontier.root() != head.root)
    out.push_back("the root of the leaves is not that of the last checkpoint");
  if (out.size() > kDifferencesMax) {
    const auto more = out.size() - kDifferencesMax;
    out.resize(kDifferencesMax);
    out.push_back(fmt::format("and {} more", more));
  }
  co_return out;
}

}  // namespace phx::engine
