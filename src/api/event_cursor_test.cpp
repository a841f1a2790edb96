#include "api/event_cursor.hpp"

#include <gtest/gtest.h>

#include <set>

namespace phx::api {
namespace {

using engine::EventCursor;

const EventCursor kPlace{"0a1b2c3d4e5f6071", 9'007'199'254'740'993};

TEST(EventCursorSeal, EachServerWithTheKeyReadsWhatAnotherWrote) {
  const EventCursorSeal here("key");
  const EventCursorSeal there("key");
  SeededRandom random(1);
  EXPECT_EQ(*there.open(here.of_event(kPlace)), kPlace);
  EXPECT_EQ(*there.open(here.of_head(kPlace, random)), kPlace);
}

TEST(EventCursorSeal, TellsNothingByLengthOrByBeingEqual) {
  const EventCursorSeal seal("key");
  SeededRandom random(1);
  EXPECT_EQ(seal.of_event(kPlace), seal.of_event(kPlace)) << "one event, one text";
  std::set<std::string> texts;
  std::set<std::size_t> lengths;
  for (int i = 0; i < 100; ++i) texts.insert(seal.of_head(kPlace, random));
  for (std::int64_t seq = 0; seq < 1'000'000; seq = seq * 10 + 1) {
    texts.insert(seal.of_event({kPlace.epoch, seq}));
    lengths.insert(seal.of_event({kPlace.epoch, seq}).size());
  }
  EXPECT_EQ(texts.size(), 107U) << "the end of the log has another text each time";
  EXPECT_EQ(lengths.size(), 1U);
}

TEST(EventCursorSeal, WhatIsNotOursIsMalformedOrOfNoEpoch) {
  const EventCursorSeal seal("key");
  for (const char* text : {"", "nonsense", "0a1b2c3d4e5f6071:1", "AAAA", "====", "\xff\xff"})
    EXPECT_EQ(seal.open(text).error().reason(), "event.cursor_malformed") << text;
  const std::string text = seal.of_event(kPlace);
  EXPECT_EQ(seal.open(text + text).error().field(), "after");
  EXPECT_EQ(EventCursorSeal("another key").open(text)->epoch, "");
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(seal.open(changed)->epoch, "") << i;
  }
}

}  // namespace
}  // namespace phx::api
