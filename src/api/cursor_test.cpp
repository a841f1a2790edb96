#include "api/cursor.hpp"

#include <gtest/gtest.h>

namespace phx::api {
namespace {

struct CursorTest : ::testing::Test {
  TableType ships{.name = "Ship", .table = "ships"};
  TableOrder by_name{.name = "NAME", .column = "name", .kind = ColumnKind::kString};
  TableOrder by_time{.name = "AT", .column = "at", .kind = ColumnKind::kDateTime};
  std::string id = std::string("0123456789abcdef");
};

TEST_F(CursorTest, CarriesIdAndKey) {
  const CursorOrder order{&ships, &by_name, false};
  const auto back = decode_cursor(order, encode_cursor(order, id, "Ärger \"1\""));
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(std::string(back->id.bytes.begin(), back->id.bytes.end()), id);
  EXPECT_EQ(back->key, "Ärger \"1\"");
}

TEST_F(CursorTest, OfAnotherOrderIsRefused) {
  const CursorOrder order{&ships, &by_name, false};
  const std::string text = encode_cursor(order, id, "x");
  TableType ports{.name = "Port", .table = "ports"};
  for (const CursorOrder& other : {CursorOrder{&ships, &by_name, true}, CursorOrder{&ships, nullptr, false},
                                   CursorOrder{&ships, &by_time, false}, CursorOrder{&ports, &by_name, false}}) {
    const auto back = decode_cursor(other, text);
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error().reason(), "cursor.mismatch");
    EXPECT_EQ(back.error().field(), "after");
  }
}

TEST_F(CursorTest, MalformedIsRefused) {
  const CursorOrder order{&ships, &by_time, false};
  const std::string good = encode_cursor(order, id, "8 bytes!");
  ASSERT_TRUE(decode_cursor(order, good));
  for (const std::string& bad :
       {std::string(), std::string("x"), std::string("!!!"), good.substr(0, 10), good + "AAAA",
        encode_cursor(order, id, "short"), encode_cursor(order, "short", ""), std::string(5000, 'A')}) {
    const auto back = decode_cursor(order, bad);
    ASSERT_FALSE(back) << bad;
    EXPECT_EQ(back.error().code(), Code::kInvalidArgument);
  }
  // A key of text that PostgreSQL could not hold.
  const CursorOrder text_order{&ships, &by_name, false};
  EXPECT_FALSE(decode_cursor(text_order, encode_cursor(text_order, id, std::string("a\0b", 3))));
}

}  // namespace
}  // namespace phx::api
