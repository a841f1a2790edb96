#pragma once
/// What a guest wrote to its serial console, the last part of it, read by any number of viewers at their own pace.
/// Positions count bytes since the ring began. For one I/O thread.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace phx::qemu {

namespace asio = boost::asio;

class ConsoleRing {
 public:
  ConsoleRing(asio::any_io_executor executor, std::size_t capacity)
      : changed_(executor, asio::steady_timer::time_point::max()), capacity_(capacity) {}

  void append(std::string_view bytes);
  /// No more will come; viewers get what is left and then nothing.
  void end();
  /// Wakes every waiting viewer so that it looks again.
  void wake() { changed_.cancel(); }

  std::uint64_t begin() const { return begin_; }
  std::uint64_t size() const { return text_.size(); }
  bool ended() const { return ended_; }
  /// Up to `most` bytes from `position` on, which moves past them. A position that fell out of the ring moves to the
  /// oldest byte kept.
  std::string take(std::uint64_t& position, std::size_t most) const;
  /// Waits for append(), end() or wake(). Throws operation_aborted when the waiting task is cancelled.
  asio::awaitable<void> changed();

 private:
  asio::steady_timer changed_;
  std::size_t capacity_;
  std::uint64_t begin_ = 0;
  std::string text_;
  bool ended_ = false;
};

/// Finds a marker in a stream that comes in pieces.
class MarkerScanner {
 public:
  explicit MarkerScanner(std::string marker) : marker_(std::move(marker)) {}
  bool feed(std::string_view bytes);
  void reset() { tail_.clear(); }

 private:
  std::string marker_;
  std::string tail_;
};

}  // namespace phx::qemu
