#pragma once
/// An error as the GraphQL response carries it (September 2025 edition, section 7.1.2).

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "graphql/ast.hpp"

namespace phx::graphql {

struct GraphqlError {
  std::string message;
  /// Validation rule that was broken, or "Syntax"; empty for errors of execution. Not part of the response.
  std::string_view rule = {};
  std::vector<Location> locations = {};
  /// Response keys (strings) and list indices (integers); empty when the error belongs to no field.
  boost::json::array path = {};
  boost::json::object extensions = {};
  /// "tokens" or "depth" when the document was refused for its size (ParseLimits), not for its form. Not part of the
  /// response.
  std::string_view limit = {};
};

/// {"message", "locations"?, "path"?, "extensions"?}
boost::json::object to_json(const GraphqlError& error);

}  // namespace phx::graphql
