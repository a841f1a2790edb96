#include "api/graphql_sse.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deque>
#include <exception>

#include "api/graphql_request.hpp"
#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/task_scope.hpp"

namespace phx::api {
namespace {

constexpr std::string_view kComplete = "event: complete\ndata: \n\n";
constexpr std::string_view kKeepAlive = ":\n\n";

/// JSON as we write it holds no line break, so it is one line of data.
std::string next_event(std::string_view payload, std::string_view cursor = {}) {
  std::string out;
  if (!cursor.empty()) out = "id: " + std::string(cursor) + "\n";
  out += "event: next\ndata: ";
  out += payload;
  return out + "\n\n";
}

net::Response stream_response(net::StreamBody body) {
  net::Response out;
  out.headers.set("Content-Type", "text/event-stream; charset=utf-8");
  out.headers.set("Cache-Control", "no-store");
  out.headers.set("X-Accel-Buffering", "no");  // nginx would hold events back
  out.body = std::move(body);
  return out;
}

asio::awaitable<void> write_once(std::string text, net::BodyWriter& out) { (void)co_await out.write(std::move(text)); }

}  // namespace

/// What is on its way to one client: filled by the reader, emptied by the writer.
class GraphqlSse::Stream {
 public:
  Stream(asio::any_io_executor executor, const Limits& limits)
      : limits_(limits), filled_(executor), drained_(executor, asio::steady_timer::time_point::max()) {}

  bool room() const { return items_.empty() || (items_.size() < limits_.max_messages && bytes_ < limits_.max_bytes); }
  /// Waits for room; drops the text when the stream has ended.
  asio::awaitable<void> push(std::string text) {
    while (!ended_ && !room()) co_await drained_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!ended_) put(std::move(text));
  }
  /// The last words, then the end; nothing after them.
  void end(std::string last_words = {}) {
    if (ended_) return;
    if (!last_words.empty()) put(std::move(last_words));
    ended_ = true;
    if (subscription) subscription->close();
    filled_.cancel();
    drained_.cancel();
  }
  bool ended() const { return ended_; }
  /// All that waits, as one text; empty when nothing does.
  std::string take() {
    std::string out;
    for (const std::string& item : items_) out += item;
    items_.clear();
    bytes_ = 0;
    drained_.cancel();
    return out;
  }
  asio::awaitable<void> wait_until(Deadline when) {
    filled_.expires_at(when.when());
    co_await filled_.async_wait(asio::as_tuple(asio::use_awaitable));
  }

  std::shared_ptr<engine::EventSubscription> subscription;

 private:
  void put(std::string text) {
    bytes_ += text.size();
    items_.push_back(std::move(text));
    filled_.cancel();
  }

  const Limits& limits_;
  std::deque<std::string> items_;
  std::size_t bytes_ = 0;
  bool ended_ = false;
  asio::steady_timer filled_;
  asio::steady_timer drained_;
};

struct GraphqlSse::Start {
  std::unique_ptr<LiveQuery> live;
  LiveConnection::Right right;
};

net::Response GraphqlSse::refuse(std::string body) {
  return stream_response(
      [text = next_event(body) + std::string(kComplete)](net::BodyWriter& out) { return write_once(text, out); });
}

asio::awaitable<net::Response> GraphqlSse::respond(RequestContext context, GraphqlRequest request, net::Request proof) {
  if (!service_.is_subscription(request)) {
    GraphqlAnswer answer = co_await service_.execute(std::move(context), std::move(request));
    co_return refuse(body_with_cost(std::move(answer)));
  }
  std::optional<engine::EventCursor> last_event;
  if (const auto id = proof.headers.find("Last-Event-ID"); id && !id->empty()) {
    auto cursor = service_.event_cursors().open(*id);
    if (!cursor) co_return refuse(error_body(cursor.error(), context.request_id));
    last_event = std::move(*cursor);
  }
  auto start = std::make_shared<Start>();
  start->right = {std::move(proof), std::nullopt, context.principal, context.tenant, context.role};
  start->right.proof.body.clear();
  auto opened = service_.open(co_await asio::this_coro::executor, std::move(context), std::move(request));
  if (!opened) co_return refuse(std::move(opened.error().body));
  start->live = std::move(*opened);
  if (last_event) start->live->resume_after(std::move(*last_event));
  co_return stream_response([this, start = std::move(start)](net::BodyWriter& out) { return serve(start, out); });
}

asio::awaitable<void> GraphqlSse::serve(std::shared_ptr<Start> start, net::BodyWriter& out) {
  const auto executor = co_await asio::this_coro::executor;
  Stream stream(executor, limits_);
  stream.subscription = feed_.subscribe(start->live->filter(), start->live->after());
  TaskScope tasks(executor, "graphql-sse");
  LiveConnection right(live_, tasks, std::move(start->right),
                       [&stream](const LiveConnection::End& end) { end_with_right(stream, end); });
  const auto place = open_.insert(open_.end(), &stream);
  tasks.spawn("reader", read(stream, std::move(start)));
  std::exception_ptr thrown;
  try {
    co_await write(stream, out);
  } catch (...) { thrown = std::current_exception(); }
  // Tasks hold references into this frame: they end before it does, whatever happens.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  open_.erase(place);
  stream.end();
  co_await tasks.stop();
  if (thrown) std::rethrow_exception(thrown);
}

asio::awaitable<void> GraphqlSse::read(Stream& stream, std::shared_ptr<Start> start) {
  LiveQuery& live = *start->live;
  const auto events = stream.subscription;
  std::optional<engine::EventBatch> batch;  // none yet: what comes before any event
  while (!stream.ended()) {
    auto messages = batch ? co_await live.messages(*batch) : co_await live.begin(events->cursor());
    if (!messages) {
      log_error("api.subscription_waits", messages.error());
      co_await sleep_for(limits_.retry_pause);
      continue;
    }
    for (const LiveMessage& each : *messages)
      co_await stream.push(next_event(*each.payload, each.cursor_text ? *each.cursor_text : std::string_view()));
    for (;;) {
      auto next = co_await events->next();
      if (next) {
        batch = std::move(*next);
        break;
      }
      if (next.error().reason() == "event.closed") co_return;
      log_error("api.subscription_waits", next.error());
      co_await sleep_for(limits_.retry_pause);
    }
  }
}

void GraphqlSse::end_with_right(Stream& stream, const LiveConnection::End& end) {
  if (end.code == net::CloseCode::kTryAgainLater) {
    stream.end();  // the client comes back and is judged anew
    return;
  }
  const Error error = permission_denied(end.reason, "The right to this subscription has ended.");
  stream.end(next_event(error_body(error, "")) + std::string(kComplete));
}

asio::awaitable<void> GraphqlSse::write(Stream& stream, net::BodyWriter& out) {
  Deadline quiet = Deadline::after(limits_.keep_alive);
  // Headers are out; a first comment tells clients and proxies that the stream stands.
  std::string text(kKeepAlive);
  for (;;) {
    if (!text.empty()) {
      if (!co_await out.write(std::move(text))) co_return;
      quiet = Deadline::after(limits_.keep_alive);
    } else if (stream.ended() || out.stopping()) {
      co_return;
    } else if (quiet.passed()) {
      text = kKeepAlive;
      continue;
    } else {
      co_await stream.wait_until(quiet);
    }
    text = stream.take();
  }
}

void GraphqlSse::end_streams() {
  for (Stream* stream : open_) stream->end();
}

}  // namespace phx::api
