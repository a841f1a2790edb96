#include "engine/quota.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "base/crash_point.hpp"
#include "base/deadline.hpp"
#include "base/uuid.hpp"
#include "engine/sql.gen.hpp"
#include "pg/database.hpp"
#include "pg/error.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMaximum = 2'147'483'647;
constexpr auto kRecountLimit = 30s;

struct Dimension {
  std::string_view name;
  std::string_view in_words;
};
constexpr Dimension kDimensions[] = {{quota::kVcpus, "vCPUs"},
                                     {quota::kMemoryMib, "MiB of memory"},
                                     {quota::kInstances, "virtual machines"},
                                     {quota::kStorageGib, "GiB of storage"}};

const Dimension* find_dimension(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kDimensions), std::end(kDimensions), [&](const Dimension& d) { return d.name == name; });
  return found == std::end(kDimensions) ? nullptr : found;
}

Status check(const std::vector<QuotaAmount>& amounts) {
  for (auto it = amounts.begin(); it != amounts.end(); ++it) {
    if (!find_dimension(it->dimension))
      return invalid_argument("quota.unknown_dimension", it->field, "There is no quota '" + it->dimension + "'.");
    if (it->amount < 0 || it->amount > kMaximum)
      return invalid_argument("quota.malformed", it->field, "The amount is out of range.");
    if (std::any_of(amounts.begin(), it, [&](const QuotaAmount& other) { return other.dimension == it->dimension; }))
      return internal_error("quota.malformed", "a dimension was named twice: " + it->dimension);
  }
  return {};
}

std::vector<std::string> names_of(const std::vector<QuotaAmount>& amounts) {
  std::vector<std::string> names;
  for (const auto& amount : amounts) names.push_back(amount.dimension);
  return names;
}

/// Takes the rows' locks, in order; the lines as they are now, by dimension.
asio::awaitable<Result<std::map<std::string, QuotaLine>>> lock(pg::Transaction& tx, Uuid tenant,
                                                               const std::vector<QuotaAmount> amounts) {
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::engine::lock_quotas, pg::Params::of(tenant, names_of(amounts))));
  std::map<std::string, QuotaLine> lines;
  for (const auto row : rows) {
    QuotaLine line{row.get<std::string>(0), row.get<std::int64_t>(1), row.get<std::int64_t>(2)};
    lines.emplace(line.dimension, line);
  }
  for (const auto& amount : amounts)
    if (!lines.contains(amount.dimension))
      co_return Error(Code::kFailedPrecondition, "quota.undefined",
                      "The tenant has no quota '" + amount.dimension + "'.")
          .with_field(amount.field);
  co_return lines;
}

asio::awaitable<Status> change(pg::Transaction& tx, Uuid tenant, std::vector<QuotaAmount> amounts, std::int64_t sign) {
  std::vector<std::int64_t> numbers;
  for (const auto& amount : amounts) numbers.push_back(sign * amount.amount);
  PHX_CRASH_POINT("engine.quota.before_change");
  auto changed = co_await tx.execute(sql::engine::change_quotas, pg::Params::of(tenant, names_of(amounts), numbers));
  if (!changed) co_return std::move(changed).error();
  co_return Status();
}

}  // namespace

asio::awaitable<Status> reserve_quota(pg::Transaction& tx, Uuid tenant, std::vector<QuotaAmount> wanted) {
  PHX_CO_CHECK(check(wanted));
  PHX_CO_TRY(auto lines, co_await lock(tx, tenant, wanted));
  std::string message;
  std::string field;
  for (const auto& amount : wanted) {
    const auto& line = lines.at(amount.dimension);
    if (line.used + amount.amount <= line.maximum) continue;
    if (message.empty()) field = amount.field;
    const auto words = find_dimension(amount.dimension)->in_words;
    const auto left = std::max<std::int64_t>(line.maximum - line.used, 0);
    if (!message.empty()) message += ' ';
    message += std::to_string(left) + " of " + std::to_string(line.maximum) + " " + std::string(words) + " are left, " +
               std::to_string(amount.amount) + " were asked for.";
  }
  if (!message.empty())
    co_return Error(Code::kQuotaExceeded, "quota.exceeded", std::move(message))
        .with_field(std::move(field))
        .with_next_action("Ask for less, remove what is no longer needed, or have the quota raised.");
  co_return co_await change(tx, tenant, std::move(wanted), 1);
}

asio::awaitable<Status> release_quota(pg::Transaction& tx, Uuid tenant, std::vector<QuotaAmount> returned) {
  PHX_CO_CHECK(check(returned));
  PHX_CO_TRY(auto lines, co_await lock(tx, tenant, returned));
  for (const auto& amount : returned)
    if (lines.at(amount.dimension).used < amount.amount)
      co_return internal_error("quota.negative", "released more " + amount.dimension + " than was reserved");
  co_return co_await change(tx, tenant, std::move(returned), -1);
}

asio::awaitable<Result<std::vector<QuotaLine>>> read_quota(pg::Transaction& tx, Uuid tenant) {
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::engine::read_quotas, pg::Params::of(tenant)));
  std::vector<QuotaLine> lines;
  for (const auto row : rows)
    lines.push_back({row.get<std::string>(0), row.get<std::int64_t>(1), row.get<std::int64_t>(2)});
  co_return lines;
}

asio::awaitable<Status> define_quotas(pg::Transaction& tx, Uuid tenant, std::string tier, UuidSource& ids) {
  std::vector<Uuid> fresh;
  for (std::size_t i = 0; i < std::size(kDimensions); ++i) fresh.push_back(ids.next());
  PHX_CRASH_POINT("engine.quota.before_define");
  PHX_CO_CHECK(co_await tx.execute(sql::engine::define_quotas, pg::Params::of(tenant, tier, fresh)));
  co_return Status();
}

asio::awaitable<Status> set_quota_maximum(pg::Transaction& tx, Uuid tenant, std::string dimension,
                                          std::int64_t maximum) {
  if (!find_dimension(dimension))
    co_return invalid_argument("quota.unknown_dimension", "dimension", "There is no quota '" + dimension + "'.");
  if (maximum < 0 || maximum > kMaximum)
    co_return invalid_argument("quota.malformed", "maximum", "A maximum is 0 to 2147483647.");
  PHX_CO_TRY(auto changed,
             co_await tx.execute(sql::engine::set_quota_maximum, pg::Params::of(tenant, dimension, maximum)));
  if (changed.affected() == 0)
    co_return Error(Code::kFailedPrecondition, "quota.undefined", "The tenant has no quota '" + dimension + "'.");
  co_return Status();
}

asio::awaitable<Result<std::vector<QuotaDrift>>> recount_quotas(pg::Database& database,
                                                                std::vector<const pg::Statement*> sources) {
  std::vector<pg::Query> queries;
  queries.push_back({sql::engine::recorded_quotas, {}});
  for (const auto* source : sources) queries.push_back({*source, {}});
  PHX_CO_TRY(auto answers,
             co_await database.read_slow(pg::Scope::platform(), std::move(queries), Deadline::after(kRecountLimit)));
  std::map<std::pair<Uuid, std::string>, QuotaDrift> lines;
  for (std::size_t i = 0; i < answers.size(); ++i)
    for (const auto row : answers[i]) {
      const auto tenant = row.get<Uuid>(0);
      const auto dimension = row.get<std::string>(1);
      auto& line = lines[{tenant, dimension}];
      line.tenant = tenant;
      line.dimension = dimension;
      (i == 0 ? line.recorded : line.counted) += row.get<std::int64_t>(2);
    }
  std::vector<QuotaDrift> drift;
  for (auto& [key, line] : lines)
    if (line.recorded != line.counted) drift.push_back(std::move(line));
  co_return drift;
}

}  // namespace phx::engine
