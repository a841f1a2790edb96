#pragma once
/// Which statements of the product have run, for the check that the suite leaves none out: with PHX_SQL_LOG naming a
/// folder, each process writes the names of those that succeeded to a file of its own there, once each. See
/// tools/check_sql_coverage.py.

#include <string_view>

namespace phx::pg {

void note_executed(std::string_view statement);

}  // namespace phx::pg
