// Identity behind the API's middleware chain: what a browser of a stranger's page can and cannot do.

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

#include "api/middleware.hpp"
#include "base/random.hpp"
#include "domains/identity/identity.hpp"
#include "pg/database.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::identity {
namespace {

class NoTenants final : public api::TenantDirectory {
 public:
  asio::awaitable<Result<api::TenantAccess>> enter(api::Principal, std::string) override {
    co_return not_found("tenant.not_found", "No such tenant.");
  }
};

class BehindTheChain : public testing::Test {
 protected:
  BehindTheChain() {
    identity.register_with(registry, router);
    const auto link = db.run(identity.ensure_first_admin());
    const auto response =
        send(request("POST", "/auth/one-time", R"({"token":")" + (*link)->secret + R"("})", {{"Origin", kOwn}}));
    EXPECT_EQ(response.status, 200) << response.body_text();
    const auto cookie = std::string(response.headers.get("Set-Cookie"));
    session = cookie.substr(0, cookie.find(';'));
  }

  static net::Request request(std::string method, std::string path, std::string body,
                              std::initializer_list<net::Headers::Field> headers) {
    net::Request out;
    out.method = std::move(method);
    out.path = std::move(path);
    out.body = std::move(body);
    out.headers.add("Host", "phoenix.example:4000");
    out.headers.add("Content-Type", "application/json");
    for (const auto& [name, value] : headers) out.headers.set(name, value);
    return out;
  }
  net::Response send(net::Request request) { return db.run(chain.handle(std::move(request))); }
  std::string refusal(net::Request request) {
    const auto response = send(std::move(request));
    if (response.status < 400) return "";
    return std::string(boost::json::parse(response.body_text()).at("error").at("reason").as_string());
  }
  std::string who(std::initializer_list<net::Headers::Field> headers) {
    return refusal(request("GET", "/auth/session", "", headers));
  }

  static constexpr const char* kOwn = "http://phoenix.example:4000";
  pg::testing::TestDatabase db;
  SystemClock clock;
  SystemRandom random;
  BlockingPool blocking{1, 8};
  UuidSource ids{clock, random};
  NoTenants tenants;
  Identity identity{db.database(), clock, random, ids, blocking, tenants, std::string(32, 'k'), {}};
  api::Registry registry;
  api::Router router;
  api::Middleware chain{{}, router, identity, ids, clock};
  std::string session;
};

TEST_F(BehindTheChain, TheSessionNeedsAProof) {
  EXPECT_EQ(who({}), "auth.required");
  EXPECT_EQ(who({{"Cookie", "phoenix_session=rubbish"}}), "auth.invalid");
  EXPECT_EQ(who({{"Authorization", "Bearer rubbish"}}), "auth.invalid");
  EXPECT_EQ(who({{"Cookie", session}}), "");
}

TEST_F(BehindTheChain, ACookieAloneChangesNothing) {
  EXPECT_EQ(refusal(request("POST", "/auth/logout", "{}", {{"Cookie", session}})), "auth.csrf");
  EXPECT_EQ(refusal(request("POST", "/auth/logout", "{}",
                            {{"Cookie", session}, {"X-Phoenix-Csrf", "1"}, {"Content-Type", "text/plain"}})),
            "auth.csrf");
  EXPECT_EQ(refusal(request("POST", "/auth/logout", "{}",
                            {{"Cookie", session}, {"X-Phoenix-Csrf", "1"}, {"Origin", "https://evil.example"}})),
            "auth.origin");
  EXPECT_EQ(who({{"Cookie", session}}), "") << "still signed in";
  EXPECT_EQ(
      refusal(request("POST", "/auth/logout", "{}", {{"Cookie", session}, {"X-Phoenix-Csrf", "1"}, {"Origin", kOwn}})),
      "");
  EXPECT_EQ(who({{"Cookie", session}}), "auth.invalid");
}

TEST_F(BehindTheChain, ATokenNeedsNoHeaderOfOurs) {
  const auto admin = db.run(identity.first_administrator());
  const auto token = db.run(identity.mint_token("test", admin->id, std::nullopt, std::chrono::hours(1)));
  EXPECT_EQ(who({{"Authorization", "Bearer " + token->secret}}), "");
  EXPECT_EQ(refusal(request("POST", "/auth/logout", "{}", {{"Authorization", "Bearer " + token->secret}})), "");
  EXPECT_EQ(who({{"Authorization", "Bearer " + token->secret}}), "auth.invalid") << "signing out ends the token";
}

TEST_F(BehindTheChain, AStrangersPageCannotSignAnybodyIn) {
  const std::string body = R"({"email":"admin@localhost","password":"whatever it is"})";
  EXPECT_EQ(refusal(request("POST", "/auth/login", body, {{"Origin", "https://evil.example"}})), "auth.origin");
  EXPECT_EQ(refusal(request("POST", "/auth/login", body, {{"Origin", "null"}})), "auth.origin");
  EXPECT_EQ(refusal(request("POST", "/auth/login", body, {{"Content-Type", "text/plain"}})), "auth.malformed");
  EXPECT_EQ(refusal(request("POST", "/auth/login", body, {{"Origin", kOwn}})), "auth.invalid_credentials");
}

TEST_F(BehindTheChain, AStaleCookieDoesNotHinderSigningInOrOut) {
  const auto link = db.run(identity.mint_sign_in_link("test"));
  EXPECT_EQ(refusal(request("POST", "/auth/one-time", R"({"token":")" + link->secret + R"("})",
                            {{"Cookie", "phoenix_session=stale"}})),
            "");
  EXPECT_EQ(refusal(request("POST", "/auth/logout", "{}", {{"Cookie", "phoenix_session=stale"}})), "");
}

TEST_F(BehindTheChain, TheLocalRoutesAreClosedToTheNetwork) {
  EXPECT_EQ(refusal(request("POST", "/local/token", "{}", {})), "auth.local_only");
  EXPECT_EQ(refusal(request("POST", "/local/sign-in-link", "{}", {{"Cookie", session}})), "auth.local_only");
}

}  // namespace
}  // namespace phx::identity
