#pragma once
/// GraphQL over WebSocket, subprotocol graphql-transport-ws, at /graphql: queries, mutations and subscriptions.
///
/// connection_init carries {"tenant": …, "token": …}, texts or null; without a token the cookie of the upgrade serves.
/// Queries and mutations run as tasks of the connection. A subscription takes a seat among its equals
/// (live_broadcast.hpp) and is told: it has no task of its own, and no queue but a place in the event log. One whose
/// socket has no room is told later: lists get the newest page alone, changes come from the log, and who fell too far
/// behind gets a RESYNC. The queue of outgoing messages is bounded; a peer that takes nothing is closed with 1013
/// "subscriber.too_slow", and cut off by the socket's write time-out if it does not even take that.
///
/// Close codes: 4400 malformed message, 4401 subscribe before connection_ack, 4403 the proof or tenant is refused,
/// expired or revoked (live_connections.hpp), 4408 no connection_init in time, 4409 operation id in use, 4429 second
/// connection_init, or too many operations. Bare 4400 … are not retried by clients; 1013 (server busy) is.

#include <boost/asio/awaitable.hpp>
#include <list>
#include <memory>
#include <string>

#include "api/context.hpp"
#include "api/known_documents.hpp"
#include "api/live_broadcast.hpp"
#include "api/live_connections.hpp"
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
    net::QueueLimits queue;
    /// Pause before events whose objects could not be read are tried again.
    std::chrono::milliseconds retry_pause{500};
    std::chrono::milliseconds operation_timeout{30'000};
    /// A client whose queue is full and who takes nothing for so long is asked to come back (1013).
    std::chrono::milliseconds patience{10'000};
  };

  GraphqlWebSocket(GraphqlService& service, Authenticator& authenticator, TenantDirectory& tenants,
                   LiveConnections& live, KnownDocuments& documents, engine::EventFeed& feed, UuidSource& ids)
      : GraphqlWebSocket(service, authenticator, tenants, live, documents, feed, ids, Limits()) {}
  GraphqlWebSocket(GraphqlService& service, Authenticator& authenticator, TenantDirectory& tenants,
                   LiveConnections& live, KnownDocuments& documents, engine::EventFeed& feed, UuidSource& ids,
                   Limits limits);
  /// Connections must have ended (the server drained), and stop() after them.
  ~GraphqlWebSocket();
  asio::awaitable<void> stop() { return broadcast_.stop(); }

  /// The upgrade at /graphql.
  void install(Router& router);

  std::size_t connections() const { return open_.size(); }
  /// Those of them that this end has decided to close: the peer may not know yet.
  std::size_t closing() const;

 private:
  struct Connection;
  struct Operation;
  asio::awaitable<net::UpgradeDecision> upgrade(HttpCall call);
  asio::awaitable<void> serve(net::WebSocket& socket, std::shared_ptr<net::Request> proof);
  asio::awaitable<void> on_message(Connection& connection, std::string text);
  asio::awaitable<void> on_init(Connection& connection, boost::json::object payload);
  asio::awaitable<void> on_subscribe(Connection& connection, std::string id, boost::json::object payload);
  asio::awaitable<void> run_operation(Connection& connection, std::shared_ptr<Operation> operation,
                                      GraphqlRequest request);
  asio::awaitable<Result<RequestContext>> enter(const net::Request& proof, std::optional<std::string> token,
                                                std::optional<std::string> tenant);
  asio::awaitable<void> send(Connection& connection, std::string text);
  void be_patient(Connection& connection);
  asio::awaitable<void> give_patience(Connection& connection);
  asio::awaitable<void> init_deadline(Connection& connection);
  asio::awaitable<void> close(Connection& connection, std::uint16_t code, std::string reason);
  RequestContext fresh_context(const Connection& connection);

  GraphqlService& service_;
  Authenticator& authenticator_;
  TenantDirectory& tenants_;
  LiveConnections& live_;
  KnownDocuments& documents_;
  UuidSource& ids_;
  Limits limits_;
  LiveBroadcast broadcast_;
  std::list<Connection*> open_;
};

}  // namespace phx::api
