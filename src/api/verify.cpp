#include "api/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "api/sql.gen.hpp"
#include "pg/database.hpp"

namespace phx::api {
namespace {

namespace oid = pg::oid;
using Kind = FieldMeaning::Kind;

struct Column {
  std::uint32_t type = 0;
  bool not_null = false;
  bool bytewise = false;
};

struct Table {
  bool view = false;
  bool security_invoker = false;
  std::map<std::string, Column, std::less<>> columns;
};

bool readable(ColumnKind kind, std::uint32_t type) {
  const auto one_of = [type](std::initializer_list<std::uint32_t> types) {
    return std::ranges::find(types, type) != types.end();
  };
  switch (kind) {
    case ColumnKind::kId: return one_of({oid::kUuid});
    case ColumnKind::kString:
    case ColumnKind::kEnum: return one_of({oid::kText, oid::kVarchar});
    case ColumnKind::kInt: return one_of({oid::kInt2, oid::kInt4, oid::kInt8});
    case ColumnKind::kFloat: return one_of({oid::kFloat4, oid::kFloat8, oid::kNumeric, oid::kInt4});
    case ColumnKind::kBoolean: return one_of({oid::kBool});
    case ColumnKind::kDateTime: return one_of({oid::kTimestamptz});
    case ColumnKind::kJson: return one_of({oid::kJson, oid::kJsonb});
    case ColumnKind::kStringList: return one_of({oid::kTextArray});
  }
  return false;
}

class Verification {
 public:
  explicit Verification(std::map<std::string, Table, std::less<>> tables) : tables_(std::move(tables)) {}

  Status run(const ApiSchema& api) {
    for (const auto& [name, type] : api.tables()) check(api, *type);
    if (faults_.empty()) return {};
    return Error(Code::kFailedPrecondition, "api.tables", fmt::format("{}", fmt::join(faults_, "\n")));
  }

 private:
  void check(const ApiSchema& api, const TableType& type) {
    const auto table = tables_.find(type.table);
    if (table == tables_.end()) {
      faults_.push_back(fmt::format("{}: there is no table or view phoenix.{}", type.name, type.table));
      return;
    }
    if (table->second.view && !table->second.security_invoker)
      faults_.push_back(fmt::format("{}: the view phoenix.{} must be security_invoker", type.name, type.table));
    for (const graphql::Field& field : type.type->fields) {
      const FieldMeaning& meaning = api.meaning(field);
      const std::string where = type.name + "." + field.name;
      if (meaning.kind == Kind::kColumn) check_column(where, type.table, table->second, meaning);
      if (meaning.kind == Kind::kOne) check_key(where, type.table, meaning.column);
      if (meaning.kind == Kind::kMany) check_key(where, meaning.target->table, meaning.column);
      if (meaning.kind == Kind::kResolver)
        for (const std::string& needed : meaning.resolver->needed_columns) column(where, type.table, needed);
    }
  }

  const Column* column(const std::string& where, const std::string& table, const std::string& name) {
    const auto found = tables_.find(table);
    if (found == tables_.end()) return nullptr;  // said once, for its own type
    const auto it = found->second.columns.find(name);
    if (it != found->second.columns.end()) return &it->second;
    faults_.push_back(fmt::format("{}: phoenix.{} has no column {}", where, table, name));
    return nullptr;
  }

  void check_key(const std::string& where, const std::string& table, const std::string& name) {
    const Column* found = column(where, table, name);
    if (found && found->type != oid::kUuid)
      faults_.push_back(fmt::format("{}: the key phoenix.{}.{} is no uuid", where, table, name));
  }

  void check_column(const std::string& where, const std::string& name, const Table& table,
                    const FieldMeaning& meaning) {
    const Column* found = column(where, name, meaning.column);
    if (!found) return;
    const std::string full = fmt::format("phoenix.{}.{}", name, meaning.column);
    if (!readable(meaning.column_kind, found->type))
      faults_.push_back(fmt::format("{}: the type of {} (oid {}) does not fit", where, full, found->type));
    // A view's columns carry no NOT NULL; there the field's promise is the view author's.
    if (!table.view && !meaning.nullable && !found->not_null)
      faults_.push_back(fmt::format("{}: {} may be null, the field may not", where, full));
    if (meaning.sortable && !found->bytewise)
      faults_.push_back(fmt::format("{}: an order by text needs {} collate \"C\"", where, full));
  }

  std::map<std::string, Table, std::less<>> tables_;
  std::vector<std::string> faults_;
};

}  // namespace

asio::awaitable<Status> verify_tables(const ApiSchema& api, pg::Database& database, Deadline deadline) {
  std::vector<std::string> names;
  for (const auto& [name, type] : api.tables()) names.push_back(type->table);
  PHX_CO_TRY(pg::Rows rows,
             co_await database.read(pg::Scope::platform(), sql::api::table_columns, pg::Params::of(names), deadline));
  std::map<std::string, Table, std::less<>> tables;
  for (const auto row : rows) {
    Table& table = tables[row.get<std::string>(0)];
    const auto kind = row.get<std::string>(4);
    table.view = kind == "v" || kind == "m";
    table.security_invoker = kind == "v" && row.get<bool>(6);
    table.columns[row.get<std::string>(1)] = {static_cast<std::uint32_t>(row.get<std::int64_t>(2)), row.get<bool>(3),
                                              row.get<bool>(5)};
  }
  co_return Verification(std::move(tables)).run(api);
}

}  // namespace phx::api
