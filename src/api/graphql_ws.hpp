#pragma once
/// GraphQL over WebSocket, subprotocol graphql-transport-ws, at /graphql: queries, mutations and subscriptions.
///
/// connection_init carries {"tenant": …, "token": …}; without a token the cookie of the upgrade serves. Each operation
/// runs as a task of the connection; each subscription holds a place in the event log, not a queue: one that cannot
/// keep up waits for its socket, lists skip to the newest page, and the feed gives a RESYNC to who fell too far behind.
/// The queue of outgoing messages is bounded; a peer that takes nothing is closed with 1013 "subscriber.too_slow", and
/// cut off by the socket's write time-out if it does not even take that.
///
/// Close codes: 4400 malformed message, 4401 subscribe before connection_ack, 4403 the proof or tenant is refused,
/// expired or revoked (live_connections.hpp), 4408 no connection_init in time, 4409 operation id in use, 4429 second
/// connection_init, or too many operations. Bare 4400 … are not retried by clients; 1013 (server busy) is.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "api/context.hpp"
#include "api/known_documents.hpp"
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
    std::size_t max_messages = 256;
    std::size_t max_bytes = 4 << 20;
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
  /// Connections must have ended (the server drained).
  ~GraphqlWebSocket();

  /// The upgrade at /graphql.
  void install(Router& router);

  std::size_t connections() const { return open_.size(); }
  /// Those of them that this end has decided to close: the peer may not know yet.
  std::size_t closing() const;

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
  asio::awaitable<void> give_patience(Connection& connection);
  asio::awaitable<Result<RequestContext>> enter(Connection& connection);
  asio::awaitable<void> watch(Connection& connection);
  asio::awaitable<void> init_deadline(Connection& connection);
  asio::awaitable<void> close(Connection& connection, std::uint16_t code, std::string reason);
  RequestContext fresh_context(const Connection& connection);

  GraphqlService& service_;
  Authenticator& authenticator_;
  TenantDirectory& tenants_;
  LiveConnections& live_;
  KnownDocuments& documents_;
  engine::EventFeed& feed_;
  UuidSource& ids_;
  Limits limits_;
  std::list<Connection*> open_;
};

}  // namespace phx::api
