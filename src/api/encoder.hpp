#pragma once
/// Rows to JSON, straight into the response buffer: the shape says where each value is, the value's binary form says
/// how it is written. Nulls propagate as section 6.4.4 of the specification says, by cutting the buffer back to where
/// the nearest nullable parent begins. One encoder for root rows and nested rows, so their bytes are equal.
///
/// Values: uuid as text, timestamptz as RFC 3339 'Z', integers and booleans as such, Decimal as exact text, json and
/// jsonb as stored, arrays as lists. An integer beyond 32 bits is a field error.

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/json_text.hpp"
#include "api/plan.hpp"
#include "graphql/execute.hpp"
#include "pg/cells.hpp"
#include "pg/rows.hpp"

namespace phx::api {

using pg::Cell;

/// Rows of equal width. Cells point into the Rows they were made from.
class CellTable {
 public:
  /// Of a statement's answer.
  explicit CellTable(const pg::Rows& rows);
  /// Of an array of records (record[], binary). What is not one is a bug in our SQL and throws std::logic_error.
  explicit CellTable(std::string_view record_array);

  std::size_t size() const { return rows_; }
  const Cell* row(std::size_t index) const { return cells_.data() + index * width_; }

 private:
  std::vector<Cell> cells_;
  std::size_t width_ = 0;
  std::size_t rows_ = 0;
};

/// Rows that were read for ids found in a resolver's or mutation's answer, by the field they stand in.
struct TableRows {
  std::optional<PlanRun> run;
  pg::Rows rows;
  CellTable cells{pg::Rows()};
  std::unordered_map<Uuid, int> row_of;
};
using TableRefs = std::unordered_map<const graphql::FieldGroup*, TableRows>;

/// A cell as the JSON value a resolver is given.
boost::json::value cell_to_json(const Cell& cell);

/// Fills run.computed[…].rows in the order in which the encoder will meet them.
void gather_resolver_rows(PlanRun& run, const CellTable& rows);

class Encoder {
 public:
  /// Appends to `out`. All references must outlive the encoder.
  Encoder(const ApiSchema& api, const graphql::Execution& execution, std::string_view request_id, std::string& out)
      : api_(api), execution_(execution), request_id_(request_id), out_(out) {}

  /// Each writes the value of the root field `group`, and says false when null must go on to the parent; nothing is
  /// written then, and the reason is in errors().
  bool connection(PlanRun& run, const graphql::FieldGroup& group, const CellTable* rows, std::int64_t count);
  /// The row at `row`, or null when it is negative.
  bool row(PlanRun& run, const graphql::FieldGroup& group, const CellTable& rows, int row);
  /// A resolver's value; ids of @table objects are looked up in `refs`.
  bool value(const graphql::FieldGroup& group, const boost::json::value& value, TableRefs& refs);

  std::vector<graphql::GraphqlError>& errors() { return errors_; }
  /// Records an error at a root field.
  void error(const graphql::FieldGroup& group, const Error& error);

 private:
  enum class Outcome : std::uint8_t { kWritten, kNull, kFailed };
  struct Step {
    std::string_view key;
    std::int64_t index = -1;
  };

  /// Turns the outcome of a place into what stands there; see the members above for the result.
  bool settle(std::size_t mark, Outcome outcome, bool non_null, const graphql::FieldGroup& group);
  Outcome fail(const graphql::FieldGroup& group, const Error& error);
  /// A value as it is.
  void write(const boost::json::value& value);

  Outcome object(PlanRun& run, const ObjectShape& shape, const Cell* cells);
  /// One of the rows of a plan without a page.
  Outcome whole_row(PlanRun& run, const CellTable& rows, int row);
  bool item(PlanRun& run, const Item& item, const ObjectShape& shape, const Cell* cells);
  /// `parent` is the row that the page belongs to; none at the root.
  Outcome page(PlanRun& run, const ConnectionShape& shape, const Cell* parent, const CellTable* rows,
               std::int64_t count);
  Outcome aggregate(PlanRun& run, const ConnectionShape::Part& part, const Cell* parent);
  bool list(PlanRun& run, const ConnectionShape& shape, const ConnectionShape::Part& part, const CellTable& rows,
            std::size_t shown);
  Outcome edge(PlanRun& run, const ConnectionShape& shape, const ConnectionShape::Part& part, const Cell* cells);
  void page_info(const ConnectionShape& shape, const ConnectionShape::Part& part, const CellTable& rows,
                 std::size_t shown);
  void cursor(const ConnectionShape& shape, const Cell* cells);
  Outcome column(const graphql::FieldGroup& group, ColumnKind kind, const Cell& cell);
  Outcome complete(const graphql::FieldGroup& group, const boost::json::value& value, graphql::TypeRef type,
                   TableRefs& refs);
  Outcome complete_object(const graphql::FieldGroup& group, const boost::json::value& value, const graphql::Type& type,
                          TableRefs& refs);

  const ApiSchema& api_;
  const graphql::Execution& execution_;
  std::string_view request_id_;
  JsonText out_;
  std::vector<graphql::GraphqlError> errors_;
  std::vector<Step> path_;
};

}  // namespace phx::api
