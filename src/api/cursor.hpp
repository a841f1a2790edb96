#pragma once
/// Keyset cursors: where a page ended, as the values of its order. Opaque base64url to clients; inside a version, a
/// fingerprint of the order it belongs to, the row's id, and the order's keys in PostgreSQL's binary format, each
/// behind its length, so that nothing is rounded (microseconds stay).
///
/// A cursor is no secret and no permission: it says "after these values" and is checked like any other input.
/// Errors: "cursor.malformed", "cursor.mismatch" (it is of another list, order or direction).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/assembly.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx::api {

/// The order a cursor belongs to. `order` is null when rows are ordered by id alone.
struct CursorOrder {
  const TableType* table = nullptr;
  const TableOrder* order = nullptr;
  bool descending = false;
  std::uint32_t fingerprint() const;
};

struct Cursor {
  Uuid id;
  std::vector<std::string> keys;  ///< binary values, one for each key of the order
};

std::string encode_cursor(const CursorOrder& order, std::string_view id_bytes, std::span<const std::string_view> keys);
/// `argument` names the place for errors: "after" or "before".
Result<Cursor> decode_cursor(const CursorOrder& order, std::string_view text, std::string_view argument);

}  // namespace phx::api
