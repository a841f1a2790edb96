#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "base/random.hpp"
#include "engine/audit.hpp"
#include "engine/testing/in_transaction.hpp"
#include "engine/testing/two_tenants.hpp"

namespace phx::engine {
namespace {

using namespace std::chrono_literals;
using pg::Scope;
using TestDatabase = testing::TwoTenants;
using testing::in_transaction;
using testing::kA;
using testing::kB;

const Uuid kVm = *Uuid::parse("00000000-0000-7000-8000-0000000000f1");

struct Audit : ::testing::Test {
  TestDatabase db;
  SeededRandom random{1};

  AuditRow row(std::uint8_t n, std::optional<Uuid> tenant) {
    AuditRow out;
    out.id.bytes[15] = n;
    out.tenant = tenant;
    out.actor = "ada@example.org";
    out.remote_address = "192.0.2.7";
    out.action = "stopVirtualMachine";
    out.object_type = "VirtualMachine";
    out.object_id = kVm;
    out.before = boost::json::parse(R"({"state":"RUNNING","n":9007199254740993})");
    out.after = boost::json::parse(R"({"state":"STOPPED"})");
    out.request_id = "r-1";
    return out;
  }
  Status record(AuditRow what, Scope scope) {
    return in_transaction(db, scope, [&](pg::Transaction& tx) { return record_audit(tx, what, random); });
  }
  pg::Rows read(Scope scope, const char* text) {
    auto rows = db.run(db->read(scope, pg::Sql::dynamic("test", text), {}, Deadline::after(5s)));
    EXPECT_TRUE(rows) << rows.error().to_string();
    return rows ? std::move(*rows) : pg::Rows();
  }
};

TEST_F(Audit, StoresWhoWhatWhereAndBytesThatProveIt) {
  const Instant at(std::chrono::microseconds(1'900'000'000'123'456));
  db.set_now(at);
  auto recorded = record(row(1, kA), Scope::of_tenant(kA));
  ASSERT_TRUE(recorded) << recorded.error().to_string();
  auto rows =
      read(Scope::of_tenant(kA),
           "select at, actor, action, object_id, before, outcome, request_id, canonical, content, salt from audit_log");
  ASSERT_EQ(rows.size(), 1);
  EXPECT_EQ(rows.get<Instant>(0, "at"), at);
  EXPECT_EQ(rows.get<std::string>(0, "actor"), "ada@example.org");
  EXPECT_EQ(rows.get<Uuid>(0, "object_id"), kVm);
  EXPECT_EQ(rows.get<std::string>(0, "outcome"), "OK");
  const auto content = rows.get<std::string>(0, "content");
  const auto salt = rows.get<std::string>(0, "salt");
  EXPECT_EQ(content, audit_content(row(1, kA)));
  std::string expected = "phx.audit.1\n";
  for (int shift = 56; shift >= 0; shift -= 8)
    expected += static_cast<char>(at.time_since_epoch().count() >> shift & 0xff);
  expected += audit_canonical_tail(row(1, kA), audit_commitment(salt, content));
  EXPECT_EQ(rows.get<std::string>(0, "canonical"), expected);
  EXPECT_TRUE(audit_content_matches(rows.get<std::string>(0, "canonical"), salt, content));
}

TEST_F(Audit, EachLineHasItsOwnSalt) {
  ASSERT_TRUE(record(row(1, kA), Scope::of_tenant(kA)));
  ASSERT_TRUE(record(row(2, kA), Scope::of_tenant(kA)));
  EXPECT_EQ(db.value("select count(distinct salt) from phoenix.audit_log"), "2");
}

TEST_F(Audit, IsAppendOnlyForEveryLogin) {
  ASSERT_TRUE(record(row(1, kA), Scope::of_tenant(kA)));
  for (const auto& scope : {Scope::of_tenant(kA), Scope::platform(), Scope::worker()})
    for (const char* text :
         {"update audit_log set actor = 'nobody'", "delete from audit_log", "truncate audit_log",
          "insert into audit_log select * from audit_log on conflict (id) do update set actor = 'x'"}) {
      auto refused = db.run(db->execute(scope, pg::Sql::dynamic("test", text), {}, Deadline::after(5s)));
      ASSERT_FALSE(refused) << text << " as " << pg::login_of(scope.role);
      EXPECT_EQ(refused.error().reason(), "pg.permission_denied") << text;
    }
}

TEST_F(Audit, IsWalledByTenant) {
  ASSERT_TRUE(record(row(1, kA), Scope::of_tenant(kA)));
  ASSERT_TRUE(record(row(2, kB), Scope::of_tenant(kB)));
  ASSERT_TRUE(record(row(3, {}), Scope::platform()));
  EXPECT_EQ(read(Scope::of_tenant(kA), "select 1 from audit_log").size(), 1);
  EXPECT_EQ(read(Scope::platform(), "select 1 from audit_log").size(), 3);
  auto foreign = record(row(4, kB), Scope::of_tenant(kA));
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().reason(), "pg.permission_denied");
}

TEST_F(Audit, WhatIsForgottenLeavesItsProof) {
  ASSERT_TRUE(record(row(1, kA), Scope::of_tenant(kA)));
  const auto before = db.value("select encode(canonical, 'hex') from phoenix.audit_log");
  db.exec(
      "update phoenix.audit_log set content = null, salt = null, actor = 'erased', remote_address = null,"
      " before = null, after = null");
  EXPECT_EQ(db.value("select encode(canonical, 'hex') from phoenix.audit_log"), before);
  EXPECT_EQ(before.find("616461406578616d706c65"), std::string::npos) << "the name is not in the bytes that stay";
  EXPECT_THROW(db.exec("update phoenix.audit_log set content = 'x'"), std::runtime_error) << "content without its salt";
}

}  // namespace
}  // namespace phx::engine
