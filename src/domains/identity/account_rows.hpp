#pragma once
/// From rows of this module's statements to its values.

#include "api/context.hpp"
#include "domains/identity/account.hpp"
#include "domains/identity/identity.hpp"
#include "pg/rows.hpp"

namespace phx::identity {

inline bool is_platform_admin(pg::RowView row) {
  const auto role = row.get<std::optional<std::string_view>>("platform_role");
  return role && api::role_from_name(*role) == api::Role::kPlatformAdmin;
}

inline Account account_of(pg::RowView row) {
  return {.id = row.get<Uuid>("id"),
          .email = row.get<std::string>("email"),
          .name = row.get<std::string>("name"),
          .platform_admin = is_platform_admin(row),
          .has_password = row.get<bool>("has_password"),
          .has_second_factor = row.get<bool>("has_second_factor")};
}

inline api::Principal principal_of(pg::RowView row) {
  api::Principal principal;
  principal.kind = api::PrincipalKind::kUser;
  principal.user_id = row.get<Uuid>("id");
  principal.email = row.get<std::string>("email");
  principal.display_name = row.get<std::string>("name");
  principal.platform_admin = is_platform_admin(row);
  principal.expires_at = row.get<Instant>("expires_at");
  return principal;
}

}  // namespace phx::identity
