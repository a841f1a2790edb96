#include "api/registry.hpp"

#include <memory>
#include <stdexcept>

namespace phx::api {
namespace {

/// A coroutine function: the resolver lives in the registry, which outlives every request.
asio::awaitable<Result<RowResults>> each_row(const BatchResolver& resolver, FieldBatch& batch) {
  auto values = co_await resolver(batch);
  if (!values) co_return std::move(values.error());
  RowResults out;
  out.reserve(values->size());
  for (boost::json::value& value : *values) out.emplace_back(std::move(value));
  co_return out;
}

}  // namespace

void Registry::mutation(std::string name, MutationHandler handler) {
  if (!mutations_.emplace(name, std::move(handler)).second)
    throw std::logic_error("two handlers for the mutation " + name);
}

void Registry::query(std::string name, QueryHandler handler) {
  if (!queries_.emplace(name, std::move(handler)).second) throw std::logic_error("two handlers for the query " + name);
}

void Registry::field(std::string type_and_field, std::vector<std::string> needed_columns, BatchResolver resolver,
                     std::chrono::milliseconds patience) {
  field_by_row(
      std::move(type_and_field), std::move(needed_columns),
      [resolver = std::make_shared<const BatchResolver>(std::move(resolver))](FieldBatch& batch) {
        return each_row(*resolver, batch);
      },
      patience);
}

void Registry::field_by_row(std::string type_and_field, std::vector<std::string> needed_columns, RowResolver resolver,
                            std::chrono::milliseconds patience) {
  if (!fields_.emplace(type_and_field, Field{std::move(needed_columns), std::move(resolver), patience}).second)
    throw std::logic_error("two resolvers for the field " + type_and_field);
}

void Registry::on_commit(std::function<void()> hook) { on_commit_.push_back(std::move(hook)); }

void Registry::notify_commit() const {
  for (const auto& hook : on_commit_) hook();
}

}  // namespace phx::api
