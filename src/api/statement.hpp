#pragma once
/// One SQL statement in the making. Values of a request enter it as numbered parameters and in no other way; a value
/// that its column could not hold is an error that names its place.
/// Errors: "uuid.malformed", "filter.value", "limit.filter".

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <set>
#include <string>

#include "api/assembly.hpp"
#include "base/result.hpp"
#include "pg/params.hpp"

namespace phx::api {

struct StatementBuilder {
  pg::Params params;
  int aliases = 0;
  /// Names of the types whose rows are read, also where only a condition looks at them.
  std::set<std::string, std::less<>> types;

  std::string alias() { return "t" + std::to_string(aliases++); }
  template <class T>
  std::string param(const T& value) {
    params.add(value);
    return last();
  }
  std::string last() const { return "$" + std::to_string(params.size()); }

  /// A coerced input value, not null, as a parameter of the kind's type.
  Result<std::string> value(ColumnKind kind, const boost::json::value& value, const std::string& path);
  /// A null of the kind's type.
  std::string null(ColumnKind kind);
  /// A list without nulls as an array parameter; for decimals the expression is a cast of one.
  Result<std::string> list(ColumnKind kind, const boost::json::array& list, const std::string& path);
  /// A value of a cursor.
  std::string key(ColumnKind kind, std::string_view binary);
};

/// Joins conditions.
void also(std::string& conditions, std::string_view condition);

/// To be asked wherever a table is read: the rows of it that this role sees, beyond row-level security: rows of its
/// types, and the types' row rules. "" when all.
std::string visible_rows(StatementBuilder& sql, const TableType& table, const std::string& alias, Role role);

}  // namespace phx::api
