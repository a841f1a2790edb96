/// Compiled against naive execution, and the tenant wall, on drawn queries over drawn rows. A failing query is printed
/// with its seed; PHX_SEED=<n> draws that one alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "api/testing/market.hpp"
#include "api/testing/naive.hpp"
#include "api/testing/query_dice.hpp"
#include "graphql/parser.hpp"
#include "graphql/validate.hpp"

namespace phx::api {
namespace {

using ::testing::HasSubstr;
using testing::Market;
using testing::Naive;
using ::testing::Not;
using testing::QueryDice;
namespace json = boost::json;

constexpr std::uint64_t kQueries = 1'000;

/// Numbers that are equal are written alike.
json::value plain(const json::value& value) {
  if (value.is_object()) {
    json::object out;
    for (const auto& member : value.as_object()) out[member.key()] = plain(member.value());
    return out;
  }
  if (value.is_array()) {
    json::array out;
    for (const auto& item : value.as_array()) out.push_back(plain(item));
    return out;
  }
  return value.is_number() ? json::value(value.to_number<double>()) : value;
}

struct Differential : ::testing::Test {
  Differential() {
    for (int tenant : {1, 2})
      for (const auto& [name, type] : market.api->tables()) {
        if (rows[tenant].contains(type->table)) continue;
        const std::string text = market.db.value(
            fmt::format("select json_agg(t order by id) from (select * from phoenix.{} where tenant_id = "
                        "'{}') t",
                        type->table, Market::tenant_id(tenant)));
        rows[tenant][type->table] = json::parse(text).as_array();
      }
    collect_cursors();
  }

  QueryDice dice(std::uint64_t seed) {
    auto out = QueryDice(*market.api, seed,
                         [this, of = std::make_shared<SeededRandom>(seed + 1'000'000)](const std::string& table,
                                                                                       const std::string& column) {
                           // Now and then a value of the other tenant.
                           const json::array& from = rows[of->chance(1, 5) ? 2 : 1].at(table);
                           return from[of->below(from.size())].at(column);
                         });
    out.cursors = cursors;
    return out;
  }

  /// Of every list, order and direction: the cursors of its rows, in both tenants.
  void collect_cursors() {
    for (int tenant : {1, 2})
      for (const graphql::Field& field : market.api->schema().root(graphql::OperationKind::kQuery)->fields) {
        const FieldMeaning& meaning = market.api->meaning(field);
        if (meaning.kind != FieldMeaning::Kind::kConnection) continue;
        std::string node = "id";
        if (meaning.target->type->kind == graphql::TypeKind::kUnion) {
          node.clear();
          for (const TableType* member : meaning.target->members)
            node += fmt::format("... on {} {{ id }} ", member->name);
        }
        std::vector<std::string> orders{""};
        for (const TableOrder& order : meaning.target->orders) orders.push_back(order.name);
        for (const std::string& order : orders)
          for (const bool descending : {false, true}) {
            const std::string query =
                fmt::format("{{ list: {}(first: 9, {} direction: {}) {{ edges {{ cursor node {{ {} }} }} }} }}",
                            field.name, order.empty() ? "" : "orderBy: " + order, descending ? "DESC" : "ASC", node);
            const std::string body = market.run(market.context(tenant, Role::kTenantOwner), query);
            for (const auto& edge : json::parse(body).at("data").at("list").at("edges").as_array()) {
              const std::string cursor(std::string_view(edge.at("cursor").as_string()));
              if (tenant == 1) cursor_ids[cursor] = std::string_view(edge.at("node").at("id").as_string());
              // A cursor of the other tenant is a value like any other; the naive side knows its own rows only.
              (tenant == 1 ? cursors : foreign)[QueryDice::cursor_key(*meaning.target, order, descending)].push_back(
                  cursor);
            }
          }
      }
  }

  Market market;
  std::map<int, std::map<std::string, json::array>> rows;  // by tenant and table
  std::map<std::string, std::vector<std::string>> cursors;
  std::map<std::string, std::vector<std::string>> foreign;
  std::map<std::string, std::string> cursor_ids;
};

TEST_F(Differential, CompiledReadsEqualNaiveOnes) {
  Naive naive(market, 1);
  const char* only = std::getenv("PHX_SEED");
  std::size_t bytes = 0;
  for (std::uint64_t seed = only ? std::strtoull(only, nullptr, 10) : 1; seed <= kQueries || only; ++seed) {
    const Role role = QueryDice::role_of(seed);
    const std::string query = dice(seed).query(role);
    SCOPED_TRACE(fmt::format("PHX_SEED={} as {}\n{}", seed, role_name(role), query));
    const auto document = graphql::parse_document(query);
    ASSERT_TRUE(document) << document.error().message;
    const auto faults = graphql::validate(market.api->schema(), *document);
    ASSERT_TRUE(faults.empty()) << faults[0].message;
    const auto execution = graphql::Execution::prepare(market.api->schema(), *document, std::nullopt, {});
    ASSERT_TRUE(execution) << execution.error()[0].message;
    const json::object expected = naive.answer(*execution, role, cursor_ids);

    const std::string body = market.run(market.context(1, role), query);
    boost::system::error_code broken;
    const json::value parsed = json::parse(body, broken);
    ASSERT_FALSE(broken) << body;
    const json::object& answer = parsed.as_object();
    bytes += body.size();
    const auto* errors = answer.if_contains("errors");
    ASSERT_EQ(errors ? static_cast<int>(errors->as_array().size()) : 0, naive.errors) << body.substr(0, 2000);
    ASSERT_EQ(json::serialize(plain(answer.at("data"))), json::serialize(plain(expected)));
    if (only) break;
  }
  // Queries that ask for nothing would prove nothing.
  if (!only) EXPECT_GT(bytes, kQueries * 400);
}

TEST_F(Differential, NothingOfAnotherTenantCanBeSeenOrFelt) {
  std::vector<std::pair<std::string, Role>> queries;
  std::vector<std::string> before;
  for (std::uint64_t seed = 10'001; seed <= 10'200; ++seed) {
    const Role role = QueryDice::role_of(seed);
    QueryDice drawn = dice(seed);
    for (const auto& [key, more] : foreign)
      drawn.cursors[key].insert(drawn.cursors[key].end(), more.begin(), more.end());
    queries.emplace_back(drawn.query(role), role);
    before.push_back(market.run(market.context(1, role), queries.back().first));
    SCOPED_TRACE(fmt::format("seed {}\n{}", seed, queries.back().first));
    ASSERT_THAT(before.back(), Not(HasSubstr("SECRET")));
    for (int kind = 1; kind <= 5; ++kind)
      for (const json::value& row : rows[2].at(kind == 3   ? "market_reviews"
                                               : kind == 5 ? "market_media"
                                                           : "market_items"))
        ASSERT_THAT(before.back(), Not(HasSubstr(std::string(std::string_view(row.at("id").as_string())))));
  }
  // Whatever the other tenant does, not a byte of any answer changes: no row, count, page, sum or error.
  const std::string theirs = " where tenant_id = '" + Market::tenant_id(2) + "'";
  market.db.exec("delete from phoenix.market_reviews" + theirs + " and stars < 3");
  market.db.exec("delete from phoenix.market_vaults" + theirs);
  market.db.exec(
      "update phoenix.market_items set name = name || '!', price = price + 1, stock = stock + 1, kind = 'TOY', "
      "tags = tags || 'more'::text" +
      theirs);
  market.db.exec("update phoenix.market_sellers set region = 'SECRET region', contact = 'SECRET'" + theirs);
  market.db.exec(
      "insert into phoenix.market_sellers select gen_random_uuid(), tenant_id, 'SECRET ' || n, 'north', 1, 'x' "
      "from phoenix.market_sellers, generate_series(1, 50) n" +
      theirs);
  for (std::size_t i = 0; i < queries.size(); ++i)
    ASSERT_EQ(market.run(market.context(1, queries[i].second), queries[i].first), before[i]) << queries[i].first;
}

}  // namespace
}  // namespace phx::api
