#pragma once
/// What a document may ask for, checked before anything is planned or read: its size in tokens (while parsing), depth,
/// number of fields, aliases and directives with all fragments spread out. What its lists may read is limited by the
/// compiler
/// ("limit.cost", "limit.page_size"). Errors: "limit.tokens", "limit.depth", "limit.fields", "limit.aliases",
/// "limit.directives".

#include <cstddef>

#include "base/result.hpp"
#include "graphql/ast.hpp"
#include "graphql/parser.hpp"

namespace phx::api {

struct DocumentLimits {
  std::size_t max_tokens = 10'000;
  /// Selection sets within one another. Introspection as tools send it needs 13.
  std::size_t max_depth = 16;
  std::size_t max_fields = 2'000;
  std::size_t max_aliases = 100;
  std::size_t max_directives = 100;

  /// For the parser, whose own depth also counts list and object values.
  graphql::ParseLimits parse_limits() const { return {.max_tokens = max_tokens, .max_depth = 200}; }
};

/// Checks every operation of the document. Fragments are spread out by counting, never by copying, and cycles end the
/// count, so the check is linear in the document also before validation.
Status check_limits(const graphql::Document& document, const DocumentLimits& limits);

}  // namespace phx::api
