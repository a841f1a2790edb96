#pragma once
/// Does the database hold what the SDL says? Reads the catalogue and compares: each @table is a table or a
/// security_invoker view of schema phoenix, each column is there and of a type its field can be read from, keys of
/// relations are uuid, orders are NOT NULL and compare bytewise. Meant for start-up, doctor and tests, so that a
/// mistake in SDL or migration is one clear message and not a failing query.
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
