#pragma once
/// A host in memory, stricter than a real one: it refuses what a real hypervisor would let pass by luck (starting what
/// was not provisioned, a second copy), keeps its own truth, and fails on demand.

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/task_scope.hpp"
#include "domains/compute/hypervisor.hpp"

namespace phx::compute::testing {

class FakeHypervisor final : public Hypervisor {
 public:
  struct Guest {
    GuestSpec spec;
    Power power = Power::kOff;
    bool process = false;
    std::optional<GuestExit> last_exit;
    int starts = 0;
    bool deaf = false;  ///< ignores the power button
    bool slow = false;  ///< obeys it only when told so: obey()
    bool pressed = false;
  };

  std::map<Uuid, Guest> guests;
  std::map<Uuid, std::string> images;  ///< those with files here
  int import_pieces = 3;
  std::function<void()> listed;  ///< called when list() has looked
  /// Errors for the next calls of that name, in order; "" lets one pass.
  std::map<std::string, std::deque<std::optional<Error>>> faults;
  std::vector<std::string> calls;

  void fail_next(const std::string& call, Error error) { faults[call].emplace_back(std::move(error)); }
  /// The guest's process ends without anybody having asked for it.
  void crash(Uuid id) {
    auto& guest = guests.at(id);
    guest.process = false;
    guest.power = Power::kOff;
    guest.last_exit = GuestExit{Instant{}, 9, std::nullopt, false, "killed by signal 9"};
    if (handler_) handler_({id, GuestEventKind::kExited, "killed"});
  }
  void obey(Uuid id) {
    if (guests.at(id).pressed) end(guests.at(id), "the guest powered off");
  }
  void power_off_from_inside(Uuid id) { end(guests.at(id), "the guest powered off"); }

  asio::awaitable<Result<GuestObservation>> observe(Uuid id) override {
    PHX_CO_CHECK(enter("observe"));
    GuestObservation out;
    out.id = id;
    const auto found = guests.find(id);
    if (found == guests.end()) co_return out;
    out.presence = found->second.process ? Presence::kRunning : Presence::kDefined;
    out.power = found->second.process ? found->second.power : Power::kOff;
    out.provider_state = found->second.process ? std::string(to_string(found->second.power)) : "";
    out.last_exit = found->second.last_exit;
    co_return out;
  }
  asio::awaitable<Result<std::vector<FoundGuest>>> list() override {
    PHX_CO_CHECK(enter("list"));
    std::vector<FoundGuest> out;
    for (const auto& [id, guest] : guests) out.push_back({id, guest.spec.tenant, guest.spec.name, guest.process});
    if (listed) listed();
    co_return out;
  }
  asio::awaitable<Status> provision(GuestSpec spec) override {
    PHX_CO_CHECK(enter("provision"));
    guests.try_emplace(spec.id, Guest{.spec = spec});
    co_return Status();
  }
  asio::awaitable<Status> start(GuestSpec spec) override {
    PHX_CO_CHECK(enter("start"));
    const auto found = guests.find(spec.id);
    if (found == guests.end()) co_return not_found("guest.absent", "There is no disk.");
    Guest& guest = found->second;
    if (guest.process) co_return Status();
    guest.process = true;
    guest.pressed = false;
    guest.power = Power::kRunning;
    guest.last_exit.reset();
    ++guest.starts;
    co_return Status();
  }
  asio::awaitable<Status> power_down(Uuid id) override {
    PHX_CO_CHECK(enter("power_down"));
    auto& guest = guests.at(id);
    guest.pressed = guest.process;
    if (guest.process && !guest.deaf && !guest.slow) end(guest, "the guest powered off");
    co_return Status();
  }
  asio::awaitable<Status> kill(Uuid id) override {
    PHX_CO_CHECK(enter("kill"));
    end(guests.at(id), "the plug was pulled");
    co_return Status();
  }
  asio::awaitable<Status> reset(Uuid id) override {
    PHX_CO_CHECK(enter("reset"));
    if (!guests.at(id).process) co_return Error(Code::kFailedPrecondition, "guest.not_running", "It is off.");
    guests.at(id).power = Power::kRunning;
    co_return Status();
  }
  asio::awaitable<Status> pause(Uuid id) override {
    PHX_CO_CHECK(enter("pause"));
    guests.at(id).power = Power::kPaused;
    co_return Status();
  }
  asio::awaitable<Status> resume(Uuid id) override {
    PHX_CO_CHECK(enter("resume"));
    guests.at(id).power = Power::kRunning;
    co_return Status();
  }
  asio::awaitable<Status> destroy(Uuid id) override {
    PHX_CO_CHECK(enter("destroy"));
    guests.erase(id);
    co_return Status();
  }
  asio::awaitable<Result<GuestUsage>> usage(Uuid id) override {
    PHX_CO_CHECK(enter("usage"));
    if (!guests.contains(id) || !guests.at(id).process)
      co_return Error(Code::kFailedPrecondition, "guest.not_running", "It is off.");
    co_return GuestUsage{1.5, 64 << 20, std::nullopt, 4096};
  }
  asio::awaitable<Result<std::unique_ptr<Console>>> open_console(Uuid) override {
    co_return Error(Code::kUnimplemented, "console.none", "This host has no consoles.");
  }
  asio::awaitable<Result<ImageFile>> import_image(ImageImport wanted, ImageProgress progress) override {
    for (int piece = 0; piece < import_pieces; ++piece) {
      if (!co_await progress(std::int64_t{piece} << 20, std::int64_t{import_pieces} << 20))
        co_return Error(Code::kCancelled, "image.cancelled", "The import was cancelled.");
      co_await sleep_for(std::chrono::milliseconds(1));
    }
    images[wanted.id] = wanted.file;  // a failure after this leaves its file, as a real one may
    PHX_CO_CHECK(enter("import_image"));
    ImageFile out;
    out.format = wanted.format;
    out.disk_path = "/images/" + wanted.id.to_string();
    out.sha256 = std::string(64, 'b');
    out.size_bytes = (3 << 20) + 1;
    out.virtual_bytes = (std::int64_t{1} << 30) + 1;
    co_return out;
  }
  asio::awaitable<Status> remove_image(Uuid id) override {
    PHX_CO_CHECK(enter("remove_image"));
    images.erase(id);
    co_return Status();
  }
  asio::awaitable<Result<AcceleratorProbe>> probe_accelerator(ImageFile) override {
    co_return AcceleratorProbe{false, "tcg", "in memory"};
  }
  void on_event(std::function<void(const GuestEvent&)> handler) override { handler_ = std::move(handler); }

 private:
  Status enter(const std::string& call) {
    calls.push_back(call);
    auto& queue = faults[call];
    if (queue.empty()) return {};
    auto fault = std::move(queue.front());
    queue.pop_front();
    if (fault) return std::move(*fault);
    return {};
  }
  static void end(Guest& guest, std::string reason) {
    if (!guest.process) return;
    guest.process = false;
    guest.power = Power::kOff;
    guest.last_exit = GuestExit{Instant{}, std::nullopt, 0, true, std::move(reason)};
  }
  std::function<void(const GuestEvent&)> handler_;
};

}  // namespace phx::compute::testing
