#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "domains/identity/proof_cache.hpp"
#include "domains/identity/secret_token.hpp"
#include "domains/identity/server_key.hpp"

namespace phx::identity {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

TEST(Secret, HasOneFormAndIsKnownByItsDigest) {
  SeededRandom random(1);
  const auto secret = make_secret(random);
  EXPECT_EQ(secret.size(), 43U);
  EXPECT_EQ(secret_digest(secret), sha256(*base64url_decode(secret)));
  EXPECT_NE(secret, make_secret(random));
}

TEST(Secret, RefusesOtherForms) {
  SeededRandom random(1);
  const auto secret = make_secret(random);
  EXPECT_EQ(secret_digest(""), std::nullopt);
  EXPECT_EQ(secret_digest(secret.substr(1)), std::nullopt);
  EXPECT_EQ(secret_digest(secret + "A"), std::nullopt);
  EXPECT_EQ(secret_digest("=" + secret.substr(1)), std::nullopt);
  // The last character carries two unused bits: another spelling of the same bytes is not the same secret.
  auto respelled = secret;
  respelled.back() = 'B';
  EXPECT_EQ(secret_digest(respelled), std::nullopt);
}

TEST(BearerToken, IsBoundToTheServersKey) {
  SeededRandom random(1);
  const auto token = make_bearer_token(random);
  EXPECT_TRUE(token.starts_with("phx_"));
  EXPECT_EQ(token.size(), 47U);
  EXPECT_EQ(bearer_digest(token, "key"), hmac_sha256("key", token));
  EXPECT_NE(bearer_digest(token, "key"), bearer_digest(token, "other"));
  EXPECT_EQ(bearer_digest(token.substr(4), "key"), std::nullopt);
  EXPECT_EQ(bearer_digest("PHX_" + token.substr(4), "key"), std::nullopt);
  EXPECT_EQ(bearer_digest(token + " ", "key"), std::nullopt);
  EXPECT_EQ(bearer_digest("phx_", "key"), std::nullopt);
}

class ServerKey : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = (fs::temp_directory_path() / "phx-key-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path file() const { return folder_ / "token.key"; }

  fs::path folder_;
  SystemRandom random_;
};

TEST_F(ServerKey, IsMadeOnceAndReadAgain) {
  const auto made = load_server_key(file(), random_);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(made->size(), 32U);
  EXPECT_EQ(fs::status(file()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const auto read = load_server_key(file(), random_);
  ASSERT_TRUE(read);
  EXPECT_EQ(*made, *read);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1) << "nothing is left beside it";
}

TEST_F(ServerKey, IsOneAlsoWhenManyMakeIt) {
  std::vector<std::string> keys(8);
  {
    std::vector<std::jthread> threads;
    for (auto& key : keys)
      threads.emplace_back([&key, this] {
        SystemRandom random;
        if (auto made = load_server_key(file(), random)) key = *made;
      });
  }
  EXPECT_EQ(keys.front().size(), 32U);
  for (const auto& key : keys) EXPECT_EQ(key, keys.front());
}

TEST_F(ServerKey, IsRefusedWhenOthersMayReadItOrItIsDamaged) {
  ASSERT_TRUE(load_server_key(file(), random_));
  ASSERT_EQ(::chmod(file().c_str(), 0640), 0);
  EXPECT_EQ(load_server_key(file(), random_).error().reason(), "server_key.unsafe");
  ASSERT_EQ(::chmod(file().c_str(), 0600), 0);
  std::ofstream(file(), std::ios::app) << "x";
  EXPECT_EQ(load_server_key(file(), random_).error().reason(), "server_key.malformed");
  std::ofstream(file(), std::ios::trunc) << "short";
  EXPECT_EQ(load_server_key(file(), random_).error().reason(), "server_key.malformed");
  fs::remove(file());
  fs::create_directory(file());
  EXPECT_EQ(load_server_key(file(), random_).error().reason(), "server_key.unsafe");
  EXPECT_EQ(load_server_key(folder_ / "missing" / "token.key", random_).error().reason(), "server_key.unwritable");
}

api::Principal person(std::string email, std::optional<Instant> ends = std::nullopt) {
  api::Principal principal;
  principal.kind = api::PrincipalKind::kUser;
  principal.email = std::move(email);
  principal.expires_at = ends;
  return principal;
}

TEST(ProofCache, BelievesForAWhile) {
  ManualClock clock(Instant(1'000s));
  ProofCache cache(clock, 5s, 10);
  cache.put("a", person("ada"), cache.epoch());
  clock.advance(4s);
  ASSERT_TRUE(cache.find("a"));
  EXPECT_EQ(cache.find("a")->email, "ada");
  clock.advance(1s);
  EXPECT_FALSE(cache.find("a")) << "a hit does not lengthen the belief";
  EXPECT_EQ(cache.size(), 0U);
}

TEST(ProofCache, ChecksTheEndOnEachHit) {
  ManualClock clock(Instant(1'000s));
  ProofCache cache(clock, 1h, 10);
  cache.put("a", person("ada", clock.now() + 10s), cache.epoch());
  clock.advance(10s - 1us);
  EXPECT_TRUE(cache.find("a"));
  clock.advance(1us);
  EXPECT_FALSE(cache.find("a"));
}

TEST(ProofCache, ForgetsAllAtARevocationAndWhatWasReadBefore) {
  ManualClock clock(Instant(1'000s));
  ProofCache cache(clock, 1h, 10);
  cache.put("a", person("ada"), cache.epoch());
  const auto before = cache.epoch();
  cache.revoke();
  EXPECT_FALSE(cache.find("a"));
  cache.put("b", person("bob"), before);
  EXPECT_FALSE(cache.find("b"));
  cache.put("b", person("bob"), cache.epoch());
  EXPECT_TRUE(cache.find("b"));
}

TEST(ProofCache, KeepsTheMostRecentlyUsed) {
  ManualClock clock(Instant(1'000s));
  ProofCache cache(clock, 1h, 2);
  cache.put("a", person("ada"), 0);
  cache.put("b", person("bob"), 0);
  ASSERT_TRUE(cache.find("a"));
  cache.put("c", person("cyd"), 0);
  EXPECT_TRUE(cache.find("a"));
  EXPECT_FALSE(cache.find("b"));
  EXPECT_TRUE(cache.find("c"));
  cache.put("c", person("eve"), 0);
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.find("c")->email, "eve");
}

}  // namespace
}  // namespace phx::identity
