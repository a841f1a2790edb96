#include "net/http.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace phx::net {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool is_token(std::string_view text) {
  static constexpr auto kOk = [] {
    std::array<bool, 256> out{};
    for (const char c :
         std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"))
      out[static_cast<unsigned char>(c)] = true;
    return out;
  }();
  return !text.empty() && std::ranges::all_of(text, [](char c) { return kOk[static_cast<unsigned char>(c)]; });
}

bool is_field_value(std::string_view text) {
  // Without a way out of the loop, so that many bytes are looked at in one step: this runs over all that is sent.
  bool bad = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    bad |= (byte < 0x20 && byte != '\t') || byte == 0x7f;
  }
  return !bad;
}

void Headers::add(std::string_view name, std::string_view value) {
  // Room for what an answer usually has.
  if (places_.empty()) {
    wire_.reserve(1024);
    places_.reserve(12);
  }
  places_.push_back({wire_.size(), name.size(), value.size()});
  wire_.append(name).append(": ").append(value).append("\r\n");
}

void Headers::set(std::string_view name, std::string_view value) {
  erase(name);
  add(name, value);
}

void Headers::erase(std::string_view which) {
  for (std::size_t i = places_.size(); i-- > 0;) {
    if (!iequals(name(i), which)) continue;
    const auto size = places_[i].size();
    wire_.erase(places_[i].at, size);
    places_.erase(places_.begin() + static_cast<std::ptrdiff_t>(i));
    for (std::size_t after = i; after < places_.size(); ++after) places_[after].at -= size;
  }
}

std::optional<std::string_view> Headers::find(std::string_view which) const {
  for (std::size_t i = 0; i < places_.size(); ++i)
    if (iequals(name(i), which)) return value(i);
  return std::nullopt;
}

std::vector<std::string_view> Headers::all(std::string_view which) const {
  std::vector<std::string_view> values;
  for (std::size_t i = 0; i < places_.size(); ++i)
    if (iequals(name(i), which)) values.push_back(value(i));
  return values;
}

std::size_t Headers::count(std::string_view which) const {
  std::size_t out = 0;
  for (std::size_t i = 0; i < places_.size(); ++i)
    if (iequals(name(i), which)) ++out;
  return out;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  for (auto list : all(name)) {
    while (true) {
      const auto comma = list.find(',');
      if (iequals(trim(list.substr(0, comma)), token)) return true;
      if (comma == list.npos) break;
      list.remove_prefix(comma + 1);
    }
  }
  return false;
}

std::optional<std::string_view> cookie(const Headers& headers, std::string_view name) {
  for (auto list : headers.all("Cookie")) {
    while (true) {
      const auto semicolon = list.find(';');
      const auto pair = trim(list.substr(0, semicolon));
      const auto equals = pair.find('=');
      if (equals != pair.npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
      if (semicolon == list.npos) break;
      list.remove_prefix(semicolon + 1);
    }
  }
  return std::nullopt;
}

std::string_view Response::body_text() const {
  if (const auto* own = std::get_if<std::string>(&body)) return *own;
  if (const auto* shared = std::get_if<std::shared_ptr<const std::string>>(&body); shared && *shared) return **shared;
  return {};
}

Response text_response(int status, std::string body, std::string_view content_type) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", content_type);
  response.body = std::move(body);
  return response;
}

Response json_response(int status, std::string json) {
  return text_response(status, std::move(json), "application/json");
}

Response error_response(const Error& error, int status) {
  const auto& info = code_info(error.code());
  boost::json::object detail;
  detail["code"] = boost::json::string_view(info.graphql_code.data(), info.graphql_code.size());
  detail["reason"] = error.reason();
  detail["message"] = error.message();
  if (!error.field().empty()) detail["field"] = error.field();
  if (!error.next_action().empty()) detail["nextAction"] = error.next_action();
  boost::json::object whole;
  whole["error"] = std::move(detail);
  auto response = json_response(status != 0 ? status : info.http_status, boost::json::serialize(whole));
  response.headers.add("Cache-Control", "no-store");
  if (const auto after = error.retry_after())
    response.headers.add("Retry-After", fmt::format("{}", std::chrono::ceil<std::chrono::seconds>(*after).count()));
  return response;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
  }
}

}  // namespace phx::net
