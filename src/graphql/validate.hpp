#pragma once
/// All validation rules of section 5 (September 2025 edition) on a whole document. A document that passes may be
/// executed without further checks of its shape, and the answer may be cached with the document.

#include <vector>

#include "graphql/ast.hpp"
#include "graphql/error.hpp"
#include "graphql/schema.hpp"

namespace phx::graphql {

/// Empty when the document is valid. Each error names its rule (README of the conformance suite lists them) and has a
/// location. At most `max_errors_per_rule` of one rule are reported.
std::vector<GraphqlError> validate(const Schema& schema, const Document& document,
                                   std::size_t max_errors_per_rule = 50);

}  // namespace phx::graphql
