#include "adapters/qemu/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/crypto.hpp"

namespace phx::qemu {
namespace {

Status write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const auto written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("write", path);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Error io_error(std::string_view what, const std::string& path) {
  const int code = errno;
  auto detail = fmt::format("{} {}: {}", what, path, std::strerror(code));
  if (code == ENOSPC || code == EDQUOT)
    return Error(Code::kQuotaExceeded, "hypervisor.disk_full", "The host's disk is full.")
        .with_next_action("Free space on the host, then try again.")
        .with_internal(std::move(detail));
  return Error(Code::kInternal, "hypervisor.io", "The host could not read or write its files.")
      .with_internal(std::move(detail));
}

Result<std::string> read_file(const std::string& path, std::size_t most) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return io_error("open", path);
  std::string out;
  char block[16384];
  while (out.size() < most) {
    const auto got = ::read(fd.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("read", path);
    if (got == 0) break;
    out.append(block, static_cast<std::size_t>(got));
  }
  return out;
}

Status replace_file(const std::string& path, std::string_view content, unsigned mode) {
  const auto fresh = path + ".new";
  {
    const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!fd) return io_error("create", fresh);
    PHX_CHECK(write_all(fd.get(), content, fresh));
    if (::fsync(fd.get()) != 0) return io_error("sync", fresh);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return io_error("rename", path);
  return sync_folder(std::filesystem::path(path).parent_path());
}

Status make_folder(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return io_error("make folder", path);
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return io_error("look at", path);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()) {
    errno = ENOTDIR;
    return io_error("use as our folder", path);
  }
  if (::chmod(path.c_str(), mode) != 0) return io_error("set mode of", path);
  return {};
}

Status sync_folder(const std::string& path) {
  PHX_TRY(const auto fd, open_folder(path));
  if (::fsync(fd.get()) != 0) return io_error("sync", path);
  return {};
}

Result<UniqueFd> open_folder(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return io_error("open folder", path);
  return fd;
}

Status copy_sparse(int from, int to, std::int64_t most, const std::string& path) {
  std::vector<char> block(1 << 20);
  std::int64_t size = 0;
  while (true) {
    const auto got = ::read(from, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("read", path);
    if (got == 0) break;
    size += got;
    if (size > most) return Error(Code::kPayloadTooLarge, "image.too_large", "The file is larger than allowed.");
    PHX_CHECK(write_sparse(to, {block.data(), static_cast<std::size_t>(got)}, path));
  }
  if (::ftruncate(to, size) != 0 || ::fsync(to) != 0) return io_error("write", path);
  return {};
}

Status write_sparse(int to, std::string_view bytes, const std::string& path) {
  const bool zeros =
      bytes.empty() || (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
  if (!zeros) return write_all(to, bytes, path);
  if (::lseek(to, static_cast<off_t>(bytes.size()), SEEK_CUR) < 0) return io_error("seek", path);
  return {};
}

Result<std::string> sha256_of_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) return io_error("open", path);
  if (info.st_size == 0) return hex_encode(sha256(""));
  const auto size = static_cast<std::size_t>(info.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return io_error("map", path);
  auto digest = hex_encode(sha256({static_cast<const char*>(data), size}));
  ::munmap(data, size);
  return digest;
}

}  // namespace phx::qemu
