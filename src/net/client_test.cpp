#include "net/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <set>

#include "net/server.hpp"
#include "net/testing.hpp"

namespace phx::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Tcp = asio::ip::tcp;

class ClientTest : public testing::Test {
 protected:
  void SetUp() override {
    HttpServer::Config config;
    config.handler = [this](Request request) { return handle(std::move(request)); };
    server.emplace(io.get_executor(), clock, std::move(config));
    port = server->listen("127.0.0.1", 0).value();
    client = make_http_client(io.get_executor()).value();
  }
  void TearDown() override {
    client.reset();
    run(io, [this]() -> asio::awaitable<void> { co_await server->stop(); });
  }

  asio::awaitable<Response> handle(Request request) {
    ports.insert(request.peer.port);
    if (request.path == "/never") co_await never.wait();
    if (request.path == "/big") co_return text_response(200, std::string(100'000, 'b'));
    if (request.path == "/stream") {
      Response response;
      response.body = StreamBody([](BodyWriter& out) { return write_parts(out); });
      co_return response;
    }
    if (request.path == "/close") {
      auto response = text_response(200, "bye");
      response.close = true;
      co_return response;
    }
    if (request.path == "/moved") {
      auto response = text_response(302, "");
      response.headers.add("Location", "/elsewhere");
      co_return response;
    }
    auto response = text_response(
        request.path == "/missing" ? 404 : 200,
        request.method + " " + request.target + " [" + request.body + "] " + std::string(request.headers.get("Host")));
    response.headers.add("X-Agent", request.headers.get("User-Agent"));
    response.headers.add("X-Local", request.peer.local ? "yes" : "no");
    co_return response;
  }
  static asio::awaitable<void> write_parts(BodyWriter& out) {
    for (const char* part : {"one,", "two,", "three"}) {
      const auto sent = co_await out.write(part);
      EXPECT_TRUE(sent);
    }
  }

  asio::awaitable<Result<ClientResponse>> get(std::string path) {
    ClientRequest request;
    request.url = url(path);
    co_return co_await client->send(std::move(request));
  }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port) + path; }

  asio::io_context io{1};
  SystemClock clock;
  std::optional<HttpServer> server;
  std::uint16_t port = 0;
  std::unique_ptr<HttpClient> client;
  std::set<std::uint16_t> ports;  // one per connection
  Gate never{io};
};

TEST_F(ClientTest, ReusesConnections) {
  run(io, [this]() -> asio::awaitable<void> {
    for (int i = 0; i < 3; ++i) {
      const auto answer = (co_await get("/a?b=c")).value();
      EXPECT_EQ(answer.status, 200);
      EXPECT_TRUE(answer.ok());
      EXPECT_EQ(answer.body, "GET /a?b=c [] 127.0.0.1:" + std::to_string(port));
      EXPECT_EQ(answer.headers.get("X-Agent"), "phoenix");
    }
    EXPECT_EQ(ports.size(), 1u);
    EXPECT_EQ((co_await get("/close")).value().body, "bye");
    EXPECT_TRUE(co_await get("/a"));
    EXPECT_EQ(ports.size(), 2u) << "a connection the server closes is not used again";
  });
}

TEST_F(ClientTest, UsesOneConnectionPerRequestAtATime) {
  run(io, [this]() -> asio::awaitable<void> {
    TaskScope scope(io.get_executor(), "requests");
    int done = 0;
    const auto one = [&]() -> asio::awaitable<void> {
      const auto answer = co_await get("/never");
      if (answer && answer->ok()) ++done;
    };
    scope.spawn("one", one());
    scope.spawn("two", one());
    EXPECT_TRUE(co_await eventually([this] { return ports.size() == 2; }));
    never.open();
    co_await scope.join();
    EXPECT_EQ(done, 2);
  });
}

TEST_F(ClientTest, SendsBodiesAndReadsEveryFraming) {
  run(io, [this]() -> asio::awaitable<void> {
    ClientRequest post;
    post.method = "POST";
    post.url = url("/p");
    post.body = "payload";
    EXPECT_THAT((co_await client->send(post)).value().body, HasSubstr("POST /p [payload]"));
    ClientRequest head;
    head.method = "HEAD";
    head.url = url("/h");
    const auto headed = (co_await client->send(head)).value();
    EXPECT_EQ(headed.body, "");
    EXPECT_NE(headed.headers.get("Content-Length"), "0");
    EXPECT_EQ((co_await get("/stream")).value().body, "one,two,three");
    EXPECT_EQ((co_await get("/big")).value().body.size(), 100'000u);
    EXPECT_EQ((co_await get("/missing")).value().status, 404);
    EXPECT_EQ((co_await get("/moved")).value().status, 302) << "redirects are the caller's business";
    EXPECT_EQ(ports.size(), 1u);
  });
}

TEST_F(ClientTest, HandsOnTheBodiesOfGoodAnswersAsTheyCome) {
  run(io, [this]() -> asio::awaitable<void> {
    for (const auto& [path, size] : {std::pair("/big", 100'000u), std::pair("/stream", 13u)}) {
      std::string taken;
      ClientRequest request;
      request.url = url(path);
      request.max_response_bytes = 10;
      request.take_body = [&taken](std::string_view part) { taken += part; };
      const auto answer = co_await client->send(std::move(request));
      EXPECT_TRUE(answer && answer->ok()) << path;
      EXPECT_EQ(taken.size(), size) << path;
      EXPECT_EQ(answer.value().body, "") << path;
    }
    bool taken = false;
    ClientRequest missing;
    missing.url = url("/missing");
    missing.take_body = [&taken](std::string_view) { taken = true; };
    const auto answer = co_await client->send(std::move(missing));
    EXPECT_THAT(answer.value().body, HasSubstr("GET /missing")) << "a refusal is the caller's to read";
    EXPECT_FALSE(taken);
  });
}

TEST_F(ClientTest, LimitsTimeAndSize) {
  run(io, [this]() -> asio::awaitable<void> {
    ClientRequest slow;
    slow.url = url("/never");
    slow.timeout = 50ms;
    const auto late = co_await client->send(slow);
    EXPECT_EQ(late.error().reason(), "http_client.timeout");
    EXPECT_EQ(late.error().code(), Code::kDeadlineExceeded);
    for (const char* path : {"/big", "/stream"}) {
      ClientRequest big;
      big.url = url(path);
      big.max_response_bytes = 10;
      EXPECT_EQ((co_await client->send(big)).error().reason(), "http_client.too_big") << path;
    }
    EXPECT_TRUE(co_await get("/fine"));
  });
}

TEST_F(ClientTest, RefusesBadRequests) {
  run(io, [this]() -> asio::awaitable<void> {
    const auto reason = [this](ClientRequest request) -> asio::awaitable<std::string> {
      if (request.url.empty()) request.url = url("/");
      const auto answer = co_await client->send(std::move(request));
      co_return answer ? "sent" : answer.error().reason();
    };
    ClientRequest bad;
    bad.headers.add("X-A", "1\r\nX-B: 2");
    EXPECT_EQ(co_await reason(bad), "http_client.bad_request");
    bad = {};
    bad.headers.add("Content-Length", "5");
    EXPECT_EQ(co_await reason(bad), "http_client.bad_request");
    bad = {};
    bad.method = "GET /";
    EXPECT_EQ(co_await reason(bad), "http_client.bad_request");
    bad = {};
    bad.url = "ws://127.0.0.1/";
    EXPECT_EQ(co_await reason(bad), "url.malformed");
    EXPECT_TRUE(ports.empty());
  });
}

TEST_F(ClientTest, TalksThroughUnixSockets) {
  const ScratchFolder folder;
  const auto path = (folder / "s").string();
  ASSERT_TRUE(server->listen_unix(path));
  run(io, [&]() -> asio::awaitable<void> {
    ClientRequest request;
    request.url = "http://phoenix/x";
    request.unix_socket = path;
    const auto answer = (co_await client->send(request)).value();
    EXPECT_EQ(answer.headers.get("X-Local"), "yes");
    EXPECT_THAT(answer.body, HasSubstr("phoenix"));
    request.unix_socket = (folder / "nobody").string();
    EXPECT_EQ((co_await client->send(request)).error().reason(), "http_client.connect");
  });
}

/// A server of scripted bytes: for each connection, reads one header and sends what the script says.
class Scripted {
 public:
  Scripted(asio::io_context& io, std::vector<std::vector<std::string>> script)
      : acceptor_(io, Tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
        script_(std::move(script)),
        scope_(io.get_executor(), "scripted") {
    scope_.spawn("serve", serve());
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/"; }
  std::size_t requests() const { return requests_; }
  asio::awaitable<void> stop() { return scope_.stop(); }

 private:
  /// Each connection's list has one answer per request; then the connection is closed, after reading one more request
  /// if the last answer is "read".
  asio::awaitable<void> serve() {
    for (const auto& answers : script_) {
      auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
      for (const auto& answer : answers) {
        std::string seen;
        char chunk[1024];
        while (seen.find("\r\n\r\n") == seen.npos)
          seen.append(chunk, co_await socket.async_read_some(asio::buffer(chunk), asio::use_awaitable));
        ++requests_;
        if (answer != "read") co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
      }
    }
  }
  Tcp::acceptor acceptor_;
  std::vector<std::vector<std::string>> script_;
  std::size_t requests_ = 0;
  TaskScope scope_;
};

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(ClientTest, RetriesOnAStaleConnectionOnlyWhatIsIdempotent) {
  // The first connection answers once, then takes the second request and closes without a word.
  for (const std::string method : {"GET", "POST"}) {
    Scripted other(io, {{kOk, "read"}, {kOk}});
    run(io, [&]() -> asio::awaitable<void> {
      ClientRequest request;
      request.method = method;
      request.url = other.url();
      EXPECT_EQ((co_await client->send(request)).value().body, "ok");
      const auto second = co_await client->send(request);
      if (method == "GET") {
        EXPECT_EQ(second.value().body, "ok");
        EXPECT_EQ(other.requests(), 3u);
      } else {
        EXPECT_EQ(second.error().reason(), "http_client.broken");
        EXPECT_EQ(other.requests(), 2u);
      }
      co_await other.stop();
    });
  }
}

TEST_F(ClientTest, NeverRetriesOnAFreshConnection) {
  Scripted other(io, {{"read"}, {kOk}});
  run(io, [&]() -> asio::awaitable<void> {
    ClientRequest request;
    request.url = other.url();
    EXPECT_EQ((co_await client->send(request)).error().reason(), "http_client.broken");
    EXPECT_EQ(other.requests(), 1u);
    co_await other.stop();
  });
}

TEST_F(ClientTest, DropsConnectionsThatWentStaleWhileIdle) {
  Scripted other(io, {{kOk}, {kOk}});
  run(io, [&]() -> asio::awaitable<void> {
    ClientRequest request;
    request.method = "POST";  // never retried, so success shows that the closed connection was not tried
    request.url = other.url();
    EXPECT_TRUE(co_await client->send(request));
    EXPECT_TRUE(co_await client->send(request));
    EXPECT_EQ(other.requests(), 2u);
    co_await other.stop();
  });
}

TEST_F(ClientTest, JudgesAnswers) {
  struct Case {
    std::string answer;
    std::string result;
  };
  const std::vector<Case> cases{
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + kOk, "ok"},
      {"HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "http_client.broken"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "http_client.broken"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok"},
      // Beast's parser would abort the process over these.
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r", "http_client.broken"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "http_client.broken"},
      {"HTTP/1.1 200", "http_client.broken"},
      {"SSH-2.0-OpenSSH\r\n\r\n", "http_client.malformed"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", "http_client.malformed"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'), "http_client.malformed"},
  };
  for (const auto& each : cases) {
    Scripted other(io, {{each.answer}});
    run(io, [&]() -> asio::awaitable<void> {
      ClientRequest request;
      request.url = other.url();
      const auto answer = co_await client->send(request);
      EXPECT_EQ(answer ? answer->body : answer.error().reason(), each.result) << each.answer.substr(0, 200);
      co_await other.stop();
    });
  }
}

TEST_F(ClientTest, ReadsAnAnswerGivenBeforeTheBodyWasTaken) {
  run(io, [this]() -> asio::awaitable<void> {
    ClientRequest request;
    request.method = "POST";
    request.url = url("/");
    request.body.assign(30 << 20, 'x');
    EXPECT_EQ((co_await client->send(std::move(request))).value().status, 413);
  });
}

// ---- TLS

/// A certificate authority made for one test run, and a server certificate from it.
class Authority {
 public:
  Authority() : key_(EVP_EC_gen("P-256")) { certificate_ = issue("Phoenix test authority", key_, true, ""); }
  ~Authority() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  std::string pem() const {
    return pem_of([this](BIO* out) { PEM_write_bio_X509(out, certificate_); });
  }

  asio::ssl::context server_context(const char* alternative_names) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* leaf = issue("server", key, false, alternative_names);
    asio::ssl::context context(asio::ssl::context::tls_server);
    const auto chain = pem_of([leaf](BIO* out) { PEM_write_bio_X509(out, leaf); });
    const auto secret =
        pem_of([key](BIO* out) { PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); });
    context.use_certificate_chain(asio::buffer(chain));
    context.use_private_key(asio::buffer(secret), asio::ssl::context::pem);
    X509_free(leaf);
    EVP_PKEY_free(key);
    return context;
  }

 private:
  template <class Write>
  static std::string pem_of(const Write& write) {
    BIO* out = BIO_new(BIO_s_mem());
    write(out);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(out);
    return text;
  }

  X509* issue(const char* name, EVP_PKEY* key, bool is_authority, const char* alternative_names) {
    X509* made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), is_authority ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(is_authority ? made : certificate_));
    add(made, NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (!is_authority) add(made, NID_subject_alt_name, alternative_names);
    X509_sign(made, key_, EVP_sha256());
    return made;
  }
  static void add(X509* to, int kind, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
    X509_add_ext(to, extension, -1);
    X509_EXTENSION_free(extension);
  }

  EVP_PKEY* key_;
  X509* certificate_ = nullptr;
};

/// Answers every request over TLS with the server name the client asked for.
class TlsServer {
 public:
  TlsServer(asio::io_context& io, asio::ssl::context context)
      : context_(std::move(context)),
        acceptor_(io, Tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
        scope_(io.get_executor(), "tls") {
    scope_.spawn("accept", accept());
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  int connections() const { return connections_; }
  asio::awaitable<void> stop() { return scope_.stop(); }

 private:
  asio::awaitable<void> accept() {
    while (true) {
      auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
      ++connections_;
      scope_.spawn("serve", serve(std::move(socket)));
    }
  }
  asio::awaitable<void> serve(Tcp::socket socket) {
    asio::ssl::stream<Tcp::socket> stream(std::move(socket), context_);
    try {
      co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
      const char* asked = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
      const std::string name = asked ? asked : "(none)";
      const auto answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(name.size()) + "\r\n\r\n" + name;
      while (true) {
        std::string seen;
        char chunk[1024];
        while (seen.find("\r\n\r\n") == seen.npos)
          seen.append(chunk, co_await stream.async_read_some(asio::buffer(chunk), asio::use_awaitable));
        co_await asio::async_write(stream, asio::buffer(answer), asio::use_awaitable);
      }
    } catch (const boost::system::system_error&) {
      // The client left, as all do.
    }
  }
  asio::ssl::context context_;
  Tcp::acceptor acceptor_;
  int connections_ = 0;
  TaskScope scope_;
};

TEST_F(ClientTest, VerifiesTlsPeers) {
  const ScratchFolder folder;
  Authority authority, stranger;
  const auto ca = (folder / "ca.pem").string();
  const auto other_ca = (folder / "other.pem").string();
  std::ofstream(ca) << authority.pem();
  std::ofstream(other_ca) << stranger.pem();
  TlsServer tls(io, authority.server_context("DNS:localhost,IP:127.0.0.1"));
  TlsServer elsewhere(io, authority.server_context("DNS:example.org"));
  const auto ask = [&](std::string ca_file, std::string host, std::uint16_t at) -> asio::awaitable<std::string> {
    ClientOptions options;
    options.ca_file = ca_file;
    const auto own = make_http_client(io.get_executor(), options).value();
    ClientRequest request;
    request.url = "https://" + host + ":" + std::to_string(at) + "/";
    const auto first = co_await own->send(request);
    if (!first) co_return first.error().reason();
    const auto second = co_await own->send(request);
    co_return first->body + (second ? "" : second.error().reason());
  };
  run(io, [&]() -> asio::awaitable<void> {
    EXPECT_EQ(co_await ask(ca, "localhost", tls.port()), "localhost") << "SNI";
    EXPECT_EQ(tls.connections(), 1) << "reused";
    EXPECT_EQ(co_await ask(ca, "127.0.0.1", tls.port()), "(none)") << "no SNI for an address";
    EXPECT_EQ(co_await ask(other_ca, "localhost", tls.port()), "http_client.tls") << "unknown authority";
    EXPECT_EQ(co_await ask("", "localhost", tls.port()), "http_client.tls") << "the system does not know it either";
    EXPECT_EQ(co_await ask(ca, "localhost", elsewhere.port()), "http_client.tls") << "certificate of another host";
    EXPECT_EQ(co_await ask(ca, "127.0.0.1", port), "http_client.tls") << "not TLS at all";
    co_await tls.stop();
    co_await elsewhere.stop();
  });
  ClientOptions missing;
  missing.ca_file = (folder / "none.pem").string();
  EXPECT_EQ(make_http_client(io.get_executor(), missing).error().reason(), "http_client.ca");
}

}  // namespace
}  // namespace phx::net
