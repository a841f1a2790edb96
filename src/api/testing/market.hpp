#pragma once
/// A second world for the API's tests, with every feature of the compiler in it: two tenants whose rows are drawn from
/// a seed, with nulls, ties and texts that look like patterns. Whatever belongs to the second tenant carries the word
/// SECRET or an id that begins with 2. For *_pgtest files only; naive.hpp answers queries over it without the compiler.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "api/testing/world.hpp"

namespace phx::api::testing {

namespace json = boost::json;

inline constexpr std::string_view kMarketSdl = R"(
interface Named @table(name: "market_named", type: "row_type") {
  id: ID!
  name: String! @sortable @filterable
  rank: Int @byType
}

type Seller implements Named @table(name: "market_sellers") {
  id: ID!
  name: String! @sortable @filterable
  region: String! @filterable @groupable
  rating: Decimal @filterable @aggregate
  contact: String @filterable @requires(role: TENANT_ADMIN) @aggregate
  items: ItemConnection! @many(key: "seller_id") @filterable
  rank: Int @resolver
}

type Item implements Named
  @table(name: "market_items")
  @order(name: "kind_listed", by: ["kind", "listedAt"])
  @order(name: "fragile_stock_name", by: ["fragile", "stock", "name"]) {
  id: ID!
  name: String! @sortable @filterable
  kind: ItemKind! @sortable @filterable @groupable
  price: Decimal! @sortable(key: "price_key") @filterable @aggregate
  stock: Int! @sortable @filterable @aggregate @groupable
  weight: Float @filterable @aggregate
  listedAt: DateTime! @sortable @filterable @aggregate
  soldAt: DateTime @sortable(key: "sold_key") @filterable
  fragile: Boolean! @sortable @filterable @groupable
  nickname: String @filterable @aggregate
  tags: [String!]! @filterable
  sizes: [Int!] @filterable
  shades: [ItemKind!]! @filterable
  related: [ID!] @filterable
  meta: JSON @filterable
  sellerId: ID @filterable @groupable
  seller: Seller @one(key: "seller_id") @filterable
  parent: Item @one(key: "parent_id") @filterable
  reviews: ReviewConnection! @many(key: "item_id") @filterable
  media: MediaConnection! @many(key: "item_id")
  worth: Decimal! @computed(function: "market_worth", columns: ["stock", "price"])
  label(prefix: String!, times: Int = 1, loud: Boolean): String! @computed(function: "market_label", columns: ["name"])
  rank(base: Int = 0): Int @resolver
  slow: Int @resolver
}

enum ItemKind {
  BOOK
  TOY
  FOOD
}

type Review @table(name: "market_reviews") @rows(function: "market_review_open", columns: ["hidden"], unless: TENANT_ADMIN) {
  id: ID!
  stars: Int! @sortable @filterable @aggregate @groupable
  body: String! @filterable
  at: DateTime! @sortable
  hidden: Boolean! @filterable
  item: Item! @one(key: "item_id") @filterable
  mood: Mood @resolver
}

type Mood {
  word: String!
  stars: Int!
}

type Vault implements Named @table(name: "market_vaults") @requires(role: TENANT_OWNER) {
  id: ID!
  name: String! @sortable
  code: String!
  rank: Int @column(name: "level")
}

interface Media @table(name: "market_media", type: "type") {
  id: ID!
  title: String! @sortable @filterable
}

type Photo implements Media @table(name: "market_media") {
  id: ID!
  title: String!
  width: Int
}

type Film implements Media @table(name: "market_media") {
  id: ID!
  title: String!
  minutes: Int
  item: Item @one(key: "item_id")
}

union Anything @table(name: "market_anything", type: "row_type") = Item | Seller | Review | Photo | Film

extend type Query {
  items: ItemConnection! @connection
  item: Item @byId
  sellers: SellerConnection! @connection
  seller: Seller @byId
  reviews: ReviewConnection! @connection
  vaults: VaultConnection! @connection
  named: NamedConnection! @connection
  namedThing: Named @byId
  media: MediaConnection! @connection
  anything: AnythingConnection! @connection
  thing: Anything @byId
}

type Bell {
  rung: Boolean!
}

extend type Mutation {
  ring(idempotencyKey: String): Bell
}

extend type Subscription {
  items: ItemConnection! @connection
}
)";

inline constexpr std::string_view kMarketTables = R"(
create table phoenix.market_sellers (
  id uuid primary key, tenant_id uuid not null, name text collate "C" not null, region text collate "C" not null,
  rating numeric(5, 2), contact text collate "C");
create table phoenix.market_items (
  id uuid primary key, tenant_id uuid not null, name text collate "C" not null, kind text collate "C" not null,
  price numeric(12, 2) not null, price_key bigint not null generated always as ((price * 100)::bigint) stored,
  stock integer not null, weight double precision, listed_at timestamptz not null, sold_at timestamptz,
  sold_key timestamptz not null generated always as (coalesce(sold_at, timestamptz '9999-01-01T00:00:00Z')) stored,
  fragile boolean not null, nickname text collate "C", tags text[] not null, sizes integer[], shades text[] not null,
  related uuid[], meta jsonb, seller_id uuid, parent_id uuid);
create table phoenix.market_reviews (
  id uuid primary key, tenant_id uuid not null, item_id uuid not null, stars integer not null, body text not null,
  at timestamptz not null, hidden boolean not null);
create table phoenix.market_vaults (
  id uuid primary key, tenant_id uuid not null, name text collate "C" not null, code text not null, level integer);
create table phoenix.market_media (
  id uuid primary key, tenant_id uuid not null, type text collate "C" not null check (type in ('Photo', 'Film')),
  title text collate "C" not null, width integer, minutes integer, item_id uuid not null);
create view phoenix.market_named with (security_invoker = true) as
  select id, tenant_id, name, 'Seller'::text collate "C" as row_type from phoenix.market_sellers
  union all select id, tenant_id, name, 'Item' from phoenix.market_items
  union all select id, tenant_id, name, 'Vault' from phoenix.market_vaults;
create view phoenix.market_anything with (security_invoker = true) as
  select id, tenant_id, 'Item'::text collate "C" as row_type from phoenix.market_items
  union all select id, tenant_id, 'Seller' from phoenix.market_sellers
  union all select id, tenant_id, 'Review' from phoenix.market_reviews
  union all select id, tenant_id, type from phoenix.market_media;
create function phoenix.market_worth(stock integer, price numeric) returns numeric language sql immutable
  as $$ select stock * price $$;
create function phoenix.market_label(name text, prefix text, times integer, loud boolean) returns text
  language sql stable as $$
    select case when loud then upper(repeat(prefix, coalesce(times, 0)) || name)
                else repeat(prefix, coalesce(times, 0)) || name end $$;
create function phoenix.market_review_open(hidden boolean) returns boolean language sql immutable
  as $$ select not hidden $$;
do $$
declare name text; spec text;
begin
  foreach name in array array['sellers', 'items', 'reviews', 'vaults', 'media'] loop
    execute format('alter table phoenix.market_%I enable row level security', name);
    execute format('create policy wall on phoenix.market_%I to phoenix_tenant
      using (tenant_id = current_setting(''phoenix.tenant_id'')::uuid)', name);
    execute format('create policy platform on phoenix.market_%I to phoenix_platform using (true)', name);
    execute format('create index on phoenix.market_%I (tenant_id, id)', name);
  end loop;
  foreach spec in array array['sellers (%sname, id)', 'items (%sname, id)', 'items (%skind, id)',
    'items (%sprice_key, id)', 'items (%sstock, id)', 'items (%slisted_at, id)', 'items (%ssold_key, id)',
    'items (%sfragile, id)', 'items (%skind, listed_at, id)', 'items (%sfragile, stock, name, id)',
    'reviews (%sstars, id)', 'reviews (%sat, id)', 'vaults (%sname, id)', 'media (%stitle, id)'] loop
    execute 'create index on phoenix.market_' || format(spec, '');
    execute 'create index on phoenix.market_' || format(spec, 'tenant_id, ');
  end loop;
  grant select on phoenix.market_sellers, phoenix.market_items, phoenix.market_reviews, phoenix.market_vaults,
    phoenix.market_media, phoenix.market_named, phoenix.market_anything to phoenix_tenant, phoenix_platform;
end $$;
create index on phoenix.market_items (seller_id);
create index on phoenix.market_reviews (item_id);
create index on phoenix.market_media (item_id);
)";

class Market : public World {
 public:
  static constexpr int kItems = 60;
  static constexpr int kSellers = 9;
  static constexpr int kReviews = 120;

  explicit Market(std::uint64_t seed = 7) : dice(seed) {
    db.exec(kMarketTables);
    for (int tenant : {1, 2}) fill(tenant);
    db.exec("analyze");
    registry.mutation("ring", [](MutationContext&, json::object) { return rung(); });
    registry.field_by_row("Item.rank", {"id", "stock"}, [this](FieldBatch& batch) { return item_ranks(batch); });
    registry.field(
        "Item.slow", {"id"}, [this](FieldBatch& batch) { return never(batch); }, std::chrono::milliseconds(20));
    registry.field("Seller.rank", {"name"}, [this](FieldBatch& batch) { return seller_ranks(batch); });
    registry.field("Review.mood", {"stars"}, [this](FieldBatch& batch) { return moods(batch); });
    GraphqlService::Limits limits;
    limits.document = {.max_fields = 100'000, .max_aliases = 10'000};
    limits.compile.max_cost = 1'000'000'000;
    serve({"market.graphql", kMarketSdl}, limits);
  }

  /// The n-th id of a kind; kinds of the second tenant begin with 2. Ids are not in the order of n.
  static std::string id_of(int tenant, int kind, int n) {
    return fmt::format("{}{}{:06}-0000-7000-8000-{:012}", tenant, kind, n * 7919 % 1'000'000, n);
  }
  static std::string tenant_id(int tenant) {
    return fmt::format("{:08}-0000-7000-8000-000000000000", tenant * 10000000);
  }

  RequestContext context(int tenant, Role role = Role::kTenantMember) const {
    auto out = request(role);
    if (tenant != 0) out.tenant = *Uuid::parse(tenant_id(tenant));
    return out;
  }
  std::string run(RequestContext of, std::string query, const json::object& variables = {}) {
    return answer(std::move(of), {.query = std::move(query), .variables = variables});
  }

  /// What the resolvers say, for whoever wants to know it without them.
  static std::optional<std::int64_t> item_rank(std::int64_t stock, std::int64_t base) {
    if (stock % 5 == 0) return std::nullopt;
    return stock + base;
  }
  static bool item_rank_fails(std::int64_t stock) { return stock % 7 == 3; }
  static std::int64_t seller_rank(std::string_view name) { return static_cast<std::int64_t>(name.size()); }

  SeededRandom dice;
  std::map<std::string, int> calls;  ///< of each resolver

 private:
  static asio::awaitable<Result<json::object>> rung() { co_return json::object{{"rung", true}}; }
  asio::awaitable<Result<RowResults>> item_ranks(FieldBatch& batch) {
    ++calls["Item.rank"];
    const auto base = batch.args.at("base").is_null() ? 0 : batch.args.at("base").to_number<std::int64_t>();
    RowResults out;
    for (const json::object& row : batch.rows) {
      const auto stock = row.at("stock").to_number<std::int64_t>();
      if (item_rank_fails(stock)) {
        out.emplace_back(Error(Code::kUnavailable, "market.no_rank", "This one has no rank today."));
        continue;
      }
      const auto rank = item_rank(stock, base);
      out.emplace_back(rank ? json::value(*rank) : json::value());
    }
    co_return out;
  }
  asio::awaitable<Result<std::vector<json::value>>> never(FieldBatch& batch) {
    ++calls["Item.slow"];
    asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
    co_return std::vector<json::value>(batch.rows.size());
  }
  asio::awaitable<Result<std::vector<json::value>>> seller_ranks(FieldBatch& batch) {
    ++calls["Seller.rank"];
    std::vector<json::value> out;
    for (const json::object& row : batch.rows)
      out.emplace_back(seller_rank(std::string_view(row.at("name").as_string())));
    co_return out;
  }
  asio::awaitable<Result<std::vector<json::value>>> moods(FieldBatch& batch) {
    ++calls["Review.mood"];
    std::vector<json::value> out;
    for (const json::object& row : batch.rows) {
      const auto stars = row.at("stars").to_number<std::int64_t>();
      if (stars == 3)
        out.emplace_back(nullptr);
      else
        out.emplace_back(json::object{{"word", stars > 3 ? "good" : "bad"}, {"stars", stars}});
    }
    co_return out;
  }

  /// SQL of one of these, or null.
  std::string maybe(std::uint64_t one_in, const std::string& sql) { return dice.chance(1, one_in) ? "null" : sql; }
  std::string pick(std::initializer_list<std::string_view> of) {
    return std::string(of.begin()[dice.below(of.size())]);
  }

  void fill(int tenant) {
    const std::string owner = tenant_id(tenant);
    const std::string mark = tenant == 1 ? "own" : "SECRET";
    std::string sellers;
    std::string items;
    std::string reviews;
    std::string vaults;
    std::string media;
    const auto row = [](std::string& into, const std::string& values) {
      into += (into.empty() ? "(" : ", (") + values + ")";
    };
    for (int i = 0; i < kSellers; ++i)
      row(sellers, fmt::format("'{}', '{}', '{} {} {}', '{}', {}, '{} contact {}'", id_of(tenant, 1, i), owner, mark,
                               pick({"Ann", "Bob", "ann", "Cyd", "50%_", "zoë"}), dice.below(4),
                               pick({"north", "south", "North"}),
                               maybe(4, fmt::format("{}.{:02}", dice.below(5), dice.below(100))), mark, i));
    for (int i = 0; i < kItems; ++i) {
      std::string related;
      for (std::uint64_t n = dice.below(3); n > 0; --n)
        related +=
            fmt::format("{}'{}'::uuid", related.empty() ? "" : ", ", id_of(tenant, 2, static_cast<int>(dice.below(6))));
      std::string sizes;
      for (std::uint64_t n = dice.below(4); n > 0; --n)
        sizes += fmt::format("{}{}", sizes.empty() ? "" : ", ", dice.below(5));
      row(items,
          fmt::format(
              "'{}', '{}', '{} {} {}', '{}', {}.{:02}, {}, {}, timestamptz '2026-01-01T00:00:00Z' + interval '{} "
              "hours' + "
              "interval '{} microseconds', {}, {}, {}, array[{}]::text[], {}, array[{}]::text[], {}, {}, {}, {}",
              id_of(tenant, 2, i), owner, mark, pick({"lamp", "Lamp", "a_b", "100%", "cup"}), dice.below(6),
              pick({"BOOK", "TOY", "FOOD"}), dice.below(30), dice.below(3) * 45, dice.below(12),
              maybe(4, fmt::format("{}.{}", dice.below(5), dice.chance(1, 2) ? 5 : 25)), dice.below(20), dice.below(3),
              maybe(2, fmt::format("timestamptz '2026-06-0{}T12:00:00.5Z'", 1 + dice.below(5))), dice.chance(1, 3),
              maybe(3, fmt::format("'{}{}'", pick({"Nick", "nick\" \\ é", "%"}), dice.below(3))),
              pick({"", "'new'", "'new', 'hot'", "'hot', 'old', 'new'"}), maybe(3, "array[" + sizes + "]::int[]"),
              pick({"", "'TOY'", "'BOOK', 'TOY'"}), maybe(3, "array[" + related + "]::uuid[]"),
              maybe(3, fmt::format("'{{\"size\": {}, \"deep\": {{\"mark\": \"{}\"}}, \"list\": [1, 2.5, null]}}'",
                                   dice.below(3), mark)),
              maybe(5, "'" + id_of(tenant, 1, static_cast<int>(dice.below(kSellers))) + "'"),
              maybe(2, "'" + id_of(tenant, 2, static_cast<int>(dice.below(kItems))) + "'")));
    }
    for (int i = 0; i < kReviews; ++i)
      row(reviews,
          fmt::format("'{}', '{}', '{}', {}, '{} {}', timestamptz '2026-02-01T00:00:00Z' + interval '{} minutes', {}",
                      id_of(tenant, 3, i), owner, id_of(tenant, 2, static_cast<int>(dice.below(kItems / 2))),
                      1 + dice.below(5), mark, pick({"fine", "Fine thing", "poor"}), dice.below(40),
                      dice.chance(1, 3)));
    for (int i = 0; i < 4; ++i)
      row(vaults, fmt::format("'{}', '{}', '{} vault {}', '{} code', {}", id_of(tenant, 4, i), owner, mark, i, mark,
                              maybe(3, "7")));
    for (int i = 0; i < 40; ++i) {
      const bool photo = dice.chance(1, 2);
      row(media, fmt::format("'{}', '{}', '{}', '{} pic {}', {}, {}, '{}'", id_of(tenant, 5, i), owner,
                             photo ? "Photo" : "Film", mark, dice.below(8), photo ? "640" : "null",
                             photo ? "null" : "90", id_of(tenant, 2, static_cast<int>(dice.below(kItems)))));
    }
    db.exec("insert into phoenix.market_sellers values " + sellers);
    db.exec(
        "insert into phoenix.market_items (id, tenant_id, name, kind, price, stock, weight, listed_at, sold_at, "
        "fragile, "
        "nickname, tags, sizes, shades, related, meta, seller_id, parent_id) values " +
        items);
    db.exec("insert into phoenix.market_reviews values " + reviews);
    db.exec("insert into phoenix.market_vaults values " + vaults);
    db.exec("insert into phoenix.market_media values " + media);
  }
};

}  // namespace phx::api::testing
