#pragma once
/// For *_pgtest binaries (library phx_pgtest_main, which provides main()): one private throw-away cluster per binary,
/// a migrated template database in it, and a fresh clone of it per TestDatabase. All of it is removed at exit, also
/// after a failed assertion, an abort or a kill -9: a small process waits for our end.
///
///     TEST(Vms, AreListed) {
///       pg::testing::TestDatabase db;
///       db.exec("insert into phoenix.tenants …");
///       auto rows = db.run(db->read(pg::Scope::of_tenant(id), sql, {}, Deadline::after(5s)));
///       ASSERT_TRUE(rows) << rows.error().to_string();
///     }

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/blocking_pool.hpp"
#include "base/metrics.hpp"
#include "pg/cluster.hpp"
#include "pg/database.hpp"

namespace phx::pg::testing {

/// The binary's cluster; started on first use.
EmbeddedCluster& cluster();

/// A path of that name for the test's own files, not existing yet. Whatever is there at exit is removed, servers of
/// clusters inside are ended first.
std::filesystem::path scratch(const std::string& name);

class TestDatabase {
 public:
  enum class Content { kMigrated, kEmpty };
  /// A fresh database with all embedded migrations applied (or none); throws when that fails. The shared connections'
  /// statement_timeout and the pools' wait are 5 s, so that a busy machine decides nothing; `adjust` changes options.
  explicit TestDatabase(Content content = Content::kMigrated, void (*adjust)(DatabaseOptions&) = nullptr);
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  Database& database() { return *database_; }
  Database* operator->() { return database_.get(); }
  asio::io_context& io() { return io_; }
  asio::any_io_executor executor() { return io_.get_executor(); }
  BlockingPool& blocking() { return blocking_; }
  Metrics& metrics() { return metrics_; }

  /// Runs one coroutine to its end on io(); other work on io() proceeds meanwhile.
  template <class T>
  T run(asio::awaitable<T> task) {
    std::optional<T> out;
    run(keep(std::move(task), out));
    return std::move(*out);
  }
  void run(asio::awaitable<void> task);

  /// Synchronously, as phoenix_owner, outside any pool; several statements separated by `;` allowed. Rows as text,
  /// NULL as "NULL". Failure throws std::runtime_error with the server's words.
  std::vector<std::vector<std::string>> exec(std::string_view sql);
  /// The same as the cluster's superuser.
  std::vector<std::vector<std::string>> exec_superuser(std::string_view sql);
  /// First column of the first row.
  std::string value(std::string_view sql);
  /// Replaces the body of phoenix.now(); nullopt gives it back its own.
  void set_now(std::optional<Instant> now);

  const std::string& name() const { return name_; }
  std::string conninfo(std::string_view user) const;
  /// Another Database on the same database, as a second server process would be.
  std::unique_ptr<Database> another();

 private:
  template <class T>
  static asio::awaitable<void> keep(asio::awaitable<T> task, std::optional<T>& out) {
    out.emplace(co_await std::move(task));
  }

  std::string name_;
  DatabaseOptions options_;
  asio::io_context io_{1};
  BlockingPool blocking_{4, 256};
  Metrics metrics_;
  std::unique_ptr<Database> database_;
};

}  // namespace phx::pg::testing
