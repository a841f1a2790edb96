#include "engine/ledger/export_lines.hpp"

#include <boost/json.hpp>

#include "base/clock.hpp"
#include "engine/ledger/audit_bytes.hpp"

namespace phx::engine {
namespace json = boost::json;
namespace {

constexpr std::string_view kFormat = "phoenix.ledger.1";

Error malformed() {
  return Error(Code::kDataLoss, "ledger.line_malformed", "This is no line of an export, or not as it was written.");
}

json::array encoded(const std::vector<std::string>& hashes) {
  json::array out;
  for (const auto& hash : hashes) out.emplace_back(base64_encode(hash));
  return out;
}

/// Looks into an object that somebody else wrote; after the first member that is not as it should be all fails. What is
/// there besides is found when the line is made anew.
class Members {
 public:
  explicit Members(std::string_view line) {
    json::error_code failure;
    value_ = json::parse(json::string_view(line.data(), line.size()), failure);
    good_ = !failure && value_.is_object();
  }
  explicit Members(const json::value& value) : value_(value), good_(value.is_object()) {}

  const json::value* find(std::string_view name) const {
    return good_ ? value_.get_object().if_contains(json::string_view(name.data(), name.size())) : nullptr;
  }
  std::string text(std::string_view name) {
    const auto* value = find(name);
    if (!value || !value->is_string()) return fail();
    return std::string(value->get_string());
  }
  std::string bytes(std::string_view name) { return decoded(text(name)); }
  std::optional<std::string> bytes_if(std::string_view name) {
    if (!find(name)) return std::nullopt;
    return bytes(name);
  }
  std::uint64_t number(std::string_view name) {
    const auto* value = find(name);
    if (value && value->is_uint64()) return value->get_uint64();
    if (value && value->is_int64() && value->get_int64() >= 0) return static_cast<std::uint64_t>(value->get_int64());
    fail();
    return 0;
  }
  std::vector<std::string> hashes(std::string_view name) {
    std::vector<std::string> out;
    const auto* value = find(name);
    if (!value || !value->is_array()) {
      fail();
      return out;
    }
    for (const auto& hash : value->get_array())
      out.push_back(hash.is_string() ? decoded(std::string(hash.get_string())) : fail());
    return out;
  }
  bool good() const { return good_; }

 private:
  std::string fail() {
    good_ = false;
    return {};
  }
  std::string decoded(const std::string& base64) {
    auto out = base64_decode(base64);
    return out ? std::move(*out) : fail();
  }

  json::value value_;
  bool good_ = false;
};

/// JSON text as JSON, so that people need not unpack it twice.
Result<json::value> unpacked(const std::string& text) {
  json::error_code failure;
  auto out = json::parse(text, failure);
  if (failure) return Error(Code::kDataLoss, "audit.unreadable", "The content holds JSON that is none.");
  return out;
}

Status add_content(json::object& row, std::string_view bytes) {
  PHX_TRY(const auto content, AuditContent::read(bytes));
  row["actor"] = content.actor;
  if (content.on_behalf_of) row["onBehalfOf"] = *content.on_behalf_of;
  if (content.remote_address) row["remoteAddress"] = *content.remote_address;
  if (content.before) { PHX_TRY(row["before"], unpacked(*content.before)); }
  if (content.after) { PHX_TRY(row["after"], unpacked(*content.after)); }
  return {};
}

}  // namespace

std::string ExportHeader::line() const {
  json::object out{{"format", kFormat}, {"key", key.text()}, {"checkpoint", checkpoint}};
  if (tenant) out["tenant"] = tenant->to_string();
  out["leaves"] = leaves;
  if (since) out["since"] = json::object{{"size", since->size}, {"proof", encoded(since->proof)}};
  return json::serialize(out);
}

Result<ExportHeader> ExportHeader::parse(std::string_view line) {
  Members members(line);
  if (members.text("format") != kFormat)
    return Error(Code::kDataLoss, "ledger.not_an_export", "This is no export of a ledger that this binary knows.");
  ExportHeader out;
  PHX_TRY(out.key, VerifierKey::parse(members.text("key")));
  out.checkpoint = members.text("checkpoint");
  if (members.find("tenant")) { PHX_TRY(out.tenant, Uuid::parse(members.text("tenant"))); }
  out.leaves = members.number("leaves");
  if (const auto* value = members.find("since")) {
    Members since(*value);
    out.since = SinceProof{since.number("size"), since.hashes("proof")};
    if (!since.good()) return malformed();
  }
  if (!members.good() || out.line() != line) return malformed();
  return out;
}

Result<std::string> ExportedLeaf::line() const {
  json::object out{{"index", index}, {"canonical", base64_encode(canonical)}};
  if (content) out["content"] = base64_encode(*content);
  if (salt) out["salt"] = base64_encode(*salt);
  if (proof) out["proof"] = encoded(*proof);
  PHX_TRY(const auto facts, AuditFacts::read(canonical));
  json::object row{{"at", format_instant(facts.at)}, {"id", facts.id.to_string()}};
  if (facts.tenant) row["tenant"] = facts.tenant->to_string();
  row["action"] = facts.action;
  if (facts.object_type) row["objectType"] = *facts.object_type;
  if (facts.object_id) row["objectId"] = facts.object_id->to_string();
  row["outcome"] = facts.outcome;
  row["requestId"] = facts.request_id;
  if (content) PHX_CHECK(add_content(row, *content));
  out["row"] = std::move(row);
  return json::serialize(out);
}

Result<ExportedLeaf> ExportedLeaf::parse(std::string_view line) {
  Members members(line);
  ExportedLeaf out;
  out.index = members.number("index");
  out.canonical = members.bytes("canonical");
  out.content = members.bytes_if("content");
  out.salt = members.bytes_if("salt");
  if (members.find("proof")) out.proof = members.hashes("proof");
  if (!members.good() || out.content.has_value() != out.salt.has_value()) return malformed();
  const auto anew = out.line();
  if (!anew || *anew != line) return malformed();
  return out;
}

std::string seal_text(std::string_view origin, std::uint64_t lines, std::string_view digest) {
  return std::string(origin) + "/export\n" + std::to_string(lines) + "\n" + base64_encode(digest) + "\n";
}

std::string seal_line(const std::string& note) { return json::serialize(json::object{{"seal", note}}); }

std::optional<std::string> seal_in(std::string_view line) {
  if (!line.starts_with("{\"seal\":")) return std::nullopt;
  Members members(line);
  return members.text("seal");
}

}  // namespace phx::engine
