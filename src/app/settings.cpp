#include "app/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>

#include "api/context.hpp"
#include "net/url.hpp"

extern char** environ;

namespace phx::app {
namespace {

using S = Settings;
constexpr Setting text(std::string_view name, std::string_view env, std::string S::* member, std::string_view value,
                       std::string_view help) {
  return {name, env, value, help, member, nullptr, 0, 0};
}
constexpr Setting secret(std::string_view name, std::string_view env, std::string S::* member, std::string_view help) {
  return {name, env, "", help, member, nullptr, 0, 0, true};
}
constexpr Setting number(std::string_view name, std::string_view env, std::int64_t S::* member, std::string_view value,
                         std::int64_t minimum, std::int64_t maximum, std::string_view help) {
  return {name, env, value, help, nullptr, member, minimum, maximum};
}

constexpr std::array kTable{
    text("listen", "PHOENIX_LISTEN", &S::listen, "127.0.0.1:4000",
         "Address and port to serve on; port 0 takes a free one."),
    text("data", "PHOENIX_DATA", &S::data, "",
         "Data folder. Empty: /var/lib/phoenix for root, else ~/.local/share/phoenix."),
    text("public-url", "PHOENIX_PUBLIC_URL", &S::public_url, "",
         "Address people use, for links. Empty: http:// and the listen address."),
    text("database-url", "DATABASE_URL", &S::database_url, "",
         "PostgreSQL to use. Empty: a private cluster in the data folder."),
    text("database-direct-url", "DATABASE_DIRECT_URL", &S::database_direct_url, "",
         "The same past a pooler, for LISTEN and migrations."),
    text("database-user", "PHOENIX_DATABASE_USER", &S::database_user, "postgres",
         "Account the private cluster runs as when started by root."),
    text("portal", "PHOENIX_PORTAL", &S::portal, "",
         "Folder of the built portal, or none. Empty: the one beside the binary (../portal/dist, "
         "../share/phoenix/portal)."),
    text("image", "PHOENIX_IMAGE", &S::image, "",
         "Catalogue images made here, name=folder, separated by commas, or none. Empty: micro from beside the binary "
         "(image/micro, ../share/phoenix/micro)."),
    text("accelerator", "PHOENIX_ACCELERATOR", &S::accelerator, "tcg",
         "tcg, kvm, or auto (kvm if a probe guest boots with it)."),
    text("admin-email", "PHOENIX_ADMIN_EMAIL", &S::admin_email, "admin@localhost", "The first administrator."),
    text("site", "PHOENIX_SITE", &S::site, "local", "Name of the site this server's host belongs to."),
    text("region", "PHOENIX_REGION", &S::region, "local", "Region of the site."),
    text("oidc-issuer", "OIDC_ISSUER", &S::oidc_issuer, "",
         "OpenID provider whose access tokens are taken: its issuer, https (http on this machine). Empty: none."),
    text("oidc-audience", "OIDC_AUDIENCE", &S::oidc_audience, "",
         "What an access token must name as its audience. Empty: the client id."),
    text("oidc-client-id", "OIDC_CLIENT_ID", &S::oidc_client_id, "", "Our own client at the provider."),
    secret("oidc-client-secret", "OIDC_CLIENT_SECRET", &S::oidc_client_secret, "The secret of that client."),
    text("oidc-name", "OIDC_NAME", &S::oidc_name, "your organisation",
         "What the button of the portal says: Sign in with ..."),
    text("oidc-clients", "PHOENIX_OIDC_CLIENTS", &S::oidc_clients, "",
         "Clients (azp) whose access tokens are taken, separated by commas. Empty: any that the provider gives our "
         "audience to."),
    text("oidc-tenant-claim", "OIDC_TENANT_CLAIM", &S::oidc_tenant_claim, "",
         "Claim that names the tenants a token opens (name, name:ROLE, /name, /name/ROLE). Empty: memberships decide."),
    number("oidc-jwks-ttl", "OIDC_JWKS_TTL", &S::oidc_jwks_ttl, "300", 1, 86400,
           "Seconds for which the provider's keys are believed before they are fetched anew."),
    text("rate-limits", "PHOENIX_RATE_LIMITS", &S::rate_limits, "off",
         "on or off. On: requests are limited by address without and by user with a proof; files and health are not."),
    number("rate-address-per-minute", "PHOENIX_RATE_ADDRESS_PER_MINUTE", &S::rate_address_per_minute, "100", 1, 1000000,
           "Requests a minute from one address (IPv6: one /64) without a proof; as many may come at once."),
    number("rate-user-per-hour", "PHOENIX_RATE_USER_PER_HOUR", &S::rate_user_per_hour, "1000", 1, 100000000,
           "Requests an hour of one user; as many may come at once."),
    text("log-format", "PHOENIX_LOG_FORMAT", &S::log_format, "json", "json or text."),
    text("documents", "PHOENIX_DOCUMENTS", &S::documents, "any",
         "GraphQL documents served: any, or trusted (those of the manifests, and the portal's own)."),
    text("trusted-documents", "PHOENIX_TRUSTED_DOCUMENTS", &S::trusted_documents, "",
         "Manifests of trusted GraphQL documents (JSON: id to text, or Apollo's), separated by commas."),
    number("incident-watch-seconds", "PHOENIX_INCIDENT_WATCH_SECONDS", &S::incident_watch_seconds, "120", 1, 86400,
           "How long Monitoring watches for a relapse before an incident resolves."),
    number("stop-grace-seconds", "PHOENIX_STOP_GRACE_SECONDS", &S::stop_grace_seconds, "30", 0, 3600,
           "How long a guest may take to power off before the plug is pulled."),
    number("probe-every-ms", "PHOENIX_PROBE_EVERY_MS", &S::probe_every_ms, "5000", 100, 600000,
           "How often every guest is looked at, besides the hypervisor's own events."),
    number("service-probe-every-ms", "PHOENIX_SERVICE_PROBE_EVERY_MS", &S::service_probe_every_ms, "10000", 100, 600000,
           "How often the server asks its own services; unwell three times in a row is an alert."),
    number("snapshot-alert-seconds", "PHOENIX_SNAPSHOT_ALERT_SECONDS", &S::snapshot_alert_seconds, "60", 1, 86400,
           "A snapshot or write held open in the database for longer is an alert: queues grow slow meanwhile."),
    number("session-idle-minutes", "PHOENIX_SESSION_IDLE_MINUTES", &S::session_idle_minutes, "720", 1, 43200,
           "A session unused for so long ends."),
    number("session-absolute-hours", "PHOENIX_SESSION_ABSOLUTE_HOURS", &S::session_absolute_hours, "168", 1, 8760,
           "A session ends after so long, used or not."),
    text(
        "second-factor-from", "PHOENIX_SECOND_FACTOR_FROM", &S::second_factor_from, "none",
        "Accounts of this role and above do what is dangerous only with a second factor: TENANT_VIEWER, TENANT_MEMBER, "
        "TENANT_ADMIN, TENANT_OWNER, PLATFORM_ADMIN or none. Accounts that have one are asked in any case."),
    number("event-days", "PHOENIX_EVENT_DAYS", &S::event_days, "30", 1, 3650,
           "How long the events log is kept; a live view that was away for longer reads its lists anew."),
    number("max-connections", "PHOENIX_MAX_CONNECTIONS", &S::max_connections, "16384", 16, 1'000'000,
           "Open HTTP connections and WebSockets; the limit of open files is raised as far as allowed."),
    number("image-max-gib", "PHOENIX_IMAGE_MAX_GIB", &S::image_max_gib, "64", 1, 10240,
           "Largest disk image that may be imported."),
};

// Read by other parts than this table, or by tests of the real binary.
constexpr std::array<std::string_view, 2> kOtherVariables{"PHOENIX_CRASH_POINT", "PHOENIX_TEST_IMAGE"};

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t' || s.front() == '\r')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r')) s.remove_suffix(1);
  return s;
}

const Setting* find(std::string_view name) {
  for (const auto& setting : kTable)
    if (setting.name == name) return &setting;
  return nullptr;
}

Status assign(Settings& settings, const Setting& setting, std::string_view value, const std::string& where) {
  if (setting.text) {
    settings.*setting.text = value;
    return {};
  }
  std::int64_t parsed = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (failure != std::errc() || end != value.data() + value.size() || parsed < setting.minimum ||
      parsed > setting.maximum)
    return invalid_argument("settings.bad_value", std::string(setting.name),
                            std::string(setting.name) + " (" + where + ") must be a whole number from " +
                                std::to_string(setting.minimum) + " to " + std::to_string(setting.maximum) + ", not '" +
                                std::string(value) + "'.");
  settings.*setting.number = parsed;
  return {};
}

Error unknown(std::string_view name, const std::string& where) {
  return invalid_argument("settings.unknown", std::string(name),
                          "There is no setting '" + std::string(name) + "' (" + where + "). See phoenix serve --help.");
}

Status assign_file(Settings& settings, std::string_view content, const std::string& path) {
  int number = 0;
  while (!content.empty()) {
    ++number;
    const auto end = content.find('\n');
    std::string_view line = trim(content.substr(0, end));
    content = end == content.npos ? std::string_view() : content.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    const std::string where = path + " line " + std::to_string(number);
    const auto equals = line.find('=');
    if (equals == line.npos) return invalid_argument("settings.bad_value", "", where + ": expected name = value.");
    const auto name = trim(line.substr(0, equals));
    const Setting* setting = find(name);
    if (!setting) return unknown(name, where);
    PHX_CHECK(assign(settings, *setting, trim(line.substr(equals + 1)), where));
  }
  return {};
}

/// scheme://user:password@host → scheme://user:***@host
std::string mask_password(std::string url) {
  const auto scheme = url.find("://");
  if (scheme == url.npos) return url;
  const auto at = url.find('@', scheme);
  const auto colon = url.find(':', scheme + 3);
  if (at == url.npos || colon == url.npos || colon > at) return url;
  return url.substr(0, colon + 1) + "***" + url.substr(at);
}

std::string value_of(const Settings& settings, const Setting& setting) {
  if (setting.secret) return (settings.*setting.text).empty() ? "" : "***";
  // Nothing would be read as "look beside the binary".
  if ((setting.text == &Settings::portal || setting.text == &Settings::image) && (settings.*setting.text).empty())
    return "none";
  return setting.text ? mask_password(settings.*setting.text) : std::to_string(settings.*setting.number);
}

/// What was said; nothing for "none"; else the first of the places beside the binary that holds `witness`.
std::string found_or_given(const std::string& given, std::initializer_list<std::string_view> places,
                           std::string_view witness, const std::string& prefix) {
  if (given == "none") return {};
  if (!given.empty()) return given;
  std::error_code failure;
  const std::filesystem::path binary = std::filesystem::read_symlink("/proc/self/exe", failure).parent_path();
  for (const auto place : places) {
    const auto folder = (binary / place).lexically_normal();
    if (std::filesystem::exists(folder / witness, failure)) return prefix + folder.string();
  }
  return {};
}

/// An origin: browsers name it in Origin just so, and links are made by adding a path.
Status check_public_url(const std::string& text) {
  if (text.empty()) return {};
  const auto url = net::parse_url(text);
  const bool lower = std::ranges::none_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (url && (url->scheme == "https" || url->scheme == "http") && text == url->scheme + "://" + url->authority() &&
      lower)
    return {};
  return invalid_argument(
      "settings.bad_value", "public-url",
      "public-url must be https://HOST or http://HOST, with :PORT where it is not the usual one, in "
      "lower case and without a path; not '" +
          mask_password(text) + "'.");
}

}  // namespace

std::span<const Setting> settings_table() { return kTable; }

Result<Settings> load_settings(const SettingSources& sources) {
  Settings settings;
  for (const auto& setting : kTable) PHX_CHECK(assign(settings, setting, setting.default_value, "default"));
  // The data folder decides which file is read, so it is looked for first.
  const auto from = [&](std::string_view name, std::string_view variable) -> std::string {
    if (const auto given = sources.command_line.find(std::string(name)); given != sources.command_line.end())
      return given->second;
    const auto set = sources.environment.find(std::string(variable));
    return set == sources.environment.end() ? std::string() : set->second;
  };
  std::string data = from("data", "PHOENIX_DATA");
  if (data.empty()) data = default_data_folder();
  if (sources.read_file) {
    const std::string path = data + "/phoenix.conf";
    PHX_CHECK(assign_file(settings, sources.read_file(path), path));
    if (!settings.data.empty() && settings.data != data)
      return invalid_argument("settings.bad_value", "data",
                              path +
                                  " names another data folder; it is read because of where it lies, so say --data "
                                  "or PHOENIX_DATA instead.");
  }
  for (const auto& setting : kTable)
    if (const auto set = sources.environment.find(std::string(setting.environment)); set != sources.environment.end())
      PHX_CHECK(assign(settings, setting, set->second, set->first));
  for (const auto& [name, value] : sources.environment) {
    if (!name.starts_with("PHOENIX_")) continue;
    bool known = false;
    for (const auto& setting : kTable) known = known || setting.environment == name;
    for (const auto other : kOtherVariables) known = known || other == name;
    if (!known) return unknown(name, "environment");
  }
  for (const auto& [name, value] : sources.command_line) {
    const Setting* setting = find(name);
    if (!setting) return unknown(name, "command line");
    PHX_CHECK(assign(settings, *setting, value, "--" + name));
  }
  settings.data = data;
  settings.portal = found_or_given(settings.portal, {"../portal/dist", "../share/phoenix/portal"}, "index.html", "");
  settings.image = found_or_given(settings.image, {"image/micro", "../share/phoenix/micro"}, "manifest.json", "micro=");
  if (settings.accelerator != "tcg" && settings.accelerator != "kvm" && settings.accelerator != "auto")
    return invalid_argument("settings.bad_value", "accelerator", "accelerator must be tcg, kvm or auto.");
  PHX_CHECK(check_public_url(settings.public_url));
  if (settings.rate_limits != "on" && settings.rate_limits != "off")
    return invalid_argument("settings.bad_value", "rate-limits", "rate-limits must be on or off.");
  if (settings.second_factor_from != "none" && api::role_from_name(settings.second_factor_from) == api::Role::kNone)
    return invalid_argument("settings.bad_value", "second-factor-from",
                            "second-factor-from must be the name of a role, or none.");
  if (settings.log_format != "json" && settings.log_format != "text")
    return invalid_argument("settings.bad_value", "log-format", "log-format must be json or text.");
  if (settings.documents != "any" && settings.documents != "trusted")
    return invalid_argument("settings.bad_value", "documents", "documents must be any or trusted.");
  if (!settings.oidc_issuer.empty()) {
    if (settings.oidc_audience.empty()) settings.oidc_audience = settings.oidc_client_id;
    // Without an audience every token of the provider, for whatever it was made, would be a key to us.
    if (settings.oidc_audience.empty())
      return invalid_argument("settings.bad_value", "oidc-audience",
                              "With oidc-issuer, oidc-audience or oidc-client-id must say whom tokens are meant for.");
  }
  return settings;
}

std::string print_settings(const Settings& settings) {
  std::string out;
  for (const auto& setting : kTable) out += std::string(setting.name) + " = " + value_of(settings, setting) + "\n";
  return out;
}

std::string document_settings() {
  std::string out =
      "# Settings\n\nMade by `phoenix settings` from the table in `src/app/settings.cpp`; do not edit it by hand.\n\n"
      "Later sources win: default, `<data>/phoenix.conf` (lines of `name = value`), environment, command line\n"
      "(`--name value`). An unknown name stops the start, also that of a variable that begins with `PHOENIX_`.\n"
      "`phoenix serve --print-config` prints what is in force, secrets as `***`.\n\n"
      "| Name | Environment | Default | Meaning |\n|---|---|---|---|\n";
  for (const auto& setting : kTable)
    out += "| `" + std::string(setting.name) + "` | `" + std::string(setting.environment) + "` | " +
           (setting.default_value.empty() ? "" : "`" + std::string(setting.default_value) + "`") + " | " +
           std::string(setting.help) + " |\n";
  return out;
}

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view line(*entry);
    const auto equals = line.find('=');
    if (equals != line.npos) out.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return out;
}

std::string default_data_folder() {
  if (geteuid() == 0) return "/var/lib/phoenix";
  if (const char* home = std::getenv("XDG_DATA_HOME"); home && *home) return std::string(home) + "/phoenix";
  const char* home = std::getenv("HOME");
  return std::string(home ? home : "/tmp") + "/.local/share/phoenix";
}

}  // namespace phx::app
