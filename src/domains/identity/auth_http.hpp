#pragma once
/// What the routes under /auth share: small JSON bodies, who asks from where, and answers that nobody keeps.
///
/// Errors: "auth.malformed", "auth.too_large".

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/result.hpp"
#include "net/http.hpp"

namespace phx::identity {

inline constexpr std::size_t kMaxBody = 4096;
inline constexpr std::size_t kMaxUserAgent = 200;

inline Error malformed(std::string field, std::string message) {
  return invalid_argument("auth.malformed", std::move(field), std::move(message));
}

/// The JSON object of a small body.
inline Result<boost::json::object> parse_body(const net::Request& request) {
  const auto type = request.headers.get("Content-Type");
  // Browsers send other types across origins without asking first; JSON they do not.
  if (!net::iequals(type.substr(0, type.find_first_of("; ")), "application/json"))
    return malformed("", "Send the request as application/json.");
  if (request.body.size() > kMaxBody)
    return Error(Code::kPayloadTooLarge, "auth.too_large", "The request is larger than 4 KiB.");
  boost::system::error_code failure;
  auto value = boost::json::parse(request.body, failure);
  if (failure || !value.is_object()) return malformed("", "The request is not a JSON object.");
  return std::move(value.as_object());
}

inline Result<std::string> take_text(const boost::json::object& body, std::string_view key) {
  const auto* value = body.if_contains(key);
  if (value == nullptr || !value->is_string() || value->as_string().empty())
    return malformed(std::string(key), "A text is needed here.");
  return std::string(value->as_string());
}

/// Printable ASCII only and not long: it is shown in the list of one's sessions.
inline std::string user_agent_of(const net::Request& request) {
  std::string out;
  for (const char c : request.headers.get("User-Agent")) {
    if (c >= ' ' && c < 127) out += c;
    if (out.size() == kMaxUserAgent) break;
  }
  return out;
}

inline std::string address_of(const net::Request& request) {
  return request.peer.local ? "local" : request.peer.address;
}

inline net::Response answer(int status, std::string json) {
  auto response = net::json_response(status, std::move(json));
  response.headers.set("Cache-Control", "no-store");
  return response;
}

inline net::Response refusal(const Error& error) {
  log_error("auth.refused", error);
  auto response = net::error_response(error);
  response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace phx::identity
