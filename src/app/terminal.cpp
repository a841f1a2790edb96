#include "app/terminal.hpp"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iostream>

#include "base/task_scope.hpp"

namespace phx::app {
namespace {

namespace asio = boost::asio;
constexpr char kLeave = 0x1d;  // Ctrl-]
constexpr auto kQuiet = std::chrono::seconds(2);

class RawMode {
 public:
  RawMode() : active_(isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!active_) return;
    termios raw = before_;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  ~RawMode() {
    if (active_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;
  bool active() const { return active_; }

 private:
  termios before_{};
  bool active_;
};

class Session {
 public:
  Session(net::WebSocket socket, asio::any_io_executor executor, bool interactive)
      : socket_(std::move(socket)),
        input_(executor, dup(STDIN_FILENO)),
        quiet_(executor),
        scope_(executor, "terminal"),
        interactive_(interactive) {}

  asio::awaitable<Status> run() {
    scope_.spawn("keyboard", keyboard());
    for (;;) {
      const auto message = co_await socket_.receive();
      if (!message) break;
      if (message->text) continue;
      quiet_.expires_after(kQuiet);
      std::cout << message->data << std::flush;
    }
    co_await scope_.stop();
    if (interactive_) std::cerr << "\r\n";
    const std::string reason = socket_.close_reason();
    if (socket_.close_code() == net::CloseCode::kTryAgainLater)
      co_return Error(Code::kUnavailable, "console.closed", reason.empty() ? "The console was closed." : reason);
    co_return Status();
  }

 private:
  asio::awaitable<void> keyboard() {
    std::array<char, 4096> buffer{};
    for (;;) {
      boost::system::error_code failure;
      const std::size_t got =
          co_await input_.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, failure));
      if (failure) break;
      std::string typed(buffer.data(), got);
      if (interactive_ && typed.find(kLeave) != typed.npos) {
        co_await socket_.close();
        co_return;
      }
      if (!co_await socket_.send_binary(std::move(typed))) co_return;
    }
    // The end of a pipe: give the guest time to answer, as long as it keeps talking.
    quiet_.expires_after(kQuiet);
    boost::system::error_code moved = asio::error::operation_aborted;
    while (moved == asio::error::operation_aborted)
      co_await quiet_.async_wait(asio::redirect_error(asio::use_awaitable, moved));
    co_await socket_.close();
  }

  net::WebSocket socket_;
  asio::posix::stream_descriptor input_;
  asio::steady_timer quiet_;
  TaskScope scope_;
  bool interactive_;
};

}  // namespace

asio::awaitable<Status> run_terminal(net::WebSocket socket) {
  const RawMode raw;
  if (raw.active()) std::cerr << "Connected; Ctrl-] leaves.\r\n";
  Session session(std::move(socket), co_await asio::this_coro::executor, raw.active());
  co_return co_await session.run();
}

}  // namespace phx::app
