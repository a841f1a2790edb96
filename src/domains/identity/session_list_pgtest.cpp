// One's own sessions: seen as they are, and ended at once.

#include <gmock/gmock.h>

#include "domains/identity/testing/signed_in.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;
using testing::Browser;
using ::testing::ElementsAre;

class SessionList : public testing::WithAccounts {
 protected:
  static boost::json::array list(Browser& browser) { return browser.query("sessions").value().as_array(); }
  static std::string id_of(const boost::json::value& session) { return std::string(session.at("id").as_string()); }
};

TEST_F(SessionList, ShowsWhereOneIsSignedIn) {
  add_user("ada@example.org");
  add_user("eve@example.org");
  Browser desk(process, "Desk/1.0\r\n\x01 \xc3\xa9<b>" + std::string(300, 'x'), "192.0.2.1");
  Browser phone(process, "Phone/2.0", "2001:db8::1");
  Browser stranger(process);
  ASSERT_EQ(desk.sign_in("ada@example.org").status, 200);
  ASSERT_EQ(stranger.sign_in("eve@example.org").status, 200);
  advance(2h);
  ASSERT_EQ(phone.sign_in("ada@example.org").status, 200);
  const auto all = list(phone);
  ASSERT_EQ(all.size(), 2U) << "another's are not shown";
  EXPECT_EQ(all[0].at("userAgent").as_string(), "Phone/2.0");
  EXPECT_EQ(all[0].at("address").as_string(), "2001:db8::1");
  EXPECT_EQ(all[0].at("createdAt").as_string(), "2030-01-01T02:00:00Z");
  EXPECT_EQ(all[0].at("current"), true);
  EXPECT_EQ(boost::json::serialize(all[0].at("amr")), R"(["pwd"])");
  EXPECT_EQ(all[0].at("acr").as_string(), "aal1");
  EXPECT_EQ(all[1].at("current"), false);
  EXPECT_EQ(all[1].at("lastSeenAt").as_string(), "2030-01-01T00:00:00Z");
  EXPECT_EQ(all[1].at("expiresAt").as_string(), "2030-01-01T12:00:00Z") << "idle for half a day ends it";
  const auto agent = all[1].at("userAgent").as_string();
  EXPECT_EQ(agent.size(), 200U);
  EXPECT_TRUE(agent.starts_with("Desk/1.0 <b>xxx")) << agent;
  // What has ended by itself is not shown.
  advance(11h);
  EXPECT_EQ(list(phone).size(), 1U);
}

TEST_F(SessionList, OneIsEndedAtOnce) {
  add_user("ada@example.org");
  Browser desk(process);
  Browser phone(process);
  desk.sign_in("ada@example.org");
  phone.sign_in("ada@example.org");
  ASSERT_TRUE(phone.principal());
  const Uuid ended = *phone.principal()->session_id;
  const auto done = desk.mutate("revokeSession", {{"id", ended.to_string()}});
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(boost::json::serialize(*done), R"({"ids":[")" + ended.to_string() + "\"]}");
  EXPECT_FALSE(phone.principal());
  EXPECT_TRUE(desk.principal());
  EXPECT_THAT(process.revoked, ElementsAre(ended)) << "what is open in its name is closed";
  EXPECT_EQ(db.value("select object_id || ' ' || kind from phoenix.event_inbox where type = 'Session'"),
            ended.to_string() + " DELETED")
      << "other servers are told";
  const auto again = desk.mutate("revokeSession", {{"id", ended.to_string()}});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason(), "session.not_found");
}

TEST_F(SessionList, AnothersIsLikeNone) {
  add_user("ada@example.org");
  add_user("eve@example.org");
  Browser ada(process);
  Browser eve(process);
  ada.sign_in("ada@example.org");
  eve.sign_in("eve@example.org");
  const auto id = ada.principal()->session_id->to_string();
  for (const std::string& tried : {id, process.ids.next().to_string(), std::string("no id")}) {
    const auto refused = eve.mutate("revokeSession", {{"id", tried}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason(), "session.not_found");
  }
  EXPECT_TRUE(ada.principal());
}

TEST_F(SessionList, AllOthersAreEndedTogether) {
  add_user("ada@example.org");
  add_user("eve@example.org");
  Browser here(process);
  Browser there(process);
  Browser elsewhere(process);
  Browser eve(process);
  for (Browser* each : {&here, &there, &elsewhere}) each->sign_in("ada@example.org");
  eve.sign_in("eve@example.org");
  const auto done = here.mutate("revokeOtherSessions", {});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->at("ids").as_array().size(), 2U);
  EXPECT_TRUE(here.principal());
  EXPECT_FALSE(there.principal());
  EXPECT_FALSE(elsewhere.principal());
  EXPECT_TRUE(eve.principal());
  ASSERT_EQ(list(here).size(), 1U);
  EXPECT_EQ(id_of(list(here)[0]), here.principal()->session_id->to_string());
}

TEST_F(SessionList, ATokenOfOneTenantHasNothingToDoWithThem) {
  add_user("ada@example.org");
  Browser ada(process);
  ada.sign_in("ada@example.org");
  api::RequestContext request;
  request.principal = *ada.principal();
  request.principal.token_tenant = process.ids.next();
  const auto refused = testing::HandlerContext(process, request).run("revokeOtherSessions", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "user.token_bound");
}

}  // namespace
}  // namespace phx::identity
