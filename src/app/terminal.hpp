#pragma once
/// This terminal as a guest's serial console: raw mode while it lasts, Ctrl-] leaves. Without a terminal, standard
/// input is typed at the guest and the console is read until it has been quiet for two seconds after the input's end.

#include <boost/asio/awaitable.hpp>

#include "base/result.hpp"
#include "net/websocket.hpp"

namespace phx::app {

boost::asio::awaitable<Status> run_terminal(net::WebSocket socket);

}  // namespace phx::app
