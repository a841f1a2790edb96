#pragma once
/// The parts of RFC 3986 we need: percent-coding, query strings, absolute URLs, and joining a path from outside to a
/// folder without leaving it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace phx::net {

/// Reason "url.malformed" for a broken escape.
Result<std::string> percent_decode(std::string_view text);
/// Everything but unreserved characters (RFC 3986 2.3) is escaped.
std::string percent_encode(std::string_view text);

using QueryParameters = std::vector<std::pair<std::string, std::string>>;
/// "a=1&b=x+y" in order, '+' read as space. A name given twice is refused: which of the values counts would be a matter
/// of who reads them (as RFC 6749 3.1 says of OAuth's). Reasons "url.malformed", "url.repeated_parameter".
Result<QueryParameters> parse_query(std::string_view query);
/// The value of that name.
std::optional<std::string> query_value(const QueryParameters& parameters, std::string_view name);

struct Url {
  std::string scheme;  ///< lower case
  std::string host;    ///< without brackets
  std::uint16_t port = 0;
  bool default_port = true;  ///< the port is the scheme's own
  std::string target;        ///< path and query, begins with '/'; no fragment

  /// For the Host field: brackets around IPv6, port when not the scheme's.
  std::string authority() const;
};

/// Absolute URLs of the schemes http, https, ws, wss. User names in URLs are refused, as are control characters and
/// spaces. Reason "url.malformed".
Result<Url> parse_url(std::string_view text);

/// folder/relative for a decoded path from outside; nothing when a segment is "..", "." or empty within, or holds a NUL
/// or backslash. A leading '/' is ignored. Looks at names only, never at the disk.
std::optional<std::filesystem::path> safe_join(const std::filesystem::path& folder, std::string_view relative);

}  // namespace phx::net
