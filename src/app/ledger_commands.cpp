#include "app/ledger_commands.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "app/data_folder.hpp"
#include "app/on_database.hpp"
#include "app/sql.gen.hpp"
#include "base/random.hpp"
#include "base/unique_fd.hpp"
#include "domains/identity/server_key.hpp"
#include "engine/ledger/export.hpp"
#include "engine/ledger/ledger.hpp"

namespace phx::app {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

/// The key of the data folder; never makes one, which only a server may.
Result<engine::SigningKey> signing_key(const Settings& settings) {
  PHX_TRY(const DataFolder folder, DataFolder::existing(settings.data));
  std::error_code failure;
  if (!fs::exists(folder.ledger_key(), failure))
    return Error(Code::kNotFound, "ledger.no_key", "There is no key " + folder.ledger_key().string() + ".")
        .with_next_action("Run this on the data folder of a server that has been started, as its account.");
  SystemRandom random;
  PHX_TRY(auto seed, identity::load_server_key(folder.ledger_key(), random));
  return engine::SigningKey(std::move(seed));
}

Result<engine::LedgerHead> live_head(const Settings& settings) {
  PHX_TRY(const std::string conninfo, live_database(settings));
  return on_database<engine::LedgerHead>(conninfo,
                                         [](pg::Database& database) { return engine::read_ledger_head(database); });
}

/// The note in a file; none when none is named.
Result<std::optional<std::string>> read_note(const std::string& file) {
  if (file.empty()) return std::optional<std::string>();
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in)
    return Error(Code::kNotFound, "ledger.unreadable", "The checkpoint " + file + " cannot be read.")
        .with_next_action("Name a file that holds what phoenix ledger checkpoint printed.");
  return std::optional(std::move(text));
}

asio::awaitable<Result<engine::LedgerContents>> export_to(pg::Database& database, const engine::SigningKey& key,
                                                          std::string tenant, std::optional<std::string> since,
                                                          std::ostream& out) {
  engine::ExportOptions options{{}, std::move(since)};
  if (!tenant.empty()) {
    PHX_CO_TRY(const auto rows, co_await database.execute(pg::Scope::worker(), sql::app::find_tenant,
                                                          pg::Params::of(tenant), Deadline::after(10s)));
    if (rows.empty()) co_return not_found("tenant.not_found", "There is no tenant '" + tenant + "'.");
    options.tenant = rows.get<Uuid>(0, 0);
  }
  co_return co_await engine::export_ledger(database, key, std::move(options), out);
}

void print_contents(const engine::LedgerContents& contents) {
  if (contents.tenant)
    std::cout << contents.leaves << " entries of tenant " << contents.tenant->to_string() << " in a ledger of "
              << contents.checkpoint.size;
  else
    std::cout << contents.leaves << " entries";
  if (contents.erased > 0) std::cout << ", the content of " << contents.erased << " of them erased";
  std::cout << "\n";
}

}  // namespace

Status ledger_key(const Settings& settings) {
  PHX_TRY(const auto key, signing_key(settings));
  PHX_TRY(const auto head, live_head(settings));
  std::cout << key.verifier(head.origin).text() << "\n";
  return {};
}

Status ledger_checkpoint(const Settings& settings) {
  PHX_TRY(const auto head, live_head(settings));
  if (!head.note)
    return Error(Code::kFailedPrecondition, "ledger.no_checkpoint", "No checkpoint has been signed yet.")
        .with_next_action("Start the server with phoenix serve.");
  std::cout << *head.note;
  return {};
}

Status ledger_export(const Settings& settings, const LedgerExportArguments& arguments) {
  PHX_TRY(const auto key, signing_key(settings));
  PHX_TRY(auto since, read_note(arguments.since));
  PHX_TRY(const std::string conninfo, live_database(settings));
  // For nobody else's eyes, and never over another file.
  if (const UniqueFd made(::open(arguments.out.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)); !made) {
    if (errno == EEXIST)
      return Error(Code::kFailedPrecondition, "ledger.file_exists", arguments.out + " exists already.")
          .with_next_action("Name a file that does not exist; the export makes it.");
    return Error(Code::kUnavailable, "ledger.unwritable",
                 "Cannot write " + arguments.out + ": " + std::strerror(errno));
  }
  std::ofstream out(arguments.out, std::ios::binary | std::ios::trunc);
  auto contents = on_database<engine::LedgerContents>(
      conninfo, [&](pg::Database& database) { return export_to(database, key, arguments.tenant, since, out); });
  out.close();
  if (contents && !out)
    contents = Error(Code::kUnavailable, "ledger.unwritable", arguments.out + " could not be written in full.")
                   .with_next_action("Free space and export again.");
  if (!contents) {
    std::error_code ignored;
    fs::remove(arguments.out, ignored);
    return contents.error();
  }
  print_contents(*contents);
  return {};
}

Status ledger_verify(const LedgerVerifyArguments& arguments) {
  engine::VerifyOptions options;
  if (!arguments.key.empty()) { PHX_TRY(options.key, engine::VerifierKey::parse(arguments.key)); }
  PHX_TRY(options.since, read_note(arguments.since));
  std::ifstream in(arguments.file, std::ios::binary);
  if (!in) return Error(Code::kNotFound, "ledger.unreadable", "The export " + arguments.file + " cannot be read.");
  PHX_TRY(const auto contents, engine::verify_ledger(in, options));
  std::cout << "verified: ";
  print_contents(contents);
  std::cout << "root:     " << engine::base64_encode(contents.checkpoint.root) << " of " << contents.checkpoint.size
            << " entries\nkey:      " << contents.key.text() << "\n";
  if (arguments.key.empty())
    std::cout << "The file names this key itself. Compare it with what phoenix ledger key prints, or give --key.\n";
  return {};
}

}  // namespace phx::app
