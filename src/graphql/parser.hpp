#pragma once
/// Text to syntax tree. Hostile input is answered with a syntax error at a place: invalid UTF-8, too many tokens, too
/// deep nesting (the parser is recursive, so `max_depth` bounds its stack, and that of everything walking the tree).
/// One pass, no allocation per token: under a microsecond for a small query.

#include <cstddef>
#include <expected>
#include <string_view>

#include "graphql/ast.hpp"
#include "graphql/error.hpp"

namespace phx::graphql {

struct ParseLimits {
  /// Lexical tokens, comments and the end not counted.
  std::size_t max_tokens = 4'000'000;
  /// Selection sets and list or object values within one another.
  std::size_t max_depth = 1000;
};

/// Any document: operations, fragments, type system definitions. The text is copied.
std::expected<Document, GraphqlError> parse_document(std::string_view text, const ParseLimits& limits = {});

/// A type system document: operations and fragments in it are syntax errors. An empty text is an empty document.
std::expected<Document, GraphqlError> parse_schema(std::string_view text);

}  // namespace phx::graphql
