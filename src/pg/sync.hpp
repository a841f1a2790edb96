#pragma once
/// A blocking connection for start-up, the command line and tests: migrations, cluster bootstrap. Never used on the I/O
/// thread of a live server.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pg/params.hpp"
#include "pg/rows.hpp"
#include "pg/statement.hpp"

struct pg_conn;

namespace phx::pg {

class SyncConnection {
 public:
  /// "pg.unavailable" when it cannot be reached; the server's words in internal().
  static Result<SyncConnection> open(const std::string& conninfo);

  /// One statement.
  Result<Rows> execute(const Statement& statement, const Params& params = {});
  Result<Rows> execute(std::string_view sql, const Params& params = {});
  /// Lets the server parse and analyse a statement without running it, for the tests over all .sql files.
  Status check(const Statement& statement);
  /// Any number of statements separated by `;`, as one implicit transaction.
  Status script(const std::string& sql);
  /// The same; rows of the last statement as text, NULL as "NULL".
  Result<std::vector<std::vector<std::string>>> script_text(const std::string& sql);

 private:
  struct Finish {
    void operator()(pg_conn* connection) const;
  };
  explicit SyncConnection(pg_conn* connection) : connection_(connection) {}
  std::unique_ptr<pg_conn, Finish> connection_;
};

/// A value for a key=value connection string.
std::string quote_conninfo(std::string_view value);

}  // namespace phx::pg
