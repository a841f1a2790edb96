#include "base/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <cstdint>
#include <stdexcept>

namespace phx {

std::string sha256(std::string_view data) {
  std::string out(32, '\0');
  unsigned size = 0;
  EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()), &size, EVP_sha256(), nullptr);
  return out;
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};
Sha256::Sha256() : state_(std::make_unique<State>()) { EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
void Sha256::update(std::string_view piece) { EVP_DigestUpdate(state_->context, piece.data(), piece.size()); }
std::string Sha256::finish() {
  std::string out(32, '\0');
  unsigned size = 0;
  EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(out.data()), &size);
  return out;
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  // Looking up the algorithms costs ten times what the hashing does, and one key is used again and again: its context
  // is kept.
  struct Kept {
    std::string key;
    EVP_MAC_CTX* context = nullptr;
    ~Kept() { EVP_MAC_CTX_free(context); }
  };
  thread_local Kept kept;
  if (kept.context && kept.key == key) {
    EVP_MAC_init(kept.context, nullptr, 0, nullptr);
  } else {
    EVP_MAC_CTX_free(kept.context);
    EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    kept.context = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    kept.key = key;
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
    EVP_MAC_init(kept.context, reinterpret_cast<const unsigned char*>(kept.key.data()), kept.key.size(), parameters);
  }
  std::string out(32, '\0');
  std::size_t size = 0;
  EVP_MAC_update(kept.context, reinterpret_cast<const unsigned char*>(data.data()), data.size());
  EVP_MAC_final(kept.context, reinterpret_cast<unsigned char*>(out.data()), &size, out.size());
  return out;
}

namespace {

constexpr std::size_t kSivTag = 16;

/// AES-128-SIV takes two keys of 128 bits. Looked up once: that costs more than the sealing.
const EVP_CIPHER* siv_cipher() {
  static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-128-SIV", nullptr);
  return cipher;
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

/// One direction of AES-SIV. Decryption fails in its update: the tag must be set before.
bool siv_run(EVP_CIPHER_CTX* context, std::string_view associated, std::string_view in, std::string& out) {
  int size = 0;
  return EVP_CipherUpdate(context, nullptr, &size, bytes_of(associated), static_cast<int>(associated.size())) == 1 &&
         EVP_CipherUpdate(context, reinterpret_cast<unsigned char*>(out.data()), &size, bytes_of(in),
                          static_cast<int>(in.size())) == 1 &&
         EVP_CipherFinal_ex(context, reinterpret_cast<unsigned char*>(out.data()), &size) == 1;
}

}  // namespace

std::string siv_seal(std::string_view key, std::string_view associated, std::string_view plaintext) {
  const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string tag(kSivTag, '\0');
  std::string out(plaintext.size(), '\0');
  if (key.size() != 32 || EVP_CipherInit_ex2(context.get(), siv_cipher(), bytes_of(key), nullptr, 1, nullptr) != 1 ||
      !siv_run(context.get(), associated, plaintext, out) ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kSivTag, tag.data()) != 1)
    throw std::logic_error("AES-SIV takes a key of 32 bytes and a plaintext");
  return tag + out;
}

std::optional<std::string> siv_open(std::string_view key, std::string_view associated, std::string_view sealed) {
  if (sealed.size() <= kSivTag) return std::nullopt;
  const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string tag(sealed.substr(0, kSivTag));
  std::string out(sealed.size() - kSivTag, '\0');
  if (EVP_CipherInit_ex2(context.get(), siv_cipher(), bytes_of(key), nullptr, 0, nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kSivTag, tag.data()) != 1 ||
      !siv_run(context.get(), associated, sealed.substr(kSivTag), out))
    return std::nullopt;
  return out;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hex_encode(std::string_view data) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(data.size() * 2);
  for (const char c : data) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

namespace {
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The value of each character; -1 for those outside of the alphabet.
constexpr auto kValues = [] {
  std::array<std::int8_t, 256> out{};
  out.fill(-1);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    out[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  return out;
}();
}  // namespace

std::string base64url_encode(std::string_view data) {
  std::string out;
  out.reserve((data.size() * 4 + 2) / 3);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : data) {
    buffer = buffer << 8 | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6;) {
      bits -= 6;
      out += kAlphabet[buffer >> bits & 63];
    }
  }
  if (bits > 0) out += kAlphabet[buffer << (6 - bits) & 63];
  return out;
}

Result<std::string> base64url_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const int value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return Error(Code::kInvalidArgument, "base64.malformed", "Not base64url.");
    buffer = buffer << 6 | static_cast<std::uint32_t>(value);
    if ((bits += 6) >= 8) {
      bits -= 8;
      out += static_cast<char>(buffer >> bits & 255);
    }
  }
  // A lone last character carries no whole byte, and set bits past the end mean another spelling of the same bytes.
  if (text.size() % 4 == 1 || (buffer & ((1U << bits) - 1)) != 0)
    return Error(Code::kInvalidArgument, "base64.malformed", "Not base64url.");
  return out;
}

}  // namespace phx
