#pragma once
/// GraphQL over server-sent events at /graphql, distinct connections mode of the graphql-sse protocol: one operation a
/// stream, asked for like any request over HTTP with `Accept: text/event-stream`. `next` events carry results, also
/// those of requests that were refused; `complete` ends what is over. EventSource works, since GET carries
/// subscriptions.
///
/// Each `next` of a subscription to changes has the event's cursor as its id, so that Last-Event-ID, which browsers
/// send by themselves, resumes behind it. A comment goes out when nothing else has for a while; that is also how a
/// client that left is noticed. The way to the socket is bounded: a slow client keeps its place in the log, lists skip
/// to the newest page, who falls too far behind gets a RESYNC, and who takes nothing is cut off by the server's write
/// time-out. A right that ends ends the stream, after an error that says so.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "api/live_connections.hpp"
#include "api/live_query.hpp"
#include "api/middleware.hpp"
#include "api/service.hpp"
#include "engine/events.hpp"

namespace phx::api {

class GraphqlSse {
 public:
  struct Limits {
    std::size_t max_messages = 64;
    std::size_t max_bytes = 1 << 20;
    std::chrono::milliseconds keep_alive{12'000};
    /// Pause before events whose objects could not be read are tried again.
    std::chrono::milliseconds retry_pause{500};
  };

  GraphqlSse(GraphqlService& service, LiveConnections& live, engine::EventFeed& feed)
      : GraphqlSse(service, live, feed, Limits()) {}
  GraphqlSse(GraphqlService& service, LiveConnections& live, engine::EventFeed& feed, Limits limits)
      : service_(service), live_(live), feed_(feed), limits_(limits) {}

  /// The stream that answers a request in its scope. `proof` is the request itself: its right is judged again while
  /// the stream is open.
  asio::awaitable<net::Response> respond(RequestContext context, GraphqlRequest request, net::Request proof);
  /// A stream of one error.
  static net::Response refuse(std::string body);

  /// Ends all streams, so that a server can drain. Clients come back to another one.
  void end_streams();
  std::size_t streams() const { return open_.size(); }

 private:
  class Stream;
  struct Start;
  asio::awaitable<void> serve(std::shared_ptr<Start> start, net::BodyWriter& out);
  asio::awaitable<void> read(Stream& stream, std::shared_ptr<Start> start);
  static void end_with_right(Stream& stream, const LiveConnection::End& end);
  asio::awaitable<void> write(Stream& stream, net::BodyWriter& out);

  GraphqlService& service_;
  LiveConnections& live_;
  engine::EventFeed& feed_;
  Limits limits_;
  std::list<Stream*> open_;
};

}  // namespace phx::api
