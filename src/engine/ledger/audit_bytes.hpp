#pragma once
/// Reads back the bytes that audit.hpp writes, for whoever checks them. What cannot be read is kDataLoss
/// "audit.unreadable": other bytes than a row of ours ever had, or an encoding newer than this binary.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx::engine {

/// What `canonical` says in clear.
struct AuditFacts {
  Instant at{};
  Uuid id;
  std::optional<Uuid> tenant;
  std::string action;
  std::optional<std::string> object_type;
  std::optional<Uuid> object_id;
  std::string outcome;
  std::string request_id;
  std::string commitment;

  static Result<AuditFacts> read(std::string_view canonical);
};

/// What `content` says.
struct AuditContent {
  std::string actor;
  std::optional<std::string> on_behalf_of;
  std::optional<std::string> remote_address;
  std::optional<std::string> before;  ///< JSON
  std::optional<std::string> after;   ///< JSON

  static Result<AuditContent> read(std::string_view content);
};

}  // namespace phx::engine
