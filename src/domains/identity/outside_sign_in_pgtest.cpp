// Signing in at an outside provider and being signed out by it, against a real database and a provider that does as it
// is told: the whole way of a browser, and every way to bend it.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "api/middleware.hpp"
#include "base/crypto.hpp"
#include "domains/identity/outside_sign_in.hpp"
#include "domains/identity/testing/outside_world.hpp"
#include "net/url.hpp"

namespace phx::identity {
namespace {

using oidc::testing::FakeNetwork;
using oidc::testing::Signer;
namespace json = boost::json;

struct OutsideSignInTest : testing::OutsideWorld<SystemClock> {
  OutsideSignInTest() : OutsideWorld("") {
    network.on_token = [this](const net::ClientRequest& request) { return redeem(request); };
    identity.set_base_url("https://cloud.example");
    identity.register_with(registry, router);
    sign_in.register_with(router);
  }

  /// The provider's token endpoint: keeps what it was asked, answers what the test has made of the claims.
  net::ClientResponse redeem(const net::ClientRequest& request) {
    asked = *net::parse_query(request.body);
    authorization = request.headers.get("Authorization");
    net::ClientResponse answer;
    answer.status = token_status;
    answer.body = token_status == 200
                      ? json::serialize(json::object{
                            {"id_token", signer.token(R"({"alg":"ES256","kid":"key-1"})", json::serialize(claims))},
                            {"access_token", "opaque"}})
                      : R"({"error":"invalid_grant"})";
    return answer;
  }

  net::Response send(net::Request request) {
    request.headers.add("Host", "cloud.example");
    return db.run(chain.handle(std::move(request)));
  }
  net::Response get(std::string path, std::string query, const std::string& cookies = "") {
    net::Request request;
    request.method = "GET";
    request.path = std::move(path);
    request.query = std::move(query);
    if (!cookies.empty()) request.headers.add("Cookie", cookies);
    return send(std::move(request));
  }
  static std::string reason(const net::Response& response) {
    if (response.status < 400) return "status " + std::to_string(response.status);
    return std::string(json::parse(response.body_text()).at("error").at("reason").as_string());
  }
  static std::string pair_of(std::string_view set_cookie) {
    return std::string(set_cookie.substr(0, set_cookie.find(';')));
  }

  /// What the browser holds after it was sent to the provider.
  struct Visit {
    net::QueryParameters sent;
    std::string cookie;
    std::string value(std::string_view name) const { return net::query_value(sent, name).value_or(""); }
  };
  Visit begin(const std::string& return_to = "/t/acme/incidents?status=all") {
    const auto response = get("/auth/oidc/start", "return_to=" + net::percent_encode(return_to));
    EXPECT_EQ(response.status, 303);
    const std::string url(response.headers.get("Location"));
    Visit visit{*net::parse_query(url.substr(url.find('?') + 1)), pair_of(response.headers.get("Set-Cookie"))};
    EXPECT_TRUE(url.starts_with("https://id.example.org/auth?")) << url;
    claims = issued();
    claims["iat"] = seconds();
    claims["sub"] = "5f1c";
    claims["nonce"] = visit.value("nonce");
    claims["sid"] = "s-1";
    claims["email"] = "ada@example.org";
    claims["email_verified"] = true;
    claims["name"] = "Ada";
    return visit;
  }
  net::Response come_back(const Visit& visit, const std::string& extra = "") {
    return get("/auth/oidc/callback", "code=c-1&state=" + visit.value("state") + extra, visit.cookie);
  }
  /// The cookie of a whole sign-in.
  std::string signed_in() {
    const auto response = come_back(begin());
    EXPECT_EQ(response.status, 303) << response.body_text();
    return pair_of(response.headers.get("Set-Cookie"));
  }
  bool believed(const std::string& cookie) { return get("/auth/session", "", cookie).status == 200; }

  net::Response logout(json::object with) {
    auto token = issued();
    token["iat"] = seconds();
    token["jti"] = "id-" + std::to_string(++logouts);
    token["events"] = {{"http://schemas.openid.net/event/backchannel-logout", json::object{}}};
    for (const auto& [name, value] : with) token[name] = value;
    return post_logout(signer.token(R"({"alg":"ES256","kid":"key-1","typ":"logout+jwt"})", json::serialize(token)));
  }
  net::Response post_logout(const std::string& token) {
    net::Request request;
    request.method = "POST";
    request.path = "/auth/oidc/logout";
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    request.body = "logout_token=" + token;
    return send(std::move(request));
  }

  OutsideSignIn sign_in{identity,
                        provider,
                        clock,
                        random,
                        blocking,
                        {.client = {.id = "phoenix", .secret = "s:cret"},
                         .tenant_claim = "groups",
                         .server_key = std::string(32, 'k'),
                         .secure_cookies = true}};
  api::Registry registry;
  api::Router router;
  api::Middleware chain{{.https = true}, router, identity, ids, clock};
  json::object claims;
  int token_status = 200;
  int logouts = 0;
  net::QueryParameters asked;
  std::string authorization;
};

TEST_F(OutsideSignInTest, ABrowserGoesThereAndComesBackSignedIn) {
  const auto visit = begin();
  EXPECT_EQ(visit.value("response_type"), "code");
  EXPECT_EQ(visit.value("redirect_uri"), "https://cloud.example/auth/oidc/callback");
  EXPECT_EQ(visit.value("code_challenge_method"), "S256");
  EXPECT_NE(visit.value("nonce"), visit.value("state"));
  const auto response = come_back(visit);
  EXPECT_EQ(response.status, 303);
  EXPECT_EQ(response.headers.get("Location"), "/t/acme/incidents?status=all");
  // The provider saw the verifier of the challenge, and us by our secret.
  EXPECT_EQ(base64url_encode(sha256(*net::query_value(asked, "code_verifier"))), visit.value("code_challenge"));
  EXPECT_EQ(net::query_value(asked, "code"), "c-1");
  EXPECT_FALSE(net::query_value(asked, "client_secret"));
  EXPECT_EQ(authorization, "Basic cGhvZW5peDpzJTNBY3JldA==") << "phoenix:s%3Acret";
  const auto cookies = response.headers.all("Set-Cookie");
  ASSERT_EQ(cookies.size(), 2);
  EXPECT_NE(cookies[0].find("HttpOnly; SameSite=Strict"), cookies[0].npos);
  EXPECT_NE(cookies[1].find("Max-Age=0"), cookies[1].npos) << "what was kept of the visit is gone";
  const auto session = get("/auth/session", "", pair_of(cookies[0]));
  ASSERT_EQ(session.status, 200);
  EXPECT_EQ(json::parse(session.body_text()).at("user").at("email").as_string(), "ada@example.org");
  EXPECT_EQ(db.value("select action || ' ' || actor from phoenix.audit_log where action = 'auth.oidc'"),
            "auth.oidc ada@example.org");
  EXPECT_EQ(db.value("select claimed_tenants from phoenix.outside_sessions"), "{}") << "no group: no tenant";
}

TEST_F(OutsideSignInTest, OnlyPagesOfThePortalAreComeBackTo) {
  for (const char* there : {"https://evil.example/", "//evil.example", "/\\evil.example", "/x\r\nSet-Cookie: a=b",
                            "evil", "javascript:alert(1)", "/a b"})
    EXPECT_EQ(reason(get("/auth/oidc/start", "return_to=" + net::percent_encode(there))), "auth.return_to") << there;
  EXPECT_EQ(reason(get("/auth/oidc/start", "return_to=/&return_to=//evil.example")), "url.repeated_parameter");
  EXPECT_EQ(reason(get("/auth/oidc/start", "return_to=/" + std::string(2000, 'a'))), "auth.return_to");
}

TEST_F(OutsideSignInTest, AStateBelongsToABrowserAndCountsOnce) {
  const auto visit = begin();
  auto stranger = visit;
  stranger.cookie = "";
  EXPECT_EQ(reason(come_back(stranger)), "oidc.state") << "a link that somebody else sent";
  stranger.cookie = begin().cookie;
  EXPECT_EQ(reason(come_back(stranger)), "oidc.state") << "another visit of this browser";
  auto forged = visit;
  forged.cookie.back() = forged.cookie.back() == 'A' ? 'B' : 'A';
  EXPECT_EQ(reason(come_back(forged)), "oidc.state");
  EXPECT_EQ(reason(get("/auth/oidc/callback", "code=c-1", visit.cookie)), "oidc.request");
  EXPECT_EQ(reason(get("/auth/oidc/callback", "code=c-1&state=x&state=y", visit.cookie)), "url.repeated_parameter");
  EXPECT_EQ(reason(get("/auth/oidc/callback", "state=" + visit.value("state"), visit.cookie)), "oidc.request");
  claims["nonce"] = visit.value("nonce");
  EXPECT_EQ(come_back(visit).status, 303);
  EXPECT_EQ(reason(come_back(visit)), "oidc.state") << "the same again, with the same cookie";
  EXPECT_EQ(db.value("select count(*) from phoenix.sessions"), "1");
  EXPECT_EQ(db.value("select count(*) from phoenix.used_once"), "1") << "what failed has left no row";
}

TEST_F(OutsideSignInTest, WhatTheProviderBringsIsNotBelievedUnseen) {
  const auto spoiled = [&](std::string_view name, json::value value) {
    const auto visit = begin();
    claims[name] = std::move(value);
    return reason(come_back(visit));
  };
  EXPECT_EQ(spoiled("nonce", "of another visit"), "token.nonce");
  EXPECT_EQ(spoiled("aud", "another"), "token.audience");
  EXPECT_EQ(spoiled("iss", "https://evil.example"), "token.issuer");
  EXPECT_EQ(spoiled("exp", 1), "token.expired");
  EXPECT_EQ(spoiled("at_hash", "wrong"), "token.access_token_hash");
  const Signer known = signer;
  signer = Signer(Signer::Kind::kEc, "key-1");
  EXPECT_EQ(reason(come_back(begin())), "token.signature");
  signer = known;
  EXPECT_EQ(reason(come_back(begin(), "&iss=https%3A%2F%2Fevil.example")), "oidc.mixed_up");
  EXPECT_EQ(reason(come_back(begin(), "&error=access_denied")), "oidc.denied");
  token_status = 400;
  EXPECT_EQ(reason(come_back(begin())), "oidc.code");
  token_status = 502;
  EXPECT_EQ(reason(come_back(begin())), "oidc.nonsense");
  EXPECT_EQ(db.value("select count(*) from phoenix.sessions"), "0");
  net::Request page;
  page.method = "GET";
  page.path = "/auth/oidc/callback";
  page.query = "code=x&state=y";
  page.headers.add("Accept", "text/html,*/*");
  EXPECT_EQ(send(page).headers.get("Location"), "/sign-in?problem=oidc.state") << "people get a page";
}

TEST_F(OutsideSignInTest, AProviderThatNamesItselfMustDoSo) {
  network.document["authorization_response_iss_parameter_supported"] = true;
  EXPECT_EQ(reason(come_back(begin())), "oidc.mixed_up");
  EXPECT_EQ(come_back(begin(), "&iss=" + net::percent_encode(FakeNetwork::kIssuer)).status, 303);
}

TEST_F(OutsideSignInTest, TheSecretGoesWhereTheProviderTakesIt) {
  network.document["token_endpoint_auth_methods_supported"] = json::array{"client_secret_post"};
  signed_in();
  EXPECT_EQ(net::query_value(asked, "client_secret"), "s:cret");
  EXPECT_EQ(net::query_value(asked, "client_id"), "phoenix");
  EXPECT_EQ(authorization, "");
}

TEST_F(OutsideSignInTest, GroupsAreWhatTheSessionOpens) {
  const auto visit = begin();
  claims["groups"] = json::array{"/acme/TENANT_ADMIN"};
  const auto cookie = pair_of(come_back(visit).headers.get("Set-Cookie"));
  net::Request request;
  request.headers.add("Cookie", cookie);
  const auto principal = db.run(identity.authenticate(request));
  ASSERT_TRUE(principal);
  ASSERT_TRUE(principal->claimed_tenants);
  EXPECT_EQ(principal->claimed_tenants->at("acme"), api::Role::kTenantAdmin);
  EXPECT_EQ(principal->claimed_tenants->size(), 1);
}

TEST_F(OutsideSignInTest, WhatTheTokenLeavesOutIsAskedFor) {
  network.document["userinfo_endpoint"] = "https://id.example.org/userinfo";
  network.userinfo = {{"sub", "5f1c"}, {"email", "ada@example.org"}, {"email_verified", true}, {"groups", "acme"}};
  auto visit = begin();
  claims.erase("email");
  ASSERT_EQ(come_back(visit).status, 303);
  EXPECT_EQ(network.userinfo_shown, "Bearer opaque");
  EXPECT_EQ(db.value("select email from phoenix.users"), "ada@example.org");
  EXPECT_EQ(db.value("select claimed_tenants from phoenix.outside_sessions"), R"({"acme": "TENANT_MEMBER"})");
  network.userinfo["sub"] = "another";
  visit = begin();
  claims.erase("email");
  EXPECT_EQ(reason(come_back(visit)), "token.claims") << "somebody else's answer";
}

TEST_F(OutsideSignInTest, SigningOutHereGoesOnToTheProvider) {
  const auto cookie = signed_in();
  net::Request request;
  request.method = "POST";
  request.path = "/auth/logout";
  request.headers.add("Cookie", cookie);
  request.headers.add("Content-Type", "application/json");
  request.headers.add("X-Phoenix-Csrf", "1");
  const auto done = send(request);
  EXPECT_EQ(json::parse(done.body_text()).at("next").as_string(), "/auth/oidc/sign-out");
  EXPECT_FALSE(believed(cookie));
  const auto there = get("/auth/oidc/sign-out", "next=https://evil.example");
  EXPECT_EQ(there.headers.get("Location"),
            "https://id.example.org/end?realm=one&client_id=phoenix&post_logout_redirect_uri="
            "https%3A%2F%2Fcloud.example%2Fsign-in");
}

TEST_F(OutsideSignInTest, TheProviderEndsWhatItHasBegun) {
  std::vector<Uuid> told;
  identity.on_revoked([&](const Uuid& proof) { told.push_back(proof); });
  const auto one = signed_in();
  const auto two = [&] {
    const auto visit = begin();
    claims["sid"] = "s-2";
    return pair_of(come_back(visit).headers.get("Set-Cookie"));
  }();
  EXPECT_EQ(logout({{"sid", "s-9"}}).status, 200) << "nothing to end is no failure";
  EXPECT_TRUE(believed(one));
  EXPECT_EQ(logout({{"sid", "s-1"}, {"sub", "another"}}).status, 200);
  EXPECT_TRUE(believed(one)) << "both must fit";
  EXPECT_EQ(logout({{"sid", "s-1"}}).status, 200);
  EXPECT_FALSE(believed(one));
  EXPECT_TRUE(believed(two));
  EXPECT_EQ(told.size(), 1);
  EXPECT_EQ(logout({{"sub", "5f1c"}}).status, 200);
  EXPECT_FALSE(believed(two));
  EXPECT_EQ(db.value("select count(*) from phoenix.audit_log where action = 'auth.outside_logout'"), "2");
}

TEST_F(OutsideSignInTest, ALogoutThatLiesEndsNothing) {
  const auto cookie = signed_in();
  const auto refused = [&](json::object with) {
    const auto answer = logout(std::move(with));
    EXPECT_EQ(answer.status, 400);
    return reason(answer);
  };
  EXPECT_EQ(refused({{"sub", "5f1c"}, {"nonce", "n"}}), "token.type");
  EXPECT_EQ(refused({{"sub", "5f1c"}, {"aud", "another"}}), "token.audience");
  EXPECT_EQ(refused({{"sub", "5f1c"}, {"iat", 1}}), "token.expired");
  const Signer known = signer;
  signer = Signer(Signer::Kind::kEc, "key-1");
  EXPECT_EQ(refused({{"sub", "5f1c"}}), "token.signature");
  signer = known;
  EXPECT_EQ(reason(post_logout("a.b.c")), "token.malformed");
  EXPECT_EQ(reason(post_logout(std::string(100'000, 'a'))), "oidc.request");
  EXPECT_TRUE(believed(cookie));
  EXPECT_EQ(logout({{"sub", "x"}, {"jti", "same"}}).status, 200);
  EXPECT_EQ(refused({{"sub", "5f1c"}, {"jti", "same"}}), "token.replayed");
  EXPECT_TRUE(believed(cookie));
}

TEST_F(OutsideSignInTest, ThePortalLearnsWhatIsOffered) {
  EXPECT_TRUE(json::parse(get("/auth/methods", "").body_text()).at("outside").is_null());
  identity.offer_outside("Acme");
  EXPECT_EQ(json::parse(get("/auth/methods", "").body_text()).at("outside"),
            (json::value{{"name", "Acme"}, {"start", "/auth/oidc/start"}}));
}

}  // namespace
}  // namespace phx::identity
