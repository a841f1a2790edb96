#pragma once
/// The texts that stand for places in the events log.
///
/// The log's numbers run over the whole platform, so a number in clear would tell a tenant how much all the others do.
/// Clients get the place sealed (AES-SIV) under a key kept beside the log: all servers on one database read each
/// other's texts, nobody else reads or makes one.
///
/// An event's text is always the same: clients may compare what they have seen. The text of the log's end is another
/// each time: equal texts would say that nobody has done anything since.
///
/// Errors: "event.cursor_malformed" (not of this form). What has the form and is not this log's is a place in an
/// unknown epoch, which the feed answers with RESYNC.

#include <string>
#include <string_view>

#include "base/random.hpp"
#include "base/result.hpp"
#include "engine/events.hpp"

namespace phx::api {

class EventCursorSeal {
 public:
  /// The key is engine::read_event_cursor_key's.
  explicit EventCursorSeal(std::string_view log_key);

  /// base64url, as long for every number.
  std::string of_event(const engine::EventCursor& cursor) const;
  std::string of_head(const engine::EventCursor& cursor, Random& random) const;
  Result<engine::EventCursor> open(std::string_view text) const;

 private:
  std::string seal(const engine::EventCursor& cursor, std::uint64_t salt) const;
  std::string key_;
};

}  // namespace phx::api
