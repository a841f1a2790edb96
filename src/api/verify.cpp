#include "api/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <ranges>
#include <set>
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

struct Index {
  bool unique = false;
  std::vector<std::string> columns;  ///< "-name" where it descends
};

struct Table {
  bool view = false;
  bool security_invoker = false;
  std::map<std::string, Column, std::less<>> columns;
  std::vector<Index> indexes;
};

struct Function {
  bool definer = false;
  bool is_volatile = false;
  std::uint32_t returns = 0;
  int arguments = 0;
};

/// Is this how the rows behind `prefix` are walked in the order of `keys`, the id last?
bool walks(const Index& index, const std::vector<std::string>& prefix, const std::vector<OrderKey>& keys) {
  if (index.columns.size() < prefix.size() ||
      !std::ranges::equal(prefix, index.columns | std::views::take(prefix.size())))
    return false;
  std::vector<std::string> wanted;
  for (const OrderKey& key : keys) wanted.push_back(key.column);
  if (std::ranges::find(wanted, "id") == wanted.end()) wanted.emplace_back("id");
  std::size_t matched = 0;
  std::optional<bool> backward;
  for (std::size_t at = prefix.size(); at < index.columns.size() && matched < wanted.size(); ++at, ++matched) {
    std::string_view name = index.columns[at];
    const bool descends = name.starts_with('-');
    if (descends) name.remove_prefix(1);
    if (name != wanted[matched] || (backward && *backward != descends)) break;
    backward = descends;
  }
  if (matched == wanted.size()) return true;
  return index.unique && matched + 1 == wanted.size() && index.columns.size() == prefix.size() + matched;
}

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
    case ColumnKind::kDecimal: return one_of({oid::kNumeric, oid::kInt2, oid::kInt4, oid::kInt8});
    case ColumnKind::kIntList: return one_of({oid::kInt4Array});
    case ColumnKind::kIdList: return one_of({oid::kUuidArray});
  }
  return false;
}

class Verification {
 public:
  using Tables = std::map<std::string, Table, std::less<>>;
  using Functions = std::multimap<std::string, Function, std::less<>>;
  Verification(Tables tables, Functions functions) : tables_(std::move(tables)), functions_(std::move(functions)) {}

  Status run(const ApiSchema& api) {
    for (const auto& [name, type] : api.tables()) check(api, *type);
    for (const auto kind : {graphql::OperationKind::kQuery, graphql::OperationKind::kSubscription})
      if (const graphql::Type* root = api.schema().root(kind))
        for (const graphql::Field& field : root->fields)
          if (const FieldMeaning& meaning = api.meaning(field); meaning.kind == Kind::kConnection)
            check_orders(root->name + "." + field.name, *meaning.target);
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
    if (type.is_abstract())
      if (const Column* found = column(type.name, type.table, type.type_column);
          found && found->type != oid::kText && found->type != oid::kVarchar)
        faults_.push_back(fmt::format("{}: phoenix.{}.{} is no text", type.name, type.table, type.type_column));
    if (type.rows) {
      for (const std::string& each : type.rows->columns) column(type.name, type.table, each);
      check_function(type.name, type.rows->function, ColumnKind::kBoolean,
                     type.rows->columns.size() + (type.rows->viewer ? 1 : 0));
    }
    for (const TableOrder& order : type.orders)
      for (const OrderKey& key : order.keys) check_order_key(type, table->second, order, key);
    for (const graphql::Field& field : type.type->fields) {
      const FieldMeaning& meaning = api.meaning(field);
      const std::string where = type.name + "." + field.name;
      if (meaning.kind == Kind::kColumn) check_column(where, type.table, table->second, meaning);
      if (meaning.kind == Kind::kOne) check_key(where, type.table, meaning.column);
      if (meaning.kind == Kind::kMany) {
        check_key(where, meaning.target->table, meaning.column);
        check_many(where, meaning.target->table, meaning.column);
      }
      if (meaning.kind == Kind::kComputed) {
        for (const std::string& each : meaning.columns) column(where, type.table, each);
        check_function(where, meaning.function, meaning.column_kind, meaning.columns.size() + field.arguments.size());
      }
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
    if (meaning.filterable && meaning.column_kind == ColumnKind::kJson && found->type != oid::kJsonb)
      faults_.push_back(fmt::format("{}: a filter on JSON needs {} to be jsonb", where, full));
  }

  void check_order_key(const TableType& type, const Table& table, const TableOrder& order, const OrderKey& key) {
    const std::string where = fmt::format("{} by {}", type.name, order.name);
    const Column* found = column(where, type.table, key.column);
    if (!found) return;
    const std::string full = fmt::format("phoenix.{}.{}", type.table, key.column);
    if (!readable(key.kind, found->type))
      faults_.push_back(fmt::format("{}: the type of the key {} (oid {}) does not fit", where, full, found->type));
    if (!table.view && !found->not_null) faults_.push_back(fmt::format("{}: the key {} may be null", where, full));
    if (!found->bytewise) faults_.push_back(fmt::format("{}: an order by text needs {} collate \"C\"", where, full));
  }

  void check_orders(const std::string& where, const TableType& type) {
    const auto found = tables_.find(type.table);
    if (found == tables_.end() || found->second.view || !walked_.insert(&type).second) return;
    const bool walled = found->second.columns.contains("tenant_id");
    const auto check = [&](const std::string& name, const std::vector<OrderKey>& keys, bool in_tenant) {
      std::vector<std::string> prefix;
      if (in_tenant) prefix.emplace_back("tenant_id");
      if (std::ranges::any_of(found->second.indexes, [&](const Index& index) { return walks(index, prefix, keys); }))
        return;
      std::string columns = in_tenant ? "tenant_id, " : "";
      bool id = false;
      for (const OrderKey& key : keys) {
        columns += key.column + ", ";
        id = id || key.column == "id";
      }
      if (!id) columns += "id, ";
      columns.resize(columns.size() - 2);
      faults_.push_back(fmt::format("{} by {}: no index walks it {}: phoenix.{} ({}); {} offers it", type.name, name,
                                    in_tenant ? "in a tenant" : "over all tenants", type.table, columns, where));
    };
    for (const bool in_tenant : {true, false}) {
      if (in_tenant && !walled) continue;
      check("id", {}, in_tenant);
      for (const TableOrder& order : type.orders) check(order.name, order.keys, in_tenant);
    }
  }

  void check_many(const std::string& where, const std::string& name, const std::string& key) {
    const auto table = tables_.find(name);
    if (table == tables_.end() || table->second.view) return;
    if (std::ranges::none_of(table->second.indexes, [&](const Index& index) { return index.columns.front() == key; }))
      faults_.push_back(fmt::format("{}: no index of phoenix.{} is led by {}", where, name, key));
  }

  void check_function(const std::string& where, const std::string& name, ColumnKind kind, std::size_t arguments) {
    const auto [begin, end] = functions_.equal_range(name);
    if (std::distance(begin, end) != 1) {
      faults_.push_back(fmt::format("{}: there must be exactly one function phoenix.{}", where, name));
      return;
    }
    const Function& found = begin->second;
    if (found.definer) faults_.push_back(fmt::format("{}: the function {} is SECURITY DEFINER", where, name));
    if (found.is_volatile) faults_.push_back(fmt::format("{}: the function {} is VOLATILE", where, name));
    if (!readable(kind, found.returns))
      faults_.push_back(
          fmt::format("{}: what the function {} returns (oid {}) does not fit", where, name, found.returns));
    if (found.arguments != static_cast<int>(arguments))
      faults_.push_back(
          fmt::format("{}: the function {} takes {} arguments, not {}", where, name, found.arguments, arguments));
  }

  Tables tables_;
  Functions functions_;
  std::set<const TableType*> walked_;
  std::vector<std::string> faults_;
};

}  // namespace

asio::awaitable<Status> verify_tables(const ApiSchema& api, pg::Database& database, Deadline deadline) {
  std::vector<std::string> names;
  std::vector<std::string> called;
  for (const auto& [name, type] : api.tables()) {
    names.push_back(type->table);
    if (type->rows) called.push_back(type->rows->function);
    for (const graphql::Field& field : type->type->fields)
      if (const FieldMeaning& meaning = api.meaning(field); meaning.kind == Kind::kComputed)
        called.push_back(meaning.function);
  }
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
  PHX_CO_TRY(rows,
             co_await database.read(pg::Scope::platform(), sql::api::table_indexes, pg::Params::of(names), deadline));
  for (const auto row : rows)
    tables[row.get<std::string>(0)].indexes.push_back({row.get<bool>(1), row.get<std::vector<std::string>>(2)});
  PHX_CO_TRY(
      rows, co_await database.read(pg::Scope::platform(), sql::api::table_functions, pg::Params::of(called), deadline));
  Verification::Functions functions;
  for (const auto row : rows)
    functions.emplace(row.get<std::string>(0),
                      Function{row.get<bool>(1), row.get<bool>(2), static_cast<std::uint32_t>(row.get<std::int64_t>(3)),
                               row.get<std::int32_t>(4)});
  co_return Verification(std::move(tables), std::move(functions)).run(api);
}

}  // namespace phx::api
