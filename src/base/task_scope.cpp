#include "base/task_scope.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <exception>
#include <memory>

#include "base/log.hpp"

namespace phx {

struct TaskScope::Task {
  asio::cancellation_signal cancel;
  std::string name;
};

TaskScope::TaskScope(asio::any_io_executor executor, std::string name)
    : executor_(executor), name_(std::move(name)), ended_(executor, asio::steady_timer::time_point::max()) {}

TaskScope::~TaskScope() {
  if (live_ == 0) return;
  log_event(LogLevel::kError, "task_scope.destroyed_with_live_tasks", {{"scope", name_}, {"live", live_}});
  std::abort();
}

void TaskScope::spawn(std::string_view name, asio::awaitable<void> task) {
  if (stopping_) return;
  auto owned = std::make_shared<Task>();
  owned->name = name;
  tasks_.push_back(owned.get());
  const auto position = std::prev(tasks_.end());
  ++live_;
  asio::co_spawn(
      executor_, std::move(task),
      asio::bind_cancellation_slot(owned->cancel.slot(), [this, owned, position](std::exception_ptr failure) {
        tasks_.erase(position);
        --live_;
        if (failure) {
          try {
            std::rethrow_exception(failure);
          } catch (const boost::system::system_error& error) {
            if (!(stopping_ && error.code() == asio::error::operation_aborted))
              log_event(LogLevel::kError, "task.failed",
                        {{"scope", name_}, {"task", owned->name}, {"what", error.what()}});
          } catch (const std::exception& error) {
            log_event(LogLevel::kError, "task.failed",
                      {{"scope", name_}, {"task", owned->name}, {"what", error.what()}});
          }
        }
        if (live_ == 0) ended_.cancel();
      }));
}

asio::awaitable<void> TaskScope::stop() {
  stopping_ = true;
  // Emitting may end tasks at once and change the list: walk a copy of those still there.
  while (live_ > 0) {
    const auto snapshot = tasks_;
    for (Task* task : snapshot)
      if (std::find(tasks_.begin(), tasks_.end(), task) != tasks_.end())
        task->cancel.emit(asio::cancellation_type::terminal);
    if (live_ == 0) break;
    // A task may have been between two waits that it shielded: ask again until all are gone.
    asio::steady_timer again(executor_, std::chrono::milliseconds(20));
    boost::system::error_code ignored;
    co_await again.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<void> TaskScope::join() {
  while (live_ > 0) {
    boost::system::error_code ended;
    co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, ended));
    ended_.expires_at(asio::steady_timer::time_point::max());
  }
}

asio::awaitable<void> sleep_for(std::chrono::microseconds span) {
  asio::steady_timer timer(co_await asio::this_coro::executor, span);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace phx
