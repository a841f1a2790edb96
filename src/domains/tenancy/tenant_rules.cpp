#include "domains/tenancy/tenant_rules.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "base/plain_text.hpp"
#include "base/uuid.hpp"

namespace phx::tenancy {
namespace {

// Words of our own addresses and of people's expectations. Sorted.
constexpr std::array<std::string_view, 45> kReserved{
    "about",    "account",  "admin",     "api",    "app",     "assets",  "auth",     "billing",  "blog",
    "console",  "default",  "docs",      "email",  "ftp",     "graphql", "health",   "help",     "host",
    "internal", "local",    "localhost", "login",  "logout",  "mail",    "metrics",  "phoenix",  "platform",
    "portal",   "postgres", "public",    "ready",  "root",    "sankofa", "security", "session",  "settings",
    "sign-in",  "smtp",     "static",    "status", "support", "system",  "tenant",   "webhooks", "www"};
static_assert(std::ranges::is_sorted(kReserved));

bool is_label_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

}  // namespace

Status check_tenant_name(std::string_view name, std::string_view field) {
  const bool well_formed = name.size() >= 3 && name.size() <= 40 && name.front() >= 'a' && name.front() <= 'z' &&
                           name.back() != '-' && std::ranges::all_of(name, is_label_character);
  if (!well_formed)
    return invalid_argument("tenant.name_malformed", std::string(field),
                            "A tenant's name has 3 to 40 lower-case letters, digits and hyphens; it begins with a "
                            "letter and does not end with a hyphen.");
  if (std::ranges::binary_search(kReserved, name) || name.starts_with("xn--") || Uuid::parse(name))
    return invalid_argument("tenant.name_reserved", std::string(field), "This name is reserved. Choose another one.");
  return {};
}

Status check_tenant_display_name(std::string_view name, std::string_view field) {
  if (name.empty() || name.size() > 100 || !is_plain_text(name, Lines::kOne) || name.front() == ' ' ||
      name.back() == ' ')
    return invalid_argument("tenant.display_name_malformed", std::string(field),
                            "A display name has 1 to 100 bytes of text, without control or invisible characters and "
                            "without spaces at its ends.");
  return {};
}

}  // namespace phx::tenancy
