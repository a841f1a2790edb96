#include "app/access_watch.hpp"

#include "base/log.hpp"
#include "base/task_scope.hpp"

namespace phx::app {

using namespace std::chrono_literals;

asio::awaitable<void> AccessWatch::run() {
  engine::EventFilter filter;
  filter.types = {std::string(identity::kSessionEvent), std::string(tenancy::kMembershipType)};
  const auto events = feed_.subscribe(std::move(filter));
  for (;;) {
    const auto batch = co_await events->next();
    if (!batch) {
      log_error("access.watch_waits", batch.error());
      co_await sleep_for(500ms);
      continue;
    }
    identity_.forget();
    tenancy_.forget();
    if (batch->resync) live_.recheck_all();
    for (const auto& event : batch->events) apply(*event);
  }
}

void AccessWatch::apply(const engine::Event& event) {
  if (event.type == identity::kSessionEvent) {
    if (event.kind == engine::ChangeKind::kDeleted) live_.end_proof(event.id);
  } else if (const auto user = tenancy::member_of(event); user && event.tenant) {
    live_.member_changed(*user, *event.tenant);
  }
}

}  // namespace phx::app
