#pragma once
/// The SDL of the whole product: the one list that a new domain adds its line to.

#include <memory>
#include <vector>

#include "api/assembly.hpp"
#include "api/registry.hpp"

namespace phx::app {

std::vector<graphql::SdlSource> product_sdl();

/// The schema for printing and checking, with handlers that only have names.
Result<std::string> print_product_schema(bool internal);

}  // namespace phx::app
