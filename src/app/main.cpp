// The binary: commands and their arguments. What they do is in the other files of this folder.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "app/command_errors.hpp"
#include "app/core_api.hpp"
#include "app/ctl.hpp"
#include "app/database_commands.hpp"
#include "app/doctor.hpp"
#include "app/fsck.hpp"
#include "app/ledger_commands.hpp"
#include "app/product_schema.hpp"
#include "app/server.hpp"
#include "app/settings.hpp"
#include "base/log.hpp"

namespace phx::app {
namespace {

int fail(const Error& error) { return print_error(error, false, true); }

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The settings given on the command line: one option for each row of the table.
struct SettingOptions {
  std::map<std::string, std::string> given;

  /// Commands that use a server's data take every setting, as it is in the server's own surroundings, and show in their
  /// help the few that matter to them.
  void add_to(CLI::App& command) {
    const bool serves = command.get_name() == "serve";
    if (!serves) command.footer("The other settings of phoenix serve are taken, too; see its help.");
    for (const auto& setting : settings_table()) {
      const std::string name(setting.name);
      const bool matters = serves || name == "data" || name.starts_with("database-");
      auto* option = command.add_option_function<std::string>(
          "--" + name, [this, name](const std::string& value) { given[name] = value; },
          std::string(setting.help) + " [" + std::string(setting.environment) +
              (setting.default_value.empty() ? "" : ", " + std::string(setting.default_value)) + "]");
      if (!matters) option->group("");
    }
  }
  Result<Settings> load() const { return load_settings({process_environment(), given, read_file}); }
};

int with_settings(const SettingOptions& options, const std::function<int(const Settings&)>& work) {
  const auto settings = options.load();
  if (!settings) return fail(settings.error());
  set_log_format(settings->log_format == "text" ? LogFormat::kText : LogFormat::kJson);
  return work(*settings);
}

int as_exit(const Status& status) { return status ? 0 : fail(status.error()); }

int run(int argc, char** argv) {
  CLI::App app("Sankofa Phoenix: a sovereign cloud on hardware you own", "phoenix");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(version()));
  SettingOptions options;
  std::function<int()> chosen;
  const auto command = [&](CLI::App& parent, const char* name, const char* help,
                           std::function<int(const Settings&)> work) {
    auto* sub = parent.add_subcommand(name, help);
    options.add_to(*sub);
    sub->callback([&options, &chosen, work = std::move(work)] {
      chosen = [&options, work] { return with_settings(options, work); };
    });
    return sub;
  };

  bool print_config = false;
  auto* serve_command = command(app, "serve", "Run the server", [&](const Settings& settings) {
    if (print_config) {
      std::cout << print_settings(settings);
      return 0;
    }
    return as_exit(serve(settings));
  });
  serve_command->add_flag("--print-config", print_config, "Print the settings in force and exit");
  // Commands for people answer on standard output; the log of what they use speaks up only when something is wrong.
  const auto quiet = [](std::function<int(const Settings&)> work) {
    return [work = std::move(work)](const Settings& settings) {
      set_log_level(LogLevel::kWarn);
      return work(settings);
    };
  };
  command(app, "down", "Stop server, guests and embedded database of a data folder",
          quiet([](const Settings& settings) { return as_exit(take_down(settings)); }));

  bool doctor_json = false;
  auto* doctor = command(app, "doctor", "Check workloads, API, portal, identity, database, ledger, clock and disk",
                         quiet([&](const Settings& settings) { return run_doctor(settings, doctor_json); }));
  doctor->add_flag("--json", doctor_json, "For scripts");
  command(app, "fsck", "Recount every derived number and compare it with the recorded one; changes nothing",
          quiet([](const Settings& settings) { return run_fsck(settings); }));

  auto* migrate = app.add_subcommand("migrate", "Schema of the database");
  migrate->require_subcommand(1);
  int down_to = -1;
  command(*migrate, "up", "Apply what is missing", quiet([](const Settings& s) { return as_exit(migrate_up(s)); }));
  command(*migrate, "down", "Take files back, newest first; refuses to lose data",
          quiet([&](const Settings& s) { return as_exit(migrate_down(s, down_to)); }))
      ->add_option("--to", down_to, "Number to stay at; 0: take back all")
      ->required();
  command(*migrate, "status", "List the files and what is applied",
          quiet([](const Settings& s) { return as_exit(migrate_status(s)); }));
  command(*migrate, "verify", "Exit 0 when this binary may serve on the schema",
          quiet([](const Settings& s) { return as_exit(migrate_verify(s)); }));

  auto* database = app.add_subcommand("db", "The embedded database");
  database->require_subcommand(1);
  std::string folder;
  command(*database, "backup", "Physical backup into a new folder",
          quiet([&](const Settings& s) { return as_exit(database_backup(s, folder)); }))
      ->add_option("FOLDER", folder, "Must not exist")
      ->required();
  command(*database, "restore", "Restore a backup into a data folder that has no database yet (--data)",
          quiet([&](const Settings& s) { return as_exit(database_restore(s, folder)); }))
      ->add_option("FOLDER", folder, "The backup")
      ->required();

  int to_major = 0;
  command(*database, "upgrade", "Move to another major version of PostgreSQL; the old cluster is kept",
          quiet([&](const Settings& s) { return as_exit(database_upgrade(s, to_major)); }))
      ->add_option("--to", to_major, "Major version, installed")
      ->required();

  auto* ledger = app.add_subcommand("ledger", "The audit trail as a log that can be checked offline");
  ledger->require_subcommand(1);
  LedgerExportArguments export_arguments;
  LedgerVerifyArguments verify_arguments;
  command(*ledger, "key", "Print the public key that checkpoints are signed with",
          quiet([](const Settings& s) { return as_exit(ledger_key(s)); }));
  command(*ledger, "checkpoint", "Print the last signed checkpoint, to be kept elsewhere",
          quiet([](const Settings& s) { return as_exit(ledger_checkpoint(s)); }));
  auto* export_command = command(*ledger, "export", "Write the ledger to a file",
                                 quiet([&](const Settings& s) { return as_exit(ledger_export(s, export_arguments)); }));
  export_command->add_option("--out", export_arguments.out, "Must not exist")->required();
  export_command->add_option("--tenant", export_arguments.tenant, "Only what is of this tenant (id or name)");
  export_command->add_option("--since", export_arguments.since,
                             "File with an older checkpoint to prove consistency with");
  auto* verify_command = ledger->add_subcommand("verify", "Check an export; needs neither server nor database");
  verify_command->add_option("FILE", verify_arguments.file, "The export")->required();
  verify_command->add_option("--key", verify_arguments.key, "The public key that must have signed it");
  verify_command->add_option("--since", verify_arguments.since,
                             "File with an older checkpoint that it must begin with");
  verify_command->callback([&] { chosen = [&] { return as_exit(ledger_verify(verify_arguments)); }; });

  auto* schema = app.add_subcommand("schema", "The API's schema");
  schema->require_subcommand(1);
  bool internal = false;
  auto* print = schema->add_subcommand("print", "Print the SDL");
  print->add_flag("--internal", internal, "With the directives that describe tables");
  print->callback([&] {
    chosen = [&] {
      const auto text = print_product_schema(internal);
      if (!text) return fail(text.error());
      std::cout << *text;
      return 0;
    };
  });

  auto* settings_command = app.add_subcommand("settings", "Print the table of settings as Markdown");
  settings_command->callback([&] {
    chosen = [] {
      std::cout << document_settings();
      return 0;
    };
  });

  Ctl ctl;
  ctl.add_to(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    return app.exit(wanted);  // --help, --version
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    print_error(usage_error(app, words, error.what()), asks_for_json(words));
    return kNotUnderstood;
  }
  if (ctl.chosen()) return ctl.run();
  return chosen ? chosen() : kNotUnderstood;
}

}  // namespace
}  // namespace phx::app

int main(int argc, char** argv) {
  try {
    return phx::app::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "phoenix: " << error.what() << "\n";
    return 70;
  }
}
