// `phoenix down`: the server, then its guests, then its database.
#include <poll.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <iostream>

#include "adapters/qemu/qemu_hypervisor.hpp"
#include "app/data_folder.hpp"
#include "app/server.hpp"
#include "base/blocking_pool.hpp"
#include "base/process.hpp"
#include "base/task_scope.hpp"
#include "pg/cluster.hpp"

namespace phx::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kServerLimit = 30s;
constexpr auto kGuestLimit = 20s;
// A guest that is still booting does not hear the button, and its kernel forgets that it was pressed: so it is pressed
// again, every so many looks at the guests.
constexpr int kPressEvery = 20;

asio::awaitable<Result<int>> end_guests(qemu::QemuHypervisor& hypervisor, const Clock& clock) {
  PHX_CO_CHECK(co_await hypervisor.open());
  PHX_CO_TRY(const auto guests, co_await hypervisor.list());
  std::vector<Uuid> running;
  for (const auto& guest : guests)
    if (guest.has_process) running.push_back(guest.id);
  const int ended = static_cast<int>(running.size());
  const Duration until = clock.monotonic() + kGuestLimit;
  for (int round = 0; !running.empty() && clock.monotonic() < until; ++round) {
    if (round % kPressEvery == 0) {
      // A paused guest cannot hear the button at all; the plug ends it below.
      for (const Uuid& id : running) static_cast<void>(co_await hypervisor.power_down(id));
    }
    co_await sleep_for(100ms);
    std::vector<Uuid> left;
    for (const Uuid& id : running) {
      const auto seen = co_await hypervisor.observe(id);
      if (!seen || seen->presence == compute::Presence::kRunning) left.push_back(id);
    }
    running = std::move(left);
  }
  for (const Uuid& id : running) PHX_CO_CHECK(co_await hypervisor.kill(id));
  co_return ended;
}

Result<int> end_guests(const Settings& settings) {
  asio::io_context io(1);
  BlockingPool pool(1, 64);
  const SystemClock clock;
  SystemRandom random;
  qemu::Options options;
  options.data_folder = settings.data;
  qemu::QemuHypervisor hypervisor(io.get_executor(), pool, clock, random, options);
  std::optional<Result<int>> outcome;
  std::exception_ptr failure;
  const auto work = [&]() -> asio::awaitable<void> {
    outcome.emplace(co_await end_guests(hypervisor, clock));
    co_await hypervisor.stop();
  };
  asio::co_spawn(io, work(), [&](std::exception_ptr thrown) { failure = thrown; });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*outcome);
}

/// It is not our child, so there is nothing to reap: a pidfd becomes readable when its process ends.
bool ends_within(const UniqueFd& process, std::chrono::milliseconds limit) {
  pollfd waited{process.get(), POLLIN, 0};
  return poll(&waited, 1, static_cast<int>(limit.count())) > 0;
}

}  // namespace

Status take_down(const Settings& settings) {
  PHX_TRY(const DataFolder folder, DataFolder::existing(settings.data));
  if (const auto running = folder.server()) {
    PHX_TRY(const UniqueFd server, open_pidfd(*running));
    PHX_CHECK(signal_pidfd(server, SIGTERM));
    if (!ends_within(server, kServerLimit)) {
      PHX_CHECK(signal_pidfd(server, SIGKILL));
      if (!ends_within(server, kServerLimit))
        return Error(Code::kDeadlineExceeded, "down.server",
                     "The server (pid " + std::to_string(running->pid) + ") does not end.");
    }
    folder.remove_server_pid();
    std::cout << "server stopped\n";
  }
  // What goes wrong with one part does not keep the others running; the first failure is the answer.
  const auto guests = end_guests(settings);
  if (guests && *guests > 0) std::cout << *guests << (*guests == 1 ? " guest" : " guests") << " stopped\n";
  const Status marked = folder.mark_taken_down();
  if (settings.database_url.empty() && has_database(folder)) {
    pg::EmbeddedCluster cluster(cluster_options(settings));
    PHX_TRY(const bool stopped, cluster.halt());
    if (stopped) std::cout << "database stopped\n";
  }
  if (!guests) return guests.error();
  return marked;
}

}  // namespace phx::app
