#pragma once
/// Signed notes and the checkpoints of a log that are written as such: short texts that people can keep, mail or print,
/// and that programs of others can check. After C2SP signed-note and tlog-checkpoint (c2sp.org), Ed25519 only.
///
///     sankofa-phoenix/audit/3f9c…            origin: which log
///     20852163                               size: how many leaves
///     CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2…=     root, base64
///
///     — sankofa-phoenix/audit/3f9c… Az3grl…= who signed, base64(key id ‖ signature over the text above)
///
/// Signatures of keys that are not asked for are passed over, so that witnesses may add theirs.
///
/// Errors: kInvalidArgument "note.malformed", "note.key_malformed", "checkpoint.malformed"; kDataLoss "note.other_key"
/// (no signature of that key), "note.bad_signature", "checkpoint.other_origin" (another log's).

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace phx::engine {

/// RFC 4648 section 4, padded.
std::string base64_encode(std::string_view bytes);
/// Takes the one spelling that base64_encode() gives and no other; reason "note.malformed".
Result<std::string> base64_decode(std::string_view text);

/// A public key and the name it signs under. Its text is "<name>+<key id, hex>+<base64(0x01 ‖ key)>".
struct VerifierKey {
  std::string name;
  std::string key;  ///< 32 bytes

  /// The first 4 bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key).
  std::string id() const;
  std::string text() const;
  static Result<VerifierKey> parse(std::string_view text);
};

/// An Ed25519 key pair, RFC 8032.
class SigningKey {
 public:
  /// `seed`: 32 secret bytes.
  explicit SigningKey(std::string seed);
  VerifierKey verifier(std::string name) const { return {std::move(name), public_key_}; }
  /// `text` ends with a newline and has no empty last line.
  std::string sign(std::string_view name, std::string_view text) const;

 private:
  std::string seed_;
  std::string public_key_;
};

/// The text of a note, once the key's signature on it was found good.
Result<std::string> open_note(std::string_view note, const VerifierKey& key);

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  std::string root;  ///< 32 bytes

  std::string text() const;
  static Result<Checkpoint> parse(std::string_view text);
};

/// The checkpoint in a note that `key` signed under the log's name.
Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key);

}  // namespace phx::engine
