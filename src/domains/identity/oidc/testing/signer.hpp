#pragma once
/// A provider's keys for tests: makes tokens of any shape, right and wrong ones.

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <stdexcept>
#include <string>

#include "base/crypto.hpp"

namespace phx::identity::oidc::testing {

namespace json = boost::json;

class Signer {
 public:
  enum class Kind { kRsa, kEc, kEd25519 };
  Signer(Kind kind, std::string kid, std::size_t rsa_bits = 2048) : kind_(kind), kid_(std::move(kid)) {
    EVP_PKEY* key = kind == Kind::kRsa  ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", rsa_bits)
                    : kind == Kind::kEc ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                                        : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    if (!key) throw std::runtime_error("no key");
    key_.reset(key, EVP_PKEY_free);
  }

  std::string alg() const { return kind_ == Kind::kRsa ? "RS256" : kind_ == Kind::kEc ? "ES256" : "EdDSA"; }
  const std::string& kid() const { return kid_; }

  json::object jwk() const {
    json::object out{{"kid", kid_}, {"use", "sig"}, {"alg", alg()}};
    if (kind_ == Kind::kRsa) {
      out["kty"] = "RSA";
      out["n"] = base64url_encode(number(OSSL_PKEY_PARAM_RSA_N, 0));
      out["e"] = base64url_encode(number(OSSL_PKEY_PARAM_RSA_E, 0));
    } else if (kind_ == Kind::kEc) {
      out["kty"] = "EC";
      out["crv"] = "P-256";
      out["x"] = base64url_encode(number(OSSL_PKEY_PARAM_EC_PUB_X, 32));
      out["y"] = base64url_encode(number(OSSL_PKEY_PARAM_EC_PUB_Y, 32));
    } else {
      std::string raw(32, '\0');
      std::size_t size = raw.size();
      EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
      out["kty"] = "OKP";
      out["crv"] = "Ed25519";
      out["x"] = base64url_encode(raw);
    }
    return out;
  }

  /// The bytes of a JWS signature.
  std::string sign(const std::string& input) const {
    std::string out = sign_der(input);
    if (kind_ != Kind::kEc) return out;
    const auto* at = reinterpret_cast<const unsigned char*>(out.data());
    ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(out.size()));
    std::string raw(64, '\0');
    auto* bytes = reinterpret_cast<unsigned char*>(raw.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), bytes, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), bytes + 32, 32);
    ECDSA_SIG_free(signature);
    return raw;
  }
  /// As OpenSSL gives it: for EC that is DER, which JWS does not take.
  std::string sign_der(const std::string& input) const {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::size_t size = 1024;
    std::string out(size, '\0');
    if (EVP_DigestSignInit(ctx.get(), nullptr, kind_ == Kind::kEd25519 ? nullptr : EVP_sha256(), nullptr, key_.get()) !=
            1 ||
        EVP_DigestSign(ctx.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                       reinterpret_cast<const unsigned char*>(input.data()), input.size()) != 1)
      throw std::runtime_error("cannot sign");
    out.resize(size);
    return out;
  }

  json::object header() const { return {{"alg", alg()}, {"kid", kid_}, {"typ", "at+jwt"}}; }
  static std::string input_of(std::string_view header, std::string_view claims) {
    return base64url_encode(header) + "." + base64url_encode(claims);
  }
  /// Header and claims as text, so that they may be spoiled.
  std::string token(std::string_view header_text, std::string_view claims_text) const {
    const auto input = input_of(header_text, claims_text);
    return input + "." + base64url_encode(sign(input));
  }
  std::string token(const json::object& claims) const {
    return token(json::serialize(header()), json::serialize(claims));
  }
  EVP_PKEY* key() const { return key_.get(); }

 private:
  std::string number(const char* name, int size) const {
    BIGNUM* value = nullptr;
    if (EVP_PKEY_get_bn_param(key_.get(), name, &value) != 1) throw std::runtime_error("no parameter");
    std::string out(static_cast<std::size_t>(size ? size : BN_num_bytes(value)), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    BN_free(value);
    return out;
  }
  Kind kind_;
  std::string kid_;
  std::shared_ptr<EVP_PKEY> key_;
};

template <class... Signers>
std::string key_set(const Signers&... signers) {
  return json::serialize(json::object{{"keys", json::array{signers.jwk()...}}});
}

}  // namespace phx::identity::oidc::testing
