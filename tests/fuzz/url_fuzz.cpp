// URLs, query strings, percent-coding and paths that must not leave their folder.
#include <algorithm>

#include "fuzz.hpp"
#include "net/url.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phx::net;
  using phx::fuzz::require;
  const auto text = phx::fuzz::as_text(data, size);

  const auto decoded = percent_decode(percent_encode(text));
  require(decoded && *decoded == text);
  if (const auto once = percent_decode(text)) require(once->size() <= text.size());

  if (const auto parameters = parse_query(text))
    for (const auto& [name, value] : *parameters) require(query_value(*parameters, name).has_value());

  if (const auto url = parse_url(text)) {
    require(!url->host.empty() && url->port != 0 && url->target.starts_with('/'));
    require(url->target.find('#') == std::string::npos);
    const auto again = parse_url(url->scheme + "://" + url->authority() + url->target);
    require(again && again->host == url->host && again->port == url->port && again->target == url->target);
  }

  if (const auto path = safe_join("/srv/portal", text)) {
    // Resolving the names must change nothing and stay below the folder.
    const auto clean = path->lexically_normal();
    require(clean == *path || clean / "" == *path);
    require(clean.native() == "/srv/portal" || clean.native().starts_with("/srv/portal/"));
  }
  return 0;
}
