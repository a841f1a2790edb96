#include "app/ctl.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>

#include "app/command_errors.hpp"
#include "app/ctl_client.hpp"
#include "app/terminal.hpp"
#include "base/clock.hpp"
#include "base/task_scope.hpp"
#include "base/unique_fd.hpp"
#include "base/uuid.hpp"
#include "net/url.hpp"

namespace phx::app {
namespace json = boost::json;
namespace {

using Work = std::function<asio::awaitable<Status>(CtlClient&)>;

constexpr auto kPoll = std::chrono::milliseconds(200);
/// Of keys and user data; the server takes less.
constexpr std::size_t kMaxFile = std::size_t{1} << 20;

/// For options whose emptiness is a script's unset variable.
const CLI::Validator not_empty([](const std::string& given) { return std::string(given.empty() ? "is empty" : ""); },
                               "", "not empty");

/// The server says which ports are allowed; here it has to be a number.
std::optional<int> port_of(std::string_view text) {
  int port = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

/// Nothing that a terminal obeys: escape sequences in names, texts and timelines are shown, not done. Line breaks and
/// tabs stay.
std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // C1 controls are two bytes in UTF-8: 0xC2 and 0x80 to 0x9F.
    const bool wide = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (wide || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) {
      out += "\xEF\xBF\xBD";
      if (wide) ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string cell(const json::value& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return printable(value.get_string());
  if (value.is_object() && value.get_object().size() == 1) return cell(value.get_object().begin()->value());
  return json::serialize(value);
}

/// Rows of equal objects as aligned columns; field names become headings.
void print_table(const json::array& rows) {
  if (rows.empty()) {
    std::cout << "(none)\n";
    return;
  }
  std::vector<std::string> names;
  for (const auto& [name, value] : rows.front().as_object()) names.emplace_back(name);
  std::vector<std::vector<std::string>> cells{names};
  for (auto& name : cells.front()) std::ranges::transform(name, name.begin(), [](char c) { return std::toupper(c); });
  for (const auto& row : rows) {
    std::vector<std::string> line;
    for (const auto& name : names) {
      line.push_back(cell(row.as_object().at(name)));
      // A row is a line.
      std::ranges::replace_if(line.back(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
    }
    cells.push_back(std::move(line));
  }
  std::vector<std::size_t> widths(names.size(), 0);
  for (const auto& line : cells)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  for (const auto& line : cells) {
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
      out += line[i];
      if (i + 1 < line.size()) out += std::string(widths[i] - line[i].size() + 2, ' ');
    }
    std::cout << out << "\n";
  }
}

/// Of an answer of /ready: its status, and the dependencies that fail.
std::string why_not_ready(const std::string& body) {
  json::error_code failure;
  const auto parsed = json::parse(body, failure);
  if (failure || !parsed.is_object()) return "its answer is not understood";
  const auto* status = parsed.get_object().if_contains("status");
  std::string out = status && status->is_string() ? std::string(status->get_string()) : "no reason given";
  if (const auto* failed = parsed.get_object().if_contains("failed"); failed && failed->is_array())
    for (const auto& one : failed->get_array()) out += (&one == failed->get_array().begin() ? ": " : ", ") + cell(one);
  return out;
}

constexpr std::string_view kMachineFields =
    "id name state stateReason nextAction desiredState bootedAt vcpus memoryMib diskGib image { name } createdAt";
constexpr std::string_view kIncidentFields =
    "id reference severity status title affectedServices impact startedAt responseDueAt respondedAt resolutionDueAt "
    "resolvedAt commander virtualMachine { name }";
constexpr std::string_view kImageFields = "id name state stateReason format sizeMib minMemoryMib minDiskGib sha256";
constexpr std::string_view kKeyFields =
    "id prefix serviceAccount { name } scopes allowedAddresses createdAt expiresAt rotatedAt lastUsedAt";
constexpr std::string_view kOperationFields = "id kind state objectName progress step reason nextAction";

}  // namespace

struct Ctl::Impl {
  CtlTarget target;
  std::string token_file;
  std::string output = "text";
  std::string key;
  Work work;

  // Arguments of the commands; CLI11 writes them while parsing.
  std::string name, other_name, display_name, tier = "STANDARD", image, file, format, description, title, severity,
                                              impact, status, note, user_data_file, reference, role = "TENANT_MEMBER";
  std::vector<std::string> ssh_key_files, services, forwards, scopes{"READ", "WRITE"}, networks;
  int vcpus = 1, memory_mib = 128, disk_gib = 1;
  std::int64_t ttl_seconds = 12 * 3600, key_ttl_seconds = 0;
  int overlap_seconds = 24 * 3600;
  bool wait = false, force = false, everything = false;
  /// Parameters of an export of the audit log, as the server names them.
  std::map<std::string, std::string> audit{{"format", "jsonl"}};
  int timeout_seconds = 120;

  bool as_json() const { return output == "json"; }

  void show(const json::value& value) const {
    if (as_json()) {
      std::cout << json::serialize(value) << "\n";
    } else if (value.is_array()) {
      print_table(value.get_array());
    } else if (value.is_object()) {
      for (const auto& [field, item] : value.get_object())
        std::cout << std::string(field) << ": " << cell(item) << "\n";
    }
  }

  /// Positional NAME or --name NAME; both name the same thing.
  std::string wanted() const { return name.empty() ? other_name : name; }

  json::object with_key(json::object variables) const {
    variables["key"] = key.empty() ? json::value(nullptr) : json::value(key);
    return variables;
  }

  // --- tenants
  asio::awaitable<Status> tenant_create(CtlClient& client);
  asio::awaitable<Status> tenant_list(CtlClient& client);
  // --- machines
  asio::awaitable<Result<std::string>> machine_id(CtlClient& client, std::string tenant);
  asio::awaitable<Status> vm_create(CtlClient& client);
  asio::awaitable<Status> vm_list(CtlClient& client);
  asio::awaitable<Status> vm_show(CtlClient& client);
  asio::awaitable<Status> vm_change(CtlClient& client, std::string mutation);
  asio::awaitable<Status> vm_console(CtlClient& client);
  asio::awaitable<Status> await_operation(CtlClient& client, std::string tenant, std::string id);
  // --- images, operations, incidents
  asio::awaitable<Status> list(CtlClient& client, std::string root, std::string fields, bool in_tenant,
                               std::string arguments);
  asio::awaitable<Status> image_import(CtlClient& client);
  asio::awaitable<Status> image_delete(CtlClient& client);
  asio::awaitable<Status> orphan_list(CtlClient& client);
  asio::awaitable<Status> orphan_remove(CtlClient& client);
  asio::awaitable<Status> operation_change(CtlClient& client, std::string mutation);
  asio::awaitable<Result<std::pair<std::string, std::string>>> incident_place(CtlClient& client);
  asio::awaitable<Status> incident_declare(CtlClient& client);
  asio::awaitable<Status> incident_show(CtlClient& client);
  asio::awaitable<Status> incident_change(CtlClient& client, std::string mutation);
  asio::awaitable<Status> incident_restart_guest(CtlClient& client);
  asio::awaitable<Status> incident_status(CtlClient& client, std::string to);
  asio::awaitable<Status> incident_report(CtlClient& client);
  // --- programs
  asio::awaitable<Result<std::string>> service_account_id(CtlClient& client, std::string tenant);
  asio::awaitable<Status> service_account_create(CtlClient& client);
  asio::awaitable<Status> service_account_delete(CtlClient& client);
  asio::awaitable<Result<std::string>> key_id(CtlClient& client, std::string tenant);
  void show_new_key(const json::value& payload) const;
  asio::awaitable<Status> key_create(CtlClient& client);
  asio::awaitable<Status> key_rotate(CtlClient& client);
  asio::awaitable<Status> key_revoke(CtlClient& client);
  asio::awaitable<Status> audit_export(CtlClient& client);
  // --- people
  asio::awaitable<Status> user_reset_mfa(CtlClient& client);
  asio::awaitable<Status> user_reset_password(CtlClient& client);
  // --- the server
  asio::awaitable<Status> token(CtlClient& client);
  asio::awaitable<Status> sign_in_link(CtlClient& client);
  asio::awaitable<Status> ready(CtlClient& client);
};

asio::awaitable<Status> Ctl::Impl::tenant_create(CtlClient& client) {
  json::object input{{"name", wanted()}, {"tier", tier}};
  if (!display_name.empty()) input["displayName"] = display_name;
  PHX_CO_TRY(const auto data,
             co_await client.graphql("mutation($input: CreateTenantInput!, $key: String) { createTenant(input: $input, "
                                     "idempotencyKey: $key) { tenant { id name displayName tier status } } }",
                                     with_key({{"input", std::move(input)}}), ""));
  show(data.at("createTenant").at("tenant"));
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::tenant_list(CtlClient& client) {
  co_return co_await list(client, "tenants", "id name displayName tier status", false, ", orderBy: NAME");
}

asio::awaitable<Result<std::string>> Ctl::Impl::machine_id(CtlClient& client, std::string tenant) {
  if (Uuid::parse(wanted())) co_return wanted();
  PHX_CO_TRY(const auto data, co_await client.graphql(
                                  "query($name: String!) { virtualMachines(first: 1, filter: { name: { eq: $name } }) "
                                  "{ nodes { id } } }",
                                  {{"name", wanted()}}, std::move(tenant)));
  const auto& nodes = data.at("virtualMachines").at("nodes").as_array();
  if (nodes.empty()) co_return not_found("vm.not_found", "There is no machine '" + wanted() + "'.");
  co_return std::string(nodes.front().at("id").as_string());
}

asio::awaitable<Status> Ctl::Impl::await_operation(CtlClient& client, std::string tenant, std::string id) {
  const SystemClock clock;
  const Duration until = clock.monotonic() + std::chrono::seconds(timeout_seconds);
  std::string last_step;
  for (;;) {
    PHX_CO_TRY(const auto data, co_await client.graphql(
                                    "query($id: ID!) { operation(id: $id) { " + std::string(kOperationFields) + " } }",
                                    {{"id", id}}, tenant));
    if (data.at("operation").is_null()) co_return not_found("operation.not_found", "The operation is gone.");
    const auto& operation = data.at("operation").as_object();
    const std::string state = cell(operation.at("state"));
    if (const std::string step = cell(operation.at("step")); step != last_step && !as_json() && isatty(STDERR_FILENO)) {
      std::cerr << step << "\n";
      last_step = step;
    }
    if (state == "SUCCEEDED") co_return Status();
    if (state == "FAILED" || state == "CANCELLED")
      co_return Error(Code::kFailedPrecondition, "operation." + state,
                      cell(operation.at("kind")) + " " + state + ": " + cell(operation.at("reason")))
          .with_next_action(operation.at("nextAction").is_null() ? "" : cell(operation.at("nextAction")));
    if (clock.monotonic() > until)
      co_return Error(Code::kDeadlineExceeded, "ctl.wait",
                      "Still " + state + " after " + std::to_string(timeout_seconds) + " s; the operation goes on.");
    co_await sleep_for(kPoll);
  }
}

asio::awaitable<Status> Ctl::Impl::vm_create(CtlClient& client) {
  PHX_CO_TRY(const std::string tenant, co_await client.tenant());
  json::object input{
      {"name", wanted()}, {"image", image}, {"vcpus", vcpus}, {"memoryMib", memory_mib}, {"diskGib", disk_gib}};
  const auto read_file = [](const std::string& path) -> Result<std::string> {
    std::ifstream in(path);
    std::string content(kMaxFile + 1, '\0');
    in.read(content.data(), static_cast<std::streamsize>(content.size()));
    if (!in.is_open() || in.bad()) return invalid_argument("ctl.file", "", "Cannot read " + path + ".");
    content.resize(static_cast<std::size_t>(in.gcount()));
    if (content.size() > kMaxFile) return invalid_argument("ctl.file", "", path + " is larger than 1 MiB.");
    while (!content.empty() && content.back() == '\n') content.pop_back();
    return content;
  };
  json::array keys;
  for (const auto& path : ssh_key_files) {
    PHX_CO_TRY(const std::string content, read_file(path));
    keys.emplace_back(content);
  }
  if (!keys.empty()) input["sshKeys"] = std::move(keys);
  if (!user_data_file.empty()) {
    PHX_CO_TRY(const std::string content, read_file(user_data_file));
    input["userData"] = content;
  }
  json::array ports;
  for (const auto& forward : forwards) {
    const auto colon = std::min(forward.find(':'), forward.size());
    const auto host = port_of(std::string_view(forward).substr(0, colon));
    const auto guest = port_of(std::string_view(forward).substr(std::min(colon + 1, forward.size())));
    if (!host || !guest)
      co_return invalid_argument("ctl.forward", "forward", "A forward is HOSTPORT:GUESTPORT, as 8080:80.");
    ports.push_back(json::object{{"hostPort", *host}, {"guestPort", *guest}});
  }
  if (!ports.empty()) input["portForwards"] = std::move(ports);
  PHX_CO_TRY(const auto data,
             co_await client.graphql(
                 "mutation($input: CreateVirtualMachineInput!, $key: String) { createVirtualMachine(input: "
                 "$input, idempotencyKey: $key) { virtualMachine { id } operation { id } } }",
                 with_key({{"input", std::move(input)}}), tenant));
  const auto& payload = data.at("createVirtualMachine").as_object();
  if (wait) PHX_CO_CHECK(co_await await_operation(client, tenant, cell(payload.at("operation"))));
  name = cell(payload.at("virtualMachine"));
  co_return co_await vm_show(client);
}

asio::awaitable<Status> Ctl::Impl::list(CtlClient& client, std::string root, std::string fields, bool in_tenant,
                                        std::string arguments) {
  std::string tenant;
  if (in_tenant || !client.tenant_asked_for().empty()) { PHX_CO_TRY(tenant, co_await client.tenant()); }
  // Pages are read to the end: a list that silently stops is a list that lies.
  json::array all;
  json::value after = nullptr;
  for (;;) {
    PHX_CO_TRY(const auto data, co_await client.graphql("query($after: String) { page: " + root +
                                                            "(first: 200, after: $after" + arguments + ") { nodes { " +
                                                            fields + " } pageInfo { hasNextPage endCursor } } }",
                                                        {{"after", after}}, tenant));
    const auto& page = data.at("page").as_object();
    for (const auto& node : page.at("nodes").as_array()) all.push_back(node);
    if (!page.at("pageInfo").at("hasNextPage").as_bool()) break;
    after = page.at("pageInfo").at("endCursor");
  }
  show(all);
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::vm_list(CtlClient& client) {
  co_return co_await list(client, "virtualMachines", "id name state vcpus memoryMib diskGib image { name } stateReason",
                          true, "");
}

asio::awaitable<Status> Ctl::Impl::vm_show(CtlClient& client) {
  PHX_CO_TRY(const std::string tenant, co_await client.tenant());
  PHX_CO_TRY(const std::string id, co_await machine_id(client, tenant));
  PHX_CO_TRY(const auto data, co_await client.graphql(
                                  "query($id: ID!) { virtualMachine(id: $id) { " + std::string(kMachineFields) + " } }",
                                  {{"id", id}}, tenant));
  if (data.at("virtualMachine").is_null()) co_return not_found("vm.not_found", "There is no such machine.");
  show(data.at("virtualMachine"));
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::vm_change(CtlClient& client, std::string mutation) {
  PHX_CO_TRY(const std::string tenant, co_await client.tenant());
  PHX_CO_TRY(const std::string id, co_await machine_id(client, tenant));
  const std::string extra = force && mutation == "stopVirtualMachine" ? ", force: true" : "";
  PHX_CO_TRY(const auto data, co_await client.graphql("mutation($id: ID!, $key: String) { change: " + mutation +
                                                          "(id: $id, idempotencyKey: $key" + extra +
                                                          ") { operation { " + std::string(kOperationFields) + " } } }",
                                                      with_key({{"id", id}}), tenant));
  const auto& operation = data.at("change").at("operation").as_object();
  if (!wait) {
    show(operation);
    co_return Status();
  }
  PHX_CO_CHECK(co_await await_operation(client, tenant, cell(operation.at("id"))));
  if (mutation == "deleteVirtualMachine") {
    show(json::object{{"id", id}, {"deleted", true}});
    co_return Status();
  }
  co_return co_await vm_show(client);
}

asio::awaitable<Status> Ctl::Impl::vm_console(CtlClient& client) {
  PHX_CO_TRY(const std::string tenant, co_await client.tenant());
  PHX_CO_TRY(const std::string id, co_await machine_id(client, tenant));
  PHX_CO_TRY(auto socket, co_await client.websocket("/console/" + id + "?tenant=" + tenant, "phoenix-console"));
  co_return co_await run_terminal(std::move(socket));
}

asio::awaitable<Result<std::string>> Ctl::Impl::service_account_id(CtlClient& client, std::string tenant) {
  if (Uuid::parse(wanted())) co_return wanted();
  PHX_CO_TRY(const auto data, co_await client.graphql(
                                  "query($name: String!) { serviceAccounts(first: 1, filter: { name: { eq: $name } }) "
                                  "{ nodes { id } } }",
                                  {{"name", wanted()}}, std::move(tenant)));
  const auto& nodes = data.at("serviceAccounts").at("nodes").as_array();
  if (nodes.empty())
    co_return not_found("service_account.not_found", "There is no service account '" + wanted() + "'.");
  co_return cell(nodes.front());
}

asio::awaitable<Status> Ctl::Impl::service_account_create(CtlClient& client) {
  PHX_CO_TRY(const std::string tenant, co_await client.tenant());
  PHX_CO_TRY(const auto data,
             co_await client.graphql("mutation($input: CreateServiceAccountInput!, $key: String) { "
                                     "createServiceAccount(input: $input, idempotencyKey: $key) { serviceAccount { id "
                                     "name role createdBy createdAt } } }",
                                     with_key({{"input", {{"name", wanted()}, {"role", role}}}}), tenant));
  show(data.at("createServiceAccount").at("serviceAccount"));
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::service_account_delete(CtlClient& client) {
  PHX_CO_TRY(const std::string tenant, co_await client.tenant());
  PHX_CO_TRY(const std::string id, co_await service_account_id(client, tenant));
  PHX_CO_CHECK(
      co_await client.graphql("mutation($id: ID!, $key: String) { deleteServiceAccount(id: $id, "
                              "idempotencyKey: $key) { serviceAccountId } }",
                              with_key({{"id", id}}), tenant));
  show(json::object{{"id", id}, {"deleted", true}});
  co_return Status();
}

asio::awaitable<Result<std::string>> Ctl::Impl::key_id(CtlClient& client, std::string tenant) {
  if (Uuid::parse(wanted())) co_return wanted();
  PHX_CO_TRY(const auto data,
             co_await client.graphql("query($prefix: String!) { apiKeys(first: 2, filter: { prefix: { eq: $prefix } }) "
                                     "{ nodes { id } } }",
                                     {{"prefix", wanted()}}, std::move(tenant)));
  const auto& nodes = data.at("apiKeys").at("nodes").as_array();
  if (nodes.empty()) co_return not_found("api_key.not_found", "There is no key '" + wanted() + "'.");
  if (nodes.size() > 1) co_return invalid_argument("ctl.which_key", "", "Several keys begin so: give the id.");
  co_return cell(nodes.front());
}

/// The key comes last, where a person looks for it.
void Ctl::Impl::show_new_key(const json::value& payload) const {
  json::object shown = payload.at("apiKey").as_object();
  shown["secret"] = payload.at("secret");
  show(shown);
  if (!as_json() && !payload.at("secret").is_null())
    std::cerr << "This is the only time the key is shown: keep it now.\n";
}

asio::awaitable<Status> Ctl::Impl::key_create(CtlClient& client) {
  PHX_CO_TRY(const std::string tenant, co_await client.tenant());
  PHX_CO_TRY(const std::string account, co_await service_account_id(client, tenant));
  json::object input{{"serviceAccountId", account},
                     {"scopes", json::array(scopes.begin(), scopes.end())},
                     {"allowedAddresses", json::array(networks.begin(), networks.end())}};
  if (key_ttl_seconds > 0)
    input["expiresAt"] = format_instant(SystemClock().now() + std::chrono::seconds(key_ttl_seconds));
  PHX_CO_TRY(const auto data,
             co_await client.graphql("mutation($input: CreateApiKeyInput!, $key: String) { createApiKey(input: $input, "
                                     "idempotencyKey: $key) { secret apiKey { " +
                                         std::string(kKeyFields) + " } } }",
                                     with_key({{"input", std::move(input)}}), tenant));
  show_new_key(data.at("createApiKey"));
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::key_rotate(CtlClient& client) {
  PHX_CO_TRY(const std::string tenant, co_await client.tenant());
  PHX_CO_TRY(const std::string id, co_await key_id(client, tenant));
  PHX_CO_TRY(const auto data,
             co_await client.graphql("mutation($id: ID!, $overlap: Int!, $key: String) { rotateApiKey(id: $id, "
                                     "overlapSeconds: $overlap, idempotencyKey: $key) { secret apiKey { " +
                                         std::string(kKeyFields) + " } } }",
                                     with_key({{"id", id}, {"overlap", overlap_seconds}}), tenant));
  show_new_key(data.at("rotateApiKey"));
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::key_revoke(CtlClient& client) {
  PHX_CO_TRY(const std::string tenant, co_await client.tenant());
  PHX_CO_TRY(const std::string id, co_await key_id(client, tenant));
  PHX_CO_CHECK(co_await client.graphql(
      "mutation($id: ID!, $key: String) { revokeApiKey(id: $id, idempotencyKey: $key) { apiKeyId } }",
      with_key({{"id", id}}), tenant));
  show(json::object{{"id", id}, {"revoked", true}});
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::user_reset_mfa(CtlClient& client) {
  PHX_CO_TRY(const auto data, co_await client.graphql("mutation($account: String!, $key: String) { "
                                                      "resetSecondFactor(account: $account, idempotencyKey: $key) { "
                                                      "userId } }",
                                                      with_key({{"account", wanted()}}), ""));
  show(json::object{{"id", data.at("resetSecondFactor").at("userId")}, {"secondFactor", false}});
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::user_reset_password(CtlClient& client) {
  PHX_CO_TRY(const auto data, co_await client.graphql("mutation($account: String!, $key: String) { "
                                                      "resetPassword(account: $account, idempotencyKey: $key) { "
                                                      "link expiresAt } }",
                                                      with_key({{"account", wanted()}}), ""));
  const auto& payload = data.at("resetPassword").as_object();
  if (as_json()) {
    show(payload);
    co_return Status();
  }
  if (payload.at("link").is_null())
    co_return Error(Code::kFailedPrecondition, "ctl.shown_before", "The link of this idempotency key was shown before.")
        .with_next_action("Run it again with another key, or without one.");
  std::cout << cell(payload.at("link")) << "\n";
  std::cerr << "It works once, until " << cell(payload.at("expiresAt")) << ": hand it to nobody else.\n";
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::image_import(CtlClient& client) {
  json::object input{{"name", wanted()}, {"file", file}, {"format", format}, {"description", description}};
  PHX_CO_TRY(const auto data,
             co_await client.graphql("mutation($input: ImportImageInput!, $key: String) { importImage(input: "
                                     "$input, idempotencyKey: $key) { image { id } operation { id } } }",
                                     with_key({{"input", std::move(input)}}), ""));
  const auto& payload = data.at("importImage").as_object();
  if (wait) PHX_CO_CHECK(co_await await_operation(client, "", cell(payload.at("operation"))));
  PHX_CO_TRY(const auto shown,
             co_await client.graphql("query($name: String!) { images(first: 1, filter: { name: { eq: $name } }) "
                                     "{ nodes { " +
                                         std::string(kImageFields) + " } } }",
                                     {{"name", wanted()}}, ""));
  const auto& nodes = shown.at("images").at("nodes").as_array();
  if (nodes.empty()) co_return not_found("image.not_found", "The image has been deleted meanwhile.");
  show(nodes.front());
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::orphan_list(CtlClient& client) {
  PHX_CO_TRY(const auto data,
             co_await client.graphql("{ unknownGuests { id name tenantId tenantName running } }", {}, ""));
  show(data.at("unknownGuests"));
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::orphan_remove(CtlClient& client) {
  PHX_CO_TRY(const auto listed, co_await client.graphql("{ unknownGuests { id } }", {}, ""));
  const auto& guests = listed.at("unknownGuests").as_array();
  if (std::ranges::none_of(guests, [&](const json::value& guest) { return cell(guest) == wanted(); }))
    co_return not_found("guest.absent", "No guest of that id is unknown to the records.")
        .with_next_action("See phoenix ctl vm orphans list.");
  PHX_CO_TRY(const auto data, co_await client.graphql("mutation($id: ID!, $key: String) { removeUnknownGuest(id: $id, "
                                                      "idempotencyKey: $key) { operation { id } } }",
                                                      with_key({{"id", wanted()}}), ""));
  const std::string operation = cell(data.at("removeUnknownGuest").at("operation"));
  if (wait) PHX_CO_CHECK(co_await await_operation(client, "", operation));
  show(json::object{{"id", wanted()}, {"operation", operation}});
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::image_delete(CtlClient& client) {
  std::string id = wanted();
  if (!Uuid::parse(id)) {
    PHX_CO_TRY(const auto data,
               co_await client.graphql("query($name: String!) { images(first: 1, filter: { name: { eq: "
                                       "$name } }) { nodes { id } } }",
                                       {{"name", id}}, ""));
    const auto& nodes = data.at("images").at("nodes").as_array();
    if (nodes.empty()) co_return not_found("image.not_found", "There is no image '" + id + "'.");
    id = cell(nodes.front());
  }
  PHX_CO_TRY(const auto data, co_await client.graphql("mutation($id: ID!, $key: String) { deleteImage(id: $id, "
                                                      "idempotencyKey: $key) { id } }",
                                                      with_key({{"id", id}}), ""));
  show(data.at("deleteImage"));
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::operation_change(CtlClient& client, std::string mutation) {
  PHX_CO_TRY(const std::string tenant, co_await client.tenant());
  PHX_CO_TRY(const auto data, co_await client.graphql("mutation($id: ID!, $key: String) { change: " + mutation +
                                                          "(id: $id, idempotencyKey: $key) { operation { " +
                                                          std::string(kOperationFields) + " } } }",
                                                      with_key({{"id", wanted()}}), tenant));
  show(data.at("change").at("operation"));
  co_return Status();
}

/// The tenant (or platform) and the id of the incident meant: by id, by INC-number, or the newest.
asio::awaitable<Result<std::pair<std::string, std::string>>> Ctl::Impl::incident_place(CtlClient& client) {
  const std::string tenant = client.tenant_asked_for();
  if (Uuid::parse(wanted())) co_return std::pair(tenant, wanted());
  PHX_CO_TRY(const auto data,
             co_await client.graphql(
                 "query($reference: String!) { incidents(first: 2, filter: { reference: { eq: $reference } "
                 "}) { nodes { id } } }",
                 {{"reference", wanted()}}, tenant));
  const auto& nodes = data.at("incidents").at("nodes").as_array();
  if (nodes.empty()) co_return not_found("incident.not_found", "There is no incident '" + wanted() + "'.");
  if (nodes.size() > 1)
    co_return invalid_argument("ctl.which_tenant", "tenant",
                               "Several tenants have an incident of that number: say --tenant.");
  co_return std::pair(tenant, std::string(nodes.front().at("id").as_string()));
}

asio::awaitable<Status> Ctl::Impl::incident_declare(CtlClient& client) {
  const std::string tenant = client.tenant_asked_for();
  json::object input{{"title", title}, {"severity", severity}, {"impact", impact}};
  json::array list;
  for (const auto& service : services) list.emplace_back(service);
  input["affectedServices"] = std::move(list);
  if (!wanted().empty()) {
    PHX_CO_TRY(const std::string machine, co_await machine_id(client, tenant));
    input["virtualMachineId"] = machine;
  }
  PHX_CO_TRY(
      const auto data,
      co_await client.graphql("mutation($input: DeclareIncidentInput!, $key: String) { declareIncident(input: $input, "
                              "idempotencyKey: $key) { incident { " +
                                  std::string(kIncidentFields) + " } } }",
                              with_key({{"input", std::move(input)}}), tenant));
  show(data.at("declareIncident").at("incident"));
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::incident_show(CtlClient& client) {
  PHX_CO_TRY(const auto place, co_await incident_place(client));
  json::object facts;
  json::array timeline;
  json::value after = nullptr;
  for (;;) {
    PHX_CO_TRY(const auto data,
               co_await client.graphql("query($id: ID!, $after: String) { incident(id: $id) { " +
                                           std::string(kIncidentFields) +
                                           " timeline(first: 200, after: $after, orderBy: AT) { nodes { at kind body "
                                           "actor } pageInfo { hasNextPage endCursor } } } }",
                                       {{"id", place.second}, {"after", after}}, place.first));
    if (data.at("incident").is_null()) co_return not_found("incident.not_found", "There is no such incident.");
    facts = data.at("incident").as_object();
    const json::object page = facts.at("timeline").as_object();
    for (const auto& line : page.at("nodes").as_array()) timeline.push_back(line);
    if (!page.at("pageInfo").at("hasNextPage").as_bool()) break;
    after = page.at("pageInfo").at("endCursor");
  }
  if (as_json()) {
    facts["timeline"] = json::object{{"nodes", std::move(timeline)}};
    show(facts);
    co_return Status();
  }
  facts.erase("timeline");
  show(facts);
  std::cout << "\n";
  show(timeline);
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::incident_change(CtlClient& client, std::string mutation) {
  PHX_CO_TRY(const auto place, co_await incident_place(client));
  const bool has_note = mutation == "addIncidentNote";
  json::object variables = with_key({{"id", place.second}});
  if (has_note) variables["body"] = note;
  PHX_CO_TRY(const auto data,
             co_await client.graphql(std::string("mutation($id: ID!, $key: String") +
                                         (has_note ? ", $body: String!" : "") + ") { change: " + mutation +
                                         "(id: $id, idempotencyKey: $key" + (has_note ? ", body: $body" : "") +
                                         ") { incident { " + std::string(kIncidentFields) + " } } }",
                                     std::move(variables), place.first));
  show(data.at("change").at("incident"));
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::incident_restart_guest(CtlClient& client) {
  PHX_CO_TRY(const auto place, co_await incident_place(client));
  PHX_CO_TRY(const auto data,
             co_await client.graphql("mutation($id: ID!, $key: String) { restartIncidentGuest(id: $id, idempotencyKey: "
                                     "$key) { incident { " +
                                         std::string(kIncidentFields) + " tenant { id } } operation { id } } }",
                                     with_key({{"id", place.second}}), place.first));
  json::object incident = data.at("restartIncidentGuest").at("incident").as_object();
  const json::value tenant = incident.at("tenant");
  incident.erase("tenant");
  if (wait)
    PHX_CO_CHECK(co_await await_operation(client, tenant.is_null() ? place.first : cell(tenant),
                                          cell(data.at("restartIncidentGuest").at("operation"))));
  show(incident);
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::incident_status(CtlClient& client, std::string to) {
  PHX_CO_TRY(const auto place, co_await incident_place(client));
  PHX_CO_TRY(const auto data,
             co_await client.graphql("mutation($id: ID!, $status: IncidentStatus!, $note: String, $key: String) { "
                                     "setIncidentStatus(id: $id, status: $status, note: $note, idempotencyKey: $key) { "
                                     "incident { " +
                                         std::string(kIncidentFields) + " } } }",
                                     with_key({{"id", place.second}, {"status", to}, {"note", note}}), place.first));
  show(data.at("setIncidentStatus").at("incident"));
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::incident_report(CtlClient& client) {
  PHX_CO_TRY(const auto place, co_await incident_place(client));
  PHX_CO_TRY(const auto data, co_await client.graphql("query($id: ID!) { incidentReport(id: $id) }",
                                                      {{"id", place.second}}, place.first));
  if (as_json())
    show(json::object{{"report", data.at("incidentReport")}});
  else
    std::cout << cell(data.at("incidentReport"));
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::audit_export(CtlClient& client) {
  std::string path = "/audit/export?";
  for (const auto& [parameter, value] : audit)
    if (!value.empty()) path += parameter + "=" + net::percent_encode(value) + "&";
  if (!everything) {
    PHX_CO_TRY(const std::string tenant, co_await client.tenant());
    path += "tenant=" + net::percent_encode(tenant) + "&";
  }
  path.pop_back();
  const auto unwritten = [this](const char* why) {
    return Error(Code::kUnavailable, "ctl.unwritable",
                 "Cannot write " + (file.empty() ? "the output" : file) + ": " + why);
  };
  if (file.empty()) {
    PHX_CO_CHECK(co_await client.download(std::move(path), [](std::string_view part) { std::cout << part; }));
    co_return std::cout.flush() ? Status() : Status(unwritten("it is not taken in full."));
  }
  // For nobody else's eyes, and never over another file.
  const UniqueFd made(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!made) co_return unwritten(std::strerror(errno));
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  Status taken = co_await client.download(std::move(path), [&out](std::string_view part) { out << part; });
  out.close();
  if (taken && !out) taken = unwritten("there is no room.");
  if (!taken) ::unlink(file.c_str());
  co_return taken;
}

asio::awaitable<Status> Ctl::Impl::token(CtlClient& client) {
  PHX_CO_TRY(const std::string minted, co_await client.mint_token(client.tenant_asked_for(), ttl_seconds));
  if (as_json())
    show(json::object{{"token", minted}});
  else
    std::cout << minted << "\n";
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::sign_in_link(CtlClient& client) {
  PHX_CO_TRY(const std::string link, co_await client.sign_in_link());
  if (as_json())
    show(json::object{{"link", link}});
  else
    std::cout << link << "\n";
  co_return Status();
}

asio::awaitable<Status> Ctl::Impl::ready(CtlClient& client) {
  PHX_CO_TRY(const auto answer, co_await client.request("GET", "/ready", ""));
  if (!answer.ok())
    co_return Error(Code::kUnavailable, "ctl.not_ready", "The server is not ready: " + why_not_ready(answer.body) + ".")
        .with_next_action("Run phoenix doctor: it says what is wrong and what to do.");
  if (as_json())
    show(json::object{{"status", "ready"}});
  else
    std::cout << "ready\n";
  co_return Status();
}

Ctl::Ctl() : impl_(std::make_unique<Impl>()) {}
Ctl::~Ctl() = default;
bool Ctl::chosen() const { return static_cast<bool>(impl_->work); }

void Ctl::add_to(CLI::App& app) {
  Impl& i = *impl_;
  auto* ctl = app.add_subcommand("ctl", "Use the API of a running server from the terminal");
  ctl->require_subcommand(1);
  ctl->fallthrough();
  ctl->add_option("--data", i.target.data, "Data folder of the server; PHOENIX_DATA, else the one that runs")
      ->envname("PHOENIX_DATA");
  ctl->add_option("--server", i.target.server, "Address of a remote server, http://HOST:PORT; needs --token-file");
  ctl->add_option("--token-file", i.token_file, "File with a bearer token");
  ctl->add_option("--tenant", i.target.tenant, "Tenant to work in, by name or id; not needed while there is only one")
      ->check(not_empty);
  ctl->add_option("--output", i.output, "text (unless told otherwise) or json")->check(CLI::IsMember({"text", "json"}));
  ctl->add_option("--idempotency-key", i.key, "The same key never does the same thing twice")->check(not_empty);

  const auto command = [&](CLI::App* parent, const char* name, const char* help, Work work) {
    auto* sub = parent->add_subcommand(name, help);
    sub->fallthrough();
    sub->callback([&i, sub, work = std::move(work)] {
      // Of a positional argument and an option CLI11 cannot say that one must be there.
      if (sub->get_option_no_throw("--name") && i.wanted().empty()) throw CLI::RequiredError("NAME");
      i.work = work;
    });
    return sub;
  };
  const auto named = [&](CLI::App* sub, const char* what) {
    auto* positional = sub->add_option("NAME", i.name, what);
    sub->add_option("--name", i.other_name, what)->excludes(positional);
    return sub;
  };
  const auto waits = [&](CLI::App* sub) {
    sub->add_flag("--wait", i.wait, "Wait until it is done");
    sub->add_option("--timeout", i.timeout_seconds, "Seconds to wait with --wait; 120 unless told otherwise")
        ->check(CLI::Range(1, 86400));
    return sub;
  };

  auto* tenant = ctl->add_subcommand("tenant", "Tenants");
  tenant->require_subcommand(1)->fallthrough();
  auto* create_tenant =
      named(command(tenant, "create", "Create a tenant", [&i](CtlClient& c) { return i.tenant_create(c); }), "Name");
  create_tenant->add_option("--display-name", i.display_name, "Name for people");
  create_tenant->add_option("--tier", i.tier, "FREE, STANDARD (unless told otherwise), ENTERPRISE or SOVEREIGN");
  command(tenant, "list", "List tenants", [&i](CtlClient& c) { return i.tenant_list(c); });

  auto* vm = ctl->add_subcommand("vm", "Virtual machines");
  vm->require_subcommand(1)->fallthrough();
  auto* create =
      waits(named(command(vm, "create", "Create a machine", [&i](CtlClient& c) { return i.vm_create(c); }), "Name"));
  create->add_option("--image", i.image, "Image of the catalogue")->required();
  create->add_option("--vcpus", i.vcpus, "CPUs; 1 unless told otherwise");
  create->add_option("--memory-mib", i.memory_mib, "Memory in MiB; 128 unless told otherwise");
  create->add_option("--disk-gib", i.disk_gib, "Disk in GiB; 1 unless told otherwise");
  create->add_option("--ssh-key", i.ssh_key_files, "File with a public SSH key; may be repeated")
      ->allow_extra_args(false);
  create->add_option("--user-data", i.user_data_file, "File with cloud-init user data");
  create->add_option("--forward", i.forwards, "HOSTPORT:GUESTPORT on the host's loopback; may be repeated")
      ->allow_extra_args(false);
  command(vm, "list", "List machines", [&i](CtlClient& c) { return i.vm_list(c); });
  named(command(vm, "show", "Show a machine", [&i](CtlClient& c) { return i.vm_show(c); }), "Name or id");
  const auto change = [&](const char* name, const char* help, const char* mutation) {
    return waits(named(command(vm, name, help, [&i, mutation](CtlClient& c) { return i.vm_change(c, mutation); }),
                       "Name or id"));
  };
  change("start", "Start a machine", "startVirtualMachine");
  change("stop", "Press the power button; the plug is pulled after the grace", "stopVirtualMachine")
      ->add_flag("--force", i.force, "Pull the plug at once");
  change("reboot", "Reset a machine", "rebootVirtualMachine");
  change("pause", "Halt its CPUs", "pauseVirtualMachine");
  change("resume", "Let its CPUs go on", "resumeVirtualMachine");
  change("delete", "Remove a machine and its disks for good", "deleteVirtualMachine");
  named(command(vm, "console", "Serial console; Ctrl-] leaves it", [&i](CtlClient& c) { return i.vm_console(c); }),
        "Name or id");

  auto* orphans = vm->add_subcommand("orphans", "Guests on the server's host that no record knows");
  orphans->require_subcommand(1)->fallthrough();
  command(orphans, "list", "List them", [&i](CtlClient& c) { return i.orphan_list(c); });
  waits(named(command(orphans, "remove", "End one and remove its disks for good",
                      [&i](CtlClient& c) { return i.orphan_remove(c); }),
              "Id"));

  auto* audit = ctl->add_subcommand("audit", "The audit log");
  audit->require_subcommand(1)->fallthrough();
  auto* audit_export = command(audit, "export", "Write it to a file or standard output, oldest first",
                               [&i](CtlClient& c) { return i.audit_export(c); });
  audit_export->add_option("--format", i.audit["format"], "jsonl or csv")->check(CLI::IsMember({"jsonl", "csv"}));
  audit_export->add_option("--out", i.file, "File to make; standard output without it")->check(not_empty);
  audit_export->add_option("--actor", i.audit["actor"], "Who did it: a part of the name")->check(not_empty);
  audit_export->add_option("--action", i.audit["action"], "What was done: a part of the name")->check(not_empty);
  audit_export->add_option("--object", i.audit["object"], "Id of what it was done to")->check(not_empty);
  audit_export->add_option("--outcome", i.audit["outcome"], "OK, or the code of an error")->check(not_empty);
  audit_export->add_option("--since", i.audit["since"], "At this time or later, as 2026-11-01T00:00:00Z")
      ->check(not_empty);
  audit_export->add_option("--until", i.audit["until"], "Before this time")->check(not_empty);
  audit_export->add_flag("--all", i.everything, "Of all tenants and of the platform itself");

  auto* image = ctl->add_subcommand("image", "Images");
  image->require_subcommand(1)->fallthrough();
  command(image, "list", "List images", [&i](CtlClient& c) {
    return i.list(c, "images", "id name state format sizeMib minMemoryMib minDiskGib description stateReason", false,
                  "");
  });
  auto* import = waits(named(command(image, "import", "Import a disk image from the server's import folder",
                                     [&i](CtlClient& c) { return i.image_import(c); }),
                             "Name of the image"));
  import->add_option("--file", i.file, "Name of a file in import/ of the server's data folder")->required();
  import->add_option("--format", i.format, "qcow2 or raw")->required()->check(CLI::IsMember({"qcow2", "raw"}));
  import->add_option("--description", i.description, "For people");
  named(command(image, "delete", "Remove an imported image that no machine was made from",
                [&i](CtlClient& c) { return i.image_delete(c); }),
        "Name or id");

  auto* operation = ctl->add_subcommand("operation", "Operations");
  operation->require_subcommand(1)->fallthrough();
  command(operation, "list", "List operations, newest first", [&i](CtlClient& c) {
    return i.list(c, "operations", "id kind state objectName progress step reason", true,
                  ", orderBy: CREATED_AT, direction: DESC");
  });
  named(command(operation, "cancel", "Stop it at its next safe point",
                [&i](CtlClient& c) { return i.operation_change(c, "cancelOperation"); }),
        "Id");
  named(command(operation, "retry", "Take a failed one up again",
                [&i](CtlClient& c) { return i.operation_change(c, "retryOperation"); }),
        "Id");

  auto* incident =
      ctl->add_subcommand("incident", "Incidents; --tenant chooses a tenant's, without it the platform sees all");
  incident->require_subcommand(1)->fallthrough();
  auto* declare =
      command(incident, "declare", "Declare an incident", [&i](CtlClient& c) { return i.incident_declare(c); });
  declare->add_option("--title", i.title, "What is wrong, in a few words")->required();
  declare->add_option("--severity", i.severity, "P0, P1, P2 or P3")
      ->required()
      ->check(CLI::IsMember({"P0", "P1", "P2", "P3"}));
  declare->add_option("--impact", i.impact, "What users notice");
  declare->add_option("--service", i.services, "Affected service; may be repeated");
  declare->add_option("--vm", i.name, "Affected machine, by name or id");
  command(incident, "list", "List incidents, newest first", [&i](CtlClient& c) {
    return i.list(c, "incidents", "id reference severity status title startedAt tenant { name }", false,
                  ", orderBy: STARTED_AT, direction: DESC");
  });
  const char* which = "INC-number or id";
  named(
      command(incident, "show", "Show an incident and its timeline", [&i](CtlClient& c) { return i.incident_show(c); }),
      which);
  named(command(incident, "ack", "Take an incident",
                [&i](CtlClient& c) { return i.incident_change(c, "acknowledgeIncident"); }),
        which);
  waits(named(command(incident, "restart-guest", "Start the affected guest again",
                      [&i](CtlClient& c) { return i.incident_restart_guest(c); }),
              which));
  named(command(incident, "note", "Add a note", [&i](CtlClient& c) { return i.incident_change(c, "addIncidentNote"); }),
        which)
      ->add_option("--body", i.note, "The note")
      ->required();
  auto* resolve = named(command(incident, "resolve", "Resolve an incident",
                                [&i](CtlClient& c) { return i.incident_status(c, "RESOLVED"); }),
                        which);
  resolve->add_option("--note", i.note, "Why it is over");
  auto* status = named(
      command(incident, "status", "Set the status", [&i](CtlClient& c) { return i.incident_status(c, i.status); }),
      which);
  status->add_option("--to", i.status, "The status")
      ->required()
      ->check(CLI::IsMember({"INVESTIGATING", "IDENTIFIED", "MONITORING", "RESOLVED"}));
  status->add_option("--note", i.note, "Why");
  named(command(incident, "report", "The report in the runbook's format, as Markdown",
                [&i](CtlClient& c) { return i.incident_report(c); }),
        which);

  auto* account = ctl->add_subcommand("service-account", "Programs' accounts in a tenant");
  account->require_subcommand(1)->fallthrough();
  named(command(account, "create", "Create a service account",
                [&i](CtlClient& c) { return i.service_account_create(c); }),
        "Name")
      ->add_option("--role", i.role, "TENANT_VIEWER, TENANT_MEMBER or TENANT_ADMIN")
      ->check(CLI::IsMember({"TENANT_VIEWER", "TENANT_MEMBER", "TENANT_ADMIN"}));
  command(account, "list", "List service accounts", [&i](CtlClient& c) {
    return i.list(c, "serviceAccounts", "id name role createdBy createdAt", true, ", orderBy: NAME");
  });
  named(command(account, "delete", "Remove one and end all its keys",
                [&i](CtlClient& c) { return i.service_account_delete(c); }),
        "Name or id");

  auto* keys = ctl->add_subcommand("key", "API keys of service accounts");
  keys->require_subcommand(1)->fallthrough();
  auto* create_key =
      named(command(keys, "create", "Make a key; it is shown once", [&i](CtlClient& c) { return i.key_create(c); }),
            "Service account, by name or id");
  create_key->add_option("--scope", i.scopes, "READ, WRITE, CONSOLE or ALERTS; may be repeated (READ and WRITE)")
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"READ", "WRITE", "CONSOLE", "ALERTS"}));
  create_key->add_option("--allow", i.networks, "Network it may come from, as 192.0.2.0/24; may be repeated (any)")
      ->allow_extra_args(false);
  create_key->add_option("--ttl", i.key_ttl_seconds, "Seconds it lives; without it, until it is revoked")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100} * 365 * 24 * 3600));
  command(keys, "list", "List keys, newest first", [&i](CtlClient& c) {
    return i.list(c, "apiKeys", std::string(kKeyFields), true, ", orderBy: CREATED_AT, direction: DESC");
  });
  const char* which_key = "Beginning of the key as listed, or id";
  named(command(keys, "rotate", "Make its successor; it is shown once", [&i](CtlClient& c) { return i.key_rotate(c); }),
        which_key)
      ->add_option("--overlap", i.overlap_seconds, "Seconds after which the old one ends")
      ->check(CLI::Range(0, 30 * 24 * 3600));
  named(command(keys, "revoke", "End a key at once", [&i](CtlClient& c) { return i.key_revoke(c); }), which_key);

  auto* user = ctl->add_subcommand("user", "People's accounts");
  user->require_subcommand(1)->fallthrough();
  const char* which_user = "E-mail address or id";
  named(command(user, "reset-mfa", "Take a lost second factor off an account and end its sessions",
                [&i](CtlClient& c) { return i.user_reset_mfa(c); }),
        which_user);
  named(command(user, "reset-password", "Void an account's password and print a one-time link to hand over",
                [&i](CtlClient& c) { return i.user_reset_password(c); }),
        which_user);

  auto* token =
      command(ctl, "token", "Print a bearer token (on the server's machine); with --tenant it opens that one only",
              [&i](CtlClient& c) { return i.token(c); });
  token->add_option("--ttl", i.ttl_seconds,
                    "Seconds it lives; 43200 (12 hours) unless told otherwise, at most 7776000 (90 days)");
  command(ctl, "sign-in-link", "Print a one-time link that signs the first administrator in",
          [&i](CtlClient& c) { return i.sign_in_link(c); });
  command(ctl, "ready", "Exit 0 when the server is ready", [&i](CtlClient& c) { return i.ready(c); });
}

int Ctl::run() {
  Impl& i = *impl_;
  if (!i.token_file.empty()) {
    std::ifstream in(i.token_file);
    if (!std::getline(in, i.target.token))
      return print_error(
          invalid_argument("ctl.token_file", "token-file", "Cannot read a token from " + i.token_file + "."),
          i.as_json());
  }
  asio::io_context io(1);
  CtlClient client(io.get_executor(), i.target);
  std::optional<Status> outcome;
  const auto work = [&]() -> asio::awaitable<void> {
    Status connected = co_await client.connect();
    outcome.emplace(connected ? co_await i.work(client) : std::move(connected));
  };
  std::exception_ptr failure;
  asio::co_spawn(io, work(), [&](std::exception_ptr thrown) {
    failure = thrown;
    io.stop();
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  if (*outcome) return 0;
  return print_error(outcome->error(), i.as_json());
}

}  // namespace phx::app
