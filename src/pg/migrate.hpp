#pragma once
/// Numbered SQL migrations, embedded in the binary (migrations/NNN_subject.sql).
///
/// A file is a header of comments, the way up, and the way down:
///
///     -- min-binary: 1            binaries from this schema level on may run once this file is applied
///     -- no-transaction           optional: CREATE INDEX CONCURRENTLY and its like; otherwise one transaction a file
///     create table …;
///     -- migrate: down
///     -- down-guard: select 1 from phoenix.vms        optional: any row means that going down would lose data
///     drop table …;
///
/// Instead of a way down a file may say `-- irreversible: why`. A binary's level is the number of its newest file.
///
/// phoenix.schema_migrations holds the applied *set* (number, name, SHA-256, min-binary, when, by which binary). One
/// migrator works at a time (advisory lock); lock_timeout is 2 s, so that a migration never queues traffic behind it.
///
/// Errors, all kFailedPrecondition: "migrate.edited" (an applied file was changed), "migrate.gap" (numbers are not
/// 1..n, or an unapplied file lies below an applied one), "migrate.newer_schema" (an unknown applied file needs a newer
/// binary), "migrate.irreversible", "migrate.would_lose_data", "migrate.malformed" (header), "migrate.pending"
/// (verify); and those of pg/error.hpp, the file named in the message.
///
/// Synchronous libpq: it runs at start-up and on the command line, never on the I/O thread of a live server.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "pg/migrations.gen.hpp"

namespace phx::pg {

struct MigrationState {
  int number;
  std::string name;
  std::string sha256;
  std::optional<Instant> applied_at;
  bool in_binary;  ///< false: applied by a newer binary
  bool edited;     ///< applied with another content
};

class Migrator {
 public:
  /// `conninfo` logs in as phoenix_owner (or the owner of the database).
  Migrator(std::string conninfo, std::span<const EmbeddedMigration> files = embedded_migrations());

  /// Applies what is missing; returns the numbers applied.
  Result<std::vector<int>> up();
  /// Takes back all files above `target` (0: everything), newest first; returns the numbers taken back.
  Result<std::vector<int>> down(int target);
  /// All known and applied files, by number.
  Result<std::vector<MigrationState>> status();
  /// Succeeds when this binary may serve on the schema as it is: nothing pending, nothing edited, nothing too new.
  Status verify();
  /// The text of the embedded file is well formed; used by the tests over all files.
  static Status check(const EmbeddedMigration& file);

 private:
  std::string conninfo_;
  std::span<const EmbeddedMigration> files_;
};

}  // namespace phx::pg
