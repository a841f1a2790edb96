#include "adapters/qemu/image_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <filesystem>
#include <vector>

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
constexpr std::size_t kBlock = 1 << 20;
/// What one turn of a pool's thread copies.
constexpr std::int64_t kPiece = 32 << 20;

Error bad(std::string_view reason, std::string field, std::string message) {
  return invalid_argument(reason, std::move(field), std::move(message));
}

std::uint64_t big_endian(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < size; ++i) out = out << 8 | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

bool has_qcow2_magic(std::string_view head) { return head.starts_with(std::string_view("QFI\xfb", 4)); }

/// "size", at its place in the header of every version.
std::int64_t qcow2_virtual_size(std::string_view head) {
  return head.size() < 32 ? 0 : static_cast<std::int64_t>(big_endian(head, 24, 8));
}

Error too_large(std::int64_t most) {
  return Error(Code::kPayloadTooLarge, "image.too_large", fmt::format("An image file has at most {} MiB.", most >> 20))
      .with_field("file");
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

std::string ImageStore::aside(const Uuid& id) const { return fmt::format("{}/{}{}", images_, kAside, id.to_string()); }

std::string ImageStore::place(const Uuid& id, ImageFormat format) const {
  return fmt::format("{}/{}.{}", images_, id.to_string(), to_string(format));
}

ImageStore::Import ImageStore::import(compute::ImageImport wanted) const { return {*this, std::move(wanted)}; }

ImageStore::Import::Import(ImageStore store, compute::ImageImport wanted)
    : store_(std::move(store)), wanted_(std::move(wanted)) {}

ImageStore::Import::~Import() {
  std::error_code kept;
  if (!aside_.empty()) fs::remove_all(aside_, kept);
}

Status ImageStore::Import::discard() {
  to_.reset();
  if (aside_.empty()) return {};
  std::error_code failed;
  fs::remove_all(aside_, failed);
  if (!failed) {
    aside_.clear();
    return {};
  }
  errno = failed.value();
  return io_error("remove", aside_);
}

Status ImageStore::Import::begin() {
  if (wanted_.format == ImageFormat::kMicro)
    return bad("image.bad_format", "format", "Only qcow2 and raw are imported.");
  if (!compute::is_import_file(wanted_.file))
    return bad("image.bad_name", "file", "Give the plain name of a file in the import folder.");
  const auto placed = store_.place(wanted_.id, wanted_.format);
  from_.reset(::open(placed.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (from_) {
    if (::fstat(from_.get(), &info) != 0) return io_error("look at", placed);
    total_ = info.st_size;
    return {};
  }
  const auto folder = store_.aside(wanted_.id);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  PHX_CHECK(open_source());
  PHX_CHECK(check_space());
  PHX_CHECK(make_folder(folder, 0711));
  aside_ = folder;
  const auto copy = fmt::format("{}/{}", folder, kCopy);
  to_.reset(::open(copy.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!to_ || ::fchmod(to_.get(), 0444) != 0) return io_error("make", copy);
  return {};
}

Status ImageStore::Import::open_source() {
  PHX_TRY(const auto folder, open_folder(store_.import_));
  // O_NONBLOCK: opening a named pipe must not wait for its writer.
  from_.reset(::openat(folder.get(), wanted_.file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!from_ && errno == ENOENT)
    return Error(Code::kNotFound, "image.not_found", "The import folder has no file of that name.").with_field("file");
  struct stat info{};
  if (!from_ || ::fstat(from_.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return bad("image.unreadable", "file", "The file must be an ordinary file that the server may read.");
  if (info.st_size > store_.options_.image_max_bytes) return too_large(store_.options_.image_max_bytes);
  total_ = info.st_size;
  return {};
}

Status ImageStore::Import::check_space() const {
  struct stat source{};
  struct statvfs disk{};
  if (::fstat(from_.get(), &source) != 0 || ::statvfs(store_.images_.c_str(), &disk) != 0)
    return io_error("look at the space of", store_.images_);
  const auto free = static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize);
  if (std::int64_t{source.st_blocks} * 512 + store_.options_.image_disk_reserve <= free) return {};
  return Error(Code::kQuotaExceeded, "hypervisor.disk_full", "The host's disk has no room for this image.")
      .with_next_action("Free space on the host, then try again.");
}

Status ImageStore::Import::copy_piece() {
  std::vector<char> block(kBlock);
  for (std::int64_t piece = 0; piece < kPiece;) {
    const auto got = ::read(from_.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("read", wanted_.file);
    if (got == 0) {
      complete_ = true;
      total_ = done_;
      return {};
    }
    piece += got;
    done_ += got;
    // The file may grow while it is read: the limit holds for the copy, too.
    if (done_ > store_.options_.image_max_bytes) return too_large(store_.options_.image_max_bytes);
    const std::string_view bytes(block.data(), static_cast<std::size_t>(got));
    digest_.update(bytes);
    if (to_) PHX_CHECK(write_sparse(to_.get(), bytes, aside_));
  }
  total_ = std::max(total_, done_);
  return {};
}

Result<compute::ImageFile> ImageStore::Import::finish() {
  compute::ImageFile out;
  out.format = wanted_.format;
  out.disk_path = store_.place(wanted_.id, wanted_.format);
  out.sha256 = hex_encode(digest_.finish());
  out.size_bytes = done_;
  if (!to_) {  // checked before it was put there
    PHX_TRY(const auto head, read_file(out.disk_path, 4096));
    out.virtual_bytes = wanted_.format == ImageFormat::kRaw ? done_ : qcow2_virtual_size(head);
    return out;
  }
  const auto copy = fmt::format("{}/{}", aside_, kCopy);
  if (::ftruncate(to_.get(), done_) != 0 || ::fsync(to_.get()) != 0) return io_error("write", copy);
  PHX_TRY(out.virtual_bytes, store_.inspect(aside_, wanted_.format));
  PHX_CRASH_POINT("qemu.import.checked");
  if (::rename(copy.c_str(), out.disk_path.c_str()) != 0) return io_error("move into place", out.disk_path);
  PHX_CRASH_POINT("qemu.import.placed");
  PHX_CHECK(sync_folder(store_.images_));
  return out;
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

Status ImageStore::remove(const Uuid& id) const {
  for (const auto format : {ImageFormat::kQcow2, ImageFormat::kRaw}) {
    const auto path = place(id, format);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return io_error("remove", path);
  }
  std::error_code failed;
  fs::remove_all(aside(id), failed);
  if (failed) {
    errno = failed.value();
    return io_error("remove", aside(id));
  }
  return sync_folder(images_);
}

void ImageStore::clear_leftovers() const {
  std::error_code failed;
  for (auto it = fs::directory_iterator(images_, failed); !failed && it != fs::end(it); it.increment(failed)) {
    std::error_code kept;
    if (it->path().filename().string().starts_with(kAside)) fs::remove_all(it->path(), kept);
  }
}

}  // namespace phx::qemu
