// The serial console over WebSocket: raw bytes both ways in binary frames, state changes as JSON in text frames.
#include <boost/json.hpp>

#include "base/log.hpp"
#include "domains/compute/compute.hpp"
#include "domains/compute/sql.gen.hpp"
#include "net/url.hpp"

namespace phx::compute {
namespace json = boost::json;
namespace {

constexpr std::string_view kProtocol = "phoenix-console";
/// A person types little; whoever sends more pastes a file, which a serial line does not take anyway.
constexpr std::size_t kInputMax = 64 * 1024;

/// One viewer. Lives as long as the WebSocket's session coroutine, which owns the scope of the reader.
class Viewer {
 public:
  Viewer(net::WebSocket& socket, std::unique_ptr<Console> console, asio::any_io_executor executor,
         api::LiveConnections& live, api::LiveConnection::Right right)
      : socket_(socket),
        console_(std::move(console)),
        scope_(executor, "console"),
        right_(live, scope_, std::move(right), [this](api::LiveConnection::End end) {
          ended_ = true;
          scope_.spawn("console end", socket_.close(end.code, std::move(end.reason)));
        }) {}

  asio::awaitable<void> run(std::string state) {
    const json::object hello{{"type", "state"}, {"state", state}};
    if (!co_await socket_.send_text(json::serialize(hello))) co_return;
    scope_.spawn("console output", output());
    for (;;) {
      const auto message = co_await socket_.receive();
      if (!message) break;
      if (ended_) continue;         // what was typed before the peer took note of the close
      if (message->text) continue;  // control frames such as resize mean nothing to a serial line
      if (message->data.size() > kInputMax) {
        co_await socket_.close(net::CloseCode::kTooBig, "too much input at once");
        break;
      }
      if (const auto typed = co_await console_->write(std::move(message->data)); !typed) {
        const json::object notice{{"type", "refused"}, {"reason", typed.error().message()}};
        if (!co_await socket_.send_text(json::serialize(notice))) break;
      }
    }
  }

  /// The end of everything that refers to this.
  asio::awaitable<void> stop() {
    console_->close();
    return scope_.stop();
  }

 private:
  asio::awaitable<void> output() {
    for (;;) {
      auto bytes = co_await console_->read();
      if (ended_) co_return;
      if (!bytes || bytes->empty()) {
        const json::object closed{{"type", "closed"},
                                  {"reason", bytes ? "the machine is gone" : bytes.error().message()}};
        if (co_await socket_.send_text(json::serialize(closed)))
          co_await socket_.close(net::CloseCode::kNormal, "console closed");
        co_return;
      }
      if (!co_await socket_.send_binary(std::move(*bytes))) co_return;
    }
  }

  net::WebSocket& socket_;
  std::unique_ptr<Console> console_;
  bool ended_ = false;
  TaskScope scope_;
  api::LiveConnection right_;
};

asio::awaitable<void> serve(net::WebSocket& socket, Hypervisor& hypervisor, Uuid id, std::string state,
                            api::LiveConnections& live, api::LiveConnection::Right right) {
  auto console = co_await hypervisor.open_console(id);
  if (!console) {
    co_await socket.close(net::CloseCode::kTryAgainLater, console.error().message());
    co_return;
  }
  Viewer viewer(socket, std::move(*console), co_await asio::this_coro::executor, live, std::move(right));
  std::exception_ptr thrown;
  try {
    co_await viewer.run(std::move(state));
  } catch (...) { thrown = std::current_exception(); }
  // Tasks hold references into the viewer: they end before it does, whatever happens.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await viewer.stop();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace

asio::awaitable<net::UpgradeDecision> Compute::console(api::HttpCall call, api::TenantDirectory& tenants,
                                                       api::LiveConnections& live) {
  const auto query = net::parse_query(call.http.query);
  if (!query) co_return net::error_response(query.error());
  // The token's tenant, when the URL names none.
  const auto bound = call.principal.token_tenant ? call.principal.token_tenant->to_string() : "";
  auto tenant = co_await tenants.enter(call.principal, net::query_value(*query, "tenant").value_or(bound));
  if (!tenant) co_return net::error_response(tenant.error());
  if (const auto allowed = call.principal.check_use(api::Use::kConsole); !allowed)
    co_return net::error_response(allowed.error());
  // Typing at a machine changes it: looking on is not enough.
  if (tenant->role < api::Role::kTenantMember)
    co_return net::error_response(permission_denied("auth.role", "The console needs the role TENANT_MEMBER."));
  const auto id = Uuid::parse(call.params.at("id"));
  const auto missing = [] { return net::error_response(not_found("vm.not_found", "There is no such machine.")); };
  if (!id) co_return missing();
  const auto rows = co_await database_.read(pg::Scope::of_tenant(tenant->id), sql::compute::machine_console,
                                            pg::Params::of(*id), Deadline::after(std::chrono::seconds(5)));
  if (!rows) co_return net::error_response(rows.error());
  if (rows->empty()) co_return missing();
  net::WebSocketSession session;
  session.subprotocol = kProtocol;
  session.route = "/console/:id";
  log_event(LogLevel::kInfo, "console.opened",
            {{"vm", id->to_string()}, {"by", call.principal.actor()}, {"tenant", tenant->name}});
  api::LiveConnection::Right right{std::move(call.http), std::nullopt, std::move(call.principal), tenant->id,
                                   tenant->role};
  session.run = [this, id = *id, state = rows->get<std::string>(0, "state"), &live, right = std::move(right)](
                    net::WebSocket& socket) { return serve(socket, hypervisor_, id, state, live, right); };
  co_return session;
}

}  // namespace phx::compute
