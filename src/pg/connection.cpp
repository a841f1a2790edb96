#include "pg/connection.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.hpp"
#include "pg/sql.gen.hpp"

namespace phx::pg {
namespace {

/// Counting uses of statements seen once or twice must not grow without bound.
constexpr std::size_t kUsesMax = 4096;

void ignore_notice(void*, const PGresult*) {}

bool prepare(PGconn* connection, std::string_view name, const Statement& statement) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(
      PQprepare(connection, std::string(name).c_str(), std::string(statement.sql).c_str(), 0, nullptr), &PQclear);
  return PQresultStatus(result.get()) == PGRES_COMMAND_OK;
}

}  // namespace

Connected connect_blocking(const ConnectPlan& plan) {
  const auto seconds = std::to_string(std::max<std::int64_t>(2, plan.limit.count() / 1000));
  const char* const keys[] = {"dbname",          "application_name",    "options", "connect_timeout", "client_encoding",
                              "keepalives_idle", "keepalives_interval", nullptr};
  const char* const values[] = {plan.conninfo.c_str(),
                                plan.application_name.c_str(),
                                plan.options.c_str(),
                                seconds.c_str(),
                                "UTF8",
                                "30",
                                "10",
                                nullptr};
  Connected out{Handle(PQconnectdbParams(keys, values, 1)), {}};
  PGconn* const connection = out.handle.get();
  PQsetNoticeReceiver(connection, ignore_notice, nullptr);
  if (PQstatus(connection) != CONNECTION_OK || !prepare(connection, kSetTenant, sql::pg::set_tenant) ||
      !prepare(connection, kSetLimits, sql::pg::set_limits) ||
      !prepare(connection, kSetTenantAndLimits, sql::pg::set_tenant_and_limits) ||
      !prepare(connection, kBegin, sql::pg::begin_transaction) ||
      !prepare(connection, kCommit, sql::pg::commit_transaction)) {
    out.failure = PQerrorMessage(connection);
    if (out.failure.empty()) out.failure = "cannot connect";
    out.handle.reset();
  }
  return out;
}

Connection::Connection(asio::any_io_executor executor, Handle handle, std::size_t prepared_max, unsigned prepare_at_use)
    : executor_(executor),
      handle_(std::move(handle)),
      stream_(executor),
      copy_event_(executor),
      prepared_max_(prepared_max),
      prepare_at_use_(prepare_at_use) {
  PQsetnonblocking(handle_.get(), 1);
  PQenterPipelineMode(handle_.get());
  // libpq closes its socket itself, so Asio gets a descriptor of its own.
  stream_.assign(::fcntl(PQsocket(handle_.get()), F_DUPFD_CLOEXEC, 3));
}

Connection::~Connection() = default;

void Connection::start(std::function<void(Connection&)> closed) {
  on_closed_ = std::move(closed);
  watch_input();
}

void Connection::watch_input() {
  stream_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& failed) {
                       if (failed || self->closed()) return;
                       self->on_input();
                       if (!self->closed()) self->watch_input();
                     });
}

void Connection::on_input() {
  if (PQconsumeInput(handle_.get()) == 0) {
    drain();
    return lose(handle_ ? PQerrorMessage(handle_.get()) : "");
  }
  if (copying_) {
    copy_event_.cancel();
    return;
  }
  drain();
}

void Connection::drain() {
  int nothing = 0;
  while (handle_ && !segments_.empty() && PQisBusy(handle_.get()) == 0) {
    PGresult* const result = PQgetResult(handle_.get());
    if (result) {
      nothing = 0;
      take(result);
    } else if (++nothing > 2) {
      // One NULL ends each statement; more of them mean that libpq waits for input.
      break;
    }
  }
  // Lets libpq see that its queue is empty, so that the transaction status is true.
  while (handle_ && segments_.empty() && PQisBusy(handle_.get()) == 0) {
    PGresult* const result = PQgetResult(handle_.get());
    if (!result) break;
    PQclear(result);
  }
  if (handle_ && PQstatus(handle_.get()) == CONNECTION_BAD) lose(PQerrorMessage(handle_.get()));
}

void Connection::take(PGresult* raw) {
  Segment& segment = *segments_.front();
  const auto status = PQresultStatus(raw);
  if (status == PGRES_PIPELINE_SYNC) {
    PQclear(raw);
    return finish_segment();
  }
  Rows rows(raw);
  if (segment.at >= segment.expected.size()) return;
  auto& expected = segment.expected[segment.at++];
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
    if (expected.step == Segment::Step::kQuery) segment.rows.push_back(std::move(rows));
    if (expected.step == Segment::Step::kControl) segment.control_rows.push_back(std::move(rows));
    return;
  }
  if (!segment.error && status != PGRES_PIPELINE_ABORTED) segment.error = server_error(raw);
  if (expected.step == Segment::Step::kPrepare) drop_prepared(expected.key, false);
  if (expected.step == Segment::Step::kDeallocate && status == PGRES_PIPELINE_ABORTED)
    to_deallocate_.push_back(std::move(expected.name));
}

void Connection::finish_segment() {
  const auto segment = std::move(segments_.front());
  segments_.pop_front();
  segment->done = true;
  segment->wake.cancel();
}

void Connection::lose(std::string why) {
  if (!handle_) return;
  const auto waiting = std::exchange(segments_, {});
  for (const auto& segment : waiting) {
    if (!segment->error) segment->error = ServerError{"08006", why, {}, {}};
    segment->done = segment->lost = true;
    segment->wake.cancel();
  }
  close();
}

void Connection::close() {
  if (!handle_) return;
  const auto self = shared_from_this();
  boost::system::error_code ignored;
  stream_.close(ignored);
  handle_.reset();
  copy_event_.cancel();
  for (const auto& segment : std::exchange(segments_, {})) {
    segment->error = ServerError{"08003", "the connection was closed", {}, {}};
    segment->done = segment->lost = true;
    segment->wake.cancel();
  }
  if (auto closed = std::exchange(on_closed_, nullptr)) closed(*this);
}

bool Connection::idle() const {
  return handle_ && segments_.empty() && !copying_ && PQtransactionStatus(handle_.get()) == PQTRANS_IDLE;
}

std::uint64_t Connection::key_of(const Sql& sql, const WireParams& wire) {
  std::uint64_t key = sql.hash();
  // The same text with other parameter types is another statement.
  for (const Oid type : wire.types) key = (key ^ type) * 0x100000001b3ULL;
  return key;
}

void Connection::drop_prepared(std::uint64_t key, bool deallocate) {
  const auto found = prepared_.find(key);
  if (found == prepared_.end()) return;
  if (deallocate) to_deallocate_.push_back(found->second.name);
  recency_.erase(found->second.recency);
  prepared_.erase(found);
}

void Connection::forget(std::span<const Query> queries) {
  for (const auto& query : queries) {
    wire_.assign(query.params);
    drop_prepared(key_of(query.sql, wire_), true);
  }
}

void Connection::send_query(const Query& query, Segment& segment) {
  PGconn* const pg = handle_.get();
  wire_.assign(query.params);
  const auto key = key_of(query.sql, wire_);
  auto found = prepared_.find(key);
  if (found != prepared_.end() &&
      (found->second.sql.text() != query.sql.text() || found->second.types != wire_.types)) {
    found = prepared_.end();  // another statement with the same hash: goes unprepared
  } else if (found == prepared_.end()) {
    if (uses_.size() >= kUsesMax) uses_.clear();
    if (++uses_[key] >= prepare_at_use_) {
      recency_.push_front(key);
      Prepared made{query.sql, wire_.types, fmt::format("p{}", ++prepared_total_), recency_.begin()};
      found = prepared_.emplace(key, std::move(made)).first;
      text_ = query.sql.text();
      segment.expected.push_back({Segment::Step::kPrepare, key, {}});
      PQsendPrepare(pg, found->second.name.c_str(), text_.c_str(), wire_.size(), wire_.types.data());
      if (prepared_.size() > prepared_max_) drop_prepared(recency_.back(), true);
    }
  } else {
    recency_.splice(recency_.begin(), recency_, found->second.recency);
  }
  segment.expected.push_back({Segment::Step::kQuery, 0, {}});
  if (found != prepared_.end()) {
    PQsendQueryPrepared(pg, found->second.name.c_str(), wire_.size(), wire_.values.data(), wire_.lengths.data(),
                        wire_.formats.data(), 1);
  } else {
    text_ = query.sql.text();
    PQsendQueryParams(pg, text_.c_str(), wire_.size(), wire_.types.data(), wire_.values.data(), wire_.lengths.data(),
                      wire_.formats.data(), 1);
  }
}

std::shared_ptr<Segment> Connection::send(std::span<const Control> before, std::span<const Query> queries,
                                          std::span<const Control> after) {
  auto segment = std::make_shared<Segment>(executor_);
  if (!handle_) {
    segment->error = ServerError{"08003", "the connection is closed", {}, {}};
    segment->done = segment->lost = true;
    return segment;
  }
  PGconn* const pg = handle_.get();
  segment->expected.reserve(before.size() + queries.size() + after.size());
  segment->rows.reserve(queries.size());
  const auto send_control = [&](const Control& control) {
    wire_.assign(control.params);
    segment->expected.push_back({Segment::Step::kControl, 0, {}});
    if (control.prepared.empty())
      PQsendQueryParams(pg, control.sql.c_str(), wire_.size(), wire_.types.data(), wire_.values.data(),
                        wire_.lengths.data(), wire_.formats.data(), 1);
    else
      PQsendQueryPrepared(pg, control.prepared.c_str(), wire_.size(), wire_.values.data(), wire_.lengths.data(),
                          wire_.formats.data(), 1);
  };
  for (const auto& control : before) send_control(control);
  for (auto& name : std::exchange(to_deallocate_, {})) {
    PQsendQueryParams(pg, fmt::format("deallocate {}", name).c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1);
    segment->expected.push_back({Segment::Step::kDeallocate, 0, std::move(name)});
  }
  for (const auto& query : queries) send_query(query, *segment);
  for (const auto& control : after) send_control(control);
  segments_.push_back(segment);
  if (PQpipelineSync(pg) == 0)
    lose(PQerrorMessage(pg));
  else
    flush();
  return segment;
}

void Connection::flush() {
  if (!handle_ || write_armed_) return;
  const int left = PQflush(handle_.get());
  if (left < 0) return lose(PQerrorMessage(handle_.get()));
  if (left == 0) return;
  write_armed_ = true;
  stream_.async_wait(asio::posix::stream_descriptor::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& failed) {
                       self->write_armed_ = false;
                       if (failed || self->closed()) return;
                       if (self->copying_)
                         self->copy_event_.cancel();
                       else
                         self->flush();
                     });
}

asio::awaitable<Waited> Connection::wait(std::shared_ptr<Segment> segment, Deadline deadline) {
  segment->wake.expires_at(deadline.when());
  while (!segment->done) {
    boost::system::error_code ended;
    co_await segment->wake.async_wait(asio::redirect_error(asio::use_awaitable, ended));
    if (segment->done) break;
    co_return ended ? Waited::kCancelled : Waited::kDeadline;
  }
  co_return Waited::kDone;
}

asio::awaitable<bool> Connection::copy_wait(Deadline deadline) {
  copy_event_.expires_at(deadline.when());
  boost::system::error_code ended;
  co_await copy_event_.async_wait(asio::redirect_error(asio::use_awaitable, ended));
  co_return ended.failed();  // woken by the socket, not by the deadline
}

asio::awaitable<Result<std::int64_t>> Connection::copy_in(std::string command, std::string data, Deadline deadline) {
  constexpr std::size_t kChunk = 64 * 1024;
  const auto self = shared_from_this();
  const auto broken = [this] {
    return unavailable("pg.unavailable", handle_ ? PQerrorMessage(handle_.get()) : "the connection was lost");
  };
  // Whatever ends this early leaves copying_ set: such a connection is not idle and will be closed, not reused.
  copying_ = true;
  if (!handle_ || PQexitPipelineMode(handle_.get()) == 0 || PQsendQuery(handle_.get(), command.c_str()) == 0)
    co_return broken();
  enum class Phase : std::uint8_t { kAsked, kSending, kEnding } phase = Phase::kAsked;
  std::optional<Error> failure;
  std::int64_t rows = 0;
  std::size_t sent = 0;
  while (true) {
    if (!handle_) co_return broken();
    const int unsent = PQflush(handle_.get());
    if (unsent < 0) co_return broken();
    if (unsent > 0) {
      flush();
    } else if (phase == Phase::kSending) {
      const auto piece = std::min(kChunk, data.size() - sent);
      const int put = piece > 0 ? PQputCopyData(handle_.get(), data.data() + sent, static_cast<int>(piece))
                                : PQputCopyEnd(handle_.get(), nullptr);
      if (put < 0) co_return broken();
      if (put > 0 && piece == 0) phase = Phase::kEnding;
      if (put > 0) sent += piece;
      continue;
    } else if (PQisBusy(handle_.get()) == 0) {
      PGresult* const result = PQgetResult(handle_.get());
      if (!result) break;
      const Rows answer(result);
      const auto status = PQresultStatus(result);
      if (status == PGRES_COPY_IN)
        phase = Phase::kSending;
      else if (status == PGRES_COMMAND_OK)
        rows = answer.affected();
      else if (!failure)
        failure = to_error(server_error(result));
      continue;
    }
    if (!co_await copy_wait(deadline))
      co_return Error(Code::kDeadlineExceeded, "pg.timeout", "The database took too long.");
  }
  if (PQenterPipelineMode(handle_.get()) == 0) co_return broken();
  copying_ = false;
  if (failure) co_return std::move(*failure);
  co_return rows;
}

}  // namespace phx::pg
