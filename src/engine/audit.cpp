#include "engine/audit.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <vector>

#include "base/crash_point.hpp"
#include "base/crypto.hpp"
#include "base/random.hpp"
#include "engine/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::engine {
namespace {

constexpr std::string_view kCanonicalHead = "phx.audit.1\n";
constexpr std::string_view kContentHead = "phx.audit.content.1\n";
constexpr std::size_t kSaltBytes = 32;
constexpr std::size_t kCommitmentBytes = 32;

void put(std::string& out, std::optional<std::string_view> field) {
  out += field ? '\1' : '\0';
  if (!field) return;
  const auto size = static_cast<std::uint32_t>(field->size());
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
  out += *field;
}

std::string_view bytes_of(const Uuid& id) { return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()}; }

std::optional<std::string_view> bytes_of(const std::optional<Uuid>& id) {
  if (!id) return std::nullopt;
  return bytes_of(*id);
}

std::optional<std::string> json_of(const std::optional<boost::json::value>& value) {
  if (!value) return std::nullopt;
  return canonical_json(*value);
}

void write(std::string& out, const boost::json::value& value) {
  if (const auto* object = value.if_object()) {
    std::vector<std::string_view> keys;
    for (const auto& member : *object) keys.emplace_back(member.key().data(), member.key().size());
    std::sort(keys.begin(), keys.end());
    out += '{';
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i > 0) out += ',';
      out += boost::json::serialize(boost::json::string_view(keys[i].data(), keys[i].size()));
      out += ':';
      write(out, object->at({keys[i].data(), keys[i].size()}));
    }
    out += '}';
  } else if (const auto* array = value.if_array()) {
    out += '[';
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (i > 0) out += ',';
      write(out, (*array)[i]);
    }
    out += ']';
  } else {
    out += boost::json::serialize(value);
  }
}

}  // namespace

std::string canonical_json(const boost::json::value& value) {
  std::string out;
  write(out, value);
  return out;
}

std::string audit_content(const AuditRow& row) {
  std::string out(kContentHead);
  put(out, row.actor);
  put(out, row.on_behalf_of);
  put(out, row.remote_address);
  put(out, json_of(row.before));
  put(out, json_of(row.after));
  return out;
}

std::string audit_commitment(std::string_view salt, std::string_view content) {
  std::string salted(salt);
  salted += content;
  return sha256(salted);
}

std::string audit_canonical_tail(const AuditRow& row, std::string_view commitment) {
  std::string out;
  put(out, bytes_of(row.id));
  put(out, bytes_of(row.tenant));
  put(out, row.action);
  put(out, row.object_type);
  put(out, bytes_of(row.object_id));
  put(out, row.outcome);
  put(out, row.request_id);
  put(out, commitment);
  return out;
}

bool audit_content_matches(std::string_view canonical, std::string_view salt, std::string_view content) {
  if (!canonical.starts_with(kCanonicalHead) || canonical.size() < kCanonicalHead.size() + kCommitmentBytes)
    return false;
  return canonical.substr(canonical.size() - kCommitmentBytes) == audit_commitment(salt, content);
}

asio::awaitable<Status> record_audit(pg::Transaction& tx, AuditRow row, Random& random) {
  std::array<std::uint8_t, kSaltBytes> random_bytes;
  random.fill(random_bytes);
  const std::string salt(random_bytes.begin(), random_bytes.end());
  const auto content = audit_content(row);
  const auto tail = audit_canonical_tail(row, audit_commitment(salt, content));
  auto params = pg::Params::of(row.id, row.tenant, row.actor, row.on_behalf_of, row.remote_address, row.action,
                               row.object_type, row.object_id);
  params.add_json(json_of(row.before)).add_json(json_of(row.after)).add(row.outcome).add(row.request_id);
  params.add_bytes(kCanonicalHead).add_bytes(std::string_view(tail));
  params.add_bytes(std::string_view(content)).add_bytes(std::string_view(salt));
  PHX_CRASH_POINT("engine.audit.before_record");
  tx.defer(sql::engine::record_audit, std::move(params));
  co_return Status();
}

}  // namespace phx::engine
