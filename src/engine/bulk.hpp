#pragma once
/// Events and work of many objects at once: one statement each, however many they are. What holds for
/// engine::record_event and engine::enqueue holds here; all are of one tenant (or of the platform), and none carries a
/// payload.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "engine/events.hpp"

namespace phx::engine {

/// In their order.
asio::awaitable<Status> record_events(pg::Transaction& tx, std::optional<Uuid> tenant, std::vector<Event> events);
/// Each key once. Without `run_at`: now.
asio::awaitable<Status> enqueue_all(pg::Transaction& tx, std::optional<Uuid> tenant, std::string queue,
                                    std::vector<std::string> keys, std::optional<Instant> run_at);

}  // namespace phx::engine
