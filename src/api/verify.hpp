#pragma once
/// Does the database hold what the SDL says? Reads the catalogue and compares: each @table is a table or a
/// security_invoker view of schema phoenix, each column is there and of a type its field can be read from, keys of
/// relations are uuid, orders are NOT NULL and compare bytewise, functions are neither VOLATILE nor SECURITY DEFINER.
/// Meant for start-up, doctor and tests, so that a mistake in SDL or migration is one clear message and not a failing
/// query.
///
/// What is offered must also be cheap at any depth: each order of a list at the root needs an index that walks it, one
/// led by tenant_id for requests in a tenant and one without for platform scope; each to-many relation needs an index
/// led by its key. (An order ends in the id unless the index is unique before.) Of views nothing is known here: the
/// tests explain their queries.
///
/// Error: kFailedPrecondition "api.tables", every fault on a line of its own.

#include <boost/asio/awaitable.hpp>

#include "api/assembly.hpp"
#include "base/deadline.hpp"
#include "base/result.hpp"

namespace phx::pg {
class Database;
}

namespace phx::api {

asio::awaitable<Status> verify_tables(const ApiSchema& api, pg::Database& database, Deadline deadline);

}  // namespace phx::api
