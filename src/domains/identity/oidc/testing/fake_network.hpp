#pragma once
/// The network for tests: one provider at kIssuer, as good or bad as it is told to be.

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <string>

#include "net/client.hpp"

namespace phx::identity::oidc::testing {

class FakeNetwork final : public net::HttpClient {
 public:
  static constexpr const char* kIssuer = "https://id.example.org";

  FakeNetwork() { reset(); }
  void reset() {
    document = {{"issuer", kIssuer},
                {"jwks_uri", "https://id.example.org/keys"},
                {"authorization_endpoint", "https://id.example.org/auth"},
                {"token_endpoint", "https://id.example.org/token"},
                {"end_session_endpoint", "https://id.example.org/end?realm=one"}};
  }
  void publish(std::string keys) { keys_ = std::move(keys); }

  boost::asio::awaitable<Result<net::ClientResponse>> send(net::ClientRequest request) override {
    ++requests;
    // As long as it takes for others to come and ask as well.
    for (int i = 0; i < 20; ++i)
      co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
    if (down) co_return Error(Code::kUnavailable, "http_client.connect", "Nobody is there.");
    net::ClientResponse answer;
    answer.status = status;
    if (request.url == std::string(kIssuer) + "/.well-known/openid-configuration")
      answer.body = boost::json::serialize(document);
    else if (request.url == "https://id.example.org/keys")
      answer.body = keys_;
    else if (request.url == "https://id.example.org/token" && on_token)
      answer = on_token(request);
    else if (request.url == "https://id.example.org/userinfo") {
      answer.body = boost::json::serialize(userinfo);
      userinfo_shown = request.headers.get("Authorization");
    } else
      answer.status = 404;
    co_return answer;
  }

  boost::json::object document;
  std::function<net::ClientResponse(const net::ClientRequest&)> on_token;
  boost::json::object userinfo;
  std::string userinfo_shown;
  bool down = false;
  int status = 200;
  int requests = 0;

 private:
  std::string keys_;
};

}  // namespace phx::identity::oidc::testing
