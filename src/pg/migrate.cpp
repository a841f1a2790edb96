#include "pg/migrate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <thread>

#include "base/deadline.hpp"
#include "base/log.hpp"
#include "pg/error.hpp"
#include "pg/sql.gen.hpp"
#include "pg/sync.hpp"

namespace phx::pg {
namespace {

constexpr std::string_view kDownLine = "-- migrate: down";
constexpr std::chrono::seconds kLockWait{60};

Error refused(std::string_view reason, std::string message) {
  return {Code::kFailedPrecondition, reason, std::move(message)};
}

/// A file taken apart.
struct Parsed {
  int min_binary = 0;
  bool transaction = true;
  std::string up;
  std::string down;
  std::vector<std::string> guards;  ///< queries; a row means data would be lost
  bool guarded = false;             ///< states a down-guard, be it "none"
  std::string irreversible;
};

std::optional<std::string_view> after(std::string_view line, std::string_view key) {
  if (!line.starts_with(key)) return std::nullopt;
  line.remove_prefix(key.size());
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == ';')) line.remove_suffix(1);
  return line;
}

Result<Parsed> parse(const EmbeddedMigration& file) {
  const auto malformed = [&](std::string_view what) {
    return refused("migrate.malformed", fmt::format("Migration {}: {}.", file.name, what));
  };
  Parsed parsed;
  bool down = false;
  std::string_view rest = file.text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    const std::string_view raw = rest.substr(0, end);
    rest.remove_prefix(end);
    const std::string_view line = raw.substr(0, raw.find_last_not_of("\r\n") + 1);
    if (line == kDownLine) {
      if (down) return malformed("has two down parts");
      down = true;
    } else if (const auto level = after(line, "-- min-binary:")) {
      const auto [stop, failure] = std::from_chars(level->data(), level->data() + level->size(), parsed.min_binary);
      if (failure != std::errc() || stop != level->data() + level->size() || parsed.min_binary < 1)
        return malformed("min-binary is not a positive number");
    } else if (line == "-- no-transaction") {
      parsed.transaction = false;
    } else if (const auto why = after(line, "-- irreversible:")) {
      parsed.irreversible = *why;
      if (why->empty()) return malformed("does not say why it is irreversible");
    } else if (const auto guard = after(line, "-- down-guard:")) {
      if (!down) return malformed("has a down-guard above its down part");
      parsed.guarded = true;
      if (*guard != "none") parsed.guards.emplace_back(*guard);
    } else {
      (down ? parsed.down : parsed.up) += raw;
    }
  }
  if (parsed.min_binary == 0) return malformed("does not state min-binary");
  if (parsed.min_binary > file.number) return malformed("asks for a binary newer than itself");
  if (!down && parsed.irreversible.empty()) return malformed("has neither a down part nor says why it is irreversible");
  if (!parsed.transaction && file.text.find("$$") != file.text.npos)
    return malformed("without transaction cannot hold $$ bodies: its statements are sent one by one");
  return parsed;
}

/// Statements of a no-transaction file: each ends with `;` at the end of a line.
std::vector<std::string> statements(const std::string& text) {
  std::vector<std::string> out;
  std::string current;
  bool content = false;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end);
    const auto last = line.find_last_not_of(" \t\r\n");
    if (last == line.npos || line.starts_with("--")) continue;
    current += line;
    content = true;
    if (line[last] == ';') {
      out.push_back(std::move(current));
      current.clear();
      content = false;
    }
  }
  if (content) out.push_back(std::move(current));
  return out;
}

struct Applied {
  std::string name;
  std::string sha256;
  int min_binary;
  Instant at;
};

Error with_file(const EmbeddedMigration& file, std::string_view direction, const Error& error) {
  return Error(error.code(), error.reason(),
               fmt::format("Migration {} ({}) failed: {}", file.name, direction,
                           error.internal().empty() ? error.message() : error.internal()))
      .with_internal(error.internal());
}

/// One locked session that knows what is applied.
class Session {
 public:
  static Result<Session> open(const std::string& conninfo, std::span<const EmbeddedMigration> files) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      PHX_CHECK(Migrator::check(files[i]));
      if (files[i].number != static_cast<int>(i) + 1)
        return refused("migrate.gap", fmt::format("Migration {} is number {} in order: numbers have a gap or a double.",
                                                  files[i].name, i + 1));
    }
    PHX_TRY(auto connection, SyncConnection::open(conninfo));
    Session session(std::move(connection), files);
    PHX_CHECK(
        session.connection_.script("set statement_timeout = 0; set lock_timeout = '2s'; set search_path = "
                                   "phoenix, pg_catalog; set timezone = 'UTC'"));
    return session;
  }

  Status lock() {
    const auto deadline = Deadline::after(kLockWait);
    while (true) {
      PHX_TRY(const auto rows, connection_.execute(sql::pg::migration_lock));
      if (rows.get<bool>(0, 0)) break;
      if (deadline.passed())
        return Error(Code::kUnavailable, "migrate.locked", "Another process is migrating this database.");
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    PHX_TRY(const auto exist, connection_.execute(sql::pg::migrations_exist));
    if (!exist.get<bool>(0, 0)) {
      PHX_TRY(const auto schema, connection_.execute(sql::pg::migrations_schema));
      PHX_TRY(const auto table, connection_.execute(sql::pg::migrations_table));
    }
    return {};
  }

  Status load() {
    applied_.clear();
    PHX_TRY(const auto exist, connection_.execute(sql::pg::migrations_exist));
    if (!exist.get<bool>(0, 0)) return {};
    PHX_TRY(const auto rows, connection_.execute(sql::pg::migrations_applied));
    for (const auto row : rows)
      applied_[row.get<std::int32_t>(0)] = {row.get<std::string>(1), row.get<std::string>(2), row.get<std::int32_t>(3),
                                            row.get<Instant>(4)};
    return {};
  }

  /// The applied set and the binary's files agree; returns the files still to apply.
  Result<std::vector<const EmbeddedMigration*>> pending() const {
    const int level = files_.empty() ? 0 : files_.back().number;
    for (const auto& [number, applied] : applied_) {
      const auto* file = find(number);
      if (file && file->sha256 != applied.sha256)
        return refused(
            "migrate.edited",
            fmt::format("Migration {} was changed after it had been applied. Restore it and write a new one.",
                        file->name));
      if (!file && applied.min_binary > level)
        return Error(refused("migrate.newer_schema",
                             fmt::format("The database has migration {}, which needs a binary of level {}; this one is "
                                         "level {}.",
                                         applied.name, applied.min_binary, level)))
            .with_next_action("Run a newer phoenix.");
    }
    std::vector<const EmbeddedMigration*> out;
    const int newest = applied_.empty() ? 0 : applied_.rbegin()->first;
    for (const auto& file : files_) {
      if (applied_.contains(file.number)) continue;
      if (file.number < newest)
        return refused("migrate.gap", fmt::format("Migration {} is not applied, but {} is.", file.name, newest));
      out.push_back(&file);
    }
    return out;
  }

  Status apply(const EmbeddedMigration& file) {
    PHX_TRY(const auto parsed, parse(file));
    const auto record = Params::of(file.number, file.name, file.sha256, parsed.min_binary, files_.back().number);
    if (!parsed.transaction) {
      for (const auto& statement : statements(parsed.up)) PHX_CHECK(named(file, "up", connection_.script(statement)));
      PHX_TRY(const auto rows, connection_.execute(sql::pg::migration_insert, record));
      return {};
    }
    PHX_CHECK(connection_.script("begin"));
    auto status = connection_.script(parsed.up);
    if (status) {
      if (auto rows = connection_.execute(sql::pg::migration_insert, record); !rows) status = std::move(rows).error();
    }
    return named(file, "up", finish(std::move(status)));
  }

  /// Refuses what cannot be taken back before anything else is. Data may still come in between, and a guard may read
  /// what only the taking back of later files restores: each is asked again, under locks, when its turn comes.
  Status may_take_back(const EmbeddedMigration& file) {
    PHX_TRY(const auto parsed, parse(file));
    if (!parsed.irreversible.empty())
      return refused("migrate.irreversible",
                     fmt::format("Migration {} cannot be taken back: {}.", file.name, parsed.irreversible));
    if (!parsed.guarded)
      return refused("migrate.would_lose_data",
                     fmt::format("Migration {} has no down-guard, so taking it back may lose data.", file.name));
    for (const auto& guard : parsed.guards)
      if (const auto rows = connection_.execute(guard); rows && !rows->empty()) return loses_data(file, guard);
    return {};
  }

  Status take_back(const EmbeddedMigration& file) {
    PHX_TRY(const auto parsed, parse(file));
    PHX_CHECK(connection_.script("begin"));
    return named(file, "down", finish(guarded_down(file, parsed)));
  }

  const EmbeddedMigration* find(int number) const {
    for (const auto& file : files_)
      if (file.number == number) return &file;
    return nullptr;
  }
  const std::map<int, Applied>& applied() const { return applied_; }

 private:
  Session(SyncConnection connection, std::span<const EmbeddedMigration> files)
      : connection_(std::move(connection)), files_(files) {}

  static Error loses_data(const EmbeddedMigration& file, std::string_view guard) {
    return refused(
        "migrate.would_lose_data",
        fmt::format("Migration {} cannot be taken back: \"{}\" finds data that would be lost.", file.name, guard));
  }

  Status guarded_down(const EmbeddedMigration& file, const Parsed& parsed) {
    PHX_TRY(const auto locked, connection_.execute(sql::pg::lock_tables));
    for (const auto& guard : parsed.guards) {
      PHX_TRY(const auto rows, connection_.execute(guard));
      if (!rows.empty()) return loses_data(file, guard);
    }
    PHX_CHECK(connection_.script(parsed.down));
    PHX_TRY(const auto rows, connection_.execute(sql::pg::migration_delete, Params::of(file.number)));
    return {};
  }

  Status finish(Status status) {
    auto end = connection_.script(status ? "commit" : "rollback");
    return status ? std::move(end) : std::move(status);
  }

  static Status named(const EmbeddedMigration& file, std::string_view direction, Status status) {
    if (status || status.error().reason().starts_with("migrate.")) return status;
    return with_file(file, direction, status.error());
  }

  SyncConnection connection_;
  std::span<const EmbeddedMigration> files_;
  std::map<int, Applied> applied_;
};

}  // namespace

Migrator::Migrator(std::string conninfo, std::span<const EmbeddedMigration> files)
    : conninfo_(std::move(conninfo)), files_(files) {}

Status Migrator::check(const EmbeddedMigration& file) {
  PHX_TRY(const auto parsed, parse(file));
  return {};
}

Result<std::vector<int>> Migrator::up() {
  PHX_TRY(auto session, Session::open(conninfo_, files_));
  PHX_CHECK(session.lock());
  PHX_CHECK(session.load());
  PHX_TRY(const auto pending, session.pending());
  std::vector<int> done;
  for (const auto* file : pending) {
    PHX_CHECK(session.apply(*file));
    log_event(LogLevel::kInfo, "migrate.applied", {{"migration", file->name}});
    done.push_back(file->number);
  }
  return done;
}

Result<std::vector<int>> Migrator::down(int target) {
  PHX_TRY(auto session, Session::open(conninfo_, files_));
  PHX_CHECK(session.lock());
  PHX_CHECK(session.load());
  std::vector<const EmbeddedMigration*> wanted;
  for (auto it = session.applied().rbegin(); it != session.applied().rend() && it->first > target; ++it) {
    const auto* file = session.find(it->first);
    if (!file)
      return refused("migrate.newer_schema",
                     fmt::format("Migration {} is unknown to this binary; take it back with the binary that knows it.",
                                 it->second.name));
    if (file->sha256 != it->second.sha256)
      return refused("migrate.edited", fmt::format("Migration {} was changed after it had been applied.", file->name));
    PHX_CHECK(session.may_take_back(*file));
    wanted.push_back(file);
  }
  std::vector<int> done;
  for (const auto* file : wanted) {
    PHX_CHECK(session.take_back(*file));
    log_event(LogLevel::kInfo, "migrate.taken_back", {{"migration", file->name}});
    done.push_back(file->number);
  }
  return done;
}

Result<std::vector<MigrationState>> Migrator::status() {
  PHX_TRY(auto session, Session::open(conninfo_, files_));
  PHX_CHECK(session.load());
  std::map<int, MigrationState> states;
  for (const auto& file : files_)
    states[file.number] = {file.number, std::string(file.name), std::string(file.sha256), {}, true, false};
  for (const auto& [number, applied] : session.applied()) {
    auto [it, added] =
        states.try_emplace(number, MigrationState{number, applied.name, applied.sha256, {}, false, false});
    it->second.applied_at = applied.at;
    it->second.edited = it->second.sha256 != applied.sha256;
  }
  std::vector<MigrationState> out;
  for (auto& [number, state] : states) out.push_back(std::move(state));
  return out;
}

Status Migrator::verify() {
  PHX_TRY(auto session, Session::open(conninfo_, files_));
  PHX_CHECK(session.load());
  PHX_TRY(const auto pending, session.pending());
  if (!pending.empty())
    return Error(refused("migrate.pending", fmt::format("{} migrations are not applied yet, the first is {}.",
                                                        pending.size(), pending.front()->name)))
        .with_next_action("Run: phoenix migrate up");
  return {};
}

}  // namespace phx::pg
