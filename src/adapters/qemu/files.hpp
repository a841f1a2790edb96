#pragma once
/// Small blocking file work with errors as values: "hypervisor.disk_full" (kQuotaExceeded) when the host's disk is
/// full, else kInternal "hypervisor.io" with what failed, for the log.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace phx::qemu {

/// From errno.
Error io_error(std::string_view what, const std::string& path);
Result<std::string> read_file(const std::string& path, std::size_t most = 1 << 20);
/// Whole or not at all, and on disk when it returns.
Status replace_file(const std::string& path, std::string_view content, unsigned mode = 0600);
Status make_folder(const std::string& path, unsigned mode);
Status sync_folder(const std::string& path);
/// For *at() calls and for addressing sockets in it.
Result<UniqueFd> open_folder(const std::string& path);
/// Copies the rest of `from`; blocks of zeros become holes. More than `most` bytes: "image.too_large".
Status copy_sparse(int from, int to, std::int64_t most, const std::string& path);
/// Writes at the file's position; zeros become a hole, so the file's end must be set when all is written.
Status write_sparse(int to, std::string_view bytes, const std::string& path);
/// Lower-case hex digest of a file that nobody else changes meanwhile.
Result<std::string> sha256_of_file(const std::string& path);

}  // namespace phx::qemu
