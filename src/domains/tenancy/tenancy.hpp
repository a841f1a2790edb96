#pragma once
/// Tenants, their members and limits, and the door into them.
///
/// Guarantees
/// - enter() answers the same for a tenant that does not exist and for one the caller has no part in. Members of a
///   suspended or deleted tenant learn that it is so.
/// - A token of an outside provider that names tenants opens these alone, with the role it names; memberships then say
///   nothing.
/// - A tenant always has an owner: the last one can be neither demoted nor removed, also under parallel changes.
/// - What a tenant may see of people are its members, and of them only address and name.
/// - An access once given is believed for `believed_for` at most; changes made through this object count at once.
///
/// Errors: kNotFound "tenant.not_found", "user.not_found"; kFailedPrecondition "tenant.suspended", "tenant.deleted",
/// "tenant.last_owner"; kPermissionDenied "membership.not_yours"; kNotFound "membership.not_found"; kAlreadyExists
/// "tenant.name_taken"; kInvalidArgument "membership.role", "quota.unknown_dimension", "quota.negative";
/// "scope.platform_required", "scope.tenant_required"; and those of tenant_rules.hpp.

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
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

namespace phx::engine {
struct Event;
}

namespace phx::tenancy {

namespace asio = boost::asio;

struct Settings {
  std::string default_site = "local";
  std::string region = "local";
  std::chrono::seconds believed_for = std::chrono::seconds(5);
  std::size_t believed_max = 4096;
};

/// The SDL type of memberships, in events and audit rows.
inline constexpr std::string_view kMembershipType = "Membership";
/// The user in the payload of an event of that type.
std::optional<Uuid> member_of(const engine::Event& event);

class Tenancy final : public api::TenantDirectory {
 public:
  Tenancy(pg::Database& database, const Clock& clock, UuidSource& ids, Settings settings);

  void register_with(api::Registry& registry, api::Router& router);

  /// The site every single machine has; its region follows the setting.
  asio::awaitable<Result<Uuid>> ensure_default_site();

  /// Told of each membership that was added, changed or removed here, after the commit. Other servers on the database
  /// learn of it by the event of type "Membership", whose payload names the user (see member_of()).
  void on_member_changed(std::function<void(const Uuid& user, const Uuid& tenant)> listener) {
    on_member_changed_ = std::move(listener);
  }
  /// Another server has changed memberships or tenants: nothing is believed any more.
  void forget();

  asio::awaitable<Result<api::TenantAccess>> enter(api::Principal principal, std::string id_or_name) override;

 private:
  asio::awaitable<Result<boost::json::object>> create_tenant(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> add_user(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> remove_user(api::MutationContext& context, boost::json::object args);
  asio::awaitable<Result<boost::json::object>> set_quota(api::MutationContext& context, boost::json::object args);
  /// The tenant and the user's membership of it; nothing when there is no such tenant.
  asio::awaitable<Result<std::optional<api::TenantAccess>>> look_up(Uuid user, std::string id_or_name);
  void believe(std::pair<Uuid, std::string> key, const api::TenantAccess& access);
  void member_changed(const Uuid& user, const Uuid& tenant);

  pg::Database& database_;
  const Clock& clock_;
  UuidSource& ids_;
  const Settings settings_;
  struct Believed {
    api::TenantAccess access;
    Duration since;
  };
  std::function<void(const Uuid&, const Uuid&)> on_member_changed_;
  /// By user and the tenant as the caller named it.
  std::map<std::pair<Uuid, std::string>, Believed> believed_;
  /// Grows with every change made here; a look-up that began before one is not believed.
  std::uint64_t epoch_ = 0;
};

}  // namespace phx::tenancy
