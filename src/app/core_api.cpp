#include "app/core_api.hpp"

#include <boost/json.hpp>

#include "app/health.hpp"
#include "engine/operations.hpp"

namespace phx::app {
namespace json = boost::json;
namespace {

Result<Uuid> id_argument(const json::object& args) {
  const auto* value = args.if_contains("id");
  const auto id = Uuid::parse(value && value->is_string() ? std::string_view(value->get_string()) : std::string_view());
  if (!id) return not_found("operation.not_found", "There is no such operation.").with_field("id");
  return *id;
}

/// What the audit trail keeps of an operation.
json::object picture(const engine::Operation& operation) {
  return {{"kind", operation.kind},
          {"object", operation.object_name},
          {"state", engine::operation_state_name(operation.state)},
          {"cancelRequested", operation.cancel_requested()}};
}

asio::awaitable<Result<json::object>> cancel(api::MutationContext& context, json::object args) {
  PHX_CO_TRY(const Uuid id, id_argument(args));
  PHX_CO_TRY(const auto operation, co_await engine::request_cancel(context.tx(), id));
  context.audit("Operation", id, nullptr, picture(operation));
  co_return json::object{{"operation", id.to_string()}};
}

asio::awaitable<Result<json::object>> retry(api::MutationContext& context, json::object args) {
  PHX_CO_TRY(const Uuid id, id_argument(args));
  PHX_CO_TRY(const auto operation, co_await engine::request_retry(context.tx(), id));
  context.audit("Operation", id, nullptr, picture(operation));
  co_return json::object{{"operation", id.to_string()}};
}

asio::awaitable<Result<json::value>> health(Health& health, const Clock& clock) {
  const auto report = co_await health.check();
  co_return json::value(json::object{{"status", report.healthy ? "ok" : "degraded"},
                                     {"timestamp", format_instant(clock.now())},
                                     {"version", version()}});
}

asio::awaitable<Result<json::value>> event_cursor(pg::Database& database, const api::EventCursorSeal& seal,
                                                  Random& random) {
  PHX_CO_TRY(const auto state, co_await engine::read_event_log_state(database));
  co_return json::value(seal.of_head({state.epoch, state.head}, random));
}

}  // namespace

std::string_view version() { return PHOENIX_VERSION; }

void register_core(api::Registry& registry, Health& health_checks, pg::Database& database, const Clock& clock,
                   const api::EventCursorSeal& cursors, Random& random) {
  registry.mutation("cancelOperation", cancel);
  registry.mutation("retryOperation", retry);
  registry.query("health", [&](api::QueryContext&, json::object) { return health(health_checks, clock); });
  registry.query("eventCursor",
                 [&](api::QueryContext&, json::object) { return event_cursor(database, cursors, random); });
}

}  // namespace phx::app
