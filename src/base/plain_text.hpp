#pragma once
/// Texts that people write for other people to read: names, titles, notes. What is shown must be what is there, so a
/// text may hold nothing that works unseen: control characters (escape sequences of terminals, line breaks in a title),
/// marks that turn the direction of what follows (U+202A to U+202E, U+2066 to U+2069: "Trojan Source",
/// CVE-2021-42574), and characters without width or ink, with which two different names look the same.
///
/// The two joiners, U+200C and U+200D, are part of how some scripts and emoji are written. They are allowed between two
/// other characters of which at least one is from such a script (U+0600 and beyond); two Latin names never differ by
/// one.

#include <cstdint>
#include <string>
#include <string_view>

namespace phx {

/// Texts of many lines hold line breaks and tabs as well.
enum class Lines : std::uint8_t { kOne, kMany };

/// What next_code_point() gives for bytes that are not UTF-8.
constexpr char32_t kBrokenText = 0xFFFFFFFF;
/// Takes one code point from the front of a text that is not empty; kBrokenText, and one byte, when there is none.
char32_t next_code_point(std::string_view& rest);

/// True for UTF-8 without anything that works unseen.
bool is_plain_text(std::string_view utf8, Lines lines);
/// The text with U+FFFD for whatever is not plain; in kOne, spaces for line breaks and tabs. is_plain_text() of it.
std::string plain_text(std::string_view utf8, Lines lines);

}  // namespace phx
