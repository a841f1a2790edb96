#include "app/doctor.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <map>
#include <utility>

#include "app/command_errors.hpp"
#include "app/ctl_client.hpp"
#include "app/data_folder.hpp"
#include "app/disk.hpp"
#include "app/ledger_health.hpp"
#include "app/sql.gen.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "domains/identity/password.hpp"
#include "domains/identity/server_key.hpp"
#include "pg/cluster.hpp"
#include "pg/migrate.hpp"
#include "pg/sync.hpp"

namespace phx::app {
namespace json = boost::json;
namespace {

enum class Outcome : std::uint8_t {
  kOk,
  kWarning,  ///< well, and somebody should look
  kFailed,
  kNotChecked,  ///< what it needs failed, so nothing is known of it
};

struct Finding {
  std::string check;
  Outcome outcome = Outcome::kFailed;
  Duration latency{0};
  std::string detail;
  std::string next_action;
};

struct OutcomeNames {
  std::string_view padded;  ///< for people
  std::string_view status;  ///< for scripts
  std::string_view total;   ///< its number, for scripts
};

OutcomeNames names_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk: return {"ok          ", "ok", "ok"};
    case Outcome::kWarning: return {"WARNING     ", "warning", "warning"};
    case Outcome::kFailed: return {"FAILED      ", "failed", "failed"};
    case Outcome::kNotChecked: return {"NOT CHECKED ", "not_checked", "notChecked"};
  }
  std::unreachable();
}

Finding not_checked(std::string check, std::string why, std::string next_action) {
  return {std::move(check), Outcome::kNotChecked, {}, std::move(why), std::move(next_action)};
}

Finding needs_database(std::string check) {
  return not_checked(std::move(check), "It needs the database, which does not answer.",
                     "Mend the database first, then ask again.");
}

/// What NTP holds easily, and what no deadline of ours minds.
constexpr Duration kClockSkewMax = std::chrono::seconds(2);

std::string text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// Names each failed dependency of a /health answer.
std::string failed_dependencies(const std::string& body) {
  json::error_code failure;
  const auto parsed = json::parse(body, failure);
  if (failure || !parsed.is_object()) return "unreadable answer";
  std::string out;
  if (const auto* list = parsed.get_object().if_contains("dependencies"); list && list->is_array())
    for (const auto& one : list->get_array())
      if (text(one.as_object(), "status") != "ok")
        out += (out.empty() ? "" : "; ") + text(one.as_object(), "name") + ": " + text(one.as_object(), "detail");
  return out.empty() ? "no detail" : out;
}

asio::awaitable<Finding> check_path(CtlClient& client, std::string name, std::string path, std::string next_action) {
  const SystemClock clock;
  Finding finding{name, Outcome::kFailed, {}, {}, next_action};
  const Duration start = clock.monotonic();
  const auto answer = co_await client.request("GET", path, "");
  finding.latency = clock.monotonic() - start;
  if (!answer)
    finding.detail = answer.error().message();
  else if (!answer->ok())
    finding.detail = path + " answers " + std::to_string(answer->status) + ": " + failed_dependencies(answer->body);
  else
    finding.outcome = Outcome::kOk;
  co_return finding;
}

/// The guests that are not where they should be, named with tenant, since when, why, and what to do.
asio::awaitable<Finding> check_workloads(CtlClient& client) {
  const SystemClock clock;
  Finding finding{"workloads", Outcome::kFailed, {}, {}, {}};
  const Duration start = clock.monotonic();
  const auto data = co_await client.graphql(
      "{ virtualMachines(first: 100, filter: { state: { in: [LOST, DEGRADED, UNKNOWN] } }) { totalCount nodes { name "
      "state "
      "stateReason stateSince nextAction tenant { name } } } unknownGuests { id name tenantId tenantName running } }",
      {}, "");
  finding.latency = clock.monotonic() - start;
  if (!data) {
    finding.detail = "cannot be asked for: " + data.error().message();
    finding.next_action = data.error().next_action();
    co_return finding;
  }
  const auto& list = data->at("virtualMachines").as_object();
  for (const auto& node : list.at("nodes").as_array()) {
    const auto& machine = node.as_object();
    const auto since = parse_instant(text(machine, "stateSince"));
    finding.detail += (finding.detail.empty() ? "" : "\n") + std::string("guest ") + text(machine, "name") +
                      " of tenant " + text(machine.at("tenant").as_object(), "name") + " is " + text(machine, "state") +
                      (since ? " for " + format_duration(clock.now() - *since) : "") + ": " +
                      text(machine, "stateReason");
    if (finding.next_action.empty()) finding.next_action = text(machine, "nextAction");
  }
  for (const auto& item : data->at("unknownGuests").as_array()) {
    const auto& guest = item.as_object();
    const std::string tenant = text(guest, "tenantName");
    finding.detail += (finding.detail.empty() ? "" : "\n") + std::string("guest ") + text(guest, "name") + " (" +
                      text(guest, "id") + ") of tenant " + (tenant.empty() ? text(guest, "tenantId") : tenant) +
                      " is on this host" + (guest.at("running").as_bool() ? " and runs" : "") +
                      ", and no record knows it";
    if (finding.next_action.empty())
      finding.next_action = "Restore a backup that knows it, or remove it for good: phoenix ctl vm orphans remove ID.";
  }
  if (finding.detail.empty()) finding = {finding.check, Outcome::kOk, finding.latency, {}, {}};
  co_return finding;
}

/// How to reach the database, if it can be reached. Looked for once: a database that hangs is waited for.
Result<std::string> reach_database(const Settings& settings) {
  PHX_TRY(std::string owner, live_database_owner(settings));
  PHX_TRY(const auto connection, pg::SyncConnection::open(owner));
  return owner;
}

/// Straight to the database, past the server: it may be the server that is broken.
Finding check_database(const Result<std::string>& owner, Duration reached_after) {
  const SystemClock clock;
  Finding finding{"database", Outcome::kFailed, {}, {}, "Start it with phoenix serve; its log is in the data folder."};
  const Duration start = clock.monotonic();
  const Status status = owner ? pg::Migrator(*owner).verify() : Status(owner.error());
  finding.latency = reached_after + clock.monotonic() - start;
  if (status) {
    finding.outcome = Outcome::kOk;
  } else {
    finding.detail = status.error().message();
    if (!status.error().next_action().empty()) finding.next_action = status.error().next_action();
  }
  return finding;
}

/// Deadlines and leases are judged by phoenix.now() in the database, sessions and pages by our clock in the server.
Status compare_clocks(const std::string& conninfo) {
  const SystemClock clock;
  PHX_TRY(auto database, pg::SyncConnection::open(conninfo));
  const Instant before = clock.now();
  PHX_TRY(const auto rows, database.execute(sql::app::database_clock));
  const Instant here = before + (clock.now() - before) / 2;
  const Duration ahead = rows.get<Instant>(0, "now") - here;
  const Duration size = ahead < Duration(0) ? -ahead : ahead;
  if (size <= kClockSkewMax) return {};
  return Error(Code::kFailedPrecondition, "doctor.clock",
               "phoenix.now() in the database is " + format_duration(size) +
                   (ahead < Duration(0) ? " behind" : " ahead of") + " this machine's clock.")
      .with_next_action(
          "Set the clocks of both machines by NTP. If they agree, the function phoenix.now() was replaced: it has to "
          "return statement_timestamp().");
}

Finding check_clock(const Result<std::string>& owner) {
  if (!owner) return needs_database("clock");
  const SystemClock clock;
  Finding finding{"clock", Outcome::kFailed, {}, {}, {}};
  const Duration start = clock.monotonic();
  const Status status = compare_clocks(*owner);
  finding.latency = clock.monotonic() - start;
  if (status) {
    finding.outcome = Outcome::kOk;
  } else {
    finding.detail = status.error().message();
    finding.next_action = status.error().next_action();
  }
  return finding;
}

Finding check_ledger(const Result<std::string>& owner, const std::filesystem::path& key_file) {
  if (!owner) return needs_database("ledger");
  const SystemClock clock;
  Finding finding{
      "ledger", Outcome::kFailed, {}, {}, "Restore ledger.key from your backup, mode 0600, as the server's."};
  const Duration start = clock.monotonic();
  const Status status = check_ledger_health(*owner, key_file);
  finding.latency = clock.monotonic() - start;
  if (status) {
    finding.outcome = Outcome::kOk;
  } else {
    finding.detail = status.error().message();
    if (!status.error().next_action().empty()) finding.next_action = status.error().next_action();
  }
  return finding;
}

Finding check_disk(const Settings& settings) {
  const SystemClock clock;
  const std::string next = "Free space on the file system of " + settings.data + ", or give it more.";
  Finding finding{"disk", Outcome::kFailed, {}, {}, next};
  const Duration start = clock.monotonic();
  const auto space = disk_space(settings.data);
  finding.latency = clock.monotonic() - start;
  if (!space) {
    finding.detail = space.error().message();
    return finding;
  }
  const DiskLevel level = judge(*space);
  finding.outcome = level == DiskLevel::kFull  ? Outcome::kFailed
                    : level == DiskLevel::kLow ? Outcome::kWarning
                                               : Outcome::kOk;
  finding.detail = (level == DiskLevel::kFull  ? "full, nothing can be stored: "
                    : level == DiskLevel::kLow ? "low: "
                                               : "") +
                   describe(*space) + " in " + settings.data;
  return finding;
}

/// The status of one dependency in a /health answer; empty when it is not named there.
std::string dependency_status(const std::string& body, std::string_view name) {
  json::error_code failure;
  const auto parsed = json::parse(body, failure);
  if (failure || !parsed.is_object()) return {};
  if (const auto* list = parsed.get_object().if_contains("dependencies"); list && list->is_array())
    for (const auto& one : list->get_array())
      if (one.is_object() && text(one.as_object(), "name") == name) return text(one.as_object(), "status");
  return {};
}

/// Whether passwords can be judged on this machine at the cost we store them with: it takes memory.
Status check_hashing() {
  SystemRandom random;
  PHX_TRY(const auto phc, identity::hash_password("phoenix doctor", identity::make_salt(random)));
  if (identity::verify_password(phc, "phoenix doctor") && !identity::verify_password(phc, "phoenix patient")) return {};
  return Error(Code::kInternal, "doctor.hashing", "A password that was just hashed is not recognised.");
}

/// Can people sign in? The server's key, the hashing of passwords, the tables of accounts, sessions, tokens and links,
/// a stranger who must be told so, and a good token that must be recognised.
asio::awaitable<Status> sign_in_works(CtlClient& client, const std::filesystem::path& server_key) {
  PHX_CO_CHECK(identity::check_server_key(server_key));
  PHX_CO_CHECK(check_hashing());
  const auto broken = [](std::string what) { return Error(Code::kUnavailable, "doctor.identity", std::move(what)); };
  PHX_CO_TRY(const auto health, co_await client.request("GET", "/health", ""));
  if (dependency_status(health.body, "identity") != "ok")
    co_return broken("the tables of accounts, sessions and sign-in links cannot be read");
  // A link that nobody was given: it is looked for, and refused without leaving a trace.
  const json::object link{{"token", std::string(43, 'A')}};
  PHX_CO_TRY(const auto stranger, co_await client.request("POST", "/auth/one-time", json::serialize(link)));
  if (stranger.status != 401)
    co_return broken("a sign-in link that does not exist is answered with " + std::to_string(stranger.status));
  const auto me = co_await client.graphql("{ me { id } }", {}, "");
  if (!me) co_return broken("a valid token is not accepted: " + me.error().message());
  co_return Status();
}

asio::awaitable<Finding> check_identity(CtlClient& client, const std::filesystem::path& server_key) {
  const SystemClock clock;
  Finding finding{"identity", Outcome::kFailed, {}, {}, "Look for identity.* and auth.* in the server's log."};
  const Duration start = clock.monotonic();
  const Status status = co_await sign_in_works(client, server_key);
  finding.latency = clock.monotonic() - start;
  if (status)
    finding.outcome = Outcome::kOk;
  else
    finding.detail = status.error().message();
  co_return finding;
}

asio::awaitable<std::vector<Finding>> check_server(CtlClient& client, bool database) {
  const Status connected = co_await client.connect();
  const auto unreachable = [&](const char* check, Outcome outcome) {
    return Finding{check, outcome, {}, connected.error().message(), connected.error().next_action()};
  };
  if (!connected && connected.error().reason() == "ctl.no_server")
    co_return std::vector<Finding>{unreachable("workloads", Outcome::kNotChecked), unreachable("API", Outcome::kFailed),
                                   unreachable("portal", Outcome::kFailed),
                                   unreachable("identity", Outcome::kNotChecked)};
  // What is open to everybody can be asked also by who got no token, which the database has to know.
  std::vector<Finding> findings(4);
  findings[1] =
      co_await check_path(client, "API", "/health", "Look at the dependency named, then at the server's log.");
  findings[2] =
      co_await check_path(client, "portal", "/api/health", "Build the portal (./dev build) and restart the server.");
  if (!database) {
    findings[0] = needs_database("workloads");
    findings[3] = needs_database("identity");
  } else if (!connected) {
    // Identity did not tell who asks: that is its failure, and the machines cannot be asked for.
    findings[0] = unreachable("workloads", Outcome::kNotChecked);
    findings[3] = unreachable("identity", Outcome::kFailed);
  } else {
    findings[0] = co_await check_workloads(client);
    findings[3] = co_await check_identity(client, std::filesystem::path(client.data_folder()) / "server.key");
  }
  co_return findings;
}

void print_for_people(const Finding& finding) {
  std::cout << names_of(finding.outcome).padded << finding.check << std::string(12 - finding.check.size(), ' ');
  if (finding.outcome == Outcome::kNotChecked)
    std::cout << "-\n";
  else
    std::cout << static_cast<double>(finding.latency.count()) / 1000.0 << " ms\n";
  if (finding.outcome == Outcome::kOk) return;
  const std::string indent(12, ' ');
  std::string_view detail = finding.detail;
  while (!detail.empty()) {
    const auto end = detail.find('\n');
    std::cout << indent << detail.substr(0, end) << "\n";
    detail = end == detail.npos ? std::string_view() : detail.substr(end + 1);
  }
  if (!finding.next_action.empty()) std::cout << indent << "next: " << finding.next_action << "\n";
}

/// What was not checked has no latency: null, so that nobody takes it for a fast answer.
json::object for_scripts(const Finding& finding) {
  json::value latency;
  if (finding.outcome != Outcome::kNotChecked) latency = static_cast<double>(finding.latency.count()) / 1000.0;
  return {{"check", finding.check},
          {"status", names_of(finding.outcome).status},
          {"latencyMs", std::move(latency)},
          {"detail", finding.detail},
          {"nextAction", finding.outcome == Outcome::kOk ? "" : finding.next_action}};
}

}  // namespace

int run_doctor(const Settings& settings, bool as_json) {
  // A mistyped folder is no patient.
  const auto folder = DataFolder::existing(settings.data);
  if (!folder) return print_error(folder.error(), as_json, true);
  const SystemClock clock;
  const Duration start = clock.monotonic();
  // Before the server, since most of what is asked of it needs the database.
  const auto owner = reach_database(settings);
  const Duration reached_after = clock.monotonic() - start;

  asio::io_context io(1);
  CtlTarget target;
  target.data = settings.data;
  CtlClient client(io.get_executor(), target);
  std::vector<Finding> findings;
  std::exception_ptr failure;
  const auto work = [&]() -> asio::awaitable<void> { findings = co_await check_server(client, owner.has_value()); };
  asio::co_spawn(io, work(), [&](std::exception_ptr thrown) {
    failure = thrown;
    io.stop();
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  findings.push_back(check_database(owner, reached_after));
  findings.push_back(check_clock(owner));
  findings.push_back(check_ledger(owner, folder->ledger_key()));
  findings.push_back(check_disk(settings));

  json::array list;
  std::map<Outcome, int> count;
  for (const auto& finding : findings) {
    ++count[finding.outcome];
    if (as_json)
      list.push_back(for_scripts(finding));
    else
      print_for_people(finding);
  }
  const bool healthy = count[Outcome::kFailed] + count[Outcome::kNotChecked] == 0;
  if (as_json) {
    json::object summary;
    for (const auto outcome : {Outcome::kOk, Outcome::kWarning, Outcome::kFailed, Outcome::kNotChecked})
      summary[names_of(outcome).total] = count[outcome];
    std::cout << json::serialize(
                     json::object{{"healthy", healthy}, {"summary", std::move(summary)}, {"checks", std::move(list)}})
              << "\n";
  } else {
    std::cout << count[Outcome::kOk] << " ok, " << count[Outcome::kWarning] << " warning, " << count[Outcome::kFailed]
              << " failed, " << count[Outcome::kNotChecked] << " not checked\n";
  }
  return healthy ? 0 : kFailed;
}

}  // namespace phx::app
