#pragma once
/// A query's compiled plan and what PostgreSQL says to it: for tests that look below the answers. For *_pgtest files
/// only.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "api/compiler.hpp"
#include "api/cursor.hpp"
#include "graphql/parser.hpp"
#include "graphql/validate.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::api::testing {

/// The plan of the query's first field, with everything it points into.
struct Compiled {
  std::unique_ptr<graphql::Document> document;
  std::unique_ptr<graphql::Execution> execution;
  std::optional<Plan> plan;
};

inline Compiled compile(const ApiSchema& api, const std::string& query, Role role, const Uuid& viewer = {}) {
  Compiled out;
  auto document = graphql::parse_document(query);
  if (!document) throw std::runtime_error(query + ": " + document.error().message);
  out.document = std::make_unique<graphql::Document>(std::move(*document));
  if (const auto errors = graphql::validate(api.schema(), *out.document); !errors.empty())
    throw std::runtime_error(query + ": " + errors[0].message);
  auto execution = graphql::Execution::prepare(api.schema(), *out.document, std::nullopt, {});
  if (!execution) throw std::runtime_error(query + ": " + execution.error()[0].message);
  out.execution = std::make_unique<graphql::Execution>(std::move(*execution));
  const Compiler compiler(api, *out.execution, role, {}, viewer);
  const graphql::FieldGroup& group = out.execution->root_fields()->front();
  auto plan =
      api.meaning(*group.field).kind == FieldMeaning::Kind::kById ? compiler.by_id(group) : compiler.connection(group);
  if (!plan) throw std::runtime_error(query + ": " + plan.error().to_string());
  out.plan = std::move(*plan);
  return out;
}

/// EXPLAIN with these options, with `settings` (name, value) in force.
inline std::string explain(pg::testing::TestDatabase& db, const pg::Query& query, const std::string& options,
                           const pg::Scope& scope,
                           const std::vector<std::pair<std::string, std::string>>& settings = {}) {
  std::vector<pg::Query> queries;
  for (const auto& [name, value] : settings)
    queries.push_back({pg::Sql::dynamic("test", "select set_config($1, $2, true)"), pg::Params::of(name, value)});
  queries.push_back(
      {pg::Sql::dynamic("test", "explain (" + options + ") " + std::string(query.sql.text())), query.params});
  auto answer = db.run(db->read_many(scope, std::move(queries), Deadline::after(std::chrono::seconds(60))));
  if (!answer) throw std::runtime_error(answer.error().to_string());
  std::string out;
  for (const auto row : answer->back()) out += row.get<std::string>(0) + "\n";
  return out;
}

/// The text as it was committed at this place of the repository, or rewritten with PHX_UPDATE_GOLDEN=1.
inline void expect_golden(const std::string& place, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(PHOENIX_SOURCE_DIR) / place;
  if (std::getenv("PHX_UPDATE_GOLDEN")) std::ofstream(path) << text;
  std::stringstream committed;
  committed << std::ifstream(path).rdbuf();
  EXPECT_EQ(committed.str(), text) << "rewrite with PHX_UPDATE_GOLDEN=1";
}

/// The cursor of the row at `offset` in the order, walked from its end if `backward`, among the rows `where` holds of:
/// read by its keys alone, as their types are sent.
inline std::string cursor_at(pg::testing::TestDatabase& db, const TableType& table, const TableOrder* order,
                             bool descending, bool backward, const std::string& where, int offset) {
  const char* const way = descending != backward ? "desc" : "asc";
  std::string keys = "encode(uuid_send(id), 'hex')";
  std::string walk;
  for (const OrderKey& key : order ? order->keys : std::vector<OrderKey>()) {
    keys += fmt::format(
        ", encode({}({}), 'hex')",
        db.value(fmt::format("select t.typsend from pg_type t join pg_attribute a on a.atttypid = t.oid where "
                             "a.attrelid = 'phoenix.{}'::regclass and a.attname = '{}'",
                             table.table, key.column)),
        key.column);
    walk += fmt::format("{} {}, ", key.column, way);
  }
  const auto row = db.exec(fmt::format("select {} from phoenix.{} where {} order by {} id {} offset {} limit 1", keys,
                                       table.table, where, walk, way, offset))
                       .at(0);
  std::vector<std::string> bytes;
  for (const std::string& hex : row) {
    bytes.emplace_back();
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
      bytes.back() += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  const std::vector<std::string_view> key_bytes(bytes.begin() + 1, bytes.end());
  return encode_cursor({&table, order, descending}, bytes[0], key_bytes);
}

/// How many pages of the database (of 8 KiB) a plan in EXPLAIN's JSON has looked at, and how many rows it gave.
struct Cost {
  std::int64_t pages = 0;
  std::int64_t rows = 0;
};
inline Cost cost(pg::testing::TestDatabase& db, const ApiSchema& api, const std::string& query,
                 const pg::Scope& scope) {
  const Compiled compiled = compile(api, query, Role::kPlatformAdmin);
  const auto plan =
      boost::json::parse(explain(db, *compiled.plan->rows, "analyze, buffers, timing off, format json", scope));
  const auto& top = plan.as_array().at(0).at("Plan").as_object();
  return {.pages = top.at("Shared Hit Blocks").as_int64() + top.at("Shared Read Blocks").as_int64(),
          .rows = static_cast<std::int64_t>(top.at("Actual Rows").to_number<double>())};
}

}  // namespace phx::api::testing
