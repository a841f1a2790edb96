#pragma once
/// The ledger as a file that can be checked with nothing but a public key: JSON lines.
///
///     {"format":"phoenix.ledger.1","key":…,"checkpoint":…,"tenant":…?,"leaves":n,"since":{"size":m,"proof":[…]}?}
///     {"index":0,"canonical":…,"content":…?,"salt":…?,"proof":[…]?,"row":{…}}       one for each leaf, by index
///     {"seal":…}
///
/// - `checkpoint` and `seal` are signed notes (note.hpp). The seal's text is "<origin>/export", the number of lines
///   before it, and the SHA-256 of these lines in base64.
/// - `canonical`, `content`, `salt` and the hashes of proofs are base64. Content and salt are left out once erased.
/// - `row` is for people. It is made of canonical and content alone, so it says nothing that is not proven; whoever
///   verifies makes it anew.
/// - An export of everything has all leaves of the checkpoint and needs no proofs: they give the root. One of a tenant
///   has its leaves only, each with its inclusion proof, and with `since` a consistency proof.
///
/// What an export of a tenant cannot prove by itself is that no leaf of the tenant's was left out by whoever made it:
/// the seal shows that nothing was taken out since.
///
/// Writing needs a database and the ledger's signing key, verifying neither. Verifying reads line by line. Its errors
/// are kDataLoss unless said otherwise, and name the line in message and field: "ledger.line_malformed" (no line of
/// this format, or not as it was written), "ledger.not_an_export", "ledger.cut_off" (no seal), "ledger.order" (a line
/// missing, doubled or moved), "ledger.content_differs", "ledger.not_included" (an inclusion proof fails),
/// "ledger.root_differs", "ledger.seal_differs", "ledger.inconsistent" (not an extension of the older checkpoint),
/// kFailedPrecondition "ledger.no_consistency_proof" (exported without it), "ledger.other_key" (not the key asked for);
/// those of note.hpp. Writing: kFailedPrecondition "ledger.key_mismatch" (the last checkpoint is not signed with this
/// key), "ledger.since_newer"; those of ledger.hpp.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/uuid.hpp"
#include "engine/ledger/note.hpp"

namespace phx::pg {
class Database;
}

namespace phx::engine {

namespace asio = boost::asio;

struct ExportOptions {
  std::optional<Uuid> tenant;        ///< none: all leaves
  std::optional<std::string> since;  ///< an older checkpoint's note, to prove consistency with
};

/// What an export holds.
struct LedgerContents {
  VerifierKey key;
  Checkpoint checkpoint;
  std::optional<Uuid> tenant;
  std::uint64_t leaves = 0;
  std::uint64_t erased = 0;  ///< leaves whose content is gone
};

/// Writes up to the last checkpoint, in pages. The stream's state says whether all could be written.
asio::awaitable<Result<LedgerContents>> export_ledger(pg::Database& database, const SigningKey& key,
                                                      ExportOptions options, std::ostream& out);

struct VerifyOptions {
  std::optional<VerifierKey> key;    ///< none: the file's own, which proves only that it is of one piece
  std::optional<std::string> since;  ///< a checkpoint's note that was kept
};

Result<LedgerContents> verify_ledger(std::istream& in, const VerifyOptions& options);

}  // namespace phx::engine
