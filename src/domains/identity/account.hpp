#pragma once
/// What the text fields of an account may hold. Pure.
///
/// Errors: "user.email_malformed", "user.name_malformed".

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace phx::identity {

/// Characters (code points) of a UTF-8 text; nothing when it is not UTF-8 (RFC 3629: no overlong forms, no
/// surrogates).
std::optional<std::size_t> count_characters(std::string_view text);
/// ASCII letters in lower case, the rest as it is. Addresses are compared in this form.
std::string fold_case(std::string_view text);

/// A conservative part of RFC 5321's Mailbox: `local@domain`, printable ASCII without spaces or quotes, at most 254
/// characters; the domain may be a single label (admin@localhost). Returned as it was written.
Result<std::string> check_email(std::string_view email, std::string_view field);
/// A display name: 1 to 100 characters, plain (base/plain_text.hpp), no spaces at the ends.
Result<std::string> check_display_name(std::string_view name, std::string_view field);

}  // namespace phx::identity
