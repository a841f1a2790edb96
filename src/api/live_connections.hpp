#pragma once
/// Connections that stay open longer than a request (GraphQL over WebSocket, serial consoles) and for whom they act.
/// A request is judged when it comes; a connection must be judged again whenever the right behind it may have ended.
///
/// Each open connection holds a LiveConnection, which says once when the connection has to be closed, and why. There
/// are many of them and all they do is wait, so they wait together: one timer for all, a task only while one is judged.
///
/// Guarantees
/// - A proof that was revoked (end_proof) ends its connections at once.
/// - When a membership changed (member_changed), and once a `recheck` interval, the proof and the role are looked up
///   anew; so they are right after registering, since a right may end while a connection is being opened. What ended,
///   expired or shrank closes the connection; what the database could not say for the moment does not.
/// - What other server processes revoke comes as events; app/access_watch.hpp hands them to this.
///
/// Close codes: 4403 for a right that is gone, 1013 (come back and be judged anew) for a role that changed.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "api/context.hpp"
#include "base/task_scope.hpp"
#include "net/http.hpp"

namespace phx::api {

class LiveConnection;

class LiveConnections {
 public:
  LiveConnections(Authenticator& authenticator, TenantDirectory& tenants, const Clock& clock,
                  std::chrono::milliseconds recheck = std::chrono::minutes(1))
      : authenticator_(authenticator),
        tenants_(tenants),
        clock_(clock),
        recheck_(recheck),
        self_(std::make_shared<LiveConnections*>(this)) {}
  ~LiveConnections() { *self_ = nullptr; }
  LiveConnections(const LiveConnections&) = delete;
  LiveConnections& operator=(const LiveConnections&) = delete;

  /// The session or token was revoked.
  void end_proof(const Uuid& proof);
  /// The user's membership of the tenant was changed or removed.
  void member_changed(const Uuid& user, const Uuid& tenant);
  /// Changes may have been missed.
  void recheck_all();
  std::size_t size() const { return open_.size(); }

 private:
  friend class LiveConnection;
  using Due = std::multimap<std::chrono::steady_clock::time_point, LiveConnection*>;
  void arm();

  Authenticator& authenticator_;
  TenantDirectory& tenants_;
  const Clock& clock_;
  const std::chrono::milliseconds recheck_;
  std::list<LiveConnection*> open_;
  Due due_;  ///< who is looked at when
  std::optional<asio::steady_timer> timer_;
  // The timer's last callback may come when this is gone, and finds it empty then.
  std::shared_ptr<LiveConnections*> self_;
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

  /// Judged first right away, in tasks of the connection's scope, which must have ended before this is destroyed.
  /// `on_end` is called once, in such a task, when the connection has to be closed.
  LiveConnection(LiveConnections& all, TaskScope& tasks, Right right, std::function<void(End)> on_end);
  ~LiveConnection();
  LiveConnection(const LiveConnection&) = delete;
  LiveConnection& operator=(const LiveConnection&) = delete;

  /// As it was found last.
  const Principal& principal() const { return principal_; }

 private:
  friend class LiveConnections;
  void wake();
  asio::awaitable<void> judge();
  /// Nothing: the right still holds.
  asio::awaitable<std::optional<End>> look();
  asio::awaitable<Result<Principal>> authenticate();
  void look_again_later();

  LiveConnections& all_;
  TaskScope& tasks_;
  std::function<void(End)> on_end_;
  // Of the request no more than what proves who it is: sockets stay for hours, in great number.
  net::Headers proof_;
  net::Peer peer_;
  std::optional<std::string> token_;
  Principal principal_;
  std::optional<Uuid> tenant_;
  Role role_;
  bool revoked_ = false;
  bool changed_ = false;
  bool judging_ = false;
  bool unsure_ = false;  ///< the last look was in vain
  bool ended_ = false;
  std::list<LiveConnection*>::iterator place_;
  std::optional<LiveConnections::Due::iterator> due_;
};

}  // namespace phx::api
