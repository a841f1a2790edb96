#pragma once
/// What the bench programs share: a Database on a connection string, a coroutine run to its end, and percentiles.

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/blocking_pool.hpp"
#include "base/metrics.hpp"
#include "base/task_scope.hpp"
#include "pg/database.hpp"

namespace phx::bench {

using Steady = std::chrono::steady_clock;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Bench {
 public:
  Bench(const std::string& conninfo, int connections) {
    pg::DatabaseOptions options;
    options.endpoints = must(pg::Endpoints::from(conninfo));
    options.worker.exclusive = connections;
    options.pool_wait = std::chrono::seconds(30);
    options.idle_in_transaction_timeout = std::chrono::hours(1);
    database_ = std::make_unique<pg::Database>(io_.get_executor(), blocking_, metrics_, options);
  }
  ~Bench() { run(database_->stop()); }

  pg::Database& database() { return *database_; }
  Metrics& metrics() { return metrics_; }
  asio::any_io_executor executor() { return io_.get_executor(); }

  void run(asio::awaitable<void> task) {
    std::exception_ptr failure;
    bool done = false;
    asio::co_spawn(io_, std::move(task), [&](std::exception_ptr e) {
      failure = e;
      done = true;
    });
    io_.restart();
    while (!done) io_.run_one();
    if (failure) std::rethrow_exception(failure);
  }

 private:
  asio::io_context io_{1};
  BlockingPool blocking_{4, 256};
  Metrics metrics_;
  std::unique_ptr<pg::Database> database_;
};

/// CPU time used so far. On a machine that others use as well it is what can be compared: requests/s are not.
struct Cpu {
  double own = 0;       ///< of this process
  double database = 0;  ///< of the cluster: the postmaster, its children, and those that have ended
};

/// Of the cluster that `database` is connected to, on this machine.
class CpuMeter {
 public:
  explicit CpuMeter(int backend) : postmaster_(stat_of(backend).at(3)) {}

  Cpu read() const {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * t.tv_usec; };
    Cpu out{seconds(usage.ru_utime) + seconds(usage.ru_stime), 0};
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != name.npos) continue;
      const auto stat = stat_of(std::stoi(name));
      if (stat.size() < 17 || (stat[3] != postmaster_ && std::stol(name) != postmaster_)) continue;
      long ticks = stat[13] + stat[14];
      if (std::stol(name) == postmaster_) ticks += stat[15] + stat[16];
      out.database += static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
    }
    return out;
  }

 private:
  /// Fields of /proc/PID/stat, counted from 0; names count as 0.
  static std::vector<long> stat_of(int pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    std::vector<long> out(2);
    std::istringstream rest(text.substr(std::min(text.size(), text.rfind(')') + 1)));
    for (std::string word; rest >> word;) out.push_back(std::strtol(word.c_str(), nullptr, 10));
    return out;
  }
  long postmaster_;
};

inline pg::Sql sql(std::string text) { return pg::Sql::dynamic("bench", std::move(text)); }

inline asio::awaitable<void> execute(pg::Database& database, pg::Scope scope, std::string text) {
  must(co_await database.execute(scope, sql(std::move(text)), {}, Deadline::after(std::chrono::seconds(60))));
}

/// In milliseconds; sorts.
inline double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

inline double ms_since(Steady::time_point start) {
  return std::chrono::duration<double, std::milli>(Steady::now() - start).count();
}

}  // namespace phx::bench
