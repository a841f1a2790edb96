#include "api/registry.hpp"

#include <stdexcept>

namespace phx::api {

void Registry::mutation(std::string name, MutationHandler handler) {
  if (!mutations_.emplace(name, std::move(handler)).second)
    throw std::logic_error("two handlers for the mutation " + name);
}

void Registry::query(std::string name, QueryHandler handler) {
  if (!queries_.emplace(name, std::move(handler)).second) throw std::logic_error("two handlers for the query " + name);
}

void Registry::field(std::string type_and_field, std::vector<std::string> needed_columns, BatchResolver resolver) {
  if (!fields_.emplace(type_and_field, Field{std::move(needed_columns), std::move(resolver)}).second)
    throw std::logic_error("two resolvers for the field " + type_and_field);
}

void Registry::on_commit(std::function<void()> hook) { on_commit_.push_back(std::move(hook)); }

void Registry::notify_commit() const {
  for (const auto& hook : on_commit_) hook();
}

}  // namespace phx::api
