#pragma once
/// One reader for all who watch the same. Equal subscriptions (one LiveGroup of live_query.hpp) share one place in the
/// log and one task; what it reads goes to each of them by a call. So a subscriber that waits costs a few pointers, no
/// coroutine, and a change costs one read and one call a subscriber.
///
/// Guarantees: changes come in the log's order and each once, also to who resumed behind a cursor or had no room for a
/// while; a list's page comes first and again when it changed, the newest only. Whoever has no room holds nobody up:
/// changes are read again from the log for it when it says resume(), and who fell too far behind gets RESYNC.
///
/// Everything happens on the feed's thread. A long row of subscribers is served in bursts, with other work in between.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>

#include "api/live_query.hpp"
#include "base/task_scope.hpp"
#include "engine/events.hpp"

namespace phx::api {

/// Who is told. Must not destroy a seat while it is being told.
class LiveSubscriber {
 public:
  virtual ~LiveSubscriber() = default;
  /// Takes the message, or says false when there is no room: then nothing more comes until LiveSeat::resume().
  virtual bool take(const LiveMessage& message) = 0;
};

class LiveBroadcast {
 public:
  class Seat;

  LiveBroadcast(engine::EventFeed& feed, std::chrono::milliseconds retry_pause)
      : feed_(feed), retry_pause_(retry_pause), tasks_(feed.executor(), "live") {}

  /// From where `live` says on. The subscriber must outlive the seat; destroying the seat ends the subscription.
  std::unique_ptr<Seat> join(std::unique_ptr<LiveQuery> live, LiveSubscriber& subscriber);
  /// Seats must be gone.
  asio::awaitable<void> stop() { return tasks_.stop(); }
  /// Different questions that are watched.
  std::size_t channels() const { return channels_.size(); }

 private:
  struct Channel;
  struct Place;
  asio::awaitable<void> pump(std::shared_ptr<Channel> channel);
  asio::awaitable<void> tell(Channel& channel, LiveQuery::Messages messages, engine::EventCursor at, bool resync);
  void read_alone(std::shared_ptr<Place> place);
  asio::awaitable<void> catch_up(std::shared_ptr<Place> place);
  asio::awaitable<void> pause_after(Error error) const;
  static void offer_page(Place& place);
  static void offer_changes(Place& place, const LiveQuery::Messages& messages, const engine::EventCursor& at,
                            bool resync);
  void leave(Place& place);

  engine::EventFeed& feed_;
  std::chrono::milliseconds retry_pause_;
  std::unordered_map<const LiveGroup*, std::shared_ptr<Channel>> channels_;
  TaskScope tasks_;
};

/// A subscriber's place among equals.
class LiveBroadcast::Seat {
 public:
  Seat(LiveBroadcast& owner, std::shared_ptr<Place> place) : owner_(owner), place_(std::move(place)) {}
  ~Seat();
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  /// There is room again. Harmless when there was all the time.
  void resume();

 private:
  LiveBroadcast& owner_;
  std::shared_ptr<Place> place_;
};

using LiveSeat = LiveBroadcast::Seat;

}  // namespace phx::api
