#include "base/plain_text.hpp"

#include <gtest/gtest.h>

namespace phx {
namespace {

std::string utf8(char32_t c) {
  std::string out;
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
  if (c >= 0x10000) out = {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3F))};
  if (c < 0x10000) out = {static_cast<char>(0xE0 | c >> 12)};
  out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
  return out += static_cast<char>(0x80 | (c & 0x3F));
}

TEST(PlainText, HoldsNothingThatWorksUnseen) {
  const auto refused = [](char32_t first, char32_t last, Lines lines) {
    for (char32_t c = first; c <= last; ++c)
      for (const std::string& text : {"a" + utf8(c) + "b", utf8(c), utf8(c) + "a", "火" + utf8(c)})
        EXPECT_FALSE(is_plain_text(text, lines)) << "U+" << std::hex << static_cast<unsigned>(c);
  };
  for (const Lines lines : {Lines::kOne, Lines::kMany}) {
    refused(0x202A, 0x202E, lines);
    refused(0x2066, 0x2069, lines);
    refused(0x200B, 0x200F, lines);
    refused(0x2060, 0x2064, lines);
    refused(0xFEFF, 0xFEFF, lines);
    refused(0x00AD, 0x00AD, lines);
    refused(0x061C, 0x061C, lines);
    refused(0xE0041, 0xE0042, lines);
    refused(0x00, 0x08, lines);
    refused(0x0E, 0x1F, lines);
    refused(0x7F, 0x9F, lines);
  }
  for (const char32_t c : {U'\n', U'\t', U'\r', U'\x2028', U'\x2029'}) refused(c, c, Lines::kOne);
  EXPECT_TRUE(is_plain_text("one\r\n\ttwo", Lines::kMany));
}

TEST(PlainText, IsWrittenInEveryScript) {
  for (const std::string_view text :
       {"", "plain", "Ɛyɛ den", "αβγ", "火 🔥", "שלום", "❤️", "1️⃣", "👍🏽", "\u00A0", "\uFFFD"})
    EXPECT_TRUE(is_plain_text(text, Lines::kOne)) << text;
  for (const std::string_view broken : {"\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"})
    EXPECT_FALSE(is_plain_text(broken, Lines::kMany));
}

TEST(PlainText, JoinersStandBetweenTheCharactersOfTheirScripts) {
  // Persian "they want", Sinhala "Sri", a family, a woman's job, and a Latin word with a Persian ending.
  for (const std::string_view text :
       {"می\u200Cخواهند", "ශ්\u200Dරී", "👨\u200D👩\u200D👧", "👩🏽\u200D💻", "PDF\u200Cها"})
    EXPECT_TRUE(is_plain_text(text, Lines::kOne)) << text;
  for (const std::string_view text : {"ac\u200Dme", "ac\u200Cme", "é\u200Dé", "\u200Dم", "م\u200C", "م\u200C \u200Cم",
                                      "م\u200D\u200Dم", "م\u200C\nم", "👨\u200D\u202E👩"})
    EXPECT_FALSE(is_plain_text(text, Lines::kMany)) << text;
}

TEST(PlainText, WhatIsMadePlainIsPlain) {
  EXPECT_EQ(plain_text("plain 火 👩\u200D💻", Lines::kOne), "plain 火 👩\u200D💻");
  EXPECT_EQ(plain_text("a\nb\x1b[0m", Lines::kOne), "a b\uFFFD[0m");
  EXPECT_EQ(plain_text("a\nb\x07", Lines::kMany), "a\nb\uFFFD");
  EXPECT_EQ(plain_text("paid\u202Egnp", Lines::kOne), "paid\uFFFDgnp");
  EXPECT_EQ(plain_text("\xc3(", Lines::kOne), "\uFFFD(");
  for (const Lines lines : {Lines::kOne, Lines::kMany})
    for (const std::string_view text :
         {"\x01\xff\u2028\n\x9f", "م\u200C\u200Cم\u200D", "\xed\xa0\x80\u200D", "火\u200D\x02\u200D火"})
      EXPECT_TRUE(is_plain_text(plain_text(text, lines), lines)) << text;
}

}  // namespace
}  // namespace phx
