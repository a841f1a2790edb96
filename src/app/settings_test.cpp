#include "app/settings.hpp"

#include <gtest/gtest.h>

namespace phx::app {
namespace {

SettingSources sources(std::map<std::string, std::string> environment, std::map<std::string, std::string> flags = {},
                       std::string file = {}) {
  environment.try_emplace("PHOENIX_DATA", "/srv/phoenix");
  return {std::move(environment), std::move(flags), [file](const std::string&) { return file; }};
}

TEST(Settings, LaterSourcesWin) {
  const std::string file = "# ours\nregion = accra\nlisten = 127.0.0.1:1\nprobe-every-ms = 250\n";
  const auto s =
      load_settings(sources({{"PHOENIX_LISTEN", "127.0.0.1:2"}, {"PATH", "/bin"}}, {{"listen", "127.0.0.1:3"}}, file));
  ASSERT_TRUE(s) << s.error().to_string();
  EXPECT_EQ(s->listen, "127.0.0.1:3");
  EXPECT_EQ(s->region, "accra");
  EXPECT_EQ(s->probe_every_ms, 250);
  EXPECT_EQ(s->stop_grace_seconds, 30);
  EXPECT_EQ(s->data, "/srv/phoenix");
}

TEST(Settings, AnUnknownNameStopsTheStart) {
  EXPECT_EQ(load_settings(sources({{"PHOENIX_LISTNE", "x"}})).error().reason(), "settings.unknown");
  EXPECT_EQ(load_settings(sources({}, {}, "lisetn = x\n")).error().field(), "lisetn");
  EXPECT_EQ(load_settings(sources({}, {{"nope", "x"}})).error().reason(), "settings.unknown");
}

TEST(Settings, ABadValueIsNamed) {
  const auto bad = load_settings(sources({{"PHOENIX_PROBE_EVERY_MS", "5s"}}));
  EXPECT_EQ(bad.error().reason(), "settings.bad_value");
  EXPECT_EQ(bad.error().field(), "probe-every-ms");
  EXPECT_EQ(load_settings(sources({{"PHOENIX_PROBE_EVERY_MS", "1"}})).error().field(), "probe-every-ms");
  EXPECT_EQ(load_settings(sources({{"PHOENIX_ACCELERATOR", "magic"}})).error().field(), "accelerator");
}

TEST(Settings, TheFileCannotNameAnotherFolderThanTheOneItLiesIn) {
  EXPECT_EQ(load_settings(sources({}, {}, "data = /srv/other\n")).error().field(), "data");
  EXPECT_TRUE(load_settings(sources({}, {}, "data = /srv/phoenix\n")));
}

TEST(Settings, ThePublicUrlIsAnOrigin) {
  for (const char* good : {"https://cloud.example.org", "http://10.0.0.1:4000", "https://[2001:db8::1]:8443"})
    EXPECT_TRUE(load_settings(sources({{"PHOENIX_PUBLIC_URL", good}}))) << good;
  for (const char* bad : {"ftp://x", "notaurl", "https://", "https://x/", "https://x/portal", "https://u:p@x",
                          "https://x?y", "https://x:443", "https://X", "//x", "https://x y"}) {
    const auto refused = load_settings(sources({{"PHOENIX_PUBLIC_URL", bad}}));
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().reason(), "settings.bad_value");
    EXPECT_EQ(refused.error().field(), "public-url");
  }
}

TEST(Settings, PrintingHidesPasswords) {
  const auto s = load_settings(sources({{"DATABASE_URL", "postgresql://app:hunter2@db/phoenix"}}));
  const std::string text = print_settings(*s);
  EXPECT_EQ(text.find("hunter2"), std::string::npos);
  EXPECT_NE(text.find("postgresql://app:***@db/phoenix"), std::string::npos);
}

TEST(Settings, WhatLiesBesideTheBinaryIsUsedUnlessNoneIsWanted) {
  const auto none = load_settings(sources({{"PHOENIX_PORTAL", "none"}, {"PHOENIX_IMAGE", "none"}}));
  EXPECT_EQ(none->portal, "");
  EXPECT_EQ(none->image, "");
  for (const char* line : {"portal = none\n", "image = none\n"})
    EXPECT_NE(print_settings(*none).find(line), std::string::npos) << "read again, it means the same";
  EXPECT_EQ(load_settings(sources({{"PHOENIX_IMAGE", "big=/srv/big"}}))->image, "big=/srv/big");
}

TEST(SettingsTable, AnIdentityProviderNeedsAnAudienceAndItsSecretIsNotPrinted) {
  SettingSources sources;
  sources.environment = {{"OIDC_ISSUER", "https://id.example.org"}};
  const auto open = load_settings(sources);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().field(), "oidc-audience");
  sources.environment["OIDC_CLIENT_ID"] = "phoenix";
  sources.environment["OIDC_CLIENT_SECRET"] = "very secret";
  const auto settings = load_settings(sources);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->oidc_audience, "phoenix");
  EXPECT_EQ(settings->oidc_client_secret, "very secret");
  EXPECT_EQ(print_settings(*settings).find("very secret"), std::string::npos);
  EXPECT_NE(print_settings(*settings).find("oidc-client-secret = ***"), std::string::npos);
}

}  // namespace
}  // namespace phx::app
