#pragma once
/// For *_pgtest files: runs a body in one transaction and commits when it succeeded.
///
///     auto made = in_transaction(db, scope, [&](pg::Transaction& tx) { return create_operation(tx, wanted); });

#include <chrono>
#include <type_traits>
#include <utility>

#include "base/deadline.hpp"
#include "pg/database.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::engine::testing {

namespace asio = boost::asio;

template <class Body>
using BodyResult = typename std::invoke_result_t<Body, pg::Transaction&>::value_type;

/// `body` is a plain function that returns an awaitable.
template <class Body>
asio::awaitable<BodyResult<Body>> run_in_transaction(pg::Database& database, pg::Scope scope, Body body) {
  PHX_CO_TRY(auto tx, co_await database.begin(scope, Deadline::after(std::chrono::seconds(30))));
  auto result = co_await body(tx);
  if (result) PHX_CO_CHECK(co_await tx.commit());
  co_return result;
}

template <class Body>
BodyResult<Body> in_transaction(pg::testing::TestDatabase& db, pg::Scope scope, Body body) {
  return db.run(run_in_transaction(db.database(), scope, std::move(body)));
}

}  // namespace phx::engine::testing
