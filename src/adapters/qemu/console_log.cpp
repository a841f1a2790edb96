#include "adapters/qemu/console_log.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <vector>

#include "adapters/qemu/files.hpp"

namespace phx::qemu {

Status FileWatcher::open() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return io_error("make", "inotify");
  inotify_.assign(fd);
  return {};
}

asio::awaitable<void> FileWatcher::run() {
  std::vector<char> buffer(64 * 1024);
  while (true) {
    boost::system::error_code failed;
    const auto size =
        co_await inotify_.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= size;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      at += sizeof event + event.len;
      if (const auto found = watches_.find(event.wd); found != watches_.end()) {
        const auto changed = found->second;  // a callback may remove its own watch
        changed();
      }
    }
  }
}

Result<int> FileWatcher::add(const std::string& path, std::function<void()> changed) {
  const int watch = ::inotify_add_watch(inotify_.native_handle(), path.c_str(), IN_MODIFY | IN_DONT_FOLLOW);
  if (watch < 0) return io_error("watch", path);
  watches_[watch] = std::move(changed);
  return watch;
}

void FileWatcher::remove(int watch) {
  if (watches_.erase(watch) > 0) ::inotify_rm_watch(inotify_.native_handle(), watch);
}

Status ConsoleLog::open(const std::string& path, std::int64_t boot_offset) {
  // The file is the guest's user's: it must not be able to make us read another one.
  fd_.reset(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  if (!fd_ || ::fstat(fd_.get(), &info) != 0) return io_error("open", path);
  if (!S_ISREG(info.st_mode) || info.st_nlink != 1) {
    errno = EINVAL;
    return io_error("use as console log", path);
  }
  boot_offset_ = boot_offset <= info.st_size ? boot_offset : 0;
  position_ = std::max<std::int64_t>(0, info.st_size - keep_);
  return {};
}

bool ConsoleLog::pump() {
  struct stat info{};
  if (!fd_ || ::fstat(fd_.get(), &info) != 0) return false;
  if (info.st_size < position_) position_ = boot_offset_ = given_back_ = 0;
  bool booted = false;
  char block[16384];
  while (true) {
    const auto got = ::pread(fd_.get(), block, sizeof block, position_);
    if (got <= 0) break;
    const std::string_view bytes(block, static_cast<std::size_t>(got));
    const auto old = std::clamp<std::int64_t>(boot_offset_ - position_, 0, got);
    booted |= scanner_.feed(bytes.substr(static_cast<std::size_t>(old)));
    position_ += got;
    ring_->append(bytes);
  }
  give_back_blocks(position_);
  return booted;
}

std::int64_t ConsoleLog::begin_boot() {
  pump();
  scanner_.reset();
  boot_offset_ = position_;
  return boot_offset_;
}

void ConsoleLog::give_back_blocks(std::int64_t size) {
  constexpr std::int64_t kStep = 256 * 1024;
  const auto end = (size - keep_) / kStep * kStep;
  if (end <= given_back_) return;
  if (::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, end) == 0) {
    given_back_ = end;
  } else if (errno == EOPNOTSUPP && ::ftruncate(fd_.get(), 0) == 0) {
    position_ = boot_offset_ = given_back_ = 0;
  }
}

}  // namespace phx::qemu
