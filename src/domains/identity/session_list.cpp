// The sessions of one's own account: seen, and ended at once.

#include <boost/json/array.hpp>

#include "api/step_up.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::identity {
namespace {

/// Else a token that was given away for one tenant would decide about the whole account.
Status check_whole_account(const api::Principal& principal) {
  if (!principal.token_tenant) return {};
  return permission_denied("user.token_bound", "A token of one tenant has nothing to do with the account's sessions.");
}

boost::json::object payload(const std::vector<Uuid>& ended) {
  boost::json::array ids;
  for (const Uuid& id : ended) ids.emplace_back(id.to_string());
  return {{"ids", std::move(ids)}};
}

}  // namespace

asio::awaitable<Result<boost::json::value>> Identity::sessions(api::QueryContext& context, boost::json::object) {
  const auto& principal = context.request.principal;
  PHX_CO_CHECK(check_whole_account(principal));
  PHX_CO_TRY(auto rows, co_await database_.read(pg::Scope::platform(), sql::identity::list_sessions,
                                                pg::Params::of(principal.user_id, Duration(settings_.session_idle)),
                                                context.request.deadline));
  boost::json::array out;
  for (const auto row : rows) {
    const auto id = row.get<Uuid>("id");
    const auto second = row.get<std::optional<Instant>>("second_factor_at");
    boost::json::array amr;
    for (const auto& method : row.get<Methods>("amr")) amr.emplace_back(method);
    out.push_back(
        boost::json::object{{"id", id.to_string()},
                            {"createdAt", format_instant(row.get<Instant>("created_at"))},
                            {"lastSeenAt", format_instant(row.get<Instant>("last_seen_at"))},
                            {"expiresAt", format_instant(row.get<Instant>("expires_at"))},
                            {"address", row.get<std::string_view>("remote_address")},
                            {"userAgent", row.get<std::string_view>("user_agent")},
                            {"amr", std::move(amr)},
                            {"acr", second ? api::kTwoFactors : api::kOneFactor},
                            {"authTime", format_instant(second.value_or(row.get<Instant>("authenticated_at")))},
                            {"current", principal.by_cookie && principal.session_id == id}});
  }
  co_return out;
}

asio::awaitable<Result<boost::json::object>> Identity::revoke_session(api::MutationContext& context,
                                                                      boost::json::object args) {
  const auto& principal = context.request().principal;
  PHX_CO_CHECK(check_whole_account(principal));
  const auto id = Uuid::parse(std::string_view(args.at("id").as_string()));
  // Another's session is like none.
  const auto unknown = not_found("session.not_found", "You have no such session; it may have ended already.");
  if (!id) co_return unknown;
  PHX_CO_TRY(auto revoked,
             co_await context.tx().execute(sql::identity::revoke_session, pg::Params::of(*id, principal.user_id)));
  PHX_CO_TRY(auto proofs, co_await announce(context.tx(), std::move(revoked)));
  if (proofs.empty()) co_return unknown;
  context.after_commit([this, proofs] { ended(proofs); });
  context.audit("User", principal.user_id, nullptr, boost::json::object{{"sessionRevoked", id->to_string()}});
  co_return payload(proofs);
}

asio::awaitable<Result<boost::json::object>> Identity::revoke_other_sessions(api::MutationContext& context,
                                                                             boost::json::object) {
  const auto& principal = context.request().principal;
  PHX_CO_CHECK(check_whole_account(principal));
  PHX_CO_TRY(auto revoked, co_await context.tx().execute(sql::identity::revoke_other_sessions,
                                                         pg::Params::of(principal.user_id, principal.session_id)));
  PHX_CO_TRY(auto proofs, co_await announce(context.tx(), std::move(revoked)));
  context.after_commit([this, proofs] { ended(proofs); });
  context.audit("User", principal.user_id, nullptr,
                boost::json::object{{"sessionsRevoked", static_cast<std::int64_t>(proofs.size())}});
  co_return payload(proofs);
}

}  // namespace phx::identity
