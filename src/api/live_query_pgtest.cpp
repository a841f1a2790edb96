/// Open subscriptions over a real database: changes of objects, and lists.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/live_broadcast.hpp"
#include "api/live_query.hpp"
#include "api/testing/fleet.hpp"
#include "base/task_scope.hpp"
#include "engine/events.hpp"

namespace phx::api {
namespace {

using testing::Fleet;
using ::testing::HasSubstr;
using testing::id_of;
using ::testing::Not;
using namespace std::chrono_literals;
namespace json = boost::json;

std::string string_of(const json::value& value) { return json::value_to<std::string>(value); }

struct Live : ::testing::Test {
  Live() {
    EXPECT_TRUE(fleet.db.run(feed.start()));
    tasks.spawn("feed", feed.run());
  }
  ~Live() override { fleet.db.run(tasks.stop()); }

  struct Subscriber {
    std::unique_ptr<LiveQuery> live;
    std::shared_ptr<engine::EventSubscription> events;
  };
  Subscriber subscribe(RequestContext context, std::string query, std::string variables = "{}") {
    auto opened = fleet.service->open(fleet.db.executor(), std::move(context),
                                      {.query = std::move(query), .variables = json::parse(variables).as_object()});
    if (!opened) throw std::runtime_error(opened.error().body);
    auto events = feed.subscribe((*opened)->filter(), (*opened)->after());
    return {std::move(*opened), std::move(events)};
  }
  /// The messages of the next batch.
  std::vector<std::string> next(Subscriber& of) {
    auto batch = fleet.db.run(of.events->next());
    if (!batch) throw std::runtime_error(batch.error().to_string());
    auto messages = fleet.db.run(of.live->messages(*batch));
    if (!messages) throw std::runtime_error(messages.error().to_string());
    std::vector<std::string> out;
    for (const auto& message : *messages) out.push_back(*message.payload);
    return out;
  }
  /// What a list begins with.
  std::vector<std::string> begin(Subscriber& of) {
    auto messages = fleet.db.run(of.live->begin(of.events->cursor()));
    if (!messages) throw std::runtime_error(messages.error().to_string());
    std::vector<std::string> out;
    for (const auto& message : *messages) out.push_back(*message.payload);
    return out;
  }
  void rename(int tenant, const std::string& id, const std::string& name) {
    EXPECT_EQ(fleet.reason(fleet.context(tenant),
                           "mutation { renameShip(id: \"" + id + "\", name: \"" + name + "\") { note } }"),
              "");
  }
  int sequence() { return *fleet.db.run(sequencer.move_batch()); }

  Fleet fleet;
  engine::Sequencer sequencer{fleet.db.executor(), fleet.db.database(), fleet.clock, fleet.db.metrics()};
  engine::EventFeed feed{fleet.db.executor(), fleet.db.database(), fleet.db.metrics()};
  TaskScope tasks{fleet.db.executor(), "feed"};
};

constexpr const char* kWatch =
    "subscription($after: String, $id: ID) { shipChanged(after: $after, id: $id) { kind cursor id node { name home { "
    "name } } } }";

TEST_F(Live, ChangesArriveWithTheirObject) {
  auto subscriber = subscribe(fleet.context(1), kWatch);
  rename(1, id_of(120, 1), "renamed");
  ASSERT_EQ(sequence(), 1);
  const auto messages = next(subscriber);
  ASSERT_EQ(messages.size(), 1U);
  const json::object change = json::parse(messages[0]).at("data").at("shipChanged").as_object();
  EXPECT_EQ(string_of(change.at("kind")), "UPDATED");
  EXPECT_EQ(string_of(change.at("id")), id_of(120, 1));
  EXPECT_EQ(json::serialize(change.at("node")), R"({"name":"renamed","home":{"name":"alpha port 2"}})");
  // Resumed from before, the same event comes again; from its own cursor, only what follows.
  rename(1, id_of(120, 2), "second");
  ASSERT_EQ(sequence(), 1);
  auto resumed = subscribe(fleet.context(1), kWatch, "{\"after\": \"" + string_of(change.at("cursor")) + "\"}");
  const auto rest = next(resumed);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_THAT(rest[0], HasSubstr("second"));
}

TEST_F(Live, DeletedObjectsHaveNoNode) {
  auto subscriber = subscribe(fleet.context(1), kWatch);
  EXPECT_THAT(
      fleet.run(fleet.context(1, Role::kTenantAdmin), "mutation { sinkShip(id: \"" + id_of(120, 9) + "\") { note } }"),
      HasSubstr("\"data\""));
  ASSERT_EQ(sequence(), 1);
  const auto messages = next(subscriber);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_THAT(messages[0], HasSubstr("\"kind\":\"DELETED\""));
  EXPECT_THAT(messages[0], HasSubstr("\"node\":null"));
}

TEST_F(Live, AnothersEventsNeverArrive) {
  auto mine = subscribe(fleet.context(1), kWatch);
  auto all = subscribe(fleet.context(0, Role::kPlatformAdmin), kWatch);
  rename(2, id_of(220, 1), "SECRET move");
  rename(1, id_of(120, 1), "own move");
  ASSERT_EQ(sequence(), 2);
  const auto messages = next(mine);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_THAT(messages[0], HasSubstr("own move"));
  EXPECT_THAT(messages[0], Not(HasSubstr("SECRET")));
  EXPECT_EQ(next(all).size(), 2U);
}

TEST_F(Live, OneObjectCanBeWatched) {
  auto subscriber = subscribe(fleet.context(1), kWatch, "{\"id\": \"" + id_of(120, 2) + "\"}");
  rename(1, id_of(120, 1), "one");
  rename(1, id_of(120, 2), "two");
  ASSERT_EQ(sequence(), 2);
  const auto messages = next(subscriber);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_THAT(messages[0], HasSubstr("two"));
}

TEST_F(Live, EqualSubscriptionsShareTheirReads) {
  auto first = subscribe(fleet.context(1), kWatch);
  auto second = subscribe(fleet.context(1), kWatch);
  auto other = subscribe(fleet.context(1), "subscription { shipChanged { node { name } } }");
  rename(1, id_of(120, 1), "shared");
  ASSERT_EQ(sequence(), 1);
  const auto messages = [&](Subscriber& of) {
    auto batch = fleet.db.run(of.events->next());
    return *fleet.db.run(of.live->messages(*batch));
  };
  const auto a = messages(first);
  const auto b = messages(second);
  ASSERT_EQ(a.size(), 1U);
  EXPECT_EQ(a[0].payload.get(), b.at(0).payload.get()) << "the very same text, read once";
  EXPECT_NE(*messages(other).at(0).payload, *a[0].payload);
}

TEST_F(Live, UnknownEpochsAndBrokenCursors) {
  const std::string elsewhere = EventCursorSeal("another log's key").of_event({"0123456789abcdef", 7});
  auto subscriber = subscribe(fleet.context(1), kWatch, "{\"after\": \"" + elsewhere + "\"}");
  const auto messages = next(subscriber);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_THAT(messages[0], HasSubstr("\"kind\":\"RESYNC\""));
  EXPECT_THAT(messages[0], HasSubstr("\"node\":null"));
  const auto refused = [&](RequestContext context, std::string query, std::string variables = "{}") {
    auto opened = fleet.service->open(fleet.db.executor(), std::move(context),
                                      {.query = std::move(query), .variables = json::parse(variables).as_object()});
    return opened ? std::string() : Fleet::reason_in(opened.error().body);
  };
  EXPECT_EQ(refused(fleet.context(1), kWatch, R"({"after": "nonsense"})"), "event.cursor_malformed");
  EXPECT_EQ(refused(fleet.context(1), kWatch, R"({"id": "nonsense"})"), "uuid.malformed");
  EXPECT_EQ(refused(fleet.context(0, Role::kNone), kWatch), "tenant.required");
  EXPECT_EQ(refused(fleet.context(1), "{ ships { nodes { id } } }"), "graphql.subscription");
}

// ------------------------------------------------------------------ lists

/// How many statements compiled from selections the database has run.
std::int64_t statements(Fleet& fleet) {
  std::int64_t sum = 0;
  const std::string text = fleet.db.metrics().render();
  constexpr std::string_view kCount = "sankofa_pg_statement_seconds_count{statement=\"api.";
  for (auto at = text.find(kCount); at != std::string::npos; at = text.find(kCount, at + 1))
    sum += std::stoll(text.substr(text.find(' ', at)));
  return sum;
}

constexpr const char* kList =
    "subscription($first: Int) { ships(first: $first, orderBy: NAME, filter: {kind: {eq: TUG}}) { totalCount nodes { "
    "name home { name } } } }";

TEST_F(Live, AListComesWholeAndAgainWhenItChanged) {
  auto list = subscribe(fleet.context(1), kList, R"({"first": 2})");
  EXPECT_EQ(begin(list), std::vector<std::string>{
                             R"({"data":{"ships":{"totalCount":4,"nodes":[{"name":"alpha ship 03","home":null},)"
                             R"({"name":"alpha ship 06","home":{"name":"alpha port 1"}}]}}})"});
  rename(1, id_of(120, 6), "alpha ship 00");
  ASSERT_EQ(sequence(), 1);
  EXPECT_EQ(next(list), std::vector<std::string>{
                            R"({"data":{"ships":{"totalCount":4,"nodes":[{"name":"alpha ship 00","home":{"name":)"
                            R"("alpha port 1"}},{"name":"alpha ship 03","home":null}]}}})"});
  // An event about a ship that the list does not show changes nothing, and nothing is sent.
  rename(1, id_of(120, 1), "a ferry");
  ASSERT_EQ(sequence(), 1);
  EXPECT_TRUE(next(list).empty());
  // Several events are one page.
  rename(1, id_of(120, 6), "alpha ship 00b");
  rename(1, id_of(120, 6), "alpha ship 00c");
  ASSERT_EQ(sequence(), 2);
  const auto last = next(list);
  ASSERT_EQ(last.size(), 1U);
  EXPECT_THAT(last[0], HasSubstr("alpha ship 00c"));
}

TEST_F(Live, AListNeverShowsAnotherTenantsRows) {
  auto list = subscribe(fleet.context(1), kList, R"({"first": 500})");
  auto theirs = subscribe(fleet.context(2), kList, R"({"first": 500})");
  EXPECT_THAT(begin(list).at(0), Not(HasSubstr("SECRET")));
  EXPECT_THAT(begin(theirs).at(0), Not(HasSubstr("alpha")));
  rename(2, id_of(220, 3), "SECRET new");
  rename(1, id_of(120, 3), "alpha new");
  ASSERT_EQ(sequence(), 2);
  const auto mine = next(list);
  ASSERT_EQ(mine.size(), 1U);
  EXPECT_THAT(mine[0], HasSubstr("alpha new"));
  EXPECT_THAT(mine[0], Not(HasSubstr("SECRET")));
}

TEST_F(Live, ListsAreJudgedWhenTheyAreOpened) {
  const auto refused = [&](RequestContext context, std::string query) {
    auto opened = fleet.service->open(fleet.db.executor(), std::move(context), {.query = std::move(query)});
    return opened ? std::string() : Fleet::reason_in(opened.error().body);
  };
  EXPECT_EQ(refused(fleet.context(1), "subscription { ships(first: 501) { nodes { id } } }"), "limit.page_size");
  EXPECT_EQ(refused(fleet.context(1), "subscription { ships { nodes { orders } } }"), "");
  EXPECT_EQ(refused(fleet.context(1), "subscription { ships(filter: {orders: {eq: \"x\"}}) { nodes { id } } }"),
            "auth.forbidden");
  EXPECT_EQ(refused(fleet.context(0, Role::kNone), "subscription { ships { nodes { id } } }"), "tenant.required");
}

TEST_F(Live, AThousandSubscribersOfOneListCostOneReadAChange) {
  std::vector<Subscriber> all;
  for (int i = 0; i < 1'000; ++i) all.push_back(subscribe(fleet.context(1), kList, R"({"first": 20})"));
  const std::int64_t none = statements(fleet);
  for (Subscriber& one : all) ASSERT_EQ(begin(one).size(), 1U);
  const std::int64_t first = statements(fleet) - none;
  EXPECT_GT(first, 0);
  EXPECT_LE(first, 2) << "the page and its total, once for all";
  rename(1, id_of(120, 3), "alpha changed");
  ASSERT_EQ(sequence(), 1);
  const std::int64_t before = statements(fleet);
  std::shared_ptr<const std::string> same;
  for (Subscriber& one : all) {
    auto batch = fleet.db.run(one.events->next());
    ASSERT_TRUE(batch);
    const auto messages = fleet.db.run(one.live->messages(*batch));
    ASSERT_EQ(messages->size(), 1U);
    if (!same) same = messages->front().payload;
    EXPECT_EQ(messages->front().payload, same);
  }
  EXPECT_THAT(*same, HasSubstr("alpha changed"));
  EXPECT_EQ(statements(fleet) - before, first);
}

asio::awaitable<void> begin_one(LiveQuery& live, engine::EventCursor at, int& answered) {
  const auto messages = co_await live.begin(std::move(at));
  if (messages && messages->size() == 1) ++answered;
}

TEST_F(Live, SubscribersThatAskAtTheSameTimeWaitForOneRead) {
  std::vector<Subscriber> all;
  for (int i = 0; i < 50; ++i) all.push_back(subscribe(fleet.context(1), kList, R"({"first": 20})"));
  const std::int64_t none = statements(fleet);
  TaskScope readers(fleet.db.executor(), "readers");
  int answered = 0;
  for (Subscriber& one : all) readers.spawn("reader", begin_one(*one.live, one.events->cursor(), answered));
  fleet.db.run(readers.join());
  EXPECT_EQ(answered, 50);
  EXPECT_LE(statements(fleet) - none, 2);
}

TEST_F(Live, TwoServersOnOneDatabaseSeeEachOthersChanges) {
  // A second feed and service, as another process would have them; the change is made by the first.
  engine::EventFeed other_feed{fleet.db.executor(), fleet.db.database(), fleet.db.metrics()};
  ASSERT_TRUE(fleet.db.run(other_feed.start()));
  TaskScope other_tasks(fleet.db.executor(), "other feed");
  other_tasks.spawn("feed", other_feed.run());
  GraphqlService other({*fleet.api, fleet.db.database(), fleet.clock, fleet.random, fleet.ids, fleet.db.metrics(), "k",
                        fleet.event_cursors});
  auto opened = other.open(fleet.db.executor(), fleet.context(1), {.query = kList});
  ASSERT_TRUE(opened);
  auto events = other_feed.subscribe((*opened)->filter());
  ASSERT_EQ(fleet.db.run((*opened)->begin(events->cursor()))->size(), 1U);
  rename(1, id_of(120, 3), "alpha from afar");
  ASSERT_EQ(sequence(), 1);
  auto batch = fleet.db.run(events->next());
  ASSERT_TRUE(batch);
  const auto messages = fleet.db.run((*opened)->messages(*batch));
  ASSERT_EQ(messages->size(), 1U);
  EXPECT_THAT(*messages->front().payload, HasSubstr("alpha from afar"));
  fleet.db.run(other_tasks.stop());
}

// ------------------------------------------------------------------ told instead of asking

struct Listener final : LiveSubscriber {
  bool take(const LiveMessage& message) override {
    if (!room) {
      ++refused;
      return false;
    }
    heard.push_back(*message.payload);
    if (told) told();
    return true;
  }
  /// What it heard of changes: the names of the ships.
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const std::string& text : heard)
      out.push_back(string_of(json::parse(text).at("data").at("shipChanged").at("node").at("name")));
    return out;
  }
  std::function<void()> told;
  bool room = true;
  int refused = 0;
  std::vector<std::string> heard;
  std::unique_ptr<LiveSeat> seat;
};

struct Broadcast : Live {
  ~Broadcast() override { fleet.db.run(broadcast.stop()); }
  void join(Listener& listener, std::string query, std::string variables = "{}") {
    auto opened = fleet.service->open(fleet.db.executor(), fleet.context(1),
                                      {.query = std::move(query), .variables = json::parse(variables).as_object()});
    if (!opened) throw std::runtime_error(opened.error().body);
    listener.seat = broadcast.join(std::move(*opened), listener);
  }
  template <class Condition>
  void until(Condition condition) {
    while (!condition()) fleet.db.io().run_one();
  }
  /// One change more, and everybody who may hear of it has.
  void change(const std::string& name, std::initializer_list<Listener*> listeners) {
    rename(1, id_of(120, 3), name);
    ASSERT_EQ(sequence(), 1);
    for (Listener* each : listeners)
      until([&] { return !each->heard.empty() && each->heard.back().find(name) != std::string::npos; });
  }
  LiveBroadcast broadcast{feed, 10ms};
};

TEST_F(Broadcast, AThousandAreToldOfAChangeByOneReader) {
  std::vector<Listener> all(1'000);
  const std::int64_t none = statements(fleet);
  for (Listener& one : all) join(one, kList, R"({"first": 20})");
  until([&] { return std::ranges::all_of(all, [](const Listener& one) { return one.heard.size() == 1; }); });
  const std::int64_t first = statements(fleet) - none;
  EXPECT_LE(first, 2) << "the page and its total, once for all";
  EXPECT_EQ(feed.subscribers(), 1U);
  EXPECT_EQ(broadcast.channels(), 1U);
  rename(1, id_of(120, 3), "alpha changed");
  ASSERT_EQ(sequence(), 1);
  until([&] { return std::ranges::all_of(all, [](const Listener& one) { return one.heard.size() == 2; }); });
  EXPECT_EQ(statements(fleet) - none, 2 * first);
  EXPECT_THAT(all.back().heard.back(), HasSubstr("alpha changed"));
  // Who comes later gets the page without another read.
  Listener late;
  join(late, kList, R"({"first": 20})");
  EXPECT_EQ(late.heard, std::vector<std::string>{all.front().heard.back()});
  EXPECT_EQ(statements(fleet) - none, 2 * first);
  for (Listener& one : all) one.seat.reset();
  EXPECT_EQ(broadcast.channels(), 1U);
  late.seat.reset();
  EXPECT_EQ(broadcast.channels(), 0U);
  until([&] { return feed.subscribers() == 0; });
}

TEST_F(Broadcast, WhoLeavesWhileARowIsToldIsNotMissed) {
  std::vector<Listener> all(1'000);
  for (Listener& one : all) join(one, kList, R"({"first": 20})");
  until([&] { return all.back().heard.size() == 1; });
  Listener late;
  const auto leave = [&] {
    EXPECT_EQ(all.back().heard.size(), 1U) << "a long row is told in bursts";
    for (std::size_t i = 0; i < all.size(); i += 2) all[i].seat.reset();
    join(late, kList, R"({"first": 20})");
  };
  // Between the first burst and the next.
  all.front().told = [&] { asio::post(fleet.db.executor(), leave); };
  rename(1, id_of(120, 3), "alpha changed");
  ASSERT_EQ(sequence(), 1);
  until([&] { return all.back().heard.size() == 2; });
  for (std::size_t i = 1; i < all.size(); i += 2) EXPECT_EQ(all[i].heard.size(), 2U) << i;
  EXPECT_EQ(late.heard.size(), 1U) << "it has the new page once";
}

TEST_F(Broadcast, OfAListOnlyTheNewestPageIsKeptForWhoHasNoRoom) {
  Listener quick, slow;
  join(quick, kList, R"({"first": 20})");
  join(slow, kList, R"({"first": 20})");
  until([&] { return slow.heard.size() == 1; });
  slow.room = false;
  for (int i = 0; i < 5; ++i) change(fmt::format("alpha 0{}", i), {&quick});
  EXPECT_EQ(slow.heard.size(), 1U);
  slow.room = true;
  slow.seat->resume();
  ASSERT_EQ(slow.heard.size(), 2U);
  EXPECT_EQ(slow.heard.back(), quick.heard.back());
  slow.seat->resume();
  EXPECT_EQ(slow.heard.size(), 2U);
}

TEST_F(Broadcast, WhoHadNoRoomForChangesGetsEachOnceAndInOrder) {
  Listener quick, slow;
  join(quick, kWatch);
  join(slow, kWatch);
  change("one", {&quick, &slow});
  slow.room = false;
  change("two", {&quick});
  change("three", {&quick});
  EXPECT_EQ(slow.refused, 1) << "after its refusal it is left alone";
  // It comes back, and loses its room again in the middle of what it missed.
  slow.room = true;
  slow.seat->resume();
  until([&] { return slow.heard.size() >= 2; });
  slow.room = false;
  change("four", {&quick});
  slow.seat->resume();
  slow.room = true;
  slow.seat->resume();
  until([&] { return slow.heard.size() == 4; });
  change("five", {&quick, &slow});
  EXPECT_EQ(slow.names(), (std::vector<std::string>{"one", "two", "three", "four", "five"}));
  EXPECT_EQ(slow.heard, quick.heard);
  until([&] { return feed.subscribers() == 1; });
}

TEST_F(Broadcast, WhoResumesBehindACursorCatchesUpAndSitsWithTheOthers) {
  Listener first;
  join(first, kWatch);
  change("one", {&first});
  const std::string cursor = string_of(json::parse(first.heard[0]).at("data").at("shipChanged").at("cursor"));
  change("two", {&first});
  change("three", {&first});
  Listener again;
  join(again, kWatch, "{\"after\": \"" + cursor + "\"}");
  until([&] { return again.heard.size() == 2; });
  EXPECT_EQ(broadcast.channels(), 1U) << "where it begins does not make it another question";
  until([&] { return feed.subscribers() == 1; });
  change("four", {&first, &again});
  EXPECT_EQ(again.names(), (std::vector<std::string>{"two", "three", "four"}));
  EXPECT_EQ(first.heard.size(), 4U);
  // From another history it hears that it has to begin anew, and then what comes.
  Listener lost;
  join(lost, kWatch, "{\"after\": \"" + EventCursorSeal("another key").of_event({"0123456789abcdef", 7}) + "\"}");
  until([&] { return lost.heard.size() == 1; });
  EXPECT_THAT(lost.heard[0], HasSubstr("RESYNC"));
  change("five", {&first, &again, &lost});
  EXPECT_EQ(lost.heard.size(), 2U);
}

TEST_F(Broadcast, ASeatMayGoWhileItCatchesUp) {
  Listener first;
  join(first, kWatch);
  change("one", {&first});
  const std::string cursor = string_of(json::parse(first.heard[0]).at("data").at("shipChanged").at("cursor"));
  change("two", {&first});
  {
    Listener slow;
    slow.room = false;
    join(slow, kWatch, "{\"after\": \"" + cursor + "\"}");
    until([&] { return slow.refused > 0; });
  }
  {
    Listener gone;
    join(gone, kWatch, "{\"after\": \"" + cursor + "\"}");
  }
  change("three", {&first});
  first.seat.reset();
  until([&] { return feed.subscribers() == 0; });
}

}  // namespace
}  // namespace phx::api
