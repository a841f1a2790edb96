#include "adapters/qemu/tenant_uids.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

#include "base/unique_fd.hpp"

namespace phx::qemu {
namespace {

Error unreadable(std::string detail) { return internal_error("hypervisor.uids_unreadable", std::move(detail)); }

}  // namespace

Status TenantUids::load() {
  uids_.clear();
  std::string text;
  {
    std::ifstream in(path_, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto whole = text.rfind('\n') + 1;  // 0 when there is none
  if (whole != text.size() && ::truncate(path_.c_str(), static_cast<off_t>(whole)) != 0)
    return unreadable(fmt::format("cannot mend {}: {}", path_, std::strerror(errno)));
  std::set<uid_t> taken;
  for (std::size_t at = 0; at < whole;) {
    const auto end = text.find('\n', at);
    const std::string_view line(text.data() + at, end - at);
    at = end + 1;
    const auto tenant = Uuid::parse(line.substr(0, 36));
    uid_t uid = 0;
    const bool number =
        line.size() > 37 && line[36] == ' ' &&
        std::from_chars(line.data() + 37, line.data() + line.size(), uid).ptr == line.data() + line.size();
    if (!tenant || !number || !taken.insert(uid).second || !uids_.emplace(*tenant, uid).second)
      return unreadable(fmt::format("{}: bad line \"{}\"", path_, line));
  }
  return {};
}

Result<uid_t> TenantUids::uid_of(const Uuid& tenant) {
  if (const auto found = uids_.find(tenant); found != uids_.end()) return found->second;
  uid_t next = first_;
  for (const auto& [known, uid] : uids_) next = std::max(next, uid + 1);
  if (next - first_ >= count_)
    return Error(Code::kUnavailable, "hypervisor.uids_exhausted", "This host has no user left for another tenant.");
  const UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const auto line = fmt::format("{} {}\n", tenant.to_string(), next);
  if (!fd || ::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) || ::fsync(fd.get()) != 0)
    return unreadable(fmt::format("cannot write {}: {}", path_, std::strerror(errno)));
  uids_.emplace(tenant, next);
  return next;
}

}  // namespace phx::qemu
