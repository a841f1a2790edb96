#include "domains/identity/oidc/jose.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "base/crypto.hpp"
#include "domains/identity/oidc/json_strict.hpp"

namespace phx::identity::oidc {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxHeader = 2 * 1024;
constexpr std::size_t kMaxSignature = 1024;
constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxKeySet = 256 * 1024;
constexpr std::size_t kMaxKeys = 64;
constexpr std::size_t kHalf = 32;  // bytes of a coordinate or signature half on P-256, and of an Ed25519 key

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Bn = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using Ctx = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using MdCtx = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;
using KeyPtr = std::shared_ptr<EVP_PKEY>;

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Error refused(std::string_view reason, std::string message) {
  return Error(Code::kUnauthenticated, reason, std::move(message)).with_next_action("Sign in again.");
}

Error malformed() { return refused("token.malformed", "This is not a signed token."); }

std::optional<Algorithm> algorithm_of(std::string_view name) {
  if (name == "RS256") return Algorithm::kRs256;
  if (name == "ES256") return Algorithm::kEs256;
  if (name == "EdDSA") return Algorithm::kEdDsa;
  return std::nullopt;
}

/// What a header may not carry: keys brought along, extensions that must be understood, encryption, compression.
constexpr std::array<std::string_view, 9> kForbidden{"crit", "jwk", "jku", "x5u", "x5c", "b64", "enc", "zip", "epk"};

std::string media_type(std::string_view typ) {
  std::string out(typ);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  constexpr std::string_view kPrefix = "application/";
  return out.starts_with(kPrefix) ? out.substr(kPrefix.size()) : out;
}

/// "" when it is absent, nothing when it is no text or too long.
std::optional<std::string> optional_name(const json::object& header, std::string_view name) {
  if (!header.contains(name)) return std::string();
  const auto text = text_member(header, name);
  if (!text || text->empty() || text->size() > kMaxName) return std::nullopt;
  return std::string(*text);
}

Bn number(std::string_view big_endian) {
  return Bn(BN_bin2bn(bytes(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

/// `valid` also asks whether the key makes sense (a point on the curve, an odd modulus).
KeyPtr build_key(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const Ctx ctx(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
      EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  KeyPtr out(key, EVP_PKEY_free);
  const Ctx check(EVP_PKEY_CTX_new_from_pkey(nullptr, out.get(), nullptr));
  return check && EVP_PKEY_public_check(check.get()) == 1 ? out : nullptr;
}

std::optional<std::string> binary_member(const json::object& jwk, std::string_view name) {
  const auto text = text_member(jwk, name);
  if (!text) return std::nullopt;
  auto out = base64url_decode(*text);
  if (!out || out->empty()) return std::nullopt;
  return std::move(*out);
}

KeyPtr rsa_key(const json::object& jwk) {
  const auto n = binary_member(jwk, "n");
  const auto e = binary_member(jwk, "e");
  if (!n || !e || n->size() > 1024 || e->size() > 8) return nullptr;
  const Bn modulus = number(*n);
  const Bn exponent = number(*e);
  if (!modulus || !exponent || BN_num_bits(modulus.get()) < 2048 || BN_num_bits(exponent.get()) < 2) return nullptr;
  if (!BN_is_odd(modulus.get()) || !BN_is_odd(exponent.get())) return nullptr;
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
    return nullptr;
  return build_key("RSA", builder.get());
}

KeyPtr ec_key(const json::object& jwk) {
  const auto x = binary_member(jwk, "x");
  const auto y = binary_member(jwk, "y");
  if (text_member(jwk, "crv") != "P-256" || !x || !y || x->size() != kHalf || y->size() != kHalf) return nullptr;
  const std::string point = "\x04" + *x + *y;
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
    return nullptr;
  return build_key("EC", builder.get());
}

KeyPtr ed25519_key(const json::object& jwk) {
  const auto x = binary_member(jwk, "x");
  if (text_member(jwk, "crv") != "Ed25519" || !x || x->size() != kHalf) return nullptr;
  EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(*x), x->size());
  return key ? KeyPtr(key, EVP_PKEY_free) : nullptr;
}

std::optional<Key> usable_key(const json::object& jwk) {
  if (jwk.contains("use") && text_member(jwk, "use") != "sig") return std::nullopt;
  if (const auto* operations = jwk.if_contains("key_ops")) {
    if (!operations->is_array()) return std::nullopt;
    const bool verifies = std::ranges::any_of(operations->get_array(), [](const json::value& operation) {
      return operation.is_string() && operation.get_string() == "verify";
    });
    if (!verifies) return std::nullopt;
  }
  const auto kid = optional_name(jwk, "kid");
  if (!kid) return std::nullopt;
  Key out{.kid = *kid};
  const auto kind = text_member(jwk, "kty");
  if (kind == "RSA") {
    out.algorithm = Algorithm::kRs256;
    out.key = rsa_key(jwk);
  } else if (kind == "EC") {
    out.algorithm = Algorithm::kEs256;
    out.key = ec_key(jwk);
  } else if (kind == "OKP") {
    out.algorithm = Algorithm::kEdDsa;
    out.key = ed25519_key(jwk);
  }
  if (!out.key) return std::nullopt;
  // "Ed25519" is the name RFC 9864 gives to this use of EdDSA.
  if (jwk.contains("alg")) {
    const auto alg = text_member(jwk, "alg");
    const bool fits =
        alg && (algorithm_of(*alg) == out.algorithm || (*alg == "Ed25519" && out.algorithm == Algorithm::kEdDsa));
    if (!fits) return std::nullopt;
  }
  return out;
}

/// The two halves as the DER that OpenSSL wants; nothing when a half is zero or beyond the group's order.
std::optional<std::string> ecdsa_der(std::string_view raw) {
  if (raw.size() != 2 * kHalf) return std::nullopt;
  static const Bn order = [] {
    const std::unique_ptr<EC_GROUP, Deleter<EC_GROUP_free>> group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
    return Bn(BN_dup(EC_GROUP_get0_order(group.get())));
  }();
  Bn r = number(raw.substr(0, kHalf));
  Bn s = number(raw.substr(kHalf));
  for (const Bn* half : {&r, &s})
    if (!*half || BN_is_zero(half->get()) || BN_cmp(half->get(), order.get()) >= 0) return std::nullopt;
  const Signature signature(ECDSA_SIG_new());
  if (!signature || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return std::nullopt;
  (void)r.release();
  (void)s.release();
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &out);
  if (size <= 0) return std::nullopt;
  std::string der(reinterpret_cast<const char*>(out), static_cast<std::size_t>(size));
  OPENSSL_free(out);
  return der;
}

bool signed_by(const ParsedToken& token, EVP_PKEY* key) {
  std::string signature = token.signature;
  const EVP_MD* digest = EVP_sha256();
  switch (token.algorithm) {
    case Algorithm::kRs256:
      if (static_cast<int>(signature.size()) != EVP_PKEY_get_size(key)) return false;
      break;
    case Algorithm::kEs256: {
      auto der = ecdsa_der(signature);
      if (!der) return false;
      signature = std::move(*der);
      break;
    }
    case Algorithm::kEdDsa: digest = nullptr; break;
  }
  const MdCtx ctx(EVP_MD_CTX_new());
  return ctx && EVP_DigestVerifyInit(ctx.get(), nullptr, digest, nullptr, key) == 1 &&
         EVP_DigestVerify(ctx.get(), bytes(signature), signature.size(), bytes(token.signing_input),
                          token.signing_input.size()) == 1;
}

}  // namespace

Result<ParsedToken> parse_token(std::string_view compact) {
  if (compact.size() > kMaxToken) return refused("token.too_large", "The token is larger than 12 KiB.");
  const auto first = compact.find('.');
  const auto second = first == compact.npos ? first : compact.find('.', first + 1);
  if (second == compact.npos || compact.find('.', second + 1) != compact.npos) return malformed();
  const auto header_part = compact.substr(0, first);
  const auto signature_part = compact.substr(second + 1);
  if (header_part.size() > kMaxHeader || signature_part.size() > 2 * kMaxSignature) return malformed();

  const auto header_text = base64url_decode(header_part);
  if (!header_text) return malformed();
  const auto header = parse_strict_object(*header_text);
  if (!header) return malformed();
  const auto alg = text_member(*header, "alg");
  const auto algorithm = alg ? algorithm_of(*alg) : std::nullopt;
  if (!algorithm) return refused("token.algorithm", "The token's algorithm is not one of RS256, ES256, EdDSA.");
  for (const auto name : kForbidden)
    if (header->contains(name)) return refused("token.header", "The token's header asks for what is not allowed here.");
  const auto kid = optional_name(*header, "kid");
  const auto typ = optional_name(*header, "typ");
  if (!kid || !typ) return refused("token.header", "The token's header is not valid.");

  auto claims_text = base64url_decode(compact.substr(first + 1, second - first - 1));
  auto signature = base64url_decode(signature_part);
  if (!claims_text || !signature || signature->empty() || signature->size() > kMaxSignature) return malformed();
  auto claims = parse_strict_object(*claims_text);
  if (!claims) return malformed();
  return ParsedToken{.algorithm = *algorithm,
                     .kid = *kid,
                     .type = media_type(*typ),
                     .claims = std::move(*claims),
                     .signing_input = std::string(compact.substr(0, second)),
                     .signature = std::move(*signature)};
}

std::optional<std::vector<Key>> parse_keys(std::string_view text) {
  if (text.size() > kMaxKeySet) return std::nullopt;
  const auto set = parse_strict_object(text);
  if (!set) return std::nullopt;
  const auto* list = set->if_contains("keys");
  if (list == nullptr || !list->is_array()) return std::nullopt;
  std::vector<Key> out;
  for (const auto& jwk : list->get_array()) {
    if (out.size() == kMaxKeys) break;
    if (!jwk.is_object()) continue;
    if (auto key = usable_key(jwk.get_object())) out.push_back(std::move(*key));
  }
  return out;
}

const Key* find_key(const std::vector<Key>& keys, const ParsedToken& token) {
  const Key* found = nullptr;
  for (const Key& key : keys) {
    if (key.algorithm != token.algorithm || (!token.kid.empty() && key.kid != token.kid)) continue;
    // Two that fit: which one is meant cannot be known.
    if (found != nullptr) return nullptr;
    found = &key;
  }
  return found;
}

std::string token_hash(Algorithm algorithm, std::string_view access_token) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  const auto* kind = algorithm == Algorithm::kEdDsa ? EVP_sha512() : EVP_sha256();
  if (EVP_Digest(access_token.data(), access_token.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, kind,
                 nullptr) != 1)
    size = 0;
  return base64url_encode(std::string_view(digest).substr(0, size / 2));
}

Status verify_signature(const ParsedToken& token, const Key& key) {
  if (key.key && key.algorithm == token.algorithm && signed_by(token, key.key.get())) return {};
  return refused("token.signature", "The token's signature is not valid.");
}

}  // namespace phx::identity::oidc
