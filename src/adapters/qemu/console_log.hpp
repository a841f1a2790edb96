#pragma once
/// A guest's serial output. QEMU appends it to console.log whether or not a server lives, so the log is the one source:
/// nothing is lost or doubled over our restart. Changes are noticed by inotify(7); the console socket serves input
/// only.
///
/// The log's size only grows, but its blocks beyond a limit are given back, oldest first (fallocate(2), punching
/// holes), so positions stay valid while QEMU goes on appending. Where the file system cannot do that, the log starts
/// anew.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "adapters/qemu/console_ring.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace phx::qemu {

/// Calls back when a watched file was written to.
class FileWatcher {
 public:
  explicit FileWatcher(asio::any_io_executor executor) : inotify_(executor) {}
  Status open();
  /// Reads notices until cancelled or closed; runs in the adapter's scope.
  asio::awaitable<void> run();
  Result<int> add(const std::string& path, std::function<void()> changed);
  void remove(int watch);

 private:
  asio::posix::stream_descriptor inotify_;
  std::map<int, std::function<void()>> watches_;
};

class ConsoleLog {
 public:
  ConsoleLog(std::shared_ptr<ConsoleRing> ring, std::string marker, std::int64_t keep)
      : ring_(std::move(ring)), scanner_(std::move(marker)), keep_(keep) {}

  /// Opens the log and takes in its last part. `boot_offset`: the marker counts only after this position.
  Status open(const std::string& path, std::int64_t boot_offset);
  /// Takes in what is new. True when the boot marker was among it.
  bool pump();
  /// From now on it is another boot; returns the position.
  std::int64_t begin_boot();

 private:
  void give_back_blocks(std::int64_t size);

  std::shared_ptr<ConsoleRing> ring_;
  MarkerScanner scanner_;
  std::int64_t keep_;
  UniqueFd fd_;
  std::int64_t position_ = 0;
  std::int64_t boot_offset_ = 0;
  std::int64_t given_back_ = 0;
};

}  // namespace phx::qemu
