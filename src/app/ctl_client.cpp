#include "app/ctl_client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstring>

#include "app/settings.hpp"
#include "base/unique_fd.hpp"
#include "net/url.hpp"

namespace phx::app {
namespace json = boost::json;
namespace {

constexpr std::int64_t kCommandTokenSeconds = 900;

bool answers(const std::string& socket) {
  sockaddr_un address{};
  if (socket.size() >= sizeof address.sun_path) return false;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket.c_str(), socket.size() + 1);
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// GraphQL's code back to ours, coarse: it decides the exit status and the log level only.
Code code_of(std::string_view graphql) {
  for (const auto code : {Code::kUnauthenticated, Code::kPermissionDenied, Code::kNotFound, Code::kInvalidArgument,
                          Code::kConflict, Code::kQuotaExceeded, Code::kRateLimited, Code::kMfaRequired})
    if (code_info(code).graphql_code == graphql) return code;
  return Code::kInternal;
}

Error error_of(const json::object& error) {
  const auto* extensions = error.if_contains("extensions");
  const json::object none;
  const auto& ext = extensions && extensions->is_object() ? extensions->get_object() : none;
  std::string reason = text_of(ext, "reason");
  return Error(code_of(text_of(ext, "code")), reason.empty() ? "ctl.server_error" : reason, text_of(error, "message"))
      .with_field(text_of(ext, "field"))
      .with_next_action(text_of(ext, "nextAction"));
}

Result<json::object> parse_object(const std::string& body) {
  json::error_code failure;
  auto value = json::parse(body, failure);
  if (failure || !value.is_object())
    return Error(Code::kInternal, "ctl.bad_answer", "The server's answer is not understood.");
  return std::move(value.get_object());
}

}  // namespace

std::string socket_path(const std::string& data_folder) { return data_folder + "/run/phoenix.sock"; }

std::string find_running_data_folder() {
  const std::string usual = default_data_folder();
  for (const auto& folder : {usual, usual + "-dev"})
    if (answers(socket_path(folder))) return folder;
  return usual;
}

CtlClient::CtlClient(asio::any_io_executor executor, CtlTarget target)
    : target_(std::move(target)), executor_(std::move(executor)) {}
CtlClient::~CtlClient() = default;

asio::awaitable<Status> CtlClient::connect() {
  PHX_CO_TRY(http_, net::make_http_client(executor_));
  if (!target_.server.empty()) {
    base_ = target_.server;
    while (base_.ends_with('/')) base_.pop_back();
    if (target_.token.empty())
      co_return invalid_argument("ctl.token_needed", "token", "A remote server needs a token: --token-file FILE.");
    co_return Status();
  }
  if (target_.data.empty()) target_.data = find_running_data_folder();
  socket_ = socket_path(target_.data);
  base_ = "http://phoenix";
  if (!answers(socket_))
    co_return Error(Code::kUnavailable, "ctl.no_server", "No server answers in " + target_.data + ".")
        .with_next_action("Start it with ./dev up or phoenix serve, or name its data folder with --data.");
  if (target_.token.empty()) { PHX_CO_TRY(target_.token, co_await mint_token("", kCommandTokenSeconds)); }
  co_return Status();
}

asio::awaitable<Result<net::ClientResponse>> CtlClient::request(std::string method, std::string path,
                                                                std::string body) {
  net::ClientRequest out;
  out.method = std::move(method);
  out.url = base_ + path;
  out.unix_socket = socket_;
  out.timeout = std::chrono::seconds(60);
  if (!body.empty()) out.headers.set("Content-Type", "application/json");
  if (!target_.token.empty()) out.headers.set("Authorization", "Bearer " + target_.token);
  out.body = std::move(body);
  co_return co_await http_->send(std::move(out));
}

asio::awaitable<Status> CtlClient::download(std::string path, std::function<void(std::string_view)> take) {
  net::ClientRequest out;
  out.url = base_ + path;
  out.unix_socket = socket_;
  out.timeout = std::chrono::hours(12);
  out.headers.set("Authorization", "Bearer " + target_.token);
  out.take_body = std::move(take);
  PHX_CO_TRY(const auto answer, co_await http_->send(std::move(out)));
  if (answer.ok()) co_return Status();
  PHX_CO_TRY(const auto object, parse_object(answer.body));
  const auto* error = object.if_contains("error");
  if (!error || !error->is_object())
    co_return Error(Code::kInternal, "ctl.bad_answer", "The server's answer is not understood.");
  co_return Error(Code::kFailedPrecondition, "ctl.refused", text_of(error->get_object(), "message"))
      .with_next_action(text_of(error->get_object(), "nextAction"));
}

asio::awaitable<Result<json::object>> CtlClient::local(std::string path, json::object body) {
  if (socket_.empty())
    co_return Error(Code::kFailedPrecondition, "ctl.local_only", "This works on the server's machine only.");
  PHX_CO_TRY(const auto answer, co_await request("POST", std::move(path), json::serialize(body)));
  PHX_CO_TRY(auto object, parse_object(answer.body));
  if (!answer.ok()) {
    const auto* error = object.if_contains("error");
    co_return Error(Code::kPermissionDenied, "ctl.refused",
                    error && error->is_object() ? text_of(error->get_object(), "message") : "The server refused.");
  }
  co_return object;
}

asio::awaitable<Result<std::string>> CtlClient::mint_token(std::string tenant, std::int64_t ttl_seconds) {
  json::object body{{"ttlSeconds", ttl_seconds}};
  if (!tenant.empty()) body["tenant"] = tenant;
  PHX_CO_TRY(const auto answer, co_await local("/local/token", std::move(body)));
  co_return text_of(answer, "token");
}

asio::awaitable<Result<std::string>> CtlClient::sign_in_link() {
  PHX_CO_TRY(const auto answer, co_await local("/local/sign-in-link", {}));
  co_return text_of(answer, "link");
}

asio::awaitable<Result<json::object>> CtlClient::graphql(std::string query, json::object variables,
                                                         std::string tenant) {
  net::ClientRequest out;
  out.method = "POST";
  out.url = base_ + "/graphql";
  out.unix_socket = socket_;
  out.timeout = std::chrono::seconds(60);
  out.headers.set("Content-Type", "application/json");
  out.headers.set("Authorization", "Bearer " + target_.token);
  if (!tenant.empty()) out.headers.set("X-Phoenix-Tenant", tenant);
  json::object body;
  body["query"] = std::move(query);
  body["variables"] = std::move(variables);
  out.body = json::serialize(body);
  PHX_CO_TRY(const auto answer, co_await http_->send(std::move(out)));
  PHX_CO_TRY(auto object, parse_object(answer.body));
  if (const auto* errors = object.if_contains("errors"); errors && errors->is_array() && !errors->get_array().empty())
    co_return error_of(errors->get_array().front().as_object());
  if (const auto* error = object.if_contains("error"); error && error->is_object())
    co_return Error(answer.status == 401 ? Code::kUnauthenticated : Code::kInternal, "ctl.server_error",
                    text_of(error->get_object(), "message"));
  const auto* data = object.if_contains("data");
  if (!data || !data->is_object())
    co_return Error(Code::kInternal, "ctl.bad_answer", "The server's answer has no data.");
  co_return data->get_object();
}

asio::awaitable<Result<net::WebSocket>> CtlClient::websocket(std::string path, std::string subprotocol) {
  net::WebSocketTarget out;
  out.url = "ws" + base_.substr(4) + path;
  out.unix_socket = socket_;
  out.headers.set("Authorization", "Bearer " + target_.token);
  out.subprotocols.push_back(std::move(subprotocol));
  out.limits.idle_timeout = std::chrono::hours(24);
  co_return co_await net::connect_websocket(std::move(out));
}

asio::awaitable<Result<std::string>> CtlClient::tenant() {
  if (!target_.tenant.empty()) co_return target_.tenant;
  PHX_CO_TRY(const auto data, co_await graphql("{ tenants(first: 20) { nodes { name } } }", {}, ""));
  const auto& nodes = data.at("tenants").at("nodes").as_array();
  if (nodes.size() == 1) co_return std::string(nodes.front().at("name").as_string());
  if (nodes.empty())
    co_return invalid_argument("ctl.which_tenant", "tenant", "There is no tenant yet.")
        .with_next_action("Create one: phoenix ctl tenant create NAME");
  std::string names;
  for (const auto& node : nodes) names += (names.empty() ? "" : ", ") + std::string(node.at("name").as_string());
  co_return invalid_argument("ctl.which_tenant", "tenant", "Say which tenant: --tenant, one of " + names + ".");
}

}  // namespace phx::app
