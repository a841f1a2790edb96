#pragma once
/// Every setting of `phoenix serve`, in one table: name, environment variable, default, help. The table makes the
/// struct's values, --help, --print-config, docs/settings.md and the checks. Later sources win: default, file
/// (<data>/phoenix.conf, `name = value` lines), environment, command line. An unknown name stops the start, because a
/// misspelt setting is a setting that silently does not hold.
///
/// Errors, kInvalidArgument: "settings.unknown", "settings.bad_value" (the field is the setting's name).

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace phx::app {

struct Settings {
  std::string listen;
  std::string data;
  std::string public_url;
  std::string database_url;
  std::string database_direct_url;
  std::string database_user;
  std::string portal;
  std::string image;
  std::string accelerator;
  std::string admin_email;
  std::string site;
  std::string region;
  std::string log_format;
  std::string documents;
  std::string trusted_documents;
  std::string oidc_issuer;
  std::string oidc_audience;
  std::string oidc_client_id;
  std::string oidc_client_secret;
  std::string oidc_name;
  std::string oidc_clients;
  std::string oidc_tenant_claim;
  std::int64_t oidc_jwks_ttl = 0;
  std::string rate_limits;
  std::int64_t rate_address_per_minute = 0;
  std::int64_t rate_user_per_hour = 0;
  std::int64_t incident_watch_seconds = 0;
  std::int64_t stop_grace_seconds = 0;
  std::int64_t probe_every_ms = 0;
  std::int64_t service_probe_every_ms = 0;
  std::int64_t snapshot_alert_seconds = 0;
  std::int64_t session_idle_minutes = 0;
  std::int64_t session_absolute_hours = 0;
  std::string second_factor_from;
  std::int64_t image_max_gib = 0;
  std::int64_t event_days = 0;
  std::int64_t max_connections = 0;
};

struct Setting {
  std::string_view name;         ///< "listen": --listen, and the name in the file
  std::string_view environment;  ///< "PHOENIX_LISTEN"
  std::string_view default_value;
  std::string_view help;
  std::string Settings::* text = nullptr;
  std::int64_t Settings::* number = nullptr;
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
  bool secret = false;  ///< never printed
};

std::span<const Setting> settings_table();

/// Where settings may come from besides the defaults.
struct SettingSources {
  std::map<std::string, std::string> environment;   ///< all of it; only PHOENIX_* and the table's names are looked at
  std::map<std::string, std::string> command_line;  ///< by setting name
  /// Reads the file; empty text when there is none. A seam for tests.
  std::function<std::string(const std::string& path)> read_file;
};

Result<Settings> load_settings(const SettingSources& sources);

/// "name = value" lines, as phoenix.conf takes them; passwords in URLs are masked.
std::string print_settings(const Settings& settings);
/// A Markdown table for docs/settings.md.
std::string document_settings();

/// This process's environment.
std::map<std::string, std::string> process_environment();
/// Where data lives when nothing is said: /var/lib/phoenix for root, else ~/.local/share/phoenix.
std::string default_data_folder();

}  // namespace phx::app
