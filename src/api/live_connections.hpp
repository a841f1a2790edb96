#pragma once
/// Connections that stay open longer than a request (GraphQL over WebSocket, serial consoles) and for whom they act.
/// A request is judged when it comes; a connection must be judged again whenever the right behind it may have ended.
///
/// Each open connection holds a LiveConnection, which says once when the connection has to be closed, and why:
///
///     tasks.spawn("right", watch(...));   // co_await live.ended(), then close with its code and reason
///
/// Guarantees
/// - A proof that was revoked (end_proof) ends its connections at once.
/// - When a membership changed (member_changed), and once a `recheck` interval, the proof and the role are looked up
///   anew; so they are right after registering, since a right may end while a connection is being opened. What ended,
///   expired or shrank closes the connection; what the database could not say for the moment does not.
/// - What other server processes revoke comes as events; app/access_watch.hpp hands them to this.
///
/// Close codes: 4403 for a right that is gone, 1013 (come back and be judged anew) for a role that changed.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "api/context.hpp"
#include "net/http.hpp"

namespace phx::api {

class LiveConnection;

class LiveConnections {
 public:
  LiveConnections(Authenticator& authenticator, TenantDirectory& tenants, const Clock& clock,
                  std::chrono::milliseconds recheck = std::chrono::minutes(1))
      : authenticator_(authenticator), tenants_(tenants), clock_(clock), recheck_(recheck) {}

  /// The session or token was revoked.
  void end_proof(const Uuid& proof);
  /// The user's membership of the tenant was changed or removed.
  void member_changed(const Uuid& user, const Uuid& tenant);
  /// Changes may have been missed.
  void recheck_all();
  std::size_t size() const { return open_.size(); }

 private:
  friend class LiveConnection;
  Authenticator& authenticator_;
  TenantDirectory& tenants_;
  const Clock& clock_;
  const std::chrono::milliseconds recheck_;
  std::list<LiveConnection*> open_;
};

class LiveConnection {
 public:
  /// What the connection was opened with and what it may do.
  struct Right {
    net::Request proof;                ///< the upgrade: its headers prove who it is
    std::optional<std::string> token;  ///< given elsewhere, instead of the headers
    Principal principal;
    std::optional<Uuid> tenant;
    Role role = Role::kNone;
  };
  struct End {
    std::uint16_t code = 0;
    std::string reason;
  };

  LiveConnection(LiveConnections& all, asio::any_io_executor executor, Right right);
  ~LiveConnection();
  LiveConnection(const LiveConnection&) = delete;
  LiveConnection& operator=(const LiveConnection&) = delete;

  /// Returns when the connection has to be closed. Await it in one task of the connection.
  asio::awaitable<End> ended();

 private:
  friend class LiveConnections;
  void wake();
  /// Nothing: the right still holds.
  asio::awaitable<std::optional<End>> judge();

  LiveConnections& all_;
  Right right_;
  bool revoked_ = false;
  bool changed_ = true;
  bool unsure_ = false;  ///< the last look was in vain
  asio::steady_timer wake_;
  std::list<LiveConnection*>::iterator place_;
};

}  // namespace phx::api
