// Many graphql-transport-ws clients in one thread and a few system calls: what the server costs is to be seen, not what
// its clients do. Speaks just enough WebSocket for that: no fragments, no checks.
//
//   subscribers_client PORT COUNT TENANT QUERY < token
//
// Prints "ready" when all have their first page; then for each page that the last one got: "page <monotonic ns>
// <this process' CPU in ms since the page before>". Ends when its input ends.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kOpeningAtOnce = 100;

struct Client {
  enum class State : std::uint8_t { kUpgrading, kEntering, kSubscribed } state = State::kUpgrading;
  int fd = -1;
  int pages = 0;
  std::string rest;  // of a frame that has begun
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

double cpu_ms() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto ms = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3;
  };
  return ms(used.ru_utime) + ms(used.ru_stime);
}

void send_all(int fd, std::string_view data) {
  if (::send(fd, data.data(), data.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(data.size())) die("send");
}

/// Masked with zeros, which is allowed and costs nothing.
void send_frame(int fd, int opcode, std::string_view payload) {
  std::string out{static_cast<char>(0x80 | opcode)};
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xff);
  }
  out.append(4, '\0');
  send_all(fd, out.append(payload));
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

class Swarm {
 public:
  Swarm(std::uint16_t port, std::size_t count, std::string init, std::string subscribe)
      : port_(port),
        init_(std::move(init)),
        subscribe_(std::move(subscribe)),
        clients_(count),
        epoll_(::epoll_create1(0)) {}

  void run() {
    epoll_event input{.events = EPOLLIN, .data = {.u64 = clients_.size()}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0) die("epoll_ctl");
    open_more();
    std::array<epoll_event, 512> events;
    for (;;) {
      const int ready = ::epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < ready; ++i) {
        if (events[i].data.u64 == clients_.size()) return;
        read(clients_[events[i].data.u64]);
      }
    }
  }

 private:
  void open_more() {
    for (; opened_ < clients_.size() && opened_ - subscribed_ < kOpeningAtOnce; ++opened_) {
      Client& client = clients_[opened_];
      client.fd = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = htons(port_);
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (client.fd < 0 || ::connect(client.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) die("connect");
      const int on = 1;
      ::setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::fcntl(client.fd, F_SETFL, O_NONBLOCK);
      epoll_event event{.events = EPOLLIN, .data = {.u64 = opened_}};
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event) != 0) die("epoll_ctl");
      send_all(client.fd,
               "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
               "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n");
    }
  }

  void read(Client& client) {
    const ssize_t got = ::recv(client.fd, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      std::fprintf(stderr, "the server closed a socket\n");
      std::exit(1);
    }
    std::string_view data(buffer_.data(), static_cast<std::size_t>(got));
    if (!client.rest.empty()) data = client.rest.append(data);
    const std::size_t used = take(client, data);
    std::string(data.substr(used)).swap(client.rest);
  }

  /// How much of it was whole frames.
  std::size_t take(Client& client, std::string_view data) {
    std::size_t at = 0;
    if (client.state == Client::State::kUpgrading) {
      const auto end = data.find("\r\n\r\n");
      if (end == data.npos) return 0;
      if (!data.starts_with("HTTP/1.1 101 ")) {
        std::fprintf(stderr, "%.*s\n", static_cast<int>(data.size()), data.data());
        std::exit(1);
      }
      at = end + 4;
      client.state = Client::State::kEntering;
      send_frame(client.fd, 1, init_);
    }
    while (data.size() - at >= 2) {
      const auto byte = [&](std::size_t i) {
        return static_cast<std::uint64_t>(static_cast<unsigned char>(data[at + i]));
      };
      std::uint64_t size = byte(1);
      std::size_t header = 2;
      if (size >= 126) {
        const std::size_t wide = size == 126 ? 2 : 8;
        if (data.size() - at < 2 + wide) break;
        size = 0;
        for (std::size_t i = 0; i < wide; ++i) size = size << 8 | byte(2 + i);
        header += wide;
      }
      if (data.size() - at < header + size) break;
      on_frame(client, byte(0) & 0xf, data.substr(at + header, size));
      at += header + size;
    }
    return at;
  }

  void on_frame(Client& client, std::uint64_t opcode, std::string_view payload) {
    if (opcode == 9) return send_frame(client.fd, 10, payload);
    if (opcode != 1 || payload.find("\"error") != payload.npos) {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(payload.size()), payload.data());
      std::exit(1);
    }
    if (client.state == Client::State::kEntering) {
      client.state = Client::State::kSubscribed;
      return send_frame(client.fd, 1, subscribe_);
    }
    const auto page = static_cast<std::size_t>(client.pages++);
    if (page == 0) {
      ++subscribed_;
      open_more();
    }
    if (page >= arrived_.size()) arrived_.push_back(0);
    if (++arrived_[page] < clients_.size()) return;
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const double used = cpu_ms();
    if (page == 0)
      std::printf("ready\n");
    else
      std::printf("page %lld %.1f\n", static_cast<long long>(std::chrono::nanoseconds(now).count()),
                  used - cpu_before_);
    std::fflush(stdout);
    cpu_before_ = used;
  }

  const std::uint16_t port_;
  const std::string init_;
  const std::string subscribe_;
  std::vector<Client> clients_;
  const int epoll_;
  std::size_t opened_ = 0;
  std::size_t subscribed_ = 0;
  std::vector<std::size_t> arrived_;  // how many have got each page
  double cpu_before_ = 0;
  std::array<char, 256 * 1024> buffer_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) return 2;
  std::string token;
  std::getline(std::cin, token);
  const auto swarm =
      std::make_unique<Swarm>(static_cast<std::uint16_t>(std::stoi(arguments[1])), std::stoul(arguments[2]),
                              R"({"type":"connection_init","payload":{"tenant":)" + quoted(arguments[3]) +
                                  R"(,"token":)" + quoted(token) + "}}",
                              R"({"id":"1","type":"subscribe","payload":{"query":)" + quoted(arguments[4]) + "}}");
  swarm->run();
  return 0;
}
