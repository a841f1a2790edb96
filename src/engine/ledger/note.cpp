#include "engine/ledger/note.hpp"

#include <openssl/evp.h>

#include <charconv>
#include <memory>
#include <stdexcept>

#include "base/crypto.hpp"
#include "engine/ledger/merkle.hpp"

namespace phx::engine {
namespace {

constexpr char kEd25519 = '\1';
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kIdBytes = 4;
constexpr std::string_view kSignatureMark = "\xE2\x80\x94 ";  // an em dash and a space
constexpr std::size_t kNoteMax = std::size_t{1} << 20;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Error malformed(std::string message) { return Error(Code::kInvalidArgument, "note.malformed", std::move(message)); }

Key private_key(std::string_view seed) {
  return {EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size()), EVP_PKEY_free};
}

bool verifies(std::string_view public_key, std::string_view text, std::string_view signature) {
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(public_key), public_key.size()),
                EVP_PKEY_free);
  const Digest digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return key && EVP_DigestVerifyInit(digest.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(digest.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
}

/// The specification forbids all Unicode spaces; our names are ASCII, and so are those that we take.
bool is_name(std::string_view name) {
  for (const char c : name)
    if (c <= ' ' || c == '+' || c > '~') return false;
  return !name.empty();
}

/// Takes the first line, without its newline, off `text`.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  std::string out(text.size() / 4 * 3 + 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text), static_cast<int>(text.size()));
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  if (size < 0 || static_cast<std::size_t>(size) < padding) return malformed("Not base64.");
  out.resize(static_cast<std::size_t>(size) - padding);
  // OpenSSL passes over white space and bits that no byte needs.
  if (base64_encode(out) != text) return malformed("Not base64.");
  return out;
}

std::string VerifierKey::id() const { return sha256(name + "\n" + kEd25519 + key).substr(0, kIdBytes); }

std::string VerifierKey::text() const { return name + "+" + hex_encode(id()) + "+" + base64_encode(kEd25519 + key); }

Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  const Error wrong(Code::kInvalidArgument, "note.key_malformed",
                    "A public key is written NAME+ID+KEY, as phoenix ledger key prints it.");
  const auto first = text.find('+');
  const auto second = first == text.npos ? text.npos : text.find('+', first + 1);
  if (second == text.npos || !is_name(text.substr(0, first))) return wrong;
  const auto key = base64_decode(text.substr(second + 1));
  if (!key || key->size() != kKeyBytes + 1 || key->front() != kEd25519) return wrong;
  VerifierKey out{std::string(text.substr(0, first)), key->substr(1)};
  if (out.text() != text) return wrong;
  return out;
}

SigningKey::SigningKey(std::string seed) : seed_(std::move(seed)), public_key_(kKeyBytes, '\0') {
  const Key key = private_key(seed_);
  std::size_t size = public_key_.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(public_key_.data()), &size) != 1)
    throw std::logic_error("an Ed25519 key is 32 bytes");
}

std::string SigningKey::sign(std::string_view name, std::string_view text) const {
  const Key key = private_key(seed_);
  const Digest digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  if (!is_name(name) || !text.ends_with('\n') || text.ends_with("\n\n") ||
      EVP_DigestSignInit(digest.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes_of(text),
                     text.size()) != 1)
    throw std::logic_error("a note is signed under a name, and its text ends with a newline");
  std::string note(text);
  note += "\n";
  note += kSignatureMark;
  note += name;
  note += " " + base64_encode(verifier(std::string(name)).id() + signature) + "\n";
  return note;
}

Result<std::string> open_note(std::string_view note, const VerifierKey& key) {
  const auto blank = note.rfind("\n\n");
  if (note.size() > kNoteMax || blank == note.npos || blank == 0 || !note.ends_with('\n') || blank + 2 == note.size())
    return malformed("A note is a text, an empty line, and signatures.");
  for (const char c : note)
    if (static_cast<unsigned char>(c) < ' ' && c != '\n') return malformed("A note holds no control characters.");
  const auto text = note.substr(0, blank + 1);
  bool found = false;
  for (auto rest = note.substr(blank + 2); !rest.empty();) {
    auto line = take_line(rest);
    const auto space = line.rfind(' ');
    if (!line.starts_with(kSignatureMark) || space < kSignatureMark.size())
      return malformed("A signature is written \"\xE2\x80\x94 NAME SIGNATURE\".");
    const auto name = line.substr(kSignatureMark.size(), space - kSignatureMark.size());
    const auto signature = base64_decode(line.substr(space + 1));
    if (!signature || signature->size() <= kIdBytes || name.empty())
      return malformed("A signature of the note cannot be read.");
    if (name != key.name || !signature->starts_with(key.id())) continue;
    if (!verifies(key.key, text, std::string_view(*signature).substr(kIdBytes)))
      return Error(Code::kDataLoss, "note.bad_signature", "The signature of " + key.name + " is not of this text.");
    found = true;
  }
  if (!found)
    return Error(Code::kDataLoss, "note.other_key", "The note is not signed with the key " + key.text() + ".");
  return std::string(text);
}

std::string Checkpoint::text() const {
  return origin + "\n" + std::to_string(size) + "\n" + base64_encode(root) + "\n";
}

Result<Checkpoint> Checkpoint::parse(std::string_view text) {
  const Error wrong(Code::kInvalidArgument, "checkpoint.malformed", "A checkpoint is an origin, a size and a root.");
  auto rest = text;
  Checkpoint out;
  out.origin = take_line(rest);
  const auto size = take_line(rest);
  const auto [end, failure] = std::from_chars(size.data(), size.data() + size.size(), out.size);
  auto root = base64_decode(take_line(rest));
  if (failure != std::errc() || end != size.data() + size.size() || !root || root->size() != merkle::kHashBytes)
    return wrong;
  out.root = std::move(*root);
  // Whatever else the specification allows, leading zeroes and lines of others among it, we neither write nor take.
  if (out.origin.empty() || out.text() != text) return wrong;
  return out;
}

Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key) {
  PHX_TRY(const auto text, open_note(note, key));
  PHX_TRY(auto out, Checkpoint::parse(text));
  if (out.origin != key.name)
    return Error(Code::kDataLoss, "checkpoint.other_origin",
                 "The checkpoint is one of another log: " + out.origin + ".");
  return out;
}

}  // namespace phx::engine
