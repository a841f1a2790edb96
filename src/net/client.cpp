#include "net/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <list>
#include <map>
#include <optional>

#include "net/stream.hpp"
#include "net/url.hpp"

namespace phx::net {
namespace {

namespace http = boost::beast::http;
using std::chrono::steady_clock;

constexpr std::uint32_t kMaxHeaderBytes = 64 * 1024;
constexpr std::size_t kReadChunk = 16 * 1024;

class ResponseParser final : public http::basic_parser<false> {
 public:
  /// The request must outlive this.
  explicit ResponseParser(const ClientRequest& request) : request_(request) {
    header_limit(kMaxHeaderBytes);
    body_limit(boost::none);  // here, since where the body goes is known only with the status
    skip(request.method == "HEAD");
  }

  ClientResponse response;

  /// Gives the parser what it may have; returns how many bytes it took, none when it needs more of them.
  std::size_t take(boost::asio::const_buffer data, error_code& failed) {
    // Beast 1.81 aborts the process when a body that is nothing but its last chunk comes as "0\r\n" and then one byte
    // more (basic_parser.ipp asserts n >= 5). Such a body has 5 bytes, so nothing is lost by waiting for them; and the
    // header is parsed by itself, so that this can be looked at before its body is.
    if (is_header_done() && chunked() && !chunk_begun_ && data.size() < 5 &&
        *static_cast<const char*>(data.data()) == '0')
      return 0;
    const std::size_t taken = put(data, failed);
    if (is_header_done()) eager(true);
    return taken;
  }

 private:
  using string_view = boost::beast::string_view;
  void on_request_impl(http::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int code, string_view, int, error_code&) override { response.status = code; }
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    if (!header_done_) response.headers.add({name.data(), name.size()}, {value.data(), value.size()});
  }
  void on_header_impl(error_code&) override { header_done_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code& failed) override {
    if (request_.take_body && response.ok()) {
      request_.take_body({body.data(), body.size()});
    } else if (response.body.size() + body.size() > request_.max_response_bytes) {
      failed = http::make_error_code(http::error::body_limit);
      return 0;
    } else {
      response.body.append(body.data(), body.size());
    }
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override { chunk_begun_ = true; }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& failed) override {
    return on_body_impl(body, failed);
  }
  void on_finish_impl(error_code&) override {}

  const ClientRequest& request_;
  bool header_done_ = false;  // what comes later are trailers
  bool chunk_begun_ = false;
};

bool is_idempotent(std::string_view method) {
  for (const std::string_view known : {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
    if (method == known) return true;
  return false;
}

Status check(const ClientRequest& request) {
  const auto bad = [](std::string message) {
    return invalid_argument("http_client.bad_request", "", std::move(message));
  };
  if (!is_token(request.method)) return bad("The method is not a valid token.");
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name) || !is_field_value(value)) return bad("A header has an invalid name or value.");
    for (const std::string_view own : {"Host", "Content-Length", "Transfer-Encoding", "Connection"})
      if (iequals(name, own)) return bad(fmt::format("The header {} is set by the client itself.", own));
  }
  return {};
}

std::string head_of(const ClientRequest& request, const Url& url, const std::string& user_agent) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, url.target, url.authority());
  for (const auto& [name, value] : request.headers) head.append(name).append(": ").append(value).append("\r\n");
  if (!request.headers.contains("User-Agent")) head.append("User-Agent: ").append(user_agent).append("\r\n");
  const bool carries_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (carries_body || !request.body.empty()) head += fmt::format("Content-Length: {}\r\n", request.body.size());
  return head + "\r\n";
}

Error timed_out() { return {Code::kDeadlineExceeded, "http_client.timeout", "The other side did not answer in time."}; }

class PooledClient final : public HttpClient {
 public:
  PooledClient(asio::any_io_executor executor, ClientOptions options, std::shared_ptr<TlsContext> tls)
      : executor_(std::move(executor)), options_(std::move(options)), tls_(std::move(tls)) {}

  asio::awaitable<Result<ClientResponse>> send(ClientRequest request) override {
    PHX_CO_CHECK(check(request));
    PHX_CO_TRY(const auto url, parse_url(request.url));
    if (url.scheme != "http" && url.scheme != "https")
      co_return invalid_argument("url.malformed", "url", "The URL begins with http:// or https://.");
    const auto deadline = steady_clock::now() + request.timeout;
    const auto place = fmt::format("{}://{}:{} {}", url.scheme, url.host, url.port, request.unix_socket);
    const auto head = head_of(request, url, options_.user_agent);

    if (auto reused = take_idle(place)) {
      reused->expire_at(deadline);
      auto attempt = co_await exchange(std::move(*reused), head, request, place);
      if (attempt.answer || attempt.answered || !is_idempotent(request.method) ||
          attempt.answer.error().reason() != "http_client.broken")
        co_return std::move(attempt.answer);
    }

    DialTarget target{url.host, url.port, request.unix_socket, url.scheme == "https" ? tls_ : nullptr};
    auto dialled = co_await dial(std::move(target), deadline);
    if (!dialled) {
      const auto& [kind, detail] = dialled.error();
      if (kind == DialFailure::Kind::kTimeout) co_return timed_out().with_internal(detail);
      if (kind == DialFailure::Kind::kTls)
        co_return Error(Code::kUnavailable, "http_client.tls",
                        "The other side could not prove who it is: " + detail + ".");
      co_return Error(Code::kUnavailable, "http_client.connect", "The other side cannot be reached: " + detail + ".");
    }
    auto attempt = co_await exchange(std::move(*dialled), head, request, place);
    co_return std::move(attempt.answer);
  }

 private:
  struct Attempt {
    Result<ClientResponse> answer;
    bool answered;  // at least one byte came back
  };
  struct Idle {
    Stream stream;
    steady_clock::time_point since;
  };

  std::optional<Stream> take_idle(const std::string& place) {
    const auto at = idle_.find(place);
    if (at == idle_.end()) return std::nullopt;
    auto& streams = at->second;
    while (!streams.empty()) {
      auto [stream, since] = std::move(streams.back());
      streams.pop_back();
      if (steady_clock::now() - since < options_.idle_timeout && !stream.stale()) return std::move(stream);
    }
    idle_.erase(at);
    return std::nullopt;
  }

  void keep(const std::string& place, Stream stream) {
    if (options_.max_idle_per_host == 0) return;
    stream.never_expire();
    const auto now = steady_clock::now();
    // Whoever talks to a place clears away what others left too long.
    for (auto at = idle_.begin(); at != idle_.end();) {
      at->second.remove_if([&](const Idle& one) { return now - one.since >= options_.idle_timeout; });
      at = at->second.empty() ? idle_.erase(at) : std::next(at);
    }
    auto& streams = idle_[place];
    if (streams.size() >= options_.max_idle_per_host) streams.pop_front();
    streams.push_back({std::move(stream), now});
  }

  asio::awaitable<Attempt> exchange(Stream stream, const std::string& head, const ClientRequest& request,
                                    const std::string& place) {
    bool answered = false;
    const auto fail = [&](Error error) { return Attempt{std::move(error), answered}; };
    const auto broken = [&](const error_code& why) {
      if (stream.timed_out()) return fail(timed_out());
      return fail(Error(Code::kUnavailable, "http_client.broken", "The connection broke before the answer was whole.")
                      .with_internal(why.message()));
    };
    // A server may answer and close before it has read all: so look for an answer even when writing failed.
    const auto unwritten = co_await stream.write_all(asio::buffer(head), asio::buffer(request.body));
    if (unwritten && stream.timed_out()) co_return broken(unwritten);

    boost::beast::flat_buffer in;
    std::optional<ResponseParser> parser;
    parser.emplace(request);
    while (true) {
      error_code failed;
      while (in.size() > 0 && !parser->is_done()) {
        const auto taken = parser->take(in.cdata(), failed);
        in.consume(taken);
        if (failed || taken == 0) break;
      }
      if (failed == http::error::body_limit)
        co_return fail(Error(Code::kPayloadTooLarge, "http_client.too_big",
                             fmt::format("The answer is larger than {} bytes.", request.max_response_bytes)));
      if (failed && failed != http::error::need_more)
        co_return fail(Error(Code::kUnavailable, "http_client.malformed", "The other side does not speak HTTP well.")
                           .with_internal(failed.message()));
      if (parser->is_done()) {
        const int status = parser->response.status;
        if (status >= 200 || status == 101) break;
        parser.emplace(request);  // 100 and 103 only announce
        continue;
      }
      const auto [ended, size] = co_await stream.read_some(in.prepare(kReadChunk));
      in.commit(size);
      answered = answered || size > 0;
      if (!ended) continue;
      if (ended != asio::error::eof || !parser->is_header_done()) co_return broken(unwritten ? unwritten : ended);
      parser->put_eof(failed);
      if (failed) co_return broken(ended);
      break;
    }
    const bool reusable =
        !unwritten && parser->keep_alive() && !parser->need_eof() && in.size() == 0 && parser->response.status != 101;
    if (reusable) keep(place, std::move(stream));
    co_return Attempt{std::move(parser->response), true};
  }

  asio::any_io_executor executor_;
  ClientOptions options_;
  std::shared_ptr<TlsContext> tls_;
  std::map<std::string, std::list<Idle>> idle_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> make_http_client(asio::any_io_executor executor, ClientOptions options) {
  auto tls = TlsContext::make(options.ca_file);
  if (!tls)
    return Error(Code::kFailedPrecondition, "http_client.ca", tls.error().message())
        .with_internal(tls.error().internal());
  return std::make_unique<PooledClient>(std::move(executor), std::move(options), std::move(*tls));
}

}  // namespace phx::net
