#include "api/graphql_ws.hpp"

#include <fmt/format.h>
#include <boost/asio/this_coro.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <exception>

#include "api/graphql_http.hpp"
#include "api/graphql_request.hpp"
#include "api/live_query.hpp"
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
std::string errors_of(const std::string& body) { return json::serialize(json::parse(body).as_object().at("errors")); }

/// A text of connection_init's payload, where null is as good as nothing. What is no text must not count as nothing: a
/// client whose tenant went unread would act in another scope than it meant.
Status read_text(const json::object& payload, std::string_view name, std::optional<std::string>& into) {
  const json::value* value = payload.if_contains(name);
  if (!value || value->is_null()) return {};
  if (!value->is_string())
    return Error(Code::kInvalidArgument, "graphql.malformed_message", fmt::format("The {} must be a text", name));
  into = std::string_view(value->as_string());
  return {};
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
  std::optional<LiveConnection> live;
  std::size_t waiting = 0;  ///< senders who found the queue full
  std::uint64_t taken = 0;  ///< how many of them got through
  bool init_seen = false;
  bool acknowledged = false;
  bool closing = false;
  std::map<std::string, std::shared_ptr<Operation>, std::less<>> operations;
};

GraphqlWebSocket::GraphqlWebSocket(GraphqlService& service, Authenticator& authenticator, TenantDirectory& tenants,
                                   LiveConnections& live, KnownDocuments& documents, engine::EventFeed& feed,
                                   UuidSource& ids, Limits limits)
    : service_(service),
      authenticator_(authenticator),
      tenants_(tenants),
      live_(live),
      documents_(documents),
      feed_(feed),
      ids_(ids),
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
  // Sockets stay for hours, in great number: of the request only what proves who it is stays with them, and once. `run`
  // is called a single time, so it gives away what it holds.
  net::Request proof;
  proof.peer = std::move(call.http.peer);
  proof.deadline = call.http.deadline;
  for (const std::string_view name : {"Authorization", "Cookie"})
    for (const std::string_view value : call.http.headers.all(name)) proof.headers.add(name, value);
  session.run = [this, proof = std::move(proof), principal = std::move(call.principal)](
                    net::WebSocket& socket) mutable { return serve(socket, std::move(proof), std::move(principal)); };
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
  auto data = std::make_shared<const std::string>(std::move(text));
  if (connection.queue.offer(data)) co_return;
  // A full queue makes the sender wait: a subscriber its place in the log, the receiving side the client itself.
  if (connection.waiting++ == 0) connection.tasks.spawn("slow", give_patience(connection));
  if (co_await connection.queue.push(std::move(data))) ++connection.taken;
  --connection.waiting;
}

asio::awaitable<void> GraphqlWebSocket::give_patience(Connection& connection) {
  for (;;) {
    const std::uint64_t before = connection.taken;
    co_await sleep_for(limits_.patience);
    if (connection.waiting == 0) co_return;
    if (connection.taken != before) continue;
    log_event(LogLevel::kInfo, "api.subscriber_too_slow",
              {{"peer", connection.proof.peer.address}, {"waiting", connection.waiting}});
    co_await close(connection, net::CloseCode::kTryAgainLater, "subscriber.too_slow");
    co_return;
  }
}

asio::awaitable<void> GraphqlWebSocket::on_message(Connection& connection, std::string text) {
  auto parsed = read_message(text);
  if (!parsed) {
    co_await close(connection, kMalformed, parsed.error().message());
    co_return;
  }
  auto& [type, id, payload] = *parsed;
  if (type == "ping") {
    co_await send(connection, message({}, "pong"));
  } else if (type == "pong") {
    // The socket itself notices dead peers.
  } else if (type == "connection_init") {
    co_await on_init(connection, std::move(payload));
  } else if (type == "subscribe") {
    if (!connection.acknowledged)
      co_await close(connection, kUnauthorized, "Unauthorized");
    else if (id.empty() || id.size() > 200)
      co_await close(connection, kMalformed, "The id must be a text that is not empty");
    else
      co_await on_subscribe(connection, std::move(id), std::move(payload));
  } else if (type == "complete") {
    if (id.empty()) {
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
  for (auto [name, into] : {std::pair("token", &connection.token), std::pair("tenant", &connection.tenant)}) {
    if (const Status read = read_text(payload, name, *into); !read) {
      co_await close(connection, kMalformed, read.error().message());
      co_return;
    }
  }
  if (connection.tenant == "") connection.tenant.reset();
  auto context = co_await enter(connection);
  if (!context) {
    if (code_info(context.error().code()).retryable)
      co_await close(connection, net::CloseCode::kTryAgainLater, context.error().reason());
    else
      co_await close(connection, kForbidden, context.error().reason());
    co_return;
  }
  connection.context = std::move(*context);
  // Judged again by the LiveConnection, which takes over what proves the right.
  const net::Peer peer = connection.proof.peer;
  connection.live.emplace(
      live_, connection.tasks.executor(),
      LiveConnection::Right{std::move(connection.proof), std::move(connection.token), std::move(connection.principal),
                            connection.context.tenant, connection.context.role});
  connection.proof.peer = peer;
  connection.acknowledged = true;
  connection.tasks.spawn("watch", watch(connection));
  co_await send(connection, message({}, "connection_ack"));
}

std::size_t GraphqlWebSocket::closing() const {
  return static_cast<std::size_t>(std::ranges::count_if(open_, &Connection::closing));
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
  auto request = read_parameters(payload);
  if (!request) {
    co_await close(connection, kMalformed, request.error().message());
    co_return;
  }
  const KnownDocuments::Caller caller{.signed_in = true, .local = connection.proof.peer.local};
  if (Status known = documents_.resolve(*request, caller); !known) {
    co_await send(connection, message(id, "error", errors_of(error_body(known.error(), ids_.next().to_string()))));
    co_return;
  }

  auto operation = std::make_shared<Operation>();
  operation->id = id;
  if (!service_.is_subscription(*request)) {
    connection.operations.emplace(std::move(id), operation);
    connection.tasks.spawn("operation", run_operation(connection, std::move(operation), std::move(*request)));
    co_return;
  }
  auto opened = service_.open(connection.tasks.executor(), fresh_context(connection), std::move(*request));
  if (!opened) {
    co_await send(connection, message(id, "error", errors_of(opened.error().body)));
    co_return;
  }
  operation->subscription = feed_.subscribe((*opened)->filter(), (*opened)->after());
  connection.operations.emplace(std::move(id), operation);
  connection.tasks.spawn("subscription", run_subscription(connection, std::move(operation), std::move(*opened)));
}

asio::awaitable<void> GraphqlWebSocket::run_operation(Connection& connection, std::shared_ptr<Operation> operation,
                                                      GraphqlRequest request) {
  GraphqlAnswer answer = co_await service_.execute(fresh_context(connection), std::move(request));
  if (operation->done) co_return;
  operation->done = true;
  connection.operations.erase(operation->id);
  if (!answer.executed) {
    co_await send(connection, message(operation->id, "error", errors_of(answer.body)));
    co_return;
  }
  co_await send(connection, message(operation->id, "next", body_with_cost(std::move(answer))));
  co_await send(connection, message(operation->id, "complete"));
}

asio::awaitable<void> GraphqlWebSocket::run_subscription(Connection& connection, std::shared_ptr<Operation> operation,
                                                         std::unique_ptr<LiveQuery> live) {
  const std::shared_ptr<engine::EventSubscription> events = operation->subscription;
  Result<LiveQuery::Messages> messages = co_await live->begin(events->cursor());
  while (!messages && !operation->done) {
    log_error("api.subscription_waits", messages.error());
    co_await sleep_for(limits_.retry_pause);
    messages = co_await live->begin(events->cursor());
  }
  while (!operation->done) {
    for (std::size_t i = 0; i < messages->size() && !operation->done; ++i)
      co_await send(connection, message(operation->id, "next", *(*messages)[i].payload));
    auto batch = co_await events->next();
    if (operation->done) co_return;
    if (!batch) {
      if (batch.error().reason() == "event.closed") co_return;
      log_error("api.subscription_waits", batch.error());
      co_await sleep_for(limits_.retry_pause);
      messages = LiveQuery::Messages();
      continue;
    }
    messages = co_await live->messages(*batch);
    while (!messages && !operation->done) {
      log_error("api.subscription_waits", messages.error());
      co_await sleep_for(limits_.retry_pause);
      messages = co_await live->messages(*batch);
    }
  }
}

asio::awaitable<void> GraphqlWebSocket::init_deadline(Connection& connection) {
  co_await sleep_for(limits_.init_timeout);
  if (!connection.init_seen) co_await close(connection, kInitTimeout, "Connection initialisation timeout");
}

asio::awaitable<void> GraphqlWebSocket::watch(Connection& connection) {
  const LiveConnection::End end = co_await connection.live->ended();
  co_await close(connection, end.code, end.reason);
}

asio::awaitable<void> GraphqlWebSocket::close(Connection& connection, std::uint16_t code, std::string reason) {
  if (connection.closing) co_return;
  connection.closing = true;
  for (auto& [id, operation] : connection.operations) operation->end();
  co_await connection.socket.close(code, std::move(reason));
}

}  // namespace phx::api
