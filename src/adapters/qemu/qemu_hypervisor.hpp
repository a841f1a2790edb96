#pragma once
/// Guests as QEMU processes of this host, driven over QMP (compute::Hypervisor; QEMU 7.2, machine q35).
///
/// One folder per guest, <data>/guests/<uuid>/, holds all there is of it: identity, state, disk, console log, sockets.
/// Whether a process of ours runs is decided by a lock, not by a pid: QEMU inherits a descriptor that holds flock() on
/// the guest's lock file, so the lock lives exactly as long as the process, whoever started it. A start takes that lock
/// first: a second copy cannot be made, not even by another server.
///
/// A process is ours when it answers our UUID over QMP on the guest's own socket; its pid is the socket's peer, and
/// signals go through a pidfd opened before the question was asked. A process that hangs and does not answer is ours
/// when it holds our lock file open and was started with our UUID. Nothing else is ever signalled.
///
/// The guest's powering off does not end QEMU (-action shutdown=pause): it waits until a server has taken note, so a
/// power-off while no server runs is not mistaken for a crash.
///
/// Guests live in their own session (or systemd scope), outlive us, and are adopted by open(). stop() leaves them
/// alone. All methods run on the I/O thread; slow file work goes to the pool.

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "adapters/qemu/options.hpp"
#include "base/blocking_pool.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task_scope.hpp"
#include "domains/compute/hypervisor.hpp"

namespace phx::qemu {

class QemuHypervisor final : public compute::Hypervisor {
 public:
  QemuHypervisor(asio::any_io_executor executor, BlockingPool& pool, const Clock& clock, Random& random,
                 Options options);
  ~QemuHypervisor() override;

  /// Takes the host ("hypervisor.host_busy" when another server has it), clears what half-done work left behind, and
  /// adopts running guests. Call once, before anything else.
  asio::awaitable<Status> open();
  /// Lets go of all guests without touching them.
  asio::awaitable<void> stop();

  asio::awaitable<Result<compute::GuestObservation>> observe(Uuid id) override;
  asio::awaitable<Result<std::vector<compute::FoundGuest>>> list() override;
  asio::awaitable<Status> provision(compute::GuestSpec spec) override;
  asio::awaitable<Status> start(compute::GuestSpec spec) override;
  asio::awaitable<Status> power_down(Uuid id) override;
  asio::awaitable<Status> kill(Uuid id) override;
  asio::awaitable<Status> reset(Uuid id) override;
  asio::awaitable<Status> pause(Uuid id) override;
  asio::awaitable<Status> resume(Uuid id) override;
  asio::awaitable<Status> destroy(Uuid id) override;
  asio::awaitable<Result<compute::GuestUsage>> usage(Uuid id) override;
  asio::awaitable<Result<std::unique_ptr<compute::Console>>> open_console(Uuid id) override;
  asio::awaitable<Result<compute::ImageFile>> import_image(compute::ImageImport wanted,
                                                           compute::ImageProgress progress) override;
  asio::awaitable<Status> remove_image(Uuid id) override;
  asio::awaitable<Result<compute::AcceleratorProbe>> probe_accelerator(compute::ImageFile micro) override;
  void on_event(std::function<void(const compute::GuestEvent&)> handler) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// The image that tools/image/build-micro.sh made in `folder`; its files are checked against its manifest.
/// Errors: "image.not_found", "image.unreadable". Blocks for some 20 ms.
Result<compute::ImageFile> load_micro_image(const std::string& folder);

}  // namespace phx::qemu
