#include "net/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace phx::net {
namespace {

Error malformed(std::string message) { return Error(Code::kInvalidArgument, "url.malformed", std::move(message)); }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::uint16_t default_port_of(std::string_view scheme) { return scheme == "https" || scheme == "wss" ? 443 : 80; }

}  // namespace

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return malformed("A '%' must be followed by two hexadecimal digits.");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Result<QueryParameters> parse_query(std::string_view query) {
  QueryParameters parameters;
  const auto decode = [](std::string_view part) {
    std::string spaced(part);
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    return percent_decode(spaced);
  };
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    PHX_TRY(auto name, decode(pair.substr(0, equals)));
    PHX_TRY(auto value, decode(equals == pair.npos ? std::string_view() : pair.substr(equals + 1)));
    parameters.emplace_back(std::move(name), std::move(value));
  }
  std::vector<std::string_view> names;
  for (const auto& parameter : parameters) names.push_back(parameter.first);
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end())
    return Error(Code::kInvalidArgument, "url.repeated_parameter", "A parameter of the query string is given twice.")
        .with_next_action("Give each parameter once.");
  return parameters;
}

std::optional<std::string> query_value(const QueryParameters& parameters, std::string_view name) {
  for (const auto& [key, value] : parameters)
    if (key == name) return value;
  return std::nullopt;
}

std::string Url::authority() const {
  std::string out = host.find(':') != host.npos ? "[" + host + "]" : host;
  if (!default_port) out += fmt::format(":{}", port);
  return out;
}

Result<Url> parse_url(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; }))
    return malformed("A URL has no spaces or control characters.");
  const auto colon = text.find("://");
  if (colon == text.npos) return malformed("A URL begins with its scheme, such as https://.");
  Url url;
  url.scheme = text.substr(0, colon);
  for (char& c : url.scheme)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  if (url.scheme != "http" && url.scheme != "https" && url.scheme != "ws" && url.scheme != "wss")
    return malformed("The scheme must be http, https, ws or wss.");
  text.remove_prefix(colon + 3);
  text = text.substr(0, text.find('#'));
  const auto end = text.find_first_of("/?");
  auto authority = text.substr(0, end);
  url.target = end == text.npos ? "/" : std::string(text.substr(end));
  if (url.target.front() == '?') url.target.insert(0, "/");
  if (authority.find('@') != authority.npos) return malformed("User names in URLs are not supported.");

  std::string_view port;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == authority.npos) return malformed("The IPv6 address lacks its closing bracket.");
    url.host = authority.substr(1, close - 1);
    if (url.host.find_first_not_of("0123456789abcdefABCDEF:.") != url.host.npos || url.host.find(':') == url.host.npos)
      return malformed("Between brackets an IPv6 address is expected.");
    authority.remove_prefix(close + 1);
    if (!authority.empty() && authority.front() != ':') return malformed("After the address only a port may follow.");
    port = authority.empty() ? authority : authority.substr(1);
  } else {
    const auto at = authority.find(':');
    url.host = authority.substr(0, at);
    port = at == authority.npos ? std::string_view() : authority.substr(at + 1);
    const auto odd = [](char c) {
      return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
               c == '_');
    };
    if (std::any_of(url.host.begin(), url.host.end(), odd)) return malformed("The host name has an invalid character.");
  }
  if (url.host.empty()) return malformed("The URL names no host.");
  url.port = default_port_of(url.scheme);
  if (!port.empty()) {
    const auto [stop, failed] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (failed != std::errc() || stop != port.data() + port.size() || url.port == 0)
      return malformed("The port must be a number from 1 to 65535.");
  }
  url.default_port = url.port == default_port_of(url.scheme);
  return url;
}

std::optional<std::filesystem::path> safe_join(const std::filesystem::path& folder, std::string_view relative) {
  if (relative.find('\0') != relative.npos || relative.find('\\') != relative.npos) return std::nullopt;
  if (relative.starts_with('/')) relative.remove_prefix(1);
  std::filesystem::path joined = folder;
  while (!relative.empty()) {
    const auto slash = relative.find('/');
    const auto segment = relative.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") return std::nullopt;
    joined /= segment;
    if (slash == relative.npos) break;
    relative.remove_prefix(slash + 1);
  }
  return joined;
}

}  // namespace phx::net
