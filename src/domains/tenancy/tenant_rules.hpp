#pragma once
/// Names of tenants, and what each tier gives. Pure.
///
/// Errors: "tenant.name_malformed", "tenant.name_reserved", "tenant.display_name_malformed".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace phx::tenancy {

/// A DNS label (RFC 1035 2.3.1) of 3 to 40 characters, lower case; not a word that means something else in addresses,
/// not an internationalised label ("xn--"), and not the shape of an id, so that `id or name` is never ambiguous.
Status check_tenant_name(std::string_view name, std::string_view field);
/// 1 to 100 bytes of text without control characters.
Status check_tenant_display_name(std::string_view name, std::string_view field);

enum class Tier : std::uint8_t { kFree, kStandard, kEnterprise, kSovereign };
std::optional<Tier> tier_from_name(std::string_view name);

struct QuotaDefault {
  std::string_view dimension;  ///< "vcpus", "memory_mib", "instances", "storage_gib"
  std::int64_t maximum;
};
/// All dimensions, with the tier's numbers.
const std::vector<QuotaDefault>& quota_defaults(Tier tier);

}  // namespace phx::tenancy
