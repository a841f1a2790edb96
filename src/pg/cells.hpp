#pragma once
/// All values of an answer in one pass, for who reads every one of them: the API's encoder.

#include <cstdint>
#include <string_view>
#include <vector>

#include "pg/rows.hpp"

namespace phx::pg {

/// One value as the server sent it.
struct Cell {
  std::uint32_t type = 0;
  std::int32_t size = -1;
  const char* data = nullptr;
  bool null() const { return size < 0; }
  std::string_view view() const { return {data, static_cast<std::size_t>(size < 0 ? 0 : size)}; }
};

/// Row by row. They point into the rows, which must outlive them.
std::vector<Cell> cells_of(const Rows& rows);

}  // namespace phx::pg
