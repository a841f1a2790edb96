// The provider as it is reached over a scripted network and a manual clock.
#include "domains/identity/oidc/provider.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>

#include "domains/identity/oidc/testing/fake_network.hpp"
#include "domains/identity/oidc/testing/signer.hpp"

namespace phx::identity::oidc {
namespace {

using namespace std::chrono_literals;
using testing::FakeNetwork;
using testing::key_set;
using testing::Signer;

const Signer kFirst(Signer::Kind::kEd25519, "first");
const Signer kSecond(Signer::Kind::kEd25519, "second");

struct ProviderTest : ::testing::Test {
  ProviderTest() { network.publish(key_set(kFirst)); }

  /// "ok" or the reason.
  std::string ask(const Signer& signer) { return ask_at_once(signer, 1).front(); }
  std::vector<std::string> ask_at_once(const Signer& signer, int times) {
    const auto token = parse_token(signer.token({{"sub", "x"}}));
    std::vector<std::string> out;
    const auto run = [&]() -> asio::awaitable<void> {
      const auto key = co_await provider.key_for(*token);
      out.push_back(!key ? key.error().reason() : verify_signature(*token, *key) ? "ok" : "wrong key");
    };
    std::exception_ptr thrown;
    for (int i = 0; i < times; ++i)
      asio::co_spawn(io, run(), [&](std::exception_ptr failure) {
        if (failure) thrown = failure;
      });
    io.restart();
    io.run();
    if (thrown) std::rethrow_exception(thrown);
    return out;
  }
  void pass(Duration by) { clock.advance(by); }

  asio::io_context io{1};
  ManualClock clock{Instant(std::chrono::sys_days{std::chrono::year(2030) / 1 / 1})};
  FakeNetwork network;
  Provider provider{io.get_executor(), network, clock, {.issuer = FakeNetwork::kIssuer, .keys_ttl = 300s}};
};

TEST_F(ProviderTest, IsFoundWhenFirstNeededAndThenBelieved) {
  EXPECT_EQ(network.requests, 0);
  EXPECT_EQ(ask(kFirst), "ok");
  EXPECT_EQ(network.requests, 2) << "discovery and keys";
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(kFirst), "ok");
  EXPECT_EQ(network.requests, 2);
  pass(301s);
  EXPECT_EQ(ask(kFirst), "ok");
  EXPECT_EQ(network.requests, 3) << "keys alone";
}

TEST_F(ProviderTest, IsAskedOnceForAllWhoWait) {
  EXPECT_EQ(ask_at_once(kFirst, 10), std::vector<std::string>(10, "ok"));
  EXPECT_EQ(network.requests, 2);
  network.publish(key_set(kFirst, kSecond));
  EXPECT_EQ(ask_at_once(kSecond, 10), std::vector<std::string>(10, "ok"));
  EXPECT_EQ(network.requests, 3);
}

TEST_F(ProviderTest, NeedNotBeThereAtTheStart) {
  network.down = true;
  EXPECT_EQ(ask(kFirst), "oidc.unreachable");
  EXPECT_EQ(ask(kFirst), "oidc.unreachable");
  EXPECT_EQ(network.requests, 1) << "once a second";
  network.down = false;
  EXPECT_EQ(ask(kFirst), "oidc.unreachable");
  pass(1s);
  EXPECT_EQ(ask(kFirst), "ok");
}

TEST_F(ProviderTest, AnUnknownKeyIsAskedForOnceInThirtySeconds) {
  EXPECT_EQ(ask(kFirst), "ok");
  network.publish(key_set(kFirst, kSecond));
  EXPECT_EQ(ask(kSecond), "ok") << "rotated: found at once";
  const int before = network.requests;
  const Signer stranger(Signer::Kind::kEd25519, "stranger");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ask(stranger), "token.unknown_key");
  EXPECT_EQ(network.requests, before) << "the pause counts for every unknown key";
  pass(30s);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ask(stranger), "token.unknown_key");
  EXPECT_EQ(network.requests, before + 1);
}

TEST_F(ProviderTest, AWithdrawnKeyIsRefusedOnceTheKeysAreOld) {
  EXPECT_EQ(ask(kFirst), "ok");
  network.publish(key_set(kSecond));
  EXPECT_EQ(ask(kFirst), "ok");
  pass(300s);
  EXPECT_EQ(ask(kFirst), "token.unknown_key");
}

TEST_F(ProviderTest, KeepsItsKeysWhileItIsDownOrTalksNonsense) {
  EXPECT_EQ(ask(kFirst), "ok");
  for (const std::function<void()>& spoil : std::initializer_list<std::function<void()>>{
           [&] { network.down = true; }, [&] { network.status = 500; }, [&] { network.publish("<html>"); },
           [&] { network.publish(R"({"keys":[]})"); },
           [&] { network.publish(R"({"keys":[{"kty":"oct","k":"AA"}]})"); }}) {
    network.down = false;
    network.status = 200;
    spoil();
    pass(400s);
    EXPECT_EQ(ask(kFirst), "ok");
  }
}

TEST_F(ProviderTest, ThatNamesAnotherIssuerOrUnsafeAddressesIsNotBelieved) {
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, const char*>>{{"issuer", "https://evil.example"},
                                                                  {"issuer", "https://id.example.org/"},
                                                                  {"jwks_uri", "http://id.example.org/keys"},
                                                                  {"jwks_uri", "file:///etc/passwd"},
                                                                  {"jwks_uri", ""},
                                                                  {"token_endpoint", "http://id.example.org/token"},
                                                                  {"authorization_endpoint", "javascript:alert(1)"}}) {
    network.reset();
    network.publish(key_set(kFirst));
    network.document[name] = value;
    pass(2s);
    EXPECT_EQ(ask(kFirst), "oidc.unreachable") << name << " " << value;
  }
  network.reset();
  network.publish(key_set(kFirst));
  pass(2s);
  EXPECT_EQ(ask(kFirst), "ok");
}

TEST(Issuer, IsHttpsOrThisMachine) {
  for (const char* good : {"https://id.example.org", "https://id.example.org/realms/x",
                           "http://localhost:8080/realms/x", "http://127.0.0.1:9", "http://[::1]:9/x"})
    EXPECT_TRUE(check_issuer(good)) << good;
  for (const char* bad : {"", "id.example.org", "http://id.example.org", "http://127.0.0.1.evil.example",
                          "http://localhost.evil.example", "https://id.example.org/?x=1", "https://id.example.org/#f",
                          "ftp://localhost", "https://user:pw@id.example.org"})
    EXPECT_FALSE(check_issuer(bad)) << bad;
}

}  // namespace
}  // namespace phx::identity::oidc
