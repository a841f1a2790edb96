#pragma once
/// Rights that end in one server process end in the others too: the events of revoked proofs and changed memberships
/// come through the log to every process, which then believes nothing it had read before and judges its open
/// connections anew (api/live_connections.hpp). In the process where it happened that was done at the commit.

#include <boost/asio/awaitable.hpp>

#include "api/live_connections.hpp"
#include "domains/identity/identity.hpp"
#include "domains/tenancy/tenancy.hpp"
#include "engine/events.hpp"

namespace phx::app {

namespace asio = boost::asio;

class AccessWatch {
 public:
  AccessWatch(engine::EventFeed& feed, identity::Identity& identity, tenancy::Tenancy& tenancy,
              api::LiveConnections& live)
      : feed_(feed), identity_(identity), tenancy_(tenancy), live_(live) {}

  /// Until cancelled, from now on. Run it in a TaskScope once the feed has started.
  asio::awaitable<void> run();

 private:
  void apply(const engine::Event& event);

  engine::EventFeed& feed_;
  identity::Identity& identity_;
  tenancy::Tenancy& tenancy_;
  api::LiveConnections& live_;
};

}  // namespace phx::app
