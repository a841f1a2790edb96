#pragma once
#include <string_view>

namespace phx::pg {

/// A named SQL statement, from a .sql file (tools/embed.py). The name is the metric label and part of the prepared
/// statement's key.
struct Statement {
  std::string_view name;
  std::string_view sql;
};

}  // namespace phx::pg
