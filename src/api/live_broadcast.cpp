#include "api/live_broadcast.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <optional>

#include "base/log.hpp"

namespace phx::api {
namespace {

/// So many subscribers are told in one go: about a millisecond.
constexpr std::size_t kBurst = 128;

}  // namespace

/// One question, and all who have asked it.
struct LiveBroadcast::Channel {
  std::unique_ptr<LiveQuery> live;
  std::shared_ptr<engine::EventSubscription> events;
  engine::EventCursor at;  ///< of changes: who sits here was told everything up to there
  /// Of a list: the newest page, and how many there were.
  std::optional<LiveMessage> page;
  std::int64_t pages = 0;
  std::list<Place*> places;          ///< who keeps up
  std::list<Place*>::iterator next;  ///< who is told next
  std::size_t members = 0;           ///< with those who do not keep up
};

struct LiveBroadcast::Place {
  Place(std::shared_ptr<Channel> of, LiveSubscriber& told) : channel(std::move(of)), subscriber(&told) {
    ++channel->members;
  }

  void sit_down() { at = channel->places.insert(channel->places.end(), this); }
  void stand_up() {
    if (*at == channel->next) ++channel->next;
    channel->places.erase(*at);
    at.reset();
  }

  std::shared_ptr<Channel> channel;
  LiveSubscriber* subscriber;                     ///< null once the seat is gone
  std::int64_t seen = 0;                          ///< of changes: seq; of a list: which page
  std::optional<std::list<Place*>::iterator> at;  ///< while it keeps up

  /// Of changes: who had no room reads the log for itself until it has caught up.
  struct Behind {
    engine::EventCursor cursor;
    std::shared_ptr<engine::EventSubscription> events;  ///< while it reads
    asio::steady_timer* room = nullptr;                 ///< while it waits for room
  };
  std::unique_ptr<Behind> behind;
};

std::unique_ptr<LiveSeat> LiveBroadcast::join(std::unique_ptr<LiveQuery> live, LiveSubscriber& subscriber) {
  const std::optional<engine::EventCursor> after = live->after();
  const bool list = live->is_list();
  auto& known = channels_[live->group()];
  const bool fresh = !known;
  if (fresh) {
    known = std::make_shared<Channel>();
    known->next = known->places.end();
    known->events = feed_.subscribe(live->filter());
    known->at = known->events->cursor();
    known->live = std::move(live);
  }
  const std::shared_ptr<Channel> channel = known;
  auto place = std::make_shared<Place>(channel, subscriber);
  if (!list && after) {
    place->behind = std::make_unique<Place::Behind>();
    place->behind->cursor = *after;
    read_alone(place);
  } else {
    if (!list) place->seen = feed_.head().seq;
    place->sit_down();
    if (channel->page) offer_page(*place);
  }
  // A task may run until its first wait before spawn() returns, so it begins when all is in its place.
  if (fresh) tasks_.spawn("channel", pump(channel));
  return std::make_unique<Seat>(*this, std::move(place));
}

void LiveBroadcast::leave(Place& place) {
  place.subscriber = nullptr;
  if (place.at) place.stand_up();
  if (place.behind) {
    if (place.behind->events) place.behind->events->close();
    if (place.behind->room) place.behind->room->cancel();
  }
  if (--place.channel->members > 0) return;
  place.channel->events->close();
  channels_.erase(place.channel->live->group());
}

asio::awaitable<void> LiveBroadcast::pause_after(Error error) const {
  log_error("api.subscription_waits", error);
  co_await sleep_for(retry_pause_);
}

asio::awaitable<void> LiveBroadcast::pump(std::shared_ptr<Channel> channel) {
  std::optional<engine::EventBatch> batch;  // none yet: what comes before any event
  while (channel->members > 0) {
    auto messages = batch ? co_await channel->live->messages(*batch) : co_await channel->live->begin(channel->at);
    if (!messages) {
      co_await pause_after(std::move(messages.error()));
      continue;
    }
    if (!messages->empty())
      co_await tell(*channel, std::move(*messages), batch ? batch->cursor : channel->at, batch && batch->resync);
    if (batch) channel->at = batch->cursor;
    for (;;) {
      auto next = co_await channel->events->next();
      if (next) {
        batch = std::move(*next);
        break;
      }
      if (next.error().reason() == "event.closed") co_return;
      co_await pause_after(std::move(next.error()));
    }
  }
}

asio::awaitable<void> LiveBroadcast::tell(Channel& channel, LiveQuery::Messages messages, engine::EventCursor at,
                                          bool resync) {
  if (channel.live->is_list()) {
    channel.page = std::move(messages.back());
    ++channel.pages;
  }
  channel.next = channel.places.begin();
  for (std::size_t told = 1; channel.next != channel.places.end(); ++told) {
    Place& place = **channel.next++;
    if (channel.live->is_list())
      offer_page(place);
    else
      offer_changes(place, messages, at, resync);
    // Whoever comes or goes meanwhile finds `next` right: who comes has seen all this, or gets the page at once.
    if (told % kBurst == 0) co_await asio::post(asio::use_awaitable);
  }
}

void LiveBroadcast::offer_page(Place& place) {
  const Channel& channel = *place.channel;
  if (place.seen < channel.pages && place.subscriber->take(*channel.page)) place.seen = channel.pages;
}

void LiveBroadcast::offer_changes(Place& place, const LiveQuery::Messages& messages, const engine::EventCursor& at,
                                  bool resync) {
  for (const LiveMessage& message : messages) {
    if (!resync && message.cursor->seq <= place.seen) continue;
    if (!place.subscriber->take(message)) {
      place.behind = std::make_unique<Place::Behind>();
      // A resync that was not taken is found again by the epoch or the distance that made it.
      place.behind->cursor = {resync ? place.channel->at.epoch : at.epoch, place.seen};
      place.stand_up();
      return;
    }
    place.seen = message.cursor->seq;
  }
  place.seen = resync ? at.seq : std::max(place.seen, at.seq);
}

void LiveBroadcast::read_alone(std::shared_ptr<Place> place) {
  place->behind->events = feed_.subscribe(place->channel->live->filter(), place->behind->cursor);
  tasks_.spawn("catch up", catch_up(std::move(place)));
}

asio::awaitable<void> LiveBroadcast::catch_up(std::shared_ptr<Place> place) {
  Channel& channel = *place->channel;
  const auto events = place->behind->events;
  while (place->subscriber) {
    auto batch = co_await events->poll();
    if (!place->subscriber) co_return;
    if (!batch) {
      co_await pause_after(std::move(batch.error()));
      continue;
    }
    if (batch->events.empty() && !batch->resync) {
      place->seen = batch->cursor.seq;
      place->behind.reset();
      place->sit_down();
      co_return;
    }
    auto messages = co_await channel.live->messages(*batch);
    while (!messages && place->subscriber) {
      co_await pause_after(std::move(messages.error()));
      messages = co_await channel.live->messages(*batch);
    }
    if (!messages) co_return;
    for (const LiveMessage& message : *messages)
      while (place->subscriber && !place->subscriber->take(message)) {
        asio::steady_timer room(feed_.executor(), asio::steady_timer::time_point::max());
        place->behind->room = &room;
        co_await room.async_wait(asio::as_tuple(asio::use_awaitable));
        place->behind->room = nullptr;
      }
  }
}

LiveBroadcast::Seat::~Seat() { owner_.leave(*place_); }

void LiveBroadcast::Seat::resume() {
  Place& place = *place_;
  if (place.channel->live->is_list()) {
    if (place.channel->page) offer_page(place);
  } else if (place.behind && place.behind->room) {
    place.behind->room->cancel();
  } else if (place.behind && !place.behind->events) {
    owner_.read_alone(place_);
  }
}

}  // namespace phx::api
