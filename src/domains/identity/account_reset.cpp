// What a platform administrator does for somebody who has lost their second factor or their password. Nothing is sent
// anywhere: the administrator hands the link over, by a way on which they know whom they talk to.

#include "domains/identity/account.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::identity {

asio::awaitable<Result<Uuid>> Identity::account_to_reset(api::MutationContext& context,
                                                         const boost::json::object& args) {
  if (context.tx().scope().role != pg::Role::kPlatform)
    co_return Error(Code::kFailedPrecondition, "scope.platform_required", "This is not done inside of a tenant.")
        .with_next_action("Repeat the request without choosing a tenant.");
  const std::string given(args.at("account").as_string());
  const auto id = Uuid::parse(given);
  PHX_CO_TRY(auto rows,
             co_await context.tx().execute(sql::identity::account_by_name,
                                           pg::Params::of(id ? std::optional(*id) : std::nullopt, fold_case(given))));
  if (rows.empty())
    co_return Error(not_found("user.not_found", "There is no account of this id or address.")).with_field("account");
  co_return rows.get<Uuid>(0, "id");
}

asio::awaitable<Result<std::int64_t>> Identity::end_everything(api::MutationContext& context, Uuid user) {
  PHX_CO_TRY(auto revoked, co_await context.tx().execute(sql::identity::revoke_proofs_of_user,
                                                         pg::Params::of(user, std::optional<Uuid>())));
  PHX_CO_TRY(auto proofs, co_await announce(context.tx(), std::move(revoked)));
  const auto count = static_cast<std::int64_t>(proofs.size());
  context.after_commit([this, proofs = std::move(proofs)] { ended(proofs); });
  co_return count;
}

asio::awaitable<Result<boost::json::object>> Identity::reset_second_factor(api::MutationContext& context,
                                                                           boost::json::object args) {
  PHX_CO_TRY(const Uuid user, co_await account_to_reset(context, args));
  PHX_CO_TRY(const bool had, co_await second_factor_.remove(context.tx(), user));
  if (!had)
    co_return Error(Code::kFailedPrecondition, "second_factor.missing", "The account has no second factor.")
        .with_field("account");
  // Whoever has the lost device may still be signed in somewhere.
  PHX_CO_TRY(const auto ended, co_await end_everything(context, user));
  context.audit("User", user, boost::json::object{{"secondFactor", true}},
                boost::json::object{{"secondFactor", false}, {"proofsEnded", ended}});
  co_return boost::json::object{{"userId", user.to_string()}};
}

asio::awaitable<Result<boost::json::object>> Identity::reset_password(api::MutationContext& context,
                                                                      boost::json::object args) {
  PHX_CO_TRY(const Uuid user, co_await account_to_reset(context, args));
  PHX_CO_TRY(auto had, co_await context.tx().execute(sql::identity::delete_password, pg::Params::of(user)));
  // Before the new link is made: older ones are void with the password.
  PHX_CO_TRY(const auto ended, co_await end_everything(context, user));
  PHX_CO_TRY(const auto link, co_await insert_link(context.tx(), user));
  context.show_once("link", sign_in_url(link));
  context.audit("User", user, boost::json::object{{"password", !had.empty()}},
                boost::json::object{{"password", false}, {"proofsEnded", ended}, {"link", true}});
  co_return boost::json::object{
      {"userId", user.to_string()}, {"link", nullptr}, {"expiresAt", format_instant(link.expires_at)}};
}

}  // namespace phx::identity
