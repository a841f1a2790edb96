#pragma once
/// GraphQL over WebSocket, subprotocol graphql-transport-ws, at /graphql: queries, mutations and subscriptions.
///
/// connection_init carries {"tenant": …, "token": …}; without a token the cookie of the upgrade serves. Each operation
/// runs as a task of the connection; each subscription holds a place in the event log, not a queue: one that cannot
/// keep up waits for its socket, and the feed gives it a RESYNC when it fell too far behind. The queue of outgoing
/// messages is bounded, and a peer that takes nothing is cut off by the socket's write time-out.
///
/// Close codes: 4400 malformed message, 4401 subscribe before connection_ack, 4403 the proof or tenant is refused,
/// expired or revoked, 4408 no connection_init in time, 4409 operation id in use, 4429 second connection_init, or too
/// many operations. Bare 4400 … are not retried by clients; 1013 (server busy) is.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "api/context.hpp"
#include "api/middleware.hpp"
#include "api/service.hpp"
#include "base/task_scope.hpp"
#include "engine/events.hpp"
#include "net/websocket.hpp"

namespace phx::api {

class GraphqlWebSocket {
 public:
  struct Limits {
    std::chrono::milliseconds init_timeout{10'000};
    std::size_t max_operations = 100;
    std::size_t max_messages = 256;
    std::size_t max_bytes = 4 << 20;
    /// Pause before events whose objects could not be read are tried again.
    std::chrono::milliseconds retry_pause{500};
    /// How often an open connection's right to its tenant is looked up anew.
    std::chrono::milliseconds recheck{60'000};
    std::chrono::milliseconds operation_timeout{30'000};
  };

  GraphqlWebSocket(GraphqlService& service, Authenticator& authenticator, TenantDirectory& tenants,
                   engine::EventFeed& feed, UuidSource& ids, const Clock& clock)
      : GraphqlWebSocket(service, authenticator, tenants, feed, ids, clock, Limits()) {}
  GraphqlWebSocket(GraphqlService& service, Authenticator& authenticator, TenantDirectory& tenants,
                   engine::EventFeed& feed, UuidSource& ids, const Clock& clock, Limits limits);
  /// Connections must have ended (the server drained).
  ~GraphqlWebSocket();

  /// The upgrade at /graphql.
  void install(Router& router);

  /// Hooks for identity and tenancy: what was proved by this session or token, or this user's right to the tenant, is
  /// gone. Open connections are closed with 4403.
  void revoke_session(const Uuid& session);
  void revoke_member(const Uuid& user, const Uuid& tenant);
  std::size_t connections() const { return open_.size(); }

 private:
  struct Connection;
  struct Operation;
  asio::awaitable<net::UpgradeDecision> upgrade(HttpCall call);
  asio::awaitable<void> serve(net::WebSocket& socket, net::Request proof, Principal principal);
  asio::awaitable<void> receive(Connection& connection);
  asio::awaitable<void> on_message(Connection& connection, std::string text);
  asio::awaitable<void> on_init(Connection& connection, boost::json::object payload);
  asio::awaitable<void> on_subscribe(Connection& connection, std::string id, boost::json::object payload);
  asio::awaitable<void> run_operation(Connection& connection, std::shared_ptr<Operation> operation,
                                      GraphqlRequest request);
  asio::awaitable<void> run_subscription(Connection& connection, std::shared_ptr<Operation> operation,
                                         std::unique_ptr<LiveQuery> live);
  asio::awaitable<void> send(Connection& connection, std::string text);
  asio::awaitable<Result<RequestContext>> enter(Connection& connection);
  asio::awaitable<void> watch(Connection& connection);
  asio::awaitable<void> init_deadline(Connection& connection);
  asio::awaitable<void> close(Connection& connection, std::uint16_t code, std::string reason);
  RequestContext fresh_context(const Connection& connection);

  GraphqlService& service_;
  Authenticator& authenticator_;
  TenantDirectory& tenants_;
  engine::EventFeed& feed_;
  UuidSource& ids_;
  const Clock& clock_;
  Limits limits_;
  std::list<Connection*> open_;
};

}  // namespace phx::api
