#pragma once
/// Keyset cursors: where a page ended, as the values of its order. Opaque base64url to clients; inside a version, a
/// fingerprint of the order it belongs to, the row's id, and the order's key in PostgreSQL's binary format, so that
/// nothing is rounded (microseconds stay).
///
/// A cursor is no secret and no permission: it says "after these values" and is checked like any other input.
/// Errors: "cursor.malformed", "cursor.mismatch" (it is of another list, order or direction).

#include <cstdint>
#include <string>
#include <string_view>

#include "api/assembly.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx::api {

/// The order a cursor belongs to. `key` is null when rows are ordered by id alone.
struct CursorOrder {
  const TableType* table = nullptr;
  const TableOrder* key = nullptr;
  bool descending = false;
  std::uint32_t fingerprint() const;
};

struct Cursor {
  Uuid id;
  std::string key;  ///< binary value; empty without an order key
};

std::string encode_cursor(const CursorOrder& order, std::string_view id_bytes, std::string_view key_bytes);
Result<Cursor> decode_cursor(const CursorOrder& order, std::string_view text);

}  // namespace phx::api
