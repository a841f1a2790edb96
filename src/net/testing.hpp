#pragma once
/// For the tests of net/ only: runs coroutines, and speaks raw bytes to a server so that malformed input can be sent.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include "base/clock.hpp"
#include "base/task_scope.hpp"
#include "net/server.hpp"
#include "net/stream.hpp"

namespace phx::net {

/// Runs `test` to its end, whose exceptions become failures. The closure lives as long as its coroutine.
template <class Test>
void run(asio::io_context& io, const Test& test) {
  bool ended = false;
  asio::co_spawn(io, test(), [&ended](std::exception_ptr failure) {
    ended = true;
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) { ADD_FAILURE() << "the test threw: " << error.what(); }
  });
  io.restart();
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!ended && std::chrono::steady_clock::now() < limit) io.run_one_for(std::chrono::seconds(1));
  if (ended) return;
  ADD_FAILURE() << "the test hangs";
  std::abort();  // its coroutine still refers to the test's variables
}

/// A latch for coroutines.
class Gate {
 public:
  explicit Gate(asio::io_context& io) : timer_(io, asio::steady_timer::time_point::max()) {}
  void open() {
    open_ = true;
    timer_.cancel();
  }
  bool is_open() const { return open_; }
  asio::awaitable<void> wait() {
    while (!open_) {
      error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }

 private:
  bool open_ = false;
  asio::steady_timer timer_;
};

/// Waits until the condition holds, looking again and again.
template <class Condition>
asio::awaitable<bool> eventually(const Condition& holds) {
  for (int i = 0; i < 5000 && !holds(); ++i) co_await sleep_for(std::chrono::milliseconds(1));
  co_return holds();
}

class RawClient {
 public:
  explicit RawClient(asio::io_context& io) : stream_(Stream::Socket(io)) {}

  asio::awaitable<void> connect(std::uint16_t port) {
    const asio::ip::tcp::endpoint to(asio::ip::make_address("127.0.0.1"), port);
    co_await stream_.socket().async_connect(asio::generic::stream_protocol::endpoint(to), asio::use_awaitable);
    stream_.expire_after(std::chrono::seconds(30));
  }
  asio::awaitable<void> connect_unix(std::string path) {
    const asio::local::stream_protocol::endpoint to(path);
    co_await stream_.socket().async_connect(asio::generic::stream_protocol::endpoint(to), asio::use_awaitable);
    stream_.expire_after(std::chrono::seconds(30));
  }
  asio::awaitable<bool> send(std::string bytes) {
    const auto failed = co_await stream_.write_all(asio::buffer(bytes));
    co_return !failed;
  }
  /// One answer with Content-Length (or without a body), as it came.
  asio::awaitable<std::string> read_answer() {
    std::size_t end = 0;
    while ((end = seen_.find("\r\n\r\n")) == seen_.npos)
      if (!co_await more()) co_return take(seen_.size());
    end += 4;
    const auto at = seen_.find("Content-Length: ");
    std::size_t length = at < end ? std::stoul(seen_.substr(at + 16)) : 0;
    while (seen_.size() < end + length)
      if (!co_await more()) co_return take(seen_.size());
    co_return take(end + length);
  }
  /// Bytes up to and with `mark`; what came so far if the server closes first.
  asio::awaitable<std::string> read_until(std::string mark) {
    std::size_t at = 0;
    while ((at = seen_.find(mark)) == seen_.npos)
      if (!co_await more()) co_return take(seen_.size());
    co_return take(at + mark.size());
  }
  /// Everything until the server closes; a reset counts as an end.
  asio::awaitable<std::string> read_to_end() {
    while (co_await more()) {}
    co_return take(seen_.size());
  }
  Stream& stream() { return stream_; }

 private:
  asio::awaitable<bool> more() {
    char chunk[4096];
    const auto [failed, size] = co_await stream_.read_some(asio::buffer(chunk));
    seen_.append(chunk, size);
    if (stream_.timed_out()) throw std::runtime_error("the server neither answers nor closes");
    co_return !failed;
  }
  std::string take(std::size_t count) {
    auto out = seen_.substr(0, count);
    seen_.erase(0, count);
    return out;
  }
  Stream stream_;
  std::string seen_;
};

/// A folder of its own under the system's temporary one, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    auto pattern = (std::filesystem::temp_directory_path() / "phx-net-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace phx::net
