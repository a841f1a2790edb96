// The product's SDL over the product's migrations: every table is as its type says, and everything that can be asked
// can be read, in a tenant and in platform scope.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service.hpp"
#include "api/testing/schema_walk.hpp"
#include "api/verify.hpp"
#include "app/product_schema.hpp"
#include "base/random.hpp"
#include "graphql/parser.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::app {
namespace {

using namespace std::chrono_literals;

asio::awaitable<Result<boost::json::object>> no_mutation(api::MutationContext&, boost::json::object) {
  co_return internal_error("test.unserved", "");
}
asio::awaitable<Result<boost::json::value>> no_query(api::QueryContext&, boost::json::object) {
  co_return internal_error("test.unserved", "");
}
asio::awaitable<Result<std::vector<boost::json::value>>> no_field(api::FieldBatch& batch) {
  co_return std::vector<boost::json::value>(batch.rows.size());
}

/// Names without services, for every mutation and resolver of the SDL.
void register_unserved(api::Registry& registry) {
  for (const auto& source : product_sdl()) {
    const auto document = graphql::parse_schema(source.text);
    if (!document) throw std::runtime_error(document.error().message);
    for (const auto& type : document->types)
      for (const auto& field : type.fields) {
        const std::string name(field.name.text);
        if (type.name.text == "Mutation") registry.mutation(name, no_mutation);
        if (!graphql::ast::find_directive(field.directives, "resolver")) continue;
        if (type.name.text == "Query")
          registry.query(name, no_query);
        else
          registry.field(std::string(type.name.text) + "." + name, {}, no_field);
      }
  }
}

struct ProductSchema : ::testing::Test {
  ProductSchema() {
    register_unserved(registry);
    auto assembled = api::ApiSchema::assemble(product_sdl(), registry);
    if (!assembled) throw std::runtime_error(assembled.error().message());
    schema = std::move(*assembled);
  }
  pg::testing::TestDatabase db;
  api::Registry registry;
  std::unique_ptr<api::ApiSchema> schema;
};

TEST_F(ProductSchema, TablesAreWhatTheSdlSays) {
  const Status status = db.run(api::verify_tables(*schema, db.database(), Deadline::after(10s)));
  EXPECT_TRUE(status) << status.error().message();
}

TEST_F(ProductSchema, EverythingThatCanBeAskedCanBeRead) {
  SystemClock clock;
  SystemRandom random;
  UuidSource ids(clock, random);
  api::GraphqlService service({*schema, db.database(), clock, random, ids, db.metrics()});
  for (const bool in_tenant : {true, false}) {
    for (const auto& [field, query] : api::testing::walk_schema(*schema, 2)) {
      api::RequestContext context;
      context.principal.kind = api::PrincipalKind::kUser;
      context.principal.platform_admin = true;
      context.role = api::Role::kPlatformAdmin;
      if (in_tenant) context.tenant = ids.next();
      context.deadline = Deadline::after(20s);
      const auto answer = db.run(service.execute(context, {.query = query}));
      EXPECT_EQ(answer.body.find("\"errors\""), std::string::npos)
          << field << (in_tenant ? " in a tenant" : " on the platform") << "\n"
          << query << "\n"
          << answer.body;
    }
  }
}

}  // namespace
}  // namespace phx::app
