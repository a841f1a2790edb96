#include "api/context.hpp"

#include <array>

namespace phx::api {
namespace {

constexpr std::array<std::string_view, 6> kRoles{
    "", "TENANT_VIEWER", "TENANT_MEMBER", "TENANT_ADMIN", "TENANT_OWNER", "PLATFORM_ADMIN"};

}  // namespace

std::string_view role_name(Role role) { return kRoles[static_cast<std::size_t>(role)]; }

Role role_from_name(std::string_view name) {
  for (std::size_t i = 1; i < kRoles.size(); ++i)
    if (kRoles[i] == name) return static_cast<Role>(i);
  return Role::kNone;
}

std::string Principal::actor() const {
  switch (kind) {
    case PrincipalKind::kAnonymous: return "anonymous";
    case PrincipalKind::kSystem: return "system";
    case PrincipalKind::kUser: break;
  }
  return email;
}

std::string_view use_name(Use use) {
  switch (use) {
    case Use::kRead: return "READ";
    case Use::kWrite: return "WRITE";
    case Use::kConsole: return "CONSOLE";
    case Use::kAlerts: break;
  }
  return "ALERTS";
}

Status Principal::check_use(Use use) const {
  if ((uses & static_cast<std::uint8_t>(use)) != 0) return {};
  return permission_denied("api_key.scope", "This needs a key with the scope " + std::string(use_name(use)) + ".");
}

}  // namespace phx::api
