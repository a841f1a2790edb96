#pragma once
/// Internal to net/: how the server makes and ends WebSockets, without Beast's headers.

#include <memory>
#include <string>

#include "net/stream.hpp"
#include "net/websocket.hpp"

namespace phx::net {

/// Takes the stream over, so that close and cut reach it from now on.
std::shared_ptr<WebSocket::Impl> adopt_websocket(Stream stream, WebSocketLimits limits);
/// Answers the upgrade with 101. The request was checked by RequestParser::is_upgrade().
asio::awaitable<Status> accept_websocket(std::shared_ptr<WebSocket::Impl> socket, Request request,
                                         std::string subprotocol);
/// WebSocket::close for an owner that may be gone meanwhile.
asio::awaitable<void> close_websocket(std::shared_ptr<WebSocket::Impl> socket, std::uint16_t code, std::string reason);
/// Cuts the connection; what waits on it fails.
void cut_websocket(WebSocket::Impl& socket);

}  // namespace phx::net
