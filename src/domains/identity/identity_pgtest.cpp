// Identity against a real database: every claim of identity.hpp that needs one.

#include "domains/identity/identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "base/task_scope.hpp"
#include "domains/identity/secret_token.hpp"
#include "engine/events.hpp"
#include "pg/database.hpp"
#include "pg/error.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;
using pg::testing::TestDatabase;

const std::string kKey(32, 'k');
const std::string kPassword = "a long enough password";
constexpr Argon2Cost kCheap{64, 1, 1};

/// A directory with the one tenant "acme".
class OneTenant final : public api::TenantDirectory {
 public:
  asio::awaitable<Result<api::TenantAccess>> enter(api::Principal principal, std::string id_or_name) override {
    if (id_or_name != "acme" || !principal.platform_admin) co_return not_found("tenant.not_found", "No such tenant.");
    co_return api::TenantAccess{.id = id, .name = "acme", .role = api::Role::kPlatformAdmin};
  }
  Uuid id = *Uuid::parse("018f0000-0000-7000-8000-000000000001");
};

/// One server process on the test's database.
struct Server {
  Server(TestDatabase& on, pg::Database& database, Settings settings = cheap(), std::size_t hashing_queue = 64)
      : db(on),
        blocking(2, hashing_queue),
        ids(clock, random),
        identity(database, clock, random, ids, blocking, tenants, kKey, std::move(settings)) {
    identity.register_with(registry, router);
  }
  static Settings cheap() {
    Settings settings;
    settings.argon2 = kCheap;
    return settings;
  }

  net::Response call(std::string method, std::string path, std::string body, std::string address = "192.0.2.1") {
    auto call = make(std::move(method), std::move(path), std::move(body));
    call.http.peer.address = std::move(address);
    return send(std::move(call));
  }
  static api::HttpCall make(std::string method, std::string path, std::string body) {
    api::HttpCall call;
    call.http.method = std::move(method);
    call.http.path = std::move(path);
    call.http.body = std::move(body);
    call.http.headers.add("Content-Type", "application/json");
    call.http.id = "request-1";
    return call;
  }
  net::Response send(api::HttpCall call) {
    const auto match = router.match(call.http.method, call.http.path);
    if (match.route == nullptr) throw std::logic_error("no route " + call.http.path);
    return db.run(match.route->handler(std::move(call)));
  }
  net::Response login(const std::string& email, const std::string& password, std::string address = "192.0.2.1") {
    return call("POST", "/auth/login",
                boost::json::serialize(boost::json::object{{"email", email}, {"password", password}}),
                std::move(address));
  }
  Result<api::Principal> by_cookie(const std::string& secret) {
    net::Request request;
    request.headers.add("Cookie", "other=1; phoenix_session=" + secret);
    return db.run(identity.authenticate(request));
  }
  Result<api::Principal> by_header(const std::string& value) {
    net::Request request;
    request.headers.add("Authorization", value);
    return db.run(identity.authenticate(request));
  }

  TestDatabase& db;
  ManualClock clock{Instant(std::chrono::sys_days{std::chrono::year(2030) / 1 / 1})};
  SystemRandom random;
  BlockingPool blocking;
  UuidSource ids;
  OneTenant tenants;
  api::Registry registry;
  api::Router router;
  Identity identity;
};

/// Text of the session cookie an answer sets.
std::string session_of(const net::Response& response) {
  const std::string cookie(response.headers.get("Set-Cookie"));
  const auto from = cookie.find('=') + 1;
  return cookie.substr(from, cookie.find(';') - from);
}

std::string reason_of(const net::Response& response) {
  const auto body = boost::json::parse(response.body_text());
  return std::string(body.at("error").at("reason").as_string());
}

class IdentityTest : public testing::Test {
 protected:
  IdentityTest() { move_to(server.clock.now()); }

  /// Both clocks, the database's and the process's.
  void move_to(Instant at) {
    server.clock.advance(at - server.clock.now());
    db.set_now(at);
  }
  void advance(Duration by) { move_to(server.clock.now() + by); }

  Uuid add_user(const std::string& email, std::optional<std::string> password, bool admin = false) {
    const Uuid id = server.ids.next();
    db.exec("insert into phoenix.users (id, email, name, platform_role) values ('" + id.to_string() + "', '" + email +
            "', 'Somebody', " + (admin ? "'PLATFORM_ADMIN'" : "null") + ")");
    if (password)
      db.exec("insert into phoenix.user_passwords (user_id, phc) values ('" + id.to_string() + "', '" +
              *hash_password(*password, "saltsaltsaltsalt", kCheap) + "')");
    return id;
  }
  void add_tenant(Uuid id, const std::string& name) {
    db.exec("insert into phoenix.tenants (id, name, display_name) values ('" + id.to_string() + "', '" + name + "', '" +
            name + " & Co')");
  }
  void add_member(Uuid tenant, Uuid user, const std::string& role) {
    db.exec(
        "insert into phoenix.memberships (id, tenant_id, user_id, role, user_email, user_name, user_created_at) "
        "select '" +
        server.ids.next().to_string() + "', '" + tenant.to_string() + "', id, '" + role +
        "', email, name, created_at from phoenix.users where id = '" + user.to_string() + "'");
  }
  std::string sign_in(const std::string& email) {
    const auto response = server.login(email, kPassword);
    EXPECT_EQ(response.status, 200) << response.body_text();
    return session_of(response);
  }

  TestDatabase db;
  Server server{db, db.database()};
};

asio::awaitable<void> start(Identity& identity, int& links, int& failures) {
  auto link = co_await identity.ensure_first_admin();
  if (!link) ++failures;
  if (link && *link) ++links;
}

TEST_F(IdentityTest, FirstAdministratorIsMadeOnceByParallelStarts) {
  auto second_database = db.another();
  Server second(db, *second_database);
  int links = 0, failures = 0;
  TaskScope scope(db.executor(), "starts");
  for (int i = 0; i < 3; ++i) {
    scope.spawn("first", start(server.identity, links, failures));
    scope.spawn("second", start(second.identity, links, failures));
  }
  db.run(scope.join());
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(links, 1);
  EXPECT_EQ(db.value("select count(*) from phoenix.users"), "1");
  EXPECT_EQ(db.value("select email || ' ' || platform_role from phoenix.users"), "admin@localhost PLATFORM_ADMIN");
  db.run(second_database->stop());
}

TEST_F(IdentityTest, FirstAdministratorSignsInByTheLink) {
  const auto link = db.run(server.identity.ensure_first_admin());
  ASSERT_TRUE(link && *link);
  EXPECT_EQ(server.identity.sign_in_url(**link), "http://127.0.0.1:4000/sign-in#token=" + (*link)->secret);
  server.identity.set_base_url("https://phoenix.example");
  EXPECT_EQ(server.identity.sign_in_url(**link), "https://phoenix.example/sign-in#token=" + (*link)->secret);
  const auto response = server.call("POST", "/auth/one-time", R"({"token":")" + (*link)->secret + R"("})");
  ASSERT_EQ(response.status, 200) << response.body_text();
  const auto user = boost::json::parse(response.body_text()).at("user");
  EXPECT_EQ(user.at("email"), "admin@localhost");
  EXPECT_EQ(user.at("platformAdmin"), true);
  EXPECT_EQ(user.at("hasPassword"), false);
  const auto principal = server.by_cookie(session_of(response));
  ASSERT_TRUE(principal) << principal.error().to_string();
  EXPECT_TRUE(principal->platform_admin);
  EXPECT_TRUE(principal->by_cookie);
}

TEST_F(IdentityTest, NoFirstAdministratorWhereThereIsSomebody) {
  add_user("ada@example.org", kPassword);
  const auto link = db.run(server.identity.ensure_first_admin());
  ASSERT_TRUE(link);
  EXPECT_FALSE(link->has_value());
  EXPECT_EQ(db.run(server.identity.mint_sign_in_link("test")).error().reason(), "auth.no_administrator");
}

asio::awaitable<void> use(const api::Router::Route& route, std::string body, std::vector<int>& statuses) {
  auto response = co_await route.handler(Server::make("POST", "/auth/one-time", std::move(body)));
  statuses.push_back(response.status);
}

TEST_F(IdentityTest, LinkWorksOnceUnderParallelUse) {
  add_user("ada@example.org", std::nullopt, true);
  const auto link = db.run(server.identity.mint_sign_in_link("test"));
  ASSERT_TRUE(link);
  const auto body = R"({"token":")" + link->secret + R"("})";
  const auto match = server.router.match("POST", "/auth/one-time");
  std::vector<int> statuses;
  TaskScope scope(db.executor(), "uses");
  for (int i = 0; i < 20; ++i) scope.spawn("use", use(*match.route, body, statuses));
  db.run(scope.join());
  EXPECT_EQ(std::ranges::count(statuses, 200), 1);
  EXPECT_EQ(std::ranges::count(statuses, 200) + std::ranges::count(statuses, 401) + std::ranges::count(statuses, 503),
            20);
  EXPECT_EQ(db.value("select count(*) from phoenix.sessions"), "1");
  EXPECT_EQ(reason_of(server.call("POST", "/auth/one-time", body)), "auth.link_invalid");
}

TEST_F(IdentityTest, LinkEndsAfterADay) {
  add_user("ada@example.org", std::nullopt, true);
  const auto early = db.run(server.identity.mint_sign_in_link("test"));
  const auto late = db.run(server.identity.mint_sign_in_link("test"));
  ASSERT_TRUE(early && late);
  advance(24h - 1s);
  EXPECT_EQ(server.call("POST", "/auth/one-time", R"({"token":")" + early->secret + R"("})").status, 200);
  advance(1s);
  EXPECT_EQ(server.call("POST", "/auth/one-time", R"({"token":")" + late->secret + R"("})").status, 401);
}

TEST_F(IdentityTest, LoginGivesASessionCookie) {
  const Uuid ada = add_user("Ada@example.org", kPassword);
  const auto response = server.login("ada@EXAMPLE.org", kPassword);
  ASSERT_EQ(response.status, 200) << response.body_text();
  EXPECT_EQ(response.headers.get("Cache-Control"), "no-store");
  const auto user = boost::json::parse(response.body_text()).at("user");
  EXPECT_EQ(user.at("id").as_string(), ada.to_string());
  EXPECT_EQ(user.at("email"), "Ada@example.org");
  EXPECT_EQ(user.at("platformAdmin"), false);
  EXPECT_EQ(user.at("hasPassword"), true);

  const auto secret = session_of(response);
  EXPECT_EQ(response.headers.get("Set-Cookie"),
            "phoenix_session=" + secret + "; Path=/; HttpOnly; SameSite=Strict; Max-Age=604800");
  EXPECT_EQ(db.value("select encode(token_digest, 'hex') from phoenix.sessions"), hex_encode(*secret_digest(secret)));
  const auto principal = server.by_cookie(secret);
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->user_id, ada);
  EXPECT_EQ(principal->expires_at, server.clock.now() + std::chrono::days(7));

  auto settings = Server::cheap();
  settings.secure_cookies = true;
  Server https(db, db.database(), settings);
  EXPECT_TRUE(https.login("ada@example.org", kPassword).headers.get("Set-Cookie").ends_with("; Secure"));
}

TEST_F(IdentityTest, WhoAskedIsAnswered) {
  const Uuid ada = add_user("ada@example.org", kPassword);
  auto call = Server::make("GET", "/auth/session", "");
  call.principal = *server.by_cookie(sign_in("ada@example.org"));
  const auto response = server.send(std::move(call));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(boost::json::parse(response.body_text()).at("user").at("id").as_string(), ada.to_string());
  EXPECT_EQ(server.router.match("GET", "/auth/session").route->auth, api::Auth::kRequired);
}

TEST_F(IdentityTest, FailedLoginsAreAllAlike) {
  add_user("ada@example.org", kPassword);
  add_user("nopassword@example.org", std::nullopt);
  const Uuid gone = add_user("gone@example.org", kPassword);
  db.exec("update phoenix.users set status = 'DISABLED' where id = '" + gone.to_string() + "'");
  const auto wrong = server.login("ada@example.org", "not the password");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(reason_of(wrong), "auth.invalid_credentials");
  EXPECT_FALSE(wrong.headers.contains("Set-Cookie"));
  for (const char* email : {"nobody@example.org", "nopassword@example.org", "gone@example.org", "not an address"}) {
    const auto other = server.login(email, kPassword);
    EXPECT_EQ(other.status, wrong.status) << email;
    EXPECT_EQ(other.body_text(), wrong.body_text()) << email;
  }
}

TEST_F(IdentityTest, UnknownNamesCostAHashOnThePoolAsWell) {
  add_user("ada@example.org", kPassword);
  // With no room in its queue the pool refuses everybody who comes for a hash.
  Server busy(db, db.database(), Server::cheap(), 0);
  for (int i = 0; i < 10; ++i) {
    const auto known = busy.login("ada@example.org", kPassword);
    const auto unknown = busy.login("nobody@example.org", kPassword);
    EXPECT_EQ(known.status, 503);
    EXPECT_EQ(known.body_text(), unknown.body_text());
    EXPECT_TRUE(known.headers.contains("Retry-After"));
  }
  EXPECT_EQ(server.login("ada@example.org", kPassword).status, 200) << "what was not judged is not counted";
}

TEST_F(IdentityTest, MalformedLoginsAreTypedErrors) {
  const auto reason = [&](std::string body) { return reason_of(server.call("POST", "/auth/login", std::move(body))); };
  EXPECT_EQ(reason(""), "auth.malformed");
  EXPECT_EQ(reason("[]"), "auth.malformed");
  EXPECT_EQ(reason(R"({"email":"ada@example.org"})"), "auth.malformed");
  EXPECT_EQ(reason(R"({"email":"ada@example.org","password":5})"), "auth.malformed");
  EXPECT_EQ(reason(R"({"email":"a\u0000@example.org","password":"x"})"), "auth.invalid_credentials");
  EXPECT_EQ(server.call("POST", "/auth/login", std::string(4097, ' ')).status, 413);
  auto form = Server::make("POST", "/auth/login", R"({"email":"ada@example.org","password":"x"})");
  form.http.headers.set("Content-Type", "text/plain");
  EXPECT_EQ(reason_of(server.send(std::move(form))), "auth.malformed");
  auto charset = Server::make("POST", "/auth/login", R"({"email":"ada@example.org","password":"x"})");
  charset.http.headers.set("Content-Type", "application/json; charset=utf-8");
  EXPECT_EQ(reason_of(server.send(std::move(charset))), "auth.invalid_credentials");
}

TEST_F(IdentityTest, FailuresLockNameAndAddressForAWhile) {
  add_user("ada@example.org", kPassword);
  for (const char* email : {"ada@example.org", "nobody@example.org"}) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(server.login(email, "not the password").status, 401) << i;
    const auto locked = server.login(email, kPassword);
    EXPECT_EQ(locked.status, 429);
    EXPECT_EQ(reason_of(locked), "auth.locked");
    EXPECT_EQ(locked.headers.get("Retry-After"), "15");
  }
  EXPECT_EQ(server.login("ada@example.org", kPassword, "192.0.2.2").status, 200) << "another address is not hindered";
  advance(15s - 1ms);
  EXPECT_EQ(server.login("ada@example.org", kPassword).status, 429);
  advance(1ms);
  EXPECT_EQ(server.login("ada@example.org", "not the password").status, 401);
  advance(29s);
  EXPECT_EQ(server.login("ada@example.org", kPassword).status, 429) << "the wait doubles";
  advance(1s);
  EXPECT_EQ(server.login("ada@example.org", kPassword).status, 200);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(server.login("ada@example.org", "not the password").status, 401);
  EXPECT_EQ(server.login("ada@example.org", kPassword).status, 200) << "a success forgets";
}

TEST_F(IdentityTest, AQuietDayForgetsFailures) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(server.login("nobody@example.org", "not the password").status, 401);
  EXPECT_EQ(db.value("select failures from phoenix.sign_in_failures"), "4");
  advance(24h + 1s);
  EXPECT_EQ(server.login("somebody@example.org", "not the password").status, 401);
  EXPECT_EQ(db.value("select count(*) from phoenix.sign_in_failures"), "1") << "old names are swept away";
}

asio::awaitable<void> guess(const api::Router::Route& route, std::vector<int>& statuses) {
  auto response = co_await route.handler(
      Server::make("POST", "/auth/login", R"({"email":"ada@example.org","password":"not the password"})"));
  statuses.push_back(response.status);
}

TEST_F(IdentityTest, ParallelGuessesCannotOutrunTheCount) {
  add_user("ada@example.org", kPassword);
  const auto match = server.router.match("POST", "/auth/login");
  std::vector<int> statuses;
  TaskScope scope(db.executor(), "guesses");
  for (int i = 0; i < 30; ++i) scope.spawn("guess", guess(*match.route, statuses));
  db.run(scope.join());
  EXPECT_EQ(statuses.size(), 30U);
  EXPECT_LE(std::ranges::count(statuses, 401), 5);
  EXPECT_EQ(server.login("ada@example.org", kPassword, "").status, 429);
}

TEST_F(IdentityTest, SessionEndsWhenIdle) {
  add_user("ada@example.org", kPassword);
  const auto secret = sign_in("ada@example.org");
  for (int i = 0; i < 3; ++i) {
    advance(11h);
    EXPECT_TRUE(server.by_cookie(secret)) << "use keeps it alive";
  }
  advance(12h);
  const auto ended = server.by_cookie(secret);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code(), Code::kUnauthenticated);
  EXPECT_EQ(ended.error().reason(), "auth.invalid");
  sign_in("ada@example.org");
  EXPECT_EQ(db.value("select count(*) from phoenix.sessions"), "1") << "the ended one is removed";
}

TEST_F(IdentityTest, SessionEndsAfterAWeekInUse) {
  add_user("ada@example.org", kPassword);
  const auto secret = sign_in("ada@example.org");
  for (Duration used = 0h; used < 7 * 24h - 6h; used += 6h) {
    advance(6h);
    ASSERT_TRUE(server.by_cookie(secret));
  }
  advance(6h - 1s);
  EXPECT_TRUE(server.by_cookie(secret)) << "verified and believed from here";
  advance(1s);
  EXPECT_FALSE(server.by_cookie(secret)) << "a believed proof still ends in time";
}

TEST_F(IdentityTest, LastSeenIsWrittenAtMostOnceAMinute) {
  add_user("ada@example.org", kPassword);
  const auto secret = sign_in("ada@example.org");
  const auto seen = [&] { return db.value("select last_seen_at from phoenix.sessions"); };
  const auto first = seen();
  advance(59s);
  EXPECT_TRUE(server.by_cookie(secret));
  EXPECT_EQ(seen(), first);
  advance(6s);
  EXPECT_TRUE(server.by_cookie(secret));
  EXPECT_NE(seen(), first);
}

TEST_F(IdentityTest, LogoutEndsTheSessionAtOnce) {
  add_user("ada@example.org", kPassword);
  const auto secret = sign_in("ada@example.org");
  auto call = Server::make("POST", "/auth/logout", "");
  call.principal = *server.by_cookie(secret);
  const auto response = server.send(std::move(call));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.get("Set-Cookie"), "phoenix_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
  EXPECT_FALSE(server.by_cookie(secret));
  EXPECT_EQ(server.call("POST", "/auth/logout", "").status, 200) << "nobody may sign out, too";
}

TEST_F(IdentityTest, AnotherServersRevocationIsNoticedSoon) {
  add_user("ada@example.org", kPassword);
  auto other_database = db.another();
  Server other(db, *other_database);
  const auto secret = sign_in("ada@example.org");
  const auto principal = server.by_cookie(secret);
  ASSERT_TRUE(principal);
  ASSERT_TRUE(db.run(other.identity.revoke(*principal->session_id)));
  EXPECT_TRUE(server.by_cookie(secret)) << "believed without a question to the database";
  advance(5s);
  EXPECT_FALSE(server.by_cookie(secret));
  db.run(other_database->stop());
}

TEST_F(IdentityTest, DisabledAccountsHaveNoProofs) {
  const Uuid ada = add_user("ada@example.org", kPassword);
  const auto secret = sign_in("ada@example.org");
  const auto token = db.run(server.identity.mint_token("test", ada, std::nullopt, 0s));
  db.exec("update phoenix.users set status = 'DISABLED'");
  EXPECT_FALSE(server.by_cookie(secret));
  EXPECT_FALSE(server.by_header("Bearer " + token->secret));
}

TEST_F(IdentityTest, BearerTokenProvesItsUser) {
  const Uuid ada = add_user("ada@example.org", std::nullopt, true);
  const auto token = db.run(server.identity.mint_token("test", ada, std::nullopt, 1h));
  ASSERT_TRUE(token) << token.error().to_string();
  EXPECT_EQ(token->expires_at, server.clock.now() + 1h);
  for (const std::string scheme : {"Bearer ", "bearer "}) {
    const auto principal = server.by_header(scheme + token->secret);
    ASSERT_TRUE(principal) << principal.error().to_string();
    EXPECT_EQ(principal->user_id, ada);
    EXPECT_EQ(principal->actor(), "ada@example.org");
    EXPECT_FALSE(principal->by_cookie);
    EXPECT_FALSE(principal->token_tenant);
  }
  EXPECT_TRUE(db.run(server.identity.authenticate_token(token->secret, {})));
  EXPECT_EQ(db.value("select encode(token_digest, 'hex') from phoenix.bearer_tokens"),
            hex_encode(hmac_sha256(kKey, token->secret)));
  advance(1h);
  EXPECT_EQ(server.by_header("Bearer " + token->secret).error().reason(), "auth.invalid");
}

TEST_F(IdentityTest, BearerTokenMayBeBoundToATenant) {
  const Uuid ada = add_user("ada@example.org", std::nullopt);
  add_tenant(server.tenants.id, "acme");
  const auto token = db.run(server.identity.mint_token("test", ada, server.tenants.id, 1h));
  ASSERT_TRUE(token) << token.error().to_string();
  EXPECT_EQ(server.by_header("Bearer " + token->secret)->token_tenant, server.tenants.id);
}

TEST_F(IdentityTest, BearerTokenIsRevokedAtOnce) {
  const Uuid ada = add_user("ada@example.org", std::nullopt);
  const auto one = db.run(server.identity.mint_token("test", ada, std::nullopt, 1h));
  const auto two = db.run(server.identity.mint_token("test", ada, std::nullopt, 1h));
  const auto principal = server.by_header("Bearer " + one->secret);
  ASSERT_TRUE(principal);
  ASSERT_TRUE(db.run(server.identity.revoke(*principal->session_id)));
  EXPECT_FALSE(server.by_header("Bearer " + one->secret));
  EXPECT_TRUE(server.by_header("Bearer " + two->secret));
  ASSERT_TRUE(db.run(server.identity.revoke_all(ada)));
  EXPECT_FALSE(server.by_header("Bearer " + two->secret));
  ASSERT_TRUE(db.run(server.identity.revoke(*principal->session_id))) << "gone already is fine";
  EXPECT_EQ(db.value("select count(*) from phoenix.event_inbox where type = 'Session' and kind = 'DELETED' and "
                     "tenant_id is null and object_id = '" +
                     principal->session_id->to_string() + "'"),
            "1")
      << "other servers are told once";
}

TEST_F(IdentityTest, OtherProofsAreRefusedAndNoneIsAnonymous) {
  const Uuid ada = add_user("ada@example.org", std::nullopt);
  const auto token = db.run(server.identity.mint_token("test", ada, std::nullopt, 1h))->secret;
  for (const std::string& header :
       {std::string(), std::string("Bearer"), std::string("Bearer "), "Bearer  " + token, "Bearer " + token + "x",
        "Basic " + token, token, "Bearer phx_" + make_secret(server.random), "Bearer " + token.substr(4),
        std::string("Bearer eyJhbGciOiJub25lIn0.e30.")}) {
    const auto refused = server.by_header(header);
    ASSERT_FALSE(refused) << header;
    EXPECT_EQ(refused.error().code(), Code::kUnauthenticated) << header;
    EXPECT_EQ(refused.error().reason(), "auth.invalid") << header;
  }
  net::Request twice;
  twice.headers.add("Authorization", "Bearer " + token);
  twice.headers.add("Authorization", "Bearer " + token);
  EXPECT_FALSE(db.run(server.identity.authenticate(twice)));
  EXPECT_FALSE(server.by_cookie(""));
  EXPECT_FALSE(server.by_cookie("rubbish"));
  EXPECT_FALSE(server.by_cookie(make_secret(server.random)));

  const auto nobody = db.run(server.identity.authenticate(net::Request{}));
  ASSERT_TRUE(nobody);
  EXPECT_FALSE(nobody->authenticated());
}

TEST_F(IdentityTest, AWrongHeaderIsNotSavedByAGoodCookie) {
  add_user("ada@example.org", kPassword);
  net::Request request;
  request.headers.add("Cookie", "phoenix_session=" + sign_in("ada@example.org"));
  request.headers.add("Authorization", "Bearer rubbish");
  EXPECT_FALSE(db.run(server.identity.authenticate(request)));
}

class LocalSocket : public IdentityTest {
 protected:
  net::Response ask(const std::string& path, std::string body, bool local, uid_t uid) {
    auto call = Server::make("POST", path, std::move(body));
    call.http.peer.local = local;
    call.http.peer.uid = uid;
    return server.send(std::move(call));
  }
};

TEST_F(LocalSocket, GivesTokensToRootAndOurselvesOnly) {
  const Uuid admin = add_user("admin@localhost", std::nullopt, true);
  for (const uid_t uid : {uid_t{0}, geteuid()}) {
    const auto response = ask("/local/token", "{}", true, uid);
    ASSERT_EQ(response.status, 200) << response.body_text();
    const auto token = std::string(boost::json::parse(response.body_text()).at("token").as_string());
    EXPECT_EQ(server.by_header("Bearer " + token)->user_id, admin);
  }
  for (const char* path : {"/local/token", "/local/sign-in-link"}) {
    EXPECT_EQ(reason_of(ask(path, "{}", true, geteuid() + 1)), "auth.local_only");
    EXPECT_EQ(reason_of(ask(path, "{}", false, 0)), "auth.local_only");
  }
}

TEST_F(LocalSocket, TokensAreBoundAndLimited) {
  add_user("admin@localhost", std::nullopt, true);
  add_tenant(server.tenants.id, "acme");
  const auto response = ask("/local/token", R"({"tenant":"acme","ttlSeconds":60})", true, 0);
  ASSERT_EQ(response.status, 200) << response.body_text();
  const auto body = boost::json::parse(response.body_text());
  EXPECT_EQ(body.at("expiresAt").as_string(), format_instant(server.clock.now() + 60s));
  const auto principal = server.by_header("Bearer " + std::string(body.at("token").as_string()));
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->token_tenant, server.tenants.id);
  EXPECT_EQ(reason_of(ask("/local/token", R"({"tenant":"other"})", true, 0)), "tenant.not_found");
  EXPECT_EQ(reason_of(ask("/local/token", R"({"tennant":"acme"})", true, 0)), "auth.malformed");
  for (const char* ttl : {"0", "-1", "7776001", "\"60\"", "1e30"})
    EXPECT_EQ(reason_of(ask("/local/token", std::string(R"({"ttlSeconds":)") + ttl + "}", true, 0)), "auth.ttl") << ttl;
}

TEST_F(LocalSocket, GivesSignInLinks) {
  add_user("admin@localhost", std::nullopt, true);
  const auto response = ask("/local/sign-in-link", "{}", true, 0);
  ASSERT_EQ(response.status, 200) << response.body_text();
  const auto body = boost::json::parse(response.body_text());
  const auto token = std::string(body.at("token").as_string());
  EXPECT_EQ(body.at("link").as_string(), "http://127.0.0.1:4000/sign-in#token=" + token);
  EXPECT_EQ(server.call("POST", "/auth/one-time", R"({"token":")" + token + R"("})").status, 200);
}

TEST_F(LocalSocket, SaysThatThereIsNoAdministrator) {
  EXPECT_EQ(reason_of(ask("/local/token", "{}", true, 0)), "auth.no_administrator");
}

/// Runs one mutation handler as the API's pipeline would.
class Mutation final : public api::MutationContext {
 public:
  Mutation(Server& server, api::RequestContext request) : server_(server), request_(std::move(request)) {}

  Result<boost::json::object> run(const std::string& name, boost::json::object args) {
    return server_.db.run(work(name, std::move(args)));
  }

  pg::Transaction& tx() override { return *tx_; }
  const api::RequestContext& request() const override { return request_; }
  const Clock& clock() const override { return server_.clock; }
  UuidSource& ids() override { return server_.ids; }
  asio::awaitable<Status> record_event(engine::Event event) override {
    co_return co_await engine::record_event(*tx_, std::move(event));
  }
  void audit(std::string, Uuid, boost::json::value before, boost::json::value after) override {
    audited = boost::json::serialize(before) + boost::json::serialize(after);
  }
  void audit_tenant(Uuid) override {}
  void show_once(std::string field, std::string secret) override { shown[field] = secret; }
  void after_commit(std::function<void()> hook) override { hooks_.push_back(std::move(hook)); }

  std::string audited;
  std::map<std::string, std::string> shown;

 private:
  asio::awaitable<Result<boost::json::object>> work(std::string name, boost::json::object args) {
    const auto scope = request_.tenant ? pg::Scope::of_tenant(*request_.tenant) : pg::Scope::platform();
    PHX_CO_TRY(auto tx, co_await server_.db->begin(scope, Deadline::after(10s)));
    tx_.emplace(std::move(tx));
    auto outcome = co_await server_.registry.mutations().at(name)(*this, std::move(args));
    if (outcome) {
      PHX_CO_CHECK(co_await tx_->commit());
      for (const auto& hook : hooks_) hook();
    }
    tx_.reset();
    co_return outcome;
  }

  Server& server_;
  api::RequestContext request_;
  std::optional<pg::Transaction> tx_;
  std::vector<std::function<void()>> hooks_;
};

boost::json::object user_input(std::string_view email, std::string_view name, std::string_view password) {
  return {{"input", {{"email", email}, {"name", name}, {"password", password}}}};
}

TEST_F(IdentityTest, CreatesAccountsThatCanSignIn) {
  Mutation mutation(server, {});
  const auto made = mutation.run("createUser", user_input("ada@example.org", "Ada", kPassword));
  ASSERT_TRUE(made) << made.error().to_string();
  const auto response = server.login("ada@example.org", kPassword);
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(boost::json::parse(response.body_text()).at("user").at("id"), made->at("userId"));
  EXPECT_EQ(mutation.audited, R"(null{"email":"ada@example.org","name":"Ada"})");
}

TEST_F(IdentityTest, RefusesBadAccountsNamingTheField) {
  ASSERT_TRUE(Mutation(server, {}).run("createUser", user_input("ada@example.org", "Ada", kPassword)));
  const auto refusal = [&](boost::json::object args) {
    const auto outcome = Mutation(server, {}).run("createUser", std::move(args));
    return outcome ? "" : outcome.error().reason() + " " + outcome.error().field();
  };
  EXPECT_EQ(refusal(user_input("ADA@example.org", "Ada", kPassword)), "user.email_taken input.email");
  EXPECT_EQ(refusal(user_input("ada", "Ada", kPassword)), "user.email_malformed input.email");
  EXPECT_EQ(refusal(user_input("bob@example.org", "", kPassword)), "user.name_malformed input.name");
  EXPECT_EQ(refusal(user_input("bob@example.org", "Bob", "short")), "password.too_short input.password");
  EXPECT_EQ(db.value("select count(*) from phoenix.users"), "1") << "nothing is created";
  api::RequestContext inside;
  inside.tenant = server.tenants.id;
  const auto outcome = Mutation(server, inside).run("createUser", user_input("bob@example.org", "Bob", kPassword));
  EXPECT_EQ(outcome.error().reason(), "scope.platform_required");
}

TEST_F(IdentityTest, SettingAPasswordNeedsTheCurrentOneAndEndsOtherProofs) {
  const Uuid ada = add_user("ada@example.org", kPassword);
  const auto here = sign_in("ada@example.org");
  const auto elsewhere = sign_in("ada@example.org");
  const auto token = db.run(server.identity.mint_token("test", ada, std::nullopt, 1h))->secret;
  ASSERT_TRUE(server.by_cookie(elsewhere) && server.by_header("Bearer " + token));
  api::RequestContext request;
  request.principal = *server.by_cookie(here);
  const auto set = [&](boost::json::object args) {
    const auto outcome = Mutation(server, request).run("setPassword", std::move(args));
    return outcome ? "" : outcome.error().reason() + " " + outcome.error().field();
  };
  EXPECT_EQ(set({{"password", "another long password"}}), "user.current_password_wrong current");
  EXPECT_EQ(set({{"current", kPassword}, {"password", "short"}}), "password.too_short password");
  EXPECT_TRUE(server.by_cookie(elsewhere)) << "nothing changed yet";
  EXPECT_EQ(set({{"current", kPassword}, {"password", "another long password"}}), "");
  EXPECT_TRUE(server.by_cookie(here));
  EXPECT_FALSE(server.by_cookie(elsewhere));
  EXPECT_FALSE(server.by_header("Bearer " + token));
  EXPECT_EQ(server.login("ada@example.org", kPassword).status, 401);
  EXPECT_EQ(server.login("ada@example.org", "another long password").status, 200);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(set({{"current", "guess"}, {"password", "yet another password"}}), "user.current_password_wrong current");
  EXPECT_EQ(set({{"current", "another long password"}, {"password", "yet another password"}}), "auth.locked ");
}

TEST_F(IdentityTest, ATokenOfOneTenantCannotTakeTheAccount) {
  api::RequestContext request;
  request.principal.kind = api::PrincipalKind::kUser;
  request.principal.user_id = add_user("ada@example.org", std::nullopt, true);
  request.principal.email = "ada@example.org";
  request.principal.token_tenant = server.tenants.id;
  const auto outcome = Mutation(server, request).run("setPassword", {{"password", kPassword}});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().reason(), "user.token_bound");
  EXPECT_EQ(db.value("select count(*) from phoenix.user_passwords"), "0");
}

TEST_F(IdentityTest, TheFirstPasswordNeedsNoCurrentOne) {
  const Uuid ada = add_user("ada@example.org", std::nullopt, true);
  api::RequestContext request;
  request.principal.kind = api::PrincipalKind::kUser;
  request.principal.user_id = ada;
  request.principal.email = "ada@example.org";
  ASSERT_TRUE(Mutation(server, request).run("setPassword", {{"password", kPassword}}));
  EXPECT_EQ(server.login("ada@example.org", kPassword).status, 200);
}

TEST_F(IdentityTest, AnOldCostIsRenewedAtSignIn) {
  add_user("ada@example.org", kPassword);
  auto settings = Server::cheap();
  settings.argon2 = {.memory_kib = 128, .passes = 1, .lanes = 1};
  Server dearer(db, db.database(), settings);
  EXPECT_EQ(dearer.login("ada@example.org", kPassword).status, 200);
  EXPECT_THAT(db.value("select phc from phoenix.user_passwords"), testing::HasSubstr("m=128,t=1"));
  EXPECT_EQ(dearer.login("ada@example.org", kPassword).status, 200);
}

TEST_F(IdentityTest, MeListsMyTenants) {
  const Uuid ada = add_user("ada@example.org", kPassword);
  const Uuid bob = add_user("bob@example.org", kPassword);
  const Uuid other = server.ids.next();
  const Uuid gone = server.ids.next();
  add_tenant(server.tenants.id, "acme");
  add_tenant(other, "other");
  add_tenant(gone, "gone");
  db.exec("update phoenix.tenants set status = 'DELETED' where name = 'gone'");
  add_member(server.tenants.id, ada, "TENANT_OWNER");
  add_member(gone, ada, "TENANT_OWNER");
  add_member(other, bob, "TENANT_VIEWER");
  api::RequestContext request;
  request.principal = *server.by_cookie(sign_in("ada@example.org"));
  api::QueryContext context{request, db.database()};
  const auto me = db.run(server.registry.queries().at("me")(context, {}));
  ASSERT_TRUE(me) << me.error().to_string();
  EXPECT_EQ(
      boost::json::serialize(*me),
      R"({"id":")" + ada.to_string() +
          R"(","email":"ada@example.org","name":"Somebody","platformAdmin":false,"memberships":[{"role":"TENANT_OWNER","tenantId":")" +
          server.tenants.id.to_string() +
          R"(","tenantName":"acme","tenantDisplayName":"acme & Co","tenantTier":"STANDARD"}]})");
}

TEST_F(IdentityTest, ATenantSeesItsMembersAndNobodyElse) {
  const Uuid ada = add_user("ada@example.org", kPassword);
  const Uuid bob = add_user("bob@example.org", kPassword);
  add_user("eve@example.org", kPassword);
  const Uuid other = server.ids.next();
  add_tenant(server.tenants.id, "acme");
  add_tenant(other, "other");
  add_member(server.tenants.id, ada, "TENANT_OWNER");
  add_member(other, ada, "TENANT_VIEWER");
  add_member(other, bob, "TENANT_OWNER");
  const auto seen = [&](pg::Scope scope) {
    const auto sql = pg::Sql::dynamic(
        "test", "select coalesce(string_agg(email, ' ' order by email), '') from phoenix.user_profiles");
    auto rows = db.run(db->read(scope, sql, {}, Deadline::after(10s)));
    return rows ? rows->get<std::string>(0, 0) : rows.error().to_string();
  };
  EXPECT_EQ(seen(pg::Scope::of_tenant(server.tenants.id)), "ada@example.org");
  EXPECT_EQ(seen(pg::Scope::of_tenant(other)), "ada@example.org bob@example.org");
  EXPECT_EQ(seen(pg::Scope::of_tenant(server.ids.next())), "");
  EXPECT_EQ(seen(pg::Scope::platform()), "ada@example.org bob@example.org eve@example.org");
  EXPECT_EQ(seen(pg::Scope::worker()), "ada@example.org bob@example.org eve@example.org");
  const auto table = pg::Sql::dynamic("test", "select count(id) from phoenix.users");
  EXPECT_EQ(db.run(db->read(pg::Scope::of_tenant(other), table, {}, Deadline::after(10s)))->get<std::int64_t>(0, 0), 0);

  db.exec("update phoenix.users set email = 'ada@new.example' where email = 'ada@example.org'");
  EXPECT_EQ(seen(pg::Scope::of_tenant(server.tenants.id)), "ada@new.example") << "the copy follows the original";
}

TEST_F(IdentityTest, SecretsAreThePlatformsAlone) {
  for (const char* table : {"user_passwords", "sessions", "bearer_tokens", "one_time_links", "sign_in_failures"})
    for (const char* role : {"phoenix_tenant", "phoenix_worker"})
      for (const char* right : {"select", "insert", "update", "delete", "truncate", "references"})
        EXPECT_EQ(db.value(std::string("select has_table_privilege('") + role + "', 'phoenix." + table + "', '" +
                           right + "') or has_any_column_privilege('" + role + "', 'phoenix." + table +
                           "', 'select, insert, update, references')"),
                  "f")
            << role << " may " << right << " " << table;
  add_user("ada@example.org", kPassword);
  const auto sql = pg::Sql::dynamic("test", "select phc from phoenix.user_passwords");
  for (const auto scope : {pg::Scope::of_tenant(server.tenants.id), pg::Scope::worker()})
    EXPECT_EQ(db.run(db->read(scope, sql, {}, Deadline::after(10s))).error().reason(), "pg.permission_denied");
  EXPECT_TRUE(db.run(db->read(pg::Scope::platform(), sql, {}, Deadline::after(10s))));
  const auto role = pg::Sql::dynamic("test", "select platform_role, status from phoenix.users");
  EXPECT_EQ(db.run(db->read(pg::Scope::of_tenant(server.tenants.id), role, {}, Deadline::after(10s))).error().reason(),
            "pg.permission_denied");
}

TEST_F(IdentityTest, NoSecretIsStoredInPlain) {
  const Uuid ada = add_user("ada@example.org", kPassword, true);
  std::vector<std::string> secrets{kPassword, "a typed password as a name"};
  secrets.push_back(sign_in("ada@example.org"));
  secrets.push_back(db.run(server.identity.mint_token("test", ada, std::nullopt, 1h))->secret);
  secrets.push_back(db.run(server.identity.mint_sign_in_link("test"))->secret);
  EXPECT_EQ(server.login("a typed password as a name", "x").status, 401);
  std::string everything;
  for (const auto& table : db.exec("select table_name from information_schema.tables where table_schema = 'phoenix' "
                                   "and table_type = 'BASE TABLE'"))
    for (const auto& row : db.exec("select t::text from phoenix." + table[0] + " t")) everything += row[0] + "\n";
  EXPECT_THAT(everything, testing::HasSubstr("ada@example.org"));
  EXPECT_THAT(everything, testing::HasSubstr("auth.login"));
  for (const auto& secret : secrets) {
    EXPECT_THAT(everything, testing::Not(testing::HasSubstr(secret)));
    EXPECT_THAT(everything, testing::Not(testing::HasSubstr(hex_encode(secret)))) << "bytea is shown as hex";
  }
}

TEST_F(IdentityTest, SignInsAreAudited) {
  const Uuid ada = add_user("ada@example.org", kPassword);
  sign_in("ada@example.org");
  server.login("ada@example.org", "not the password");
  server.login("nobody@example.org", "not the password");
  using Row = std::vector<std::string>;
  EXPECT_THAT(
      db.exec("select actor, action, coalesce(object_id::text, '-'), outcome, remote_address, request_id "
              "from phoenix.audit_log order by id"),
      testing::ElementsAre(Row{"ada@example.org", "auth.login", ada.to_string(), "OK", "192.0.2.1", "request-1"},
                           Row{"anonymous", "auth.login", ada.to_string(), "UNAUTHENTICATED", "192.0.2.1", "request-1"},
                           Row{"anonymous", "auth.login", "-", "UNAUTHENTICATED", "192.0.2.1", "request-1"}));
}

}  // namespace
}  // namespace phx::identity
