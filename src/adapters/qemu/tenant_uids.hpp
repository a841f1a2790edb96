#pragma once
/// One uid per tenant, given once and for ever: a guest that breaks out of QEMU finds no file or process of another
/// tenant's that it may touch. The map is a text file, one "tenant uid" per line, only ever appended to.
/// Errors: kInternal "hypervisor.uids_unreadable"; kUnavailable "hypervisor.uids_exhausted".

#include <sys/types.h>

#include <map>
#include <string>

#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx::qemu {

class TenantUids {
 public:
  TenantUids(std::string path, uid_t first, uid_t count) : path_(std::move(path)), first_(first), count_(count) {}
  /// Reads the file; a torn last line (power loss) is ignored, any other oddity is an error.
  Status load();
  /// The tenant's uid; a new one is on disk before it is returned.
  Result<uid_t> uid_of(const Uuid& tenant);

 private:
  std::string path_;
  uid_t first_;
  uid_t count_;
  std::map<Uuid, uid_t> uids_;
};

}  // namespace phx::qemu
