#include "app/product_schema.hpp"

#include "api/sdl.gen.hpp"
#include "domains/compute/sdl.gen.hpp"
#include "domains/identity/sdl.gen.hpp"
#include "domains/incident/sdl.gen.hpp"
#include "domains/tenancy/sdl.gen.hpp"
#include "engine/sdl.gen.hpp"
#include "graphql/parser.hpp"

namespace phx::app {
namespace asio = boost::asio;
namespace {

/// Handlers that only have names: printing needs the schema, and the schema refuses fields nobody would serve.
Status register_names(api::Registry& registry, const graphql::Document& document) {
  const auto unserved = [] {
    return Error(Code::kUnimplemented, "schema.unserved", "This schema is for printing only.");
  };
  for (const auto& type : document.types) {
    for (const auto& field : type.fields) {
      const std::string name(field.name.text);
      if (type.name.text == "Mutation") {
        registry.mutation(
            name,
            [unserved](api::MutationContext&, boost::json::object) -> asio::awaitable<Result<boost::json::object>> {
              co_return unserved();
            });
      } else if (graphql::ast::find_directive(field.directives, "resolver")) {
        if (type.name.text == "Query")
          registry.query(
              name, [unserved](api::QueryContext&, boost::json::object) -> asio::awaitable<Result<boost::json::value>> {
                co_return unserved();
              });
        else
          registry.field(std::string(type.name.text) + "." + name, {},
                         [unserved](api::FieldBatch&) -> asio::awaitable<Result<std::vector<boost::json::value>>> {
                           co_return unserved();
                         });
      }
    }
  }
  return {};
}

}  // namespace

std::vector<graphql::SdlSource> product_sdl() {
  return {
      {"api/base.graphql", sdl::api::base},
      {"engine/engine.graphql", sdl::engine::engine},
      {"domains/tenancy/tenancy.graphql", sdl::tenancy::tenancy},
      {"domains/identity/identity.graphql", sdl::identity::identity},
      {"domains/identity/account_reset.graphql", sdl::identity::account_reset},
      {"domains/identity/api_keys.graphql", sdl::identity::api_keys},
      {"domains/identity/session_list.graphql", sdl::identity::session_list},
      {"domains/compute/compute.graphql", sdl::compute::compute},
      {"domains/incident/incident.graphql", sdl::incident::incident},
  };
}

Result<std::string> print_product_schema(bool internal) {
  api::Registry registry;
  const auto sources = product_sdl();
  for (const auto& source : sources) {
    const auto document = graphql::parse_schema(source.text);
    if (!document)
      return Error(Code::kFailedPrecondition, "api.schema", std::string(source.name) + ": " + document.error().message);
    PHX_CHECK(register_names(registry, *document));
  }
  PHX_TRY(const auto schema, api::ApiSchema::assemble(sources, registry));
  return schema->print(internal);
}

}  // namespace phx::app
