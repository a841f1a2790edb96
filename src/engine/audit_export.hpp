#pragma once
/// The audit trail as a file for other programs: JSON lines or CSV, oldest first, as far as the scope may see it. What
/// the rows say is not proven by such a file; ledger/export.hpp makes one that is.
///
/// Read in pages with a fresh snapshot each, so that a long export holds nobody up.
///
/// **CSV** after RFC 4180, with a header line. A spreadsheet takes a cell that begins with = + - @ for a formula, and
/// what people wrote into names and titles is in these cells: one that begins so, or with a tab or line break before
/// which a spreadsheet would skip, gets an apostrophe in front. JSON lines have every value as it is.
///
/// Errors: those of pg/error.hpp.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "pg/database.hpp"

namespace phx::engine {

namespace asio = boost::asio;

enum class AuditFormat : std::uint8_t { kJsonLines, kCsv };

/// What is left out filters nothing.
struct AuditFilter {
  std::optional<Instant> since;       ///< at that time or later
  std::optional<Instant> until;       ///< before it
  std::optional<std::string> actor;   ///< contains this, in any case
  std::optional<std::string> action;  ///< contains this, in any case
  std::optional<Uuid> object;
  std::optional<std::string> outcome;  ///< "OK", or the code of an error
};

/// One line's values.
struct AuditLine {
  Uuid id;
  Instant at{};
  std::optional<Uuid> tenant;
  std::string actor;
  std::optional<std::string> on_behalf_of;
  std::optional<std::string> remote_address;
  std::string action;
  std::optional<std::string> object_type;
  std::optional<Uuid> object_id;
  std::string outcome;
  std::string request_id;
  std::optional<std::string> before;  ///< JSON
  std::optional<std::string> after;   ///< JSON

  /// With its line end: a newline after JSON, CR LF after CSV.
  std::string text(AuditFormat format) const;
};

/// What comes before the first line: nothing before JSON lines.
std::string audit_export_header(AuditFormat format);
/// A quoted cell that is no formula.
std::string csv_cell(std::string_view value);

/// Where an export is.
class AuditExport {
 public:
  /// Rows that come while it is read are not in it when `filter.until` is set.
  AuditExport(pg::Database& database, pg::Scope scope, AuditFilter filter, AuditFormat format);
  /// The lines of the next page; nothing when all have been read. One call at a time.
  asio::awaitable<Result<std::string>> next();

 private:
  pg::Database& database_;
  pg::Scope scope_;
  AuditFilter filter_;
  AuditFormat format_;
  Instant at_;
  Uuid id_;
  bool begun_ = false;
  bool over_ = false;
};

}  // namespace phx::engine
