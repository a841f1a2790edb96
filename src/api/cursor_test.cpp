#include "api/cursor.hpp"

#include <gtest/gtest.h>

namespace phx::api {
namespace {

struct CursorTest : ::testing::Test {
  TableType ships{.name = "Ship", .table = "ships"};
  TableOrder by_name{.name = "NAME", .fields = {}, .keys = {{"name", ColumnKind::kString}}};
  TableOrder by_time{.name = "AT", .fields = {}, .keys = {{"at", ColumnKind::kDateTime}}};
  TableOrder by_both{
      .name = "BOTH", .fields = {}, .keys = {{"at", ColumnKind::kDateTime}, {"name", ColumnKind::kString}}};
  std::string id = std::string("0123456789abcdef");

  static std::string encode(const CursorOrder& order, std::string_view id_bytes, std::vector<std::string_view> keys) {
    return encode_cursor(order, id_bytes, keys);
  }
  static Result<Cursor> decode(const CursorOrder& order, std::string_view text) {
    return decode_cursor(order, text, "after");
  }
};

TEST_F(CursorTest, CarriesIdAndKey) {
  const CursorOrder order{&ships, &by_name, false};
  const auto back = decode(order, encode(order, id, {"Ärger \"1\""}));
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(std::string(back->id.bytes.begin(), back->id.bytes.end()), id);
  EXPECT_EQ(back->keys, std::vector<std::string>{"Ärger \"1\""});
}

TEST_F(CursorTest, CarriesEveryKeyOfAnOrder) {
  const CursorOrder order{&ships, &by_both, true};
  const auto back = decode(order, encode(order, id, {"8 bytes!", ""}));
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(back->keys, (std::vector<std::string>{"8 bytes!", ""}));
  EXPECT_FALSE(decode(order, encode(order, id, {"8 bytes!"})));
  EXPECT_FALSE(decode(order, encode(order, id, {"8 bytes!", "a", "b"})));
}

TEST_F(CursorTest, OfAnotherOrderIsRefused) {
  const CursorOrder order{&ships, &by_name, false};
  const std::string text = encode(order, id, {"x"});
  TableType ports{.name = "Port", .table = "ports"};
  for (const CursorOrder& other : {CursorOrder{&ships, &by_name, true}, CursorOrder{&ships, nullptr, false},
                                   CursorOrder{&ships, &by_time, false}, CursorOrder{&ports, &by_name, false}}) {
    const auto back = decode(other, text);
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error().reason(), "cursor.mismatch");
    EXPECT_EQ(back.error().field(), "after");
  }
}

TEST_F(CursorTest, MalformedIsRefused) {
  const CursorOrder order{&ships, &by_time, false};
  const std::string good = encode(order, id, {"8 bytes!"});
  ASSERT_TRUE(decode(order, good));
  for (const std::string& bad : {std::string(), std::string("x"), std::string("!!!"), good.substr(0, 10), good + "AAAA",
                                 encode(order, id, {"short"}), encode(order, "short", {""}), std::string(9000, 'A')}) {
    const auto back = decode(order, bad);
    ASSERT_FALSE(back) << bad;
    EXPECT_EQ(back.error().code(), Code::kInvalidArgument);
  }
  // A key of text that PostgreSQL could not hold.
  const CursorOrder text_order{&ships, &by_name, false};
  EXPECT_FALSE(decode(text_order, encode(text_order, id, {std::string_view("a\0b", 3)})));
}

}  // namespace
}  // namespace phx::api
