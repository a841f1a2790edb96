#pragma once
/// Disk images on this host, by content: <data>/images/<sha256>.<format>, read-only. Files come from the operator's
/// <data>/import/ and are not trusted: the header is read by us before any tool opens the file, then qemu-img looks at
/// it as a user of its own under limits. All methods block: for the pool.
/// Errors: see compute::Hypervisor::import_image.

#include <optional>
#include <string>

#include "adapters/qemu/options.hpp"
#include "domains/compute/hypervisor.hpp"

namespace phx::qemu {

class ImageStore {
 public:
  ImageStore(std::string images_folder, std::string import_folder, Options options)
      : images_(std::move(images_folder)), import_(std::move(import_folder)), options_(std::move(options)) {}

  Result<compute::ImageFile> import(const std::string& file, compute::ImageFormat format) const;
  Status remove(const std::string& sha256) const;
  /// Copies that a killed server left half done.
  void clear_leftovers() const;

 private:
  Status copy_in(const std::string& file, const std::string& to) const;
  /// The size the guest sees.
  Result<std::int64_t> inspect(const std::string& folder, compute::ImageFormat format) const;

  std::string images_;
  std::string import_;
  Options options_;
};

/// What a qcow2 file's first bytes say (QEMU docs/interop/qcow2): "image.bad_format", "image.backing_file",
/// "image.data_file".
Status check_qcow2_header(std::string_view head);

}  // namespace phx::qemu
