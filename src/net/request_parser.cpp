#include "net/request_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/verb.hpp>

#include "net/url.hpp"

namespace phx::net {
namespace {

namespace http = boost::beast::http;

std::unexpected<Refusal> refuse(int status, std::string_view reason, std::string message) {
  Code code = Code::kInvalidArgument;
  if (status == 413 || status == 414 || status == 431) code = Code::kPayloadTooLarge;
  if (status == 501 || status == 505) code = Code::kUnimplemented;
  return std::unexpected(Refusal{status, Error(code, reason, std::move(message))});
}

std::unexpected<Refusal> refuse(boost::beast::error_code failed, const ServerLimits& limits) {
  if (failed == http::error::body_limit)
    return refuse(413, "http.body_too_large", fmt::format("The body is larger than {} bytes.", limits.max_body_bytes));
  if (failed == http::error::bad_version)
    return refuse(505, "http.version", "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
  if (failed == http::error::bad_transfer_encoding || failed == http::error::bad_content_length ||
      failed == http::error::multiple_content_length)
    return refuse(400, "http.ambiguous_length", "The length of the body is given more than once, or not as a number.");
  return refuse(400, "http.malformed", "This is not a well-formed HTTP request: " + failed.message() + ".");
}

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

/// A chunked body may carry this much framing beyond twice its limit before we stop listening.
constexpr std::size_t kFramingAllowance = 64 * 1024;

}  // namespace

RequestParser::RequestParser(const ServerLimits& limits) : limits_(limits) {
  header_limit(static_cast<std::uint32_t>(limits.max_header_bytes + 1));
  body_limit(limits.max_body_bytes);
}

bool RequestParser::is_upgrade() const {
  return request_.method == "GET" && request_.version == 11 && request_.headers.has_token("Connection", "upgrade") &&
         request_.headers.has_token("Upgrade", "websocket");
}

std::expected<void, Refusal> RequestParser::check_line(std::string_view line) {
  if (line.find('\r') != line.npos)
    return refuse(400, "http.bare_cr", "A carriage return must be followed by a line feed.");
  if (line.find('\0') != line.npos) return refuse(400, "http.nul", "A header holds no NUL.");
  if (lines_ == 0) {
    if (line.size() > limits_.max_target_bytes)
      return refuse(414, "http.target_too_long",
                    fmt::format("The request line is longer than {} bytes.", limits_.max_target_bytes));
    return {};
  }
  if (lines_ > limits_.max_headers)
    return refuse(431, "http.too_many_headers",
                  fmt::format("There are more than {} header fields.", limits_.max_headers));
  if (line.front() == ' ' || line.front() == '\t')
    return refuse(400, "http.folded_header", "Folded header lines are not accepted.");
  const auto colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon)))
    return refuse(400, "http.bad_header", "A header line begins with a name followed at once by a colon.");
  return {};
}

RequestParser::Consumed RequestParser::read_header(std::string_view data) {
  const auto too_large = [this] {
    return refuse(431, "http.header_too_large",
                  fmt::format("The header is larger than {} bytes.", limits_.max_header_bytes));
  };
  while (true) {
    const auto feed = data.find('\n', line_start_);
    if (feed == data.npos) break;
    if (feed == 0 || data[feed - 1] != '\r') return refuse(400, "http.bare_lf", "Header lines end with CR LF.");
    const auto line = data.substr(line_start_, feed - 1 - line_start_);
    if (line.empty() && lines_ == 0) {
      // RFC 9112 2.2: an empty line before the request line is skipped.
      if (feed > 7) return refuse(400, "http.malformed", "There are too many empty lines before the request.");
      line_start_ = feed + 1;
      continue;
    }
    if (line.empty()) {
      const auto end = feed + 1;
      if (end > limits_.max_header_bytes) return too_large();
      const auto first = data.find_first_not_of("\r\n");
      error_code failed;
      put(asio::const_buffer(data.data() + first, end - first), failed);
      if (failed) return refuse(failed, limits_);
      header_done_ = true;
      if (auto checked = check_header(); !checked) return std::unexpected(checked.error());
      eager(true);
      return end;
    }
    if (auto checked = check_line(line); !checked) return std::unexpected(checked.error());
    ++lines_;
    line_start_ = feed + 1;
  }
  // One byte more: the CR of a line that is just as long as it may be.
  if (lines_ == 0 && data.size() - line_start_ > limits_.max_target_bytes + 1)
    return refuse(414, "http.target_too_long",
                  fmt::format("The request line is longer than {} bytes.", limits_.max_target_bytes));
  if (data.size() > limits_.max_header_bytes) return too_large();
  return 0;
}

std::expected<void, Refusal> RequestParser::check_header() {
  const auto& headers = request_.headers;
  for (const auto& [name, value] : headers)
    if (!is_field_value(value)) return refuse(400, "http.bad_header", "A header value holds a control character.");
  const auto hosts = headers.count("Host");
  if (hosts > 1 || (hosts == 0 && request_.version == 11))
    return refuse(400, "http.host", "A request names its Host exactly once.");
  const auto length = headers.find("Content-Length");
  if (length && (headers.count("Content-Length") > 1 || length->empty() ||
                 length->find_first_not_of("0123456789") != length->npos))
    return refuse(400, "http.ambiguous_length", "Content-Length is given once, in digits.");
  if (const auto coding = headers.find("Transfer-Encoding")) {
    if (length || request_.version == 10)
      return refuse(400, "http.ambiguous_length",
                    "Transfer-Encoding stands neither beside Content-Length nor in HTTP/1.0.");
    if (headers.count("Transfer-Encoding") > 1 || !iequals(*coding, "chunked"))
      return refuse(501, "http.transfer_encoding", "The only transfer coding understood here is chunked.");
  }
  if (const auto expectation = headers.find("Expect"); expectation && request_.version == 11) {
    if (!iequals(*expectation, "100-continue"))
      return refuse(417, "http.expectation", "The only expectation met here is 100-continue.");
    wants_continue_ = !is_done();
  }
  if (request_.method == "CONNECT") return refuse(501, "http.connect", "This server is not a proxy.");
  return split_target();
}

std::expected<void, Refusal> RequestParser::split_target() {
  const auto bad = [] { return refuse(400, "http.bad_target", "The request target is not a valid path and query."); };
  std::string_view target = request_.target;
  if (!printable(target) || target.find('#') != target.npos) return bad();
  if (target == "*") {
    if (request_.method != "OPTIONS") return bad();
    request_.path = "*";
    return {};
  }
  if (!target.starts_with('/')) {
    // The absolute form, as sent to proxies: its authority says nothing that Host does not.
    const auto scheme = target.find("://");
    if (scheme == target.npos ||
        !(iequals(target.substr(0, scheme), "http") || iequals(target.substr(0, scheme), "https")))
      return bad();
    const auto rest = target.substr(scheme + 3);
    const auto end = rest.find_first_of("/?");
    if (end == 0 || rest.empty()) return bad();
    target = end == rest.npos ? std::string_view("/") : rest.substr(end);
  }
  const auto question = target.find('?');
  auto path = percent_decode(target.substr(0, question));
  if (!path || !is_field_value(*path) || path->find('\t') != path->npos) return bad();
  if (question != target.npos) request_.query = target.substr(question + 1);
  request_.path = path->empty() ? "/" : std::move(*path);
  return {};
}

RequestParser::Consumed RequestParser::read_body(std::string_view data) {
  if (data.empty() || is_done()) return 0;
  // Beast 1.81 aborts the process when a body that is nothing but its last chunk comes as "0\r\n" and then one byte
  // more (basic_parser.ipp asserts n >= 5). Such a body has 5 bytes, so nothing is lost by waiting for them.
  if (chunked() && !chunk_begun_ && data.front() == '0' && data.size() < 5) return 0;
  error_code failed;
  const auto taken = put(asio::const_buffer(data.data(), data.size()), failed);
  wire_bytes_ += taken;
  if (failed && failed != http::error::need_more) return refuse(failed, limits_);
  if (wire_bytes_ > 2 * limits_.max_body_bytes + kFramingAllowance)
    return refuse(413, "http.body_too_large", "The framing of the chunked body is out of proportion.");
  return taken;
}

void RequestParser::on_request_impl(http::verb, string_view method, string_view target, int version, error_code&) {
  request_.method.assign(method.data(), method.size());
  request_.target.assign(target.data(), target.size());
  request_.version = version;
}

void RequestParser::on_field_impl(Field, string_view name, string_view value, error_code&) {
  // Trailers come this way too, after the body, when nobody may rely on them any more.
  if (header_done_) return;
  request_.headers.add(std::string_view(name.data(), name.size()), std::string_view(value.data(), value.size()));
}

void RequestParser::on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) {
  // A promise of bytes is not yet bytes: memory follows what arrives.
  if (length) request_.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, kFramingAllowance)));
}

std::size_t RequestParser::on_body_impl(string_view body, error_code&) {
  request_.body.append(body.data(), body.size());
  return body.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, string_view body, error_code& failed) {
  return on_body_impl(body, failed);
}

Response refusal_response(const Refusal& refusal) {
  auto response = error_response(refusal.error, refusal.status);
  response.route = "(refused)";
  response.close = true;
  return response;
}

}  // namespace phx::net
