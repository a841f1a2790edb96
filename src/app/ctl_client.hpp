#pragma once
/// How `phoenix ctl` talks to a server: through the server's own unix socket on its machine (the kernel says who we
/// are; a short-lived token is minted per command), or to any address with a token.
///
/// Errors: "ctl.no_server" (nothing listens; the next action says how to start it), what the server answers (the first
/// GraphQL error, with its code, reason and field), and those of net/client.hpp.

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/client.hpp"
#include "net/websocket.hpp"

namespace phx::app {

namespace asio = boost::asio;

struct CtlTarget {
  std::string data;    ///< data folder whose server is meant; empty: the first of the usual ones that runs
  std::string server;  ///< "http://host:port": then `token` is needed and `data` is not used
  std::string token;
  std::string tenant;  ///< id or name; empty: platform scope, or the only tenant there is
};

class CtlClient {
 public:
  CtlClient(asio::any_io_executor executor, CtlTarget target);
  ~CtlClient();

  /// Finds the server and gets a token. Call first.
  asio::awaitable<Status> connect();

  /// Runs one operation; `data` of the answer. With `tenant` empty: platform scope.
  asio::awaitable<Result<boost::json::object>> graphql(std::string query, boost::json::object variables,
                                                       std::string tenant);
  /// A plain request on the server's socket.
  asio::awaitable<Result<net::ClientResponse>> request(std::string method, std::string path, std::string body);
  /// GETs a body of any length; `take` gets it as it comes. What the server refuses is an error.
  asio::awaitable<Status> download(std::string path, std::function<void(std::string_view)> take);
  asio::awaitable<Result<net::WebSocket>> websocket(std::string path, std::string subprotocol);

  /// The tenant to work in: the one asked for, else the only one there is. kInvalidArgument "ctl.which_tenant".
  asio::awaitable<Result<std::string>> tenant();
  /// What --tenant said; empty: nothing.
  const std::string& tenant_asked_for() const { return target_.tenant; }
  /// A token for others: minted on the server's machine. POST /local/token.
  asio::awaitable<Result<std::string>> mint_token(std::string tenant, std::int64_t ttl_seconds);
  /// POST /local/sign-in-link.
  asio::awaitable<Result<std::string>> sign_in_link();

  const std::string& data_folder() const { return target_.data; }

 private:
  asio::awaitable<Result<boost::json::object>> local(std::string path, boost::json::object body);

  CtlTarget target_;
  std::unique_ptr<net::HttpClient> http_;
  std::string socket_;
  std::string base_;
  asio::any_io_executor executor_;
};

/// Data folders to look for a running server in, in order.
std::string find_running_data_folder();
std::string socket_path(const std::string& data_folder);

}  // namespace phx::app
