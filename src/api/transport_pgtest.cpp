/// GraphQL as clients meet it: over HTTP and WebSocket, through the middleware, on a real server and database.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/testing/transport.hpp"
#include "base/crypto.hpp"
#include "net/websocket.hpp"

namespace phx::api {
namespace {

using testing::Fleet;
using ::testing::HasSubstr;
using testing::id_of;
using ::testing::Not;
using testing::Transport;
using namespace std::chrono_literals;
namespace json = boost::json;

TEST_F(Transport, PostAnswersInTheScopeOfTheHeader) {
  const auto one = post(query("{ ships(first: 1, orderBy: NAME) { nodes { name } } }"), as("one"));
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.body, R"({"data":{"ships":{"nodes":[{"name":"alpha ship 01"}]}},)"
                      R"("extensions":{"cost":{"requested":1,"limit":200000}}})");
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
  for (const char* twice : {R"({"query": "{ whoAmI }", "query": "{ ships { totalCount } }"})",
                            R"({"query": "{ whoAmI }", "\u0071uery": "{ whoAmI }"})",
                            R"({"variables": {}, "query": "{ whoAmI }", "variables": {}})",
                            R"({"query": "{ whoAmI }", "variables": {"a": {"b:\"": 1, "c": [{"d": 2, "d": 2}]}}})"}) {
    const auto refused = post(twice, as("one"));
    EXPECT_EQ(refused.status, 400) << twice;
    EXPECT_EQ(reason(refused), "http.repeated_name") << twice;
  }
  EXPECT_EQ(post(R"({"query": "{ whoAmI }", "variables": {"a": {"a": ":\\"}, "b": "\":", "c": [{"a": 1}, {"a": 1}]}})",
                 as("one"))
                .status,
            200);
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
            R"({"id":"q","type":"next","payload":{"data":{"ships":{"nodes":[{"name":"alpha ship 01"}]}},)"
            R"("extensions":{"cost":{"requested":1,"limit":200000}}}})");
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
       {"nonsense", "[]", R"({"type": 7})", R"({"type": "nope"})", R"({"type": "ping", "type": "connection_init"})"}) {
    net::WebSocket socket = connect();
    send(socket, malformed);
    EXPECT_EQ(closed(socket), 4400) << malformed;
  }
  // The cookie would do for all of these, if what they say went unread.
  for (const char* payload :
       {"7", R"("one")", "true", R"([{"tenant": "tenant-1"}])", R"({"tenant": 7})", R"({"tenant": {"id": "tenant-1"}})",
        R"({"tenant": ["tenant-1"]})", R"({"tenant": false})", R"({"tenant": "tenant-1", "token": 7})",
        R"({"tenant": "tenant-1", "token": {}})", R"({"tenant": "tenant-1", "token": ["one"]})"}) {
    net::WebSocket socket = connect({{"Cookie", "phoenix_session=admin"}});
    send(socket, fmt::format(R"({{"type": "connection_init", "payload": {}}})", payload));
    EXPECT_EQ(closed(socket), 4400) << payload;
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

TEST_F(Transport, NullInConnectionInitIsAsGoodAsNothing) {
  for (const char* payload : {"null", "{}", R"({"tenant": null, "token": null})", R"({"tenant": ""})"}) {
    net::WebSocket socket = connect({{"Cookie", "phoenix_session=admin"}});
    send(socket, fmt::format(R"({{"type": "connection_init", "payload": {}}})", payload));
    EXPECT_EQ(receive(socket).at("type").as_string(), "connection_ack") << payload;
    // In the scope of the platform: all tenants' ships.
    send(socket, subscribe("q", "{ ships { totalCount } }"));
    EXPECT_THAT(json::serialize(receive(socket)), HasSubstr(R"("totalCount":24)")) << payload;
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
    live.end_proof(*Uuid::parse(id_of(901, 1)));
    EXPECT_EQ(closed(socket), 4403);
  }
  {
    net::WebSocket mine = ready();
    net::WebSocket theirs = ready(R"({"tenant": "tenant-2", "token": "two"})");
    identity.expelled = true;
    live.member_changed(*Uuid::parse(id_of(902, 1)), *Uuid::parse(id_of(2, 0)));
    EXPECT_EQ(closed(theirs), 4403);
    EXPECT_TRUE(mine.is_open());
    identity.expelled = false;
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

TEST_F(Transport, AcceptDecidesTheForm) {
  const auto form = [&](const char* accept) {
    net::Headers headers = as("one");
    headers.set("Accept", accept);
    const auto answer = post(query("{ whoAmI }"), headers);
    return answer.status == 200 ? std::string(answer.headers.get("Content-Type")) : std::to_string(answer.status);
  };
  const std::string plain = "application/json; charset=utf-8";
  const std::string precise = "application/graphql-response+json; charset=utf-8";
  const std::string stream = "text/event-stream; charset=utf-8";
  EXPECT_EQ(form("*/*"), plain);
  EXPECT_EQ(form("application/*;q=0.1"), plain);
  EXPECT_EQ(form("application/json, application/graphql-response+json"), precise);
  EXPECT_EQ(form("application/graphql-response+json;q=0.5, application/json"), plain);
  EXPECT_EQ(form("application/graphql-response+json; q=0, */*;q=0.2"), plain);
  EXPECT_EQ(form("text/event-stream, application/graphql-response+json, multipart/mixed"), precise);
  EXPECT_EQ(form("text/event-stream, application/json;q=0.3"), stream);
  EXPECT_EQ(form("application/json;q=0, */*"), "406");
  EXPECT_EQ(form("application/json;q=none"), "406");
  EXPECT_EQ(form("text/html"), "406");
}

TEST_F(Transport, CookiesOfOtherSitesAreNotServedByGet) {
  const auto get = [&](std::string_view site) {
    net::Headers headers{{"Cookie", "phoenix_session=one"}, {"X-Phoenix-Tenant", "tenant-1"}};
    if (!site.empty()) headers.set("Sec-Fetch-Site", site);
    return post("", headers, "/graphql?query=%7BwhoAmI%7D", "GET");
  };
  EXPECT_EQ(get("").status, 200);
  EXPECT_EQ(get("same-origin").status, 200);
  EXPECT_EQ(get("none").status, 200);
  for (const char* site : {"cross-site", "same-site"}) {
    EXPECT_EQ(get(site).status, 403);
    EXPECT_THAT(get(site).body, HasSubstr("auth.csrf"));
  }
}

TEST_F(Transport, DocumentsCanBeNamedByTheirHash) {
  const std::string text = "{ whoAmI }";
  const std::string hash = hex_encode(sha256(text));
  const auto ask = [&](std::string_view body, net::Headers headers) {
    return post(std::string(body), std::move(headers));
  };
  const auto named = [&](std::string_view more) {
    return fmt::format(R"({{"extensions":{{"persistedQuery":{{"version":1,"sha256Hash":"{}"}}}}{}}})", hash, more);
  };
  const auto miss = ask(named(""), as("one"));
  EXPECT_EQ(miss.status, 200);
  EXPECT_EQ(reason(miss), "graphql.persisted_query_not_found");
  EXPECT_THAT(miss.body, HasSubstr("\"message\":\"PersistedQueryNotFound\""));
  EXPECT_EQ(reason(ask(named(R"(,"query":"{ other }")"), as("one"))), "graphql.persisted_query_hash");
  // Strangers may use what is there, but write nothing down.
  ask(named(fmt::format(R"(,"query":"{}")", text)), {});
  EXPECT_EQ(documents.remembered(), 0U);
  EXPECT_EQ(ask(named(fmt::format(R"(,"query":"{}")", text)), as("one")).body,
            R"({"data":{"whoAmI":"one@example.org"}})");
  EXPECT_EQ(ask(named(""), as("one")).body, R"({"data":{"whoAmI":"one@example.org"}})");
  EXPECT_EQ(post("", as("one"),
                 "/graphql?extensions=%7B%22persistedQuery%22%3A%7B%22version%22%3A1%2C%22sha256Hash%22%3A%22" + hash +
                     "%22%7D%7D",
                 "GET")
                .body,
            R"({"data":{"whoAmI":"one@example.org"}})");
  EXPECT_EQ(reason(ask(R"({"extensions":{"persistedQuery":{"version":2,"sha256Hash":"x"}}})", as("one"))),
            "graphql.malformed_request");
}

TEST_F(Transport, TrustedDocumentsAreAllThatIsServed) {
  ASSERT_TRUE(documents.load(R"({"who": "{ whoAmI }"})", "test"));
  const auto by_id = [&](std::string_view id) { return post(fmt::format(R"({{"documentId": "{}"}})", id), as("one")); };
  EXPECT_EQ(by_id("who").body, R"({"data":{"whoAmI":"one@example.org"}})");
  EXPECT_EQ(reason(by_id("nobody")), "graphql.document_unknown");
  EXPECT_EQ(post(query("{ ships { totalCount } }"), as("one")).status, 200)
      << "anything goes as long as nothing is said";
  documents.trust_only(true);
  EXPECT_EQ(by_id("who").body, R"({"data":{"whoAmI":"one@example.org"}})");
  EXPECT_EQ(by_id("sha256:" + hex_encode(sha256("{ whoAmI }"))).body, R"({"data":{"whoAmI":"one@example.org"}})");
  EXPECT_EQ(post(query("{ whoAmI }"), as("one")).body, R"({"data":{"whoAmI":"one@example.org"}})") << "the same text";
  EXPECT_EQ(reason(post(query("{ ships { totalCount } }"), as("one"))), "graphql.document_not_trusted");
  net::WebSocket socket = ready();
  send(socket, subscribe("q", "{ ships { totalCount } }"));
  EXPECT_THAT(json::serialize(receive(socket)), HasSubstr("graphql.document_not_trusted"));
  send(socket, R"({"id": "q", "type": "subscribe", "payload": {"documentId": "who"}})");
  EXPECT_THAT(json::serialize(receive(socket)), HasSubstr("one@example.org"));
}

TEST_F(Transport, ManifestsAreReadInBothFormats) {
  EXPECT_TRUE(documents.load(R"({"format": "apollo-persisted-query-manifest", "version": 1,
      "operations": [{"id": "a", "name": "Who", "type": "query", "body": "{ whoAmI }"}]})",
                             "apollo"));
  EXPECT_EQ(documents.trusted(), 2U) << "by id and by hash";
  for (const char* wrong :
       {"nonsense", "[]", R"({"a": 7})", R"({"operations": 1})", R"({"operations": [{"id": "a"}]})"}) {
    const Status loaded = documents.load(wrong, "wrong.json");
    ASSERT_FALSE(loaded) << wrong;
    EXPECT_EQ(loaded.error().reason(), "documents.manifest");
    EXPECT_THAT(loaded.error().message(), HasSubstr("wrong.json"));
  }
}

TEST_F(Transport, WebSocketPagesOfAListSkipToTheNewestForWhoIsSlow) {
  net::WebSocket socket = ready();
  send(socket, subscribe("l", "subscription { ships(first: 1, orderBy: NAME) { nodes { name } } }"));
  EXPECT_THAT(json::serialize(receive(socket)), HasSubstr("alpha ship 01"));
  const std::string id = id_of(120, 1);
  for (int i = 0; i < 20; ++i)
    post(query(fmt::format("mutation {{ renameShip(id: \"{}\", name: \"a{:02}\") {{ note }} }}", id, i)), as("one"));
  std::vector<std::string> seen;
  while (seen.empty() || seen.back() != "a19")
    seen.push_back(
        json::value_to<std::string>(receive(socket).at("payload").at("data").at("ships").at("nodes").at(0).at("name")));
  EXPECT_TRUE(std::ranges::is_sorted(seen)) << "never an older page after a newer one";
}

TEST_F(Transport, WhoTakesNothingIsAskedToComeBack) {
  // Messages larger than any socket buffer, so that the first one fills the way to a client that does not read.
  fleet.db.exec(
      fmt::format("update phoenix.test_ships set nickname = repeat('x', 12000000) where id = '{}'", id_of(120, 1)));
  auto connected = fleet.db.run(net::connect_websocket({.url = fmt::format("ws://127.0.0.1:{}/graphql", port),
                                                        .unix_socket = {},
                                                        .headers = {},
                                                        .subprotocols = {"graphql-transport-ws"},
                                                        .limits = {.max_message = 64 << 20}}));
  ASSERT_TRUE(connected);
  net::WebSocket socket = std::move(*connected);
  send(socket, R"({"type": "connection_init", "payload": {"tenant": "tenant-1", "token": "one"}})");
  EXPECT_EQ(receive(socket).at("type").as_string(), "connection_ack");
  send(socket, subscribe("big", "{ ship(id: \"" + id_of(120, 1) + "\") { nickname } }"));
  for (int i = 0; i < 6; ++i) send(socket, R"({"type": "ping"})");
  // Nothing is read until the server's patience has ended, or the connection for another reason.
  while (ws.closing() == 0 && ws.connections() > 0) fleet.db.io().run_one();
  EXPECT_EQ(closed(socket), 1013);
  EXPECT_EQ(socket.close_reason(), "subscriber.too_slow");
}

}  // namespace
}  // namespace phx::api
