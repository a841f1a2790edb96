#pragma once
/// What people and senders may write. Timelines, tables in a terminal and Markdown reports show these texts, so a
/// control character in one (an escape sequence, a bell, a line break in a title) is refused when a person could write
/// it anew, and replaced when an alert brings it: an alert must not be lost for its spelling.
///
/// Errors, kInvalidArgument with the field: "incident.bad_text", "incident.bad_title".

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace phx::incident {

enum class Lines { kOne, kMany };

/// Code points.
std::size_t characters(std::string_view utf8);
/// Nothing but spaces of any script and marks of no width.
bool blank(std::string_view utf8);
/// Control characters (tabs and line breaks are allowed in kMany), separators of lines, and what is not UTF-8.
bool has_controls(std::string_view utf8, Lines lines);
/// Line breaks and tabs become spaces in kOne; other control characters become U+FFFD.
std::string cleaned(std::string_view utf8, Lines lines);

/// At most 16 KiB of text.
Status check_text(std::string_view value, std::string field, Lines lines = Lines::kMany);
/// The same, and it says something; at most `max` characters.
Status check_line(std::string_view value, std::string field, std::size_t max);
Status check_title(std::string_view value);

}  // namespace phx::incident
