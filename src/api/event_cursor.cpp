#include "api/event_cursor.hpp"

#include <boost/endian/conversion.hpp>

#include "base/crypto.hpp"

namespace phx::api {
namespace {

namespace endian = boost::endian;
using engine::EventCursor;

constexpr std::string_view kPurpose = "event cursor";
constexpr std::size_t kTag = 16;
constexpr std::size_t kNumbers = 16;  // salt and seq; the epoch follows, of 8 to 32 characters

}  // namespace

EventCursorSeal::EventCursorSeal(std::string_view log_key) : key_(hmac_sha256(log_key, kPurpose)) {}

std::string EventCursorSeal::seal(const EventCursor& cursor, std::uint64_t salt) const {
  std::string plain(kNumbers, '\0');
  auto* const bytes = reinterpret_cast<unsigned char*>(plain.data());
  endian::store_big_u64(bytes, salt);
  endian::store_big_s64(bytes + 8, cursor.seq);
  return base64url_encode(siv_seal(key_, kPurpose, plain + cursor.epoch));
}

std::string EventCursorSeal::of_event(const EventCursor& cursor) const { return seal(cursor, 0); }

std::string EventCursorSeal::of_head(const EventCursor& cursor, Random& random) const {
  return seal(cursor, random.next_u64());
}

Result<EventCursor> EventCursorSeal::open(std::string_view text) const {
  const auto sealed = base64url_decode(text);
  if (!sealed || sealed->size() < kTag + kNumbers + 8 || sealed->size() > kTag + kNumbers + 32)
    return invalid_argument("event.cursor_malformed", "after", "The cursor is not one of ours.");
  const auto plain = siv_open(key_, kPurpose, *sealed);
  if (!plain) return EventCursor{};
  const auto* const bytes = reinterpret_cast<const unsigned char*>(plain->data());
  return EventCursor{plain->substr(kNumbers), endian::load_big_s64(bytes + 8)};
}

}  // namespace phx::api
