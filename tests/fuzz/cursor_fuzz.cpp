// What clients hand back: list cursors of every kind of order, event cursors, ids and times. What is accepted means the
// same when written again.
#include <string>
#include <vector>

#include "api/cursor.hpp"
#include "api/event_cursor.hpp"
#include "base/clock.hpp"
#include "base/uuid.hpp"
#include "fuzz.hpp"

namespace phx::api {
namespace {

using fuzz::require;

void fuzz_list_cursor(std::string_view text) {
  static const TableType ships{.name = "Ship", .table = "ships"};
  for (const ColumnKind kind : {ColumnKind::kId, ColumnKind::kInt, ColumnKind::kDateTime, ColumnKind::kBoolean,
                                ColumnKind::kString, ColumnKind::kEnum}) {
    const TableOrder one{.name = "ONE", .fields = {}, .keys = {{"key", kind}}};
    const TableOrder two{.name = "TWO", .fields = {}, .keys = {{"key", kind}, {"name", ColumnKind::kString}}};
    for (const CursorOrder& order :
         {CursorOrder{&ships, &one, false}, CursorOrder{&ships, &two, false}, CursorOrder{&ships, nullptr, true}}) {
      const auto accepted = [&order](std::string_view given) {
        const auto cursor = decode_cursor(order, given, "after");
        if (!cursor) return require(cursor.error().field() == "after");
        const std::string_view id(reinterpret_cast<const char*>(cursor->id.bytes.data()), cursor->id.bytes.size());
        const std::vector<std::string_view> keys(cursor->keys.begin(), cursor->keys.end());
        const auto again = decode_cursor(order, encode_cursor(order, id, keys), "after");
        require(again && again->id == cursor->id && again->keys == cursor->keys);
      };
      accepted(text);
      // As one of ours whose keys somebody changed: random bytes would seldom carry the order's fingerprint.
      if (text.size() < 16) continue;
      const std::string_view rest = text.substr(16);
      const std::string_view keys[] = {rest.substr(0, rest.size() / 2), rest.substr(rest.size() / 2)};
      accepted(encode_cursor(order, text.substr(0, 16), {&rest, 1}));
      accepted(encode_cursor(order, text.substr(0, 16), keys));
    }
  }
}

}  // namespace
}  // namespace phx::api

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using phx::fuzz::require;
  const auto text = phx::fuzz::as_text(data, size);
  phx::api::fuzz_list_cursor(text);
  static const phx::api::EventCursorSeal seal("key");
  // Nobody without the key makes a text that opens.
  if (const auto cursor = seal.open(text)) require(cursor->epoch.empty());
  if (const auto id = phx::Uuid::parse(text)) require(phx::Uuid::parse(id->to_string()).value() == *id);
  if (const auto at = phx::parse_instant(text)) {
    const auto again = phx::parse_instant(phx::format_instant(*at));
    require(again && *again == *at);
  }
  return 0;
}
