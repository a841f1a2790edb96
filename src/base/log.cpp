#include "base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <boost/json.hpp>
#include <memory>

#include "base/clock.hpp"

namespace phx {
namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger;
  LogFormat format = LogFormat::kJson;
  State() {
    logger = std::make_shared<spdlog::logger>("phoenix", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::info);
    logger->flush_on(spdlog::level::trace);
  }
};

State& state() {
  static State instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarn: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};

void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields, const Error* error) {
  auto& s = state();
  if (!s.logger->should_log(to_spdlog(level))) return;
  const std::string_view name = kNames[static_cast<std::size_t>(level)];
  boost::json::object line;
  line["time"] = format_instant(SystemClock().now());
  line["level"] = name;
  line["event"] = event;
  for (const auto& field : fields)
    std::visit([&](const auto& v) { line[field.key] = boost::json::value(v); }, field.value);
  if (error) {
    line["reason"] = error->reason();
    line["message"] = error->message();
    if (!error->internal().empty()) line["internal"] = error->internal();
  }
  if (s.format == LogFormat::kJson) {
    s.logger->log(to_spdlog(level), "{}", boost::json::serialize(line));
    return;
  }
  std::string text = std::string(line["time"].as_string()) + " " + std::string(name) + " " + std::string(event);
  for (const auto& [key, value] : line) {
    if (key == "time" || key == "level" || key == "event") continue;
    text += " " + std::string(key) + "=" + boost::json::serialize(value);
  }
  s.logger->log(to_spdlog(level), "{}", text);
}

}  // namespace

void set_log_format(LogFormat format) { state().format = format; }
void set_log_level(LogLevel level) { state().logger->set_level(to_spdlog(level)); }
void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  write(level, event, fields, nullptr);
}
void log_error(std::string_view event, const Error& error, std::initializer_list<LogField> fields) {
  write(code_info(error.code()).log_level, event, fields, &error);
}

}  // namespace phx
