// The request parser: whatever bytes come, and in whatever pieces, it lets the same through, and that keeps the
// promises of net/http.hpp.
#include <algorithm>
#include <string>

#include "fuzz.hpp"
#include "net/request_parser.hpp"

namespace phx::net {
namespace {

using fuzz::require;

// Small, so that the fuzzer reaches them.
constexpr ServerLimits kLimits{
    .max_header_bytes = 1024, .max_target_bytes = 256, .max_headers = 12, .max_body_bytes = 512};

struct Outcome {
  bool done = false;
  std::size_t taken = 0;
  Request request;
};

/// What is accepted in one way of sending is accepted in every way, and is the same request. When and why something is
/// refused may differ: Beast takes a chunk off the body's limit each time it meets the chunk's unfinished header.
bool agree(const Outcome& one, const Outcome& other) {
  if (!one.done && !other.done) return true;
  const auto& a = one.request;
  const auto& b = other.request;
  return one.done == other.done && one.taken == other.taken && a.method == b.method && a.target == b.target &&
         a.path == b.path && a.query == b.query && a.body == b.body &&
         std::equal(a.headers.begin(), a.headers.end(), b.headers.begin(), b.headers.end());
}

/// As the server's loop does it.
Outcome feed(std::string_view bytes, std::size_t step) {
  RequestParser parser(kLimits);
  Outcome outcome;
  std::string pending;
  const auto refuse = [&](const Refusal& refusal) {
    require(refusal.status >= 400 && refusal.status < 600 && !refusal.error.reason().empty());
    require(refusal_response(refusal).close);
    return outcome;
  };
  while (!bytes.empty() && !parser.done()) {
    const auto piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    pending += piece;
    if (!parser.header_done()) {
      const auto consumed = parser.read_header(pending);
      if (!consumed) return refuse(consumed.error());
      require(*consumed <= pending.size() && (*consumed > 0) == parser.header_done());
      pending.erase(0, *consumed);
      outcome.taken += *consumed;
      if (!parser.header_done()) continue;
    }
    while (!parser.done()) {
      const auto consumed = parser.read_body(pending);
      if (!consumed) return refuse(consumed.error());
      require(*consumed <= pending.size());
      if (*consumed == 0) break;
      pending.erase(0, *consumed);
      outcome.taken += *consumed;
    }
  }
  require(parser.body_bytes() <= kLimits.max_body_bytes);
  outcome.done = parser.done();
  outcome.request = parser.take();
  return outcome;
}

void check_promises(const Request& request) {
  require(is_token(request.method) && (request.version == 10 || request.version == 11));
  require(request.path.starts_with('/') || request.path == "*");
  require(is_field_value(request.path) && request.path.find('\t') == std::string::npos);
  for (const auto& [name, value] : request.headers) require(is_token(name) && is_field_value(value));
  require(request.headers.size() <= kLimits.max_headers);
  require(request.headers.count("Host") == 1 || (request.version == 10 && request.headers.count("Host") == 0));
  require(request.headers.count("Content-Length") + request.headers.count("Transfer-Encoding") <= 1);
  cookie(request.headers, "phoenix_session");
}

}  // namespace
}  // namespace phx::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phx::net;
  const auto bytes = phx::fuzz::as_text(data, size);
  const Outcome whole = feed(bytes, std::max<std::size_t>(size, 1));
  for (const std::size_t step : {1, 3}) phx::fuzz::require(agree(feed(bytes, step), whole));
  if (whole.done) check_promises(whole.request);
  return 0;
}
