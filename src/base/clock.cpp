#include "base/clock.hpp"

#include <fmt/format.h>

namespace phx {

using namespace std::chrono;

namespace {
constexpr Instant kFirst{sys_days(year(0) / January / 1)};
constexpr Instant kEnd{sys_days(year(10'000) / January / 1)};
}  // namespace

Instant SystemClock::now() const { return time_point_cast<microseconds>(system_clock::now()); }
Duration SystemClock::monotonic() const { return duration_cast<microseconds>(steady_clock::now().time_since_epoch()); }

std::string format_instant(Instant at) {
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const auto of_day = at - day;
  const auto total = duration_cast<seconds>(of_day).count();
  const auto micros = (of_day - seconds(total)).count();
  const auto year = static_cast<int>(date.year());
  // By hand: lists hold a time in each row, and formatting them took longer than everything else.
  char text[48];
  char* at_end = text;
  const auto two_digits = [&at_end](std::int64_t number) {
    *at_end++ = static_cast<char>('0' + number / 10);
    *at_end++ = static_cast<char>('0' + number % 10);
  };
  if (year >= 0 && year <= 9999) {
    two_digits(year / 100);
    two_digits(year % 100);
  } else {
    at_end = fmt::format_to(at_end, "{}", year);
  }
  *at_end++ = '-';
  two_digits(static_cast<unsigned>(date.month()));
  *at_end++ = '-';
  two_digits(static_cast<unsigned>(date.day()));
  *at_end++ = 'T';
  two_digits(total / 3600);
  *at_end++ = ':';
  two_digits(total / 60 % 60);
  *at_end++ = ':';
  two_digits(total % 60);
  if (micros != 0) {
    *at_end++ = '.';
    *at_end++ = static_cast<char>('0' + micros / 100'000);
    two_digits(micros / 1000 % 100);
    if (micros % 1000 != 0) {
      *at_end++ = static_cast<char>('0' + micros / 100 % 10);
      two_digits(micros % 100);
    }
  }
  *at_end++ = 'Z';
  return {text, at_end};
}

Result<Instant> parse_instant(std::string_view text) {
  const auto bad = [] {
    return Error(Code::kInvalidArgument, "time.malformed",
                 "This is not an RFC 3339 time such as 2026-01-31T08:00:00Z.");
  };
  std::size_t at = 0;
  const auto number = [&](std::size_t digits) -> int {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at) {
      if (at >= text.size() || text[at] < '0' || text[at] > '9') return -1;
      value = value * 10 + (text[at] - '0');
    }
    return value;
  };
  const auto sign = [&](std::string_view any) { return at < text.size() && any.find(text[at]) != any.npos && ++at; };
  const int y = number(4);
  if (y < 0 || !sign("-")) return bad();
  const int m = number(2);
  if (m < 1 || !sign("-")) return bad();
  const int d = number(2);
  if (d < 1 || !sign("Tt ")) return bad();
  const int hour = number(2);
  if (hour < 0 || hour > 23 || !sign(":")) return bad();
  const int minute = number(2);
  if (minute < 0 || minute > 59 || !sign(":")) return bad();
  const int second = number(2);
  if (second < 0 || second > 60) return bad();
  std::int64_t micros = 0;
  if (sign(".")) {
    int digits = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits)
      if (digits < 6) micros = micros * 10 + (text[at] - '0');
    if (digits == 0 || digits > 9) return bad();
    for (; digits < 6; ++digits) micros *= 10;
  }
  minutes offset{0};
  if (!sign("Zz")) {
    if (at >= text.size() || (text[at] != '+' && text[at] != '-')) return bad();
    const int direction = text[at++] == '-' ? -1 : 1;
    const int oh = number(2);
    if (oh < 0 || oh > 23 || !sign(":")) return bad();
    const int om = number(2);
    if (om < 0 || om > 59) return bad();
    offset = minutes(direction * (oh * 60 + om));
  }
  if (at != text.size()) return bad();
  const year_month_day date{year(y), month(static_cast<unsigned>(m)), day(static_cast<unsigned>(d))};
  if (!date.ok()) return bad();
  const Instant parsed =
      Instant(sys_days(date)) + hours(hour) + minutes(minute) + seconds(second) + microseconds(micros) - offset;
  // An offset may lead out of the years that RFC 3339 can write: format_instant() could not say it again.
  if (parsed < kFirst || parsed >= kEnd) return bad();
  return parsed;
}

std::string format_duration(Duration span) {
  const auto total = duration_cast<seconds>(span).count();
  if (total < 0) return "-" + format_duration(-span);
  if (total < 60) return fmt::format("{}s", total);
  if (total < 3600) return fmt::format("{}m {:02}s", total / 60, total % 60);
  if (total < 86400) return fmt::format("{}h {:02}m", total / 3600, total / 60 % 60);
  return fmt::format("{}d {}h", total / 86400, total / 3600 % 24);
}

}  // namespace phx
