/// GraphQL as clients meet it: over HTTP and WebSocket, through the middleware, on a real server and database.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/graphql_http.hpp"
#include "api/graphql_ws.hpp"
#include "api/middleware.hpp"
#include "api/testing/fleet.hpp"
#include "base/task_scope.hpp"
#include "net/client.hpp"
#include "net/server.hpp"
#include "net/websocket.hpp"

namespace phx::api {
namespace {

using testing::Fleet;
using ::testing::HasSubstr;
using testing::id_of;
using ::testing::Not;
using namespace std::chrono_literals;
namespace json = boost::json;

/// Tokens are "user-<tenant>-<role>", or "admin"; sessions are numbered by tenant.
class FakeIdentity final : public Authenticator, public TenantDirectory {
 public:
  asio::awaitable<Result<Principal>> authenticate(const net::Request& request) override {
    const std::string_view bearer = request.headers.get("Authorization");
    if (bearer.starts_with("Bearer ")) co_return of(std::string(bearer.substr(7)));
    if (const auto session = net::cookie(request.headers, "phoenix_session")) {
      auto principal = of(std::string(*session));
      if (principal) principal->by_cookie = true;
      co_return principal;
    }
    co_return Principal();
  }
  asio::awaitable<Result<Principal>> authenticate_token(std::string token) override { co_return of(token); }
  asio::awaitable<Result<TenantAccess>> enter(Principal principal, std::string id_or_name) override {
    for (int tenant : {1, 2}) {
      if (id_or_name != id_of(tenant, 0) && id_or_name != "tenant-" + std::to_string(tenant)) continue;
      const bool member = principal.user_id == *Uuid::parse(id_of(900 + tenant, 1));
      if (!member && !principal.platform_admin) break;
      co_return TenantAccess{*Uuid::parse(id_of(tenant, 0)), "tenant-" + std::to_string(tenant),
                             principal.platform_admin ? Role::kPlatformAdmin : role, state};
    }
    co_return not_found("tenant.not_found", "There is no such tenant, or you are not one of its members.");
  }

  Role role = Role::kTenantMember;
  TenantState state = TenantState::kActive;
  std::optional<Instant> expires_at;
  bool revoked = false;

 private:
  Result<Principal> of(const std::string& token) const {
    if (revoked || (token != "one" && token != "two" && token != "admin"))
      return Error(Code::kUnauthenticated, "auth.invalid", "The token is not valid.");
    Principal out;
    out.kind = PrincipalKind::kUser;
    out.email = token + "@example.org";
    out.user_id = *Uuid::parse(id_of(token == "one" ? 901 : token == "two" ? 902 : 900, 1));
    out.platform_admin = token == "admin";
    out.session_id = out.user_id;
    out.expires_at = expires_at;
    return out;
  }
};

struct Transport : ::testing::Test {
  Transport() {
    http.install(router);
    ws.install(router);
    EXPECT_TRUE(fleet.db.run(feed.start()));
    tasks.spawn("feed", feed.run());
    tasks.spawn("sequencer", sequencer.run());
    fleet.registry.on_commit([this] { sequencer.nudge(); });
    const auto bound = server.listen("127.0.0.1", 0);
    EXPECT_TRUE(bound);
    port = *bound;
  }
  ~Transport() override {
    fleet.db.run(server.stop());
    fleet.db.run(tasks.stop());
    client.reset();
  }

  net::ClientResponse post(std::string body, net::Headers headers, std::string path = "/graphql",
                           std::string method = "POST") {
    if (!headers.contains("Content-Type") && method == "POST") headers.set("Content-Type", "application/json");
    auto response = fleet.db.run(client->send({.method = std::move(method),
                                               .url = fmt::format("http://127.0.0.1:{}{}", port, path),
                                               .unix_socket = {},
                                               .headers = std::move(headers),
                                               .body = std::move(body)}));
    if (!response) throw std::runtime_error(response.error().to_string());
    return std::move(*response);
  }
  static std::string query(std::string_view text) { return json::serialize(json::object{{"query", text}}); }
  static net::Headers as(std::string_view token, std::string_view tenant = "tenant-1") {
    net::Headers out{{"Authorization", "Bearer " + std::string(token)}};
    if (!tenant.empty()) out.set("X-Phoenix-Tenant", tenant);
    return out;
  }
  static std::string reason(const net::ClientResponse& response) { return Fleet::reason_in(response.body); }

  net::WebSocket connect(net::Headers headers = {}) {
    auto socket = fleet.db.run(net::connect_websocket({.url = fmt::format("ws://127.0.0.1:{}/graphql", port),
                                                       .unix_socket = {},
                                                       .headers = std::move(headers),
                                                       .subprotocols = {"graphql-transport-ws"}}));
    if (!socket) throw std::runtime_error(socket.error().to_string());
    return std::move(*socket);
  }
  void send(net::WebSocket& socket, std::string text) { EXPECT_TRUE(fleet.db.run(socket.send_text(std::move(text)))); }
  json::object receive(net::WebSocket& socket) {
    auto message = fleet.db.run(socket.receive());
    if (!message) throw std::runtime_error(message.error().to_string());
    return json::parse(message->data).as_object();
  }
  /// Reads until the server closes; its code.
  std::uint16_t closed(net::WebSocket& socket) {
    while (fleet.db.run(socket.receive())) {}
    return socket.close_code();
  }
  net::WebSocket ready(std::string_view payload = R"({"tenant": "tenant-1", "token": "one"})") {
    net::WebSocket socket = connect();
    send(socket, fmt::format("{{\"type\": \"connection_init\", \"payload\": {}}}", payload));
    EXPECT_EQ(json::serialize(receive(socket)), R"({"type":"connection_ack"})");
    return socket;
  }
  static std::string subscribe(std::string_view id, std::string_view text, json::object variables = {}) {
    return json::serialize(json::object{
        {"id", id}, {"type", "subscribe"}, {"payload", json::object{{"query", text}, {"variables", variables}}}});
  }

  Fleet fleet;
  FakeIdentity identity;
  Router router;
  Middleware middleware{{}, router, identity, fleet.ids, fleet.clock};
  engine::Sequencer sequencer{fleet.db.executor(), fleet.db.database(), fleet.clock, fleet.db.metrics()};
  engine::EventFeed feed{fleet.db.executor(), fleet.db.database(), fleet.db.metrics()};
  GraphqlHttp http{*fleet.service, identity};
  GraphqlWebSocket ws{*fleet.service,
                      identity,
                      identity,
                      feed,
                      fleet.ids,
                      fleet.clock,
                      {.init_timeout = 400ms, .max_operations = 3, .recheck = 300ms}};
  HttpMetrics metrics{fleet.db.metrics()};
  net::HttpServer server{
      fleet.db.executor(),
      fleet.clock,
      {.handler = [this](net::Request request) { return middleware.handle(std::move(request)); },
       .on_upgrade = [this](net::Request request) { return middleware.on_upgrade(std::move(request)); },
       .observer = &metrics}};
  TaskScope tasks{fleet.db.executor(), "transport-test"};
  std::unique_ptr<net::HttpClient> client = std::move(*net::make_http_client(fleet.db.executor()));
  std::uint16_t port = 0;
};

TEST_F(Transport, PostAnswersInTheScopeOfTheHeader) {
  const auto one = post(query("{ ships(first: 1, orderBy: NAME) { nodes { name } } }"), as("one"));
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.body, R"({"data":{"ships":{"nodes":[{"name":"alpha ship 01"}]}}})");
  EXPECT_EQ(one.headers.get("Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(one.headers.get("Cache-Control"), "no-store");
  EXPECT_TRUE(Uuid::parse(one.headers.get("X-Request-Id")));
  EXPECT_THAT(post(query("{ ships(first: 1) { nodes { name } } }"), as("two", id_of(2, 0))).body,
              HasSubstr("SECRET ship"));
  EXPECT_EQ(json::parse(post(query("{ ships { totalCount } }"), as("admin", "")).body)
                .at("data")
                .at("ships")
                .at("totalCount")
                .as_int64(),
            24);
  EXPECT_THAT(fleet.db.metrics().render(),
              HasSubstr("http_request_duration_seconds_count{method=\"POST\",route=\"/graphql\",status=\"200\"} 3"));
}

TEST_F(Transport, UnknownAndForbiddenTenantsAreOneAnswer) {
  const auto strip = [](std::string body) { return body.substr(0, body.find("requestId")); };
  const auto forbidden = post(query("{ ships { totalCount } }"), as("one", "tenant-2"));
  const auto unknown = post(query("{ ships { totalCount } }"), as("one", "tenant-9"));
  EXPECT_EQ(forbidden.status, 404);
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(strip(forbidden.body), strip(unknown.body));
  EXPECT_EQ(reason(unknown), "tenant.not_found");
  EXPECT_EQ(reason(post(query("{ ships { totalCount } }"), as("one", ""))), "tenant.required");
  // Without a proof no name is looked up at all.
  net::Headers nobody{{"X-Phoenix-Tenant", "tenant-9"}};
  EXPECT_EQ(reason(post(query("{ ships { totalCount } }"), nobody)), "auth.required");
  const auto bad = post(query("{ ships { totalCount } }"), as("nonsense"));
  EXPECT_EQ(bad.status, 401);
  EXPECT_EQ(reason(bad), "auth.invalid");
  identity.state = TenantState::kSuspended;
  EXPECT_EQ(reason(post(query("{ ships { totalCount } }"), as("one"))), "tenant.suspended");
  identity.state = TenantState::kDeleted;
  EXPECT_EQ(reason(post(query("{ ships { totalCount } }"), as("one"))), "tenant.not_found");
}

TEST_F(Transport, FollowsGraphqlOverHttp) {
  net::Headers precise = as("one");
  precise.set("Accept", "application/graphql-response+json, application/json;q=0.9");
  const auto answer = post(query("{ whoAmI }"), precise);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/graphql-response+json; charset=utf-8");
  EXPECT_EQ(post(query("{"), precise).status, 400);
  EXPECT_EQ(post(query("{ nope }"), precise).status, 400);
  EXPECT_EQ(post(query("{ nope }"), as("one")).status, 200) << "application/json answers 200 for GraphQL's own errors";
  EXPECT_EQ(post("{", as("one")).status, 400);
  EXPECT_EQ(reason(post("{", as("one"))), "http.malformed_json");
  EXPECT_EQ(post("[" + query("{ whoAmI }") + "]", as("one")).status, 400);
  EXPECT_EQ(reason(post("[]", as("one"))), "http.batch");
  EXPECT_EQ(post("{}", as("one")).status, 400);
  EXPECT_EQ(post(R"({"query": 7})", as("one")).status, 400);
  EXPECT_EQ(post(R"({"query": "{ whoAmI }", "variables": []})", as("one")).status, 400);
  EXPECT_EQ(post(R"({"query": "{ whoAmI }", "operationName": 1})", as("one")).status, 400);
  EXPECT_EQ(post(R"({"query": "{ whoAmI }", "variables": null, "operationName": null, "extensions": null})", as("one"))
                .status,
            200);
  net::Headers text = as("one");
  text.set("Content-Type", "text/plain");
  EXPECT_EQ(post(query("{ whoAmI }"), text).status, 415);
  net::Headers image = as("one");
  image.set("Accept", "image/png");
  EXPECT_EQ(post(query("{ whoAmI }"), image).status, 406);

  const auto get = [&](std::string path) { return post("", as("one"), std::move(path), "GET"); };
  EXPECT_EQ(get("/graphql?query=%7BwhoAmI%7D").body, R"({"data":{"whoAmI":"one@example.org"}})");
  EXPECT_EQ(
      get("/graphql?query=query(%24n%3AInt)%7Bships(first%3A%24n)%7BtotalCount%7D%7D&variables=%7B%22n%22%3A1%7D").body,
      R"({"data":{"ships":{"totalCount":12}}})");
  EXPECT_EQ(reason(get("/graphql?query=mutation%7BsetMotto(motto%3A%22x%22)%7Bmotto%7D%7D")), "graphql.get");
  EXPECT_EQ(get("/graphql").status, 400);
  EXPECT_EQ(post("", as("one"), "/graphql", "DELETE").status, 405);
}

TEST_F(Transport, TheIdempotencyHeaderNamesTheMutation) {
  net::Headers headers = as("one");
  headers.set("Idempotency-Key", "header-key");
  const std::string launch = query("mutation { launchShip(input: {name: \"once\"}) { ship { id } } }");
  const auto first = post(launch, headers);
  EXPECT_EQ(post(launch, headers).body, first.body);
  EXPECT_EQ(fleet.db.value("select count(*) from phoenix.test_ships where name = 'once'"), "1");
}

// ------------------------------------------------------------------ WebSocket

TEST_F(Transport, WebSocketRunsQueriesAndMutations) {
  net::WebSocket socket = ready();
  send(socket, subscribe("q", "{ ships(first: 1, orderBy: NAME) { nodes { name } } }"));
  EXPECT_EQ(json::serialize(receive(socket)),
            R"({"id":"q","type":"next","payload":{"data":{"ships":{"nodes":[{"name":"alpha ship 01"}]}}}})");
  EXPECT_EQ(json::serialize(receive(socket)), R"({"id":"q","type":"complete"})");
  send(socket, subscribe("q", "mutation { launchShip(input: {name: \"ws\"}) { note } }"));
  EXPECT_THAT(json::serialize(receive(socket)), HasSubstr("launched"));
  EXPECT_EQ(json::serialize(receive(socket)), R"({"id":"q","type":"complete"})");
  send(socket, subscribe("e", "{ nope }"));
  const json::object error = receive(socket);
  EXPECT_EQ(error.at("type").as_string(), "error");
  EXPECT_TRUE(error.at("payload").is_array());
  send(socket, R"({"type":"ping","payload":{"x":1}})");
  EXPECT_EQ(json::serialize(receive(socket)), R"({"type":"pong"})");
  fleet.db.run(socket.close());
}

TEST_F(Transport, WebSocketSubscriptionsAreLiveAndResumable) {
  net::WebSocket socket = ready();
  const char* watch = "subscription($after: String) { shipChanged(after: $after) { kind cursor node { name } } }";
  send(socket, subscribe("s", watch));
  send(socket, subscribe("launch", "mutation { launchShip(input: {name: \"live\"}) { note } }"));
  std::string cursor;
  for (int left = 3; left > 0; --left) {
    const json::object message = receive(socket);
    if (message.at("id").as_string() != "s") continue;
    const auto& change = message.at("payload").at("data").at("shipChanged");
    EXPECT_EQ(json::serialize(change.at("node")), R"({"name":"live"})");
    EXPECT_EQ(change.at("kind").as_string(), "CREATED");
    cursor = json::value_to<std::string>(change.at("cursor"));
  }
  ASSERT_FALSE(cursor.empty());
  // Another tenant's subscriber sees nothing of it; its own change comes first.
  net::WebSocket other = ready(R"({"tenant": "tenant-2", "token": "two"})");
  send(other, subscribe("s", watch));
  send(other, subscribe("q", "{ whoAmI }"));
  EXPECT_EQ(receive(other).at("id").as_string(), "q");
  EXPECT_EQ(receive(other).at("id").as_string(), "q");
  for (const char* name : {"alpha next", "SECRET next"}) {
    const bool mine = name[0] == 'a';
    post(query(fmt::format("mutation {{ launchShip(input: {{name: \"{}\"}}) {{ note }} }}", name)),
         mine ? as("one") : as("two", "tenant-2"));
  }
  const std::string seen = json::serialize(receive(other));
  EXPECT_THAT(seen, HasSubstr("SECRET next"));
  EXPECT_THAT(seen, Not(HasSubstr("alpha")));
  // After a break the first goes on where it was.
  fleet.db.run(socket.close());
  net::WebSocket again = ready();
  send(again, subscribe("s", watch, {{"after", cursor}}));
  EXPECT_THAT(json::serialize(receive(again)), HasSubstr("alpha next"));
  // Completed by the client: the id is free again, and nothing more comes for it.
  send(again, R"({"id":"s","type":"complete"})");
  send(again, subscribe("s", "{ whoAmI }"));
  EXPECT_THAT(json::serialize(receive(again)), HasSubstr("one@example.org"));
}

TEST_F(Transport, WebSocketCloseCodes) {
  {
    net::WebSocket socket = connect();
    EXPECT_EQ(closed(socket), 4408) << "no connection_init";
  }
  {
    net::WebSocket socket = connect();
    send(socket, subscribe("q", "{ whoAmI }"));
    EXPECT_EQ(closed(socket), 4401);
  }
  for (const char* payload : {R"({"token": "nonsense"})", R"({"tenant": "tenant-2", "token": "one"})", "{}"}) {
    net::WebSocket socket = connect();
    send(socket, fmt::format("{{\"type\": \"connection_init\", \"payload\": {}}}", payload));
    EXPECT_EQ(closed(socket), 4403) << payload;
  }
  for (const char* malformed :
       {"nonsense", "[]", R"({"type": 7})", R"({"type": "nope"})", R"({"type": "connection_init", "payload": 7})"}) {
    net::WebSocket socket = connect();
    send(socket, malformed);
    EXPECT_EQ(closed(socket), 4400) << malformed;
  }
  {
    net::WebSocket socket = connect();
    EXPECT_TRUE(fleet.db.run(socket.send_binary("{}")));
    EXPECT_EQ(closed(socket), 4400);
  }
  {
    net::WebSocket socket = ready();
    send(socket, R"({"type": "connection_init"})");
    EXPECT_EQ(closed(socket), 4429);
  }
  {
    net::WebSocket socket = ready();
    send(socket, subscribe("s", "subscription { shipChanged { id } }"));
    send(socket, subscribe("s", "subscription { shipChanged { id } }"));
    EXPECT_EQ(closed(socket), 4409);
  }
  {
    net::WebSocket socket = ready();
    for (int i = 0; i < 4; ++i) send(socket, subscribe(std::to_string(i), "subscription { shipChanged { id } }"));
    EXPECT_EQ(closed(socket), 4429);
  }
  {
    net::WebSocket socket = ready();
    send(socket, R"({"id": "", "type": "subscribe", "payload": {"query": "{ whoAmI }"}})");
    EXPECT_EQ(closed(socket), 4400);
  }
}

TEST_F(Transport, TheCookieServesWebSocketsOfTheOwnOriginOnly) {
  net::WebSocket socket = connect({{"Cookie", "phoenix_session=one"}});
  send(socket, R"({"type": "connection_init", "payload": {"tenant": "tenant-1"}})");
  EXPECT_EQ(receive(socket).at("type").as_string(), "connection_ack");
  const auto foreign = fleet.db.run(
      net::connect_websocket({.url = fmt::format("ws://127.0.0.1:{}/graphql", port),
                              .unix_socket = {},
                              .headers = {{"Cookie", "phoenix_session=one"}, {"Origin", "https://evil.example.com"}},
                              .subprotocols = {"graphql-transport-ws"}}));
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().to_string(), HasSubstr("403"));
}

TEST_F(Transport, RightsThatEndCloseTheSocket) {
  {
    net::WebSocket socket = ready();
    ws.revoke_session(*Uuid::parse(id_of(901, 1)));
    EXPECT_EQ(closed(socket), 4403);
  }
  {
    net::WebSocket mine = ready();
    net::WebSocket theirs = ready(R"({"tenant": "tenant-2", "token": "two"})");
    ws.revoke_member(*Uuid::parse(id_of(902, 1)), *Uuid::parse(id_of(2, 0)));
    EXPECT_EQ(closed(theirs), 4403);
    EXPECT_TRUE(mine.is_open());
  }
  {
    identity.expires_at = fleet.clock.now() + 200ms;
    net::WebSocket socket = ready();
    EXPECT_EQ(closed(socket), 4403) << "expired";
    identity.expires_at.reset();
  }
  {
    net::WebSocket socket = ready();
    identity.revoked = true;  // nobody told us; the regular look finds out
    EXPECT_EQ(closed(socket), 4403);
    identity.revoked = false;
  }
  {
    net::WebSocket socket = ready();
    identity.role = Role::kTenantViewer;
    EXPECT_EQ(closed(socket), 1013) << "comes back with the new role";
  }
  fleet.db.run(server.drain(5s));
  EXPECT_EQ(ws.connections(), 0U);
}

}  // namespace
}  // namespace phx::api
