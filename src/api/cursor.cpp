#include "api/cursor.hpp"

#include <algorithm>

#include "base/crypto.hpp"

namespace phx::api {
namespace {

constexpr char kVersion = 2;
constexpr std::size_t kHeader = 1 + 4 + 16;

bool key_fits(ColumnKind kind, std::string_view key) {
  switch (kind) {
    case ColumnKind::kId: return key.size() == 16;
    case ColumnKind::kInt: return key.size() == 2 || key.size() == 4 || key.size() == 8;
    case ColumnKind::kDateTime: return key.size() == 8;
    case ColumnKind::kBoolean: return key.size() == 1;
    case ColumnKind::kString:
    case ColumnKind::kEnum: return key.find('\0') == std::string_view::npos;
    default: return false;
  }
}

Error malformed(std::string_view argument) {
  return invalid_argument("cursor.malformed", std::string(argument), "The cursor is not one this list has given out.");
}

}  // namespace

std::uint32_t CursorOrder::fingerprint() const {
  std::uint32_t h = 0x811c9dc5;
  const auto mix = [&h](std::string_view text) {
    for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x01000193;
    h = (h ^ 0x1f) * 0x01000193;
  };
  mix(table->name);
  mix(order ? order->name : "");
  mix(descending ? "DESC" : "ASC");
  return h;
}

std::string encode_cursor(const CursorOrder& order, std::string_view id_bytes, std::span<const std::string_view> keys) {
  const std::uint32_t print = order.fingerprint();
  std::string out;
  out.reserve(kHeader + 32);
  out += kVersion;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(print >> shift & 0xff);
  out += id_bytes;
  for (std::string_view key : keys) {
    out += static_cast<char>(key.size() >> 8 & 0xff);
    out += static_cast<char>(key.size() & 0xff);
    out += key;
  }
  return base64url_encode(out);
}

Result<Cursor> decode_cursor(const CursorOrder& order, std::string_view text, std::string_view argument) {
  if (text.size() > 8192) return malformed(argument);
  const auto bytes = base64url_decode(text);
  if (!bytes || bytes->size() < kHeader || (*bytes)[0] != kVersion) return malformed(argument);
  std::uint32_t print = 0;
  for (std::size_t i = 1; i <= 4; ++i) print = print << 8 | static_cast<unsigned char>((*bytes)[i]);
  if (print != order.fingerprint())
    return invalid_argument("cursor.mismatch", std::string(argument),
                            "The cursor belongs to another list, order or direction; start again without it.");
  Cursor out;
  std::copy_n(bytes->begin() + 5, 16, out.id.bytes.begin());
  std::string_view rest = std::string_view(*bytes).substr(kHeader);
  for (std::size_t i = 0; order.order && i < order.order->keys.size(); ++i) {
    if (rest.size() < 2) return malformed(argument);
    const auto size =
        static_cast<std::size_t>(static_cast<unsigned char>(rest[0]) << 8 | static_cast<unsigned char>(rest[1]));
    rest.remove_prefix(2);
    if (rest.size() < size || !key_fits(order.order->keys[i].kind, rest.substr(0, size))) return malformed(argument);
    out.keys.emplace_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  if (!rest.empty()) return malformed(argument);
  return out;
}

}  // namespace phx::api
