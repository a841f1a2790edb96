#pragma once
/// Inside pg/ only: the one connection that listens, past any pooler.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "pg/pools.hpp"

namespace phx::pg {

class Listener {
 public:
  explicit Listener(PoolContext context);

  asio::awaitable<Status> listen(std::string channel, Database::Notified callback);

 private:
  asio::awaitable<void> run();
  /// Until the connection breaks or a channel was added.
  asio::awaitable<void> receive(Handle handle, std::size_t generation);
  void tell_all();
  void wake_waiting();

  PoolContext context_;
  std::map<std::string, std::vector<Database::Notified>> channels_;
  std::size_t generation_ = 0;  // counts listen() calls
  std::size_t in_force_ = 0;    // the generation the server knows
  bool running_ = false;
  std::string last_failure_;
  asio::posix::stream_descriptor stream_;
  std::list<asio::steady_timer*> waiting_;
};

}  // namespace phx::pg
