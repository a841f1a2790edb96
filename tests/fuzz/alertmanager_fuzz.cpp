// Alertmanager's webhook body. What is accepted can be stored: no NUL, labels, a fingerprint of 16 hexadecimal digits.
#include <algorithm>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include "domains/incident/alertmanager.hpp"
#include "fuzz.hpp"

namespace {

using phx::fuzz::require;

void check_texts(const boost::json::object& texts) {
  for (const auto& [name, value] : texts) {
    require(value.is_string());
    require(std::string_view(name).find('\0') == std::string_view::npos);
    require(std::string_view(value.get_string()).find('\0') == std::string_view::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto payload = phx::incident::parse_alertmanager(phx::fuzz::as_text(data, size));
  if (!payload) {
    require(payload.error().code() == phx::Code::kInvalidArgument);
    return 0;
  }
  for (const auto& alert : payload->alerts) {
    require(!alert.labels.empty() && !alert.name().empty() && !alert.summary().empty());
    check_texts(alert.labels);
    check_texts(alert.annotations);
    require(alert.fingerprint.size() == 16 &&
            alert.fingerprint.find_first_not_of("0123456789abcdef") == std::string::npos);
    require(!alert.firing || !alert.ends_at);
    const auto again = phx::parse_instant(phx::format_instant(alert.starts_at));
    require(again && *again == alert.starts_at);
  }
  return 0;
}
