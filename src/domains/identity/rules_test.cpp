#include <gtest/gtest.h>

#include <string>

#include "domains/identity/account.hpp"
#include "domains/identity/lockout.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;

TEST(Email, TakesOrdinaryAddresses) {
  for (const char* good : {"ada@example.org", "a.b+c@x-y.example.org", "admin@localhost", "A@B.c", "x_y!z@e.org"})
    EXPECT_TRUE(check_email(good, "email")) << good;
}

TEST(Email, RefusesTheRest) {
  const std::string long_local = std::string(65, 'a') + "@example.org";
  const std::string long_label = "a@" + std::string(64, 'b') + ".org";
  for (const char* bad : {"", "ada", "@example.org", "ada@", "ada@@example.org", "a b@example.org", "ada@exa mple",
                          ".ada@example.org", "ada.@example.org", "a..b@example.org", "ada@-x.org", "ada@x-.org",
                          "ada@x..org", "ada@x.org.", "\"ada\"@x.org", "ada@[127.0.0.1]", "ad\n@x.org", "ä@x.org"})
    EXPECT_FALSE(check_email(bad, "email")) << bad;
  EXPECT_FALSE(check_email(long_local, "email"));
  EXPECT_FALSE(check_email(long_label, "email"));
  EXPECT_EQ(check_email("ada", "input.email").error().field(), "input.email");
}

TEST(DisplayName, IsOneLineOfText) {
  EXPECT_TRUE(check_display_name("Ada Lovelace", "name"));
  EXPECT_TRUE(check_display_name("李", "name"));
  EXPECT_TRUE(check_display_name("علی\u200Cرضا", "name"));
  for (const std::string& bad : {std::string(), std::string(" Ada"), std::string("Ada "), std::string("A\nda"),
                                 std::string("A\0a", 3), std::string(101, 'a'), std::string("\xff"),
                                 std::string("Ada\u202E"), std::string("A\u200Bda"), std::string("\uFEFFAda")})
    EXPECT_FALSE(check_display_name(bad, "name")) << bad;
}

TEST(Characters, CountCodePoints) {
  EXPECT_EQ(count_characters(""), 0U);
  EXPECT_EQ(count_characters("aé€😀"), 4U);
  EXPECT_EQ(count_characters("\xf4\x8f\xbf\xbf"), 1U);
  EXPECT_EQ(count_characters("\xf4\x90\x80\x80"), std::nullopt) << "beyond U+10FFFF";
  EXPECT_EQ(count_characters("\xe2\x82"), std::nullopt) << "cut short";
  EXPECT_EQ(count_characters("\x80"), std::nullopt);
}

TEST(Lockout, IsFreeThenDoublesToItsCap) {
  EXPECT_EQ(lockout_wait(1), 0s);
  EXPECT_EQ(lockout_wait(4), 0s);
  EXPECT_EQ(lockout_wait(5), 15s);
  EXPECT_EQ(lockout_wait(6), 30s);
  EXPECT_EQ(lockout_wait(9), 240s);
  EXPECT_EQ(lockout_wait(11), 15min);
  EXPECT_EQ(lockout_wait(1'000'000'000), 15min);
}

TEST(Lockout, ScheduleIsTheSameRuleUpToItsCap) {
  const auto& schedule = lockout_schedule();
  ASSERT_EQ(schedule.size(), 11U);
  for (std::size_t i = 0; i < schedule.size(); ++i)
    EXPECT_EQ(std::chrono::seconds(schedule[i]), lockout_wait(static_cast<std::uint32_t>(i + 1)));
}

TEST(Lockout, KeyIsOfNameAndAddressAndHidesBoth) {
  const auto key = lockout_key("Ada@Example.org", "10.0.0.1");
  EXPECT_EQ(key.size(), 32U);
  EXPECT_EQ(key, lockout_key("ada@example.org", "10.0.0.1"));
  EXPECT_NE(key, lockout_key("ada@example.org", "10.0.0.2"));
  EXPECT_NE(key, lockout_key("bob@example.org", "10.0.0.1"));
  EXPECT_NE(lockout_key("a", "bc"), lockout_key("ab", "c"));
}

}  // namespace
}  // namespace phx::identity
