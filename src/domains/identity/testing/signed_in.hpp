#pragma once
/// For tests of what people do with their own account: one server process on the test's database, browsers that keep
/// their cookies, and GraphQL handlers run as the pipeline runs them.

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/blocking_pool.hpp"
#include "base/random.hpp"
#include "domains/identity/identity.hpp"
#include "domains/identity/password.hpp"
#include "engine/events.hpp"
#include "net/http.hpp"
#include "pg/database.hpp"
#include "pg/testing/test_cluster.hpp"

namespace phx::identity::testing {

inline const std::string kPassword = "a long enough password";

class NoTenants final : public api::TenantDirectory {
 public:
  asio::awaitable<Result<api::TenantAccess>> enter(api::Principal, std::string) override {
    co_return not_found("tenant.not_found", "No such tenant.");
  }
};

struct Process {
  explicit Process(pg::testing::TestDatabase& on, pg::Database& database, std::string key = std::string(32, 'k'))
      : db(on),
        blocking(1, 64),
        ids(clock, random),
        identity(database, clock, random, ids, blocking, tenants, std::move(key), cheap()) {
    identity.register_with(registry, router);
    identity.on_revoked([this](const Uuid& proof) { revoked.push_back(proof); });
  }
  static Settings cheap() {
    Settings settings;
    settings.argon2 = {64, 1, 1};
    return settings;
  }

  pg::testing::TestDatabase& db;
  ManualClock clock{Instant(std::chrono::sys_days{std::chrono::year(2030) / 1 / 1})};
  SystemRandom random;
  BlockingPool blocking;
  UuidSource ids;
  NoTenants tenants;
  api::Registry registry;
  api::Router router;
  Identity identity;
  std::vector<Uuid> revoked;  ///< proofs whose open connections are to be closed
};

/// Whether a transaction of a handler lasts is the handler's outcome.
class HandlerContext final : public api::MutationContext {
 public:
  HandlerContext(Process& process, api::RequestContext request) : process_(process), request_(std::move(request)) {}
  Result<boost::json::object> run(const std::string& name, boost::json::object args) {
    return process_.db.run(work(name, std::move(args)));
  }
  pg::Transaction& tx() override { return *tx_; }
  const api::RequestContext& request() const override { return request_; }
  const Clock& clock() const override { return process_.clock; }
  UuidSource& ids() override { return process_.ids; }
  asio::awaitable<Status> record_event(engine::Event event) override {
    co_return co_await engine::record_event(*tx_, std::move(event));
  }
  void audit(std::string, Uuid, boost::json::value, boost::json::value) override {}
  void audit_tenant(Uuid) override {}
  void show_once(std::string field, std::string secret) override { once_.emplace(std::move(field), std::move(secret)); }
  void after_commit(std::function<void()> hook) override { hooks_.push_back(std::move(hook)); }

 private:
  asio::awaitable<Result<boost::json::object>> work(std::string name, boost::json::object args) {
    PHX_CO_TRY(auto tx, co_await process_.db->begin(pg::Scope::platform(), Deadline::after(std::chrono::seconds(10))));
    tx_.emplace(std::move(tx));
    auto outcome = co_await process_.registry.mutations().at(name)(*this, std::move(args));
    if (outcome) {
      PHX_CO_CHECK(co_await tx_->commit());
      for (const auto& hook : hooks_) hook();
      for (const auto& [field, secret] : once_) (*outcome)[field] = secret;
    }
    tx_.reset();
    co_return outcome;
  }

  Process& process_;
  api::RequestContext request_;
  std::optional<pg::Transaction> tx_;
  std::vector<std::function<void()>> hooks_;
  std::map<std::string, std::string> once_;
};

struct Reply {
  int status = 0;
  boost::json::object body;

  std::string reason() const {
    const auto* error = body.if_contains("error");
    return error == nullptr ? "" : std::string(error->at("reason").as_string());
  }
  std::string text(std::string_view key) const { return std::string(body.at(key).as_string()); }
};

/// Keeps cookies as a browser does, those with Max-Age=0 left out.
class Browser {
 public:
  explicit Browser(Process& process, std::string agent = "Test/1.0", std::string address = "192.0.2.1")
      : process_(process), agent_(std::move(agent)), address_(std::move(address)) {}

  Reply post(std::string path, boost::json::object body) {
    return send("POST", std::move(path), boost::json::serialize(body));
  }
  Reply get(std::string path) { return send("GET", std::move(path), ""); }
  Reply sign_in(const std::string& email) { return post("/auth/login", {{"email", email}, {"password", kPassword}}); }
  /// Who this browser is; fails like any request of it.
  Result<api::Principal> principal() {
    net::Request request;
    for (const auto& [name, value] : cookies) request.headers.add("Cookie", name + "=" + value);
    return process_.db.run(process_.identity.authenticate(request));
  }
  Result<boost::json::object> mutate(const std::string& name, boost::json::object args) {
    api::RequestContext request;
    request.principal = principal().value();
    return HandlerContext(process_, std::move(request)).run(name, std::move(args));
  }
  Result<boost::json::value> query(const std::string& name) {
    api::RequestContext request;
    request.principal = principal().value();
    request.deadline = Deadline::after(std::chrono::seconds(10));
    return process_.db.run(ask(name, std::move(request)));
  }

  std::map<std::string, std::string> cookies;

 private:
  asio::awaitable<Result<boost::json::value>> ask(std::string name, api::RequestContext request) {
    api::QueryContext context{request, process_.db.database()};
    co_return co_await process_.registry.queries().at(name)(context, {});
  }
  Reply send(std::string method, std::string path, std::string body) {
    api::HttpCall call;
    call.http.method = std::move(method);
    call.http.path = std::move(path);
    call.http.body = std::move(body);
    call.http.headers.add("Content-Type", "application/json");
    call.http.headers.add("User-Agent", agent_);
    for (const auto& [name, value] : cookies) call.http.headers.add("Cookie", name + "=" + value);
    call.http.id = "request-1";
    call.http.peer.address = address_;
    const auto match = process_.router.match(call.http.method, call.http.path);
    if (match.route == nullptr) throw std::logic_error("no route " + call.http.path);
    if (match.route->auth == api::Auth::kRequired) {
      auto who = principal();
      if (!who || !who->authenticated()) return {401, {}};
      call.principal = std::move(*who);
    }
    const auto response = process_.db.run(match.route->handler(std::move(call)));
    for (const auto cookie : response.headers.all("Set-Cookie")) {
      const std::string name(cookie.substr(0, cookie.find('=')));
      const std::string value(cookie.substr(name.size() + 1, cookie.find(';') - name.size() - 1));
      if (value.empty())
        cookies.erase(name);
      else
        cookies[name] = value;
    }
    return {response.status, boost::json::parse(response.body_text()).as_object()};
  }

  Process& process_;
  std::string agent_;
  std::string address_;
};

/// Accounts and time for the tests below.
class WithAccounts : public ::testing::Test {
 protected:
  WithAccounts() { move_to(process.clock.now()); }

  /// Both clocks, the database's and the process's.
  void move_to(Instant at) {
    process.clock.advance(at - process.clock.now());
    db.set_now(at);
  }
  void advance(Duration by) { move_to(process.clock.now() + by); }
  Uuid add_user(const std::string& email) {
    const Uuid id = process.ids.next();
    db.exec("insert into phoenix.users (id, email, name) values ('" + id.to_string() + "', '" + email + "', 'Ada')");
    db.exec("insert into phoenix.user_passwords (user_id, phc) values ('" + id.to_string() + "', '" +
            *hash_password(kPassword, "saltsaltsaltsalt", {64, 1, 1}) + "')");
    return id;
  }

  pg::testing::TestDatabase db;
  Process process{db, db.database()};
};

}  // namespace phx::identity::testing
