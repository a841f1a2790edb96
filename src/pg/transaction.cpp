#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "pg/database_impl.hpp"
#include "pg/error.hpp"

namespace phx::pg {
namespace {

using std::chrono::milliseconds;

/// The server's own statement_timeout, set to the deadline, gets this much time to speak first: then the connection
/// can be kept.
constexpr milliseconds kDeadlineGrace{100};
constexpr milliseconds kCommitGrace{5000};

Control begin_control(const TransactionOptions& options) {
  if (options.isolation == Isolation::kReadCommitted && !options.read_only) return {{}, std::string(kBegin), {}};
  constexpr std::string_view kIsolation[] = {"read committed", "repeatable read", "serializable"};
  return {fmt::format("begin isolation level {} {}", kIsolation[static_cast<std::size_t>(options.isolation)],
                      options.read_only ? "read only" : "read write"),
          {},
          {}};
}

Error already_failed() { return {Code::kAborted, "pg.transaction_aborted", "The transaction has failed already."}; }

bool plain_identifier(std::string_view name, bool dots) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (dots && c == '.');
  });
}

template <class I>
void put(std::string& out, I value) {
  for (int shift = static_cast<int>(sizeof(I)) * 8 - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xff));
}

/// The binary format of COPY: signature, flags, rows of fields with their length, trailer.
Result<std::string> copy_binary(const std::vector<std::string>& columns, const std::vector<Params>& rows) {
  std::string out("PGCOPY\n\377\r\n\0", 11);
  put<std::int32_t>(out, 0);
  put<std::int32_t>(out, 0);
  for (const auto& row : rows) {
    if (row.size() != columns.size())
      return internal_error("pg.copy_columns", fmt::format("{} values for {} columns", row.size(), columns.size()));
    put<std::int16_t>(out, static_cast<std::int16_t>(row.size()));
    for (const auto& value : row.values()) {
      if (!value.binary) return internal_error("pg.copy_text", "numeric text has no binary form here");
      put<std::int32_t>(out, value.length);
      if (value.length > 0) out += row.bytes(value);
    }
  }
  put<std::int16_t>(out, -1);
  return out;
}

}  // namespace

struct Transaction::Impl {
  std::shared_ptr<Database::Impl> database;
  std::shared_ptr<Connection> connection;  // null once given back
  Scope scope;
  Deadline deadline;
  TransactionOptions options;
  bool begun = false;
  bool failed = false;
  std::vector<Query> deferred;
  std::shared_ptr<Segment> committing;

  ~Impl() { give_up(); }

  /// Returns the connection, whatever state it is in.
  void give_up() {
    if (auto one = std::exchange(connection, nullptr)) database->abandon(scope.role, std::move(one), committing);
  }

  std::vector<Control> opening() const {
    std::vector<Control> out;
    if (begun) return out;
    const auto limit = std::clamp(std::min(deadline.remaining(), database->options_.statement_timeout), milliseconds(1),
                                  milliseconds(24 * 3600 * 1000));
    const auto limit_text = std::to_string(limit.count());
    out.push_back(begin_control(options));
    if (scope.tenant)
      out.push_back({{}, std::string(kSetTenantAndLimits), Params::of(scope.tenant->to_string(), limit_text)});
    else
      out.push_back({{}, std::string(kSetLimits), Params::of(limit_text)});
    return out;
  }

  /// What was deferred, and then `queries`.
  std::vector<Query> with_deferred(std::vector<Query> queries) {
    if (deferred.empty()) return queries;
    auto all = std::exchange(deferred, {});
    all.insert(all.end(), std::make_move_iterator(queries.begin()), std::make_move_iterator(queries.end()));
    return all;
  }

  void observe(const std::vector<Query>& queries, const Stopwatch& stopwatch) const {
    for (const auto& query : queries) database->observe(query.sql, stopwatch);
  }

  /// Sends one segment (what was deferred, the queries, then `after`) and waits; on success it has the queries' rows.
  asio::awaitable<Result<std::shared_ptr<Segment>>> run(std::vector<Query> wanted, std::vector<Control> after = {}) {
    if (!connection || failed) co_return already_failed();
    if (deadline.passed()) {
      failed = true;
      co_return to_error({"57014", "the request's deadline passed", {}, {}});
    }
    const Stopwatch stopwatch;
    const bool first = !begun;
    const auto controls = opening();
    const auto before = static_cast<std::ptrdiff_t>(deferred.size());
    const auto queries = with_deferred(std::move(wanted));
    const auto limit = deadline.is_never() ? deadline : Deadline::at(deadline.when() + kDeadlineGrace);
    for (int attempt = 0;; ++attempt) {
      begun = true;
      const auto segment = connection->send(controls, queries, after);
      const auto waited = co_await connection->wait(segment, limit);
      if (waited != Waited::kDone) {
        failed = true;
        give_up();
        if (waited == Waited::kCancelled)
          co_return Error(Code::kCancelled, "pg.cancelled", "The request was given up.");
        co_return to_error({"57014", "the request's deadline passed", {}, {}});
      }
      if (!segment->error) {
        observe(queries, stopwatch);
        segment->rows.erase(segment->rows.begin(), segment->rows.begin() + before);
        co_return segment;
      }
      const bool plan_gone = segment->error->plan_gone;
      if (first && attempt == 0 && plan_gone) {
        // Nothing was done yet in this transaction: it can begin again with the statement prepared anew.
        database->repeated_.add();
        connection->forget(queries);
        const Control rollback{"rollback", {}, {}};
        const auto undone = connection->send(std::span(&rollback, 1), {});
        if (co_await connection->wait(undone, limit) == Waited::kDone && !undone->error) continue;
      }
      failed = true;
      if (plan_gone) connection->forget(queries);
      co_return to_error(*segment->error);
    }
  }
};

Transaction::Transaction(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&&) noexcept = default;
Transaction::~Transaction() = default;

const Scope& Transaction::scope() const { return impl_->scope; }
Deadline Transaction::deadline() const { return impl_->deadline; }

asio::awaitable<Result<Transaction>> Database::begin(Scope scope, Deadline deadline, TransactionOptions options) {
  PHX_CO_CHECK(check_scope(scope));
  const auto impl = impl_;
  PHX_CO_TRY(auto connection, co_await impl->pools(scope.role).exclusive.acquire(deadline));
  auto state = std::unique_ptr<Transaction::Impl>(
      new Transaction::Impl{impl, std::move(connection), std::move(scope), deadline, options});
  co_return Transaction(std::move(state));
}

asio::awaitable<Result<Rows>> Transaction::execute(Sql sql, Params params) {
  std::vector<Query> queries;
  queries.push_back({std::move(sql), std::move(params)});
  PHX_CO_TRY(auto rows, co_await execute_batch(std::move(queries)));
  co_return std::move(rows.front());
}

asio::awaitable<Result<std::vector<Rows>>> Transaction::execute_batch(std::vector<Query> queries) {
  PHX_CO_TRY(const auto segment, co_await impl_->run(std::move(queries)));
  co_return std::move(segment->rows);
}

void Transaction::defer(Sql sql, Params params) { impl_->deferred.push_back({std::move(sql), std::move(params)}); }

asio::awaitable<Result<std::int64_t>> Transaction::copy_in(std::string table, std::vector<std::string> columns,
                                                           std::vector<Params> rows) {
  const bool names_are_plain = plain_identifier(table, true) && !columns.empty() &&
                               std::all_of(columns.begin(), columns.end(),
                                           [](const std::string& name) { return plain_identifier(name, false); });
  if (!names_are_plain) co_return internal_error("pg.copy_columns", "COPY takes plain lower-case identifiers");
  PHX_CO_TRY(auto data, copy_binary(columns, rows));
  if (!impl_->begun || !impl_->deferred.empty()) { PHX_CO_TRY(const auto begun, co_await impl_->run({})); }
  if (!impl_->connection || impl_->failed) co_return already_failed();
  auto command = fmt::format("copy {} ({}) from stdin (format binary)", table, fmt::join(columns, ", "));
  auto copied = co_await impl_->connection->copy_in(std::move(command), std::move(data), impl_->deadline);
  if (!copied) impl_->failed = true;
  co_return copied;
}

asio::awaitable<Status> Transaction::savepoint(std::string name) {
  if (!plain_identifier(name, false)) co_return internal_error("pg.savepoint_name", name);
  std::vector<Control> controls;
  controls.push_back({fmt::format("savepoint {}", name), {}, {}});
  PHX_CO_TRY(const auto segment, co_await impl_->run({}, std::move(controls)));
  co_return Status();
}

asio::awaitable<Status> Transaction::rollback_to(std::string name) {
  if (!plain_identifier(name, false)) co_return internal_error("pg.savepoint_name", name);
  // The one thing a failed transaction may still do.
  impl_->failed = !impl_->connection || impl_->connection->closed();
  // A savepoint sends what was deferred before it: this came after, and is undone with the rest.
  impl_->deferred.clear();
  std::vector<Control> controls;
  controls.push_back({fmt::format("rollback to savepoint {}", name), {}, {}});
  PHX_CO_TRY(const auto segment, co_await impl_->run({}, std::move(controls)));
  co_return Status();
}

asio::awaitable<Status> Transaction::release(std::string name) {
  if (!plain_identifier(name, false)) co_return internal_error("pg.savepoint_name", name);
  std::vector<Control> controls;
  controls.push_back({fmt::format("release savepoint {}", name), {}, {}});
  PHX_CO_TRY(const auto segment, co_await impl_->run({}, std::move(controls)));
  co_return Status();
}

asio::awaitable<Status> Transaction::commit() {
  auto& impl = *impl_;
  if (!impl.connection || impl.failed) {
    impl.give_up();
    co_return already_failed();
  }
  if (!impl.begun && impl.deferred.empty()) {
    impl.give_up();
    co_return Status();
  }
  if (impl.connection->closed()) {
    impl.give_up();
    co_return unavailable("pg.unavailable", "the connection was lost before COMMIT");
  }
  const Control commit{{}, std::string(kCommit), {}};
  const Stopwatch stopwatch;
  const auto opening = impl.opening();
  const auto deferred = impl.with_deferred({});
  // Up to the Sync the first failure skips the rest: COMMIT does not run when a deferred statement failed.
  const auto segment = impl.connection->send(opening, deferred, std::span(&commit, 1));
  impl.committing = segment;
  const auto patience = impl.deadline.at_least(kCommitGrace);
  const auto waited = co_await impl.connection->wait(segment, patience);
  impl.failed = true;  // nothing more may be asked of it
  const auto unknown = [](std::string detail) {
    return Error(Code::kUnavailable, "pg.commit_unknown",
                 "The connection to the database broke while the change was being stored.")
        .with_next_action(
            "Look whether the change is there before repeating it; a repetition with the same "
            "idempotency key is safe.")
        .with_internal(std::move(detail));
  };
  if (waited != Waited::kDone) {
    // When only the caller left, the COMMIT is left to end in peace.
    if (waited == Waited::kDeadline) impl.connection->close();
    impl.give_up();
    co_return unknown("no answer to COMMIT in time");
  }
  impl.committing.reset();
  if (segment->error && segment->error->plan_gone) impl.connection->forget(deferred);
  impl.give_up();
  if (segment->lost) co_return unknown(segment->error->message);
  if (segment->error) co_return to_error(*segment->error);
  impl.observe(deferred, stopwatch);
  if (segment->control_rows.back().command_tag() != "COMMIT") co_return already_failed();
  co_return Status();
}

asio::awaitable<Status> Transaction::rollback() {
  auto& impl = *impl_;
  if (impl.connection && impl.begun && !impl.connection->closed()) {
    const Control rollback{"rollback", {}, {}};
    const auto segment = impl.connection->send(std::span(&rollback, 1), {});
    const auto waited = co_await impl.connection->wait(segment, Deadline::after(std::chrono::seconds(2)));
    // Without an answer the connection is closed, and the server rolls back by itself.
    if (waited != Waited::kDone) impl.connection->close();
  }
  impl.failed = true;
  impl.give_up();
  co_return Status();
}

}  // namespace phx::pg
