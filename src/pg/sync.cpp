#include "pg/sync.hpp"

#include <libpq-fe.h>

#include "pg/error.hpp"
#include "pg/executed.hpp"
#include "pg/wire.hpp"

namespace phx::pg {
namespace {

bool failed(const PGresult* result) {
  const auto status = PQresultStatus(result);
  return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY;
}

}  // namespace

void SyncConnection::Finish::operator()(pg_conn* connection) const { PQfinish(connection); }

Result<SyncConnection> SyncConnection::open(const std::string& conninfo) {
  const char* const keys[] = {"dbname", "connect_timeout", "application_name", "client_encoding", nullptr};
  const char* const values[] = {conninfo.c_str(), "10", "phoenix", "UTF8", nullptr};
  SyncConnection connection(PQconnectdbParams(keys, values, 1));
  if (PQstatus(connection.connection_.get()) != CONNECTION_OK)
    return unavailable("pg.unavailable", PQerrorMessage(connection.connection_.get()));
  PQsetNoticeReceiver(connection.connection_.get(), [](void*, const PGresult*) {}, nullptr);
  return connection;
}

Result<Rows> SyncConnection::execute(const Statement& statement, const Params& params) {
  auto rows = execute(statement.sql, params);
  if (rows) note_executed(statement.name);
  return rows;
}

Result<Rows> SyncConnection::execute(std::string_view sql, const Params& params) {
  WireParams wire;
  wire.assign(params);
  Rows rows(PQexecParams(connection_.get(), std::string(sql).c_str(), wire.size(), wire.types.data(),
                         wire.values.data(), wire.lengths.data(), wire.formats.data(), 1));
  if (const auto* result = rows.result(); failed(result)) return to_error(server_error(result));
  return rows;
}

Status SyncConnection::check(const Statement& statement) {
  const Rows answer(PQprepare(connection_.get(), "", std::string(statement.sql).c_str(), 0, nullptr));
  if (failed(answer.result())) return to_error(server_error(answer.result()));
  return {};
}

Status SyncConnection::script(const std::string& sql) {
  const Rows rows(PQexec(connection_.get(), sql.c_str()));
  if (failed(rows.result())) return to_error(server_error(rows.result()));
  return {};
}

Result<std::vector<std::vector<std::string>>> SyncConnection::script_text(const std::string& sql) {
  const Rows rows(PQexec(connection_.get(), sql.c_str()));
  if (failed(rows.result())) return to_error(server_error(rows.result()));
  std::vector<std::vector<std::string>> out;
  for (int r = 0; r < rows.size(); ++r) {
    auto& line = out.emplace_back();
    for (int c = 0; c < rows.columns(); ++c)
      line.emplace_back(rows.is_null(r, c) ? std::string_view("NULL") : rows.raw(r, c));
  }
  return out;
}

std::string quote_conninfo(std::string_view value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

}  // namespace phx::pg
