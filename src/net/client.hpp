#pragma once
/// HTTP for calling others. HttpClient is the seam adapters are tested through; make_http_client() is the real one.
///
/// The real client: http and https (the peer's certificate is verified against the system's authorities or a given
/// file, SNI is sent), unix sockets, a small pool of kept-alive connections, one deadline over everything from name
/// look-up to the last byte, a cap on the answer's size. It follows no redirects and adds no retries, but one: an
/// idempotent request that failed on a reused connection before any byte of an answer goes out once more on a new one.
///
/// An answer of any status is a value; errors mean that there is no whole answer: "http_client.timeout"
/// (kDeadlineExceeded), "http_client.connect", "http_client.tls", "http_client.broken" (kUnavailable; the request may
/// have reached the other side), "http_client.too_big" (kPayloadTooLarge), "http_client.malformed" (kUnavailable),
/// "url.malformed", "http_client.bad_request" (kInvalidArgument).

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http.hpp"

namespace phx::net {

struct ClientRequest {
  std::string method = "GET";
  std::string url;          ///< "https://host[:port]/path?query"
  std::string unix_socket;  ///< when set, connects there; the URL then gives Host and path only
  Headers headers;
  std::string body;
  std::chrono::milliseconds timeout{30'000};
  std::size_t max_response_bytes = 16 << 20;
  /// When set, the body of an answer of status 2xx goes there as it comes instead of into the answer, however long it
  /// is. It is whole only if send() succeeds.
  std::function<void(std::string_view)> take_body;
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;

  bool ok() const { return status >= 200 && status < 300; }
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual asio::awaitable<Result<ClientResponse>> send(ClientRequest request) = 0;
};

struct ClientOptions {
  std::string ca_file;  ///< PEM; empty: the system's authorities
  std::size_t max_idle_per_host = 8;
  std::chrono::milliseconds idle_timeout{30'000};
  std::string user_agent = "phoenix";
};

/// Outlives every send() it was asked for. Error "http_client.ca" when ca_file cannot be read.
Result<std::unique_ptr<HttpClient>> make_http_client(asio::any_io_executor executor, ClientOptions options = {});

}  // namespace phx::net
