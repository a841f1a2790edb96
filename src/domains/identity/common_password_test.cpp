#include "domains/identity/common_password.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "domains/identity/words.gen.hpp"

namespace phx::identity {
namespace {

Guessable of(std::string_view password, std::vector<std::string> own = {}) { return judge_password(password, own); }

TEST(CommonPassword, IsOnTheList) {
  for (const char* password : {"1qaz2wsx3edc", "QWERTY123456", "CorrectHorseBatteryStaple", "administrator"})
    EXPECT_EQ(of(password), Guessable::kCommon) << password;
}

TEST(CommonPassword, IsAWordWithDigitsAndMarks) {
  for (const char* password : {"Summer2026!!!!", "password1234", "!!Welcome2026", "dragon-monkey1", "monkeydragon",
                               "PasswordPassword", "phoenix!2026!", "MASTER.sunshine99"})
    EXPECT_EQ(of(password), Guessable::kCommon) << password;
}

TEST(CommonPassword, IsARepetition) {
  for (const char* password : {"zzzzzzzzzzzz", "xkxkxkxkxkxkxk", "7f3a7f3a7f3a7f3a"})
    EXPECT_EQ(of(password), Guessable::kCommon) << password;
}

TEST(CommonPassword, IsNotWhatIsMadeOfMore) {
  for (const char* password :
       {"a long enough password", "correct horse battery staple", "dragon monkey tiger",
        "only lower case letters and spaces", "Tr0ub4dor&3xkcd", "żółćęśąźńłóż", "7919158382376"})
    EXPECT_EQ(of(password), Guessable::kNo) << password;
}

TEST(CommonPassword, MayBeOnesOwnName) {
  auto own = words_of("Ada Mensah-Osei");
  for (const char* password : {"Mensah-Osei1", "ada.mensah.2026", "AdaMensahOsei", "mensahpassword", "OSEI!!!!!!!!"})
    EXPECT_EQ(of(password, own), Guessable::kPersonal) << password;
  EXPECT_EQ(of("ada went to the market", own), Guessable::kNo);
  EXPECT_EQ(of("Mensah-Osei1"), Guessable::kNo) << "of somebody else";
}

TEST(CommonPassword, WordsAreThoseOfANameOrAnAddress) {
  EXPECT_THAT(words_of("Ada Mensah-Osei"),
              testing::UnorderedElementsAre("ada mensah-osei", "ada", "mensah", "osei", "adamensahosei"));
  EXPECT_THAT(words_of("Al"), testing::IsEmpty());
}

TEST(CommonPassword, TheListIsAsItSays) {
  std::vector<std::string_view> lines;
  for (std::string_view rest = words::identity::common_passwords; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    lines.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  EXPECT_GT(lines.size(), 3000U);
  EXPECT_TRUE(std::ranges::is_sorted(lines));
  EXPECT_EQ(std::ranges::adjacent_find(lines), lines.end()) << "no line twice";
  for (const auto line : lines)
    EXPECT_TRUE(line.size() >= 4 &&
                std::ranges::all_of(line, [](char c) { return c > ' ' && c < 127 && (c < 'A' || c > 'Z'); }))
        << line;
}

}  // namespace
}  // namespace phx::identity
