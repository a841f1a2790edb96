#include "domains/tenancy/tenancy.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <optional>

#include "api/errors.hpp"
#include "base/deadline.hpp"
#include "domains/tenancy/sql.gen.hpp"
#include "domains/tenancy/tenant_rules.hpp"
#include "engine/events.hpp"
#include "engine/quota.hpp"
#include "pg/database.hpp"
#include "pg/error.hpp"

namespace phx::tenancy {
namespace {

using namespace std::chrono_literals;

std::string text_of(const boost::json::object& args, std::string_view key) {
  const auto* value = args.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

Error unknown_tenant() {
  return not_found("tenant.not_found", "There is no such tenant, or you are not one of its members.");
}

api::TenantState state_from_name(std::string_view name) {
  if (name == "SUSPENDED") return api::TenantState::kSuspended;
  if (name == "DELETED") return api::TenantState::kDeleted;
  return api::TenantState::kActive;
}

/// Suspended tenants are open to those who look after them; deleted ones to nobody.
Status check_open(const api::TenantAccess& access) {
  if (access.status == api::TenantState::kDeleted)
    return Error(Code::kFailedPrecondition, "tenant.deleted", "The tenant " + access.name + " was deleted.")
        .with_next_action("Ask the operators of the platform if it shall be brought back.");
  if (access.status == api::TenantState::kSuspended && access.role != api::Role::kPlatformAdmin)
    return Error(Code::kFailedPrecondition, "tenant.suspended", "The tenant " + access.name + " is suspended.")
        .with_next_action("Ask the operators of the platform.");
  return {};
}

Status check_platform_transaction(api::MutationContext& context) {
  if (context.tx().scope().role == pg::Role::kPlatform) return {};
  return api::platform_scope_required();
}

Result<Uuid> tenant_of(const api::RequestContext& request) {
  if (request.tenant) return *request.tenant;
  return api::tenant_scope_required();
}

/// What a membership copies of a user.
struct Profile {
  std::string email;
  std::string name;
  Instant created_at;
};

Result<Profile> profile_of(const pg::Rows& rows) {
  if (rows.empty()) return Error(not_found("user.not_found", "There is no such user.")).with_field("userId");
  return Profile{rows.get<std::string>(0, "email"), rows.get<std::string>(0, "name"),
                 rows.get<Instant>(0, "created_at")};
}

pg::Params membership_params(Uuid id, Uuid tenant, Uuid user, api::Role role, const Profile& profile) {
  return pg::Params::of(id, tenant, user, api::role_name(role), profile.email, profile.name, profile.created_at);
}

engine::Event changed(std::string type, Uuid id, Uuid tenant, engine::ChangeKind kind, std::int64_t version) {
  return {.type = std::move(type), .id = id, .tenant = tenant, .kind = kind, .version = version, .payload = {}};
}

engine::Event member_event(Uuid membership, Uuid tenant, Uuid user, engine::ChangeKind kind, std::int64_t version) {
  auto event = changed(std::string(kMembershipType), membership, tenant, kind, version);
  event.payload = boost::json::serialize(boost::json::object{{"user", user.to_string()}});
  return event;
}

Error last_owner(std::string_view field) {
  return Error(Code::kFailedPrecondition, "tenant.last_owner", "A tenant keeps at least one owner.")
      .with_field(std::string(field))
      .with_next_action("Make somebody else an owner first.");
}

boost::json::object membership_json(Uuid user, std::string_view role) {
  return {{"userId", user.to_string()}, {"role", role}};
}

}  // namespace

std::optional<Uuid> member_of(const engine::Event& event) {
  if (!event.payload) return std::nullopt;
  boost::system::error_code wrong;
  const auto payload = boost::json::parse(*event.payload, wrong);
  if (wrong || !payload.is_object()) return std::nullopt;
  const auto user = Uuid::parse(text_of(payload.as_object(), "user"));
  return user ? std::optional(*user) : std::nullopt;
}

Tenancy::Tenancy(pg::Database& database, const Clock& clock, UuidSource& ids, Settings settings)
    : database_(database), clock_(clock), ids_(ids), settings_(std::move(settings)) {}

void Tenancy::register_with(api::Registry& registry, api::Router&) {
  registry.mutation("createTenant", [this](api::MutationContext& context, boost::json::object args) {
    return create_tenant(context, std::move(args));
  });
  registry.mutation("addUserToTenant", [this](api::MutationContext& context, boost::json::object args) {
    return add_user(context, std::move(args));
  });
  registry.mutation("removeUserFromTenant", [this](api::MutationContext& context, boost::json::object args) {
    return remove_user(context, std::move(args));
  });
  registry.mutation("setQuota", [this](api::MutationContext& context, boost::json::object args) {
    return set_quota(context, std::move(args));
  });
}

asio::awaitable<Result<Uuid>> Tenancy::ensure_default_site() {
  PHX_CO_TRY(auto rows,
             co_await database_.execute(pg::Scope::platform(), sql::tenancy::ensure_site,
                                        pg::Params::of(ids_.next(), settings_.default_site, settings_.region),
                                        Deadline::after(10s)));
  co_return rows.get<Uuid>(0, "id");
}

asio::awaitable<Result<api::TenantAccess>> Tenancy::enter(api::Principal principal, std::string id_or_name) {
  auto key = std::make_pair(principal.user_id, std::move(id_or_name));
  std::optional<api::TenantAccess> access;
  if (const auto found = believed_.find(key);
      found != believed_.end() && clock_.monotonic() - found->second.since < settings_.believed_for)
    access = found->second.access;
  if (!access) {
    const auto epoch = epoch_;
    PHX_CO_TRY(access, co_await look_up(key.first, key.second));
    // What was read while something changed is used once, and not believed.
    if (access && epoch == epoch_) believe(std::move(key), *access);
  }
  if (access && principal.platform_admin) access->role = api::Role::kPlatformAdmin;
  if (access && principal.claimed_tenants) {
    // The provider decides: what its token does not name is closed, also to members.
    const auto claimed = principal.claimed_tenants->find(access->name);
    access->role = claimed == principal.claimed_tenants->end() ? api::Role::kNone : claimed->second;
  }
  const bool other_tenant = access && principal.token_tenant && *principal.token_tenant != access->id;
  if (!access || access->role == api::Role::kNone || other_tenant) co_return unknown_tenant();
  PHX_CO_CHECK(check_open(*access));
  co_return std::move(*access);
}

asio::awaitable<Result<std::optional<api::TenantAccess>>> Tenancy::look_up(Uuid user, std::string id_or_name) {
  const auto id = Uuid::parse(id_or_name);
  // A name that is none cannot be in the table, and may hold bytes that PostgreSQL refuses.
  if (!id && !check_tenant_name(id_or_name, "")) co_return std::optional<api::TenantAccess>();
  PHX_CO_TRY(auto rows,
             co_await database_.read(pg::Scope::platform(), sql::tenancy::tenant_for_user,
                                     pg::Params::of(id ? std::optional(*id) : std::nullopt, id_or_name, user),
                                     Deadline::after(5s)));
  if (rows.empty()) co_return std::optional<api::TenantAccess>();
  api::TenantAccess access;
  access.id = rows.get<Uuid>(0, "id");
  access.name = rows.get<std::string>(0, "name");
  access.status = state_from_name(rows.get<std::string_view>(0, "status"));
  access.role = api::role_from_name(rows.get<std::optional<std::string_view>>(0, "role").value_or(""));
  co_return std::optional(std::move(access));
}

asio::awaitable<Result<boost::json::object>> Tenancy::create_tenant(api::MutationContext& context,
                                                                    boost::json::object args) {
  PHX_CO_CHECK(check_platform_transaction(context));
  const auto& input = args.at("input").as_object();
  const auto name = text_of(input, "name");
  PHX_CO_CHECK(check_tenant_name(name, "input.name"));
  auto display_name = text_of(input, "displayName");
  if (display_name.empty()) display_name = name;
  PHX_CO_CHECK(check_tenant_display_name(display_name, "input.displayName"));
  const auto tier = text_of(input, "tier");

  auto& tx = context.tx();
  const Uuid tenant = context.ids().next();
  const Uuid owner = context.request().principal.user_id;
  const Uuid membership = context.ids().next();
  auto inserted = co_await tx.execute(sql::tenancy::insert_tenant, pg::Params::of(tenant, name, display_name, tier));
  if (!inserted) {
    if (pg::violates(inserted.error(), "tenants_name_key"))
      co_return Error(Code::kAlreadyExists, "tenant.name_taken", "There is a tenant of this name already.")
          .with_field("input.name");
    co_return std::move(inserted).error();
  }
  PHX_CO_CHECK(co_await engine::define_quotas(tx, tenant, tier, context.ids()));
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::tenancy::profile, pg::Params::of(owner)));
  PHX_CO_TRY(const auto profile, profile_of(rows));
  PHX_CO_CHECK(co_await tx.execute(sql::tenancy::insert_membership,
                                   membership_params(membership, tenant, owner, api::Role::kTenantOwner, profile)));
  PHX_CO_CHECK(co_await context.record_event(changed("Tenant", tenant, tenant, engine::ChangeKind::kCreated, 1)));
  PHX_CO_CHECK(co_await context.record_event(member_event(membership, tenant, owner, engine::ChangeKind::kCreated, 1)));
  context.audit_tenant(tenant);
  context.audit(
      "Tenant", tenant, nullptr,
      boost::json::object{{"name", name}, {"displayName", display_name}, {"tier", tier}, {"owner", owner.to_string()}});
  context.after_commit([this] { forget(); });
  co_return boost::json::object{{"tenant", tenant.to_string()}};
}

asio::awaitable<Result<boost::json::object>> Tenancy::add_user(api::MutationContext& context,
                                                               boost::json::object args) {
  PHX_CO_TRY(const Uuid tenant, tenant_of(context.request()));
  auto user = Uuid::parse(text_of(args, "userId"));
  if (!user) co_return std::move(user).error().with_field("userId");
  const auto role = api::role_from_name(text_of(args, "role"));
  if (role == api::Role::kNone || role == api::Role::kPlatformAdmin)
    co_return invalid_argument("membership.role", "role", "A member of a tenant has one of the tenant's roles.");

  auto& tx = context.tx();
  // Whoever becomes an owner or ceases to be one waits here for others who do.
  PHX_CO_TRY(auto owners, co_await tx.execute(sql::tenancy::owners_for_update, pg::Params::of(tenant)));
  PHX_CO_TRY(auto present, co_await tx.execute(sql::tenancy::membership_for_update, pg::Params::of(tenant, *user)));
  context.after_commit([this, member = *user, tenant] { member_changed(member, tenant); });

  if (present.empty()) {
    // People outside of the tenant are the platform's knowledge; its walls hide them from this transaction.
    PHX_CO_TRY(auto rows, co_await database_.read(pg::Scope::platform(), sql::tenancy::profile, pg::Params::of(*user),
                                                  tx.deadline()));
    PHX_CO_TRY(const auto profile, profile_of(rows));
    const Uuid membership = context.ids().next();
    PHX_CO_TRY(auto added, co_await tx.execute(sql::tenancy::insert_membership,
                                               membership_params(membership, tenant, *user, role, profile)));
    if (added.affected() == 0)
      co_return Error(Code::kAborted, "membership.concurrent", "The user was added at the same time. Try again.");
    PHX_CO_CHECK(
        co_await context.record_event(member_event(membership, tenant, *user, engine::ChangeKind::kCreated, 1)));
    context.audit("Membership", membership, nullptr, membership_json(*user, api::role_name(role)));
    co_return boost::json::object{{"membership", membership.to_string()}};
  }

  const auto membership = present.get<Uuid>(0, "id");
  const auto before = present.get<std::string>(0, "role");
  const bool steps_down = before == api::role_name(api::Role::kTenantOwner) && role != api::Role::kTenantOwner;
  if (steps_down && owners.size() == 1) co_return last_owner("role");
  PHX_CO_TRY(auto updated,
             co_await tx.execute(sql::tenancy::update_role, pg::Params::of(membership, api::role_name(role))));
  PHX_CO_CHECK(co_await context.record_event(
      member_event(membership, tenant, *user, engine::ChangeKind::kUpdated, updated.get<std::int32_t>(0, "version"))));
  context.audit("Membership", membership, membership_json(*user, before), membership_json(*user, api::role_name(role)));
  co_return boost::json::object{{"membership", membership.to_string()}};
}

asio::awaitable<Result<boost::json::object>> Tenancy::remove_user(api::MutationContext& context,
                                                                  boost::json::object args) {
  PHX_CO_TRY(const Uuid tenant, tenant_of(context.request()));
  auto user = Uuid::parse(text_of(args, "userId"));
  if (!user) co_return std::move(user).error().with_field("userId");
  // Everybody may leave; sending others away is for owners.
  if (*user != context.request().principal.user_id && context.request().role < api::Role::kTenantOwner)
    co_return permission_denied("membership.not_yours", "Only an owner removes others from the tenant.");

  auto& tx = context.tx();
  // The same order of locks as in add_user(): of two owners who leave at once the second finds himself the last.
  PHX_CO_TRY(auto owners, co_await tx.execute(sql::tenancy::owners_for_update, pg::Params::of(tenant)));
  PHX_CO_TRY(auto present, co_await tx.execute(sql::tenancy::membership_for_update, pg::Params::of(tenant, *user)));
  if (present.empty())
    co_return Error(not_found("membership.not_found", "The tenant has no such member.")).with_field("userId");
  const auto membership = present.get<Uuid>(0, "id");
  const auto role = present.get<std::string>(0, "role");
  if (role == api::role_name(api::Role::kTenantOwner) && owners.size() == 1) co_return last_owner("userId");
  PHX_CO_TRY(auto removed, co_await tx.execute(sql::tenancy::delete_membership, pg::Params::of(membership)));
  PHX_CO_CHECK(co_await context.record_event(member_event(membership, tenant, *user, engine::ChangeKind::kDeleted,
                                                          removed.get<std::int32_t>(0, "version") + 1)));
  context.audit(std::string(kMembershipType), membership, membership_json(*user, role), nullptr);
  context.after_commit([this, member = *user, tenant] { member_changed(member, tenant); });
  co_return boost::json::object{{"userId", user->to_string()}, {"tenantId", tenant.to_string()}};
}

asio::awaitable<Result<boost::json::object>> Tenancy::set_quota(api::MutationContext& context,
                                                                boost::json::object args) {
  PHX_CO_CHECK(check_platform_transaction(context));
  auto tenant = Uuid::parse(text_of(args, "tenantId"));
  if (!tenant) co_return std::move(tenant).error().with_field("tenantId");
  const auto dimension = text_of(args, "dimension");
  const auto maximum = args.at("maximum").as_int64();
  if (maximum < 0) co_return invalid_argument("quota.negative", "maximum", "A limit is zero or more.");

  auto& tx = context.tx();
  // Locks the tenant's row first, so that its events are in the order of its versions.
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::tenancy::touch_tenant, pg::Params::of(*tenant)));
  if (rows.empty()) co_return unknown_tenant().with_field("tenantId");
  PHX_CO_TRY(const auto lines, co_await engine::read_quota(tx, *tenant));
  const auto line = std::ranges::find(lines, dimension, &engine::QuotaLine::dimension);
  if (line == lines.end())
    co_return invalid_argument("quota.unknown_dimension", "dimension", "There is no limit of this name.");
  PHX_CO_CHECK(co_await engine::set_quota_maximum(tx, *tenant, dimension, maximum));
  PHX_CO_CHECK(co_await context.record_event(
      changed("Tenant", *tenant, *tenant, engine::ChangeKind::kUpdated, rows.get<std::int32_t>(0, "version"))));
  context.audit_tenant(*tenant);
  context.audit("Tenant", *tenant, boost::json::object{{"dimension", dimension}, {"maximum", line->maximum}},
                boost::json::object{{"dimension", dimension}, {"maximum", maximum}});
  co_return boost::json::object{{"tenant", tenant->to_string()}};
}

void Tenancy::member_changed(const Uuid& user, const Uuid& tenant) {
  forget();
  if (on_member_changed_) on_member_changed_(user, tenant);
}

void Tenancy::forget() {
  ++epoch_;
  believed_.clear();
}

void Tenancy::believe(std::pair<Uuid, std::string> key, const api::TenantAccess& access) {
  // Rare, and cheaper than keeping an order: what is still needed is looked up again.
  if (believed_.size() >= settings_.believed_max) believed_.clear();
  believed_.insert_or_assign(std::move(key), Believed{access, clock_.monotonic()});
}

}  // namespace phx::tenancy
