#include "api/json_text.hpp"

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace phx::api {
namespace {

TEST(JsonText, EscapesEveryByteAsJsonNeedsIt) {
  std::string all;
  for (int byte = 0; byte < 128; ++byte) all += static_cast<char>(byte);
  all += "\xc3\xa9\xf0\x9f\x94\xa5";
  std::string out;
  JsonText text(out);
  text.string(all);
  text.trim();
  EXPECT_EQ(std::string_view(boost::json::parse(out).as_string()), all);
  EXPECT_TRUE(out.starts_with(R"("\u0000\u0001)")) << out;
  EXPECT_NE(out.find(R"(\u0008\t\n\u000b\u000c\r\u000e)"), std::string::npos) << out;
  EXPECT_NE(out.find(R"( !\"#)"), std::string::npos) << out;
}

TEST(JsonText, SeesWhatMustBeEscapedAtEveryPlace) {
  for (std::size_t size = 1; size < 40; ++size)
    for (std::size_t place = 0; place < size; ++place)
      for (int byte = 0; byte < 256; ++byte) {
        std::string value(size, 'x');
        value[place] = static_cast<char>(byte);
        std::string wanted = "\"" + value + "\"";
        if (byte < 0x20 || byte == '"' || byte == '\\') wanted = boost::json::serialize(boost::json::string(value));
        std::string out;
        JsonText text(out);
        text.string(value);
        text.trim();
        if (byte >= 0x20) ASSERT_EQ(out, wanted) << size << ' ' << place << ' ' << byte;
        if (byte < 0x20) ASSERT_EQ(boost::json::parse(out), boost::json::parse(wanted)) << size << ' ' << place;
      }
}

TEST(JsonText, KeepsLongTextsWholeWhereverTheyMustBeEscaped) {
  for (const std::size_t size : {0, 1, 255, 256, 257, 5'000}) {
    for (const std::size_t quote : {std::size_t{0}, size / 2, size - 1}) {
      std::string value(size, 'x');
      if (quote < size) value[quote] = '"';
      std::string out = "[";
      JsonText text(out);
      text.string(value);
      text += ']';
      text.trim();
      EXPECT_EQ(std::string_view(boost::json::parse(out).as_array().at(0).as_string()), value);
    }
  }
}

TEST(JsonText, GrowsBeyondWhatWasReservedAndCutsBack) {
  std::string out = "begin";
  out.reserve(40);
  JsonText text(out);
  std::string wanted = "begin";
  for (int i = 0; i < 100; ++i) {
    text.key("key", i == 0);
    text += "123456789";
    wanted += (i == 0 ? "" : ",") + std::string(R"("key":123456789)");
    const std::size_t mark = text.size();
    text += "to be taken back";
    text.cut(mark);
  }
  text += std::string_view();
  text.trim();
  EXPECT_EQ(out, wanted);
}

TEST(JsonText, WritesUuidsInTheirGroups) {
  std::string bytes;
  for (int i = 0; i < 16; ++i) bytes += static_cast<char>(i * 17);
  std::string out;
  JsonText text(out);
  text.uuid(bytes);
  text.trim();
  EXPECT_EQ(out, R"("00112233-4455-6677-8899-aabbccddeeff")");
}

}  // namespace
}  // namespace phx::api
