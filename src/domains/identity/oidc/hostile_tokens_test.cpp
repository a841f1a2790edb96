// The corpus of hostile tokens: each is refused, with the reason that says why, before or by verification.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domains/identity/oidc/claims.hpp"
#include "domains/identity/oidc/jose.hpp"
#include "domains/identity/oidc/testing/signer.hpp"

namespace phx::identity::oidc {
namespace {

using testing::key_set;
using testing::Signer;
namespace json = boost::json;
using namespace std::chrono_literals;

const Instant kNow{std::chrono::sys_days{std::chrono::year(2030) / 1 / 1}};
constexpr std::int64_t kNowSeconds = 1893456000;

/// One set of keys for all tests: making RSA keys takes its time.
struct World {
  Signer rsa{Signer::Kind::kRsa, "rsa-1"};
  Signer ec{Signer::Kind::kEc, "ec-1"};
  Signer ed{Signer::Kind::kEd25519, "ed-1"};
  Signer stranger{Signer::Kind::kRsa, "rsa-1"};
  std::vector<Key> keys = *parse_keys(key_set(rsa, ec, ed));
  static const World& get() {
    static const World world;
    return world;
  }
};

json::object good_claims() {
  return {{"iss", "https://id.example.org/realms/phoenix"},
          {"aud", "phoenix-api"},
          {"azp", "portal"},
          {"sub", "5f1c"},
          {"iat", kNowSeconds - 10},
          {"exp", kNowSeconds + 300}};
}

Expected expected() { return {"https://id.example.org/realms/phoenix", "phoenix-api", {}, ""}; }

/// "ok", or the reason of the refusal: all that stands between a stranger and the API.
std::string judge(const std::string& token, const Expected& wanted = expected(), Instant now = kNow) {
  auto parsed = parse_token(token);
  if (!parsed) return parsed.error().reason();
  const Key* key = find_key(World::get().keys, *parsed);
  if (!key) return "no key";
  if (const auto verified = verify_signature(*parsed, *key); !verified) return verified.error().reason();
  const auto claims = check_access_token(*parsed, wanted, now);
  return claims ? "ok" : claims.error().reason();
}

std::string with(const std::function<void(json::object& header, json::object& claims)>& spoil,
                 const Signer& signer = World::get().rsa) {
  auto header = signer.header();
  auto claims = good_claims();
  spoil(header, claims);
  return signer.token(json::serialize(header), json::serialize(claims));
}

std::string claimed(std::string_view name, json::value value) {
  return judge(with([&](json::object&, json::object& claims) { claims[name] = value; }));
}
std::string headed(std::string_view name, json::value value) {
  return judge(with([&](json::object& header, json::object&) { header[name] = value; }));
}

TEST(Tokens, OfEachAlgorithmAreTaken) {
  const auto& world = World::get();
  for (const auto* signer : {&world.rsa, &world.ec, &world.ed}) EXPECT_EQ(judge(signer->token(good_claims())), "ok");
  for (const char* typ : {"JWT", "jwt", "application/at+jwt", "AT+JWT"}) EXPECT_EQ(headed("typ", typ), "ok") << typ;
  EXPECT_EQ(judge(with([](json::object& header, json::object&) {
              header.erase("typ");
              header.erase("kid");
            })),
            "ok")
      << "the only key of its kind needs no name";
  EXPECT_EQ(claimed("aud", json::array{"other", "phoenix-api"}), "ok");
  EXPECT_EQ(claimed("exp", static_cast<double>(kNowSeconds) + 0.5), "ok");
  EXPECT_EQ(judge(with([](json::object&, json::object& claims) {
              claims["typ"] = "Bearer";
              claims["nonce"] = "n";
            })),
            "ok")
      << "Keycloak's form";
}

TEST(HostileTokens, WithoutASignatureOrWithASecretOne) {
  for (const char* alg : {"none", "None", "NONE", "nOnE", "", "HS256", "HS384", "RS512", "PS256", "ES384", "ES256K"}) {
    EXPECT_EQ(headed("alg", alg), "token.algorithm") << alg;
    const auto input =
        Signer::input_of(json::serialize(json::object{{"alg", alg}, {"kid", "rsa-1"}}), json::serialize(good_claims()));
    EXPECT_THAT(judge(input + "."), ::testing::StartsWith("token.")) << alg;
  }
  EXPECT_EQ(headed("alg", nullptr), "token.algorithm");
  EXPECT_EQ(headed("alg", json::array{"RS256"}), "token.algorithm");
  // HS256 keyed with the public key, as it could be read from the set.
  const auto& rsa = World::get().rsa;
  for (const std::string& secret : {json::serialize(rsa.jwk()), std::string(rsa.jwk()["n"].as_string())}) {
    const auto input = Signer::input_of(R"({"alg":"HS256","kid":"rsa-1","typ":"JWT"})", json::serialize(good_claims()));
    EXPECT_EQ(judge(input + "." + base64url_encode(hmac_sha256(secret, input))), "token.algorithm");
    const auto lying = Signer::input_of(R"({"alg":"RS256","kid":"rsa-1","typ":"JWT"})", json::serialize(good_claims()));
    EXPECT_EQ(judge(lying + "." + base64url_encode(hmac_sha256(secret, lying))), "token.signature");
  }
}

TEST(HostileTokens, WhoseKeyDoesNotFit) {
  const auto& world = World::get();
  EXPECT_EQ(judge(world.stranger.token(good_claims())), "token.signature") << "another's key under the known name";
  EXPECT_EQ(headed("kid", "rsa-2"), "no key");
  EXPECT_EQ(headed("kid", "ec-1"), "no key") << "the name of a key of another kind";
  EXPECT_EQ(headed("kid", "../../etc/passwd"), "no key");
  EXPECT_EQ(headed("kid", ""), "token.header");
  EXPECT_EQ(headed("kid", 7), "token.header");
  EXPECT_EQ(headed("kid", json::string(300, 'k')), "token.header");
  EXPECT_EQ(judge(with([](json::object& header, json::object&) { header["alg"] = "ES256"; })), "no key");
  EXPECT_EQ(judge(with(
                [](json::object& header, json::object&) {
                  header["alg"] = "RS256";
                  header["kid"] = "rsa-1";
                },
                world.ec)),
            "token.signature");
}

TEST(HostileTokens, WhichBringTheirKeyOrAskForMore) {
  const auto& stranger = World::get().stranger;
  for (const auto& [name, value] :
       std::initializer_list<std::pair<std::string_view, json::value>>{{"jwk", stranger.jwk()},
                                                                       {"jku", "https://evil.example/keys"},
                                                                       {"x5u", "https://evil.example/cert"},
                                                                       {"x5c", json::array{"MIIB"}},
                                                                       {"crit", json::array{"exp"}},
                                                                       {"crit", json::array{}},
                                                                       {"b64", false},
                                                                       {"zip", "DEF"},
                                                                       {"enc", "A256GCM"}}) {
    EXPECT_EQ(headed(name, value), "token.header") << name;
    EXPECT_EQ(judge(with([&](json::object& header, json::object&) { header[name] = value; }, stranger)),
              "token.header");
  }
}

TEST(HostileTokens, WithASpoiledSignature) {
  const auto& world = World::get();
  for (const auto* signer : {&world.rsa, &world.ec, &world.ed}) {
    const auto input = Signer::input_of(json::serialize(signer->header()), json::serialize(good_claims()));
    const auto good = signer->sign(input);
    const auto sent = [&](const std::string& signature) { return judge(input + "." + base64url_encode(signature)); };
    EXPECT_EQ(sent(good), "ok");
    EXPECT_EQ(sent(std::string(good.size(), '\0')), "token.signature") << "zeros";
    EXPECT_EQ(sent(good.substr(1)), "token.signature");
    EXPECT_EQ(sent(good + '\0'), "token.signature");
    EXPECT_EQ(sent(std::string(1, '\0') + good), "token.signature");
    EXPECT_EQ(sent("x"), "token.signature");
    EXPECT_EQ(judge(input + "."), "token.malformed");
    EXPECT_EQ(sent(std::string(2000, 'x')), "token.malformed");
    auto flipped = good;
    flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
    EXPECT_EQ(sent(flipped), "token.signature");
    // The signature of other claims.
    const auto other = Signer::input_of(json::serialize(signer->header()), R"({"sub":"other"})");
    EXPECT_EQ(sent(signer->sign(other)), "token.signature");
  }
  const auto input = Signer::input_of(json::serialize(world.ec.header()), json::serialize(good_claims()));
  EXPECT_EQ(judge(input + "." + base64url_encode(world.ec.sign_der(input))), "token.signature") << "DER";
  const auto good = world.ec.sign(input);
  const std::string order = *base64url_decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE");
  for (const auto& half : {std::string(32, '\0'), order, std::string(32, '\xff')}) {
    EXPECT_EQ(judge(input + "." + base64url_encode(half + good.substr(32))), "token.signature");
    EXPECT_EQ(judge(input + "." + base64url_encode(good.substr(0, 32) + half)), "token.signature");
  }
}

TEST(HostileTokens, OfAnotherShape) {
  const auto& rsa = World::get().rsa;
  const auto good = rsa.token(good_claims());
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), std::string("a.b"), good + ".", "." + good, good + ".x.y",
        good + "=", " " + good, good + "\n", std::string("phx_" + good), std::string(3, '\0')})
    EXPECT_EQ(judge(text), "token.malformed") << text.size();
  EXPECT_EQ(judge(std::string(kMaxToken + 1, 'a')), "token.too_large");
  EXPECT_EQ(claimed("filling", json::string(kMaxToken, 'a')), "token.too_large");
  EXPECT_EQ(headed("filling", json::string(4000, 'a')), "token.malformed");
  EXPECT_EQ(judge(rsa.token("[]", "{}")), "token.malformed");
  EXPECT_EQ(judge(rsa.token(json::serialize(rsa.header()), "[]")), "token.malformed");
  EXPECT_EQ(judge(rsa.token(json::serialize(rsa.header()), "null")), "token.malformed");
  EXPECT_EQ(judge(rsa.token(json::serialize(rsa.header()), json::serialize(good_claims()) + "x")), "token.malformed");
  EXPECT_EQ(judge(rsa.token(json::serialize(rsa.header()), std::string(2000, '[') + std::string(2000, ']'))),
            "token.malformed");
  // Standard base64 instead of its URL form.
  auto other = good;
  std::ranges::replace(other, '-', '+');
  std::ranges::replace(other, '_', '/');
  if (other != good) EXPECT_EQ(judge(other), "token.malformed");
}

TEST(HostileTokens, WhichSayAThingTwice) {
  const auto& rsa = World::get().rsa;
  const auto claims = json::serialize(good_claims());
  const auto header = json::serialize(rsa.header());
  EXPECT_EQ(judge(rsa.token(header, R"({"sub":"admin",)" + claims.substr(1))), "token.malformed");
  EXPECT_EQ(judge(rsa.token(header, claims.substr(0, claims.size() - 1) + R"(,"exp":9999999999})")), "token.malformed");
  EXPECT_EQ(judge(rsa.token(header, claims.substr(0, claims.size() - 1) + R"(,"a":{"b":1,"\u0062":2}})")),
            "token.malformed")
      << "nested, and spelt otherwise";
  EXPECT_EQ(judge(rsa.token(R"({"alg":"none",)" + header.substr(1), claims)), "token.malformed");
}

TEST(HostileTokens, OfAnotherIssuerAudienceOrClient) {
  for (const char* iss : {"https://id.example.org/realms/phoenix/", "https://id.example.org/realms/other",
                          "http://id.example.org/realms/phoenix", "https://evil.example/realms/phoenix", ""})
    EXPECT_EQ(claimed("iss", iss), "token.issuer") << iss;
  EXPECT_EQ(claimed("iss", json::array{"https://id.example.org/realms/phoenix"}), "token.issuer");
  EXPECT_EQ(claimed("aud", "phoenix"), "token.audience");
  EXPECT_EQ(claimed("aud", json::array{}), "token.audience");
  EXPECT_EQ(claimed("aud", json::array{"phoenix-api", 7}), "token.audience");
  EXPECT_EQ(claimed("aud", nullptr), "token.audience");
  EXPECT_EQ(claimed("aud", json::array(40, "phoenix-api")), "token.audience");
  EXPECT_EQ(claimed("azp", 7), "token.client");
  EXPECT_EQ(claimed("azp", ""), "token.client");
  auto picky = expected();
  picky.clients = {"portal", "cli"};
  EXPECT_EQ(judge(World::get().rsa.token(good_claims()), picky), "ok");
  auto foreign = good_claims();
  foreign["azp"] = "evil";
  EXPECT_EQ(judge(World::get().rsa.token(foreign), picky), "token.client");
  foreign.erase("azp");
  EXPECT_EQ(judge(World::get().rsa.token(foreign), picky), "token.client") << "nobody is not on the list";
  foreign["client_id"] = "cli";
  EXPECT_EQ(judge(World::get().rsa.token(foreign), picky), "ok");
}

TEST(HostileTokens, OutOfTheirTime) {
  EXPECT_EQ(claimed("exp", kNowSeconds), "token.expired");
  EXPECT_EQ(claimed("exp", kNowSeconds - 1), "token.expired");
  EXPECT_EQ(claimed("exp", 0), "token.expired");
  for (const json::value& odd : {json::value("9999999999"), json::value(-1), json::value(1e300), json::value(nullptr),
                                 json::value(true), json::value(253402300800), json::value(UINT64_MAX)})
    EXPECT_EQ(claimed("exp", odd), "token.claims") << json::serialize(odd);
  EXPECT_EQ(judge(with([](json::object&, json::object& claims) { claims.erase("exp"); })), "token.claims");
  EXPECT_EQ(claimed("nbf", kNowSeconds + 60), "token.not_yet_valid");
  EXPECT_EQ(claimed("nbf", kNowSeconds + 3), "ok") << "clocks differ a little";
  EXPECT_EQ(claimed("nbf", "soon"), "token.claims");
  EXPECT_EQ(claimed("iat", kNowSeconds + 3600), "token.not_yet_valid");
  EXPECT_EQ(judge(World::get().rsa.token(good_claims()), expected(), kNow + 301s), "token.expired");
}

TEST(HostileTokens, OfAnotherKind) {
  for (const char* typ : {"logout+jwt", "dpop+jwt", "id_token", "secevent+jwt"})
    EXPECT_EQ(headed("typ", typ), "token.type");
  for (const char* typ : {"ID", "Refresh", "Logout", "Offline", ""})
    EXPECT_EQ(claimed("typ", typ), "token.type") << typ;
  EXPECT_EQ(claimed("nonce", "n"), "token.type") << "an ID token";
  EXPECT_EQ(claimed("at_hash", "h"), "token.type");
  EXPECT_EQ(claimed("events", json::object{}), "token.type");
  EXPECT_EQ(claimed("sub", ""), "token.claims");
  EXPECT_EQ(claimed("sub", 7), "token.claims");
  EXPECT_EQ(claimed("sub", json::string(256, 's')), "token.claims");
}

TEST(HostileTokens, LeaveNoTraceOfThemselves) {
  for (const std::string& token :
       {std::string("eyJhbGciOiJub25lIn0.eyJzZWNyZXQiOiJ4In0."), World::get().stranger.token(good_claims())}) {
    auto parsed = parse_token(token);
    const Error error = parsed ? verify_signature(*parsed, World::get().keys[0]).error() : parsed.error();
    EXPECT_EQ(error.to_string().find(token.substr(0, 12)), std::string::npos);
    EXPECT_TRUE(error.internal().empty());
  }
}

TEST(KeySets, KeepWhatCanVerifyAndNothingElse) {
  const auto& world = World::get();
  EXPECT_EQ(world.keys.size(), 3U);
  EXPECT_FALSE(parse_keys(""));
  EXPECT_FALSE(parse_keys("[]"));
  EXPECT_FALSE(parse_keys(R"({"keys":{}})"));
  EXPECT_FALSE(parse_keys(std::string(300 * 1024, ' ')));
  const auto count = [](json::object jwk) {
    return parse_keys(json::serialize(json::object{{"keys", json::array{jwk}}}))->size();
  };
  const auto changed = [](json::object jwk, std::string_view name, json::value value) {
    jwk[name] = std::move(value);
    return jwk;
  };
  EXPECT_EQ(count(world.rsa.jwk()), 1U);
  EXPECT_EQ(count({{"kty", "oct"}, {"k", "c2VjcmV0"}, {"kid", "s"}}), 0U) << "a secret";
  EXPECT_EQ(count(changed(world.rsa.jwk(), "use", "enc")), 0U);
  EXPECT_EQ(count(changed(world.rsa.jwk(), "key_ops", json::array{"sign"})), 0U);
  EXPECT_EQ(count(changed(world.rsa.jwk(), "key_ops", json::array{"verify"})), 1U);
  EXPECT_EQ(count(changed(world.rsa.jwk(), "alg", "RS512")), 0U);
  EXPECT_EQ(count(changed(world.rsa.jwk(), "alg", "HS256")), 0U);
  EXPECT_EQ(count(changed(world.ec.jwk(), "crv", "P-384")), 0U);
  EXPECT_EQ(count(changed(world.ec.jwk(), "y", json::string(base64url_encode(std::string(32, '\1'))))), 0U)
      << "not on the curve";
  EXPECT_EQ(count(changed(world.ec.jwk(), "x", "AA")), 0U);
  EXPECT_EQ(count(changed(world.ed.jwk(), "crv", "X25519")), 0U);
  EXPECT_EQ(count(changed(world.rsa.jwk(), "e", json::string(base64url_encode("\1")))), 0U) << "an exponent of one";
  EXPECT_EQ(count(changed(world.rsa.jwk(), "n", json::string(base64url_encode(std::string(128, '\xff'))))), 0U)
      << "1024 bits";
  EXPECT_EQ(count(Signer(Signer::Kind::kRsa, "small", 1024).jwk()), 0U);
  // Two that fit and no name: nobody guesses.
  const Signer second(Signer::Kind::kEc, "ec-2");
  const auto two = *parse_keys(key_set(world.ec, second));
  auto nameless = parse_token(with([](json::object& header, json::object&) { header.erase("kid"); }, world.ec));
  ASSERT_TRUE(nameless);
  EXPECT_EQ(find_key(two, *nameless), nullptr);
}

TEST(TenantClaims, NameTenantsAndRoles) {
  using Pair = std::pair<std::string, api::Role>;
  EXPECT_EQ(parse_tenant_claim("acme"), Pair("acme", api::Role::kTenantMember));
  EXPECT_EQ(parse_tenant_claim("/acme"), Pair("acme", api::Role::kTenantMember));
  EXPECT_EQ(parse_tenant_claim("acme:TENANT_ADMIN"), Pair("acme", api::Role::kTenantAdmin));
  EXPECT_EQ(parse_tenant_claim("/acme/TENANT_VIEWER"), Pair("acme", api::Role::kTenantViewer));
  for (const char* odd : {"", "/", ":", "acme:", "acme:PLATFORM_ADMIN", "/acme/PLATFORM_ADMIN", "acme:owner",
                          "/acme/TENANT_ADMIN/x", "acme:TENANT_ADMIN:x"})
    EXPECT_FALSE(parse_tenant_claim(odd)) << odd;
}

TEST(TenantClaims, AreReadFromTheNamedClaim) {
  const auto tenants = [](json::value value, std::string claim = "groups") {
    auto claims = good_claims();
    claims["groups"] = std::move(value);
    auto wanted = expected();
    wanted.tenant_claim = std::move(claim);
    const auto parsed = parse_token(World::get().ed.token(claims));
    return check_access_token(*parsed, wanted, kNow)->tenants;
  };
  EXPECT_FALSE(tenants("acme", "")) << "memberships alone";
  EXPECT_THAT(*tenants("acme"), ::testing::ElementsAre(std::pair("acme", api::Role::kTenantMember)));
  EXPECT_THAT(
      *tenants(json::array{"acme", 7, "/globex/TENANT_OWNER", "acme:TENANT_ADMIN", "acme:TENANT_VIEWER"}),
      ::testing::ElementsAre(std::pair("acme", api::Role::kTenantAdmin), std::pair("globex", api::Role::kTenantOwner)));
  EXPECT_TRUE(tenants(json::object{})->empty());
  EXPECT_TRUE(tenants("acme", "other")->empty()) << "what is not said is not granted";
}

}  // namespace
}  // namespace phx::identity::oidc
