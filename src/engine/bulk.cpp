#include "engine/bulk.hpp"

#include "base/crash_point.hpp"
#include "engine/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::engine {

asio::awaitable<Status> record_events(pg::Transaction& tx, std::optional<Uuid> tenant, std::vector<Event> events) {
  if (events.empty()) co_return Status();
  PHX_CRASH_POINT("engine.event.before_record");
  std::vector<std::string> types;
  std::vector<Uuid> ids;
  std::vector<std::string> kinds;
  std::vector<std::int64_t> versions;
  for (auto& event : events) {
    types.push_back(std::move(event.type));
    ids.push_back(event.id);
    kinds.emplace_back(change_kind_name(event.kind));
    versions.push_back(event.version);
  }
  tx.defer(sql::engine::record_events, pg::Params::of(tenant, types, ids, kinds, versions));
  co_return Status();
}

asio::awaitable<Status> enqueue_all(pg::Transaction& tx, std::optional<Uuid> tenant, std::string queue,
                                    std::vector<std::string> keys, std::optional<Instant> run_at) {
  PHX_CRASH_POINT("engine.work.before_enqueue");
  PHX_CO_CHECK(co_await tx.execute(sql::engine::enqueue_all, pg::Params::of(tenant, queue, keys, run_at)));
  co_return Status();
}

}  // namespace phx::engine
