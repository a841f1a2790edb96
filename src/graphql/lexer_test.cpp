#include "graphql/lexer.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace phx::graphql {
namespace {

using ::testing::ElementsAre;
using K = TokenKind;

struct Lexed {
  std::vector<TokenKind> kinds;
  std::vector<std::string> texts;
  std::uint32_t error_at = 0;
};

Lexed lex(std::string text) {
  Arena arena;
  Lexer lexer(text, arena);
  Lexed out;
  for (;;) {
    Token token = lexer.next();
    if (token.kind == K::kError) out.error_at = lexer.error_offset();
    if (token.kind == K::kEnd) return out;
    out.kinds.push_back(token.kind);
    out.texts.emplace_back(token.text);
    if (token.kind == K::kError) return out;
  }
}

std::string only_text(const std::string& text) {
  Lexed lexed = lex(text);
  return lexed.kinds == std::vector{K::kString} ? lexed.texts[0] : "(no single string)";
}

/// Offset of the error, or -1.
int error_at(const std::string& text) {
  Lexed lexed = lex(text);
  return !lexed.kinds.empty() && lexed.kinds.back() == K::kError ? static_cast<int>(lexed.error_at) : -1;
}

TEST(Lexer, SplitsIntoTokens) {
  Lexed lexed = lex("query Q($a:[Int!]=1)@d{...f a|&b}");
  EXPECT_THAT(lexed.kinds,
              ElementsAre(K::kName, K::kName, K::kParenL, K::kDollar, K::kName, K::kColon, K::kBracketL, K::kName,
                          K::kBang, K::kBracketR, K::kEquals, K::kInt, K::kParenR, K::kAt, K::kName, K::kBraceL,
                          K::kSpread, K::kName, K::kName, K::kPipe, K::kAmp, K::kName, K::kBraceR));
}

TEST(Lexer, IgnoresSpaceCommentsCommasAndByteOrderMarks) {
  EXPECT_THAT(lex("\xEF\xBB\xBF a,,\t# c \xC3\xA9\r\nb #d\rc").texts, ElementsAre("a", "b", "c"));
}

TEST(Lexer, ReadsNumbersAsWritten) {
  EXPECT_THAT(lex("0 -0 12 1.5 -1.5e+10 2E3 [1-2]").texts,
              ElementsAre("0", "-0", "12", "1.5", "-1.5e+10", "2E3", "", "1", "-2", ""));
  EXPECT_THAT(lex("1 1.0 1e1").kinds, ElementsAre(K::kInt, K::kFloat, K::kFloat));
}

TEST(Lexer, RefusesWhatOnlyLooksLikeANumber) {
  EXPECT_EQ(error_at("00"), 1);
  EXPECT_EQ(error_at("-01"), 2);
  EXPECT_EQ(error_at("1."), 2);
  EXPECT_EQ(error_at("1.e1"), 2);
  EXPECT_EQ(error_at("1e+"), 3);
  EXPECT_EQ(error_at("12abc"), 2);
  EXPECT_EQ(error_at("0x1F"), 1);
  EXPECT_EQ(error_at("1.2.3"), 3);
  EXPECT_EQ(error_at("-"), 1);
  EXPECT_EQ(error_at("+1"), 0);
  EXPECT_EQ(error_at(".5"), 0);
}

TEST(Lexer, ResolvesEscapes) {
  EXPECT_EQ(only_text(R"("plain")"), "plain");
  EXPECT_EQ(only_text(R"("a\n\t\"\\\/\b\f\r")"), "a\n\t\"\\/\b\f\r");
  EXPECT_EQ(only_text(R"("A\u00e9\u20AC")"), "A\xC3\xA9\xE2\x82\xAC");
  EXPECT_EQ(only_text(R"("\u{1F6A2}\u{41}\u{0000041}")"),
            "\xF0\x9F\x9A\xA2"
            "AA");
  EXPECT_EQ(only_text(R"("\uD83D\uDEA2")"), "\xF0\x9F\x9A\xA2");
}

TEST(Lexer, RefusesWhatIsNoScalarValue) {
  EXPECT_EQ(error_at(R"("\uDEA2")"), 1);
  EXPECT_EQ(error_at(R"("\uD83D")"), 1);
  EXPECT_EQ(error_at(R"("\uD83D\u0041")"), 1);
  EXPECT_EQ(error_at(R"("\u{D83D}\u{DEA2}")"), 1);
  EXPECT_EQ(error_at(R"("\u{110000}")"), 1);
  EXPECT_EQ(error_at(R"("\u{FFFFFFFFFFFF}")"), 1);
  EXPECT_EQ(error_at(R"("\u{}")"), 1);
  EXPECT_EQ(error_at(R"("\u12")"), 1);
  EXPECT_EQ(error_at(R"("\x41")"), 1);
}

TEST(Lexer, RefusesUnterminatedStrings) {
  EXPECT_EQ(error_at("\"abc"), 4);
  EXPECT_EQ(error_at("\"a\nb\""), 2);
  EXPECT_EQ(error_at("\"a\rb\""), 2);
  EXPECT_EQ(error_at("\"a\\\""), 4);
  EXPECT_EQ(error_at("\"\"\"a\"\""), 6);
}

TEST(Lexer, TakesIndentAndBlankEdgesOffBlockStrings) {
  EXPECT_EQ(only_text("\"\"\"\n    Hello,\n      World!\n\n    Yours,\n      GraphQL.\n  \"\"\""),
            "Hello,\n  World!\n\nYours,\n  GraphQL.");
  EXPECT_EQ(only_text("\"\"\"  first keeps its own\n    second\"\"\""), "  first keeps its own\nsecond");
  EXPECT_EQ(only_text("\"\"\"a\r\nb\rc\"\"\""), "a\nb\nc");
  EXPECT_EQ(only_text("\"\"\" \n\t\n\"\"\""), "");
  EXPECT_EQ(only_text("\"\"\"\"\"\""), "");
  EXPECT_EQ(only_text(R"("""raw \n \u0041 \""" quote""")"), "raw \\n \\u0041 \"\"\" quote");
}

TEST(Lexer, FindsTheFirstByteThatIsNotUtf8) {
  EXPECT_EQ(find_invalid_utf8("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x9A\xA2"), std::string_view::npos);
  EXPECT_EQ(find_invalid_utf8("0123456789\x80"), 10U);
  EXPECT_EQ(find_invalid_utf8("a\xC0\x80"), 1U) << "overlong";
  EXPECT_EQ(find_invalid_utf8("a\xE0\x80\x80"), 1U) << "overlong";
  EXPECT_EQ(find_invalid_utf8("a\xED\xA0\x80"), 1U) << "surrogate";
  EXPECT_EQ(find_invalid_utf8("a\xF4\x90\x80\x80"), 1U) << "beyond Unicode";
  EXPECT_EQ(find_invalid_utf8("ab\xE2\x82"), 2U) << "cut off";
}

TEST(Lexer, AByteOfZeroIsNoEnd) {
  EXPECT_EQ(error_at(std::string("a \0 b", 5)), 2);
  EXPECT_EQ(only_text(std::string("\"a\0b\"", 5)), std::string("a\0b", 3));
}

}  // namespace
}  // namespace phx::graphql
