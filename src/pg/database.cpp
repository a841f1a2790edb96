#include "pg/database.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/log.hpp"
#include "pg/database_impl.hpp"
#include "pg/error.hpp"
#include "pg/executed.hpp"
#include "pg/sql.gen.hpp"

namespace phx::pg {
namespace {

using std::chrono::milliseconds;

/// How long a COMMIT whose caller left may still take, and a ROLLBACK may take, before the connection is closed.
constexpr milliseconds kCommitGrace{5000};
constexpr milliseconds kRollbackGrace{2000};

bool begins_as_query(std::string_view text) {
  std::string word;
  for (const char c : text) {
    const bool letter = std::isalpha(static_cast<unsigned char>(c)) != 0;
    if (word.empty() && (std::isspace(static_cast<unsigned char>(c)) || c == '(')) continue;
    if (!letter) break;
    word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  constexpr std::string_view kWords[] = {"select", "with", "values", "table", "explain"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

std::vector<Control> opening(const Scope& scope) {
  std::vector<Control> out;
  if (scope.tenant) out.push_back({{}, std::string(kSetTenant), Params::of(scope.tenant->to_string())});
  return out;
}

}  // namespace

Sql::Sql(std::string_view name, std::string_view text, std::shared_ptr<const void> owner)
    : name_(name),
      text_(text),
      owner_(std::move(owner)),
      hash_(std::hash<std::string_view>()(text)),
      is_query_(begins_as_query(text)) {}

Sql::Sql(const Statement& statement) : Sql(statement.name, statement.sql, nullptr) {}

Sql Sql::dynamic(std::string name, std::string text) {
  auto owned = std::make_shared<const std::pair<std::string, std::string>>(std::move(name), std::move(text));
  const std::string_view name_view = owned->first;
  const std::string_view text_view = owned->second;
  return {name_view, text_view, std::move(owned)};
}

Status check_scope(const Scope& scope) {
  if (scope.role == Role::kTenant && !scope.tenant)
    return Error(Code::kPermissionDenied, "pg.no_tenant_context", "No tenant was chosen for this request.")
        .with_next_action("Name the tenant.");
  return {};
}

Database::Impl::Impl(asio::any_io_executor executor, BlockingPool& blocking, Metrics& metrics, DatabaseOptions options)
    : executor_(executor),
      blocking_(blocking),
      metrics_(metrics),
      options_(std::move(options)),
      scope_(executor, "pg"),
      context_{executor_, blocking_, metrics_, scope_, options_},
      listener_(context_),
      slow_lane_(metrics.counter("sankofa_pg_slow_lane_total", "Reads run again on an exclusive connection")),
      repeated_(metrics.counter("sankofa_pg_repeated_total", "Statements sent again after a lost plan or connection")),
      cancelled_(
          metrics.counter("sankofa_pg_cancelled_total", "Statements cancelled because their request had ended")) {
  const DatabaseOptions::PoolSize sizes[kRoles] = {options_.tenant, options_.platform, options_.worker, options_.owner};
  for (std::size_t i = 0; i < kRoles; ++i)
    pools_[i] = std::make_unique<RolePools>(context_, static_cast<Role>(i), sizes[i]);
}

void Database::Impl::observe(const Sql& sql, const Stopwatch& stopwatch) {
  auto found = statements_.find(sql.name());
  if (found == statements_.end()) {
    note_executed(sql.name());
    found = statements_
                .emplace(sql.name(), &metrics_.latency("sankofa_pg_statement_seconds",
                                                       "From sending a statement to having its rows",
                                                       {{"statement", std::string(sql.name())}}))
                .first;
  }
  found->second->observe(stopwatch.seconds());
}

void Database::Impl::abandon(Role role, std::shared_ptr<Connection> connection, std::shared_ptr<Segment> committing) {
  if (connection->idle()) return pools(role).exclusive.release(connection);
  if (scope_.stopping() || connection->closed()) {
    connection->close();
    return pools(role).exclusive.release(connection);
  }
  scope_.spawn("pg.abandoned", finish_abandoned(role, std::move(connection), std::move(committing)));
}

asio::awaitable<void> Database::Impl::finish_abandoned(Role role, std::shared_ptr<Connection> connection,
                                                       std::shared_ptr<Segment> committing) {
  struct Return {
    ExclusivePool& pool;
    const std::shared_ptr<Connection>& connection;
    ~Return() { pool.release(connection); }
  } const give_back{pools(role).exclusive, connection};
  if (committing) {
    // Never cancelled: its outcome was promised to nobody, but a half-told COMMIT helps nobody either.
    co_await connection->wait(committing, Deadline::after(kCommitGrace));
  } else if (connection->in_flight()) {
    if (const std::shared_ptr<PGcancel> cancel(connection->make_cancel(), &PQfreeCancel); cancel) {
      cancelled_.add();
      const auto sent = co_await blocking_.run([cancel] {
        char why[256];
        return PQcancel(cancel.get(), why, sizeof why) == 1;
      });
      if (!sent || !*sent) log_event(LogLevel::kWarn, "pg.cancel_failed");
    }
    // A cancel request may arrive late and hit whatever runs then: this connection runs nothing any more.
    connection->close();
  } else {
    const Control rollback{"rollback", {}, {}};
    co_await connection->wait(connection->send(std::span(&rollback, 1), {}), Deadline::after(kRollbackGrace));
  }
}

Database::Database(asio::any_io_executor executor, BlockingPool& blocking, Metrics& metrics, DatabaseOptions options)
    : impl_(std::make_shared<Impl>(executor, blocking, metrics, std::move(options))) {}

Database::~Database() = default;

asio::awaitable<Result<Rows>> Database::read(Scope scope, Sql sql, Params params, Deadline deadline) {
  std::vector<Query> queries;
  queries.push_back({std::move(sql), std::move(params)});
  PHX_CO_TRY(auto rows, co_await read_many(std::move(scope), std::move(queries), deadline));
  co_return std::move(rows.front());
}

asio::awaitable<Result<std::vector<Rows>>> Database::read_many(Scope scope, std::vector<Query> queries,
                                                               Deadline deadline) {
  PHX_CO_CHECK(check_scope(scope));
  for (const auto& query : queries)
    if (!query.sql.is_query())
      co_return internal_error("pg.not_a_query",
                               "only queries may be sent to a shared connection: " + std::string(query.sql.name()));
  const auto impl = impl_;
  auto& pool = impl->pools(scope.role).shared;
  if (!pool.enabled()) co_return co_await read_slow(std::move(scope), std::move(queries), deadline);
  const auto controls = opening(scope);
  bool repeated = false;
  while (true) {
    auto connection = pool.pick_now();
    if (!connection) { PHX_CO_TRY(connection, co_await pool.pick(deadline)); }
    const Stopwatch stopwatch;
    const auto segment = connection->send(controls, queries);
    const auto waited = co_await connection->wait(segment, deadline);
    if (waited == Waited::kCancelled) co_return Error(Code::kCancelled, "pg.cancelled", "The request was given up.");
    if (waited == Waited::kDeadline) co_return to_error({"57014", "the request's deadline passed", {}, {}});
    if (!segment->error && !segment->lost) {
      for (const auto& query : queries) impl->observe(query.sql, stopwatch);
      co_return std::move(segment->rows);
    }
    if (segment->error->sqlstate == "57014") {
      impl->slow_lane_.add();
      co_return co_await read_slow(std::move(scope), std::move(queries), deadline);
    }
    const bool gone = segment->error->plan_gone;
    if (repeated || !(gone || segment->lost)) co_return to_error(*segment->error);
    // A read changes nothing: when the connection broke under it, or its plan was gone, it is sent once more.
    repeated = true;
    impl->repeated_.add();
    if (gone) connection->forget(queries);
  }
}

asio::awaitable<Result<std::vector<Rows>>> Database::read_slow(Scope scope, std::vector<Query> queries,
                                                               Deadline deadline) {
  TransactionOptions options;
  options.isolation = Isolation::kRepeatableRead;
  options.read_only = true;
  PHX_CO_TRY(auto transaction, co_await begin(std::move(scope), deadline, options));
  co_return co_await transaction.execute_batch(std::move(queries));
}

asio::awaitable<Result<Rows>> Database::execute(Scope scope, Sql sql, Params params, Deadline deadline) {
  PHX_CO_TRY(auto transaction, co_await begin(std::move(scope), deadline));
  PHX_CO_TRY(auto rows, co_await transaction.execute(std::move(sql), std::move(params)));
  PHX_CO_CHECK(co_await transaction.commit());
  co_return rows;
}

asio::awaitable<Status> Database::listen(std::string channel, Notified callback) {
  const auto impl = impl_;
  co_return co_await impl->listener_.listen(std::move(channel), std::move(callback));
}

asio::awaitable<Status> Database::ping(Deadline deadline) {
  PHX_CO_TRY(const auto rows, co_await read(Scope::platform(), sql::pg::ping, {}, deadline));
  co_return Status();
}

asio::awaitable<Status> Database::probe(Deadline deadline) {
  const auto unsuitable = [](std::string detail) {
    return Error(Code::kFailedPrecondition, "pg.pooler_unsuitable",
                 "The database, or a pooler before it, does not serve pipelined sessions as Phoenix needs them.")
        .with_next_action("Let DATABASE_URL point at PostgreSQL itself or at a pooler in session mode.")
        .with_internal(std::move(detail));
  };
  std::vector<Query> queries(3, {sql::pg::session_settings, {}});
  auto answers = co_await read_many(Scope::platform(), std::move(queries), deadline);
  if (!answers && answers.error().code() == Code::kUnavailable) co_return std::move(answers).error();
  // A pooler that does not understand pipelining loses the answers, or the session behind them.
  if (!answers) co_return unsuitable(answers.error().to_string());
  for (const auto& rows : *answers) {
    if (rows.get<std::string_view>(0, 1) != "on" || rows.get<std::string_view>(0, 2) != "phoenix,pg_catalog")
      co_return unsuitable("the session's settings were dropped");
    if (rows.get<std::int32_t>(0, 3) != answers->front().get<std::int32_t>(0, 3))
      co_return unsuitable("one segment was served by two server processes");
  }
  co_return Status();
}

asio::awaitable<void> Database::stop() {
  const auto impl = impl_;
  for (auto& pools : impl->pools_) {
    pools->shared.close();
    pools->exclusive.close();
  }
  co_await impl->scope_.stop();
}

}  // namespace phx::pg
