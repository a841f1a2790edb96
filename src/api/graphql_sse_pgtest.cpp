/// Server-sent events to a client that stops reading.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/testing/transport.hpp"
#include "net/testing.hpp"

namespace phx::api {
namespace {

using testing::id_of;
using ::testing::StartsWith;
using namespace std::chrono_literals;

struct Stalled : testing::Transport {
  Stalled() {
    net::HttpServer::Config config;
    config.limits.write_timeout = 1'500ms;
    config.limits.min_body_rate = 0;  // or the time-out would grow with what is written
    config.handler = [this](net::Request request) { return middleware.handle(std::move(request)); };
    impatient.emplace(fleet.db.executor(), fleet.clock, std::move(config));
    port = *impatient->listen("127.0.0.1", 0);
  }
  ~Stalled() override { fleet.db.run(impatient->stop()); }

  /// A ship has changed, and the log says so.
  void change() {
    const std::int64_t before = feed.head().seq;
    fleet.db.exec(
        fmt::format("insert into phoenix.event_inbox (tenant_id, type, object_id, kind, version) values "
                    "('{}', 'Ship', '{}', 'UPDATED', 2)",
                    id_of(1, 0), id_of(120, 1)));
    sequencer.nudge();
    while (feed.head().seq == before) fleet.db.io().run_one();
  }

  std::optional<net::HttpServer> impatient;
};

TEST_F(Stalled, AClientThatStopsReadingIsBoundedAndCutOff) {
  // Messages so large that a few of them fill every buffer on the way.
  fleet.db.exec(
      fmt::format("update phoenix.test_ships set nickname = repeat('x', 4000000) where id = '{}'", id_of(120, 1)));
  net::RawClient client(fleet.db.io());
  fleet.db.run(client.connect(port));
  ASSERT_TRUE(fleet.db.run(
      client.send("GET /graphql?query=subscription%7BshipChanged%7Bnode%7Bnickname%7D%7D%7D HTTP/1.1\r\nHost: h\r\n"
                  "Accept: text/event-stream\r\nAuthorization: Bearer one\r\nX-Phoenix-Tenant: tenant-1\r\n\r\n")));
  EXPECT_THAT(fleet.db.run(client.read_until("\r\n\r\n")), StartsWith("HTTP/1.1 200 "));
  ASSERT_EQ(sse.streams(), 1U);
  // The client reads no more. Changes go on until the stream takes none of them, though the log has them.
  const auto read = [this] {
    const std::string text = fleet.db.metrics().render();
    const std::string_view mark = "sankofa_pg_statement_seconds_count{statement=\"api.test_ships";
    const auto at = text.find(mark);
    return at == text.npos ? 0 : std::stoi(text.substr(text.find(' ', at)));
  };
  int changes = 0;
  for (; sse.streams() == 1 && changes < 200; ++changes) change();
  while (sse.streams() == 1) fleet.db.io().run_one();
  EXPECT_GT(changes, 20);
  EXPECT_LT(read(), 15) << "nothing is read for whom there is no room";
  while (feed.subscribers() > 0) fleet.db.io().run_one();
  // What was on its way may still come; then the connection ends in the middle of the stream.
  const std::string rest = fleet.db.run(client.read_to_end());
  EXPECT_FALSE(rest.ends_with("0\r\n\r\n"));
}

}  // namespace
}  // namespace phx::api
