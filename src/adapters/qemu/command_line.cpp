#include "adapters/qemu/command_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace phx::qemu {
namespace {

using compute::GuestSpec;
using compute::ImageFormat;
using compute::ImageKind;

Error invalid(std::string field, std::string message) {
  return invalid_argument("guest.invalid", std::move(field), std::move(message));
}

bool is_host_name(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
         std::ranges::all_of(name, plain);
}

bool is_port(int port) { return port >= 1 && port <= 65535; }

}  // namespace

Status check_spec(const GuestSpec& spec) {
  if (spec.id.is_nil()) return invalid("id", "A guest needs an id.");
  if (!is_host_name(spec.name)) return invalid("name", "A name is 1 to 63 of a-z, 0-9 and inner hyphens.");
  if (spec.vcpus < 1 || spec.vcpus > 64) return invalid("vcpus", "A guest has 1 to 64 virtual CPUs.");
  if (spec.memory_mib < 64 || spec.memory_mib > (std::int64_t{1} << 22))
    return invalid("memoryMib", "A guest has at least 64 MiB of memory and at most 4 TiB.");
  if (spec.disk_mib < 1 || spec.disk_mib > (std::int64_t{1} << 26))
    return invalid("diskMib", "A guest's disk has at least 1 MiB and at most 64 TiB.");
  if (spec.image.virtual_bytes > spec.disk_mib * 1024 * 1024)
    return invalid("diskMib", "The disk must be at least as large as the image's.");
  if (spec.user_data.size() > 16 * 1024) return invalid("userData", "User data is at most 16 KiB.");
  for (const auto& key : spec.ssh_keys) {
    const auto unsafe = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '"' || c == '\\' || c == 127; };
    if (key.empty() || key.size() > 8192 || std::ranges::any_of(key, unsafe))
      return invalid("sshKeys", "An SSH key is one line without quotes or backslashes.");
  }
  for (const auto& forward : spec.port_forwards)
    if (!is_port(forward.host_port) || !is_port(forward.guest_port))
      return invalid("portForwards", "A port is a number from 1 to 65535.");
  return {};
}

std::vector<std::string> qemu_arguments(const GuestSpec& spec, const Options& options, bool kvm) {
  std::vector<std::string> out;
  const auto add = [&](auto... words) { (out.emplace_back(words), ...); };

  add("-uuid", spec.id.to_string(), "-name", fmt::format("guest={}", spec.name));
  add("-nodefaults", "-no-user-config", "-display", "none");
  add("-machine", "q35", "-accel", kvm ? std::string("kvm") : fmt::format("tcg,tb-size={}", options.tcg_cache_mib));
  add("-cpu", kvm ? "host" : "max", "-smp", std::to_string(spec.vcpus), "-m", fmt::format("{}M", spec.memory_mib));
  add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
  // Power-off and panic leave the process waiting, so that they can be told from a crash even when nobody watched.
  add("-action", "shutdown=pause,panic=pause", "-device", "pvpanic-pci");

  for (const char* monitor : {"control", "rescue"}) {
    add("-chardev", fmt::format("socket,id={0},path={0}.sock,server=on,wait=off", monitor));
    add("-mon", fmt::format("chardev={},mode=control", monitor));
  }
  add("-chardev", fmt::format("socket,id=serial0,path={},server=on,wait=off,logfile={},logappend=on", file::kConsole,
                              file::kConsoleLog));
  add("-serial", "chardev:serial0");

  if (spec.image.kind() == ImageKind::kKernel)
    add("-kernel", file::kKernel, "-initrd", file::kInitrd, "-append", "console=ttyS0 quiet");
  // Formats are always stated: QEMU must never guess from what a guest wrote. The backing file is named here, too, so
  // that the name inside the disk's header has no say.
  if (spec.image.kind() == ImageKind::kKernel) {
    add("-blockdev",
        fmt::format("driver=raw,node-name=disk,discard=unmap,file.driver=file,file.filename={}", file::kDisk));
  } else {
    add("-blockdev", fmt::format("driver={},node-name=base,read-only=on,file.driver=file,file.filename={}",
                                 spec.image.format == ImageFormat::kRaw ? "raw" : "qcow2", file::kBase));
    add("-blockdev", fmt::format("driver=qcow2,node-name=disk,discard=unmap,backing=base,file.driver=file,"
                                 "file.filename={}",
                                 file::kDisk));
  }
  add("-device", "virtio-blk-pci,drive=disk,bootindex=1,werror=stop,rerror=stop");
  add("-blockdev",
      fmt::format("driver=raw,node-name=seed,read-only=on,file.driver=file,file.filename={}", file::kSeed));
  add("-device", "virtio-blk-pci,drive=seed");

  std::string network = "user,id=net0,ipv6=off";
  for (const auto& forward : spec.port_forwards)
    network +=
        fmt::format(",hostfwd={}:127.0.0.1:{}-:{}", to_string(forward.protocol), forward.host_port, forward.guest_port);
  add("-netdev", network, "-device", "virtio-net-pci,netdev=net0,romfile=");
  add("-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0");
  add("-device", "virtio-balloon-pci,id=balloon0,free-page-reporting=on");
  return out;
}

std::vector<std::string> launch_prefix(const Uuid& id, bool scope, std::optional<uid_t> uid,
                                       std::optional<gid_t> kvm_group) {
  std::vector<std::string> out;
  if (scope) {
    out = {"/usr/bin/systemd-run",
           "--scope",
           "--quiet",
           "--collect",
           "--unit",
           fmt::format("phoenix-vm-{}.scope", id.to_string())};
    if (::geteuid() != 0) out.insert(out.begin() + 1, "--user");
  }
  out.insert(out.end(), {"/usr/bin/setpriv", "--no-new-privs"});
  if (uid) {
    out.insert(out.end(), {"--reuid", std::to_string(*uid), "--regid", std::to_string(*uid)});
    if (kvm_group)
      out.insert(out.end(), {"--groups", std::to_string(*kvm_group)});
    else
      out.emplace_back("--clear-groups");
    out.insert(out.end(), {"--inh-caps=-all", "--bounding-set=-all"});
  }
  out.emplace_back("--");
  return out;
}

}  // namespace phx::qemu
