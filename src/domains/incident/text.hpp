#pragma once
/// What people and senders may write. Timelines, tables in a terminal and Markdown reports show these texts, so what is
/// not plain (base/plain_text.hpp) is refused when a person could write it anew, and replaced when an alert brings it:
/// an alert must not be lost for its spelling.
///
/// Errors, kInvalidArgument with the field: "incident.bad_text", "incident.bad_title".

#include <cstddef>
#include <string>
#include <string_view>

#include "base/plain_text.hpp"
#include "base/result.hpp"

namespace phx::incident {

/// Code points.
std::size_t characters(std::string_view utf8);
/// Nothing but spaces of any script and marks of no width.
bool blank(std::string_view utf8);

/// At most 16 KiB of text.
Status check_text(std::string_view value, std::string field, Lines lines = Lines::kMany);
/// The same, and it says something; at most `max` characters.
Status check_line(std::string_view value, std::string field, std::size_t max);
Status check_title(std::string_view value);

}  // namespace phx::incident
