#include "api/resolver_calls.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>

#include <iterator>

#include "base/log.hpp"

namespace phx::api {
namespace {

/// The resolver's answer, or an error once nobody waits any more.
asio::awaitable<Result<RowResults>> in_time(const Registry::Field& field, FieldBatch& batch, std::string_view name) {
  using asio::experimental::awaitable_operators::operator||;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_at(batch.request.deadline.within(field.patience).when());
  auto first = co_await (field.resolver(batch) || timer.async_wait(asio::use_awaitable));
  if (first.index() == 0) co_return std::get<0>(std::move(first));
  co_return Error(Code::kDeadlineExceeded, "api.resolver_timeout",
                  "There was no answer for " + std::string(name) + " in time.");
}

}  // namespace

void ResolverCalls::add(PlanRun& run, const CellTable& rows) {
  if (run.computed.empty()) return;
  gather_resolver_rows(run, rows);
  for (std::size_t i = 0; i < run.computed.size(); ++i) {
    if (run.computed[i].rows.empty()) continue;
    const ResolverUse& use = run.plan->resolvers[i];
    uses_[{use.field, boost::json::serialize(use.group->arguments)}].push_back({&use, &run.computed[i]});
  }
}

asio::awaitable<void> ResolverCalls::run(const RequestContext& context, pg::Database& database) {
  for (const auto& [key, uses] : uses_) co_await call(context, database, uses);
  uses_.clear();
}

asio::awaitable<void> ResolverCalls::call(const RequestContext& context, pg::Database& database,
                                          const std::vector<Use>& uses) {
  const ResolverUse& first = *uses.front().use;
  FieldBatch batch{context, database, {}, first.group->arguments};
  std::vector<std::size_t> counts;
  for (const Use& use : uses) {
    counts.push_back(use.computed->rows.size());
    std::ranges::move(use.computed->rows, std::back_inserter(batch.rows));
  }
  const std::size_t rows = batch.rows.size();
  const std::string name = first.group->parent->name + "." + first.group->field->name;
  Result<RowResults> values = co_await in_time(*first.field, batch, name);
  if (values && values->size() != rows)
    values = internal_error("api.resolver", name + " gave another number of values than rows");
  if (!values) log_error("api.resolver_failed", values.error(), {{"request", context.request_id}, {"field", name}});
  std::size_t next = 0;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    PlanRun::Computed& computed = *uses[i].computed;
    if (!values) {
      computed.error = values.error();
      continue;
    }
    computed.values.reserve(counts[i]);
    for (std::size_t row = 0; row < counts[i]; ++row) {
      auto& value = (*values)[next++];
      if (!value) computed.row_errors.emplace(row, std::move(value.error()));
      computed.values.push_back(value ? std::move(*value) : boost::json::value());
    }
  }
}

}  // namespace phx::api
