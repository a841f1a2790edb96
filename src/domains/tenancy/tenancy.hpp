#pragma once
/// Tenants, their members and limits, and the door into them.
///
/// Guarantees
/// - enter() answers the same for a tenant that does not exist and for one the caller has no part in. Members of a
///   suspended or deleted tenant learn that it is so.
/// - A tenant always has an owner: the last one can be neither demoted nor removed, also under parallel changes.
/// - What a tenant may see of people are its members, and of them only address and name.
/// - An access once given is believed for `believed_for` at most; changes made through this object count at once.
///
/// Errors: kNotFound "tenant.not_found", "user.not_found"; kFailedPrecondition "tenant.suspended", "tenant.deleted",
/// "tenant.last_owner"; kAlreadyExists "tenant.name_taken"; kInvalidArgument "membership.role",
/// "quota.unknown_dimension", "quota.negative"; "scope.platform_required", "scope.tenant_required"; and those of
/// tenant_rules.hpp.

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "api/context.hpp"
#include "api/middleware.hpp"
#include "api/registry.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx::pg {
class Database;
}

namespace phx::tenancy {

namespace asio = boost::asio;

struct Settings {
  std::string default_site = "local";
  std::string region = "local";
  std::chrono::seconds believed_for = std::chrono::seconds(5);
  std::size_t believed_max = 4096;
};

class Tenancy final : public api::TenantDirectory {
 public:
  Tenancy(pg::Database& database, const Clock& clock, UuidSource& ids, Settings settings);

  void register_with(api::Registry& registry, api::Router& router);

  /// The site every single machine has; its region follows the setting.
  asio::awaitable<Result<Uuid>> ensure_default_site();

  asio::awaitable<Result<api::TenantAccess>> enter(api::Principal principal, std::string id_or_name) override;

 private:
  asio::awaitable<Result<boost::json::object>> create_tenant(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> add_user(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> set_quota(api::MutationContext& context, boost::json::object args);
  /// The tenant and the user's membership of it; nothing when there is no such tenant.
  asio::awaitable<Result<std::optional<api::TenantAccess>>> look_up(Uuid user, std::string id_or_name);
  void believe(std::pair<Uuid, std::string> key, const api::TenantAccess& access);
  /// Memberships or tenants changed: nothing is believed any more.
  void forget();

  pg::Database& database_;
  const Clock& clock_;
  UuidSource& ids_;
  const Settings settings_;
  struct Believed {
    api::TenantAccess access;
    Duration since;
  };
  /// By user and the tenant as the caller named it.
  std::map<std::pair<Uuid, std::string>, Believed> believed_;
  /// Grows with every change made here; a look-up that began before one is not believed.
  std::uint64_t epoch_ = 0;
};

}  // namespace phx::tenancy
