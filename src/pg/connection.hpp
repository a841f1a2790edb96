#pragma once
/// Inside pg/ only: one libpq connection in pipeline mode, driven by the executor's readiness events.
///
/// Work goes out in segments: steps that end with one Sync. Several segments may be in flight; their results come back
/// in order. A waiter may leave at any time, its segment's rows are dropped when they arrive. When the connection
/// breaks, every segment in flight ends as lost.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/deadline.hpp"
#include "pg/database.hpp"
#include "pg/error.hpp"
#include "pg/rows.hpp"
#include "pg/wire.hpp"

namespace phx::pg {

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using Handle = std::unique_ptr<PGconn, Finish>;

enum class Kind : std::uint8_t { kShared, kExclusive, kListener };

/// What a new connection is told; plain data, since connecting happens on another thread.
struct ConnectPlan {
  std::string conninfo;
  std::string application_name;
  std::string options;  ///< "-c name=value …"
  std::chrono::milliseconds limit{3000};
};

struct Connected {
  Handle handle;
  std::string failure;
};

/// Blocks. Connects and prepares the opening statements (set_config).
Connected connect_blocking(const ConnectPlan& plan);

/// A step that is not the caller's query: BEGIN, COMMIT, set_config. Its rows are not handed out.
struct Control {
  std::string sql;       ///< sent as is, or
  std::string prepared;  ///< the name of an opening statement
  Params params;
};

/// Names of the opening statements every connection has prepared.
inline constexpr std::string_view kSetTenant = "phx_set_tenant";
inline constexpr std::string_view kSetLimits = "phx_set_limits";
inline constexpr std::string_view kSetTenantAndLimits = "phx_set_tenant_and_limits";
inline constexpr std::string_view kBegin = "phx_begin";  ///< read committed, read write
inline constexpr std::string_view kCommit = "phx_commit";

struct Segment {
  explicit Segment(const asio::any_io_executor& executor) : wake(executor) {}

  enum class Step : std::uint8_t { kControl, kDeallocate, kPrepare, kQuery };
  struct Expected {
    Step step;
    std::uint64_t key = 0;  ///< kPrepare: of the prepared statement
    std::string name;       ///< kDeallocate: to try again when it could not run
  };
  std::vector<Expected> expected;
  std::size_t at = 0;
  Deadline::Steady::time_point sent = Deadline::Steady::now();

  std::vector<Rows> rows;  ///< of the queries
  std::vector<Rows> control_rows;
  std::optional<ServerError> error;
  bool done = false;
  bool lost = false;
  asio::steady_timer wake;
};

enum class Waited : std::uint8_t { kDone, kDeadline, kCancelled };

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::any_io_executor executor, Handle handle, std::size_t prepared_max, unsigned prepare_at_use);
  ~Connection();

  /// Begins to watch the socket; `closed` is called once, when the connection is gone for whatever reason.
  void start(std::function<void(Connection&)> closed);
  /// Sends one segment: controls, then queries, then `after`, then Sync.
  std::shared_ptr<Segment> send(std::span<const Control> before, std::span<const Query> queries,
                                std::span<const Control> after = {});
  /// Waits for the segment's end. The rows are in the segment.
  asio::awaitable<Waited> wait(std::shared_ptr<Segment> segment, Deadline deadline);
  /// The statements are prepared again at their next use: the server lost them or their result type changed.
  void forget(std::span<const Query> queries);
  /// COPY … FROM STDIN outside pipeline mode; the connection must have nothing in flight.
  asio::awaitable<Result<std::int64_t>> copy_in(std::string command, std::string data, Deadline deadline);

  void close();
  bool closed() const { return !handle_; }
  /// Nothing in flight, no transaction open.
  bool idle() const;
  bool in_flight() const { return !segments_.empty() || copying_; }
  std::size_t depth() const { return segments_.size(); }
  /// Since when the oldest segment has been waiting for its answer; the end of time when there is none.
  Deadline::Steady::time_point waiting_since() const {
    return segments_.empty() ? Deadline::Steady::time_point::max() : segments_.front()->sent;
  }
  /// For PQcancel on another thread; null when closed.
  PGcancel* make_cancel() const { return handle_ ? PQgetCancel(handle_.get()) : nullptr; }

 private:
  struct Prepared {
    Sql sql;
    std::vector<Oid> types;
    std::string name;
    std::list<std::uint64_t>::iterator recency;
  };

  void watch_input();
  void on_input();
  void drain();
  void take(PGresult* result);
  void flush();
  void finish_segment();
  void lose(std::string why);
  void send_query(const Query& query, Segment& segment);
  static std::uint64_t key_of(const Sql& sql, const WireParams& wire);
  void drop_prepared(std::uint64_t key, bool deallocate);
  asio::awaitable<bool> copy_wait(Deadline deadline);

  asio::any_io_executor executor_;
  Handle handle_;
  asio::posix::stream_descriptor stream_;
  std::function<void(Connection&)> on_closed_;
  std::deque<std::shared_ptr<Segment>> segments_;
  bool write_armed_ = false;
  bool copying_ = false;
  asio::steady_timer copy_event_;
  WireParams wire_;
  std::string text_;

  std::size_t prepared_max_;
  unsigned prepare_at_use_;
  std::unordered_map<std::uint64_t, unsigned> uses_;
  std::unordered_map<std::uint64_t, Prepared> prepared_;
  std::list<std::uint64_t> recency_;  // front: used last
  std::vector<std::string> to_deallocate_;
  std::uint64_t prepared_total_ = 0;
};

}  // namespace phx::pg
