// Two server processes on one database: what ends in the one ends in the other.
#include "app/access_watch.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/blocking_pool.hpp"
#include "base/random.hpp"
#include "base/task_scope.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::app {
namespace {

using namespace std::chrono_literals;
using pg::testing::TestDatabase;

struct Process {
  explicit Process(TestDatabase& db, pg::Database& database)
      : ids(clock, random),
        blocking(1, 16),
        tenancy(database, clock, ids, {.believed_for = 1h}),
        identity(database, clock, random, ids, blocking, tenancy, std::string(32, 'k'), believing()),
        live(identity, tenancy, clock, 1h),
        feed(db.executor(), database, db.metrics()),
        watch(feed, identity, tenancy, live) {}
  /// Without being told it would believe for ever.
  static identity::Settings believing() {
    identity::Settings settings;
    settings.verified_for = 1h;
    return settings;
  }

  SystemClock clock;
  SystemRandom random;
  UuidSource ids;
  BlockingPool blocking;
  tenancy::Tenancy tenancy;
  identity::Identity identity;
  api::LiveConnections live;
  engine::EventFeed feed;
  AccessWatch watch;
};

class TwoProcesses : public testing::Test {
 protected:
  TwoProcesses() {
    db.exec("insert into phoenix.users (id, email, name) values ('" + ada.to_string() +
            "', 'ada@example.org', 'Ada'); insert into phoenix.tenants (id, name, display_name) values ('" +
            acme.to_string() +
            "', 'acme', 'Acme'); insert into phoenix.memberships (id, tenant_id, user_id, role, user_email, user_name, "
            "user_created_at) select gen_random_uuid(), '" +
            acme.to_string() + "', id, 'TENANT_MEMBER', email, name, created_at from phoenix.users");
    if (!db.run(there.feed.start())) throw std::runtime_error("the feed does not start");
    tasks.spawn("feed", there.feed.run());
    tasks.spawn("watch", there.watch.run());
    tasks.spawn("sequencer", sequencer.run());
  }
  ~TwoProcesses() override {
    db.run(tasks.stop());
    db.run(second->stop());
  }

  /// A connection that the other process holds for somebody with this token.
  struct Held {
    explicit Held(TestDatabase& of) : db(of) {}
    ~Held() { db.run(tasks.stop()); }
    TestDatabase& db;
    TaskScope tasks{db.executor(), "held"};
    std::optional<api::LiveConnection::End> end;
    std::optional<api::LiveConnection> live;
  };
  api::LiveConnection::End ended(Held& held) {
    while (!held.end) db.io().run_one();
    return *held.end;
  }
  std::unique_ptr<Held> connect(const std::string& token) {
    api::LiveConnection::Right right;
    right.token = token;
    right.principal = *db.run(there.identity.authenticate_token(token, {}));
    const auto access = db.run(there.tenancy.enter(right.principal, acme.to_string()));
    if (!access) throw std::runtime_error(access.error().to_string());
    right.tenant = access->id;
    right.role = access->role;
    auto held = std::make_unique<Held>(db);
    held->live.emplace(there.live, held->tasks, std::move(right),
                       [at = held.get()](api::LiveConnection::End end) { at->end = std::move(end); });
    return held;
  }

  TestDatabase db;
  std::unique_ptr<pg::Database> second = db.another();
  Process here{db, db.database()};
  Process there{db, *second};
  engine::Sequencer sequencer{db.executor(), db.database(), here.clock, db.metrics()};
  TaskScope tasks{db.executor(), "two processes"};
  const Uuid ada = here.ids.next();
  const Uuid acme = here.ids.next();
};

TEST_F(TwoProcesses, ARevokedProofClosesWhatIsOpenElsewhere) {
  const auto token = db.run(here.identity.mint_token("test", ada, std::nullopt, 1h));
  const auto other = db.run(here.identity.mint_token("test", ada, std::nullopt, 1h));
  ASSERT_TRUE(token && other);
  const auto mine = connect(token->secret);
  const auto kept = connect(other->secret);
  const auto proof = db.run(here.identity.authenticate_token(token->secret, {}))->session_id;
  ASSERT_TRUE(db.run(here.identity.revoke(*proof)));
  const auto end = ended(*mine);
  EXPECT_EQ(end.code, 4403);
  EXPECT_EQ(end.reason, "auth.revoked");
  EXPECT_FALSE(db.run(there.identity.authenticate_token(token->secret, {}))) << "nothing is believed any more";
  EXPECT_TRUE(db.run(there.identity.authenticate_token(other->secret, {})));
  EXPECT_EQ(there.live.size(), 2U) << "the connection closes itself";
}

TEST_F(TwoProcesses, AMembershipThatEndsOrShrinksIsJudgedAnewElsewhere) {
  const auto token = db.run(here.identity.mint_token("test", ada, std::nullopt, 1h));
  ASSERT_TRUE(token);
  const auto tell = [&](std::string sql) {
    db.exec(sql + "; insert into phoenix.event_inbox (tenant_id, type, object_id, kind, version, payload) values ('" +
            acme.to_string() + "', 'Membership', gen_random_uuid(), 'UPDATED', 2, '{\"user\":\"" + ada.to_string() +
            "\"}')");
    sequencer.nudge();
  };
  {
    const auto connection = connect(token->secret);
    tell("update phoenix.memberships set role = 'TENANT_VIEWER'");
    const auto end = ended(*connection);
    EXPECT_EQ(end.code, 1013) << "it comes back with the new role";
    EXPECT_EQ(end.reason, "auth.role_changed");
  }
  {
    const auto connection = connect(token->secret);
    tell("delete from phoenix.memberships");
    const auto end = ended(*connection);
    EXPECT_EQ(end.code, 4403);
    EXPECT_EQ(end.reason, "tenant.not_found");
  }
}

}  // namespace
}  // namespace phx::app
