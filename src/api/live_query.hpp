#pragma once
/// Open subscriptions, whatever transport carries them.
///
/// Two kinds of field can be subscribed to:
/// - **changes** (@changes): each event of the log about an object of one type is one message, in the log's order and
///   once, with the object as it is now. `after` resumes behind a cursor; what cannot be resumed says RESYNC.
/// - **lists** (@connection on Subscription): the page as it is now comes first, and again whenever an event may have
///   changed it and it did change. Pages in between are left out for who is slow, so there is nothing to resume.
///
/// Equal subscriptions (same scope, role, operation, variables, and the caller where computed fields may depend on it)
/// form one LiveGroup: it is compiled once and reads once for all of them, so a change costs one read however many
/// watch. Each LiveQuery holds no more than its place. The groups belong to the service's thread.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/service.hpp"
#include "engine/events.hpp"

namespace phx::api {

struct LiveGroup;

/// One `next` message.
struct LiveMessage {
  std::shared_ptr<const std::string> payload;
  /// Where to go on after it, and that as clients are told; none for lists, which are whole each time.
  std::optional<engine::EventCursor> cursor;
  std::shared_ptr<const std::string> cursor_text;
};

/// One open subscription: its place among equals.
class LiveQuery {
 public:
  ~LiveQuery();
  LiveQuery(const LiveQuery&) = delete;
  LiveQuery& operator=(const LiveQuery&) = delete;

  /// What of the log concerns this subscription: its tenant's events of its types, or in platform scope all tenants'.
  engine::EventFilter filter() const;
  const std::optional<engine::EventCursor>& after() const { return after_; }
  /// Equal subscriptions have the same.
  const LiveGroup* group() const { return group_.get(); }
  /// A list; otherwise changes.
  bool is_list() const;
  /// The transport knows better where the client was (Last-Event-ID). Lists ignore it.
  void resume_after(engine::EventCursor cursor);

  using Messages = std::vector<LiveMessage>;
  /// What to send before any event: a list's first page as of `at`, nothing for changes.
  asio::awaitable<Result<Messages>> begin(engine::EventCursor at);
  /// What to send for these events, in order. A failure of the database that may pass is an error here: call again with
  /// the same batch.
  asio::awaitable<Result<Messages>> messages(engine::EventBatch batch);

 private:
  friend class GraphqlService;
  LiveQuery(std::shared_ptr<LiveGroup> group, std::optional<engine::EventCursor> after);
  asio::awaitable<Result<Messages>> page(engine::EventCursor at);

  std::shared_ptr<LiveGroup> group_;
  std::optional<engine::EventCursor> after_;
  std::shared_ptr<const std::string> last_;  ///< of a list: what was sent last
};

}  // namespace phx::api
