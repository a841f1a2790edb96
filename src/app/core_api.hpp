#pragma once
/// The API's own fields, which belong to no domain: health, the newest event, and operations.

#include <string>

#include "api/event_cursor.hpp"
#include "api/registry.hpp"

namespace phx::app {

class Health;

/// All references must outlive the registry.
void register_core(api::Registry& registry, Health& health, pg::Database& database, const Clock& clock,
                   const api::EventCursorSeal& cursors, Random& random);

/// The version printed by `phoenix version`, /health and the API.
std::string_view version();

}  // namespace phx::app
