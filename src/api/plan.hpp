#pragma once
/// What the compiler makes of one read: the statement to send, and the shape in which its rows become JSON. The
/// encoder walks the shape; nothing of the query is looked at again.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/json/value.hpp>

#include "api/assembly.hpp"
#include "api/cursor.hpp"
#include "api/statement.hpp"
#include "base/error.hpp"
#include "graphql/execute.hpp"
#include "pg/database.hpp"

namespace phx::api {

struct ConnectionShape;
struct ObjectShape;

/// One response key of an object.
struct Item {
  enum class Kind : std::uint8_t { kColumn, kTypename, kOne, kMany, kResolver, kError, kGroup };
  Kind kind = Kind::kColumn;
  const graphql::FieldGroup* group = nullptr;
  /// kColumn: the value. kOne: the target's id, null when there is none to see. kMany: the array of rows.
  int column = -1;
  ColumnKind column_kind = ColumnKind::kString;
  std::unique_ptr<ObjectShape> object;  ///< kOne; kGroup: fields of the same row under a name of their own
  std::unique_ptr<ConnectionShape> connection;
  std::size_t resolver = 0;    ///< index into Plan::resolvers
  std::optional<Error> error;  ///< kError: refused before any row was read
};

struct ObjectShape {
  const TableType* table = nullptr;  ///< null for the parts of an aggregate
  std::vector<Item> items;
  /// Of an interface or union: the column with the name of the row's type, and the shape of each type.
  int type_column = -1;
  std::vector<ObjectShape> variants;

  /// The shape of this row; null when its type is none that was asked for.
  const ObjectShape* variant(std::string_view type_name) const {
    for (const ObjectShape& each : variants)
      if (each.table->name == type_name) return &each;
    return nullptr;
  }
};

/// A page: rows and what is said about them.
struct ConnectionShape {
  struct Part {
    enum class Kind : std::uint8_t {
      kNodes,
      kEdges,
      kPageInfo,
      kTotalCount,
      kTotalCountExact,
      kTypename,
      kAggregate,
      kGroups
    };
    Kind kind = Kind::kNodes;
    const graphql::FieldGroup* group = nullptr;
    ObjectShape nodes;  ///< kNodes; kAggregate, kGroups: of each of their rows
    /// kAggregate, kGroups: how many rows were read is in this column of their rows.
    int read_column = -1;
    int extra = -1;              ///< their statement at the root, index into Plan::extras …
    int column = -1;             ///< … or the array of their rows in the parent's row
    std::optional<Error> error;  ///< refused before any row was read
    struct EdgeField {
      const graphql::FieldGroup* group = nullptr;  ///< node, cursor, __typename
      ObjectShape node;
    };
    bool is_aggregate() const { return kind == Kind::kAggregate || kind == Kind::kGroups; }
    std::vector<EdgeField> edge;     ///< kEdges
    graphql::FieldGroups page_info;  ///< kPageInfo
  };
  std::vector<Part> parts;
  CursorOrder order;
  int id_column = -1;  ///< for cursors, when asked for
  std::vector<int> key_columns;
  int count_column = -1;   ///< of the parent's row, for nested connections
  std::int64_t first = 0;  ///< size of the page, by `first` or `last`
  bool after = false;
  bool before = false;
  /// A page by `last`: rows come in the reverse order.
  bool backward = false;

  /// Where the i-th of the rows shown is.
  std::size_t place(std::size_t i, std::size_t shown) const { return backward ? shown - 1 - i : i; }
};

/// A computed field at one place of the selection.
struct ResolverUse {
  const Registry::Field* field = nullptr;
  const graphql::FieldGroup* group = nullptr;
  std::vector<int> columns;
};

/// How a plan's parameters are made from the arguments of other requests.
struct Binders {
  std::vector<Binder> rows;
  std::vector<Binder> count;
  std::vector<std::vector<Binder>> extras;
};

/// Copies share what never changes.
struct Plan {
  const graphql::FieldGroup* group = nullptr;
  std::optional<pg::Query> rows;   ///< none when only counts are wanted
  std::optional<pg::Query> count;  ///< totalCount of a root connection
  std::vector<pg::Query> extras;   ///< its aggregates
  /// One of the two: the page of a root connection, or the shape of each row.
  std::shared_ptr<ConnectionShape> connection;
  std::shared_ptr<ObjectShape> object;
  int id_column = -1;  ///< of plain rows: which row is which
  std::vector<ResolverUse> resolvers;
  std::uint64_t cost = 0;  ///< rows that may be touched, by page sizes
  /// Names of the types whose rows the plan reads: an event about any of them may change the answer.
  std::set<std::string, std::less<>> types;
  /// Row rules by the user are in it: others' answers differ.
  bool personal = false;
  /// Null when the plan holds more of the arguments' values than its parameters: what was refused because of one, and
  /// arguments of computed fields.
  std::shared_ptr<const Binders> binders;
};

/// One run of a plan, which itself never changes: the values of computed fields between reading and encoding.
struct PlanRun {
  explicit PlanRun(std::shared_ptr<const Plan> of) : plan(std::move(of)), computed(plan->resolvers.size()) {}

  /// Of one ResolverUse: one value per row, in the order in which the encoder meets the rows.
  struct Computed {
    std::vector<boost::json::object> rows;
    std::vector<boost::json::value> values;
    std::optional<Error> error;                         ///< of all rows
    std::unordered_map<std::size_t, Error> row_errors;  ///< of single ones
    std::size_t next = 0;
    /// For rows read by id, which may be written in any order and more than once: where each row's values begin.
    std::vector<std::size_t> row_begin;
  };
  std::shared_ptr<const Plan> plan;
  std::vector<Computed> computed;
  std::vector<pg::Rows> extras;  ///< answers to Plan::extras
};

/// totalCount stops here; an aggregate over more rows is refused.
inline constexpr std::int64_t kCountCap = 100'000;

}  // namespace phx::api
