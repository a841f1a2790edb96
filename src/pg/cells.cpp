#include "pg/cells.hpp"

#include <libpq-fe.h>

namespace phx::pg {

std::vector<Cell> cells_of(const Rows& rows) {
  const pg_result* const result = rows.result();
  std::vector<std::uint32_t> types;
  for (int column = 0; column < rows.columns(); ++column) types.push_back(rows.column_type(column));
  std::vector<Cell> out;
  out.reserve(types.size() * static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row)
    for (int column = 0; column < rows.columns(); ++column) {
      Cell cell{types[static_cast<std::size_t>(column)], PQgetlength(result, row, column),
                PQgetvalue(result, row, column)};
      if (cell.size == 0 && PQgetisnull(result, row, column) != 0) cell.size = -1;
      out.push_back(cell);
    }
  return out;
}

}  // namespace phx::pg
