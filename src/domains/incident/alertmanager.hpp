#pragma once
/// Alertmanager's webhook payload, version "4" (the notifier's documented JSON; unknown fields are ignored, older
/// senders lack the newer ones). Parsing is pure.
///
/// Errors, all kInvalidArgument: "alertmanager.malformed" names the offending field; "alertmanager.version". These
/// bytes can never be accepted, so the caller answers 4xx and the sender stops trying. Control characters in labels and
/// annotations are replaced by U+FFFD.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace phx::incident {

struct IncomingAlert {
  std::string source;
  std::string fingerprint;  ///< 16 hex digits; computed from the labels when the sender gives none
  bool firing = true;
  boost::json::object labels;
  boost::json::object annotations;
  Instant starts_at{};
  std::optional<Instant> ends_at;  ///< only when resolved

  /// Label or empty.
  std::string label(std::string_view name) const;
  std::string name() const;
  /// annotations.summary, or description, or the name.
  std::string summary() const;
};

struct AlertmanagerPayload {
  std::vector<IncomingAlert> alerts;
  /// What cannot be read of the others. One poisoned alert keeps none of the good ones out; when all are poisoned, the
  /// payload is.
  std::vector<Error> refused;
  /// Alerts the sender left out. Absence is not resolution, here or ever.
  std::int64_t truncated = 0;
};

Result<AlertmanagerPayload> parse_alertmanager(std::string_view body);

/// 16 hex digits over the sorted labels: equal label sets, equal fingerprint.
std::string fingerprint_of(const boost::json::object& labels);

}  // namespace phx::incident
