#pragma once
/// A bounded pool of threads for work that blocks or burns CPU (argon2, PQcancel, large file copies), off the I/O
/// thread. When the queue is full the caller gets kUnavailable with a Retry-After instead of waiting for ever.
///
///     PHX_CO_TRY(auto hash, co_await pool.run([password] { return hash_password(password); }));

#include <atomic>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>

#include "base/result.hpp"

namespace phx {

namespace asio = boost::asio;

class BlockingPool {
 public:
  BlockingPool(std::size_t threads, std::size_t queue_max) : pool_(threads), queue_max_(queue_max) {}
  ~BlockingPool() { pool_.join(); }

  /// Runs fn() on a pool thread and resumes the caller on its own executor. fn's parameters live in its capture.
  template <class Fn>
  asio::awaitable<Result<std::invoke_result_t<Fn>>> run(Fn fn) {
    using T = std::invoke_result_t<Fn>;
    if (queued_.load() >= queue_max_)
      co_return Error(Code::kUnavailable, "pool.busy", "The server is busy; try again shortly.")
          .with_retry_after(std::chrono::seconds(1));
    ++queued_;
    auto slot = std::make_shared<std::optional<T>>();
    auto failure = std::make_shared<std::exception_ptr>();
    const auto home = co_await asio::this_coro::executor;
    co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(
        [this, home, slot, failure, fn = std::move(fn)](auto handler) mutable {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          asio::post(pool_, [this, home, slot, failure, fn = std::move(fn), shared]() mutable {
            try {
              slot->emplace(fn());
            } catch (...) { *failure = std::current_exception(); }
            --queued_;
            asio::post(home, [shared] { std::move (*shared)(); });
          });
        },
        asio::use_awaitable);
    if (*failure) std::rethrow_exception(*failure);
    co_return std::move(**slot);
  }

 private:
  asio::thread_pool pool_;
  std::size_t queue_max_;
  std::atomic<std::size_t> queued_{0};
};

}  // namespace phx
