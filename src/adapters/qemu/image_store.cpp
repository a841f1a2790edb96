#include "adapters/qemu/image_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <filesystem>

#include "adapters/qemu/files.hpp"
#include "base/crash_point.hpp"
#include "base/process.hpp"
#include "base/unique_fd.hpp"

namespace phx::qemu {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using compute::ImageFormat;

constexpr std::string_view kCopy = "copy";
constexpr std::string_view kAside = ".import-";

Error bad(std::string_view reason, std::string field, std::string message) {
  return invalid_argument(reason, std::move(field), std::move(message));
}

std::uint64_t big_endian(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < size; ++i) out = out << 8 | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

bool has_qcow2_magic(std::string_view head) { return head.starts_with(std::string_view("QFI\xfb", 4)); }

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

Status check_qcow2_header(std::string_view head) {
  constexpr std::uint64_t kExternalData = 1 << 2;
  if (head.size() < 104 || !has_qcow2_magic(head)) return bad("image.bad_format", "format", "The file is not qcow2.");
  const auto version = big_endian(head, 4, 4);
  if (version != 2 && version != 3) return bad("image.bad_format", "format", "Only qcow2 versions 2 and 3 are taken.");
  if (big_endian(head, 8, 8) != 0 || big_endian(head, 16, 4) != 0)
    return bad("image.backing_file", "file", "The image depends on a backing file; flatten it first.");
  if (big_endian(head, 32, 4) != 0) return bad("image.bad_format", "file", "Encrypted images are not taken.");
  if (version == 3 && (big_endian(head, 72, 8) & kExternalData))
    return bad("image.data_file", "file", "The image keeps its data in another file; convert it first.");
  return {};
}

Result<compute::ImageFile> ImageStore::import(const std::string& file, ImageFormat format) const {
  if (format == ImageFormat::kMicro) return bad("image.bad_format", "format", "Only qcow2 and raw are imported.");
  if (file.empty() || file.front() == '.' || file.size() > 255 || file.find('/') != file.npos ||
      file.find('\0') != file.npos)
    return bad("image.bad_name", "file", "Give the plain name of a file in the import folder.");
  const auto aside = fmt::format("{}/{}{}", images_, kAside, ::getpid());
  std::error_code ignored;
  fs::remove_all(aside, ignored);
  PHX_CHECK(make_folder(aside, 0711));
  struct Cleanup {
    const std::string& folder;
    ~Cleanup() {
      std::error_code kept;
      fs::remove_all(folder, kept);
    }
  } const cleanup{aside};
  const auto copy = fmt::format("{}/{}", aside, kCopy);
  PHX_CHECK(copy_in(file, copy));
  PHX_TRY(const auto virtual_bytes, inspect(aside, format));
  PHX_TRY(const auto digest, sha256_of_file(copy));
  struct stat info{};
  if (::stat(copy.c_str(), &info) != 0) return io_error("look at", copy);
  PHX_CRASH_POINT("qemu.import.checked");
  compute::ImageFile out;
  out.format = format;
  out.disk_path = fmt::format("{}/{}.{}", images_, digest, to_string(format));
  out.sha256 = digest;
  out.size_bytes = info.st_size;
  out.virtual_bytes = virtual_bytes;
  if (::rename(copy.c_str(), out.disk_path.c_str()) != 0) return io_error("move into place", out.disk_path);
  PHX_CHECK(sync_folder(images_));
  return out;
}

Status ImageStore::copy_in(const std::string& file, const std::string& to) const {
  PHX_TRY(const auto folder, open_folder(import_));
  // O_NONBLOCK: opening a named pipe must not wait for its writer.
  const UniqueFd from(::openat(folder.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!from && errno == ENOENT)
    return Error(Code::kNotFound, "image.not_found", "The import folder has no file of that name.").with_field("file");
  struct stat info{};
  if (!from || ::fstat(from.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return bad("image.unreadable", "file", "The file must be an ordinary file that the server may read.");
  if (info.st_size > options_.image_max_bytes)
    return Error(Code::kPayloadTooLarge, "image.too_large",
                 fmt::format("An image file has at most {} MiB.", options_.image_max_bytes >> 20))
        .with_field("file");
  const UniqueFd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!out || ::fchmod(out.get(), 0444) != 0) return io_error("make", to);
  // The file may grow while it is read: the limit holds for the copy, too.
  return copy_sparse(from.get(), out.get(), options_.image_max_bytes, to);
}

Result<std::int64_t> ImageStore::inspect(const std::string& folder, ImageFormat format) const {
  PHX_TRY(const auto head, read_file(fmt::format("{}/{}", folder, kCopy), 4096));
  if (format == ImageFormat::kQcow2) PHX_CHECK(check_qcow2_header(head));
  if (format == ImageFormat::kRaw && has_qcow2_magic(head))
    return bad("image.bad_format", "format", "The file is qcow2, not raw.");

  SpawnOptions look;
  if (::geteuid() == 0) {
    const auto uid = std::to_string(options_.first_uid - 1);
    look.argv = {"/usr/bin/setpriv", "--no-new-privs",      "--reuid", uid, "--regid", uid, "--clear-groups",
                 "--inh-caps=-all",  "--bounding-set=-all", "--"};
  }
  look.argv.insert(look.argv.end(), {options_.qemu_img_binary, "info", "--output=json", "-f",
                                     std::string(to_string(format)), std::string(kCopy)});
  look.cwd = folder;
  look.limits = {{RLIMIT_AS, std::uint64_t{1} << 30}, {RLIMIT_CPU, 10}, {RLIMIT_FSIZE, 0}, {RLIMIT_CORE, 0}};
  PHX_TRY(const auto told, run_command(std::move(look), std::chrono::seconds(20)));
  boost::system::error_code malformed;
  const auto value = json::parse(told.out, malformed);
  if (!told.status.success() || malformed || !value.is_object())
    return Error(Code::kInvalidArgument, "image.bad_format", "The file cannot be read as the declared format.")
        .with_field("format")
        .with_internal(told.out);
  const auto& info = value.get_object();
  const auto* real = info.if_contains("format");
  const auto* size = info.if_contains("virtual-size");
  if (!real || !real->is_string() || real->get_string() != to_string(format) || !size || !size->is_int64() ||
      size->get_int64() <= 0)
    return bad("image.bad_format", "format", "The file is not of the declared format.");
  if (info.contains("backing-filename") || info.contains("full-backing-filename"))
    return bad("image.backing_file", "file", "The image depends on a backing file; flatten it first.");
  if (const auto* specific = info.if_contains("format-specific"); specific && specific->is_object()) {
    const auto* data = specific->get_object().if_contains("data");
    if (data && data->is_object() && data->get_object().contains("data-file"))
      return bad("image.data_file", "file", "The image keeps its data in another file; convert it first.");
  }
  if (size->get_int64() > options_.image_max_virtual_bytes)
    return Error(Code::kPayloadTooLarge, "image.too_large",
                 fmt::format("An image's disk has at most {} MiB.", options_.image_max_virtual_bytes >> 20))
        .with_field("file");
  return size->get_int64();
}

Status ImageStore::remove(const std::string& sha256) const {
  if (!is_sha256(sha256)) return bad("image.bad_name", "sha256", "Not a SHA-256 digest.");
  for (const auto format : {ImageFormat::kQcow2, ImageFormat::kRaw}) {
    const auto path = fmt::format("{}/{}.{}", images_, sha256, to_string(format));
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return io_error("remove", path);
  }
  return {};
}

void ImageStore::clear_leftovers() const {
  std::error_code failed;
  for (auto it = fs::directory_iterator(images_, failed); !failed && it != fs::end(it); it.increment(failed)) {
    std::error_code kept;
    if (it->path().filename().string().starts_with(kAside)) fs::remove_all(it->path(), kept);
  }
}

}  // namespace phx::qemu
