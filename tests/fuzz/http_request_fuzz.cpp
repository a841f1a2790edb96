// The request parser: whatever bytes come, and in whatever pieces, it says the same, and what it lets through keeps the
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
  int refused = 0;  // the status
  std::string reason;
  bool done = false;
  std::size_t taken = 0;
  Request request;

  bool operator==(const Outcome& other) const {
    return refused == other.refused && reason == other.reason && done == other.done &&
           (!done || (taken == other.taken && request.method == other.request.method &&
                      request.target == other.request.target && request.path == other.request.path &&
                      request.query == other.request.query && request.body == other.request.body &&
                      std::equal(request.headers.begin(), request.headers.end(), other.request.headers.begin(),
                                 other.request.headers.end())));
  }
};

/// As the server's loop does it.
Outcome feed(std::string_view bytes, std::size_t step) {
  RequestParser parser(kLimits);
  Outcome outcome;
  std::string pending;
  const auto refuse = [&](const Refusal& refusal) {
    require(refusal.status >= 400 && refusal.status < 600 && !refusal.error.reason().empty());
    require(refusal_response(refusal).close);
    outcome.refused = refusal.status;
    outcome.reason = refusal.error.reason();
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
  for (const std::size_t step : {1, 3}) phx::fuzz::require(feed(bytes, step) == whole);
  if (whole.done) check_promises(whole.request);
  return 0;
}
