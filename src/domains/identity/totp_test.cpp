#include "domains/identity/totp.hpp"

#include <gtest/gtest.h>

namespace phx::identity {
namespace {

const std::string kSecret = "12345678901234567890";  // of both RFCs' tables

TEST(Hotp, AgreesWithRfc4226) {
  const char* expected[] = {"755224", "287082", "359152", "969429", "338314",
                            "254676", "287922", "162583", "399871", "520489"};
  for (std::uint64_t counter = 0; counter < 10; ++counter) EXPECT_EQ(hotp(kSecret, counter), expected[counter]);
}

TEST(Totp, AgreesWithRfc6238) {
  const std::pair<std::int64_t, const char*> expected[] = {{59, "94287082"},         {1111111109, "07081804"},
                                                           {1111111111, "14050471"}, {1234567890, "89005924"},
                                                           {2000000000, "69279037"}, {20000000000, "65353130"}};
  for (const auto& [at, code] : expected) {
    EXPECT_EQ(hotp(kSecret, static_cast<std::uint64_t>(at / 30), 8), code);
    EXPECT_EQ(match_totp(kSecret, std::string(code).substr(2), at, 0), at / 30) << "six digits are the last six";
  }
}

TEST(Totp, TakesOneStepBeforeAndAfter) {
  constexpr std::int64_t kNow = 1'900'000'000;
  constexpr std::int64_t kStep = kNow / 30;
  for (std::int64_t off = -3; off <= 3; ++off) {
    const auto found = match_totp(kSecret, hotp(kSecret, static_cast<std::uint64_t>(kStep + off)), kNow, 0);
    if (off >= -1 && off <= 1)
      EXPECT_EQ(found, kStep + off);
    else
      EXPECT_EQ(found, std::nullopt) << off;
  }
}

TEST(Totp, TakesNoStepTwiceNorAnOlderOne) {
  constexpr std::int64_t kNow = 1'900'000'000;
  constexpr std::int64_t kStep = kNow / 30;
  const auto code = [](std::int64_t step) { return hotp(kSecret, static_cast<std::uint64_t>(step)); };
  EXPECT_EQ(match_totp(kSecret, code(kStep), kNow, kStep), std::nullopt);
  EXPECT_EQ(match_totp(kSecret, code(kStep - 1), kNow, kStep), std::nullopt);
  EXPECT_EQ(match_totp(kSecret, code(kStep + 1), kNow, kStep), kStep + 1);
}

TEST(Totp, RefusesOtherForms) {
  for (const char* code : {"", "28708", "2870820", "94287082", " 287082", "28708a"})
    EXPECT_EQ(match_totp(kSecret, code, 59, 0), std::nullopt) << code;
}

TEST(Base32, AgreesWithRfc4648) {
  EXPECT_EQ(base32_encode(""), "");
  EXPECT_EQ(base32_encode("f"), "MY");
  EXPECT_EQ(base32_encode("fo"), "MZXQ");
  EXPECT_EQ(base32_encode("foo"), "MZXW6");
  EXPECT_EQ(base32_encode("foob"), "MZXW6YQ");
  EXPECT_EQ(base32_encode("fooba"), "MZXW6YTB");
  EXPECT_EQ(base32_encode("foobar"), "MZXW6YTBOI");
  EXPECT_EQ(base32_encode("\xff\xff"), "777Q");
}

TEST(OtpauthUri, EscapesWhatPeopleWrite) {
  EXPECT_EQ(otpauth_uri("Sankofa Phoenix", "ada+x@example.org", kSecret),
            "otpauth://totp/Sankofa%20Phoenix:ada%2Bx%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
            "&issuer=Sankofa%20Phoenix&algorithm=SHA1&digits=6&period=30");
}

}  // namespace
}  // namespace phx::identity
