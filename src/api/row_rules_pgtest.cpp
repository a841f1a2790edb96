/// Row rules by the user who asks: what one keeps for oneself is in nobody else's answer, wherever the type is read and
/// whatever was cached for others. The statement is a golden file, rewritten with PHX_UPDATE_GOLDEN=1.

#include <gmock/gmock.h>

#include "api/testing/compiled.hpp"
#include "api/testing/world.hpp"
#include "api/verify.hpp"

namespace phx::api {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace json = boost::json;

constexpr const char* kSdl = R"(
type Book @table(name: "test_books") {
  id: ID!
  name: String! @filterable
  notes: NoteConnection! @many(key: "book_id") @filterable
}

"A note is its writer's, and the administrators' of the tenant."
type Note @table(name: "test_notes")
  @rows(function: "test_note_own", columns: ["owner_id"], viewer: true, unless: TENANT_ADMIN) {
  id: ID!
  text: String! @filterable
  stars: Int! @aggregate @groupable
  book: Book! @one(key: "book_id")
}

extend type Query {
  books: BookConnection! @connection
  notes: NoteConnection! @connection
  note: Note @byId
}

type Rung {
  rung: Boolean!
}

extend type Mutation {
  ring(idempotencyKey: String): Rung!
}

extend type Subscription {
  notes: NoteConnection! @connection
}
)";

constexpr const char* kTables = R"(
create table phoenix.test_books (id uuid primary key, tenant_id uuid not null, name text collate "C" not null);
create table phoenix.test_notes (
  id uuid primary key, tenant_id uuid not null, book_id uuid not null, owner_id uuid not null, text text not null,
  stars integer not null);
create index on phoenix.test_books (tenant_id, id);
create index on phoenix.test_notes (tenant_id, id);
create index on phoenix.test_notes (tenant_id, owner_id, id);
create index on phoenix.test_notes (book_id);
create function phoenix.test_note_own(owner_id uuid, viewer uuid) returns boolean immutable language sql
  return owner_id = viewer;
do $$
declare name text;
begin
  foreach name in array array['test_books', 'test_notes'] loop
    execute format('alter table phoenix.%I enable row level security', name);
    execute format('create policy wall on phoenix.%I to phoenix_tenant
      using (tenant_id = current_setting(''phoenix.tenant_id'')::uuid)', name);
    execute format('grant select on phoenix.%I to phoenix_tenant, phoenix_platform', name);
  end loop;
end $$;
insert into phoenix.test_books
  select ('00000000-0000-7000-8000-0000000001' || lpad(n::text, 2, '0'))::uuid, '00000000-0000-7000-8000-000000000009',
         'book ' || n from generate_series(1, 3) n;
insert into phoenix.test_notes
  select ('00000000-0000-7000-8000-0000000002' || lpad((n + 10 * (u - 1))::text, 2, '0'))::uuid,
         '00000000-0000-7000-8000-000000000009', ('00000000-0000-7000-8000-00000000010' || 1 + n % 3)::uuid,
         ('00000000-0000-7000-8000-00000000000' || u)::uuid, 'of user ' || u || ', ' || n, n + u
    from generate_series(1, 9) n, generate_series(1, 2) u;
)";

struct RowRules : ::testing::Test, testing::World {
  RowRules() {
    db.exec(kTables);
    registry.mutation("ring", [](MutationContext&, json::object) -> asio::awaitable<Result<json::object>> {
      co_return json::object{{"rung", true}};
    });
    serve({"notes.graphql", kSdl});
  }

  static Uuid user(int n) { return *Uuid::parse(fmt::format("00000000-0000-7000-8000-00000000000{}", n)); }
  std::string ask(int n, const std::string& query, Role role = Role::kTenantMember, bool in_tenant = true) {
    RequestContext context = request(role);
    if (in_tenant) context.tenant = user(9);
    context.principal.user_id = user(n);
    return answer(std::move(context), {.query = query, .variables = {}});
  }
};

TEST_F(RowRules, WhatIsOnesOwnIsInNobodyElsesAnswer) {
  const Status tables = db.run(verify_tables(*api, db.database(), Deadline::after(std::chrono::seconds(10))));
  EXPECT_THAT(tables ? "" : tables.error().message(), Not(HasSubstr("test_note_own")));
  for (const char* query :
       {"{ notes { nodes { text } totalCount aggregate { count sum { stars } } groups(by: [STARS]) { count keys { "
        "stars } "
        "} } }",
        "{ notes(filter: {text: {contains: \"user\"}}) { edges { node { text } } } }",
        "{ books { nodes { name notes(first: 9) { totalCount nodes { text book { notes { nodes { text } } } } } } } }",
        "{ a: note(id: \"00000000-0000-7000-8000-000000000201\") { text } b: note(id: "
        "\"00000000-0000-7000-8000-000000000211\") { text } }"})
    // Again and again, in turns: what was compiled for the one serves the other with the other's id.
    for (int round = 0; round < 3; ++round)
      for (const int who : {1, 2}) {
        EXPECT_THAT(ask(who, query),
                    AllOf(HasSubstr(fmt::format("of user {}", who)), Not(HasSubstr(fmt::format("of user {}", 3 - who))),
                          Not(HasSubstr("errors"))))
            << query;
        EXPECT_THAT(ask(who, query, Role::kTenantAdmin), AllOf(HasSubstr("of user 1"), HasSubstr("of user 2")));
        EXPECT_THAT(ask(3, query), Not(HasSubstr("of user"))) << "who has none";
      }
  EXPECT_THAT(ask(1, "{ notes { totalCount aggregate { sum { stars } } } }"),
              HasSubstr(R"({"totalCount":9,"aggregate":{"sum":{"stars":"54"}}})"));
  EXPECT_THAT(ask(2, "{ notes { totalCount aggregate { sum { stars } } } }"),
              HasSubstr(R"({"totalCount":9,"aggregate":{"sum":{"stars":"63"}}})"));
  // Not to be felt by a filter over the relation either.
  const std::string felt = "{ books(filter: {notes: {some: {text: {eq: \"of user 2, 1\"}}}}) { totalCount } }";
  EXPECT_THAT(ask(1, felt), HasSubstr("\"totalCount\":0"));
  EXPECT_THAT(ask(2, felt), HasSubstr("\"totalCount\":1"));
}

TEST_F(RowRules, WhatWasRefusedIsNotPlannedForOneAndServedToOthers) {
  const std::string query = "{ __typename notes { nodes { text } } }";
  EXPECT_THAT(ask(1, query, Role::kTenantMember, false), HasSubstr("tenant.required"));
  for (const int who : {1, 2, 1})
    EXPECT_THAT(ask(who, query),
                AllOf(HasSubstr(fmt::format("of user {}", who)), Not(HasSubstr(fmt::format("of user {}", 3 - who)))));
}

TEST_F(RowRules, TheUserIsAParameterOfOnePlan) {
  const std::string query = "{ notes(first: 2) { nodes { text book { name } } } }";
  for (int n = 1; n <= 5; ++n) ask(n, query);
  const std::string metrics = db.metrics().render();
  EXPECT_THAT(metrics, HasSubstr("sankofa_graphql_plans_total{found=\"none\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("sankofa_graphql_plans_total{found=\"shape\"} 4\n"));

  const testing::Compiled compiled = testing::compile(*api, query, Role::kTenantMember, user(1));
  ASSERT_TRUE(compiled.plan->personal);
  const pg::Query& rows = *compiled.plan->rows;
  const std::string text =
      fmt::format("# query as TENANT_MEMBER\n{}\n\n# rows, {} parameters\n{}\n\n# plan\n{}", query, rows.params.size(),
                  rows.sql.text(),
                  testing::explain(db, rows, "costs off", pg::Scope::of_tenant(user(9)), {{"enable_seqscan", "off"}}));
  testing::expect_golden("src/api/golden/features/row_rule_by_user.txt", text);
  EXPECT_THAT(text, HasSubstr("owner_id")) << "the rule is looked up, not called";
}

}  // namespace
}  // namespace phx::api
