// Access tokens of an outside OpenID provider: proved by its keys, tied to an account here.

#include "base/blocking_pool.hpp"
#include "base/crypto.hpp"
#include "base/log.hpp"
#include "domains/identity/account.hpp"
#include "domains/identity/account_rows.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/oidc/provider.hpp"
#include "domains/identity/sql.gen.hpp"
#include "net/url.hpp"
#include "pg/database.hpp"

namespace phx::identity {
namespace {

/// An address that is nobody's mailbox and always the same for a subject: for those whose provider vouches for none,
/// or whose address is another account's.
std::string made_up_address(const std::string& issuer, const std::string& subject) {
  const auto url = net::parse_url(issuer);
  const auto digest = hex_encode(sha256(sha256(issuer) + subject)).substr(0, 20);
  const auto address = "oidc-" + digest + "@" + (url ? url->host : "");
  return check_email(address, "") ? address : "oidc-" + digest + "@oidc.invalid";
}

}  // namespace

void Identity::trust(oidc::Provider& provider, oidc::Expected expected) {
  provider_ = &provider;
  expected_ = std::move(expected);
}

asio::awaitable<Result<api::Principal>> Identity::external_principal(std::string token, Deadline deadline) {
  // Nothing larger is even hashed.
  if (token.size() > oidc::kMaxToken) {
    PHX_CO_TRY(auto refused, oidc::parse_token(token));
    (void)refused;
  }
  const auto digest = sha256(token);
  if (auto known = verified_.find(digest)) co_return std::move(*known);
  const auto epoch = verified_.epoch();
  PHX_CO_TRY(auto parsed, oidc::parse_token(token));
  // The cheap questions first: no key is looked for and no signature computed for a token that could not be taken.
  PHX_CO_TRY(auto claims, oidc::check_access_token(parsed, expected_, clock_.now()));
  PHX_CO_TRY(auto key, co_await provider_->key_for(parsed));
  PHX_CO_TRY(const Status verified, co_await blocking_.run([parsed = std::move(parsed), key = std::move(key)] {
    return oidc::verify_signature(parsed, key);
  }));
  PHX_CO_CHECK(Status(verified));
  PHX_CO_TRY(auto principal, co_await external_user(claims, deadline));
  principal.expires_at = claims.expires_at;
  if (claims.tenants)
    principal.claimed_tenants =
        std::make_shared<const std::map<std::string, api::Role, std::less<>>>(std::move(*claims.tenants));
  // With one tenant the token needs no header to say which.
  if (principal.claimed_tenants && principal.claimed_tenants->size() == 1) {
    const auto access = co_await tenants_.enter(principal, principal.claimed_tenants->begin()->first);
    if (access) principal.token_tenant = access->id;
  }
  verified_.put(digest, principal, epoch);
  co_return principal;
}

asio::awaitable<Result<api::Principal>> Identity::external_user(const oidc::Claims& claims, Deadline deadline) {
  for (int round = 0; round < 2; ++round) {
    PHX_CO_TRY(auto rows, co_await database_.read(pg::Scope::platform(), sql::identity::external_user,
                                                  pg::Params::of(expected_.issuer, claims.subject), deadline));
    if (!rows.empty()) {
      if (rows.get<std::string_view>(0, "status") != "ACTIVE")
        co_return Error(Code::kUnauthenticated, "auth.invalid", "The sign-in has ended or is not valid.");
      api::Principal principal;
      principal.kind = api::PrincipalKind::kUser;
      principal.user_id = rows.get<Uuid>(0, "id");
      principal.email = rows.get<std::string>(0, "email");
      principal.display_name = rows.get<std::string>(0, "name");
      principal.platform_admin = is_platform_admin(rows[0]);
      co_return principal;
    }
    PHX_CO_CHECK(co_await make_external_user(claims, deadline));
  }
  co_return internal_error("auth.external_user", "the account that was just made is not there");
}

asio::awaitable<Status> Identity::make_external_user(const oidc::Claims& claims, Deadline deadline) {
  const Uuid id = ids_.next();
  const auto stand_in = made_up_address(expected_.issuer, claims.subject);
  const auto address = check_email(claims.email, "email").value_or(stand_in);
  const auto name = check_display_name(claims.name, "name").value_or(address);
  PHX_CO_TRY(auto tx, co_await database_.begin(pg::Scope::platform(), deadline));
  PHX_CO_TRY(auto made, co_await tx.execute(sql::identity::insert_external_user, pg::Params::of(id, address, name)));
  if (made.affected() == 0) {
    PHX_CO_TRY(made, co_await tx.execute(sql::identity::insert_external_user, pg::Params::of(id, stand_in, name)));
  }
  // Somebody else makes this account at the same moment: theirs is found in the next round.
  if (made.affected() == 0) co_return Status();
  PHX_CO_TRY(auto tied, co_await tx.execute(sql::identity::insert_external_identity,
                                            pg::Params::of(expected_.issuer, claims.subject, id)));
  if (tied.affected() == 0) co_return Status();
  PHX_CO_CHECK(co_await record(tx, {.actor = expected_.issuer, .action = "user.create_external", .user = id}));
  co_return co_await tx.commit();
}

}  // namespace phx::identity
