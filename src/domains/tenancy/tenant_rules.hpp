#pragma once
/// What tenants may be called. Pure.
///
/// Errors: "tenant.name_malformed", "tenant.name_reserved", "tenant.display_name_malformed".

#include <string_view>

#include "base/result.hpp"

namespace phx::tenancy {

/// A DNS label (RFC 1035 2.3.1) of 3 to 40 characters, lower case; not a word that means something else in addresses,
/// not an internationalised label ("xn--"), and not the shape of an id, so that `id or name` is never ambiguous.
Status check_tenant_name(std::string_view name, std::string_view field);
/// 1 to 100 bytes of plain text (base/plain_text.hpp).
Status check_tenant_display_name(std::string_view name, std::string_view field);

}  // namespace phx::tenancy
