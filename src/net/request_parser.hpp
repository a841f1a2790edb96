#pragma once
/// Internal to net/: bytes in, Request out; no I/O, so that every malformed input is a plain unit test. Beast parses,
/// but it is liberal where two readers could disagree, so the raw header is checked first (RFC 9112 2.2, 5.2, 6.3,
/// 11.2): no bare CR or LF, no NUL, no folded lines, one Host, one Content-Length of digits only, no
/// Transfer-Encoding but "chunked" and never beside Content-Length, no trailers taken over.

#include <boost/beast/http/basic_parser.hpp>
#include <expected>
#include <string>
#include <string_view>

#include "net/http.hpp"
#include "net/server.hpp"

namespace phx::net {

/// Why the server answers by itself and closes.
struct Refusal {
  int status;
  Error error;
};

class RequestParser final : private boost::beast::http::basic_parser<true> {
 public:
  using Consumed = std::expected<std::size_t, Refusal>;

  explicit RequestParser(const ServerLimits& limits);

  /// Looks for a whole header at the start of `data`, which is all that came so far. 0: more is needed.
  Consumed read_header(std::string_view data);
  /// Takes body bytes; 0 with !done(): more is needed.
  Consumed read_body(std::string_view data);

  bool header_done() const { return header_done_; }
  bool done() const { return header_done_ && is_done(); }
  bool wants_continue() const { return wants_continue_; }
  bool keeps_alive() const { return keep_alive(); }
  bool is_upgrade() const;
  std::size_t body_bytes() const { return request_.body.size(); }
  const Request& request() const { return request_; }
  Request take() { return std::move(request_); }

 private:
  using Field = boost::beast::http::field;
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;

  std::expected<void, Refusal> check_line(std::string_view line);
  std::expected<void, Refusal> check_header();
  std::expected<void, Refusal> split_target();

  void on_request_impl(boost::beast::http::verb, string_view method, string_view target, int version,
                       error_code&) override;
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(Field, string_view name, string_view value, error_code&) override;
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override;
  std::size_t on_body_impl(string_view body, error_code&) override;
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override { chunk_begun_ = true; }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override;
  void on_finish_impl(error_code&) override {}

  const ServerLimits& limits_;
  Request request_;
  std::size_t line_start_ = 0;  // of the line being looked for
  std::size_t lines_ = 0;       // whole lines seen; the first is the request line
  bool header_done_ = false;
  bool wants_continue_ = false;
  bool chunk_begun_ = false;
  std::size_t wire_bytes_ = 0;  // of the body as sent, with chunk framing
};

/// The answer to a refusal.
Response refusal_response(const Refusal& refusal);

}  // namespace phx::net
