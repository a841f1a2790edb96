#include "app/server.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "adapters/qemu/qemu_hypervisor.hpp"
#include "api/graphql_http.hpp"
#include "api/graphql_ws.hpp"
#include "api/live_connections.hpp"
#include "api/middleware.hpp"
#include "api/rate_limit.hpp"
#include "api/service.hpp"
#include "api/verify.hpp"
#include "app/access_watch.hpp"
#include "app/audit_download.hpp"
#include "app/core_api.hpp"
#include "app/data_folder.hpp"
#include "app/health.hpp"
#include "app/product_schema.hpp"
#include "app/query_console.hpp"
#include "base/blocking_pool.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "base/task_scope.hpp"
#include "domains/compute/compute.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/oidc/provider.hpp"
#include "domains/identity/outside_sign_in.hpp"
#include "domains/identity/server_key.hpp"
#include "domains/incident/incident.hpp"
#include "domains/incident/service_probe.hpp"
#include "domains/tenancy/tenancy.hpp"
#include "engine/events.hpp"
#include "engine/idempotency.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/oldest_snapshot.hpp"
#include "engine/operations.hpp"
#include "engine/work_queue.hpp"
#include "net/client.hpp"
#include "net/server.hpp"
#include "net/static_files.hpp"
#include "net/url.hpp"
#include "pg/backup.hpp"
#include "pg/cluster.hpp"
#include "pg/database.hpp"
#include "pg/migrate.hpp"

namespace phx::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kDrainGrace = 10s;

/// "127.0.0.1:4000" or "[::1]:4000".
Result<std::pair<std::string, std::uint16_t>> parse_listen(const std::string& text) {
  const auto colon = text.rfind(':');
  int port = -1;
  if (colon != text.npos && colon + 1 < text.size() && text.size() - colon <= 6) {
    port = 0;
    for (const char c : text.substr(colon + 1)) port = c >= '0' && c <= '9' && port >= 0 ? port * 10 + (c - '0') : -1;
  }
  if (port < 0 || port > 65535)
    return invalid_argument("settings.bad_value", "listen", "listen must be ADDRESS:PORT, not '" + text + "'.");
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::pair(std::move(host), static_cast<std::uint16_t>(port));
}

std::string base_url_of(const std::string& host, std::uint16_t port) {
  return "http://" + (host.find(':') == host.npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

/// "a,b" → {"a", "b"}.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto comma = text.find(',');
    out.emplace_back(text.substr(0, comma));
    text = comma == text.npos ? std::string_view() : text.substr(comma + 1);
  }
  return out;
}

qemu::Options qemu_options(const Settings& settings) {
  qemu::Options options;
  options.data_folder = settings.data;
  options.accelerator = settings.accelerator == "kvm"    ? qemu::Accelerator::kKvm
                        : settings.accelerator == "auto" ? qemu::Accelerator::kAuto
                                                         : qemu::Accelerator::kTcg;
  options.image_max_bytes = settings.image_max_gib << 30;
  return options;
}

identity::Settings identity_settings(const Settings& settings, const std::string& base_url) {
  identity::Settings out;
  out.first_admin_email = settings.admin_email;
  out.base_url = base_url;
  out.secure_cookies = base_url.starts_with("https://");
  out.session_idle = std::chrono::minutes(settings.session_idle_minutes);
  out.session_absolute = std::chrono::hours(settings.session_absolute_hours);
  return out;
}

api::InProcessRateLimiter::Options rate_limits(const Settings& settings) {
  api::InProcessRateLimiter::Options out;
  out.anonymous = {settings.rate_address_per_minute, std::chrono::minutes(1), settings.rate_address_per_minute};
  out.user = {settings.rate_user_per_hour, std::chrono::hours(1), settings.rate_user_per_hour};
  return out;
}

compute::ComputeSettings compute_settings(const Settings& settings) {
  compute::ComputeSettings out;
  out.policy.stop_grace = std::chrono::seconds(settings.stop_grace_seconds);
  out.site_name = settings.site;
  out.probe_every = std::chrono::milliseconds(settings.probe_every_ms);
  return out;
}

/// Everything that runs in a server, in the order of dependence: each part is given those above it.
class Server {
 public:
  Server(asio::io_context& io, const Settings& settings, DataFolder folder, pg::DatabaseOptions database_options,
         std::string server_key, std::string ledger_key, std::string base_url)
      : settings_(settings),
        folder_(std::move(folder)),
        io_(io),
        ids_(clock_, random_),
        blocking_(2, 256),
        database_blocking_(2, 256),
        database_(io.get_executor(), database_blocking_, metrics_, std::move(database_options)),
        sequencer_(io.get_executor(), database_, clock_, metrics_),
        feed_(io.get_executor(), database_, metrics_),
        ledger_(database_, clock_, metrics_, engine::SigningKey(std::move(ledger_key))),
        worker_(io.get_executor(), database_, clock_, random_, metrics_),
        hypervisor_(io.get_executor(), blocking_, clock_, random_, qemu_options(settings)),
        tenancy_(database_, clock_, ids_, {.default_site = settings.site, .region = settings.region}),
        server_key_(std::move(server_key)),
        identity_(database_, clock_, random_, ids_, blocking_, tenancy_, server_key_,
                  identity_settings(settings, base_url)),
        incidents_(database_, clock_, ids_, {std::chrono::seconds(settings.incident_watch_seconds)}),
        compute_(database_, hypervisor_, clock_, compute_settings(settings)),
        machines_(database_, hypervisor_, incidents_, clock_, compute_settings(settings)),
        live_(identity_, tenancy_, clock_),
        access_(feed_, identity_, tenancy_, live_),
        audit_download_(database_, tenancy_, clock_, random_, ids_),
        health_(clock_, metrics_),
        background_(io.get_executor(), "server") {}

  /// Everything is served when this returns.
  asio::awaitable<Status> start(bool restored);
  /// Work that goes on for the server's life besides requests.
  TaskScope& background() { return background_; }
  BlockingPool& database_blocking() { return database_blocking_; }
  asio::awaitable<void> stop();

 private:
  asio::awaitable<Status> prepare_data();
  Status assemble();
  Status load_documents();
  Status trust_provider();
  void nudge();
  asio::awaitable<Status> listen();
  asio::awaitable<void> housekeeping();
  asio::awaitable<net::Response> serve_portal(api::HttpCall call);
  asio::awaitable<std::vector<incident::ServiceState>> own_services();
  asio::awaitable<incident::ServiceState> asked(std::string name, std::string path);
  asio::awaitable<incident::ServiceState> held_snapshot(bool database);
  asio::awaitable<incident::ServiceState> strangers(bool database);

  const Settings& settings_;
  DataFolder folder_;
  asio::io_context& io_;
  SystemClock clock_;
  SystemRandom random_;
  Metrics metrics_;
  UuidSource ids_;
  BlockingPool blocking_;
  /// Of its own: cancelling and connecting wait for a database that hangs, and nothing else may wait with them.
  BlockingPool database_blocking_;
  pg::Database database_;
  engine::Sequencer sequencer_;
  engine::EventFeed feed_;
  engine::LedgerSequencer ledger_;
  engine::Worker worker_;
  qemu::QemuHypervisor hypervisor_;
  tenancy::Tenancy tenancy_;
  const std::string server_key_;
  std::optional<api::EventCursorSeal> event_cursors_;
  identity::Identity identity_;
  incident::Incidents incidents_;
  compute::Compute compute_;
  compute::MachineWorker machines_;
  api::LiveConnections live_;
  AccessWatch access_;
  AuditDownload audit_download_;
  std::unique_ptr<net::HttpClient> oidc_http_;
  std::unique_ptr<identity::oidc::Provider> oidc_;
  std::unique_ptr<identity::OutsideSignIn> outside_sign_in_;
  Health health_;
  std::unique_ptr<net::HttpClient> own_http_;
  std::unique_ptr<incident::ServiceProbe> service_probe_;
  api::Registry registry_;
  api::Router router_;
  std::unique_ptr<api::ApiSchema> schema_;
  std::unique_ptr<api::GraphqlService> graphql_;
  api::KnownDocuments documents_;
  std::unique_ptr<api::GraphqlSse> graphql_sse_;
  std::unique_ptr<api::GraphqlHttp> graphql_http_;
  std::unique_ptr<api::GraphqlWebSocket> graphql_ws_;
  std::optional<net::StaticFiles> portal_;
  std::unique_ptr<api::RateLimiter> limiter_;
  std::unique_ptr<api::Middleware> middleware_;
  std::unique_ptr<api::HttpMetrics> http_metrics_;
  std::unique_ptr<net::HttpServer> http_;
  bool probed_ = false;
  TaskScope background_;
};

Status Server::trust_provider() {
  if (settings_.oidc_issuer.empty()) return {};
  PHX_CHECK(identity::oidc::check_issuer(settings_.oidc_issuer));
  PHX_TRY(oidc_http_, net::make_http_client(io_.get_executor()));
  oidc_ = std::make_unique<identity::oidc::Provider>(
      io_.get_executor(), *oidc_http_, clock_,
      identity::oidc::Provider::Options{.issuer = settings_.oidc_issuer,
                                        .keys_ttl = std::chrono::seconds(settings_.oidc_jwks_ttl)});
  identity_.trust(*oidc_, {.issuer = settings_.oidc_issuer,
                           .audience = settings_.oidc_audience,
                           .clients = split_list(settings_.oidc_clients),
                           .tenant_claim = settings_.oidc_tenant_claim});
  // Without a client of our own there are tokens from elsewhere, but nobody is sent to sign in.
  if (settings_.oidc_client_id.empty()) return {};
  outside_sign_in_ = std::make_unique<identity::OutsideSignIn>(
      identity_, *oidc_, clock_, random_, blocking_,
      identity::OutsideSignIn::Options{
          .client = {.id = settings_.oidc_client_id, .secret = settings_.oidc_client_secret},
          .tenant_claim = settings_.oidc_tenant_claim,
          .server_key = server_key_,
          .secure_cookies = identity_.base_url().starts_with("https://")});
  outside_sign_in_->register_with(router_);
  identity_.offer_outside(settings_.oidc_name);
  return {};
}

void Server::nudge() {
  sequencer_.nudge();
  worker_.nudge();
}

asio::awaitable<Status> Server::prepare_data() {
  PHX_CO_CHECK(co_await tenancy_.ensure_default_site());
  PHX_CO_TRY(const auto first, co_await identity_.ensure_first_admin());
  if (first) log_event(LogLevel::kInfo, "identity.first_administrator", {{"next", "phoenix ctl sign-in-link"}});
  std::string_view images = settings_.image;
  while (!images.empty()) {
    const auto comma = images.find(',');
    const std::string_view one = images.substr(0, comma);
    images = comma == images.npos ? std::string_view() : images.substr(comma + 1);
    const auto equals = one.find('=');
    if (equals == one.npos)
      co_return invalid_argument("settings.bad_value", "image",
                                 "image must be name=folder, not '" + std::string(one) + "'.");
    PHX_CO_TRY(auto image, qemu::load_micro_image(std::string(one.substr(equals + 1))));
    if (settings_.accelerator == "auto" && !probed_) {
      PHX_CO_TRY(const auto probe, co_await hypervisor_.probe_accelerator(image));
      log_event(LogLevel::kInfo, "server.accelerator", {{"accelerator", probe.accelerator}, {"detail", probe.detail}});
      probed_ = true;
    }
    PHX_CO_CHECK(co_await compute_.ensure_image(
        std::string(one.substr(0, equals)), "Linux with a serial console, boots in seconds", std::move(image), ids_));
  }
  co_return Status();
}

Status Server::load_documents() {
  documents_.trust_only(settings_.documents == "trusted");
  std::vector<std::string> files = split_list(settings_.trusted_documents);
  // What our own portal asks is trusted wherever the portal is served.
  const auto portal = std::filesystem::path(settings_.portal) / "documents.json";
  if (!settings_.portal.empty() && std::filesystem::exists(portal)) files.push_back(portal.string());
  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in.good() && text.empty())
      return Error(Code::kFailedPrecondition, "documents.manifest", file + " cannot be read.");
    PHX_CHECK(documents_.load(text, file));
  }
  if (documents_.trusted() > 0)
    log_event(LogLevel::kInfo, "server.trusted_documents", {{"count", documents_.trusted()}});
  return {};
}

Status Server::assemble() {
  PHX_CHECK(trust_provider());
  health_.add("database", [this] { return database_.ping(Deadline::after(2s)); });
  health_.add("identity", [this] { return identity_.check(); });
  health_.add("hypervisor", [this]() -> asio::awaitable<Status> {
    PHX_CO_CHECK(co_await hypervisor_.list());
    co_return Status();
  });
  health_.watch_disk(blocking_, folder_.path());
  register_core(registry_, health_, database_, clock_, *event_cursors_, random_);
  tenancy_.register_with(registry_, router_);
  identity_.register_with(registry_, router_);
  compute_.register_with(registry_, router_, tenancy_, live_);
  incidents_.register_with(registry_, router_, tenancy_, [this] { nudge(); });
  audit_download_.register_with(router_);
  health_.register_with(router_);
  registry_.on_commit([this] { nudge(); });

  const auto sdl = product_sdl();
  PHX_TRY(schema_, api::ApiSchema::assemble(sdl, registry_));
  api::GraphqlService::Limits limits;
  limits.second_factor_from = api::role_from_name(settings_.second_factor_from);
  graphql_ = std::make_unique<api::GraphqlService>(
      api::GraphqlService::Services{*schema_, database_, clock_, random_, ids_, metrics_, server_key_, *event_cursors_},
      limits);
  PHX_CHECK(load_documents());
  graphql_sse_ = std::make_unique<api::GraphqlSse>(*graphql_, live_, feed_);
  graphql_http_ = std::make_unique<api::GraphqlHttp>(*graphql_, tenancy_, documents_, *graphql_sse_);
  graphql_http_->install(router_);
  graphql_ws_ = std::make_unique<api::GraphqlWebSocket>(*graphql_, identity_, tenancy_, live_, documents_, feed_, ids_);
  graphql_ws_->install(router_);
  identity_.on_revoked([this](const Uuid& proof) {
    live_.end_proof(proof);
    sequencer_.nudge();
  });
  tenancy_.on_member_changed([this](const Uuid& user, const Uuid& tenant) { live_.member_changed(user, tenant); });
  router_.add("GET", "/graphql/schema", api::Auth::kRequired, [this](api::HttpCall) -> asio::awaitable<net::Response> {
    co_return net::text_response(200, schema_->print());
  });

  if (!settings_.portal.empty()) {
    PHX_TRY(portal_, net::StaticFiles::load(settings_.portal));
    install_query_console(router_, *portal_);
    router_.fallback("/*", [this](api::HttpCall call) { return serve_portal(std::move(call)); });
  }
  health_.set_portal(portal_.has_value());

  api::Middleware::Config config;
  config.https = settings_.public_url.starts_with("https://");
  if (!settings_.public_url.empty()) config.allowed_origins.push_back(settings_.public_url);
  if (settings_.rate_limits == "on")
    limiter_ = std::make_unique<api::InProcessRateLimiter>(clock_, metrics_, rate_limits(settings_));
  middleware_ = std::make_unique<api::Middleware>(config, router_, identity_, ids_, clock_, limiter_.get());
  http_metrics_ = std::make_unique<api::HttpMetrics>(metrics_);
  net::HttpServer::Config http;
  http.limits.max_connections = static_cast<std::size_t>(settings_.max_connections);
  http.handler = [this](net::Request request) { return middleware_->handle(std::move(request)); };
  http.on_upgrade = [this](net::Request request) { return middleware_->on_upgrade(std::move(request)); };
  http.observer = http_metrics_.get();
  http_ = std::make_unique<net::HttpServer>(io_.get_executor(), clock_, std::move(http));
  return {};
}

asio::awaitable<net::Response> Server::serve_portal(api::HttpCall call) {
  if (call.http.path == kQueryConsoleFile)
    co_return net::error_response(not_found("http.not_found", "The query console is at /graphql/console."));
  co_return portal_->serve(call.http);
}

/// As a client sees it, through the server's own socket: any answer but a server error is a sign of life. What is asked
/// for is there and open to everybody, so that a platform that is well counts no errors of its own making; the
/// middleware knows the process itself by its socket and keeps these requests out of the log.
asio::awaitable<incident::ServiceState> Server::asked(std::string name, std::string path) {
  net::ClientRequest request;
  request.url = "http://localhost" + path;
  request.unix_socket = folder_.socket().string();
  request.timeout = 5s;
  const auto answer = co_await own_http_->send(std::move(request));
  incident::ServiceState state{std::move(name), answer && answer->status < 500, ""};
  if (!answer)
    state.detail = answer.error().message();
  else if (answer->status >= 500)
    state.detail = path + " answers " + std::to_string(answer->status);
  co_return state;
}

asio::awaitable<std::vector<incident::ServiceState>> Server::own_services() {
  std::vector<incident::ServiceState> out;
  HealthReport report = co_await health_.check();
  const bool database =
      std::ranges::any_of(report.dependencies, [](const auto& one) { return one.name == "database" && one.healthy; });
  for (auto& one : report.dependencies) {
    std::optional<bool> healthy = one.healthy;
    // It answers from the database: of an outage of that there is one incident, not two.
    if (one.name == "identity" && !database) healthy.reset();
    out.push_back({std::move(one.name), healthy, std::move(one.detail)});
  }
  // The smallest query there is: it goes through parser, schema and executor, but reads no table, so that the API is
  // not called down when it is the database that is. By GET, which states no Content-Type and needs no token.
  out.push_back(co_await asked("api", "/graphql?query=%7B__typename%7D"));
  if (portal_) out.push_back(co_await asked("portal", "/"));
  out.push_back(co_await held_snapshot(database));
  out.push_back(co_await strangers(database));
  co_return out;
}

/// The threshold is a duration already, so one look suffices. A database that does not answer is not waited for again.
asio::awaitable<incident::ServiceState> Server::held_snapshot(bool database) {
  incident::ServiceState state{"snapshots", {}, "", {.alert = "SnapshotHeld", .severity = "P1", .looks = 1}};
  if (!database) co_return state;
  const auto oldest = co_await engine::oldest_snapshot(database_);
  if (!oldest) co_return state;
  state.healthy = oldest->seconds <= static_cast<double>(settings_.snapshot_alert_seconds);
  if (*state.healthy) co_return state;
  const std::string process = std::to_string(oldest->process);
  state.detail = "A snapshot of the database has been held open for " +
                 std::to_string(static_cast<std::int64_t>(oldest->seconds)) + " s by process " + process + " (" +
                 oldest->role + (oldest->application.empty() ? "" : ", " + oldest->application) + ")";
  state.trouble.next_action = "End that session: as phoenix_maintenance, select pg_terminate_backend(" + process +
                              "). Queues grow slow meanwhile.";
  co_return state;
}

/// Guests that no record knows; one look suffices, since none becomes known by waiting.
asio::awaitable<incident::ServiceState> Server::strangers(bool database) {
  incident::ServiceState state{"guests", {}, "", {.alert = "UnknownGuests", .severity = "P3", .looks = 1}};
  if (!database) co_return state;
  const auto unknown = co_await compute::unknown_guests(database_, pg::Scope::worker(), hypervisor_);
  if (!unknown) co_return state;
  metrics_.gauge("sankofa_compute_unknown_guests", "Guests on this host that no record knows")
      .set(static_cast<double>(unknown->size()));
  state.healthy = unknown->empty();
  if (*state.healthy) co_return state;
  constexpr std::size_t kNamed = 5;
  for (std::size_t i = 0; i < std::min(kNamed, unknown->size()); ++i)
    state.detail += (i == 0 ? "" : ", ") + (*unknown)[i].name + " (" + (*unknown)[i].id.to_string() + ")";
  if (unknown->size() > kNamed) state.detail += " and " + std::to_string(unknown->size() - kNamed) + " more";
  state.detail = "Guests on this host that no record knows: " + state.detail;
  state.trouble.next_action = "phoenix ctl vm orphans list";
  co_return state;
}

asio::awaitable<Status> Server::listen() {
  PHX_CO_TRY(const auto address, parse_listen(settings_.listen));
  PHX_CO_TRY(const auto port, http_->listen(address.first, address.second));
  // Port 0 was a wish; links name the port that came of it.
  if (settings_.public_url.empty()) identity_.set_base_url(base_url_of(address.first, port));
  PHX_CO_CHECK(http_->listen_unix(folder_.socket().string()));
  PHX_CO_CHECK(folder_.write_server_pid());
  log_event(LogLevel::kInfo, "server.listening", {{"address", address.first}, {"port", port}});
  co_return Status();
}

asio::awaitable<void> Server::housekeeping() {
  for (;;) {
    if (const auto purged = co_await engine::purge_idempotency_keys(database_); !purged)
      log_error("housekeeping.idempotency_keys", purged.error());
    if (const auto dropped = co_await engine::drop_old_events(database_, std::chrono::days(settings_.event_days));
        !dropped)
      log_error("housekeeping.events", dropped.error());
    if (const auto thinned = co_await engine::thin_checkpoints(database_); !thinned)
      log_error("housekeeping.checkpoints", thinned.error());
    if (const auto orphans = co_await machines_.find_orphans(); !orphans)
      log_error("housekeeping.orphans", orphans.error());
    co_await sleep_for(1min);
  }
}

asio::awaitable<Status> Server::start(bool restored) {
  // A pooler that breaks pipelining or session settings is found out here, not by a customer.
  if (!settings_.database_url.empty()) PHX_CO_CHECK(co_await database_.probe(Deadline::after(10s)));
  if (restored) {
    PHX_CO_CHECK(co_await engine::begin_event_epoch(database_, "restored from a backup"));
    PHX_CO_CHECK(pg::clear_restored_marker(folder_.database()));
  }
  PHX_CO_CHECK(co_await hypervisor_.open());
  PHX_CO_CHECK(co_await prepare_data());
  PHX_CO_TRY(const std::string cursor_key, co_await engine::read_event_cursor_key(database_));
  event_cursors_.emplace(cursor_key);
  PHX_CO_CHECK(assemble());
  PHX_CO_CHECK(co_await api::verify_tables(*schema_, database_, Deadline::after(10s)));
  machines_.work_with(worker_);
  incidents_.work_with(worker_);
  if (folder_.host_started_anew()) {
    PHX_CO_TRY(const int started, co_await machines_.start_after_host(ids_));
    log_event(LogLevel::kInfo, "server.host_started_anew", {{"machines", started}});
  }
  PHX_CO_CHECK(folder_.mark_running());
  PHX_CO_CHECK(co_await feed_.start());
  background_.spawn("event feed", feed_.run());
  background_.spawn("sequencer", sequencer_.run());
  background_.spawn("ledger", ledger_.run());
  background_.spawn("access watch", access_.run());
  background_.spawn("machine probe", machines_.probe());
  background_.spawn("overdue operations", engine::sweep_overdue_operations(database_, 1s));
  background_.spawn("oldest snapshot", engine::watch_oldest_snapshot(database_, metrics_));
  background_.spawn("housekeeping", housekeeping());
  worker_.start();
  PHX_CO_CHECK(co_await listen());
  PHX_CO_TRY(own_http_, net::make_http_client(io_.get_executor()));
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  service_probe_ = std::make_unique<incident::ServiceProbe>(
      database_, incidents_, clock_, host.data(), [this] { return own_services(); },
      std::chrono::milliseconds(settings_.service_probe_every_ms));
  background_.spawn("service probe", service_probe_->run([this] { nudge(); }));
  health_.set_ready(true);
  co_return Status();
}

asio::awaitable<void> Server::stop() {
  health_.set_ready(false);
  if (graphql_sse_) graphql_sse_->end_streams();
  if (http_) co_await http_->drain(kDrainGrace);
  if (graphql_ws_) co_await graphql_ws_->stop();
  co_await worker_.stop();
  co_await background_.stop();
  co_await hypervisor_.stop();
  co_await database_.stop();
  folder_.remove_server_pid();
}

/// From the first signal on a second one of the same kind ends the process at once, as people expect.
asio::awaitable<void> until_signal(asio::io_context& io) {
  asio::signal_set signals(io, SIGINT, SIGTERM);
  boost::system::error_code ignored;
  const int number = co_await signals.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  log_event(LogLevel::kInfo, "server.stopping", {{"signal", number}});
}

asio::awaitable<Status> run(asio::io_context& io, Server& server, pg::EmbeddedCluster* cluster, bool restored) {
  if (cluster) server.background().spawn("embedded database", cluster->watch(server.database_blocking()));
  Status status = co_await server.start(restored);
  if (status) co_await until_signal(io);
  co_await server.stop();
  co_return status;
}

Result<pg::Endpoints> external_endpoints(const Settings& settings) {
  return pg::Endpoints::from(settings.database_url, settings.database_direct_url);
}

/// Each connection is an open file, and the soft limit is made for programs that use select().
void raise_open_files() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

Status serve(const Settings& settings) {
  std::signal(SIGPIPE, SIG_IGN);
  raise_open_files();
  // Before anything is made or started for it. Of a server that runs here already is told first: it is likely the one
  // that holds the address, too.
  PHX_TRY(const auto address, parse_listen(settings.listen));
  if (const auto used = DataFolder::existing(settings.data))
    if (const auto other = used->server())
      return Error(Code::kFailedPrecondition, "serve.running",
                   "A server runs on this data folder already (pid " + std::to_string(other->pid) + ").");
  PHX_CHECK(net::check_listen(address.first, address.second));
  PHX_TRY(DataFolder folder, DataFolder::open(settings.data));
  SystemRandom random;
  PHX_TRY(std::string server_key, identity::load_server_key(folder.server_key(), random));
  PHX_TRY(std::string ledger_key, identity::load_server_key(folder.ledger_key(), random));

  std::unique_ptr<pg::EmbeddedCluster> cluster;
  pg::DatabaseOptions options;
  bool restored = false;
  if (settings.database_url.empty()) {
    cluster = std::make_unique<pg::EmbeddedCluster>(cluster_options(settings));
    PHX_CHECK(cluster->start());
    restored = pg::has_restored_marker(folder.database());
    PHX_TRY(options.endpoints, pg::Endpoints::from(cluster->conninfo()));
    pg::Migrator migrator(cluster->conninfo("phoenix_owner"));
    PHX_TRY(const auto applied, migrator.up());
    if (!applied.empty()) log_event(LogLevel::kInfo, "database.migrated", {{"files", applied.size()}});
  } else {
    PHX_TRY(options.endpoints, external_endpoints(settings));
    pg::Migrator migrator(options.endpoints.owner);
    PHX_CHECK(migrator.verify());
  }

  const std::string base_url = settings.public_url.empty() ? "http://" + settings.listen : settings.public_url;
  asio::io_context io(1);
  Server server(io, settings, std::move(folder), std::move(options), std::move(server_key), std::move(ledger_key),
                base_url);
  std::optional<Status> outcome;
  std::exception_ptr failure;
  asio::co_spawn(io, run(io, server, cluster.get(), restored), [&](std::exception_ptr thrown, Status status) {
    failure = thrown;
    outcome.emplace(std::move(status));
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*outcome);
}

}  // namespace phx::app
