#pragma once
/// A small world for the API's tests: SDL with every kind of column and relation, as a domain would write it. The
/// product's own SDL is not used here, so that its changes do not touch these tests.

#include <array>
#include <memory>
#include <string_view>

#include "api/assembly.hpp"
#include "api/sdl.gen.hpp"

namespace phx::api::testing {

inline constexpr std::string_view kFleetSdl = R"(
"A ship of a tenant."
type Ship @table(name: "test_ships") {
  id: ID!
  name: String! @sortable @filterable
  kind: ShipKind! @filterable @sortable
  tonnage: Int! @sortable @filterable
  distance: Int
  speed: Float
  armed: Boolean! @filterable
  launchedAt: DateTime! @sortable @filterable
  retiredAt: DateTime @filterable
  nickname: String @filterable
  cargo: JSON
  flags: [String!]!
  homeId: ID @column(name: "port_id") @filterable
  home: Port @one(key: "port_id")
  flagship: Ship @one(key: "flagship_id")
  crates: CrateConnection! @many(key: "ship_id")
  orders: String @requires(role: TENANT_ADMIN) @filterable
  heading: Heading @resolver
  tenant: Account! @one(key: "tenant_id")
}

enum ShipKind {
  TUG
  FERRY
  TANKER
}

type Heading {
  degrees: Int!
  label: String!
}

type Port @table(name: "test_ports") {
  id: ID!
  name: String! @sortable @filterable
  ships: ShipConnection! @many(key: "port_id")
}

type Crate @table(name: "test_crates") {
  id: ID!
  label: String! @sortable @filterable
  weight: Int! @column(name: "grams") @sortable
  ship: Ship! @one(key: "ship_id")
}

type Account @table(name: "test_accounts") {
  id: ID!
  name: String!
}

type Captain {
  name: String!
  ship: Ship
  fleet: [Ship!]!
}

extend type Query {
  ships: ShipConnection! @connection
  ship: Ship @byId
  ports: PortConnection! @connection
  port: Port @byId
  crates: CrateConnection! @connection
  secretShips: ShipConnection! @connection @requires(role: TENANT_OWNER)
  accounts: AccountConnection! @connection @requires(role: PLATFORM_ADMIN)
  captain(name: String!): Captain! @resolver
  whoAmI: String! @userScope @resolver
}

input LaunchInput {
  name: String!
  kind: ShipKind = TUG
  tonnage: Int = 100
}

type ShipPayload {
  ship: Ship!
  note: String
}

extend type Mutation {
  launchShip(input: LaunchInput!, idempotencyKey: String): ShipPayload! @stepUp(maxAge: 600) @requires(role: TENANT_MEMBER)
  renameShip(id: ID!, name: String!, idempotencyKey: String): ShipPayload! @requires(role: TENANT_MEMBER)
  sinkShip(id: ID!, idempotencyKey: String): ShipPayload @requires(role: TENANT_ADMIN)
  setMotto(motto: String!, idempotencyKey: String): MottoPayload! @userScope
}

type MottoPayload {
  motto: String!
}

extend type Subscription {
  shipChanged(id: ID, after: String): ShipChange! @changes(of: "Ship")
  ships: ShipConnection! @connection
}
)";

/// A registry of handlers that are never called, for tests without a database.
inline void register_idle(Registry& registry) {
  const MutationHandler mutation = [](MutationContext&,
                                      boost::json::object) -> asio::awaitable<Result<boost::json::object>> {
    co_return boost::json::object();
  };
  for (const char* name : {"launchShip", "renameShip", "sinkShip", "setMotto"}) registry.mutation(name, mutation);
  const QueryHandler query = [](QueryContext&, boost::json::object) -> asio::awaitable<Result<boost::json::value>> {
    co_return nullptr;
  };
  for (const char* name : {"health", "eventCursor", "captain", "whoAmI"}) registry.query(name, query);
  registry.field("Ship.heading", {"tonnage", "name"},
                 [](FieldBatch& batch) -> asio::awaitable<Result<std::vector<boost::json::value>>> {
                   co_return std::vector<boost::json::value>(batch.rows.size());
                 });
}

inline Result<std::unique_ptr<ApiSchema>> assemble_fleet(const Registry& registry, std::string_view more = {}) {
  std::array<graphql::SdlSource, 3> sources{
      {{"base.graphql", sdl::api::base}, {"fleet.graphql", kFleetSdl}, {"more.graphql", more}}};
  return ApiSchema::assemble(sources, registry);
}

}  // namespace phx::api::testing
