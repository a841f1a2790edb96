#include "net/stream.hpp"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <vector>

namespace phx::net {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
using std::chrono::steady_clock;

}  // namespace

struct TlsContext::Impl {
  asio::ssl::context context{asio::ssl::context::tls_client};
};

TlsContext::TlsContext(std::unique_ptr<Impl> made) : impl(std::move(made)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::make(const std::string& ca_file) {
  auto made = std::make_unique<Impl>();
  error_code failed;
  if (ca_file.empty())
    made->context.set_default_verify_paths(failed);
  else
    made->context.load_verify_file(ca_file, failed);
  if (failed)
    return Error(Code::kFailedPrecondition, "tls.ca", "The file of certificate authorities cannot be read.")
        .with_internal(ca_file + ": " + failed.message());
  SSL_CTX_set_min_proto_version(made->context.native_handle(), TLS1_2_VERSION);
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(made)));
}

struct Stream::State {
  explicit State(Socket made) : socket(std::move(made)), timer(socket.get_executor()) {}

  Socket socket;
  asio::steady_timer timer;
  TimePoint deadline = TimePoint::max();
  TimePoint armed_for = TimePoint::max();
  bool timed_out = false;
  std::shared_ptr<TlsContext> tls_context;
  std::unique_ptr<asio::ssl::stream<Socket&>> tls;
};

Stream::Stream(Socket socket) : state_(std::make_shared<State>(std::move(socket))) {}
Stream::~Stream() = default;
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;

Stream::executor_type Stream::get_executor() const { return state_->socket.get_executor(); }
Stream::Socket& Stream::socket() { return state_->socket; }
bool Stream::timed_out() const { return state_->timed_out; }
bool Stream::secure() const { return state_->tls != nullptr; }
bool Stream::is_open() const { return state_->socket.is_open(); }

void Stream::arm(const std::shared_ptr<State>& state) {
  state->armed_for = state->deadline;
  state->timer.expires_at(state->deadline);
  state->timer.async_wait([weak = std::weak_ptr(state)](error_code aborted) {
    if (aborted) return;
    const auto alive = weak.lock();
    if (!alive) return;
    alive->armed_for = TimePoint::max();
    if (alive->deadline == TimePoint::max()) return;
    if (steady_clock::now() < alive->deadline) return arm(alive);
    alive->timed_out = true;
    error_code ignored;
    alive->socket.cancel(ignored);
  });
}

void Stream::expire_at(TimePoint deadline) {
  state_->deadline = deadline;
  state_->timed_out = false;
  if (deadline < state_->armed_for) arm(state_);
}

void Stream::expire_after(std::chrono::milliseconds span) { expire_at(steady_clock::now() + span); }

void Stream::never_expire() {
  state_->deadline = TimePoint::max();
  state_->timed_out = false;
}

asio::awaitable<std::pair<error_code, std::size_t>> Stream::read_some(asio::mutable_buffer into) {
  const auto keep = state_;
  if (keep->timed_out) co_return std::pair(error_code(asio::error::operation_aborted), std::size_t(0));
  if (keep->tls) {
    const auto [failed, size] = co_await keep->tls->async_read_some(into, kAsTuple);
    co_return std::pair(failed, size);
  }
  const auto [failed, size] = co_await keep->socket.async_read_some(into, kAsTuple);
  co_return std::pair(failed, size);
}

asio::awaitable<error_code> Stream::write_all(asio::const_buffer first, asio::const_buffer second,
                                              std::chrono::milliseconds limit) {
  const auto keep = state_;
  if (limit.count() > 0) expire_after(limit);
  while (first.size() + second.size() > 0) {
    if (keep->timed_out) co_return asio::error::operation_aborted;
    if (first.size() == 0) std::swap(first, second);
    error_code failed;
    std::size_t written = 0;
    if (keep->tls)
      std::tie(failed, written) = co_await keep->tls->async_write_some(first, kAsTuple);
    else
      std::tie(failed, written) =
          co_await keep->socket.async_write_some(std::array<asio::const_buffer, 2>{first, second}, kAsTuple);
    if (failed) co_return failed;
    const auto of_first = std::min(written, first.size());
    first += of_first;
    second += written - of_first;
  }
  if (limit.count() > 0) never_expire();
  co_return error_code();
}

asio::awaitable<error_code> Stream::start_tls(std::shared_ptr<TlsContext> context, std::string host) {
  const auto keep = state_;
  keep->tls_context = std::move(context);
  auto tls = std::make_unique<asio::ssl::stream<Socket&>>(keep->socket, keep->tls_context->impl->context);
  error_code numeric;
  asio::ip::make_address(host, numeric);
  if (numeric && SSL_set_tlsext_host_name(tls->native_handle(), host.c_str()) != 1)
    co_return error_code(asio::error::invalid_argument);
  tls->set_verify_mode(asio::ssl::verify_peer);
  tls->set_verify_callback(asio::ssl::host_name_verification(host));
  keep->tls = std::move(tls);
  const auto [failed] = co_await keep->tls->async_handshake(asio::ssl::stream_base::client, kAsTuple);
  co_return failed;
}

std::string Stream::verify_failure() const {
  if (!state_->tls) return {};
  const long verdict = SSL_get_verify_result(state_->tls->native_handle());
  return verdict == X509_V_OK ? std::string() : X509_verify_cert_error_string(verdict);
}

bool Stream::stale() {
  char byte = 0;
  const auto got = ::recv(state_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return !(got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

void Stream::cancel() {
  error_code ignored;
  state_->socket.cancel(ignored);
}

void Stream::shutdown_send() {
  error_code ignored;
  state_->socket.shutdown(Socket::shutdown_send, ignored);
}

void Stream::close() {
  error_code ignored;
  state_->timer.cancel();
  state_->armed_for = TimePoint::max();
  state_->socket.close(ignored);
}

void Stream::tls_read_some(asio::mutable_buffer into, IoHandler handler) {
  state_->tls->async_read_some(into, std::move(handler));
}

void Stream::tls_write_some(asio::const_buffer from, IoHandler handler) {
  state_->tls->async_write_some(from, std::move(handler));
}

void Stream::teardown_tls(EndHandler handler) { state_->tls->async_shutdown(std::move(handler)); }

namespace {

struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
  asio::ip::tcp::resolver resolver;
  asio::steady_timer done;
  error_code failed = asio::error::timed_out;
  std::vector<asio::ip::tcp::endpoint> found;
};

/// A look-up in progress cannot be stopped (it is a blocking call on Asio's own thread), so waiting is what ends at the
/// deadline; a late answer finds only the shared Lookup.
asio::awaitable<std::pair<error_code, std::vector<asio::ip::tcp::endpoint>>> look_up(std::string host,
                                                                                     std::uint16_t port,
                                                                                     Stream::TimePoint deadline) {
  error_code failed;
  const auto numeric = asio::ip::make_address(host, failed);
  if (!failed) {
    std::vector<asio::ip::tcp::endpoint> one;
    one.emplace_back(numeric, port);
    co_return std::pair(error_code(), std::move(one));
  }
  auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor);
  lookup->done.expires_at(deadline);
  lookup->resolver.async_resolve(host, std::to_string(port),
                                 [lookup](error_code wrong, asio::ip::tcp::resolver::results_type results) {
                                   lookup->failed = wrong;
                                   for (const auto& entry : results) lookup->found.push_back(entry.endpoint());
                                   lookup->done.cancel();
                                 });
  co_await lookup->done.async_wait(kAsTuple);
  const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
  if (cancelled != asio::cancellation_type::none)
    co_return std::pair(error_code(asio::error::operation_aborted), lookup->found);
  co_return std::pair(lookup->failed, lookup->found);
}

}  // namespace

asio::awaitable<std::expected<Stream, DialFailure>> dial(DialTarget target, Stream::TimePoint deadline) {
  using Kind = DialFailure::Kind;
  const auto executor = co_await asio::this_coro::executor;
  std::vector<asio::generic::stream_protocol::endpoint> endpoints;
  if (!target.unix_socket.empty()) {
    if (target.unix_socket.size() >= 108)
      co_return std::unexpected(DialFailure{Kind::kConnect, "the path of the unix socket is too long"});
    endpoints.emplace_back(asio::local::stream_protocol::endpoint(target.unix_socket));
  } else {
    auto [failed, found] = co_await look_up(target.host, target.port, deadline);
    if (failed == asio::error::timed_out) co_return std::unexpected(DialFailure{Kind::kTimeout, "name look-up"});
    if (failed) co_return std::unexpected(DialFailure{Kind::kConnect, failed.message()});
    endpoints.assign(found.begin(), found.end());
  }

  error_code last = asio::error::host_not_found;
  for (const auto& endpoint : endpoints) {
    Stream stream{Stream::Socket(executor)};
    stream.expire_at(deadline);
    const auto [failed] = co_await stream.socket().async_connect(endpoint, kAsTuple);
    if (stream.timed_out()) co_return std::unexpected(DialFailure{Kind::kTimeout, "connecting"});
    last = failed;
    if (failed) continue;
    error_code ignored;
    if (target.unix_socket.empty()) stream.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    if (target.tls) {
      const auto refused = co_await stream.start_tls(target.tls, target.host);
      if (stream.timed_out()) co_return std::unexpected(DialFailure{Kind::kTimeout, "TLS handshake"});
      if (refused) {
        auto why = stream.verify_failure();
        co_return std::unexpected(DialFailure{Kind::kTls, why.empty() ? refused.message() : why});
      }
    }
    co_return std::move(stream);
  }
  co_return std::unexpected(DialFailure{Kind::kConnect, last.message()});
}

}  // namespace phx::net
