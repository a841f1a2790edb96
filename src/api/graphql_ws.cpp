#include "api/graphql_ws.hpp"

#include <fmt/format.h>
#include <boost/asio/this_coro.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <exception>

#include "api/graphql_http.hpp"
#include "base/log.hpp"

namespace phx::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kProtocol = "graphql-transport-ws";
constexpr std::uint16_t kMalformed = 4400, kUnauthorized = 4401, kForbidden = 4403, kInitTimeout = 4408,
                        kIdInUse = 4409, kTooMany = 4429;

std::string message(std::string_view id, std::string_view type, std::string_view payload = {}) {
  std::string out = "{";
  if (!id.empty()) {
    out += "\"id\":";
    graphql::write_json_string(out, id);
    out += ',';
  }
  out += "\"type\":\"";
  out += type;
  out += '"';
  if (!payload.empty()) {
    out += ",\"payload\":";
    out += payload;
  }
  return out + "}";
}

/// The list of errors in an answer's body, for messages of type error.
std::string errors_of(const GraphqlAnswer& answer) {
  return json::serialize(json::parse(answer.body).as_object().at("errors"));
}

const std::string* text_member(const json::object& object, std::string_view name, std::string& keep) {
  const json::value* value = object.if_contains(name);
  if (!value || !value->is_string()) return nullptr;
  keep = std::string_view(value->as_string());
  return &keep;
}

}  // namespace

struct GraphqlWebSocket::Operation {
  std::string id;
  bool done = false;  ///< completed by either side; its messages are dropped
  std::shared_ptr<engine::EventSubscription> subscription;

  void end() {
    done = true;
    if (subscription) subscription->close();
  }
};

struct GraphqlWebSocket::Connection {
  Connection(net::WebSocket& ws, asio::any_io_executor executor, const Limits& limits, net::Request upgrade,
             Principal who)
      : socket(ws),
        queue(ws, executor, limits.max_messages, limits.max_bytes),
        tasks(executor, "graphql-ws"),
        proof(std::move(upgrade)),
        principal(std::move(who)) {}

  net::WebSocket& socket;
  net::SendQueue queue;
  TaskScope tasks;
  net::Request proof;  ///< headers of the upgrade, to authenticate again
  std::optional<std::string> token;
  Principal principal;
  std::optional<std::string> tenant;
  RequestContext context;
  bool init_seen = false;
  bool acknowledged = false;
  bool closing = false;
  std::map<std::string, std::shared_ptr<Operation>, std::less<>> operations;
};

GraphqlWebSocket::GraphqlWebSocket(GraphqlService& service, Authenticator& authenticator, TenantDirectory& tenants,
                                   engine::EventFeed& feed, UuidSource& ids, const Clock& clock, Limits limits)
    : service_(service),
      authenticator_(authenticator),
      tenants_(tenants),
      feed_(feed),
      ids_(ids),
      clock_(clock),
      limits_(limits) {}

GraphqlWebSocket::~GraphqlWebSocket() = default;

void GraphqlWebSocket::install(Router& router) {
  router.upgrade("/graphql", Auth::kOptional, [this](HttpCall call) { return upgrade(std::move(call)); });
}

asio::awaitable<net::UpgradeDecision> GraphqlWebSocket::upgrade(HttpCall call) {
  if (!call.http.headers.has_token("Sec-WebSocket-Protocol", kProtocol))
    co_return net::error_response(
        Error(Code::kInvalidArgument, "websocket.subprotocol", "The subprotocol here is graphql-transport-ws."));
  net::WebSocketSession session;
  session.subprotocol = kProtocol;
  session.run = [this, proof = std::move(call.http), principal = std::move(call.principal)](net::WebSocket& socket) {
    return serve(socket, proof, principal);
  };
  co_return session;
}

asio::awaitable<void> GraphqlWebSocket::serve(net::WebSocket& socket, net::Request proof, Principal principal) {
  const auto executor = co_await asio::this_coro::executor;
  Connection connection(socket, executor, limits_, std::move(proof), std::move(principal));
  open_.push_back(&connection);
  connection.tasks.spawn("writer", connection.queue.run());
  connection.tasks.spawn("init", init_deadline(connection));
  std::exception_ptr thrown;
  try {
    co_await receive(connection);
  } catch (...) { thrown = std::current_exception(); }
  // Tasks hold references into the connection: they end before it does, whatever happens.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  connection.closing = true;
  open_.remove(&connection);
  for (auto& [id, operation] : connection.operations) operation->end();
  connection.queue.finish();
  co_await connection.tasks.stop();
  if (thrown) std::rethrow_exception(thrown);
}

asio::awaitable<void> GraphqlWebSocket::receive(Connection& connection) {
  for (;;) {
    auto received = co_await connection.socket.receive();
    if (!received) co_return;
    if (connection.closing) continue;  // the closing handshake is under way
    if (!received->text) {
      co_await close(connection, kMalformed, "Messages are text");
    } else {
      co_await on_message(connection, std::move(received->data));
    }
  }
}

asio::awaitable<void> GraphqlWebSocket::send(Connection& connection, std::string text) {
  // A full queue makes the sender wait: a subscriber its place in the log, the receiving side the client itself.
  (void)co_await connection.queue.push(std::make_shared<const std::string>(std::move(text)));
}

asio::awaitable<void> GraphqlWebSocket::on_message(Connection& connection, std::string text) {
  boost::system::error_code wrong;
  json::value parsed = json::parse(text, wrong);
  std::string type;
  if (wrong || !parsed.is_object() || !text_member(parsed.as_object(), "type", type)) {
    co_await close(connection, kMalformed, "Invalid message received");
    co_return;
  }
  json::object& object = parsed.as_object();
  json::object payload;
  if (auto* given = object.if_contains("payload"); given && !given->is_null()) {
    if (!given->is_object()) {
      co_await close(connection, kMalformed, "The payload must be an object");
      co_return;
    }
    payload = std::move(given->as_object());
  }
  std::string id;
  if (type == "ping") {
    co_await send(connection, message({}, "pong"));
  } else if (type == "pong") {
    // The socket itself notices dead peers.
  } else if (type == "connection_init") {
    co_await on_init(connection, std::move(payload));
  } else if (type == "subscribe") {
    if (!connection.acknowledged)
      co_await close(connection, kUnauthorized, "Unauthorized");
    else if (!text_member(object, "id", id) || id.empty() || id.size() > 200)
      co_await close(connection, kMalformed, "The id must be a text that is not empty");
    else
      co_await on_subscribe(connection, std::move(id), std::move(payload));
  } else if (type == "complete") {
    if (!text_member(object, "id", id)) {
      co_await close(connection, kMalformed, "The id must be a text");
    } else if (auto it = connection.operations.find(id); it != connection.operations.end()) {
      it->second->end();
      connection.operations.erase(it);
    }
  } else {
    co_await close(connection, kMalformed, "Unknown type of message");
  }
}

asio::awaitable<Result<RequestContext>> GraphqlWebSocket::enter(Connection& connection) {
  auto principal = connection.token ? co_await authenticator_.authenticate_token(*connection.token)
                                    : co_await authenticator_.authenticate(connection.proof);
  if (!principal) co_return principal.error();
  if (!principal->authenticated())
    co_return Error(Code::kUnauthenticated, "auth.required", "Sign in first, or send a token.");
  connection.principal = *principal;
  co_return co_await enter_scope(tenants_, std::move(*principal), connection.tenant, ids_.next().to_string(),
                                 connection.proof.peer.address, Deadline::after(limits_.operation_timeout));
}

asio::awaitable<void> GraphqlWebSocket::on_init(Connection& connection, json::object payload) {
  if (connection.init_seen) {
    co_await close(connection, kTooMany, "Too many initialisation requests");
    co_return;
  }
  connection.init_seen = true;
  std::string text;
  if (text_member(payload, "token", text)) connection.token = text;
  if (text_member(payload, "tenant", text) && !text.empty()) connection.tenant = text;
  auto context = co_await enter(connection);
  if (!context) {
    if (code_info(context.error().code()).retryable)
      co_await close(connection, net::CloseCode::kTryAgainLater, context.error().reason());
    else
      co_await close(connection, kForbidden, context.error().reason());
    co_return;
  }
  connection.context = std::move(*context);
  connection.acknowledged = true;
  connection.tasks.spawn("watch", watch(connection));
  co_await send(connection, message({}, "connection_ack"));
}

RequestContext GraphqlWebSocket::fresh_context(const Connection& connection) {
  RequestContext out = connection.context;
  out.request_id = ids_.next().to_string();
  out.deadline = Deadline::after(limits_.operation_timeout);
  return out;
}

asio::awaitable<void> GraphqlWebSocket::on_subscribe(Connection& connection, std::string id, json::object payload) {
  if (connection.operations.contains(id)) {
    co_await close(connection, kIdInUse, fmt::format("Subscriber for {} already exists", id));
    co_return;
  }
  if (connection.operations.size() >= limits_.max_operations) {
    co_await close(connection, kTooMany, "Too many operations");
    co_return;
  }
  GraphqlRequest request;
  std::string text;
  const auto* variables = payload.if_contains("variables");
  const auto* name = payload.if_contains("operationName");
  const bool well_formed = text_member(payload, "query", request.query) &&
                           (!variables || variables->is_null() || variables->is_object()) &&
                           (!name || name->is_null() || name->is_string());
  if (!well_formed) {
    co_await close(connection, kMalformed, "The payload needs a query, and variables as an object");
    co_return;
  }
  if (variables && variables->is_object()) request.variables = variables->as_object();
  if (text_member(payload, "operationName", text) && !text.empty()) request.operation_name = text;

  auto operation = std::make_shared<Operation>();
  operation->id = id;
  if (!service_.is_subscription(request)) {
    connection.operations.emplace(std::move(id), operation);
    connection.tasks.spawn("operation", run_operation(connection, std::move(operation), std::move(request)));
    co_return;
  }
  auto opened = service_.open(connection.tasks.executor(), fresh_context(connection), std::move(request));
  if (!opened) {
    co_await send(connection, message(id, "error", errors_of(opened.error())));
    co_return;
  }
  operation->subscription = feed_.subscribe((*opened)->filter(), (*opened)->after());
  connection.operations.emplace(std::move(id), operation);
  connection.tasks.spawn("subscription", run_subscription(connection, std::move(operation), std::move(*opened)));
}

asio::awaitable<void> GraphqlWebSocket::run_operation(Connection& connection, std::shared_ptr<Operation> operation,
                                                      GraphqlRequest request) {
  const GraphqlAnswer answer = co_await service_.execute(fresh_context(connection), std::move(request));
  if (operation->done) co_return;
  operation->done = true;
  connection.operations.erase(operation->id);
  if (!answer.executed) {
    co_await send(connection, message(operation->id, "error", errors_of(answer)));
    co_return;
  }
  co_await send(connection, message(operation->id, "next", answer.body));
  co_await send(connection, message(operation->id, "complete"));
}

asio::awaitable<void> GraphqlWebSocket::run_subscription(Connection& connection, std::shared_ptr<Operation> operation,
                                                         std::unique_ptr<LiveQuery> live) {
  const std::shared_ptr<engine::EventSubscription> events = operation->subscription;
  while (!operation->done) {
    auto batch = co_await events->next();
    if (operation->done) co_return;
    if (!batch) {
      if (batch.error().reason() == "event.closed") co_return;
      log_error("api.subscription_waits", batch.error());
      co_await sleep_for(limits_.retry_pause);
      continue;
    }
    Result<LiveQuery::Messages> messages = co_await live->messages(*batch);
    while (!messages && !operation->done) {
      log_error("api.subscription_waits", messages.error());
      co_await sleep_for(limits_.retry_pause);
      messages = co_await live->messages(*batch);
    }
    for (std::size_t i = 0; messages && i < messages->size() && !operation->done; ++i)
      co_await send(connection, message(operation->id, "next", *(*messages)[i]));
  }
}

asio::awaitable<void> GraphqlWebSocket::init_deadline(Connection& connection) {
  co_await sleep_for(limits_.init_timeout);
  if (!connection.init_seen) co_await close(connection, kInitTimeout, "Connection initialisation timeout");
}

asio::awaitable<void> GraphqlWebSocket::watch(Connection& connection) {
  for (;;) {
    std::chrono::microseconds pause = limits_.recheck;
    if (connection.principal.expires_at)
      pause = std::clamp<std::chrono::microseconds>(*connection.principal.expires_at - clock_.now(),
                                                    std::chrono::milliseconds(1), pause);
    co_await sleep_for(pause);
    if (connection.principal.expires_at && *connection.principal.expires_at <= clock_.now()) {
      co_await close(connection, kForbidden, "auth.expired");
      co_return;
    }
    auto context = co_await enter(connection);
    if (!context) {
      if (code_info(context.error().code()).retryable) continue;  // the database's trouble is not the client's fault
      co_await close(connection, kForbidden, context.error().reason());
      co_return;
    }
    if (context->role != connection.context.role) {
      // What is open was authorised for the old role; the client comes back and is judged by the new one.
      co_await close(connection, net::CloseCode::kTryAgainLater, "auth.role_changed");
      co_return;
    }
  }
}

asio::awaitable<void> GraphqlWebSocket::close(Connection& connection, std::uint16_t code, std::string reason) {
  if (connection.closing) co_return;
  connection.closing = true;
  for (auto& [id, operation] : connection.operations) operation->end();
  co_await connection.socket.close(code, std::move(reason));
}

void GraphqlWebSocket::revoke_session(const Uuid& session) {
  for (Connection* connection : open_)
    if (connection->principal.session_id == session)
      connection->tasks.spawn("revoked", close(*connection, kForbidden, "auth.revoked"));
}

void GraphqlWebSocket::revoke_member(const Uuid& user, const Uuid& tenant) {
  for (Connection* connection : open_)
    if (connection->principal.user_id == user && connection->context.tenant == tenant)
      connection->tasks.spawn("revoked", close(*connection, kForbidden, "tenant.not_found"));
}

}  // namespace phx::api
