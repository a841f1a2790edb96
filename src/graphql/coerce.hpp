#pragma once
/// Input coercion (September 2025 edition, sections 3.x "Input Coercion", 6.1.2 and 6.4.1): from JSON variables and
/// from literals to plain JSON. Enum values become strings, IDs strings, Int int64, Float double; defaults are filled
/// in; absent stays absent. Custom scalars pass through unchanged.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "graphql/ast.hpp"
#include "graphql/error.hpp"
#include "graphql/schema.hpp"

namespace phx::graphql {

/// The operation's variables from the request's. Errors are request errors: nothing may be executed.
std::expected<boost::json::object, std::vector<GraphqlError>> coerce_variables(
    const Schema& schema, const Document& document, const ast::OperationDefinition& operation,
    const boost::json::object& raw);

/// One JSON value as a value of an input type; the error is a sentence that names the place inside the value.
std::expected<boost::json::value, std::string> coerce_input(const boost::json::value& raw, TypeRef type);

/// A literal of a valid document. Empty when it cannot be a value of the type (a variable holds null, or is absent,
/// where that is not allowed). `variables` null: constants only.
std::optional<boost::json::value> coerce_literal(const ast::Value& literal, TypeRef type,
                                                 const boost::json::object* variables);

/// A literal without a type: numbers as numbers, enum values as strings, absent variables as null (in an object:
/// left out).
boost::json::value literal_to_json(const ast::Value& literal, const boost::json::object* variables);

/// Arguments of a field or directive against their definitions. The error belongs to the field.
std::expected<boost::json::object, GraphqlError> coerce_arguments(const std::vector<InputValue>& definitions,
                                                                  const List<ast::Argument>& given,
                                                                  const boost::json::object& variables,
                                                                  const Document& document, std::uint32_t offset);

}  // namespace phx::graphql
