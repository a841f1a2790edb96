#pragma once
/// Passwords that are among the first that attackers try (NIST SP 800-63B 5.1.1.2: known from breaches, words,
/// repetitions, and words of the place itself). Pure; the list is common_passwords.words.
///
/// A password counts as one of them when it is on the list, when it repeats a short unit, or when without the digits
/// and marks at its ends it is made of at most two words, which are on the list or belong to the person:
/// "Summer2026!!!!", "dragon-monkey1". Letters are compared without regard to case; nothing else is folded.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace phx::identity {

enum class Guessable { kNo, kCommon, kPersonal };

/// `own`: words of the person (name, address, tenants), in lower case.
Guessable judge_password(std::string_view password, std::span<const std::string> own);

/// The words of a text, in lower case: "Ada Mensah-Osei" gives "ada mensah-osei", "adamensahosei", "ada", "mensah",
/// "osei". Those of fewer than three letters are left out, since they are in everything.
std::vector<std::string> words_of(std::string_view text);

}  // namespace phx::identity
