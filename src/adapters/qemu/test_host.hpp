#pragma once
/// What the tests of this adapter share: an event loop, a data folder of their own, the micro image, and the promise
/// that no process and no folder is left behind.

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/qemu/qemu_hypervisor.hpp"
#include "base/process.hpp"

namespace phx::qemu {

using namespace std::chrono_literals;

inline std::string make_temp_folder() {
  char name[] = "/tmp/phx-qemu-XXXXXX";
  return ::mkdtemp(name);
}

/// Runs one coroutine to its end while everything else in the loop goes on, too. A test that waits for what never comes
/// fails after a minute.
template <class T>
T run(asio::io_context& io, asio::awaitable<T> work) {
  std::exception_ptr failure;
  bool done = false;
  const auto drive = [&] {
    io.restart();
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!done && io.run_one_until(end) > 0) {}
    if (!done) throw std::runtime_error("the test's work did not end");
    if (failure) std::rethrow_exception(failure);
  };
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr error) {
      failure = error;
      done = true;
    });
    drive();
  } else {
    std::optional<T> out;
    asio::co_spawn(io, std::move(work), [&](std::exception_ptr error, T value) {
      failure = error;
      out.emplace(std::move(value));
      done = true;
    });
    drive();
    return std::move(*out);
  }
}

/// Pids of live processes that were started with this UUID.
inline std::vector<pid_t> guest_processes(const Uuid& id) {
  std::vector<pid_t> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = static_cast<pid_t>(std::atoi(entry.path().filename().c_str()));
    if (pid <= 0 || !identify_process(pid)) continue;
    const auto arguments = process_arguments(pid);
    if (std::find(arguments.begin(), arguments.end(), id.to_string()) != arguments.end()) out.push_back(pid);
  }
  return out;
}

/// PHOENIX_TEST_IMAGE, or built once beside the test's binary.
inline compute::ImageFile micro_image() {
  const char* given = ::getenv("PHOENIX_TEST_IMAGE");
  std::string folder = given ? given : "";
  if (folder.empty()) {
    folder = (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "image" / "micro").string();
    const auto script = std::filesystem::path(__FILE__).parent_path() / "../../../tools/image/build-micro.sh";
    SpawnOptions build;
    build.argv = {"/bin/bash", script.lexically_normal().string(), folder};
    build.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
    const auto built = run_command(build, 300s);
    EXPECT_TRUE(built && built->status.success()) << (built ? built->out : built.error().to_string());
  }
  const auto image = load_micro_image(folder);
  EXPECT_TRUE(image) << image.error().to_string();
  return image.value_or(compute::ImageFile{});
}

/// A server's part of the world: it can be thrown away and made anew on the same data folder.
struct Server {
  explicit Server(Options options) : pool(2, 64), hypervisor(io.get_executor(), pool, clock, random, options) {
    hypervisor.on_event([this](const compute::GuestEvent& event) { events.push_back(event); });
  }
  ~Server() { stop(); }
  void stop() {
    if (!stopped) run(io, hypervisor.stop());
    stopped = true;
  }
  template <class T>
  T wait(asio::awaitable<T> work) {
    return run(io, std::move(work));
  }
  bool saw(const Uuid& id, compute::GuestEventKind kind) const {
    return std::any_of(events.begin(), events.end(),
                       [&](const auto& event) { return event.id == id && event.kind == kind; });
  }

  asio::io_context io{1};
  BlockingPool pool;
  SystemClock clock;
  SystemRandom random;
  QemuHypervisor hypervisor;
  std::vector<compute::GuestEvent> events;
  bool stopped = false;
};

}  // namespace phx::qemu
