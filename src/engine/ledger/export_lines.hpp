#pragma once
/// The lines of an export (export.hpp), for its two ends: whoever writes and whoever verifies make the same bytes of
/// the same facts. Without the newline.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/uuid.hpp"
#include "engine/ledger/note.hpp"

namespace phx::engine {

struct SinceProof {
  std::uint64_t size = 0;
  std::vector<std::string> proof;
};

struct ExportHeader {
  VerifierKey key;
  std::string checkpoint;  ///< a note
  std::optional<Uuid> tenant;
  std::uint64_t leaves = 0;
  std::optional<SinceProof> since;

  std::string line() const;
  static Result<ExportHeader> parse(std::string_view line);
};

struct ExportedLeaf {
  std::uint64_t index = 0;
  std::string canonical;
  std::optional<std::string> content;
  std::optional<std::string> salt;
  std::optional<std::vector<std::string>> proof;

  /// kDataLoss "audit.unreadable".
  Result<std::string> line() const;
  static Result<ExportedLeaf> parse(std::string_view line);
};

/// The text that the seal signs.
std::string seal_text(std::string_view origin, std::uint64_t lines, std::string_view digest);
std::string seal_line(const std::string& note);
/// The note in a line that is a seal; none: another line.
std::optional<std::string> seal_in(std::string_view line);

}  // namespace phx::engine
