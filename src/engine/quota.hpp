#pragma once
/// What a tenant may use, and what counts against it. Reservations are part of the mutation's transaction: the tenant's
/// own rows are locked, nobody else's, in the order of their names, so that reservations of one tenant queue up and
/// never deadlock. `used` is derived: recount_quotas() compares it with what the domains really hold.
///
/// Errors: kQuotaExceeded "quota.exceeded" (which, how much is left, how much was asked for, the input field);
/// kFailedPrecondition "quota.undefined" (the tenant has no such row); kInternal "quota.negative" (released more than
/// was reserved: a bug); kInvalidArgument "quota.unknown_dimension", "quota.malformed".

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/uuid.hpp"
#include "pg/statement.hpp"

namespace phx {
class UuidSource;
}

namespace phx::pg {
class Database;
class Transaction;
}  // namespace phx::pg

namespace phx::engine {

namespace asio = boost::asio;

namespace quota {
inline constexpr std::string_view kVcpus = "vcpus", kMemoryMib = "memory_mib", kInstances = "instances",
                                  kStorageGib = "storage_gib";
}

struct QuotaAmount {
  std::string dimension;
  std::int64_t amount = 0;  ///< not negative
  std::string field = {};   ///< of the input it came from, "input.vcpus"; named in the error
};

struct QuotaLine {
  std::string dimension;
  std::int64_t used = 0;
  std::int64_t maximum = 0;
};

/// All or nothing. Each dimension at most once.
asio::awaitable<Status> reserve_quota(pg::Transaction& tx, Uuid tenant, std::vector<QuotaAmount> wanted);
asio::awaitable<Status> release_quota(pg::Transaction& tx, Uuid tenant, std::vector<QuotaAmount> returned);
asio::awaitable<Result<std::vector<QuotaLine>>> read_quota(pg::Transaction& tx, Uuid tenant);

/// The rows of a new tenant, with the maxima of its tier (table quota_defaults). Done twice is done once.
asio::awaitable<Status> define_quotas(pg::Transaction& tx, Uuid tenant, std::string tier, UuidSource& ids);
/// A maximum below what is used is allowed: nothing new fits until enough was given back.
asio::awaitable<Status> set_quota_maximum(pg::Transaction& tx, Uuid tenant, std::string dimension,
                                          std::int64_t maximum);

/// A recorded number that is not the counted one.
struct QuotaDrift {
  Uuid tenant;
  std::string dimension;
  std::int64_t recorded = 0;
  std::int64_t counted = 0;
};

/// Compares all tenants' `used` with what the domains count, under one snapshot. Each source is a query of a domain
/// giving rows (tenant_id uuid, dimension text, used bigint); several sources add up. For fsck; read as platform.
asio::awaitable<Result<std::vector<QuotaDrift>>> recount_quotas(pg::Database& database,
                                                                std::vector<const pg::Statement*> sources);

}  // namespace phx::engine
