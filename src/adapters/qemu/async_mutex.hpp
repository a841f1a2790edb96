#pragma once
/// Serialises the calls for one guest: first come, first served, without blocking the thread. For one I/O thread.
///
///     const auto turn = co_await mutex.lock();   // until `turn` goes out of scope

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <deque>
#include <memory>
#include <utility>

namespace phx::qemu {

namespace asio = boost::asio;

class AsyncMutex {
 public:
  class Turn {
   public:
    explicit Turn(AsyncMutex* mutex) : mutex_(mutex) {}
    Turn(Turn&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (mutex_) mutex_->unlock();
    }

   private:
    AsyncMutex* mutex_;
  };

  /// Throws operation_aborted when the waiting task is cancelled.
  asio::awaitable<Turn> lock() {
    if (!held_) {
      held_ = true;
      co_return Turn(this);
    }
    auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor);
    waiters_.push_back(waiter);
    boost::system::error_code ignored;
    co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (waiter->granted) co_return Turn(this);
    std::erase(waiters_, waiter);
    throw boost::system::system_error(asio::error::operation_aborted);
  }

 private:
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor, asio::steady_timer::time_point::max()) {}
    asio::steady_timer timer;
    bool granted = false;
  };

  void unlock() {
    if (waiters_.empty()) {
      held_ = false;
      return;
    }
    const auto next = std::move(waiters_.front());
    waiters_.pop_front();
    next->granted = true;
    next->timer.cancel();
  }

  bool held_ = false;
  std::deque<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace phx::qemu
