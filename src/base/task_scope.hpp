#pragma once
/// All background work runs in a named TaskScope: counted, joined at stop, its failures logged. `detached` is banned,
/// because it drops exceptions silently.
///
/// stop() cancels every task's pending wait; because Asio's default is to throw at the next wait as well, a cancelled
/// task cannot go on by accident. A task that must finish a step first shields it with
/// asio::this_coro::reset_cancellation_state(asio::disable_cancellation()).

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <string>
#include <string_view>

namespace phx {

namespace asio = boost::asio;

class TaskScope {
 public:
  TaskScope(asio::any_io_executor executor, std::string name);
  /// A scope must be stopped before it dies; live tasks here are a bug and abort the process.
  ~TaskScope();
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;

  /// Starts a task. After stop() began, the task is dropped unstarted. Call on the executor's thread only.
  void spawn(std::string_view name, asio::awaitable<void> task);
  bool stopping() const { return stopping_; }
  std::size_t size() const { return live_; }
  asio::any_io_executor executor() const { return executor_; }
  /// Cancels all tasks and waits for them to end.
  asio::awaitable<void> stop();
  /// Waits for all tasks to end of themselves.
  asio::awaitable<void> join();

 private:
  struct Task;
  asio::any_io_executor executor_;
  std::string name_;
  bool stopping_ = false;
  std::size_t live_ = 0;
  std::list<Task*> tasks_;
  asio::steady_timer ended_;
};

/// Waits on the executor of the calling coroutine; throws operation_aborted when cancelled.
asio::awaitable<void> sleep_for(std::chrono::microseconds span);

}  // namespace phx
