// The GraphQL side of Identity: accounts and passwords as mutations, and who is asking.

#include "domains/identity/account.hpp"

#include <boost/json/array.hpp>

#include "api/errors.hpp"
#include "base/random.hpp"
#include "domains/identity/account_rows.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/lockout.hpp"
#include "domains/identity/sql.gen.hpp"
#include "pg/database.hpp"
#include "pg/error.hpp"

namespace phx::identity {
namespace {

std::string text_of(const boost::json::object& args, std::string_view key) {
  const auto* value = args.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

/// Accounts are the platform's: inside a tenant's walls they cannot be changed.
Status check_platform_transaction(api::MutationContext& context) {
  if (context.tx().scope().role == pg::Role::kPlatform) return {};
  return api::platform_scope_required();
}

}  // namespace

asio::awaitable<Result<boost::json::object>> Identity::create_user(api::MutationContext& context,
                                                                   boost::json::object args) {
  PHX_CO_CHECK(check_platform_transaction(context));
  const auto& input = args.at("input").as_object();
  PHX_CO_TRY(const auto email, check_email(text_of(input, "email"), "input.email"));
  PHX_CO_TRY(const auto name, check_display_name(text_of(input, "name"), "input.name"));
  const auto password = text_of(input, "password");
  PHX_CO_CHECK(check_password(password, email, "input.password", std::vector{name}));
  PHX_CO_TRY(const auto phc, co_await hash(password));

  const Uuid id = context.ids().next();
  auto inserted = co_await context.tx().execute(sql::identity::insert_user,
                                                pg::Params::of(id, email, name, std::optional<std::string>()));
  if (!inserted) {
    if (pg::violates(inserted.error(), "users_email_key"))
      co_return Error(Code::kAlreadyExists, "user.email_taken", "There is an account with this address already.")
          .with_field("input.email");
    co_return std::move(inserted).error();
  }
  PHX_CO_CHECK(co_await context.tx().execute(sql::identity::upsert_password, pg::Params::of(id, phc)));
  context.audit("User", id, nullptr, boost::json::object{{"email", email}, {"name", name}});
  co_return boost::json::object{{"userId", id.to_string()}};
}

asio::awaitable<Result<boost::json::object>> Identity::set_password(api::MutationContext& context,
                                                                    boost::json::object args) {
  PHX_CO_CHECK(check_platform_transaction(context));
  const auto& principal = context.request().principal;
  const Uuid user = principal.user_id;
  // Else a token that was given away for one tenant could turn itself into the whole account.
  if (principal.token_tenant)
    co_return permission_denied("user.token_bound", "A token of one tenant cannot change the account's password.");
  const auto password = text_of(args, "password");
  PHX_CO_TRY(auto memberships, co_await context.tx().execute(sql::identity::memberships_of_user, pg::Params::of(user)));
  std::vector<std::string> about{principal.display_name};
  for (const auto row : memberships)
    for (const char* column : {"name", "display_name"}) about.push_back(row.get<std::string>(column));
  PHX_CO_CHECK(check_password(password, principal.email, "password", about));

  PHX_CO_TRY(auto rows, co_await context.tx().execute(sql::identity::password_of, pg::Params::of(user)));
  if (!rows.empty()) {
    // Whoever found an open browser must not guess the password here faster than at the door. Counted on a connection
    // of its own, since a wrong guess rolls this transaction back.
    const auto attempts = lockout_key(principal.email, "set-password");
    PHX_CO_CHECK(co_await begin_attempt(attempts, context.tx().deadline()));
    PHX_CO_TRY(const bool right, co_await verify(rows.get<std::string>(0, "phc"), text_of(args, "current")));
    if (!right)
      co_return invalid_argument("user.current_password_wrong", "current", "The current password is not right.");
    pg::Params key;
    key.add_bytes(attempts);
    PHX_CO_CHECK(co_await context.tx().execute(sql::identity::clear_attempts, std::move(key)));
  }
  PHX_CO_TRY(const auto phc, co_await hash(password));
  PHX_CO_CHECK(co_await context.tx().execute(sql::identity::upsert_password, pg::Params::of(user, phc)));
  // Whoever knew the old password is signed out everywhere but here.
  PHX_CO_TRY(auto revoked, co_await context.tx().execute(sql::identity::revoke_proofs_of_user,
                                                         pg::Params::of(user, principal.session_id)));
  PHX_CO_TRY(auto proofs, co_await announce(context.tx(), std::move(revoked)));
  context.after_commit([this, proofs = std::move(proofs)] { ended(proofs); });
  context.audit("User", user, nullptr, boost::json::object{{"passwordChanged", true}});
  co_return boost::json::object{{"userId", user.to_string()}};
}

asio::awaitable<Result<boost::json::value>> Identity::me(api::QueryContext& context, boost::json::object) {
  const auto& principal = context.request.principal;
  const auto deadline = Deadline::after(std::chrono::seconds(5));
  // Where a provider's claim decides, it decides alone.
  const auto* claimed = principal.claimed_tenants.get();
  std::vector<std::string> names;
  if (claimed)
    for (const auto& [name, role] : *claimed) names.push_back(name);
  PHX_CO_TRY(auto rows, claimed ? co_await database_.read(pg::Scope::platform(), sql::identity::tenants_by_name,
                                                          pg::Params::of(names), deadline)
                                : co_await database_.read(pg::Scope::platform(), sql::identity::memberships_of_user,
                                                          pg::Params::of(principal.user_id), deadline));
  boost::json::array memberships;
  for (const auto row : rows)
    memberships.push_back(
        boost::json::object{{"role", claimed ? api::role_name(claimed->find(row.get<std::string_view>("name"))->second)
                                             : row.get<std::string_view>("role")},
                            {"tenantId", row.get<Uuid>("id").to_string()},
                            {"tenantName", row.get<std::string_view>("name")},
                            {"tenantDisplayName", row.get<std::string_view>("display_name")},
                            {"tenantTier", row.get<std::string_view>("tier")}});
  co_return boost::json::object{{"id", principal.user_id.to_string()},
                                {"email", principal.email},
                                {"name", principal.display_name},
                                {"platformAdmin", principal.platform_admin},
                                {"memberships", std::move(memberships)}};
}

}  // namespace phx::identity
