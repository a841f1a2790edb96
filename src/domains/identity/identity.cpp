#include "domains/identity/identity.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>

#include "base/blocking_pool.hpp"
#include "base/random.hpp"
#include "domains/identity/account_rows.hpp"
#include "domains/identity/cookie.hpp"
#include "domains/identity/secret_token.hpp"
#include "domains/identity/sql.gen.hpp"
#include "engine/audit.hpp"
#include "engine/events.hpp"
#include "net/http.hpp"
#include "pg/database.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;

Error invalid_proof() {
  return Error(Code::kUnauthenticated, "auth.invalid", "The sign-in has ended or is not valid.")
      .with_next_action("Sign in again.");
}

/// {"acme": "TENANT_ADMIN"}, as open_outside_session() wrote it.
Result<std::shared_ptr<const std::map<std::string, api::Role, std::less<>>>> stored_tenants(const std::string& text) {
  boost::system::error_code failure;
  const auto value = boost::json::parse(text, failure);
  if (failure || !value.is_object()) return internal_error("auth.claimed_tenants", "not an object: " + text);
  std::map<std::string, api::Role, std::less<>> out;
  for (const auto& [name, role] : value.get_object())
    if (role.is_string()) out.emplace(name, api::role_from_name(role.get_string()));
  return std::make_shared<const std::map<std::string, api::Role, std::less<>>>(std::move(out));
}

}  // namespace

Identity::Identity(pg::Database& database, const Clock& clock, Random& random, UuidSource& ids, BlockingPool& blocking,
                   api::TenantDirectory& tenants, std::string server_key, Settings settings)
    : database_(database),
      clock_(clock),
      random_(random),
      ids_(ids),
      blocking_(blocking),
      tenants_(tenants),
      server_key_(std::move(server_key)),
      settings_(std::move(settings)),
      second_factor_(random, server_key_, settings_.second_factor_issuer),
      verified_(clock, settings_.verified_for, settings_.verified_max),
      keys_(database, random, server_key_) {
  keys_.on_ended([this](const std::vector<Uuid>& keys) { ended(keys); });
}

Identity::~Identity() = default;

asio::awaitable<Result<std::optional<IssuedSecret>>> Identity::ensure_first_admin() {
  const auto deadline = Deadline::after(30s);
  PHX_CO_TRY(auto before, co_await database_.read(pg::Scope::platform(), sql::identity::any_user, {}, deadline));
  if (before.get<bool>(0, "found")) co_return std::optional<IssuedSecret>();

  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), deadline));
  PHX_CO_CHECK(co_await tx.execute(sql::identity::lock_users));
  PHX_CO_TRY(auto now, co_await tx.execute(sql::identity::any_user));
  if (now.get<bool>(0, "found")) co_return std::optional<IssuedSecret>();
  PHX_CO_TRY(const auto email, check_email(settings_.first_admin_email, "first_admin_email"));
  PHX_CO_TRY(const auto name, check_display_name(settings_.first_admin_name, "first_admin_name"));
  const Uuid id = ids_.next();
  PHX_CO_CHECK(co_await tx.execute(
      sql::identity::insert_user,
      pg::Params::of(id, email, name, std::optional(std::string(api::role_name(api::Role::kPlatformAdmin))))));
  PHX_CO_TRY(auto link, co_await insert_link(tx, id));
  PHX_CO_CHECK(co_await record(tx, {.actor = "system", .action = "user.create_first_admin", .user = id}));
  PHX_CO_CHECK(co_await tx.commit());
  co_return std::optional(std::move(link));
}

asio::awaitable<Result<IssuedSecret>> Identity::insert_link(pg::Transaction& tx, Uuid user) {
  IssuedSecret link{make_secret(random_), user, {}};
  auto params = pg::Params::of(ids_.next());
  params.add_bytes(*secret_digest(link.secret)).add(user).add(Duration(settings_.link_lifetime));
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::identity::insert_link, std::move(params)));
  link.expires_at = rows.get<Instant>(0, "expires_at");
  co_return link;
}

asio::awaitable<Result<IssuedSecret>> Identity::mint_sign_in_link(std::string issued_by, std::optional<Uuid> user) {
  const auto deadline = Deadline::after(10s);
  if (!user) {
    PHX_CO_TRY(const auto administrator, co_await first_administrator());
    user = administrator.id;
  }
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), deadline));
  PHX_CO_CHECK(co_await tx.execute(sql::identity::delete_stale_tokens, pg::Params::of(*user)));
  PHX_CO_TRY(auto link, co_await insert_link(tx, *user));
  PHX_CO_CHECK(co_await record(tx, {.actor = std::move(issued_by), .action = "sign_in_link.create", .user = *user}));
  PHX_CO_CHECK(co_await tx.commit());
  co_return link;
}

std::string Identity::sign_in_url(const IssuedSecret& link) const {
  return settings_.base_url + "/sign-in#token=" + link.secret;
}

asio::awaitable<Result<IssuedSecret>> Identity::mint_token(std::string issued_by, Uuid user, std::optional<Uuid> tenant,
                                                           std::chrono::seconds ttl) {
  if (ttl == 0s) ttl = settings_.token_lifetime;
  if (ttl < 1s || ttl > settings_.token_lifetime_max)
    co_return invalid_argument(
        "auth.ttl", "ttlSeconds",
        "A token lives between 1 second and " + std::to_string(settings_.token_lifetime_max.count()) + " seconds.");
  IssuedSecret token{make_bearer_token(random_), user, {}};
  const Uuid id = ids_.next();
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), Deadline::after(10s)));
  PHX_CO_CHECK(co_await tx.execute(sql::identity::delete_stale_tokens, pg::Params::of(user)));
  auto params = pg::Params::of(id);
  params.add_bytes(*bearer_digest(token.secret, server_key_)).add(user).add(tenant).add(Duration(ttl));
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::identity::insert_bearer_token, std::move(params)));
  token.expires_at = rows.get<Instant>(0, "expires_at");
  PHX_CO_CHECK(co_await record(
      tx, {.actor = std::move(issued_by), .action = "token.create", .user = user, .tenant = tenant, .proof = id}));
  PHX_CO_CHECK(co_await tx.commit());
  co_return token;
}

asio::awaitable<Result<Account>> Identity::first_administrator() {
  PHX_CO_TRY(auto rows, co_await database_.read(pg::Scope::platform(), sql::identity::first_administrator, {},
                                                Deadline::after(10s)));
  if (rows.empty())
    co_return Error(Code::kFailedPrecondition, "auth.no_administrator", "There is no active platform administrator.");
  co_return account_of(rows[0]);
}

asio::awaitable<Result<std::vector<Uuid>>> Identity::announce(pg::Transaction& tx, pg::Rows ended) {
  std::vector<Uuid> proofs;
  for (const auto row : ended) proofs.push_back(row.get<Uuid>("id"));
  for (const Uuid& proof : proofs)
    PHX_CO_CHECK(co_await engine::record_event(tx, {.type = std::string(kSessionEvent),
                                                    .id = proof,
                                                    .tenant = {},
                                                    .kind = engine::ChangeKind::kDeleted,
                                                    .version = 1,
                                                    .payload = {}}));
  co_return proofs;
}

void Identity::ended(const std::vector<Uuid>& proofs) {
  verified_.revoke();
  if (!on_revoked_) return;
  for (const Uuid& proof : proofs) on_revoked_(proof);
}

asio::awaitable<Status> Identity::revoke(Uuid proof) {
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), Deadline::after(10s)));
  PHX_CO_TRY(auto rows, co_await tx.execute(sql::identity::revoke_proof, pg::Params::of(proof)));
  PHX_CO_CHECK(co_await announce(tx, std::move(rows)));
  auto done = co_await tx.commit();
  // Also when the answer was lost or somebody else was first: what is open in this name is closed, and the next request
  // asks the database.
  ended({proof});
  co_return done;
}

asio::awaitable<Status> Identity::revoke_all(Uuid user) {
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), Deadline::after(10s)));
  PHX_CO_TRY(auto rows,
             co_await tx.execute(sql::identity::revoke_proofs_of_user, pg::Params::of(user, std::optional<Uuid>())));
  PHX_CO_TRY(const auto proofs, co_await announce(tx, std::move(rows)));
  auto done = co_await tx.commit();
  ended(proofs);
  co_return done;
}

asio::awaitable<Status> Identity::check() {
  PHX_CO_CHECK(co_await database_.read(pg::Scope::platform(), sql::identity::check_tables, {}, Deadline::after(2s)));
  co_return Status();
}

asio::awaitable<Status> Identity::record(pg::Transaction& tx, Fact fact) {
  engine::AuditRow row;
  row.id = ids_.next();
  row.tenant = fact.tenant;
  row.actor = std::move(fact.actor);
  if (!fact.remote_address.empty()) row.remote_address = std::move(fact.remote_address);
  row.action = std::move(fact.action);
  row.object_type = "User";
  row.object_id = fact.user;
  if (fact.proof) row.after = boost::json::object{{"proofId", fact.proof->to_string()}};
  if (fact.outcome) row.outcome = code_info(*fact.outcome).name;
  row.request_id = std::move(fact.request_id);
  co_return co_await engine::record_audit(tx, std::move(row), random_);
}

asio::awaitable<Result<api::Principal>> Identity::authenticate(const net::Request& request) {
  const auto deadline = Deadline::at(request.deadline);
  const std::string& address = request.peer.address;
  const auto proofs = request.headers.all("Authorization");
  const auto keys = request.headers.all("X-API-Key");
  // Two proofs could be of two callers.
  if (proofs.size() + keys.size() > 1) co_return invalid_proof();
  if (!keys.empty()) { co_return co_await key_principal(std::string(keys[0]), address, deadline); }
  if (!proofs.empty()) {
    constexpr std::string_view kScheme = "Bearer ";
    if (!net::iequals(proofs[0].substr(0, kScheme.size()), kScheme)) co_return invalid_proof();
    co_return co_await bearer_principal(std::string(proofs[0].substr(kScheme.size())), address, deadline);
  }
  if (const auto secret = net::cookie(request.headers, kSessionCookie))
    co_return co_await session_principal(std::string(*secret), deadline);
  co_return api::Principal{};
}

asio::awaitable<Result<api::Principal>> Identity::authenticate_token(std::string token, std::string address) {
  co_return co_await bearer_principal(std::move(token), std::move(address), Deadline::after(5s));
}

asio::awaitable<Result<api::Principal>> Identity::key_principal(std::string key, std::string address,
                                                                Deadline deadline) {
  const auto digest = keys_.digest(key);
  if (!digest) co_return invalid_proof();
  // From elsewhere it may be refused.
  auto place = *digest + address;
  if (auto known = verified_.find(place)) co_return std::move(*known);
  const auto epoch = verified_.epoch();
  PHX_CO_TRY(auto principal, co_await keys_.authenticate(std::move(key), std::move(address), deadline));
  verified_.put(std::move(place), principal, epoch);
  co_return principal;
}

asio::awaitable<Result<api::Principal>> Identity::session_principal(std::string secret, Deadline deadline) {
  const auto digest = secret_digest(secret);
  if (!digest) co_return invalid_proof();
  if (auto known = verified_.find(*digest)) co_return std::move(*known);

  const auto epoch = verified_.epoch();
  // Written at most once a minute, and often enough for short idle limits.
  const Duration touch_after = std::min<Duration>(1min, Duration(settings_.session_idle) / 10);
  pg::Params params;
  params.add_bytes(*digest).add(Duration(settings_.session_idle)).add(touch_after);
  PHX_CO_TRY(auto rows,
             co_await database_.read(pg::Scope::platform(), sql::identity::find_session, std::move(params), deadline));
  if (rows.empty()) co_return invalid_proof();
  auto principal = principal_of(rows[0]);
  principal.session_id = rows.get<Uuid>(0, "session_id");
  principal.by_cookie = true;
  principal.has_second_factor = rows.get<bool>(0, "has_second_factor");
  principal.second_factor_at = rows.get<std::optional<Instant>>(0, "second_factor_at");
  if (const auto tenants = rows.get<std::optional<std::string>>(0, "claimed_tenants")) {
    PHX_CO_TRY(principal.claimed_tenants, stored_tenants(*tenants));
  }
  if (rows.get<bool>(0, "touch"))
    PHX_CO_CHECK(co_await database_.execute(pg::Scope::platform(), sql::identity::touch_session,
                                            pg::Params::of(*principal.session_id), deadline));
  verified_.put(*digest, principal, epoch);
  co_return principal;
}

asio::awaitable<Result<api::Principal>> Identity::bearer_principal(std::string token, std::string address,
                                                                   Deadline deadline) {
  if (token.starts_with(kApiKeyPrefix))
    co_return co_await key_principal(std::move(token), std::move(address), deadline);
  const auto digest = bearer_digest(token, server_key_);
  if (!digest && provider_ != nullptr && !token.starts_with(kBearerPrefix))
    co_return co_await external_principal(std::move(token), deadline);
  if (!digest) co_return invalid_proof();
  if (auto known = verified_.find(*digest)) co_return std::move(*known);

  const auto epoch = verified_.epoch();
  pg::Params params;
  params.add_bytes(*digest);
  PHX_CO_TRY(auto rows, co_await database_.read(pg::Scope::platform(), sql::identity::find_bearer_token,
                                                std::move(params), deadline));
  if (rows.empty()) co_return invalid_proof();
  auto principal = principal_of(rows[0]);
  principal.session_id = rows.get<Uuid>(0, "token_id");
  principal.token_tenant = rows.get<std::optional<Uuid>>(0, "bound_tenant");
  verified_.put(*digest, principal, epoch);
  co_return principal;
}

}  // namespace phx::identity
