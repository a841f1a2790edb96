#include <istream>

#include "base/crypto.hpp"
#include "engine/audit.hpp"
#include "engine/ledger/audit_bytes.hpp"
#include "engine/ledger/export.hpp"
#include "engine/ledger/export_lines.hpp"
#include "engine/ledger/merkle.hpp"

namespace phx::engine {
namespace {

/// One pass over the lines of an export.
class Verifier {
 public:
  Verifier(std::istream& in, const VerifyOptions& options) : in_(in), options_(options) {}

  Result<LedgerContents> run() {
    if (!next()) return wrong("ledger.not_an_export", "The file is empty or cannot be read.");
    if (auto status = take_header(); !status) return at_line(status.error());
    std::optional<std::string> seal;
    while (!seal) {
      hash_line();
      if (!next()) return wrong("ledger.cut_off", "The file ends before its seal.");
      seal = seal_in(line_);
      if (seal) break;
      if (auto status = take_leaf(); !status) return at_line(status.error());
    }
    PHX_CHECK(check_end(*seal));
    return contents_;
  }

 private:
  /// Each line ends with a newline, the last one too.
  bool next() {
    ++number_;
    return static_cast<bool>(std::getline(in_, line_)) && !in_.eof();
  }

  void hash_line() {
    digest_.update(line_);
    digest_.update("\n");
  }

  Error wrong(std::string_view reason, std::string message) const {
    return at_line(Error(Code::kDataLoss, reason, std::move(message)));
  }
  Error at_line(const Error& error) const {
    const std::string line = "line " + std::to_string(number_);
    return Error(error.code(), error.reason(), "L" + line.substr(1) + ": " + error.message()).with_field(line);
  }

  Status take_header() {
    PHX_TRY(header_, ExportHeader::parse(line_));
    if (options_.key && options_.key->text() != header_.key.text())
      return Error(Code::kDataLoss, "ledger.other_key",
                   "The export is signed with " + header_.key.text() + ", not with the key asked for.");
    PHX_TRY(contents_.checkpoint, open_checkpoint(header_.checkpoint, header_.key));
    contents_.key = header_.key;
    contents_.tenant = header_.tenant;
    if (!header_.tenant && header_.leaves != contents_.checkpoint.size)
      return Error(Code::kDataLoss, "ledger.order", "An export of everything has as many leaves as its checkpoint.");
    if (options_.since) {
      PHX_TRY(since_, open_checkpoint(*options_.since, header_.key));
      if (since_->size > contents_.checkpoint.size)
        return Error(Code::kDataLoss, "ledger.inconsistent",
                     "The checkpoint that was kept has more leaves than the export's: leaves are gone.");
      if (header_.tenant) PHX_CHECK(check_since_by_proof());
      if (!header_.tenant && since_->size == 0) PHX_CHECK(check_since_root());
    }
    return {};
  }

  Status check_since_by_proof() const {
    if (!header_.since || header_.since->size != since_->size)
      return Error(Code::kFailedPrecondition, "ledger.no_consistency_proof",
                   "An export of one tenant holds a consistency proof only when it was exported with --since and this "
                   "checkpoint.");
    if (const auto status = merkle::verify_consistency(since_->size, contents_.checkpoint.size, since_->root,
                                                       contents_.checkpoint.root, header_.since->proof);
        !status)
      return inconsistent();
    return {};
  }

  static Error inconsistent() {
    return Error(Code::kDataLoss, "ledger.inconsistent",
                 "The ledger does not begin with what the checkpoint that was kept was signed for: it was rewritten.");
  }

  Status check_since_root() const {
    if (frontier_.root() != since_->root) return inconsistent();
    return {};
  }

  Status take_leaf() {
    PHX_TRY(const auto leaf, ExportedLeaf::parse(line_));
    const bool follows = header_.tenant ? leaf.index >= next_index_ : leaf.index == next_index_;
    if (!follows || leaf.index >= contents_.checkpoint.size)
      return Error(Code::kDataLoss, "ledger.order",
                   "Leaf " + std::to_string(leaf.index) + " does not belong here, where leaf " +
                       std::to_string(next_index_) + (header_.tenant ? " or a later one" : "") + " does.");
    next_index_ = leaf.index + 1;
    PHX_TRY(const auto facts, AuditFacts::read(leaf.canonical));
    if (header_.tenant && facts.tenant != header_.tenant)
      return Error(Code::kDataLoss, "ledger.other_tenant", "The leaf is not one of the tenant's.");
    if (leaf.content && !audit_content_matches(leaf.canonical, *leaf.salt, *leaf.content))
      return Error(Code::kDataLoss, "ledger.content_differs", "The content is not what the leaf committed to.");
    ++contents_.leaves;
    if (!leaf.content) ++contents_.erased;
    auto hash = merkle::leaf_hash(leaf.canonical);
    if (header_.tenant) {
      if (!leaf.proof || !merkle::verify_inclusion(leaf.index, contents_.checkpoint.size, hash, *leaf.proof,
                                                   contents_.checkpoint.root))
        return Error(Code::kDataLoss, "ledger.not_included", "The leaf is not in the tree that was signed for.");
      return {};
    }
    frontier_.append(std::move(hash));
    if (since_ && frontier_.size() == since_->size) return check_since_root();
    return {};
  }

  Status check_end(const std::string& seal) {
    if (contents_.leaves != header_.leaves)
      return wrong("ledger.order", "There are " + std::to_string(contents_.leaves) + " leaves; the first line says " +
                                       std::to_string(header_.leaves) + ".");
    if (!header_.tenant && frontier_.root() != contents_.checkpoint.root)
      return Error(Code::kDataLoss, "ledger.root_differs",
                   "The leaves of lines 2 to " + std::to_string(number_ - 1) +
                       " do not give the root that was signed for: one of them was replaced.")
          .with_field("lines 2 to " + std::to_string(number_ - 1));
    const auto sealed = open_note(seal, header_.key);
    if (!sealed) return at_line(sealed.error());
    const auto expected = seal_text(contents_.checkpoint.origin, number_ - 1, digest_.finish());
    if (*sealed != expected || seal_line(seal) != line_)
      return wrong("ledger.seal_differs", "The lines before are not those that were sealed.");
    if (in_.peek() != std::istream::traits_type::eof()) {
      ++number_;
      return wrong("ledger.line_malformed", "Nothing follows the seal.");
    }
    return {};
  }

  std::istream& in_;
  const VerifyOptions& options_;
  std::string line_;
  std::uint64_t number_ = 0;
  Sha256 digest_;
  ExportHeader header_;
  LedgerContents contents_;
  std::optional<Checkpoint> since_;
  std::uint64_t next_index_ = 0;
  merkle::Frontier frontier_;
};

}  // namespace

Result<LedgerContents> verify_ledger(std::istream& in, const VerifyOptions& options) {
  return Verifier(in, options).run();
}

}  // namespace phx::engine
