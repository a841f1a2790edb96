#pragma once
/// The world of fleet.hpp behind a real HTTP server, and a client for it. For *_pgtest files only.

#include <gtest/gtest.h>

#include "api/graphql_http.hpp"
#include "api/graphql_ws.hpp"
#include "api/middleware.hpp"
#include "api/testing/fleet.hpp"
#include "base/task_scope.hpp"
#include "net/client.hpp"
#include "net/server.hpp"
#include "net/websocket.hpp"

namespace phx::api::testing {

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
  asio::awaitable<Result<Principal>> authenticate_token(std::string token, std::string) override {
    co_return of(token);
  }
  asio::awaitable<Result<TenantAccess>> enter(Principal principal, std::string id_or_name) override {
    for (int tenant : {1, 2}) {
      if (id_or_name != id_of(tenant, 0) && id_or_name != "tenant-" + std::to_string(tenant)) continue;
      const bool member = principal.user_id == *Uuid::parse(id_of(900 + tenant, 1));
      if ((!member || expelled) && !principal.platform_admin) break;
      co_return TenantAccess{*Uuid::parse(id_of(tenant, 0)), "tenant-" + std::to_string(tenant),
                             principal.platform_admin ? Role::kPlatformAdmin : role, state};
    }
    co_return not_found("tenant.not_found", "There is no such tenant, or you are not one of its members.");
  }

  Role role = Role::kTenantMember;
  TenantState state = TenantState::kActive;
  std::optional<Instant> expires_at;
  bool revoked = false;
  bool expelled = false;

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
    fleet.db.run(ws.stop());
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
  LiveConnections live{identity, identity, fleet.clock, 300ms};
  KnownDocuments documents;
  GraphqlSse sse{*fleet.service, live, feed, {.keep_alive = 200ms}};
  GraphqlHttp http{*fleet.service, identity, documents, sse};
  GraphqlWebSocket ws{
      *fleet.service, identity,
      identity,       live,
      documents,      feed,
      fleet.ids,      {.init_timeout = 400ms, .max_operations = 3, .queue = {.max_messages = 4}, .patience = 500ms}};
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

}  // namespace phx::api::testing
