#include <gtest/gtest.h>

#include "base/task_scope.hpp"
#include "engine/idempotency.hpp"
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

IdempotencyKey key_of(std::optional<Uuid> tenant, std::string key = "key-1", std::string arguments = "{}") {
  return {tenant, "ada", std::move(key), hash_request("server secret", "createVirtualMachine", arguments)};
}

/// A mutation in miniature: counts how often it was really done.
asio::awaitable<Result<std::string>> mutate(pg::Database& database, Scope scope, IdempotencyKey key, int& done,
                                            bool fail) {
  PHX_CO_TRY(auto tx, co_await database.begin(scope, Deadline::after(30s)));
  PHX_CO_TRY(auto before, co_await begin_idempotent(tx, key));
  if (before) co_return *before;
  co_await sleep_for(10ms);
  if (fail) co_return Error(Code::kInvalidArgument, "test.failed", "No.");
  const auto response = "{\"n\": " + std::to_string(done + 1) + "}";
  PHX_CO_CHECK(co_await finish_idempotent(tx, key, response));
  PHX_CO_CHECK(co_await tx.commit());
  ++done;
  co_return response;
}

asio::awaitable<void> collect(pg::Database& database, IdempotencyKey key, bool fail, int& done,
                              std::vector<Result<std::string>>& answers) {
  answers.push_back(co_await mutate(database, Scope::of_tenant(kA), key, done, fail));
}

void many_connections(pg::DatabaseOptions& options) { options.tenant.exclusive = 20; }

TEST(Idempotency, TwentyParallelDuplicatesAreDoneOnce) {
  TestDatabase db(TestDatabase::Content::kMigrated, many_connections);
  TaskScope scope(db.executor(), "test");
  int done = 0;
  std::vector<Result<std::string>> answers;
  for (int i = 0; i < 20; ++i) scope.spawn("duplicate", collect(db.database(), key_of(kA), false, done, answers));
  db.run(scope.join());
  EXPECT_EQ(done, 1);
  ASSERT_EQ(answers.size(), 20u);
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer) << answer.error().to_string();
    EXPECT_EQ(*answer, "{\"n\": 1}");
  }
}

TEST(Idempotency, AFailureLeavesNoKeyAndTheNextOneGoesOn) {
  TestDatabase db(TestDatabase::Content::kMigrated, many_connections);
  TaskScope scope(db.executor(), "test");
  int done = 0;
  std::vector<Result<std::string>> failed;
  std::vector<Result<std::string>> answers;
  for (int i = 0; i < 4; ++i) scope.spawn("fails", collect(db.database(), key_of(kA), true, done, failed));
  for (int i = 0; i < 4; ++i) scope.spawn("succeeds", collect(db.database(), key_of(kA), false, done, answers));
  db.run(scope.join());
  EXPECT_EQ(done, 1);
  ASSERT_EQ(answers.size(), 4u);
  for (const auto& answer : answers) EXPECT_TRUE(answer);
}

TEST(Idempotency, AKeyIsBoundToItsRequest) {
  TestDatabase db;
  int done = 0;
  ASSERT_TRUE(db.run(mutate(db.database(), Scope::of_tenant(kA), key_of(kA), done, false)));
  auto reused =
      db.run(mutate(db.database(), Scope::of_tenant(kA), key_of(kA, "key-1", "{\"name\":\"x\"}"), done, false));
  ASSERT_FALSE(reused);
  EXPECT_EQ(reused.error().code(), Code::kConflict);
  EXPECT_EQ(reused.error().reason(), "idempotency.key_reused");
  EXPECT_EQ(done, 1);
}

TEST(Idempotency, TenantsAndPrincipalsAreApart) {
  TestDatabase db;
  int done = 0;
  auto other_principal = key_of(kA);
  other_principal.principal = "bob";
  ASSERT_TRUE(db.run(mutate(db.database(), Scope::of_tenant(kA), key_of(kA), done, false)));
  ASSERT_TRUE(db.run(mutate(db.database(), Scope::of_tenant(kB), key_of(kB), done, false)));
  ASSERT_TRUE(db.run(mutate(db.database(), Scope::of_tenant(kA), other_principal, done, false)));
  EXPECT_EQ(done, 3);
  auto foreign = db.run(mutate(db.database(), Scope::of_tenant(kA), key_of(kB, "key-2"), done, false));
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().reason(), "pg.permission_denied");
  auto seen = db.run(db->read(Scope::of_tenant(kA), pg::Sql::dynamic("test", "select 1 from idempotency_keys"), {},
                              Deadline::after(5s)));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->size(), 2);
}

TEST(Idempotency, OutsideOfATenantThePrincipalAloneCounts) {
  TestDatabase db;
  int done = 0;
  ASSERT_TRUE(db.run(mutate(db.database(), Scope::platform(), key_of({}), done, false)));
  auto again = db.run(mutate(db.database(), Scope::platform(), key_of({}), done, false));
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(*again, "{\"n\": 1}");
  EXPECT_EQ(done, 1);
}

TEST(Idempotency, MalformedKeysAreRefused) {
  TestDatabase db;
  int done = 0;
  for (const auto& key :
       {std::string(), std::string(201, 'k'), std::string("a b"), std::string("a\n"), std::string("ä")}) {
    auto refused = db.run(mutate(db.database(), Scope::of_tenant(kA), key_of(kA, key), done, false));
    ASSERT_FALSE(refused) << key;
    EXPECT_EQ(refused.error().reason(), "idempotency.key_malformed");
  }
  EXPECT_EQ(done, 0);
}

TEST(Idempotency, KeysAreKeptForADayWhateverIsAsked) {
  TestDatabase db;
  SystemClock clock;
  int done = 0;
  ASSERT_TRUE(db.run(mutate(db.database(), Scope::of_tenant(kA), key_of(kA), done, false)));
  db.set_now(clock.now() + 23h);
  EXPECT_EQ(*db.run(purge_idempotency_keys(db.database(), 1h)), 0);
  db.set_now(clock.now() + 25h);
  EXPECT_EQ(*db.run(purge_idempotency_keys(db.database())), 1);
}

TEST(Idempotency, AReplayIsFoundByIndex) {
  TestDatabase db;
  db.exec(
      "insert into phoenix.idempotency_keys (tenant_id, principal, key, request_hash, response)"
      " select case when n % 2 = 0 then (select id from phoenix.tenants order by id limit 1) end, 'p', 'k' || n, "
      "sha256('x'), '{}'"
      " from generate_series(1, 20000) n; analyze phoenix.idempotency_keys");
  for (const char* tenant : {"null", "'00000000-0000-7000-8000-00000000000a'"}) {
    std::string plan;
    for (const auto& line :
         db.exec("prepare find (uuid, text, text) as select request_hash, response from phoenix.idempotency_keys"
                 " where (tenant_id = $1 or (tenant_id is null and $1::uuid is null)) and principal = $2 and key = $3;"
                 "set plan_cache_mode = force_generic_plan;"
                 "explain (costs off) execute find (" +
                 std::string(tenant) + ", 'p', 'k1')"))
      plan += line[0] + "\n";
    EXPECT_EQ(plan.find("Seq Scan"), std::string::npos) << plan;
    EXPECT_NE(plan.find("idempotency_keys_once"), std::string::npos) << plan;
  }
}

}  // namespace
}  // namespace phx::engine
