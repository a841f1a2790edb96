#include "domains/incident/text.hpp"

#include <gtest/gtest.h>

namespace phx::incident {
namespace {

TEST(Text, SpacesOfEveryScriptAreBlank) {
  for (const std::string_view text : {"", " ", "\t\n", "\u00A0", "\u3000 \u2003", "\u200B\uFEFF"})
    EXPECT_TRUE(blank(text)) << text;
  for (const std::string_view text : {"a", " é ", "\u3000火", "🔥"}) EXPECT_FALSE(blank(text)) << text;
}

TEST(Text, ATitleIsOneLineThatSaysSomething) {
  EXPECT_TRUE(check_title("Ɛyɛ den: αβγ 火 🔥"));
  std::string long_one;
  for (int i = 0; i < 200; ++i) long_one += "火";
  EXPECT_TRUE(check_title(long_one));
  EXPECT_EQ(check_title(long_one + "x").error().reason(), "incident.bad_title");
  EXPECT_EQ(check_title("\u00A0\u3000").error().reason(), "incident.bad_title");
  for (const std::string bad : {"a\nb", "a\x1b[31m", "a\x07", "a\x7f", "a\u0085b", "a\u2028b", "\xff\xfe", "\xc3",
                                "paid\u202Egnp", "a\u200Bb", "\uFEFFa", "a\u2066b"}) {
    const auto refused = check_title(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().field(), "input.title");
    EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
  }
  EXPECT_FALSE(check_title(std::string("a\0b", 3)));
}

TEST(Text, ANoteMayHaveLinesButNoEscapes) {
  EXPECT_TRUE(check_text("one\r\n\ttwo", "body"));
  for (const std::string_view bad : {"\x1b]0;owned\x07", "a\u202Eb\nc"})
    EXPECT_EQ(check_text(bad, "body").error().field(), "body") << bad;
  EXPECT_EQ(check_line("web\u200B", "input.affectedServices", 200).error().field(), "input.affectedServices");
  EXPECT_EQ(check_text(std::string(16'385, 'x'), "body").error().reason(), "incident.bad_text");
}

}  // namespace
}  // namespace phx::incident
