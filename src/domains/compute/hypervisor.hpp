#pragma once
/// The port through which the compute domain makes and ends guests on a host. The domain says what it wants; an adapter
/// (adapters/qemu, later others) does it. Nothing here names a provider.
///
/// Guarantees every adapter gives:
/// - Each call is idempotent: done already is success. A call may be repeated after a crash at any point of it.
/// - A guest is found again by its Uuid after our own restart; a second copy is never started; a process, disk or
/// folder
///   that is not provably ours is never touched.
/// - Calls for one guest are serialised inside the adapter; calls for different guests do not wait for each other.
/// - An outcome we cannot know (no answer, half an answer) is the error "hypervisor.unknown", never a guess. The safe
///   next step is observe().
///
/// Errors: kUnavailable "hypervisor.unknown"; kNotFound "guest.absent"; kFailedPrecondition "guest.not_running",
/// "guest.running", "hypervisor.start_failed"; kConflict "hypervisor.port_in_use"; kUnavailable "hypervisor.host_busy"
/// (another server holds this host); kInternal "hypervisor.io"; kInvalidArgument "guest.invalid", "image.…";
/// kQuotaExceeded "hypervisor.disk_full".

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx::compute {

namespace asio = boost::asio;

enum class ImageKind : std::uint8_t {
  kKernel,  ///< a kernel and an initial RAM disk are loaded directly; the guest's disk starts empty
  kDisk,    ///< the guest's disk starts as a copy-on-write child of the image
};

/// "micro" is kKernel; "qcow2" and "raw" are kDisk. The word the catalogue stores.
enum class ImageFormat : std::uint8_t { kMicro, kQcow2, kRaw };

/// An image the adapter can start guests from. `sha256` (lower-case hex) names the content; for a kernel image it is
/// the digest of the concatenation of both files' hex digests.
struct ImageFile {
  ImageFormat format = ImageFormat::kMicro;
  std::string disk_path;    ///< kQcow2, kRaw
  std::string kernel_path;  ///< kMicro
  std::string initrd_path;  ///< kMicro
  std::string sha256;
  std::int64_t size_bytes = 0;     ///< as stored
  std::int64_t virtual_bytes = 0;  ///< what the guest sees; a guest's disk is never smaller

  ImageKind kind() const { return format == ImageFormat::kMicro ? ImageKind::kKernel : ImageKind::kDisk; }
};

/// An image to take in, under an identity chosen before the first attempt: whatever any attempt left behind is found
/// again by it.
struct ImageImport {
  Uuid id;
  std::string file;  ///< plain name of a file in the operator's import folder
  ImageFormat format = ImageFormat::kQcow2;
};
/// Told between the pieces of a long copy, in bytes; false ends the import with "image.cancelled".
using ImageProgress = std::function<asio::awaitable<bool>(std::int64_t done, std::int64_t total)>;

enum class Protocol : std::uint8_t { kTcp, kUdp };

/// A port of the host's loopback address that leads to a port of the guest. Takes effect at the next start.
struct PortForward {
  int host_port = 0;
  int guest_port = 0;
  Protocol protocol = Protocol::kTcp;
  bool operator==(const PortForward&) const = default;
};

/// What a guest shall be. Give the same spec to provision() and to start(); start() applies what may change between
/// starts (vcpus, memory, port forwards), the rest is fixed by provision().
struct GuestSpec {
  Uuid id;
  Uuid tenant;
  std::string name;  ///< a host name: [a-z0-9-], 1 to 63
  int vcpus = 1;
  std::int64_t memory_mib = 128;
  std::int64_t disk_mib = 1024;
  ImageFile image;
  std::vector<std::string> ssh_keys;
  std::string user_data;  ///< cloud-init user data, at most 16 KiB; empty: made from ssh_keys
  std::vector<PortForward> port_forwards;
};

/// How much of a guest exists.
enum class Presence : std::uint8_t {
  kAbsent,   ///< neither disk nor process
  kDefined,  ///< disk, no process
  kRunning,  ///< a process that is provably this guest
};

/// The machine's power as the hypervisor tells it. kOff whenever there is no process.
enum class Power : std::uint8_t {
  kOff,
  kPrelaunch,  ///< process is there, the CPUs have not started yet
  kRunning,
  kPaused,
  kShutdown,  ///< the guest powered off, its process is on the way out
  kCrashed,   ///< the guest's kernel panicked or the hypervisor hit an internal error
  kIoError,   ///< stopped because its disk failed (host disk full, bad sector)
};

/// How the guest's process ended, as far as it is known. All empty: it ended while nobody of us watched.
struct GuestExit {
  Instant at{};
  std::optional<int> signal;  ///< 9: killed by hand or by the kernel's out-of-memory killer
  std::optional<int> code;
  /// True when the end was asked for: by the guest (power-off), by power_down(), kill() or destroy().
  bool expected = false;
  std::string reason;  ///< for people: "the guest powered off", "killed by signal 9"
};

struct GuestObservation {
  Uuid id;
  Presence presence = Presence::kAbsent;
  Power power = Power::kOff;
  std::string provider_state;  ///< the hypervisor's own word, "running", "io-error"; empty without a process
  std::optional<int> pid;
  std::optional<Instant> started_at;
  /// When the boot marker (a login prompt) was seen on the console since the last start or reset.
  std::optional<Instant> booted_at;
  std::optional<GuestExit> last_exit;  ///< of the latest process; cleared by start()
};

struct GuestUsage {
  double cpu_seconds = 0;  ///< since the process started
  std::int64_t resident_bytes = 0;
  std::optional<std::int64_t> balloon_bytes;  ///< memory the guest currently may use
  std::int64_t disk_bytes = 0;                ///< blocks really allocated on the host
};

/// Something of ours found on this host, whether or not anybody wants it.
struct FoundGuest {
  Uuid id;
  Uuid tenant;
  std::string name;
  bool has_process = false;
};

enum class GuestEventKind : std::uint8_t { kExited, kPowerChanged, kReset, kBooted, kPanicked, kDiskError };

/// A hint that the guest changed, within milliseconds. Hints may be lost (our restart): observe() is the truth.
struct GuestEvent {
  Uuid id;
  GuestEventKind kind;
  std::string detail;  ///< the provider's words, for the log
};

/// One viewer of a guest's serial console; several may be open. The scrollback comes first, then what follows. A viewer
/// lives on over stops and starts of the guest. A viewer that reads too slowly loses the oldest bytes, never the
/// guest's time.
class Console {
 public:
  virtual ~Console() = default;
  /// The next bytes, at least one; an empty string once close() was called or the guest was destroyed.
  virtual asio::awaitable<Result<std::string>> read() = 0;
  /// Types at the guest. kFailedPrecondition "guest.not_running"; kUnavailable "console.full" when the guest does not
  /// take its input.
  virtual asio::awaitable<Status> write(std::string bytes) = 0;
  virtual void close() = 0;
};

struct AcceleratorProbe {
  bool kvm_usable = false;  ///< a guest really booted with it
  std::string accelerator;  ///< "kvm" or "tcg": what guests are started with
  std::string detail;       ///< for people: why not
};

class Hypervisor {
 public:
  virtual ~Hypervisor() = default;

  /// What is there now. Changes nothing.
  virtual asio::awaitable<Result<GuestObservation>> observe(Uuid id) = 0;
  /// Everything on this host that is provably ours, to find orphans.
  virtual asio::awaitable<Result<std::vector<FoundGuest>>> list() = 0;

  /// Makes disk and seed disk: completely or not at all.
  virtual asio::awaitable<Status> provision(GuestSpec spec) = 0;
  /// Provisioned before, or "guest.absent". Returns once the hypervisor says the machine runs.
  virtual asio::awaitable<Status> start(GuestSpec spec) = 0;
  /// Presses the power button (ACPI). Returns once it is pressed; observe() tells when the guest obeyed.
  virtual asio::awaitable<Status> power_down(Uuid id) = 0;
  /// Pulls the plug. Returns once the process is gone.
  virtual asio::awaitable<Status> kill(Uuid id) = 0;
  virtual asio::awaitable<Status> reset(Uuid id) = 0;
  virtual asio::awaitable<Status> pause(Uuid id) = 0;
  virtual asio::awaitable<Status> resume(Uuid id) = 0;
  /// Ends the process, if any, and removes the disks. Afterwards the guest is kAbsent.
  virtual asio::awaitable<Status> destroy(Uuid id) = 0;

  virtual asio::awaitable<Result<GuestUsage>> usage(Uuid id) = 0;
  virtual asio::awaitable<Result<std::unique_ptr<Console>>> open_console(Uuid id) = 0;

  /// Copies a disk image out of the operator's import folder into the image store, checked: the format is the declared
  /// one, no backing file, no external data file, no larger than allowed. The result's paths stay valid until
  /// remove_image(); guests made from it do not need it any more. An image that an earlier attempt has put in its place
  /// is not copied again; a half copy is begun anew. Errors: "image.not_found", "image.bad_name", "image.bad_format",
  /// "image.backing_file", "image.data_file", "image.too_large", "image.unreadable", "image.cancelled",
  /// "hypervisor.disk_full".
  virtual asio::awaitable<Result<ImageFile>> import_image(ImageImport wanted, ImageProgress progress) = 0;
  /// Removes the image and what attempts to import it have left.
  virtual asio::awaitable<Status> remove_image(Uuid id) = 0;

  /// Boots a throw-away guest of this kernel image with the fast accelerator, if there is one, and says whether it came
  /// up. Changes what guests are started with only when the adapter was told to choose for itself.
  virtual asio::awaitable<Result<AcceleratorProbe>> probe_accelerator(ImageFile micro) = 0;

  /// One handler, called on the I/O thread; set it before guests are adopted.
  virtual void on_event(std::function<void(const GuestEvent&)> handler) = 0;
};

/// What may name a file of the import folder: never a path out of it, nor something hidden.
constexpr bool is_import_file(std::string_view file) {
  return !file.empty() && file.size() <= 255 && file.front() != '.' && file.find('/') == file.npos &&
         file.find('\0') == file.npos;
}

constexpr std::string_view to_string(ImageFormat format) {
  switch (format) {
    case ImageFormat::kMicro: return "micro";
    case ImageFormat::kQcow2: return "qcow2";
    case ImageFormat::kRaw: return "raw";
  }
  return "";
}
constexpr std::string_view to_string(Presence presence) {
  switch (presence) {
    case Presence::kAbsent: return "absent";
    case Presence::kDefined: return "defined";
    case Presence::kRunning: return "running";
  }
  return "";
}
constexpr std::string_view to_string(Power power) {
  switch (power) {
    case Power::kOff: return "off";
    case Power::kPrelaunch: return "prelaunch";
    case Power::kRunning: return "running";
    case Power::kPaused: return "paused";
    case Power::kShutdown: return "shutdown";
    case Power::kCrashed: return "crashed";
    case Power::kIoError: return "io-error";
  }
  return "";
}
constexpr std::string_view to_string(Protocol protocol) { return protocol == Protocol::kTcp ? "tcp" : "udp"; }

}  // namespace phx::compute
