#pragma once
/// JSON from strangers who sign it: an object, no name twice in any object (RFC 7519 4 lets a reader refuse those, and
/// two readers that keep different ones can be told different things), at most eight levels deep.

#include <boost/json/object.hpp>
#include <optional>
#include <string_view>

namespace phx::identity::oidc {

std::optional<boost::json::object> parse_strict_object(std::string_view text);

/// The text member; nothing when it is absent or no text.
std::optional<std::string_view> text_member(const boost::json::object& object, std::string_view name);

}  // namespace phx::identity::oidc
