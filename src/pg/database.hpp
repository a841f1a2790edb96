#pragma once
/// Asynchronous PostgreSQL for the whole process: reads that share pipelined connections, transactions that own one.
///
/// **A connection has one kind for life.**
/// - *Shared* ones carry reads only. Each request is one segment up to its own Sync, opening with its own
///   set_config('phoenix.tenant_id', …, true): an implicit read-only, repeatable-read transaction (one snapshot for all
///   statements of the request). statement_timeout is short; a read that hits it runs once more on an exclusive
///   connection within the request's deadline. They are never cancelled: when the caller leaves, its rows are dropped.
/// - *Exclusive* ones belong to one request from checkout until they are idle again: transactions and slow reads. Only
///   here a statement is cancelled (off the I/O thread), and then the connection is closed.
///
/// **The tenant wall.** A Scope names the login role and the tenant. Role::kTenant without a tenant is refused before
/// any connection is touched ("pg.no_tenant_context").
///
/// **Prepared statements** are made at the third use on a connection, at most `prepared_max` per connection (LRU), and
/// prepared again once when the server says that the plan is gone or its result type changed (26000, 0A000).
///
/// **Failures.** Errors are those of pg/error.hpp. A lost server is waited for up to `pool_wait`, with backoff between
/// attempts to connect; reads caught by the loss are repeated once; a transaction fails with "pg.unavailable", a COMMIT
/// without an answer with "pg.commit_unknown". A full pool answers "pg.pool_exhausted" with retry_after.
///
/// Everything lives on one executor (one thread). Measured reasons: shared/exclusive, see docs/decisions.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "pg/params.hpp"
#include "pg/rows.hpp"
#include "pg/statement.hpp"

namespace phx {
class BlockingPool;
class Metrics;
}  // namespace phx

namespace phx::pg {

namespace asio = boost::asio;

/// Login roles; each has its own pools and row-level security policies. There is no SET ROLE.
enum class Role : std::uint8_t { kTenant, kPlatform, kWorker, kOwner };
inline constexpr std::size_t kRoles = 4;
/// "phoenix_tenant", …
std::string_view login_of(Role role);

/// In whose name a request works.
struct Scope {
  Role role;
  std::optional<Uuid> tenant;

  static Scope of_tenant(const Uuid& id) { return {Role::kTenant, id}; }
  static Scope platform() { return {Role::kPlatform, {}}; }
  static Scope worker() { return {Role::kWorker, {}}; }
  static Scope owner() { return {Role::kOwner, {}}; }
};

/// SQL to send: a Statement from a .sql file (its text must live for ever), or text made at run time by the compiler.
/// Cheap to copy; make it once per plan and keep it.
class Sql {
 public:
  Sql(const Statement& statement);  // NOLINT(google-explicit-constructor): a Statement is SQL
  /// `name` is a metric label: few different ones, no data.
  static Sql dynamic(std::string name, std::string text);

  std::string_view name() const { return name_; }
  std::string_view text() const { return text_; }
  std::size_t hash() const { return hash_; }
  /// Begins with SELECT, WITH, VALUES, TABLE or EXPLAIN: the only things a shared connection carries.
  bool is_query() const { return is_query_; }

 private:
  Sql(std::string_view name, std::string_view text, std::shared_ptr<const void> owner);
  std::string_view name_;
  std::string_view text_;
  std::shared_ptr<const void> owner_;
  std::size_t hash_;
  bool is_query_;
};

struct Query {
  Sql sql;
  Params params;
};

enum class Isolation : std::uint8_t { kReadCommitted, kRepeatableRead, kSerializable };

struct TransactionOptions {
  Isolation isolation = Isolation::kReadCommitted;
  bool read_only = false;
};

/// How each login connects. Made from one connection string (URI or key=value) by exchanging the user; a password in it
/// is used for all roles.
struct Endpoints {
  std::string tenant, platform, worker, owner;
  /// Past any pooler: LISTEN.
  std::string direct;

  static Result<Endpoints> from(const std::string& conninfo, const std::string& direct_conninfo = {});
  const std::string& of(Role role) const;
};

struct DatabaseOptions {
  Endpoints endpoints;
  struct PoolSize {
    int shared;
    int exclusive;
  };
  PoolSize tenant{4, 8};
  PoolSize platform{2, 4};
  PoolSize worker{2, 8};
  PoolSize owner{0, 1};
  /// Segments in flight on one shared connection before further reads are turned away.
  std::size_t shared_depth = 256;
  std::chrono::milliseconds shared_statement_timeout{50};
  /// Upper bound of any statement on an exclusive connection; a request's deadline lowers it.
  std::chrono::milliseconds statement_timeout{30'000};
  std::chrono::milliseconds idle_in_transaction_timeout{30'000};
  /// How long a request waits for a connection.
  std::chrono::milliseconds pool_wait{1'000};
  std::chrono::milliseconds connect_timeout{3'000};
  /// After this long without an answer a shared connection is given up.
  std::chrono::milliseconds shared_stall{10'000};
  std::size_t prepared_max = 200;
  unsigned prepare_at_use = 3;
};

class Transaction;

class Database {
 public:
  /// The pool is for connecting and cancelling; it, and the metrics, must outlive the Database.
  Database(asio::any_io_executor executor, BlockingPool& blocking, Metrics& metrics, DatabaseOptions options);
  /// stop() must have completed.
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// One read on a shared connection.
  asio::awaitable<Result<Rows>> read(Scope scope, Sql sql, Params params, Deadline deadline);
  /// Several statements in one segment, under one snapshot; the first failure is the answer.
  asio::awaitable<Result<std::vector<Rows>>> read_many(Scope scope, std::vector<Query> queries, Deadline deadline);
  /// The same on an exclusive connection straight away, for statements known to be slow (totalCount, reports).
  asio::awaitable<Result<std::vector<Rows>>> read_slow(Scope scope, std::vector<Query> queries, Deadline deadline);

  /// Checks out an exclusive connection. BEGIN travels with the first statement.
  asio::awaitable<Result<Transaction>> begin(Scope scope, Deadline deadline, TransactionOptions options = {});
  /// One statement in a transaction of its own.
  asio::awaitable<Result<Rows>> execute(Scope scope, Sql sql, Params params, Deadline deadline);

  /// Called on the executor for each notification; with nullopt whenever the connection was (re)established, since
  /// anything may have been missed before.
  using Notified = std::function<void(std::optional<std::string_view> payload)>;
  /// Subscribes for the life of the Database, on the direct connection, which reconnects by itself. Completes when the
  /// first LISTEN is in force; kUnavailable when the server cannot be reached now (it keeps trying all the same).
  asio::awaitable<Status> listen(std::string channel, Notified callback);

  /// One round trip on the platform role, for health checks.
  asio::awaitable<Status> ping(Deadline deadline);

  /// For the start with a database of somebody else's: proves that pipelining works and that what a session is told
  /// holds, which some poolers break. kFailedPrecondition "pg.pooler_unsuitable".
  asio::awaitable<Status> probe(Deadline deadline);

  /// Ends all connections and background work. Transactions must be gone.
  asio::awaitable<void> stop();

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

/// One transaction on an exclusive connection. Without commit() it is rolled back when destroyed, without waiting.
/// After the first error only rollback(), rollback_to() or destruction make sense; others answer
/// "pg.transaction_aborted". The deadline given to begin() bounds every statement (statement_timeout); when it passes,
/// the running statement is cancelled and the connection closed. One call at a time.
class Transaction {
 public:
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) noexcept;
  ~Transaction();

  asio::awaitable<Result<Rows>> execute(Sql sql, Params params = {});
  /// All in one round trip; the first failure is the answer.
  asio::awaitable<Result<std::vector<Rows>>> execute_batch(std::vector<Query> queries);
  /// A statement whose rows nobody needs: it travels with the next call, or with COMMIT, instead of a round trip of its
  /// own. The order is kept. That call answers with its failure: a commit() that carries one stores nothing and says
  /// why. Give it only what fails for reasons that its later caller would not mistake for its own.
  void defer(Sql sql, Params params = {});
  /// COPY … FROM STDIN (binary). PostgreSQL has no COPY into tables whose row-level security binds the role: tables
  /// without it, or the owner. Names are plain identifiers; `table` may carry a schema ("phoenix.vms"). Returns rows.
  /// Numeric values must be cast from another type: kInternal "pg.copy_text".
  asio::awaitable<Result<std::int64_t>> copy_in(std::string table, std::vector<std::string> columns,
                                                std::vector<Params> rows);

  asio::awaitable<Status> savepoint(std::string name);
  asio::awaitable<Status> rollback_to(std::string name);
  asio::awaitable<Status> release(std::string name);

  /// "pg.commit_unknown" when the connection broke before the answer: the caller must look before it repeats.
  asio::awaitable<Status> commit();
  asio::awaitable<Status> rollback();

  const Scope& scope() const;
  Deadline deadline() const;

  struct Impl;

 private:
  friend class Database;
  explicit Transaction(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phx::pg
