// What a request costs before and beside the database, in nanoseconds: parsing, validating, planning, a repeated
// document's way through the cache, and ids. On a small schema of every kind of field, not the product's.
//
//     micro_benchmark [--benchmark_filter=REGEX]

#include <benchmark/benchmark.h>

#include <stdexcept>

#include "api/compiler.hpp"
#include "api/plan_cache.hpp"
#include "api/testing/fleet_sdl.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "base/uuid.hpp"
#include "graphql/parser.hpp"
#include "graphql/validate.hpp"

namespace {

using namespace phx;

const std::string kList = R"(query Fleet($first: Int) {
  ships(first: $first, orderBy: NAME) {
    nodes { id name kind tonnage launchedAt home { id name } }
    pageInfo { hasNextPage endCursor }
  }
})";

struct World {
  World() {
    api::testing::register_idle(registry);
    schema = api::testing::assemble_fleet(registry).value();
    auto parsed = graphql::parse_document(kList);
    if (!parsed) throw std::runtime_error(parsed.error().message);
    document = std::make_unique<graphql::Document>(std::move(*parsed));
    if (!graphql::validate(schema->schema(), *document).empty()) throw std::runtime_error("the query is not valid");
  }
  api::Registry registry;
  std::unique_ptr<api::ApiSchema> schema;
  std::unique_ptr<graphql::Document> document;
};

World& world() {
  static World it;
  return it;
}

void parse(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(graphql::parse_document(kList));
}
BENCHMARK(parse);

void validate(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(graphql::validate(world().schema->schema(), *world().document));
}
BENCHMARK(validate);

void prepare_and_compile(benchmark::State& state) {
  const boost::json::object variables{{"first", 20}};
  for (auto _ : state) {
    auto execution =
        graphql::Execution::prepare(world().schema->schema(), *world().document, std::nullopt, variables).value();
    const api::Compiler compiler(*world().schema, execution, api::Role::kTenantMember);
    benchmark::DoNotOptimize(compiler.connection(execution.root_fields()->front()));
  }
}
BENCHMARK(prepare_and_compile);

void cached_document(benchmark::State& state) {
  Metrics metrics;
  api::DocumentCache cache(world().schema->schema(), {.max_entries = 100}, metrics);
  for (auto _ : state) benchmark::DoNotOptimize(cache.find(kList));
}
BENCHMARK(cached_document);

void uuid_make(benchmark::State& state) {
  SystemClock clock;
  SeededRandom random{1};
  UuidSource ids(clock, random);
  for (auto _ : state) benchmark::DoNotOptimize(ids.next());
}
BENCHMARK(uuid_make);

void uuid_format_and_parse(benchmark::State& state) {
  SystemClock clock;
  SeededRandom random{1};
  const Uuid id = UuidSource(clock, random).next();
  for (auto _ : state) benchmark::DoNotOptimize(Uuid::parse(id.to_string()));
}
BENCHMARK(uuid_format_and_parse);

}  // namespace

BENCHMARK_MAIN();
