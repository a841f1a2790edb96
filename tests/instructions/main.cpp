// One step of a request, N times, for a count of its instructions (tools/check_instructions.py). Two runs with
// different N differ by the steps alone, so start and end do not count.
//
//     instructions parse|plan|encode|request N

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "api/compiler.hpp"
#include "api/encoder.hpp"
#include "api/middleware.hpp"
#include "api/service.hpp"
#include "api/testing/fleet_sdl.hpp"
#include "base/blocking_pool.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
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
constexpr int kRows = 20;

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

struct World {
  World() {
    api::testing::register_idle(registry);
    schema = api::testing::assemble_fleet(registry).value();
    auto parsed = graphql::parse_document(kList);
    require(parsed.has_value(), "the query does not parse");
    document = std::make_unique<graphql::Document>(std::move(*parsed));
  }
  graphql::Execution prepare() const {
    const boost::json::object variables{{"first", kRows}};
    return graphql::Execution::prepare(schema->schema(), *document, std::nullopt, variables).value();
  }
  api::Registry registry;
  std::unique_ptr<api::ApiSchema> schema;
  std::unique_ptr<graphql::Document> document;
};

void parse(const World& world, int times) {
  for (int i = 0; i < times; ++i) {
    const auto parsed = graphql::parse_document(kList);
    require(parsed && graphql::validate(world.schema->schema(), *parsed).empty(), "the query is not valid");
  }
}

void plan(const World& world, int times) {
  for (int i = 0; i < times; ++i) {
    const auto execution = world.prepare();
    const api::Compiler compiler(*world.schema, execution, api::Role::kTenantMember);
    require(compiler.connection(execution.root_fields()->front()).has_value(), "the query has no plan");
  }
}

/// Rows as the server sends them within an array of records.
class Records {
 public:
  void cell(std::uint32_t type, std::string_view bytes) {
    number(row_, type);
    number(row_, static_cast<std::uint32_t>(bytes.size()));
    row_ += bytes;
    ++cells_;
  }
  void end_row() {
    std::string record;
    number(record, cells_);
    record += row_;
    number(rows_, static_cast<std::uint32_t>(record.size()));
    rows_ += record;
    ++count_;
    row_.clear();
    cells_ = 0;
  }
  std::string array() const {
    std::string out;
    for (const std::uint32_t each : {1U, 0U, 2249U, count_, 1U}) number(out, each);
    return out + rows_;
  }

 private:
  static void number(std::string& out, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 255);
  }
  std::string row_;
  std::string rows_;
  std::uint32_t cells_ = 0;
  std::uint32_t count_ = 0;
};

/// What each column of the plan holds, from the shape that reads them.
void kinds_of(const api::ObjectShape& shape, std::vector<api::ColumnKind>& out) {
  for (const api::Item& item : shape.items) {
    if (item.column >= 0) {
      const auto at = static_cast<std::size_t>(item.column);
      if (out.size() <= at) out.resize(at + 1, api::ColumnKind::kString);
      if (item.kind == api::Item::Kind::kColumn) out[at] = item.column_kind;
      if (item.kind == api::Item::Kind::kOne) out[at] = api::ColumnKind::kId;
    }
    if (item.object) kinds_of(*item.object, out);
  }
}

void encode(const World& world, int times) {
  const auto execution = world.prepare();
  const auto& group = execution.root_fields()->front();
  const api::Compiler compiler(*world.schema, execution, api::Role::kTenantMember);
  const auto ready = std::make_shared<const api::Plan>(compiler.connection(group).value());
  std::vector<api::ColumnKind> kinds;
  for (const auto& part : ready->connection->parts) kinds_of(part.nodes, kinds);
  const auto last = static_cast<std::size_t>(std::max(0, ready->connection->id_column));
  if (kinds.size() <= last) kinds.resize(last + 1, api::ColumnKind::kString);
  for (const int key : ready->connection->key_columns)
    if (kinds.size() <= static_cast<std::size_t>(key))
      kinds.resize(static_cast<std::size_t>(key) + 1, api::ColumnKind::kString);
  if (ready->connection->id_column >= 0) kinds[last] = api::ColumnKind::kId;
  Records records;
  for (int row = 0; row < kRows + 1; ++row) {
    for (const auto kind : kinds) {
      const char mark = static_cast<char>(row);
      switch (kind) {
        case api::ColumnKind::kId: records.cell(pg::oid::kUuid, std::string(15, '\x5a') + mark); break;
        case api::ColumnKind::kInt: records.cell(pg::oid::kInt4, std::string(3, '\0') + mark); break;
        case api::ColumnKind::kDateTime:
          records.cell(pg::oid::kTimestamptz, std::string(2, '\0') + "\x03" + std::string(4, 'a') + mark);
          break;
        default: records.cell(pg::oid::kText, "a name of " + std::to_string(row)); break;
      }
    }
    records.end_row();
  }
  const std::string array = records.array();
  for (int i = 0; i < times; ++i) {
    api::PlanRun run(ready);
    const api::CellTable rows{std::string_view(array)};
    std::string text;
    api::Encoder encoder(*world.schema, execution, "request", text);
    require(encoder.connection(run, group, &rows, 0), "the rows cannot be written");
  }
}

class Everybody final : public api::Authenticator {
 public:
  asio::awaitable<Result<api::Principal>> authenticate(const net::Request&) override {
    api::Principal out;
    out.kind = api::PrincipalKind::kUser;
    co_return out;
  }
  asio::awaitable<Result<api::Principal>> authenticate_token(std::string, std::string) override {
    co_return api::Principal();
  }
};

/// The whole chain and the cached plan; the field needs no row, so that no database takes part.
struct Front {
  explicit Front(const World& world)
      : service({*world.schema, database, clock, random, ids, metrics, "secret", event_cursors}),
        chain({}, router, everybody, ids, clock) {
    router.add("POST", "/graphql", api::Auth::kRequired,
               [this](api::HttpCall call) { return answer(std::move(call)); });
  }
  asio::awaitable<net::Response> answer(api::HttpCall call) {
    api::RequestContext context;
    context.principal = std::move(call.principal);
    context.role = api::Role::kPlatformAdmin;
    context.request_id = call.http.id;
    api::GraphqlRequest request;
    request.query = call.http.body;
    api::GraphqlAnswer made = co_await service.execute(std::move(context), std::move(request));
    co_return net::text_response(200, std::move(made.body));
  }
  asio::awaitable<void> run(int times) {
    for (int i = 0; i < times; ++i) {
      net::Request request;
      request.method = "POST";
      request.path = "/graphql";
      request.body = "{ __typename }";
      const auto response = co_await chain.handle(std::move(request));
      require(response.body_text().find("\"Query\"") != std::string_view::npos, "the request was not answered");
    }
    co_await database.stop();
  }

  asio::io_context io{1};
  // Time stands still, so that the log's rate does not depend on it.
  ManualClock clock{Instant()};
  SeededRandom random{1};
  UuidSource ids{clock, random};
  api::EventCursorSeal event_cursors{"key of no log"};
  Metrics metrics;
  BlockingPool blocking{1, 1};
  pg::Database database{
      io.get_executor(), blocking, metrics, {.endpoints = pg::Endpoints::from("host=/nowhere dbname=none").value()}};
  Everybody everybody;
  api::Router router;
  api::GraphqlService service;
  api::Middleware chain;
};

void request(const World& world, int times) {
  Front front(world);
  std::exception_ptr failure;
  asio::co_spawn(front.io, front.run(times), [&](std::exception_ptr thrown) { failure = thrown; });
  front.io.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string step = argc == 3 ? argv[1] : "";
  const int times = argc == 3 ? std::atoi(argv[2]) : 0;
  const World world;
  if (step == "parse")
    parse(world, times);
  else if (step == "plan")
    plan(world, times);
  else if (step == "encode")
    encode(world, times);
  else if (step == "request")
    request(world, times);
  else
    return std::fprintf(stderr, "instructions parse|plan|encode|request N\n"), 2;
  return 0;
}
