#include "domains/incident/alertmanager.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "base/crypto.hpp"
#include "domains/incident/text.hpp"

namespace phx::incident {
namespace json = boost::json;
namespace {

constexpr std::size_t kAlertsMax = 10'000;
constexpr std::size_t kLabelBytesMax = 64 * 1024;

Error malformed(std::string field, std::string message) {
  return invalid_argument("alertmanager.malformed", std::move(field), std::move(message));
}

/// A map of strings with a bound on its size. Control characters, NUL among them, which PostgreSQL's text cannot hold,
/// are replaced: a poisoned text must not make the delivery fail for ever, nor be lost.
Result<json::object> string_map(const json::object& parent, std::string_view key, const std::string& where,
                                Lines lines) {
  const auto* value = parent.if_contains(key);
  if (!value || value->is_null()) return json::object();
  if (!value->is_object()) return malformed(where, "This must be an object of strings.");
  std::size_t bytes = 0;
  json::object out;
  for (const auto& [name, item] : value->get_object()) {
    if (!item.is_string()) return malformed(where + "." + plain_text(name, Lines::kOne), "This must be a string.");
    bytes += name.size() + item.get_string().size();
    out[plain_text(name, Lines::kOne)] = plain_text(item.get_string(), lines);
  }
  if (bytes > kLabelBytesMax) return malformed(where, "More than 64 KiB of text.");
  return out;
}

Result<std::optional<Instant>> time_field(const json::object& alert, std::string_view key, const std::string& where) {
  const auto* value = alert.if_contains(key);
  if (!value || value->is_null()) return std::optional<Instant>();
  if (!value->is_string()) return malformed(where, "This must be an RFC 3339 time.");
  const auto at = parse_instant(value->get_string());
  if (!at) return malformed(where, at.error().message());
  // Go's zero time means "not set".
  if (*at < Instant{}) return std::optional<Instant>();
  return std::optional<Instant>(*at);
}

bool is_fingerprint(std::string_view text) {
  return text.size() == 16 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<IncomingAlert> parse_alert(const json::value& value, const std::string& where) {
  if (!value.is_object()) return malformed(where, "Each alert must be an object.");
  const auto& object = value.get_object();
  IncomingAlert alert;
  alert.source = "alertmanager";
  const auto* status = object.if_contains("status");
  if (!status || !status->is_string() || (status->get_string() != "firing" && status->get_string() != "resolved"))
    return malformed(where + ".status", "This must be firing or resolved.");
  alert.firing = status->get_string() == "firing";
  PHX_TRY(alert.labels, string_map(object, "labels", where + ".labels", Lines::kOne));
  if (alert.labels.empty()) return malformed(where + ".labels", "An alert needs labels.");
  PHX_TRY(alert.annotations, string_map(object, "annotations", where + ".annotations", Lines::kMany));
  PHX_TRY(const auto starts, time_field(object, "startsAt", where + ".startsAt"));
  if (!starts) return malformed(where + ".startsAt", "An alert needs the time it started.");
  alert.starts_at = *starts;
  PHX_TRY(const auto ends, time_field(object, "endsAt", where + ".endsAt"));
  if (!alert.firing) alert.ends_at = ends;
  const auto* fingerprint = object.if_contains("fingerprint");
  if (fingerprint && fingerprint->is_string() && is_fingerprint(fingerprint->get_string()))
    alert.fingerprint = fingerprint->get_string();
  else
    // Of the labels as they came: replacing must not make two alerts one.
    alert.fingerprint = fingerprint_of(object.at("labels").get_object());
  return alert;
}

}  // namespace

std::string IncomingAlert::label(std::string_view key) const {
  const auto* value = labels.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string IncomingAlert::name() const {
  const std::string alertname = label("alertname");
  return blank(alertname) ? "unnamed alert" : alertname;
}

std::string IncomingAlert::summary() const {
  for (const std::string_view key : {"summary", "description", "message"})
    if (const auto* value = annotations.if_contains(key); value && value->is_string() && !blank(value->get_string()))
      return std::string(value->get_string());
  return name();
}

std::string fingerprint_of(const json::object& labels) {
  std::map<std::string, std::string> sorted;
  for (const auto& [name, value] : labels)
    sorted[std::string(name)] = value.is_string() ? std::string(value.get_string()) : json::serialize(value);
  std::string text;
  for (const auto& [name, value] : sorted) {
    text += name;
    text += '\xff';
    text += value;
    text += '\xff';
  }
  return hex_encode(sha256(text)).substr(0, 16);
}

Result<AlertmanagerPayload> parse_alertmanager(std::string_view body) {
  json::error_code failure;
  json::parse_options options;
  options.max_depth = 16;
  const json::value parsed = json::parse(body, failure, {}, options);
  if (failure) return malformed("", "The body is not JSON: " + failure.message() + ".");
  if (!parsed.is_object()) return malformed("", "The body must be a JSON object.");
  const auto& object = parsed.get_object();
  const auto* version = object.if_contains("version");
  if (!version || !version->is_string() || version->get_string() != "4")
    return invalid_argument("alertmanager.version", "version",
                            "Only the webhook payload of version \"4\" is understood.");
  AlertmanagerPayload payload;
  if (const auto* truncated = object.if_contains("truncatedAlerts"); truncated && truncated->is_int64())
    payload.truncated = truncated->get_int64();
  const auto* alerts = object.if_contains("alerts");
  if (!alerts || !alerts->is_array()) return malformed("alerts", "This must be a list of alerts.");
  if (alerts->get_array().size() > kAlertsMax) return malformed("alerts", "More than 10,000 alerts in one delivery.");
  for (std::size_t i = 0; i < alerts->get_array().size(); ++i) {
    auto alert = parse_alert(alerts->get_array()[i], "alerts[" + std::to_string(i) + "]");
    if (alert)
      payload.alerts.push_back(std::move(*alert));
    else
      payload.refused.push_back(alert.error());
  }
  if (payload.alerts.empty() && !payload.refused.empty()) return payload.refused.front();
  return payload;
}

}  // namespace phx::incident
