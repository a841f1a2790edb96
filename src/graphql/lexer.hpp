#pragma once
/// Lexical tokens of a GraphQL text (September 2025 edition, section 2.1), one at a time, without allocation: a token
/// is a view into the source, only strings with escapes and block strings are rewritten into the arena.

#include <cstdint>
#include <string>
#include <string_view>

#include "graphql/arena.hpp"

namespace phx::graphql {

enum class TokenKind : std::uint8_t {
  kEnd,
  kBang,
  kDollar,
  kAmp,
  kParenL,
  kParenR,
  kSpread,
  kColon,
  kEquals,
  kAt,
  kBracketL,
  kBracketR,
  kBraceL,
  kPipe,
  kBraceR,
  kName,
  kInt,
  kFloat,
  kString,
  kError,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::uint32_t start = 0;
  std::uint32_t end = 0;
  std::string_view text;  ///< name, number as written, or the string's value
};

/// "\")\"", "a name", …: for messages.
std::string describe(const Token& token);

class Lexer {
 public:
  /// The byte after the source's last must be readable and zero.
  Lexer(std::string_view source, Arena& arena)
      : begin_(source.data()), next_(source.data()), end_(source.data() + source.size()), arena_(arena) {}

  /// After kError, error_message() and error_offset() tell why and where.
  Token next();
  const std::string& error_message() const { return error_message_; }
  std::uint32_t error_offset() const { return error_offset_; }

 private:
  std::uint32_t offset(const char* at) const { return static_cast<std::uint32_t>(at - begin_); }
  Token fail(const char* at, std::string message);
  Token unexpected(const char* at, std::string_view hint = {});
  Token number(const char* start);
  Token string(const char* start);
  Token escaped_string(const char* start, const char* first_escape);
  Token block_string(const char* start);
  /// Reads "\u…" at `at` and moves past it; false when it is no Unicode scalar value.
  bool unicode_escape(const char*& at, std::uint32_t& code) const;

  const char* begin_;
  const char* next_;
  const char* end_;
  Arena& arena_;
  std::string error_message_;
  std::uint32_t error_offset_ = 0;
};

/// Offset of the first byte that is not part of valid UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view text);

/// The value of a block string from the text between its quotes (2.9.4 "BlockStringValue").
std::string_view block_string_value(std::string_view raw, Arena& arena);

}  // namespace phx::graphql
