#include "domains/identity/server_key.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "base/random.hpp"
#include "base/unique_fd.hpp"

namespace phx::identity {
namespace {

constexpr std::size_t kKeyBytes = 32;

Error failed(Code code, std::string_view reason, const std::filesystem::path& file, std::string what) {
  return Error(code, reason, "The server key " + file.string() + " " + std::move(what));
}

/// The key, or nothing when there is no such file.
Result<std::optional<std::string>> read_key(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return std::optional<std::string>();
    return failed(Code::kUnavailable, "server_key.unreadable", file, std::string("cannot be read: ") + strerror(errno));
  }
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || (info.st_mode & 077) != 0 || info.st_uid != geteuid())
    return failed(Code::kFailedPrecondition, "server_key.unsafe", file,
                  "must be a regular file of our own account with mode 0600.");
  std::string key(kKeyBytes + 1, '\0');
  const ssize_t got = ::read(fd.get(), key.data(), key.size());
  if (got != static_cast<ssize_t>(kKeyBytes))
    return failed(Code::kFailedPrecondition, "server_key.malformed", file, "must hold exactly 32 bytes.");
  key.resize(kKeyBytes);
  return std::optional(std::move(key));
}

/// Written aside and linked into place: the file appears whole, and the first one wins.
Status write_key(const std::filesystem::path& file, Random& random) {
  std::string path = file.string() + ".XXXXXX";
  const UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));  // made with mode 0600
  if (!fd)
    return failed(Code::kUnavailable, "server_key.unwritable", file, std::string("cannot be made: ") + strerror(errno));
  std::array<std::uint8_t, kKeyBytes> key;
  random.fill(key);
  const bool written =
      ::write(fd.get(), key.data(), key.size()) == static_cast<ssize_t>(key.size()) && ::fsync(fd.get()) == 0;
  const bool linked = written && (::link(path.c_str(), file.c_str()) == 0 || errno == EEXIST);
  const int failure = errno;
  ::unlink(path.c_str());
  if (!linked)
    return failed(Code::kUnavailable, "server_key.unwritable", file,
                  std::string("cannot be made: ") + strerror(failure));
  return {};
}

}  // namespace

Status check_server_key(const std::filesystem::path& file) {
  struct stat info{};
  struct stat folder{};
  if (::lstat(file.c_str(), &info) != 0 || ::stat(file.parent_path().c_str(), &folder) != 0)
    return failed(Code::kUnavailable, "server_key.unreadable", file, std::string("cannot be read: ") + strerror(errno));
  if (!S_ISREG(info.st_mode) || (info.st_mode & 077) != 0 || info.st_uid != folder.st_uid)
    return failed(Code::kFailedPrecondition, "server_key.unsafe", file,
                  "must be a regular file of the server's account with mode 0600.");
  if (info.st_size != static_cast<off_t>(kKeyBytes))
    return failed(Code::kFailedPrecondition, "server_key.malformed", file, "must hold exactly 32 bytes.");
  return {};
}

Result<std::string> load_server_key(const std::filesystem::path& file, Random& random) {
  PHX_TRY(auto key, read_key(file));
  if (!key) {
    PHX_CHECK(write_key(file, random));
    PHX_TRY(key, read_key(file));
  }
  if (!key) return failed(Code::kUnavailable, "server_key.unreadable", file, "vanished while it was read.");
  return std::move(*key);
}

}  // namespace phx::identity
