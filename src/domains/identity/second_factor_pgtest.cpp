// The second factor, from its setting up to the sign-in that needs it, against a real database.

#include <gmock/gmock.h>

#include "base/crypto.hpp"
#include "base/task_scope.hpp"
#include "domains/identity/testing/signed_in.hpp"
#include "domains/identity/totp.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;
using testing::Browser;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kPassword;
using ::testing::Not;
using testing::Reply;

/// What an app reads from the QR code.
std::string secret_bytes(const std::string& base32) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : base32) {
    bits = bits << 5 | static_cast<std::uint32_t>(c >= 'A' ? c - 'A' : c - '2' + 26);
    held += 5;
    if (held >= 8) out += static_cast<char>(bits >> (held -= 8) & 255U);
  }
  return out;
}

class SecondFactorTest : public testing::WithAccounts {
 protected:
  SecondFactorTest() : ada(add_user("ada@example.org")) {}

  std::string code(int steps_from_now = 0) {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(process.clock.now().time_since_epoch()).count();
    return hotp(secret, static_cast<std::uint64_t>(now / kTotpStepSeconds + steps_from_now));
  }
  /// Signs in, sets an app up, and goes on half a minute, so that a new code is there.
  void enrol(Browser& browser) {
    ASSERT_EQ(browser.sign_in("ada@example.org").status, 200);
    const Reply begun = browser.post("/auth/second-factor", {{"password", kPassword}});
    ASSERT_EQ(begun.status, 200) << boost::json::serialize(begun.body);
    secret = secret_bytes(begun.text("secret"));
    EXPECT_THAT(begun.text("uri"), HasSubstr("otpauth://totp/Sankofa%20Phoenix:ada%40example.org?secret="));
    const Reply confirmed = browser.post("/auth/second-factor/confirm", {{"code", code()}});
    ASSERT_EQ(confirmed.status, 200) << boost::json::serialize(confirmed.body);
    for (const auto& each : confirmed.body.at("recoveryCodes").as_array())
      recovery.emplace_back(std::string(each.as_string()));
    advance(30s);
  }
  Reply give(Browser& browser, const Reply& challenged, std::string what) {
    return browser.post("/auth/mfa", {{"challenge", challenged.text("challenge")}, {"code", std::move(what)}});
  }
  std::string amr_of(Browser& browser) {
    for (const auto& session : browser.query("sessions").value().as_array())
      if (session.at("current").as_bool())
        return boost::json::serialize(session.at("amr")) + " " + std::string(session.at("acr").as_string());
    return "none";
  }

  const Uuid ada;
  std::string secret;
  std::vector<std::string> recovery;
};

TEST_F(SecondFactorTest, SettingUpTakesAPasswordAndACode) {
  Browser browser(process);
  Browser elsewhere(process);
  browser.sign_in("ada@example.org");
  elsewhere.sign_in("ada@example.org");
  EXPECT_EQ(browser.post("/auth/second-factor", {}).reason(), "auth.malformed");
  EXPECT_EQ(browser.post("/auth/second-factor", {{"password", "wrong"}}).reason(), "user.current_password_wrong");
  EXPECT_EQ(browser.post("/auth/second-factor/confirm", {{"code", "123456"}}).reason(), "second_factor.not_begun");
  const Reply begun = browser.post("/auth/second-factor", {{"password", kPassword}});
  ASSERT_EQ(begun.status, 200);
  secret = secret_bytes(begun.text("secret"));
  EXPECT_EQ(secret.size(), 20U);
  // Shown is not yet in use: a secret that never reached an app must lock nobody out.
  EXPECT_EQ(browser.get("/auth/second-factor").body.at("enabled"), false);
  EXPECT_EQ(Browser(process).sign_in("ada@example.org").status, 200);
  EXPECT_EQ(browser.post("/auth/second-factor/confirm", {{"code", code(5)}}).reason(), "auth.code_wrong");
  const Reply confirmed = browser.post("/auth/second-factor/confirm", {{"code", code()}});
  ASSERT_EQ(confirmed.status, 200);
  EXPECT_EQ(confirmed.body.at("recoveryCodes").as_array().size(), 10U);
  const Reply state = browser.get("/auth/second-factor");
  EXPECT_EQ(state.body.at("enabled"), true);
  EXPECT_EQ(state.body.at("recoveryCodes"), 10);
  EXPECT_EQ(amr_of(browser), R"(["pwd","otp","mfa"] aal2)");
  EXPECT_FALSE(elsewhere.principal()) << "whoever did without it signs in again";
  EXPECT_EQ(browser.get("/auth/session").body.at("user").at("hasSecondFactor"), true);
}

TEST_F(SecondFactorTest, ASecretIsConfirmedWithinTenMinutes) {
  Browser browser(process);
  browser.sign_in("ada@example.org");
  secret = secret_bytes(browser.post("/auth/second-factor", {{"password", kPassword}}).text("secret"));
  advance(601s);
  EXPECT_EQ(browser.post("/auth/second-factor/confirm", {{"code", code()}}).reason(), "second_factor.not_begun");
}

TEST_F(SecondFactorTest, SignInTakesTwoSteps) {
  Browser first(process);
  enrol(first);
  Browser browser(process);
  const Reply challenged = browser.sign_in("ada@example.org");
  EXPECT_EQ(challenged.status, 401);
  EXPECT_EQ(challenged.body.at("error").at("code").as_string(), "MFA_REQUIRED");
  EXPECT_EQ(challenged.text("expiresAt"), "2030-01-01T00:05:30Z");
  EXPECT_FALSE(browser.cookies.contains("phoenix_session")) << "the password alone opens nothing";
  EXPECT_EQ(give(browser, challenged, "000000").reason(), "auth.code_wrong");
  const Reply done = give(browser, challenged, code());
  ASSERT_EQ(done.status, 200) << boost::json::serialize(done.body);
  EXPECT_EQ(done.body.at("user").at("email").as_string(), "ada@example.org");
  EXPECT_EQ(amr_of(browser), R"(["pwd","otp","mfa"] aal2)");
  EXPECT_FALSE(browser.cookies.contains("phoenix_challenge"));
  // A wrong password says nothing of it, and is like that of nobody.
  EXPECT_EQ(Browser(process).post("/auth/login", {{"email", "ada@example.org"}, {"password", "wrong"}}).body,
            Browser(process).post("/auth/login", {{"email", "nobody@example.org"}, {"password", "wrong"}}).body);
}

TEST_F(SecondFactorTest, AChallengeBelongsToItsBrowserAndCountsOnce) {
  Browser first(process);
  enrol(first);
  Browser browser(process);
  Browser thief(process);
  const Reply challenged = browser.sign_in("ada@example.org");
  EXPECT_EQ(give(thief, challenged, code()).reason(), "auth.challenge");
  thief.sign_in("ada@example.org");
  EXPECT_EQ(give(thief, challenged, code()).reason(), "auth.challenge") << "another's cookie is not this one's";
  EXPECT_EQ(browser.post("/auth/mfa", {{"challenge", "x"}, {"code", code()}}).reason(), "auth.challenge");
  const auto cookies = browser.cookies;
  ASSERT_EQ(give(browser, challenged, code()).status, 200);
  browser.cookies = cookies;
  advance(30s);
  EXPECT_EQ(give(browser, challenged, code()).reason(), "auth.challenge");
  const Reply late = browser.sign_in("ada@example.org");
  advance(301s);
  EXPECT_EQ(give(browser, late, code()).reason(), "auth.challenge");
}

TEST_F(SecondFactorTest, ACodeCountsOnce) {
  Browser first(process);
  enrol(first);
  Browser browser(process);
  Browser watcher(process);
  const Reply one = browser.sign_in("ada@example.org");
  const Reply two = watcher.sign_in("ada@example.org");
  const std::string seen = code();
  ASSERT_EQ(give(browser, one, seen).status, 200);
  EXPECT_EQ(give(watcher, two, seen).reason(), "auth.code_wrong");
  EXPECT_EQ(give(watcher, two, code(-1)).reason(), "auth.code_wrong") << "nor an older one";
}

asio::awaitable<void> post(const api::RouteHandler& handler, api::HttpCall call, int& good) {
  const auto response = co_await handler(std::move(call));
  if (response.status == 200) ++good;
}

TEST_F(SecondFactorTest, ACodeCountsOnceUnderParallelUse) {
  Browser first(process);
  enrol(first);
  const auto& handler = process.router.match("POST", "/auth/step-up").route->handler;
  int good = 0;
  TaskScope tasks(db.executor(), "codes");
  for (int i = 0; i < 4; ++i) {
    api::HttpCall call;
    call.http.body = boost::json::serialize(boost::json::object{{"code", code()}});
    call.http.headers.add("Content-Type", "application/json");
    call.http.peer.address = "192.0.2.1";
    call.principal = *first.principal();
    tasks.spawn("post", post(handler, std::move(call), good));
  }
  db.run(tasks.join());
  EXPECT_EQ(good, 1);
}

TEST_F(SecondFactorTest, GuessesAreCountedForTheAccountWhereverTheyComeFrom) {
  Browser first(process);
  enrol(first);
  for (int i = 0; i < 5; ++i) {
    Browser guesser(process, "Guess/1.0", "192.0.2." + std::to_string(10 + i));
    const Reply challenged = guesser.sign_in("ada@example.org");
    ASSERT_EQ(challenged.reason(), "auth.second_factor");
    EXPECT_EQ(give(guesser, challenged, "000000").reason(), "auth.code_wrong");
  }
  Browser owner(process);
  const Reply challenged = owner.sign_in("ada@example.org");
  const Reply locked = give(owner, challenged, code());
  EXPECT_EQ(locked.status, 429);
  EXPECT_EQ(locked.reason(), "auth.locked");
  EXPECT_EQ(first.post("/auth/step-up", {{"code", code()}}).reason(), "auth.locked");
  EXPECT_EQ(first.post("/auth/second-factor/remove", {{"code", recovery[0]}}).reason(), "auth.locked");
  advance(16s);
  EXPECT_EQ(give(owner, challenged, code()).status, 200) << "and the challenge is still there";
  EXPECT_EQ(db.value("select count(*) from phoenix.audit_log where action = 'auth.mfa' and outcome = "
                     "'UNAUTHENTICATED' and object_id = '" +
                     ada.to_string() + "'"),
            "5");
}

TEST_F(SecondFactorTest, ARecoveryCodeStandsInForTheAppOnce) {
  Browser first(process);
  enrol(first);
  ASSERT_EQ(recovery.size(), 10U);
  Browser browser(process);
  // As people type it.
  std::string typed = recovery[3];
  for (char& c : typed) c = c == '-' ? ' ' : static_cast<char>(std::tolower(c));
  ASSERT_EQ(give(browser, browser.sign_in("ada@example.org"), typed).status, 200);
  EXPECT_EQ(amr_of(browser), R"(["pwd","recovery","mfa"] aal2)");
  Browser again(process);
  EXPECT_EQ(give(again, again.sign_in("ada@example.org"), recovery[3]).reason(), "auth.code_wrong");
  EXPECT_EQ(first.get("/auth/second-factor").body.at("recoveryCodes"), 9);
  // New ones void the old ones.
  const Reply renewed = browser.post("/auth/second-factor/recovery-codes", {{"code", code()}});
  ASSERT_EQ(renewed.status, 200) << boost::json::serialize(renewed.body);
  EXPECT_EQ(give(again, again.sign_in("ada@example.org"), recovery[0]).reason(), "auth.code_wrong");
  const std::string fresh(renewed.body.at("recoveryCodes").as_array()[0].as_string());
  EXPECT_EQ(give(again, again.sign_in("ada@example.org"), fresh).status, 200);
}

TEST_F(SecondFactorTest, AnothersCodesOpenNothing) {
  Browser first(process);
  enrol(first);
  const auto of_ada = recovery[0];
  add_user("eve@example.org");
  Browser eve(process);
  eve.sign_in("eve@example.org");
  EXPECT_EQ(eve.post("/auth/step-up", {{"code", of_ada}}).reason(), "auth.code_wrong");
  EXPECT_EQ(eve.post("/auth/second-factor/remove", {{"code", code()}}).reason(), "auth.code_wrong");
}

TEST_F(SecondFactorTest, AnotherAppTakesACodeOfTheOldOne) {
  Browser browser(process);
  enrol(browser);
  EXPECT_EQ(browser.post("/auth/second-factor", {{"password", kPassword}}).reason(), "auth.malformed");
  EXPECT_EQ(browser.post("/auth/second-factor", {{"code", "000000"}}).reason(), "auth.code_wrong");
  const Reply begun = browser.post("/auth/second-factor", {{"code", code()}});
  ASSERT_EQ(begun.status, 200);
  const std::string old = secret;
  secret = secret_bytes(begun.text("secret"));
  ASSERT_EQ(browser.post("/auth/second-factor/confirm", {{"code", code()}}).status, 200);
  advance(30s);
  const std::string now_right = code();
  secret = old;
  Browser other(process);
  const Reply challenged = other.sign_in("ada@example.org");
  EXPECT_EQ(give(other, challenged, code()).reason(), "auth.code_wrong");
  EXPECT_EQ(give(other, challenged, now_right).status, 200);
}

TEST_F(SecondFactorTest, RemovingItTakesACode) {
  Browser browser(process);
  enrol(browser);
  EXPECT_EQ(browser.post("/auth/second-factor/remove", {}).reason(), "auth.malformed");
  EXPECT_EQ(browser.post("/auth/second-factor/remove", {{"code", "000000"}}).reason(), "auth.code_wrong");
  EXPECT_EQ(browser.post("/auth/second-factor/remove", {{"code", code()}}).status, 200);
  EXPECT_EQ(Browser(process).sign_in("ada@example.org").status, 200);
  EXPECT_FALSE(browser.principal()->has_second_factor);
  EXPECT_EQ(db.value("select count(*) from phoenix.recovery_codes"), "0");
}

TEST_F(SecondFactorTest, TokensHaveNothingToDoWithIt) {
  Browser browser(process);
  enrol(browser);
  for (const char* path : {"/auth/step-up", "/auth/second-factor", "/auth/second-factor/confirm",
                           "/auth/second-factor/recovery-codes", "/auth/second-factor/remove"}) {
    api::HttpCall call;
    call.http.body = boost::json::serialize(boost::json::object{{"code", code()}, {"password", kPassword}});
    call.http.headers.add("Content-Type", "application/json");
    call.principal = *browser.principal();
    call.principal.by_cookie = false;
    const auto response = db.run(process.router.match("POST", path).route->handler(std::move(call)));
    EXPECT_EQ(response.status, 403) << path;
    EXPECT_THAT(response.body_text(), HasSubstr("auth.session_required"));
  }
}

TEST_F(SecondFactorTest, StepUpIsOfThisSessionAndNow) {
  Browser browser(process);
  enrol(browser);
  advance(1h);
  const auto before = *browser.principal();
  EXPECT_TRUE(before.has_second_factor);
  EXPECT_EQ(*before.second_factor_at, process.clock.now() - 1h - 30s);
  EXPECT_EQ(browser.post("/auth/step-up", {{"code", "000000"}}).reason(), "auth.code_wrong");
  ASSERT_EQ(browser.post("/auth/step-up", {{"code", code()}}).status, 200);
  EXPECT_EQ(*browser.principal()->second_factor_at, process.clock.now()) << "believed at once";
  EXPECT_EQ(browser.principal()->session_id, before.session_id);
  EXPECT_EQ(db.value("select count(*) from phoenix.event_inbox where type = 'Session' and kind = 'UPDATED' and "
                     "object_id = '" +
                     before.session_id->to_string() + "'"),
            "2")
      << "other servers are told, of the confirmation and of this";
}

TEST_F(SecondFactorTest, ALinkWantsItToo) {
  Browser first(process);
  enrol(first);
  const auto link = db.run(process.identity.mint_sign_in_link("test", ada));
  ASSERT_TRUE(link);
  Browser browser(process);
  const Reply challenged = browser.post("/auth/one-time", {{"token", link->secret}});
  EXPECT_EQ(challenged.reason(), "auth.second_factor");
  ASSERT_EQ(give(browser, challenged, code()).status, 200);
  EXPECT_EQ(amr_of(browser), R"(["link","otp","mfa"] aal2)");
}

TEST_F(SecondFactorTest, ANewPasswordEndsSignInsThatWait) {
  Browser first(process);
  enrol(first);
  Browser browser(process);
  const Reply challenged = browser.sign_in("ada@example.org");
  ASSERT_TRUE(first.mutate("setPassword", {{"current", kPassword}, {"password", "another long password"}}));
  EXPECT_EQ(give(browser, challenged, code()).reason(), "auth.challenge");
}

TEST_F(SecondFactorTest, NeitherSecretNorCodesAreStored) {
  Browser browser(process);
  enrol(browser);
  const Reply challenged = browser.sign_in("ada@example.org");
  std::string everything;
  for (const auto& table : db.exec("select table_name from information_schema.tables where table_schema = 'phoenix' "
                                   "and table_type = 'BASE TABLE'"))
    for (const auto& row : db.exec("select t::text from phoenix." + table[0] + " t")) everything += row[0] + "\n";
  EXPECT_THAT(everything, HasSubstr("second_factor.enable"));
  std::vector<std::string> secrets{secret, base32_encode(secret), challenged.text("challenge"),
                                   browser.cookies.at("phoenix_challenge")};
  for (const auto& each : recovery) {
    secrets.push_back(each);
    secrets.push_back(plain_code(each));
    secrets.push_back(sha256(plain_code(each)));
  }
  for (const auto& each : secrets) {
    EXPECT_THAT(everything, Not(HasSubstr(each)));
    EXPECT_THAT(everything, Not(HasSubstr(hex_encode(each)))) << "bytea is shown as hex";
  }
}

TEST_F(SecondFactorTest, AnotherServerKeyReadsNothing) {
  Browser browser(process);
  enrol(browser);
  testing::Process other(db, db.database(), std::string(32, 'o'));
  other.clock.advance(process.clock.now() - other.clock.now());
  Browser there(other);
  const Reply challenged = there.sign_in("ada@example.org");
  ASSERT_EQ(challenged.reason(), "auth.second_factor");
  EXPECT_EQ(give(there, challenged, code()).status, 500);
  EXPECT_EQ(give(there, challenged, recovery[0]).reason(), "auth.code_wrong");
}

TEST_F(SecondFactorTest, AnAdministratorTakesALostOneOff) {
  Browser lost(process);
  enrol(lost);
  Browser waits(process);
  const Reply challenged = waits.sign_in("ada@example.org");
  ASSERT_EQ(challenged.reason(), "auth.second_factor");
  add_user("root@example.org");
  Browser root(process);
  ASSERT_EQ(root.sign_in("root@example.org").status, 200);
  EXPECT_EQ(root.mutate("resetSecondFactor", {{"account", "grace@example.org"}}).error().reason(), "user.not_found");
  const auto done = root.mutate("resetSecondFactor", {{"account", "ADA@example.org"}});
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->at("userId").as_string(), ada.to_string());
  // Whoever holds what was lost is out, here and where a sign-in was waiting.
  EXPECT_FALSE(lost.principal());
  EXPECT_EQ(give(waits, challenged, code()).reason(), "auth.challenge");
  EXPECT_EQ(give(waits, challenged, recovery[0]).reason(), "auth.challenge");
  EXPECT_TRUE(root.principal()) << "others stay";
  EXPECT_EQ(Browser(process).sign_in("ada@example.org").status, 200) << "the password alone opens it again";
  EXPECT_EQ(root.mutate("resetSecondFactor", {{"account", ada.to_string()}}).error().reason(), "second_factor.missing");
}

TEST_F(SecondFactorTest, AnAdministratorResetsAPasswordByALinkAndNotTheSecondFactor) {
  Browser browser(process);
  enrol(browser);
  add_user("root@example.org");
  Browser root(process);
  ASSERT_EQ(root.sign_in("root@example.org").status, 200);
  const auto first = root.mutate("resetPassword", {{"account", "ada@example.org"}});
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_FALSE(browser.principal());
  EXPECT_EQ(Browser(process).sign_in("ada@example.org").reason(), "auth.invalid_credentials");
  const auto second = root.mutate("resetPassword", {{"account", "ada@example.org"}});
  const auto token_of = [](const auto& made) {
    const std::string link(made->at("link").as_string());
    return link.substr(link.find("#token=") + 7);
  };
  EXPECT_EQ(Browser(process).post("/auth/one-time", {{"token", token_of(first)}}).reason(), "auth.link_invalid");
  Browser back(process);
  const Reply asked = back.post("/auth/one-time", {{"token", token_of(second)}});
  ASSERT_EQ(asked.reason(), "auth.second_factor") << "the link stands for the password alone";
  ASSERT_EQ(give(back, asked, recovery[0]).status, 200);
  // The old one is void, so it is not asked for.
  const auto set = back.mutate("setPassword", {{"password", "another long password"}});
  EXPECT_TRUE(set) << set.error().to_string();
  EXPECT_EQ(Browser(process).post("/auth/one-time", {{"token", token_of(second)}}).reason(), "auth.link_invalid");
}

TEST_F(SecondFactorTest, ItsTablesAreThePlatformsAlone) {
  for (const char* table : {"second_factors", "second_factor_enrolments", "recovery_codes", "sign_in_challenges"})
    for (const char* role : {"phoenix_tenant", "phoenix_worker"})
      EXPECT_EQ(db.value(std::string("select has_table_privilege('") + role + "', 'phoenix." + table +
                         "', 'select, insert, update, delete, truncate, references') or has_any_column_privilege('" +
                         role + "', 'phoenix." + table + "', 'select, insert, update, references')"),
                "f")
          << role << " " << table;
}

}  // namespace
}  // namespace phx::identity
