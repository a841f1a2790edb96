#pragma once
/// The world of fleet_sdl.hpp with its tables in a real database, two tenants in it, and handlers that work. For
/// *_pgtest files only.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "api/testing/fleet_sdl.hpp"
#include "api/testing/world.hpp"
#include "engine/events.hpp"

namespace phx::api::testing {

namespace json = boost::json;
using namespace std::chrono_literals;

inline constexpr std::string_view kFleetTables = R"(
create table phoenix.test_accounts (id uuid primary key, name text not null);
create table phoenix.test_ports (
  id uuid primary key, tenant_id uuid not null, name text collate "C" not null);
create table phoenix.test_ships (
  id uuid primary key, tenant_id uuid not null, name text collate "C" not null, kind text collate "C" not null,
  tonnage integer not null, distance bigint, speed double precision, armed boolean not null default false,
  launched_at timestamptz not null, retired_at timestamptz, nickname text, cargo jsonb,
  flags text[] not null default '{}', port_id uuid, flagship_id uuid, orders text, version integer not null default 1,
  constraint test_ships_name_key unique (tenant_id, name));
create table phoenix.test_crates (
  id uuid primary key, tenant_id uuid not null, label text collate "C" not null, grams bigint not null,
  ship_id uuid not null);
create index on phoenix.test_ships (tenant_id, name, id);
create index on phoenix.test_crates (tenant_id, ship_id);
create index on phoenix.test_crates (ship_id);
create index on phoenix.test_ships (port_id);
do $$
declare spec text;
begin
  foreach spec in array array['ports (%sid)', 'ports (%sname, id)', 'ships (%sid)', 'ships (%sname, id)',
    'ships (%skind, id)', 'ships (%stonnage, id)', 'ships (%slaunched_at, id)', 'crates (%sid)',
    'crates (%slabel, id)', 'crates (%sgrams, id)'] loop
    execute 'create index on phoenix.test_' || format(spec, '');
    execute 'create index on phoenix.test_' || format(spec, 'tenant_id, ');
  end loop;
end $$;
do $$
declare name text;
begin
  foreach name in array array['test_ports', 'test_ships', 'test_crates'] loop
    execute format('alter table phoenix.%I enable row level security', name);
    execute format('create policy wall on phoenix.%I to phoenix_tenant
      using (tenant_id = current_setting(''phoenix.tenant_id'')::uuid)
      with check (tenant_id = current_setting(''phoenix.tenant_id'')::uuid)', name);
    execute format('create policy platform on phoenix.%I to phoenix_platform using (true) with check (true)', name);
    execute format('grant select, insert, update, delete on phoenix.%I to phoenix_tenant', name);
  end loop;
end $$;
alter table phoenix.test_accounts enable row level security;
create policy wall on phoenix.test_accounts to phoenix_tenant using (id = current_setting('phoenix.tenant_id')::uuid);
create policy platform on phoenix.test_accounts to phoenix_platform using (true) with check (true);
grant select on phoenix.test_accounts to phoenix_tenant;
)";

/// A readable UUID: the n-th of a kind. Kinds tell tenants and tables apart.
inline std::string id_of(int kind, int n) { return fmt::format("{:08d}-0000-7000-8000-{:012d}", kind, n); }

class Fleet : public World {
 public:
  Fleet() {
    db.exec(kFleetTables);
    for (int tenant : {1, 2}) {
      // Everything of the second tenant carries a mark that must never be seen by the first.
      const std::string mark = tenant == 1 ? "alpha" : "SECRET";
      const std::string owner = id_of(tenant, 0);
      db.exec(fmt::format("insert into phoenix.tenants (id, name, display_name) values ('{}', 'tenant-{}', '{}')",
                          owner, tenant, mark));
      db.exec(fmt::format("insert into phoenix.test_accounts values ('{}', '{} account')", owner, mark));
      for (int i = 1; i <= 3; ++i)
        db.exec(fmt::format("insert into phoenix.test_ports values ('{}', '{}', '{} port {}')",
                            id_of(tenant * 100 + 10, i), owner, mark, i));
      for (int i = 1; i <= 12; ++i)
        db.exec(fmt::format(
            "insert into phoenix.test_ships (id, tenant_id, name, kind, tonnage, distance, speed, armed, launched_at, "
            "retired_at, nickname, cargo, flags, port_id, flagship_id, orders) values ('{}', '{}', '{} ship {:02}', "
            "'{}', "
            "{}, {}, {}, {}, timestamptz '2026-01-01T00:00:00Z' + interval '{} hours' + interval '{} microseconds', "
            "{}, "
            "{}, '{{\"list\": [1, 2.5, null], \"mark\": \"{}\"}}', array['a', '{}'], {}, {}, '{} orders')",
            id_of(tenant * 100 + 20, i), owner, mark, i,
            i % 3 == 0   ? "TUG"
            : i % 3 == 1 ? "FERRY"
                         : "TANKER",
            i / 4, i % 4 == 0 ? "null" : std::to_string(i * 1000), i % 5 == 0 ? "null" : std::to_string(i) + ".25",
            i % 2 == 0, i / 2, i, i % 6 == 0 ? "timestamptz '2026-06-01T12:00:00.5+02'" : "null",
            i % 4 == 0 ? "null" : fmt::format("'{} \"nick\" \\ {} é \t'", mark, i), mark, mark,
            i % 4 == 3 ? "null" : "'" + id_of(tenant * 100 + 10, 1 + i % 3) + "'",
            i > 6 ? "'" + id_of(tenant * 100 + 20, 1) + "'" : "null", mark));
      for (int i = 1; i <= 20; ++i)
        db.exec(fmt::format("insert into phoenix.test_crates values ('{}', '{}', '{} crate {:02}', {}, '{}')",
                            id_of(tenant * 100 + 30, i), owner, mark, i, i * 7 % 11,
                            id_of(tenant * 100 + 20, 1 + i % 5)));
    }
    install();
    serve(assemble_fleet(registry));
  }

  RequestContext context(int tenant, Role role = Role::kTenantMember) {
    auto out = request(role);
    if (tenant != 0) out.tenant = *Uuid::parse(id_of(tenant, 0));
    out.principal.user_id = *Uuid::parse(id_of(900 + tenant, 1));
    out.remote_address = "192.0.2.1";
    return out;
  }

  std::string run(RequestContext of, std::string query, std::string variables = "{}",
                  std::optional<std::string> key = std::nullopt) {
    return answer(std::move(of), {.query = std::move(query),
                                  .variables = json::parse(variables).as_object(),
                                  .idempotency_key = std::move(key)});
  }
  /// The answer's tree; fails the test when there are errors.
  json::object data(RequestContext of, std::string query, std::string variables = "{}") {
    const std::string body = run(std::move(of), std::move(query), std::move(variables));
    json::object answer = json::parse(body).as_object();
    EXPECT_FALSE(answer.contains("errors")) << body;
    const auto* found = answer.if_contains("data");
    return found && found->is_object() ? found->as_object() : json::object();
  }
  /// extensions.reason of the first error, or "".
  std::string reason(RequestContext of, std::string query, std::string variables = "{}") {
    return reason_in(run(std::move(of), std::move(query), std::move(variables)));
  }
  static std::string reason_in(const std::string& body) {
    const json::object answer = json::parse(body).as_object();
    const auto* errors = answer.if_contains("errors");
    if (!errors) return "";
    return json::value_to<std::string>(errors->as_array().at(0).at("extensions").at("reason"));
  }

  int heading_calls = 0;
  int launch_aborts = 0;  ///< how often launchShip still fails with kAborted
  int commits = 0;

 private:
  static pg::Sql sql(std::string text) { return pg::Sql::dynamic("test", std::move(text)); }
  static std::string text(const json::object& args, std::string_view name) {
    return json::value_to<std::string>(args.at(name));
  }

  void install() {
    registry.mutation("launchShip",
                      [this](MutationContext& c, json::object args) { return launch(c, std::move(args)); });
    registry.mutation("renameShip",
                      [this](MutationContext& c, json::object args) { return rename(c, std::move(args)); });
    registry.mutation("sinkShip", [this](MutationContext& c, json::object args) { return sink(c, std::move(args)); });
    registry.mutation("setMotto", [this](MutationContext& c, json::object args) { return motto(c, std::move(args)); });
    registry.query("health", [this](QueryContext&, json::object) { return health(); });
    registry.query("eventCursor", [this](QueryContext&, json::object) { return health(); });
    registry.query("captain", [this](QueryContext& c, json::object args) { return captain(c, std::move(args)); });
    registry.query("whoAmI", [this](QueryContext& c, json::object) { return who(c); });
    registry.field("Ship.heading", {"id", "tonnage", "name", "launched_at", "cargo", "port_id"},
                   [this](FieldBatch& batch) { return headings(batch); });
    registry.on_commit([this] { ++commits; });
  }

  asio::awaitable<Result<json::object>> launch(MutationContext& c, json::object args) {
    const json::object input = args.at("input").as_object();
    const Uuid id = c.ids().next();
    auto params = pg::Params::of(id, *c.request().tenant, text(input, "name"), text(input, "kind"),
                                 input.at("tonnage").to_number<std::int32_t>(), c.clock().now());
    auto made = co_await c.tx().execute(sql("insert into phoenix.test_ships (id, tenant_id, name, kind, tonnage, "
                                            "launched_at) values ($1, $2, $3, $4, $5, $6)"),
                                        std::move(params));
    if (!made) {
      if (made.error().reason() == "pg.unique_violation")
        co_return Error(Code::kAlreadyExists, "ship.name_taken", "A ship has that name.").with_field("input.name");
      co_return made.error();
    }
    if (launch_aborts > 0) {
      --launch_aborts;
      co_return Error(Code::kAborted, "test.aborted", "again");
    }
    c.audit("Ship", id, nullptr, json::object{{"name", input.at("name")}});
    PHX_CO_CHECK(
        co_await c.record_event({.type = "Ship", .id = id, .kind = engine::ChangeKind::kCreated, .version = 1}));
    co_return json::object{{"ship", id.to_string()}, {"note", "launched"}};
  }
  asio::awaitable<Result<json::object>> rename(MutationContext& c, json::object args) {
    PHX_CO_TRY(Uuid id, Uuid::parse(text(args, "id")));
    auto params = pg::Params::of(id, text(args, "name"));
    PHX_CO_TRY(auto rows, co_await c.tx().execute(sql("update phoenix.test_ships set name = $2, version = version + 1 "
                                                      "where id = $1 returning version"),
                                                  std::move(params)));
    if (rows.empty()) co_return not_found("ship.not_found", "There is no such ship.");
    engine::Event event{
        .type = "Ship", .id = id, .kind = engine::ChangeKind::kUpdated, .version = rows.get<std::int32_t>(0, 0)};
    PHX_CO_CHECK(co_await c.record_event(std::move(event)));
    co_return json::object{{"ship", id.to_string()}};
  }
  asio::awaitable<Result<json::object>> sink(MutationContext& c, json::object args) {
    PHX_CO_TRY(Uuid id, Uuid::parse(text(args, "id")));
    PHX_CO_TRY(auto rows,
               co_await c.tx().execute(sql("delete from phoenix.test_ships where id = $1"), pg::Params::of(id)));
    if (rows.affected() == 0) co_return not_found("ship.not_found", "There is no such ship.");
    PHX_CO_CHECK(
        co_await c.record_event({.type = "Ship", .id = id, .kind = engine::ChangeKind::kDeleted, .version = 99}));
    co_return json::object{{"ship", id.to_string()}};
  }
  asio::awaitable<Result<json::object>> motto(MutationContext& c, json::object args) {
    EXPECT_EQ(c.tx().scope().role, pg::Role::kPlatform);
    co_return json::object{{"motto", args.at("motto")}};
  }
  asio::awaitable<Result<json::value>> health() {
    co_return json::object{{"status", "ok"}, {"timestamp", "2026-01-01T00:00:00Z"}, {"version", "1"}};
  }
  asio::awaitable<Result<json::value>> captain(QueryContext&, json::object args) {
    const std::string name = text(args, "name");
    if (name == "nobody") co_return not_found("captain.unknown", "There is no such captain.");
    json::array fleet;
    for (int i : {3, 1, 3}) fleet.emplace_back(id_of(120, i));
    if (name == "thief") fleet.emplace_back(id_of(220, 1));  // a ship of the other tenant
    co_return json::object{{"name", name}, {"ship", id_of(120, 2)}, {"fleet", fleet}};
  }
  asio::awaitable<Result<json::value>> who(QueryContext& c) { co_return json::string(c.request.principal.actor()); }
  asio::awaitable<Result<std::vector<json::value>>> headings(FieldBatch& batch) {
    ++heading_calls;
    std::vector<json::value> out;
    for (const json::object& row : batch.rows) {
      const auto tonnage = row.at("tonnage").to_number<std::int64_t>();
      if (tonnage == 3)
        out.emplace_back(nullptr);
      else
        out.emplace_back(json::object{{"degrees", tonnage * 10}, {"label", row.at("name")}});
    }
    co_return out;
  }
};

}  // namespace phx::api::testing
