#pragma once
/// What the compiler makes of one read: the statement to send, and the shape in which its rows become JSON. The
/// encoder walks the shape; nothing of the query is looked at again.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "api/assembly.hpp"
#include "api/cursor.hpp"
#include "base/error.hpp"
#include "graphql/execute.hpp"
#include "pg/database.hpp"

namespace phx::api {

struct ConnectionShape;
struct ObjectShape;

/// One response key of an object.
struct Item {
  enum class Kind : std::uint8_t { kColumn, kTypename, kOne, kMany, kResolver, kError };
  Kind kind = Kind::kColumn;
  const graphql::FieldGroup* group = nullptr;
  /// kColumn: the value. kOne: the target's id, null when there is none to see. kMany: the array of rows.
  int column = -1;
  ColumnKind column_kind = ColumnKind::kString;
  std::unique_ptr<ObjectShape> object;
  std::unique_ptr<ConnectionShape> connection;
  std::size_t resolver = 0;    ///< index into Plan::resolvers
  std::optional<Error> error;  ///< kError: refused before any row was read
};

struct ObjectShape {
  const TableType* table = nullptr;
  std::vector<Item> items;
};

/// A page: rows and what is said about them.
struct ConnectionShape {
  struct Part {
    enum class Kind : std::uint8_t { kNodes, kEdges, kPageInfo, kTotalCount, kTotalCountExact, kTypename };
    Kind kind = Kind::kNodes;
    const graphql::FieldGroup* group = nullptr;
    ObjectShape nodes;  ///< kNodes
    struct EdgeField {
      const graphql::FieldGroup* group = nullptr;  ///< node, cursor, __typename
      ObjectShape node;
    };
    std::vector<EdgeField> edge;     ///< kEdges
    graphql::FieldGroups page_info;  ///< kPageInfo
  };
  std::vector<Part> parts;
  CursorOrder order;
  int id_column = -1;  ///< for cursors, when asked for
  int key_column = -1;
  int count_column = -1;  ///< of the parent's row, for nested connections
  std::int64_t first = 0;
  bool after = false;
};

/// A computed field at one place of the selection.
struct ResolverUse {
  const Registry::Field* field = nullptr;
  const graphql::FieldGroup* group = nullptr;
  std::vector<int> columns;
};

struct Plan {
  const graphql::FieldGroup* group = nullptr;
  std::optional<pg::Query> rows;   ///< none when only counts are wanted
  std::optional<pg::Query> count;  ///< totalCount of a root connection
  /// One of the two: the page of a root connection, or the shape of each row.
  std::unique_ptr<ConnectionShape> connection;
  std::unique_ptr<ObjectShape> object;
  int id_column = -1;  ///< of plain rows: which row is which
  std::vector<ResolverUse> resolvers;
  std::uint64_t cost = 0;  ///< rows that may be touched, by page sizes
};

/// One run of a plan, which itself never changes: the values of computed fields between reading and encoding.
struct PlanRun {
  explicit PlanRun(std::shared_ptr<const Plan> of) : plan(std::move(of)), computed(plan->resolvers.size()) {}

  /// Of one ResolverUse: one value per row, in the order in which the encoder meets the rows.
  struct Computed {
    std::vector<boost::json::object> rows;
    std::vector<boost::json::value> values;
    std::optional<Error> error;
    std::size_t next = 0;
    /// For rows read by id, which may be written in any order and more than once: where each row's values begin.
    std::vector<std::size_t> row_begin;
  };
  std::shared_ptr<const Plan> plan;
  std::vector<Computed> computed;
};

/// totalCount stops here.
inline constexpr std::int64_t kCountCap = 100'000;

}  // namespace phx::api
