#pragma once
/// Filters to SQL conditions: comparisons of columns, and, or, not, and conditions on relations, which are EXISTS over
/// the related table, where row-level security and the type's row rules hold as everywhere. A field that needs a
/// greater role is refused at every depth, so that nothing can be learnt by filtering.
///
/// A null where a condition would stand says nothing; `eq: null` and `ne: null` ask for missing and present values.
/// Errors: "limit.filter", "filter.value", "uuid.malformed", "auth.forbidden".

#include <boost/json/object.hpp>
#include <string>

#include "api/statement.hpp"

namespace phx::api {

struct FilterLimits {
  std::size_t max_conditions = 50;
  std::size_t max_relations = 4;  ///< within one another
};

class FilterCompiler {
 public:
  FilterCompiler(const ApiSchema& api, Role role, StatementBuilder& sql, FilterLimits limits)
      : api_(api), role_(role), sql_(sql), limits_(limits) {}

  /// "a and b" over the rows of `alias`; "" when all rows match.
  Result<std::string> conditions(const TableType& table, const std::string& alias, const boost::json::object& filter);

 private:
  struct Place {
    const TableType& table;
    const std::string& alias;
    std::string path;
    std::size_t relations = 0;
  };
  Result<std::string> object(const Place& place, const boost::json::object& filter);
  /// "or" of nothing is false, "and" of nothing is true.
  Result<std::string> list(const Place& place, const boost::json::array& list, bool any);
  Result<std::string> field(const Place& place, const graphql::Field& field, const boost::json::object& conditions);
  Result<std::string> to_many(const Place& place, const FieldMeaning& meaning, const boost::json::object& conditions);
  Result<std::string> exists(const Place& place, const TableType& target, std::string_view target_column,
                             const std::string& source, const boost::json::object& filter, bool without);
  Result<std::string> compare(const std::string& column, const FieldMeaning& meaning, std::string_view op,
                              const boost::json::value& value, const std::string& path);
  Result<std::string> compare_list(const std::string& column, const FieldMeaning& meaning, std::string_view op,
                                   const boost::json::value& value, const std::string& path);
  Status spend();

  const ApiSchema& api_;
  Role role_;
  StatementBuilder& sql_;
  FilterLimits limits_;
  std::size_t used_ = 0;
};

/// "The field needs the role …" for a role that is too small.
Error role_required(std::string_view field, Role needed);

}  // namespace phx::api
