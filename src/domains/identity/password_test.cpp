#include "domains/identity/password.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/random.hpp"

namespace phx::identity {
namespace {

std::string reason(std::string_view password, std::string_view email = "ada@example.org") {
  const auto status = check_password(password, email, "input.password");
  if (status) return "";
  EXPECT_EQ(status.error().field(), "input.password");
  EXPECT_EQ(status.error().code(), Code::kInvalidArgument);
  return status.error().reason();
}

TEST(PasswordRule, IsLength) {
  EXPECT_EQ(reason("elevenchars"), "password.too_short");
  EXPECT_EQ(reason("twelve chars"), "");
  EXPECT_EQ(reason("only lower case letters and spaces"), "");
  std::string varied;
  for (int i = 0; varied.size() < 128; ++i) varied += std::to_string(i * 7919);
  varied.resize(128);
  EXPECT_EQ(reason(varied), "");
  EXPECT_EQ(reason(varied + "x"), "password.too_long");
}

TEST(PasswordRule, CountsCharactersNotBytes) {
  EXPECT_EQ(reason("żółćęśąźńłó"), "password.too_short");  // 11 characters, 22 bytes
  EXPECT_EQ(reason("żółćęśąźńłóż"), "");
  EXPECT_EQ(reason("twelve chars\xff"), "password.malformed");
  EXPECT_EQ(reason("twelve chars\xed\xa0\x80"), "password.malformed");  // a surrogate
  EXPECT_EQ(reason("twelve chars\xc0\xaf"), "password.malformed");      // an overlong '/'
}

TEST(PasswordRule, RefusesWhatEverybodyTriesFirst) {
  EXPECT_EQ(reason("password1234"), "password.common");
  EXPECT_EQ(reason("PassWord1234"), "password.common");
  EXPECT_EQ(reason("0123456789ab"), "password.common");
  EXPECT_EQ(reason("zxcvbnm12345"), "password.common");
  EXPECT_EQ(reason("aaaaaaaaaaaaaaaa"), "password.common");
  EXPECT_EQ(reason("abababababab"), "password.common");
  EXPECT_EQ(reason("12341234123412"), "password.common");
  EXPECT_EQ(reason("abcdeabcdeabcde"), "");
}

TEST(PasswordRule, RefusesTheAddress) {
  EXPECT_EQ(reason("Ada.Lovelace@Example.org", "ada.lovelace@example.org"), "password.is_address");
  EXPECT_EQ(reason("ada.lovelace", "ada.lovelace@example.org"), "password.is_address");
  EXPECT_EQ(reason("ada.lovelace1", "ada.lovelace@example.org"), "password.personal");
  EXPECT_EQ(reason("ada and the lovelace", "ada.lovelace@example.org"), "");
}

TEST(PasswordRule, RefusesOnesOwnNameAndTenants) {
  const std::vector<std::string> about{"Grace Hopper", "acme-corp", "Acme & Sons"};
  const auto verdict = [&](std::string_view password) {
    const Status status = check_password(password, "grace@example.org", "password", about);
    return status ? "" : status.error().reason();
  };
  EXPECT_EQ(verdict("GraceHopper1906"), "password.personal");
  EXPECT_EQ(verdict("acme-corp-2026"), "password.personal");
  EXPECT_EQ(verdict("hopper@acme!!"), "password.personal");
  EXPECT_EQ(verdict("password-acme1"), "password.personal");
  EXPECT_EQ(verdict("hopper went to acme"), "");
}

TEST(PasswordHash, VerifiesOnlyThePasswordItWasMadeOf) {
  SeededRandom random(1);
  const Argon2Cost cheap{64, 1, 1};
  const auto phc = hash_password("correct horse", make_salt(random), cheap);
  ASSERT_TRUE(phc);
  EXPECT_TRUE(verify_password(*phc, "correct horse"));
  EXPECT_FALSE(verify_password(*phc, "correct horsf"));
  EXPECT_FALSE(verify_password(*phc, ""));
  EXPECT_FALSE(verify_password(*phc, std::string("correct horse\0", 14)));
  const auto again = hash_password("correct horse", make_salt(random), cheap);
  ASSERT_TRUE(again);
  EXPECT_NE(*phc, *again) << "the salt differs";
}

TEST(PasswordHash, HasTheRecommendedCostAndForm) {
  SeededRandom random(2);
  const auto phc = hash_password("correct horse", make_salt(random));
  ASSERT_TRUE(phc);
  EXPECT_TRUE(phc->starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << *phc;
  EXPECT_EQ(parse_phc(*phc), Argon2Cost{});
  EXPECT_FALSE(needs_rehash(*phc));
  EXPECT_TRUE(needs_rehash(*phc, Argon2Cost{.memory_kib = 32768, .passes = 2, .lanes = 1}));
  EXPECT_TRUE(verify_password(*phc, "correct horse"));
}

// From the argon2 reference command: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1
TEST(PasswordHash, AgreesWithOthers) {
  EXPECT_TRUE(verify_password("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                              "password"));
}

TEST(Phc, RefusesWhatIsNotOurs) {
  const auto refused = [](std::string_view text) { return !parse_phc(text).has_value(); };
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"));
  EXPECT_TRUE(refused("$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$CTFh"));
  EXPECT_TRUE(refused("$argon2id$v=19$m=65536,t=2$c29tZXNhbHQ$CTFh"));
  EXPECT_TRUE(refused("$argon2id$v=19$m=,t=2,p=1$c29tZXNhbHQ$CTFh"));
  EXPECT_TRUE(refused("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"));
  EXPECT_TRUE(refused("$argon2id$v=19$m=65536,t=2,p=1$$CTFh"));
  EXPECT_TRUE(refused("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFh$x"));
  EXPECT_TRUE(refused("$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$CTFh")) << "would take 95 GiB";
  EXPECT_TRUE(refused("$argon2id$v=19$m=99999999999,t=2,p=1$c29tZXNhbHQ$CTFh")) << "does not fit";
  EXPECT_FALSE(refused("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFh"));
  EXPECT_FALSE(verify_password("not a hash", "not a hash"));
}

}  // namespace
}  // namespace phx::identity
