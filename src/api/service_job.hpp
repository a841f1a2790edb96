#pragma once
/// What GraphqlService and its live queries share about one root field on its way to an answer; nobody else's business.

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>

#include "api/encoder.hpp"
#include "api/service.hpp"
#include "pg/database.hpp"

namespace phx::api {

/// One root field on its way to an answer.
struct GraphqlService::Job {
  const graphql::FieldGroup* group = nullptr;
  std::optional<Error> error;
  std::optional<PlanRun> run;               ///< @connection, @byId
  std::optional<boost::json::value> value;  ///< resolvers and mutations
  graphql::TypeRef type;                    ///< of the value, where it is not the field's
  TableRefs refs;
  pg::Rows rows;
  std::optional<CellTable> cells;
  std::int64_t count = 0;
};

}  // namespace phx::api
