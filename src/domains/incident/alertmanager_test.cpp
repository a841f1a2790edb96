#include "domains/incident/alertmanager.hpp"

#include <gtest/gtest.h>

namespace phx::incident {
namespace {

// As Alertmanager 0.25 sends it.
constexpr std::string_view kDelivery = R"({"receiver":"phoenix","status":"firing","alerts":[
  {"status":"firing","labels":{"alertname":"ApiSlow","severity":"critical"},"annotations":{"summary":"p99 over 500 ms"},
   "startsAt":"2026-05-01T10:00:00.123456789Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"0123456789abcdef"},
  {"status":"resolved","labels":{"alertname":"DiskFull"},"annotations":{},
   "startsAt":"2026-05-01T09:00:00Z","endsAt":"2026-05-01T09:30:00+00:00","generatorURL":"","fingerprint":"fedcba9876543210"}],
 "groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"","version":"4","groupKey":"{}","truncatedAlerts":3,
 "somethingNew":{"x":1}})";

TEST(Alertmanager, ReadsADelivery) {
  const auto payload = parse_alertmanager(kDelivery);
  ASSERT_TRUE(payload) << payload.error().to_string();
  ASSERT_EQ(payload->alerts.size(), 2u);
  EXPECT_EQ(payload->truncated, 3);
  const auto& first = payload->alerts[0];
  EXPECT_TRUE(first.firing);
  EXPECT_FALSE(first.ends_at.has_value()) << "Go's zero time is no end";
  EXPECT_EQ(first.name(), "ApiSlow");
  EXPECT_EQ(first.summary(), "p99 over 500 ms");
  EXPECT_EQ(format_instant(first.starts_at), "2026-05-01T10:00:00.123456Z");
  EXPECT_EQ(first.fingerprint, "0123456789abcdef");
  EXPECT_EQ(format_instant(*payload->alerts[1].ends_at), "2026-05-01T09:30:00Z");
}

TEST(Alertmanager, NamesTheFieldThatIsWrong) {
  const auto field_of = [](std::string_view body) { return parse_alertmanager(body).error().field(); };
  EXPECT_EQ(parse_alertmanager("nonsense").error().reason(), "alertmanager.malformed");
  EXPECT_EQ(parse_alertmanager(R"({"alerts":[]})").error().reason(), "alertmanager.version");
  EXPECT_EQ(field_of(R"({"version":"4"})"), "alerts");
  EXPECT_EQ(field_of(R"({"version":"4","alerts":[{}]})"), "alerts[0].status");
  EXPECT_EQ(field_of(R"({"version":"4","alerts":[{"status":"firing","labels":{"a":1}}]})"), "alerts[0].labels.a");
  EXPECT_EQ(field_of(R"({"version":"4","alerts":[{"status":"firing","labels":{"a":"b"}}]})"), "alerts[0].startsAt");
}

TEST(Alertmanager, OnePoisonedAlertKeepsNoneOfTheOthersOut) {
  const std::string good = R"({"status":"firing","labels":{"alertname":"Good"},"startsAt":"2026-05-01T10:00:00Z"})";
  const std::string huge =
      R"({"status":"firing","startsAt":"2026-05-01T10:00:00Z","labels":{"a":")" + std::string(70'000, 'x') + R"("}})";
  const auto payload = parse_alertmanager(R"({"version":"4","alerts":[)" + huge + "," + good + R"(,{"status":1}]})");
  ASSERT_TRUE(payload) << payload.error().to_string();
  ASSERT_EQ(payload->alerts.size(), 1u);
  EXPECT_EQ(payload->alerts[0].name(), "Good");
  ASSERT_EQ(payload->refused.size(), 2u);
  EXPECT_EQ(payload->refused[0].field(), "alerts[0].labels");
  EXPECT_EQ(payload->refused[1].field(), "alerts[2].status");
}

TEST(Alertmanager, ControlCharactersAreReplacedAndDoNotMakeTwoAlertsOne) {
  const auto payload = parse_alertmanager(
      "{\"version\":\"4\",\"alerts\":["
      "{\"status\":\"firing\",\"labels\":{\"a\":\"x\\u0000y\\u001b[31m\"},\"startsAt\":\"2026-05-01T10:00:00Z\","
      "\"annotations\":{\"summary\":\"bell\\u0007\\nline\"}},"
      "{\"status\":\"firing\",\"labels\":{\"a\":\"x\\u0001y\\u001b[31m\"},\"startsAt\":\"2026-05-01T10:00:00Z\"}]}");
  ASSERT_TRUE(payload) << payload.error().to_string();
  ASSERT_EQ(payload->alerts.size(), 2u);
  EXPECT_EQ(payload->alerts[0].label("a"), "x\uFFFDy\uFFFD[31m");
  EXPECT_EQ(payload->alerts[0].summary(), "bell\uFFFD\nline");
  EXPECT_NE(payload->alerts[0].fingerprint, payload->alerts[1].fingerprint);
}

TEST(Alertmanager, ADeepBodyIsRefusedNotFollowed) {
  EXPECT_FALSE(parse_alertmanager(R"({"version":"4","alerts":)" + std::string(100'000, '[')));
}

TEST(Alertmanager, TheFingerprintDependsOnTheLabelSetOnly) {
  const boost::json::object a{{"x", "1"}, {"y", "2"}};
  const boost::json::object b{{"y", "2"}, {"x", "1"}};
  const boost::json::object c{{"x", "12"}, {"y", ""}};
  EXPECT_EQ(fingerprint_of(a), fingerprint_of(b));
  EXPECT_NE(fingerprint_of(a), fingerprint_of(c));
  EXPECT_EQ(fingerprint_of(a).size(), 16u);
}

}  // namespace
}  // namespace phx::incident
