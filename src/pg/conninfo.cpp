#include <libpq-fe.h>

#include "pg/database.hpp"
#include "pg/sync.hpp"

namespace phx::pg {
namespace {

constexpr std::string_view kLogins[kRoles] = {"phoenix_tenant", "phoenix_platform", "phoenix_worker", "phoenix_owner"};

Result<std::string> with_user(const std::string& conninfo, std::string_view user) {
  char* message = nullptr;
  PQconninfoOption* const options = PQconninfoParse(conninfo.c_str(), &message);
  if (!options) {
    const std::string detail = message ? message : "";
    PQfreemem(message);
    return Error(Code::kInvalidArgument, "pg.conninfo", "This is not a PostgreSQL connection string.")
        .with_internal(detail);
  }
  std::string out;
  for (const auto* option = options; option->keyword; ++option) {
    if (!option->val || std::string_view(option->keyword) == "user") continue;
    out += std::string(option->keyword) + "=" + quote_conninfo(option->val) + " ";
  }
  PQconninfoFree(options);
  return out + "user=" + std::string(user);
}

}  // namespace

std::string_view login_of(Role role) { return kLogins[static_cast<std::size_t>(role)]; }

Result<Endpoints> Endpoints::from(const std::string& conninfo, const std::string& direct_conninfo) {
  Endpoints out;
  PHX_TRY(out.tenant, with_user(conninfo, login_of(Role::kTenant)));
  PHX_TRY(out.platform, with_user(conninfo, login_of(Role::kPlatform)));
  PHX_TRY(out.worker, with_user(conninfo, login_of(Role::kWorker)));
  PHX_TRY(out.owner, with_user(direct_conninfo.empty() ? conninfo : direct_conninfo, login_of(Role::kOwner)));
  PHX_TRY(out.direct, with_user(direct_conninfo.empty() ? conninfo : direct_conninfo, login_of(Role::kWorker)));
  return out;
}

const std::string& Endpoints::of(Role role) const {
  switch (role) {
    case Role::kTenant: return tenant;
    case Role::kPlatform: return platform;
    case Role::kWorker: return worker;
    case Role::kOwner: return owner;
  }
  return tenant;
}

}  // namespace phx::pg
