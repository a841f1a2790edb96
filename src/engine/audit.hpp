#pragma once
/// The audit trail: one row per mutation, written in its transaction (or, for one that failed, in one of its own).
/// Rows are only ever added: no login role but the owner may change or delete one.
///
/// **Provable without keeping everything for ever.** Each row stores three byte strings beside its readable columns:
/// - `content`: the deterministic encoding of what may have to be erased (actor, on whose behalf, address, before,
/// after);
/// - `salt`: 32 random bytes;
/// - `canonical`: the bytes that a Merkle log hashes as they are stored, never made anew from columns. They hold the
///   facts that stay, and the commitment SHA-256(salt ‖ content).
/// Erasing clears content, salt and the readable columns; canonical, and thus the leaf, stays. Without the salt the
/// commitment tells nothing, even about content that is easy to guess.
///
/// **Encoding** (version 1). A field is one byte 0 (absent), or one byte 1, its length as 4 bytes big-endian, its
/// bytes.
///     canonical = "phx.audit.1\n" ‖ at: 8 bytes big-endian, microseconds since 1970
///               ‖ id (16 bytes) ‖ tenant (16 bytes) ‖ action ‖ object type ‖ object id (16 bytes) ‖ outcome
///               ‖ request id ‖ commitment (32 bytes)
///     content   = "phx.audit.content.1\n" ‖ actor ‖ on behalf of ‖ remote address ‖ before ‖ after
/// JSON is canonical_json(): object keys sorted by bytes, no white space.

#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx {
class Random;
}

namespace phx::pg {
class Transaction;
}

namespace phx::engine {

namespace asio = boost::asio;

struct AuditRow {
  Uuid id;
  std::optional<Uuid> tenant;
  std::string actor;
  std::optional<std::string> on_behalf_of;
  std::optional<std::string> remote_address;
  std::string action;  ///< the mutation's name, or the worker's "vm.restarted"
  std::optional<std::string> object_type;
  std::optional<Uuid> object_id;
  std::optional<boost::json::value> before;
  std::optional<boost::json::value> after;
  std::string outcome = "OK";  ///< or the name of the error's code
  std::string request_id;
};

/// Travels with the transaction's next statement or its COMMIT (Transaction::defer); a failure is that call's.
asio::awaitable<Status> record_audit(pg::Transaction& tx, AuditRow row, Random& random);

/// Deterministic JSON text: object keys sorted by bytes, no white space, numbers in their shortest form.
std::string canonical_json(const boost::json::value& value);

/// The parts of the encoding, for writing and for verifying offline.
std::string audit_content(const AuditRow& row);
std::string audit_commitment(std::string_view salt, std::string_view content);
/// Everything of `canonical` that comes after `at`.
std::string audit_canonical_tail(const AuditRow& row, std::string_view commitment);
/// True when `content` is what `canonical` committed to.
bool audit_content_matches(std::string_view canonical, std::string_view salt, std::string_view content);

}  // namespace phx::engine
