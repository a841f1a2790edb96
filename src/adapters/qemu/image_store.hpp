#pragma once
/// Disk images on this host, by the identity their import was given: <data>/images/<uuid>.<format>, read-only. Files
/// come from the operator's <data>/import/ and are not trusted: the header is read by us before any tool opens the
/// file, then qemu-img looks at it as a user of its own under limits. An image is in its place whole and checked, or
/// not at all; a copy on its way lies in images/.import-<uuid>/. All methods block: for the pool. Errors: see
/// compute::Hypervisor::import_image.

#include <optional>
#include <string>

#include "adapters/qemu/options.hpp"
#include "base/crypto.hpp"
#include "base/unique_fd.hpp"
#include "domains/compute/hypervisor.hpp"

namespace phx::qemu {

class ImageStore {
 public:
  ImageStore(std::string images_folder, std::string import_folder, Options options)
      : images_(std::move(images_folder)), import_(std::move(import_folder)), options_(std::move(options)) {}

  class Import;
  Import import(compute::ImageImport wanted) const;
  Status remove(const Uuid& id) const;
  /// Copies that a killed server left half done.
  void clear_leftovers() const;

 private:
  std::string aside(const Uuid& id) const;
  std::string place(const Uuid& id, compute::ImageFormat format) const;
  /// The size the guest sees.
  Result<std::int64_t> inspect(const std::string& folder, compute::ImageFormat format) const;

  std::string images_;
  std::string import_;
  Options options_;
};

/// One image being copied, in pieces, so that no thread of the pool is taken for long: begin(), copy_piece() until
/// complete(), finish(). An import that is not finished leaves nothing.
class ImageStore::Import {
 public:
  Import(ImageStore store, compute::ImageImport wanted);
  ~Import();
  Import(Import&&) noexcept = default;
  Import& operator=(Import&&) noexcept = delete;

  Status begin();
  Status copy_piece();
  bool complete() const { return complete_; }
  std::int64_t done() const { return done_; }
  std::int64_t total() const { return total_; }
  Result<compute::ImageFile> finish();
  /// Removes what there is of the copy; the destructor does, too, but says nothing and takes its thread's time.
  Status discard();

 private:
  Status open_source();
  Status check_space() const;

  ImageStore store_;
  compute::ImageImport wanted_;
  std::string aside_;  ///< empty: nothing of ours is there
  UniqueFd from_;
  UniqueFd to_;  ///< closed: the image is in its place already and only read
  Sha256 digest_;
  std::int64_t done_ = 0;
  std::int64_t total_ = 0;
  bool complete_ = false;
};

/// What a qcow2 file's first bytes say (QEMU docs/interop/qcow2): "image.bad_format", "image.backing_file",
/// "image.data_file".
Status check_qcow2_header(std::string_view head);

}  // namespace phx::qemu
