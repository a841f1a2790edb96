#include "engine/ledger/audit_bytes.hpp"

#include <algorithm>
#include <cstdint>

namespace phx::engine {
namespace {

constexpr std::string_view kCanonicalHead = "phx.audit.1\n";
constexpr std::string_view kContentHead = "phx.audit.content.1\n";
constexpr std::size_t kCommitmentBytes = 32;

/// Takes pieces off the front; after the first that is not there everything fails.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::size_t size) {
    if (!good_ || rest_.size() < size) {
      good_ = false;
      return {};
    }
    const auto out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  std::uint64_t number(std::size_t size) {
    std::uint64_t out = 0;
    for (const char c : take(size)) out = out << 8 | static_cast<unsigned char>(c);
    return out;
  }
  void head(std::string_view expected) { good_ = take(expected.size()) == expected && good_; }
  std::optional<std::string> field() {
    const auto present = number(1);
    if (present == 0) return std::nullopt;
    if (present != 1) good_ = false;
    return std::string(take(number(4)));
  }
  std::string wanted() {
    auto out = field();
    if (!out) good_ = false;
    return std::move(out).value_or("");
  }
  std::optional<Uuid> id() {
    const auto bytes = field();
    if (!bytes) return std::nullopt;
    Uuid out;
    if (bytes->size() != out.bytes.size()) {
      good_ = false;
      return std::nullopt;
    }
    std::copy(bytes->begin(), bytes->end(), out.bytes.begin());
    return out;
  }
  Uuid wanted_id() {
    const auto out = id();
    if (!out) good_ = false;
    return out.value_or(Uuid());
  }
  /// Everything was there, and nothing else.
  bool done() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

Error unreadable() {
  return Error(Code::kDataLoss, "audit.unreadable", "The bytes are not those of an audit row that this binary knows.");
}

}  // namespace

Result<AuditFacts> AuditFacts::read(std::string_view canonical) {
  Reader reader(canonical);
  AuditFacts out;
  reader.head(kCanonicalHead);
  out.at = Instant(std::chrono::microseconds(static_cast<std::int64_t>(reader.number(8))));
  out.id = reader.wanted_id();
  out.tenant = reader.id();
  out.action = reader.wanted();
  out.object_type = reader.field();
  out.object_id = reader.id();
  out.outcome = reader.wanted();
  out.request_id = reader.wanted();
  out.commitment = reader.wanted();
  if (!reader.done() || out.commitment.size() != kCommitmentBytes) return unreadable();
  return out;
}

Result<AuditContent> AuditContent::read(std::string_view content) {
  Reader reader(content);
  AuditContent out;
  reader.head(kContentHead);
  out.actor = reader.wanted();
  out.on_behalf_of = reader.field();
  out.remote_address = reader.field();
  out.before = reader.field();
  out.after = reader.field();
  if (!reader.done()) return unreadable();
  return out;
}

}  // namespace phx::engine
