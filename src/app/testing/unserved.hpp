#pragma once
/// The product's schema for tests that ask the database without the domains: every mutation and resolver has a handler
/// that serves nothing.

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "api/registry.hpp"
#include "app/product_schema.hpp"
#include "graphql/parser.hpp"

namespace phx::app::testing {

namespace asio = boost::asio;

inline asio::awaitable<Result<boost::json::object>> no_mutation(api::MutationContext&, boost::json::object) {
  co_return internal_error("test.unserved", "");
}
inline asio::awaitable<Result<boost::json::value>> no_query(api::QueryContext&, boost::json::object) {
  co_return internal_error("test.unserved", "");
}
inline asio::awaitable<Result<std::vector<boost::json::value>>> no_field(api::FieldBatch& batch) {
  co_return std::vector<boost::json::value>(batch.rows.size());
}

/// Names without services, for every mutation and resolver of the SDL.
inline void register_unserved(api::Registry& registry) {
  for (const auto& source : product_sdl()) {
    const auto document = graphql::parse_schema(source.text);
    if (!document) throw std::runtime_error(document.error().message);
    for (const auto& type : document->types)
      for (const auto& field : type.fields) {
        const std::string name(field.name.text);
        if (type.name.text == "Mutation") registry.mutation(name, no_mutation);
        if (!graphql::ast::find_directive(field.directives, "resolver")) continue;
        if (type.name.text == "Query")
          registry.query(name, no_query);
        else
          registry.field(std::string(type.name.text) + "." + name, {}, no_field);
      }
  }
}

}  // namespace phx::app::testing
