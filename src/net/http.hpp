#pragma once
/// HTTP as values: what a handler gets and gives. Nothing here knows of sockets or of Boost.Beast, so the floors above
/// compile without them and test without a server. Semantics follow RFC 9110.
///
/// Guarantees of a Request that came through the server: the path is percent-decoded and free of NUL and control bytes,
/// header names and values are valid, at most one Host and one Content-Length, the body is whole and within the limits.

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace phx::net {

namespace asio = boost::asio;

/// Header fields in the order they came; names compare without case, a name may occur often. They are kept as they go
/// over the wire, so that an answer's head is one piece and a request's fields are not many small strings.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) {
    for (const auto& [name, value] : fields) add(name, value);
  }

  /// Adds one more field of that name.
  void add(std::string_view name, std::string_view value);
  /// Replaces all fields of that name by one.
  void set(std::string_view name, std::string_view value);
  void erase(std::string_view name);
  bool contains(std::string_view name) const { return find(name).has_value(); }
  /// The first value of that name. Valid until the headers change.
  std::optional<std::string_view> find(std::string_view name) const;
  /// The first value of that name, or empty.
  std::string_view get(std::string_view name) const { return find(name).value_or(std::string_view()); }
  std::vector<std::string_view> all(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  /// True when one of the comma-separated tokens of any such field equals `token`, without case.
  bool has_token(std::string_view name, std::string_view token) const;

  /// "Name: value" and CR LF of every field. What is not a token or a field value stands in it as it was given.
  std::string_view wire() const { return wire_; }

  /// Yields name and value, valid until the headers change.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::pair<std::string_view, std::string_view>;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = value_type;

    Iterator(const Headers& headers, std::size_t at) : headers_(&headers), at_(at) {}
    value_type operator*() const { return {headers_->name(at_), headers_->value(at_)}; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const Headers* headers_;
    std::size_t at_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, places_.size()}; }
  std::size_t size() const { return places_.size(); }
  bool empty() const { return places_.empty(); }

 private:
  /// Where a field is in wire_.
  struct Place {
    std::size_t at;
    std::size_t name;
    std::size_t value;
    std::size_t size() const { return name + value + 4; }
  };
  std::string_view name(std::size_t i) const { return {wire_.data() + places_[i].at, places_[i].name}; }
  std::string_view value(std::size_t i) const {
    return {wire_.data() + places_[i].at + places_[i].name + 2, places_[i].value};
  }
  std::string wire_;
  std::vector<Place> places_;
};

/// Equal without regard to ASCII case.
bool iequals(std::string_view a, std::string_view b);
/// RFC 9110 5.6.2 token: header names, methods.
bool is_token(std::string_view text);
/// No CR, LF, NUL or other control byte but tab: safe to write as a field value.
bool is_field_value(std::string_view text);
/// The value of one cookie of the Cookie header; nullopt when absent.
std::optional<std::string_view> cookie(const Headers& headers, std::string_view name);

/// Who is at the other end.
struct Peer {
  std::string address;  ///< "127.0.0.1", "::1"; empty for a unix socket
  std::uint16_t port = 0;
  bool local = false;  ///< came by the unix socket; uid, gid and pid are the kernel's word (SO_PEERCRED)
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = -1;
};

struct Request {
  std::string method;  ///< "GET"; case-sensitive
  std::string target;  ///< as received: "/vm%201?x=1"
  std::string path;    ///< percent-decoded, begins with '/' (or is "*"): "/vm 1"
  std::string query;   ///< raw, without '?': "x=1"; see net/url.hpp
  int version = 11;    ///< 10 or 11
  Headers headers;
  std::string body;
  Peer peer;
  /// When the answer should be there. Handlers pass it on to whatever they wait for.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::string id;  ///< for the middleware to fill: the request id of logs, audit and errors

  bool is_get_or_head() const { return method == "GET" || method == "HEAD"; }
};

/// Where a streaming handler writes. Each write reaches the client before it returns (as far as the kernel takes it).
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  /// Reason "http.client_gone" when the client left or takes nothing within the write time-out. Empty data is no-op.
  virtual asio::awaitable<Status> write(std::string data) = 0;
  /// True once the server drains: end the stream soon.
  virtual bool stopping() const = 0;
};

/// Writes a body of unknown length (server-sent events). The body ends when the coroutine does; if it throws, the
/// connection is cut so that the client sees a truncated answer. The function object lives until the coroutine ended.
using StreamBody = std::function<asio::awaitable<void>(BodyWriter& out)>;

struct Response {
  int status = 200;
  Headers headers;  ///< Content-Length, Transfer-Encoding, Connection and Date are the server's business
  /// A shared body is written without a copy, for cached files and equal answers to many.
  std::variant<std::string, std::shared_ptr<const std::string>, StreamBody> body;
  /// Metric label: the pattern of the route ("/webhooks/:source"), never the path itself.
  std::string route;
  bool close = false;  ///< close the connection after this answer

  /// The body's bytes; empty for a stream.
  std::string_view body_text() const;
};

Response text_response(int status, std::string body, std::string_view content_type = "text/plain; charset=utf-8");
Response json_response(int status, std::string json);
/// {"error":{"code","reason","message"}} plus "field" and "nextAction" when known; Retry-After when the error has one.
/// status 0 takes the status of the error's code.
Response error_response(const Error& error, int status = 0);

/// "Not Found"; "Status" for numbers without a name.
std::string_view reason_phrase(int status);

}  // namespace phx::net
