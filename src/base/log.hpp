#pragma once
/// Structured log: a named event with typed fields, one line each, JSON on standard error (or readable text with
/// `set_log_format(LogFormat::kText)`). Secrets never go in: pass ids, not tokens.
///
///     log_event(LogLevel::kWarn, "vm.lost", {{"vm", id.to_string()}, {"attempt", 3}});

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.hpp"

namespace phx {

struct LogField {
  std::string_view key;
  std::variant<std::string, std::int64_t, double, bool> value;
  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(std::string(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  template <class I>
    requires(std::is_integral_v<I> && !std::is_same_v<I, bool>)
  LogField(std::string_view k, I v) : key(k), value(static_cast<std::int64_t>(v)) {}
};

enum class LogFormat : std::uint8_t { kJson, kText };

void set_log_format(LogFormat format);
void set_log_level(LogLevel level);
void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});
/// Logs an error at the level its code asks for.
void log_error(std::string_view event, const Error& error, std::initializer_list<LogField> fields = {});

}  // namespace phx
