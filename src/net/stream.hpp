#pragma once
/// Internal to net/: the one byte stream under server, client and WebSocket. Over TCP or a unix socket (Asio's generic
/// protocol holds both in one type), with TLS inside or not, so that Beast's templates are instantiated once.
///
/// A stream has at most one deadline. When it passes, pending operations fail with operation_aborted and timed_out()
/// says why. Moving the deadline later costs a store: the timer is set again only when it fires too early, so a busy
/// connection touches the timer queue once per time-out, not once per read.

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "net/http.hpp"

namespace phx::net {

using boost::system::error_code;

/// OpenSSL's settings of a client: authorities and protocol versions.
class TlsContext {
 public:
  /// Empty ca_file: the system's authorities. Reason "tls.ca" when it cannot be read.
  static Result<std::shared_ptr<TlsContext>> make(const std::string& ca_file);
  ~TlsContext();
  struct Impl;
  std::unique_ptr<Impl> impl;

 private:
  explicit TlsContext(std::unique_ptr<Impl> made);
};

class Stream {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  using executor_type = asio::any_io_executor;
  using IoHandler = asio::any_completion_handler<void(error_code, std::size_t)>;
  using EndHandler = asio::any_completion_handler<void(error_code)>;
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit Stream(Socket socket);
  ~Stream();
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;

  executor_type get_executor() const;
  Socket& socket();

  void expire_at(TimePoint deadline);
  void expire_after(std::chrono::milliseconds span);
  void never_expire();
  bool timed_out() const;

  /// Some bytes; 0 with asio::error::eof at the end.
  asio::awaitable<std::pair<error_code, std::size_t>> read_some(asio::mutable_buffer into);
  /// All bytes, within `limit`, or within the deadline already set when that is zero.
  asio::awaitable<error_code> write_all(asio::const_buffer first, asio::const_buffer second = {},
                                        std::chrono::milliseconds limit = std::chrono::milliseconds(0));

  /// Client handshake with SNI and the peer's name verified against the certificate.
  asio::awaitable<error_code> start_tls(std::shared_ptr<TlsContext> context, std::string host);
  bool secure() const;
  /// OpenSSL's word on why verification failed; empty when it did not.
  std::string verify_failure() const;

  /// True when the other side closed, or sent what nobody asked for: an idle connection not to be used again.
  bool stale();
  /// Fails what is pending; the socket stays open.
  void cancel();
  /// Says that no more will be sent.
  void shutdown_send();
  void close();
  bool is_open() const;

  // What Beast's WebSocket needs of a stream.
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& into) {
          if (secure())
            tls_read_some(first_of<asio::mutable_buffer>(into), IoHandler(std::move(handler)));
          else
            socket().async_read_some(into, std::move(handler));
        },
        token, buffers);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& from) {
          if (secure())
            tls_write_some(first_of<asio::const_buffer>(from), IoHandler(std::move(handler)));
          else
            socket().async_write_some(from, std::move(handler));
        },
        token, buffers);
  }
  void teardown_tls(EndHandler handler);

 private:
  struct State;
  template <class Buffer, class Buffers>
  static Buffer first_of(const Buffers& buffers) {
    for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers); ++at)
      if (Buffer buffer(*at); buffer.size() > 0) return buffer;
    return Buffer();
  }
  void tls_read_some(asio::mutable_buffer into, IoHandler handler);
  void tls_write_some(asio::const_buffer from, IoHandler handler);
  static void arm(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

/// Where a client connects to.
struct DialTarget {
  std::string host;
  std::uint16_t port = 0;
  std::string unix_socket;
  std::shared_ptr<TlsContext> tls;  ///< null: plain
};

struct DialFailure {
  enum class Kind : std::uint8_t { kTimeout, kConnect, kTls } kind;
  std::string detail;
};

/// Looks the name up, tries its addresses in order, speaks TLS if asked. The stream keeps the deadline.
asio::awaitable<std::expected<Stream, DialFailure>> dial(DialTarget target, Stream::TimePoint deadline);

}  // namespace phx::net
