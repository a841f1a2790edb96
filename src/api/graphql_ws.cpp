#include "api/graphql_ws.hpp"

#include <fmt/format.h>
#include <boost/asio/this_coro.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <set>

#include "api/graphql_http.hpp"
#include "api/graphql_request.hpp"
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

struct GraphqlWebSocket::Operation final : LiveSubscriber {
  Operation(Connection& of, std::string its_id) : connection(of), id(std::move(its_id)) {}

  bool take(const LiveMessage& message) override;
  void end() {
    done = true;
    seat.reset();
  }

  Connection& connection;
  const std::string id;
  bool done = false;  ///< completed by either side; its messages are dropped
  std::unique_ptr<LiveSeat> seat;
};

struct GraphqlWebSocket::Connection {
  struct ById {
    using is_transparent = void;
    static std::string_view id(const std::shared_ptr<Operation>& operation) { return operation->id; }
    static std::string_view id(std::string_view text) { return text; }
    bool operator()(const auto& a, const auto& b) const { return id(a) < id(b); }
  };

  Connection(GraphqlWebSocket& its_owner, net::WebSocket& its_socket, asio::any_io_executor executor,
             std::shared_ptr<net::Request> upgrade)
      : owner(its_owner), socket(its_socket), tasks(executor, "graphql-ws"), proof(std::move(upgrade)) {
    peer = proof->peer.address;
    local = proof->peer.local;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { socket.on_drained({}); }

  /// A subscription found no room. When all is out they are told what they missed.
  void wait_for_room() {
    owner.be_patient(*this);
    if (std::exchange(blocked, true)) return;
    socket.on_drained([this] {
      blocked = false;
      for (const auto& operation : operations)
        if (operation->seat) operation->seat->resume();
    });
  }

  GraphqlWebSocket& owner;
  net::WebSocket& socket;
  TaskScope tasks;
  std::shared_ptr<net::Request> proof;  ///< of the upgrade, until connection_init
  std::string peer;
  bool local = false;
  // What connection_init brought.
  std::optional<Uuid> tenant;
  std::optional<std::string> tenant_name;
  Role role = Role::kNone;
  std::optional<LiveConnection> live;
  asio::steady_timer* init_wait = nullptr;
  std::size_t pushing = 0;  ///< senders who found the queue full
  bool blocked = false;     ///< subscriptions who did
  bool patient = false;     ///< somebody looks whether the peer takes anything
  bool init_seen = false;
  bool closing = false;
  std::set<std::shared_ptr<Operation>, ById> operations;
};

bool GraphqlWebSocket::Operation::take(const LiveMessage& message) {
  if (done) return true;
  // A page that waits behind others would be old when it is sent.
  if (message.cursor || connection.socket.waiting() == 0) {
    net::OutgoingMessage out{.head = "{\"id\":", .body = message.payload, .tail = "}"};
    graphql::write_json_string(out.head, id);
    out.head += ",\"type\":\"next\",\"payload\":";
    if (connection.socket.offer(std::move(out), connection.owner.limits_.queue)) return true;
  }
  connection.wait_for_room();
  return false;
}

GraphqlWebSocket::GraphqlWebSocket(GraphqlService& service, Authenticator& authenticator, TenantDirectory& tenants,
                                   LiveConnections& live, KnownDocuments& documents, engine::EventFeed& feed,
                                   UuidSource& ids, Limits limits)
    : service_(service),
      authenticator_(authenticator),
      tenants_(tenants),
      live_(live),
      documents_(documents),
      ids_(ids),
      limits_(limits),
      broadcast_(feed, limits.retry_pause) {}

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
  // Sockets stay for hours, in great number: of the request only what proves who it is stays with them, and that goes
  // when connection_init has brought the proof to where it is judged.
  auto proof = std::make_shared<net::Request>();
  proof->peer = std::move(call.http.peer);
  proof->deadline = call.http.deadline;
  for (const std::string_view name : {"Authorization", "X-API-Key", "Cookie"})
    for (const std::string_view value : call.http.headers.all(name)) proof->headers.add(name, value);
  session.run = [this, proof = std::move(proof)](net::WebSocket& socket) mutable {
    return serve(socket, std::move(proof));  // called once
  };
  co_return session;
}

asio::awaitable<void> GraphqlWebSocket::serve(net::WebSocket& socket, std::shared_ptr<net::Request> proof) {
  const auto executor = co_await asio::this_coro::executor;
  Connection connection(*this, socket, executor, std::move(proof));
  const auto place = open_.insert(open_.end(), &connection);
  connection.tasks.spawn("init", init_deadline(connection));
  std::exception_ptr thrown;
  try {
    // Here and not in a coroutine of its own: this is where an idle connection waits, and a frame is half a kilobyte.
    while (auto received = co_await socket.receive()) {
      if (connection.closing) continue;  // the closing handshake is under way
      if (received->text)
        co_await on_message(connection, std::move(received->data));
      else
        co_await close(connection, kMalformed, "Messages are text");
    }
  } catch (...) { thrown = std::current_exception(); }
  // Tasks hold references into the connection: they end before it does, whatever happens.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  connection.closing = true;
  open_.erase(place);
  for (const auto& operation : connection.operations) operation->end();
  co_await connection.tasks.stop();
  if (thrown) std::rethrow_exception(thrown);
}

asio::awaitable<void> GraphqlWebSocket::send(Connection& connection, std::string text) {
  net::OutgoingMessage out{.head = std::move(text), .body = nullptr, .tail = {}};
  if (connection.socket.offer(std::move(out), limits_.queue)) co_return;
  // A full queue makes the sender wait; the receiving side is one, so the client waits, too.
  const struct Pushing {
    std::size_t& count;
    explicit Pushing(std::size_t& of) : count(of) { ++count; }
    ~Pushing() { --count; }
  } pushing(connection.pushing);
  be_patient(connection);
  (void)co_await connection.socket.push(std::move(out), limits_.queue);
}

void GraphqlWebSocket::be_patient(Connection& connection) {
  if (connection.closing || std::exchange(connection.patient, true)) return;
  connection.tasks.spawn("slow", give_patience(connection));
}

asio::awaitable<void> GraphqlWebSocket::give_patience(Connection& connection) {
  for (;;) {
    const std::uint64_t before = connection.socket.sent();
    co_await sleep_for(limits_.patience);
    if (connection.pushing == 0 && !connection.blocked) break;
    if (connection.socket.sent() != before) continue;
    log_event(LogLevel::kInfo, "api.subscriber_too_slow",
              {{"peer", connection.peer}, {"waiting", connection.socket.waiting()}});
    co_await close(connection, net::CloseCode::kTryAgainLater, "subscriber.too_slow");
    break;
  }
  connection.patient = false;
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
    if (!connection.live)
      co_await close(connection, kUnauthorized, "Unauthorized");
    else if (id.empty() || id.size() > 200)
      co_await close(connection, kMalformed, "The id must be a text that is not empty");
    else
      co_await on_subscribe(connection, std::move(id), std::move(payload));
  } else if (type == "complete") {
    if (id.empty()) {
      co_await close(connection, kMalformed, "The id must be a text");
    } else if (auto it = connection.operations.find(id); it != connection.operations.end()) {
      (*it)->end();
      connection.operations.erase(it);
    }
  } else {
    co_await close(connection, kMalformed, "Unknown type of message");
  }
}

asio::awaitable<void> GraphqlWebSocket::on_init(Connection& connection, json::object payload) {
  if (connection.init_seen) {
    co_await close(connection, kTooMany, "Too many initialisation requests");
    co_return;
  }
  connection.init_seen = true;
  if (connection.init_wait) connection.init_wait->cancel();
  std::optional<std::string> token, tenant;
  for (auto [name, into] : {std::pair("token", &token), std::pair("tenant", &tenant)}) {
    if (const Status read = read_text(payload, name, *into); !read) {
      co_await close(connection, kMalformed, read.error().message());
      co_return;
    }
  }
  if (tenant == "") tenant.reset();
  const auto proof = std::move(connection.proof);
  auto context = co_await enter(*proof, token, std::move(tenant));
  if (!context) {
    if (code_info(context.error().code()).retryable)
      co_await close(connection, net::CloseCode::kTryAgainLater, context.error().reason());
    else
      co_await close(connection, kForbidden, context.error().reason());
    co_return;
  }
  if (connection.closing) co_return;
  connection.tenant = context->tenant;
  connection.tenant_name = std::move(context->tenant_name);
  connection.role = context->role;
  connection.live.emplace(live_, connection.tasks,
                          LiveConnection::Right{std::move(*proof), std::move(token), std::move(context->principal),
                                                context->tenant, context->role},
                          [this, &connection](LiveConnection::End end) {
                            connection.tasks.spawn("end", close(connection, end.code, std::move(end.reason)));
                          });
  co_await send(connection, message({}, "connection_ack"));
}

asio::awaitable<Result<RequestContext>> GraphqlWebSocket::enter(const net::Request& proof,
                                                                std::optional<std::string> token,
                                                                std::optional<std::string> tenant) {
  auto principal = token ? co_await authenticator_.authenticate_token(*token, proof.peer.address)
                         : co_await authenticator_.authenticate(proof);
  if (!principal) co_return principal.error();
  if (!principal->authenticated())
    co_return Error(Code::kUnauthenticated, "auth.required", "Sign in first, or send a token.");
  co_return co_await enter_scope(tenants_, std::move(*principal), std::move(tenant), ids_.next().to_string(),
                                 proof.peer.address, Deadline::after(limits_.operation_timeout));
}

std::size_t GraphqlWebSocket::closing() const {
  return static_cast<std::size_t>(std::ranges::count_if(open_, &Connection::closing));
}

RequestContext GraphqlWebSocket::fresh_context(const Connection& connection) {
  return {.principal = connection.live->principal(),
          .tenant = connection.tenant,
          .tenant_name = connection.tenant_name,
          .role = connection.role,
          .request_id = ids_.next().to_string(),
          .remote_address = connection.peer,
          .deadline = Deadline::after(limits_.operation_timeout)};
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
  const KnownDocuments::Caller caller{.signed_in = true, .local = connection.local};
  if (Status known = documents_.resolve(*request, caller); !known) {
    co_await send(connection, message(id, "error", errors_of(error_body(known.error(), ids_.next().to_string()))));
    co_return;
  }

  auto operation = std::make_shared<Operation>(connection, std::move(id));
  if (!service_.is_subscription(*request)) {
    connection.operations.insert(operation);
    connection.tasks.spawn("operation", run_operation(connection, std::move(operation), std::move(*request)));
    co_return;
  }
  auto opened = service_.open(connection.tasks.executor(), fresh_context(connection), std::move(*request));
  if (!opened) {
    co_await send(connection, message(operation->id, "error", errors_of(opened.error().body)));
    co_return;
  }
  connection.operations.insert(operation);
  operation->seat = broadcast_.join(std::move(*opened), *operation);
}

asio::awaitable<void> GraphqlWebSocket::run_operation(Connection& connection, std::shared_ptr<Operation> operation,
                                                      GraphqlRequest request) {
  GraphqlAnswer answer = co_await service_.execute(fresh_context(connection), std::move(request));
  if (operation->done) co_return;
  operation->done = true;
  connection.operations.erase(operation);
  if (!answer.executed) {
    co_await send(connection, message(operation->id, "error", errors_of(answer.body)));
    co_return;
  }
  co_await send(connection, message(operation->id, "next", body_with_cost(std::move(answer))));
  co_await send(connection, message(operation->id, "complete"));
}

asio::awaitable<void> GraphqlWebSocket::init_deadline(Connection& connection) {
  asio::steady_timer timer(connection.tasks.executor(), limits_.init_timeout);
  connection.init_wait = &timer;
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  connection.init_wait = nullptr;
  if (!connection.init_seen) co_await close(connection, kInitTimeout, "Connection initialisation timeout");
}

asio::awaitable<void> GraphqlWebSocket::close(Connection& connection, std::uint16_t code, std::string reason) {
  if (connection.closing) co_return;
  connection.closing = true;
  for (const auto& operation : connection.operations) operation->end();
  co_await connection.socket.close(code, std::move(reason));
}

}  // namespace phx::api
