#pragma once
/// One SQL statement in the making. Values of a request enter it as numbered parameters and in no other way; a value
/// that its column could not hold is an error that names its place.
///
/// A statement's parameters can be made again from the arguments of another request that asks for the same with other
/// values: each parameter knows from which argument, and which place in it, it came.
/// Errors: "uuid.malformed", "filter.value", "limit.filter".

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/assembly.hpp"
#include "base/result.hpp"
#include "graphql/execute.hpp"
#include "pg/params.hpp"

namespace phx::api {

/// Arguments of fields as one request gave them.
class Arguments {
 public:
  /// The execution must outlive it; `viewer` is the user who asks.
  explicit Arguments(const graphql::Execution& execution, const Uuid& viewer = {})
      : execution_(execution), viewer_(viewer) {}
  const Uuid& viewer() const { return viewer_; }
  /// What stands at a place such as "filter.or[0].name.eq", or null.
  const boost::json::value* at(const graphql::FieldGroup& field, std::string_view path) const;

 private:
  const graphql::Execution& execution_;
  Uuid viewer_;
  mutable std::vector<std::pair<const graphql::FieldGroup*, boost::json::object>> known_;
};

/// Adds one parameter, from the arguments of some request.
using Binder = std::function<Status(const Arguments&, pg::Params&)>;

struct StatementBuilder {
  pg::Params params;
  std::vector<Binder> binders;  ///< one for each parameter
  /// The field whose arguments are being looked at.
  const graphql::FieldGroup* field = nullptr;
  int aliases = 0;
  /// Names of the types whose rows are read, also where only a condition looks at them.
  std::set<std::string, std::less<>> types;
  Uuid viewer;            ///< the user who asks
  bool personal = false;  ///< what is read depends on who asks

  std::string alias() { return "t" + std::to_string(aliases++); }
  /// A value that is the same whatever the arguments are.
  template <class T>
  std::string param(const T& value) {
    params.add(value);
    binders.push_back([value](const Arguments&, pg::Params& to) {
      to.add(value);
      return Status();
    });
    return last();
  }
  std::string last() const { return "$" + std::to_string(params.size()); }

  /// A coerced input value, not null, as a parameter of the kind's type; it stands at `path` in the field's arguments.
  Result<std::string> value(ColumnKind kind, const boost::json::value& value, const std::string& path);
  /// The id of the user who asks.
  std::string viewer_id();
  /// A null of the kind's type.
  std::string null(ColumnKind kind);
  /// A list without nulls as an array parameter; for decimals the expression is a cast of one.
  Result<std::string> list(ColumnKind kind, const boost::json::value& list, const std::string& path);
  /// A text to be found at the beginning of a value, at its end (`open` on the left), or anywhere in it (on both
  /// sides).
  Result<std::string> pattern(const boost::json::value& value, bool open_left, bool open_right,
                              const std::string& path);
  /// A value of a cursor, made by `bind` from each request's own.
  std::string key(ColumnKind kind, std::string_view binary, Binder bind);
  static void add_key(pg::Params& to, ColumnKind kind, std::string_view binary);
  /// One parameter now, and the same from the arguments of other requests.
  Status add(const std::string& path, const boost::json::value& value,
             std::function<Status(pg::Params&, const boost::json::value&, const std::string&)> make);
};

/// Joins conditions.
void also(std::string& conditions, std::string_view condition);

/// To be asked wherever a table is read: the rows of it that this role sees, beyond row-level security: rows of its
/// types, and the types' row rules. "" when all.
std::string visible_rows(StatementBuilder& sql, const TableType& table, const std::string& alias, Role role);

}  // namespace phx::api
