#include "domains/identity/api_keys.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <memory>

#include "api/errors.hpp"
#include "base/crypto.hpp"
#include "base/random.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/secret_token.hpp"
#include "domains/identity/sql.gen.hpp"
#include "pg/database.hpp"
#include "pg/error.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxNetworks = 50;
constexpr auto kMaxOverlap = std::chrono::hours(24 * 30);
/// With the prefix: 36 bits of 256, enough to know a key by.
constexpr std::size_t kShown = 11;

std::string text_of(const boost::json::object& args, std::string_view key) {
  const auto* value = args.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::vector<std::string> texts_of(const boost::json::object& args, std::string_view key) {
  std::vector<std::string> out;
  for (const auto& value : args.at(key).as_array()) out.emplace_back(value.as_string());
  return out;
}

Result<Uuid> id_of(const boost::json::object& args, std::string_view field, std::string_view key) {
  auto id = Uuid::parse(text_of(args, key));
  if (!id) return std::move(id).error().with_field(std::string(field));
  return *id;
}

/// The tenant in which a person makes or ends something.
Result<Uuid> tenant_for_people(const api::RequestContext& request) {
  if (!request.tenant) return api::tenant_scope_required();
  // Whoever found a program's key must not be able to make more of them.
  if (request.principal.program)
    return permission_denied("api_key.person_required", "Programs make and end no keys. Sign in as a person.");
  return *request.tenant;
}

Status check_account_name(std::string_view name, std::string_view field) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool right = name.size() >= 2 && name.size() <= 40 && letter(name.front()) && letter(name.back()) &&
                     std::ranges::all_of(name, [&](char c) { return letter(c) || c == '-'; });
  if (right) return {};
  return invalid_argument("service_account.name", std::string(field),
                          "A name has 2 to 40 lower-case letters, digits and hyphens, no hyphen at its ends.");
}

std::uint8_t uses_of(const std::vector<std::string>& scopes) {
  std::uint8_t out = 0;
  for (const auto& scope : scopes)
    for (const auto use : {api::Use::kRead, api::Use::kWrite, api::Use::kConsole, api::Use::kAlerts})
      if (scope == api::use_name(use)) out |= static_cast<std::uint8_t>(use);
  return out;
}

Error no_account(std::string_view field) {
  return Error(not_found("service_account.not_found", "There is no such service account."))
      .with_field(std::string(field));
}
Error no_key() { return Error(not_found("api_key.not_found", "There is no such key.")).with_field("id"); }

/// As a network may name it: IPv4 is IPv4, also through a socket of IPv6, and a link is no part of an address.
std::optional<std::string> network_address(const std::string& text) {
  boost::system::error_code failure;
  const auto address = boost::asio::ip::make_address(text, failure);
  if (failure) return std::nullopt;
  if (!address.is_v6()) return address.to_string();
  auto six = address.to_v6();
  if (six.is_v4_mapped()) return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, six).to_string();
  six.scope_id(0);
  return six.to_string();
}

boost::json::array to_json(const std::vector<std::string>& texts) {
  boost::json::array out;
  for (const auto& text : texts) out.emplace_back(std::string_view(text));
  return out;
}

}  // namespace

Result<std::string> check_network(std::string_view text, std::string_view field) {
  const Error wrong =
      invalid_argument("api_key.network", std::string(field),
                       "A network is written 192.0.2.0/24 or 2001:db8::/32; an address alone is one too.");
  if (text.size() > 64) return wrong;
  const std::string whole(text);
  const bool alone = text.find('/') == text.npos;
  boost::system::error_code failure;
  if (const auto four = boost::asio::ip::make_network_v4(alone ? whole + "/32" : whole, failure); !failure)
    return four.canonical().to_string();
  if (const auto six = boost::asio::ip::make_network_v6(alone ? whole + "/128" : whole, failure); !failure)
    return six.canonical().to_string();
  return wrong;
}

ApiKeys::ApiKeys(pg::Database& database, Random& random, std::string server_key)
    : database_(database), random_(random), server_key_(std::move(server_key)) {}

void ApiKeys::register_with(api::Registry& registry) {
  using Context = api::MutationContext;
  registry.mutation("createServiceAccount",
                    [this](Context& context, Object args) { return create_account(context, std::move(args)); });
  registry.mutation("deleteServiceAccount",
                    [this](Context& context, Object args) { return delete_account(context, std::move(args)); });
  registry.mutation("createApiKey",
                    [this](Context& context, Object args) { return create_key(context, std::move(args)); });
  registry.mutation("rotateApiKey",
                    [this](Context& context, Object args) { return rotate_key(context, std::move(args)); });
  registry.mutation("revokeApiKey",
                    [this](Context& context, Object args) { return revoke_key(context, std::move(args)); });
}

std::optional<std::string> ApiKeys::digest(std::string_view key) const {
  if (!key.starts_with(kApiKeyPrefix) || !secret_digest(key.substr(kApiKeyPrefix.size()))) return std::nullopt;
  return hmac_sha256(server_key_, "api key " + std::string(key));
}

asio::awaitable<Result<api::Principal>> ApiKeys::authenticate(std::string key, std::string address, Deadline deadline) {
  const auto refused = [](std::string_view reason, std::string_view why) {
    return Error(Code::kUnauthenticated, std::string(reason), std::string(why));
  };
  const Error unknown = refused("auth.invalid", "The key is not known, or was revoked.");
  const auto wanted = digest(key);
  if (!wanted) co_return unknown;
  PHX_CO_TRY(auto rows,
             co_await database_.read(pg::Scope::platform(), sql::identity::find_api_key,
                                     pg::Params::of(key.substr(0, kShown), network_address(address)), deadline));
  std::optional<int> found;
  for (int i = 0; i < rows.size(); ++i)
    if (constant_time_equal(rows.get<std::string_view>(i, "digest"), *wanted)) found = i;
  if (!found) co_return unknown;
  const auto row = rows[*found];
  if (row.get<bool>("ended")) co_return refused("api_key.expired", "The key has ended.");
  if (!row.get<bool>("welcome")) co_return refused("api_key.address", "The key may not come from this address.");
  const auto name = row.get<std::string>("name");
  const auto tenant = row.get<std::string>("tenant_name");
  api::Principal principal;
  principal.kind = api::PrincipalKind::kUser;
  principal.program = true;
  principal.user_id = row.get<Uuid>("id");
  // No address that a person could have: nobody acts under a name that could be somebody else's.
  principal.email = "service:" + name + "@" + tenant;
  principal.display_name = name;
  principal.session_id = row.get<Uuid>("key_id");
  principal.token_tenant = row.get<Uuid>("tenant");
  principal.claimed_tenants = std::make_shared<const std::map<std::string, api::Role, std::less<>>>(
      std::map<std::string, api::Role, std::less<>>{{tenant, api::role_from_name(row.get<std::string_view>("role"))}});
  principal.expires_at = row.get<std::optional<Instant>>("expires_at");
  principal.uses = uses_of(row.get<std::vector<std::string>>("scopes"));
  if (row.get<bool>("touch"))
    PHX_CO_CHECK(co_await database_.execute(pg::Scope::platform(), sql::identity::touch_api_key,
                                            pg::Params::of(*principal.session_id), deadline));
  co_return principal;
}

asio::awaitable<Result<boost::json::object>> ApiKeys::create_account(api::MutationContext& context, Object args) {
  PHX_CO_TRY(const Uuid tenant, tenant_for_people(context.request()));
  const auto& input = args.at("input").as_object();
  const auto name = text_of(input, "name");
  PHX_CO_CHECK(check_account_name(name, "input.name"));
  const auto role = api::role_from_name(text_of(input, "role"));
  if (role == api::Role::kNone || role > api::Role::kTenantAdmin || role > context.request().role)
    co_return invalid_argument("service_account.role", "input.role",
                               "A service account is at most TENANT_ADMIN, and no more than you are.");
  const Uuid id = context.ids().next();
  auto inserted = co_await context.tx().execute(
      sql::identity::insert_service_account,
      pg::Params::of(id, tenant, name, api::role_name(role), context.request().principal.actor()));
  if (!inserted) {
    if (pg::violates(inserted.error(), "service_accounts_name_key"))
      co_return Error(Code::kAlreadyExists, "service_account.name_taken", "There is a service account of this name.")
          .with_field("input.name");
    co_return std::move(inserted).error();
  }
  PHX_CO_CHECK(co_await record(context, "ServiceAccount", id, engine::ChangeKind::kCreated, 1));
  context.audit("ServiceAccount", id, nullptr, Object{{"name", name}, {"role", api::role_name(role)}});
  co_return Object{{"serviceAccount", id.to_string()}};
}

asio::awaitable<Result<boost::json::object>> ApiKeys::delete_account(api::MutationContext& context, Object args) {
  PHX_CO_CHECK(tenant_for_people(context.request()));
  PHX_CO_TRY(const Uuid id, id_of(args, "id", "id"));
  PHX_CO_TRY(auto found, co_await context.tx().execute(sql::identity::service_account, pg::Params::of(id)));
  if (found.empty()) co_return no_account("id");
  PHX_CO_TRY(auto rows, co_await context.tx().execute(sql::identity::keys_of_service_account, pg::Params::of(id)));
  std::vector<Uuid> keys;
  for (const auto row : rows) keys.push_back(row.get<Uuid>("id"));
  PHX_CO_CHECK(co_await context.tx().execute(sql::identity::delete_service_account, pg::Params::of(id)));
  for (const auto row : rows)
    PHX_CO_CHECK(co_await record(context, "ApiKey", row.get<Uuid>("id"), engine::ChangeKind::kDeleted,
                                 row.get<std::int32_t>("version") + 1));
  PHX_CO_CHECK(co_await record(context, "ServiceAccount", id, engine::ChangeKind::kDeleted, 2));
  PHX_CO_CHECK(co_await announce(context, std::move(keys)));
  context.audit("ServiceAccount", id,
                Object{{"name", found.get<std::string>(0, "name")}, {"role", found.get<std::string>(0, "role")}},
                nullptr);
  co_return Object{{"serviceAccountId", id.to_string()}};
}

asio::awaitable<Result<boost::json::object>> ApiKeys::create_key(api::MutationContext& context, Object args) {
  PHX_CO_TRY(const Uuid tenant, tenant_for_people(context.request()));
  const auto& input = args.at("input").as_object();
  PHX_CO_TRY(const Uuid account, id_of(input, "input.serviceAccountId", "serviceAccountId"));
  NewKey key{.account = account, .scopes = texts_of(input, "scopes"), .networks = {}, .expires_at = {}};
  std::ranges::sort(key.scopes);
  key.scopes.erase(std::ranges::unique(key.scopes).begin(), key.scopes.end());
  if (key.scopes.empty())
    co_return invalid_argument("api_key.scopes", "input.scopes", "A key is for something: choose at least one scope.");
  const auto networks = texts_of(input, "allowedAddresses");
  if (networks.size() > kMaxNetworks)
    co_return invalid_argument("api_key.network", "input.allowedAddresses", "A key has at most 50 networks.");
  for (const auto& network : networks) {
    PHX_CO_TRY(auto checked, check_network(network, "input.allowedAddresses"));
    key.networks.push_back(std::move(checked));
  }
  if (const auto end = text_of(input, "expiresAt"); !end.empty()) {
    PHX_CO_TRY(key.expires_at, parse_instant(end));
    if (*key.expires_at <= context.clock().now())
      co_return invalid_argument("api_key.expiry", "input.expiresAt", "The key would have ended already.");
  }
  PHX_CO_TRY(auto found, co_await context.tx().execute(sql::identity::service_account, pg::Params::of(account)));
  if (found.empty()) co_return no_account("input.serviceAccountId");
  // Whoever may not do something may not make a key that does.
  if (api::role_from_name(found.get<std::string_view>(0, "role")) > context.request().role)
    co_return permission_denied("service_account.role", "The service account may do more than you.");
  co_return co_await insert_key(context, tenant, std::move(key), Object());
}

asio::awaitable<Result<boost::json::object>> ApiKeys::insert_key(api::MutationContext& context, Uuid tenant, NewKey key,
                                                                 Object before) {
  const Uuid id = context.ids().next();
  const auto secret = std::string(kApiKeyPrefix) + make_secret(random_);
  const auto prefix = secret.substr(0, kShown);
  auto params = pg::Params::of(id, tenant, key.account, prefix);
  params.add_bytes(*digest(secret))
      .add(key.scopes)
      .add(key.networks)
      .add(context.request().principal.actor())
      .add(key.expires_at);
  PHX_CO_CHECK(co_await context.tx().execute(sql::identity::insert_api_key, std::move(params)));
  PHX_CO_CHECK(co_await record(context, "ApiKey", id, engine::ChangeKind::kCreated, 1));
  Object after{{"prefix", prefix},
               {"serviceAccountId", key.account.to_string()},
               {"scopes", to_json(key.scopes)},
               {"allowedAddresses", to_json(key.networks)}};
  if (key.expires_at) after["expiresAt"] = format_instant(*key.expires_at);
  context.audit("ApiKey", id, before.empty() ? boost::json::value() : boost::json::value(std::move(before)),
                std::move(after));
  context.show_once("secret", secret);
  co_return Object{{"apiKey", id.to_string()}, {"secret", nullptr}};
}

asio::awaitable<Result<boost::json::object>> ApiKeys::rotate_key(api::MutationContext& context, Object args) {
  PHX_CO_TRY(const Uuid tenant, tenant_for_people(context.request()));
  PHX_CO_TRY(const Uuid old, id_of(args, "id", "id"));
  const std::chrono::seconds overlap(args.at("overlapSeconds").as_int64());
  if (overlap < 0s || overlap > kMaxOverlap)
    co_return invalid_argument("api_key.overlap", "overlapSeconds", "The two keys overlap by 0 s to 30 days.");
  PHX_CO_TRY(auto rows, co_await context.tx().execute(sql::identity::api_key_to_rotate, pg::Params::of(old)));
  if (rows.empty()) co_return no_key();
  if (rows.get<bool>(0, "rotated"))
    co_return Error(Code::kFailedPrecondition, "api_key.rotated", "Another key has taken this one's place already.")
        .with_field("id");
  NewKey key{.account = rows.get<Uuid>(0, "service_account_id"),
             .scopes = rows.get<std::vector<std::string>>(0, "scopes"),
             .networks = rows.get<std::vector<std::string>>(0, "allowed_addresses"),
             .expires_at = rows.get<std::optional<Instant>>(0, "successor_ends")};
  PHX_CO_TRY(auto found, co_await context.tx().execute(sql::identity::service_account, pg::Params::of(key.account)));
  if (found.empty()) co_return no_account("id");
  if (api::role_from_name(found.get<std::string_view>(0, "role")) > context.request().role)
    co_return permission_denied("service_account.role", "The service account may do more than you.");
  PHX_CO_TRY(auto ended,
             co_await context.tx().execute(sql::identity::end_api_key, pg::Params::of(old, Duration(overlap))));
  PHX_CO_CHECK(
      co_await record(context, "ApiKey", old, engine::ChangeKind::kUpdated, ended.get<std::int32_t>(0, "version")));
  // Until it ends it is as good as before; what is open in its name learns of its end when it is looked at next.
  PHX_CO_CHECK(co_await announce(context, overlap == 0s ? std::vector{old} : std::vector<Uuid>{}));
  co_return co_await insert_key(context, tenant, std::move(key),
                                Object{{"rotated", rows.get<std::string>(0, "prefix")}});
}

asio::awaitable<Result<boost::json::object>> ApiKeys::revoke_key(api::MutationContext& context, Object args) {
  PHX_CO_CHECK(tenant_for_people(context.request()));
  PHX_CO_TRY(const Uuid id, id_of(args, "id", "id"));
  PHX_CO_TRY(auto deleted, co_await context.tx().execute(sql::identity::delete_api_key, pg::Params::of(id)));
  if (deleted.empty()) co_return no_key();
  PHX_CO_CHECK(co_await record(context, "ApiKey", id, engine::ChangeKind::kDeleted,
                               deleted.get<std::int32_t>(0, "version") + 1));
  PHX_CO_CHECK(co_await announce(context, {id}));
  context.audit("ApiKey", id,
                Object{{"prefix", deleted.get<std::string>(0, "prefix")},
                       {"serviceAccountId", deleted.get<Uuid>(0, "service_account_id").to_string()}},
                nullptr);
  co_return Object{{"apiKeyId", id.to_string()}};
}

asio::awaitable<Status> ApiKeys::record(api::MutationContext& context, std::string_view type, Uuid id,
                                        engine::ChangeKind kind, std::int64_t version) {
  co_return co_await context.record_event(
      {.type = std::string(type), .id = id, .tenant = {}, .kind = kind, .version = version, .payload = {}});
}

asio::awaitable<Status> ApiKeys::announce(api::MutationContext& context, std::vector<Uuid> keys) {
  for (const Uuid& key : keys)
    PHX_CO_CHECK(co_await context.record_event({.type = std::string(kSessionEvent),
                                                .id = key,
                                                .tenant = {},
                                                .kind = engine::ChangeKind::kDeleted,
                                                .version = 1,
                                                .payload = {}}));
  context.after_commit([this, keys = std::move(keys)] {
    if (on_ended_) on_ended_(keys);
  });
  co_return Status();
}

}  // namespace phx::identity
