// An open-loop load generator: requests are due at fixed times, whatever the server does, and latency counts from when
// a request was due. So a server that stalls is charged for every request that had to wait meanwhile, which a closed
// loop (wrk) never sends and never counts ("coordinated omission").
//
//   open_loop PORT RATE SECONDS CONNECTIONS     BENCH_TOKENS: a file, one token a line   BENCH_BODY: the request's body
//
// POSTs to 127.0.0.1:PORT/graphql over kept-alive connections, the tokens in turn; a request that is due takes a
// connection that is idle, or waits for one. Ends when all are answered or 10 s after the last was due. Prints a line
// of JSON: {"due", "answered", "errors", "p50", "p90", "p99", "max"}, in milliseconds. An error is an answer that is
// not 200 with data, or a connection that broke.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

struct Connection {
  int fd = -1;
  std::string answer;
  Clock::time_point due;
};

/// Whether `answer` is whole, and if so whether it is 200 with data.
std::optional<bool> judged(std::string_view answer) {
  const auto end = answer.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  std::string head(answer.substr(0, end));
  std::ranges::transform(head, head.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto at = head.find("\r\ncontent-length:");
  if (at == std::string::npos) throw std::runtime_error("an answer without Content-Length");
  const auto digits = head.find_first_not_of(' ', at + 17);
  std::size_t length = 0;
  std::from_chars(head.data() + digits, head.data() + head.size(), length);
  const auto body = answer.substr(end + 4);
  if (body.size() < length) return std::nullopt;
  return head.compare(8, 4, " 200") == 0 && body.starts_with(R"({"data":{)");
}

class Load {
 public:
  Load(std::uint16_t port, double rate, double seconds, int connections, std::vector<std::string> requests)
      : port_(port), between_(1e9 / rate), requests_(std::move(requests)), total_(std::llround(rate * seconds)) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) fail("epoll_create1");
    connections_.resize(static_cast<std::size_t>(connections));
    for (auto& connection : connections_) open(connection);
    for (auto& connection : connections_) idle_.push_back(&connection);
    latencies_.reserve(total_);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() {
    for (const auto& connection : connections_) close(connection.fd);
    close(epoll_);
  }

  void run() {
    start_ = Clock::now() + std::chrono::milliseconds(10);
    const auto end = due(total_) + std::chrono::seconds(10);
    std::array<epoll_event, 64> events{};
    while (latencies_.size() + errors_ < total_) {
      const auto now = Clock::now();
      if (now > end) break;
      while (next_ < total_ && due(next_) <= now && !idle_.empty()) send_next();
      // Idle connections wait for the next one that is due; with none idle, only an answer lets us go on.
      const auto wake = next_ < total_ && !idle_.empty() ? due(next_) : end;
      const auto wait = std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(wake - Clock::now()));
      const timespec timeout{.tv_sec = wait.count() / 1'000'000'000, .tv_nsec = wait.count() % 1'000'000'000};
      const int ready = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
      if (ready < 0 && errno != EINTR) fail("epoll_pwait2");
      for (int i = 0; i < ready; ++i) receive(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
  }

  void print() {
    std::ranges::sort(latencies_);
    const auto at = [&](double share) {
      if (latencies_.empty()) return 0.0;
      const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(latencies_.size())));
      return static_cast<double>(latencies_[std::max<std::size_t>(rank, 1) - 1].count()) / 1e6;
    };
    std::printf(R"({"due":%zu,"answered":%zu,"errors":%zu,"p50":%.3f,"p90":%.3f,"p99":%.3f,"max":%.3f})"
                "\n",
                total_, latencies_.size(), errors_, at(0.5), at(0.9), at(0.99), at(1));
  }

 private:
  Clock::time_point due(std::size_t n) const {
    return start_ + std::chrono::nanoseconds(std::llround(static_cast<double>(n) * between_));
  }

  void open(Connection& connection) {
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connection.fd < 0 || connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      fail("connect");
    }
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(connection.fd, F_SETFL, O_NONBLOCK) != 0) fail("fcntl");
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) != 0) fail("epoll_ctl");
  }

  /// The connection that has been idle longest takes the request that has been due longest.
  void send_next() {
    Connection& connection = *idle_.front();
    const auto& request = requests_[next_ % requests_.size()];
    connection.due = due(next_);
    connection.answer.clear();
    // A request is far smaller than an empty send buffer: it goes at once or the connection is broken.
    const auto sent = send(connection.fd, request.data(), request.size(), MSG_NOSIGNAL);
    idle_.pop_front();
    ++next_;
    if (sent != static_cast<ssize_t>(request.size())) broken(connection);
  }

  void receive(Connection& connection) {
    std::array<char, 65536> buffer{};
    const auto got = recv(connection.fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return broken(connection);
    connection.answer.append(buffer.data(), static_cast<std::size_t>(got));
    const auto verdict = judged(connection.answer);
    if (!verdict) return;
    if (*verdict) {
      latencies_.push_back(Clock::now() - connection.due);
    } else {
      ++errors_;
    }
    idle_.push_back(&connection);
  }

  /// Whatever was on it is an error; a new one takes its place.
  void broken(Connection& connection) {
    close(connection.fd);
    open(connection);
    if (std::ranges::find(idle_, &connection) != idle_.end()) return;
    ++errors_;
    idle_.push_back(&connection);
  }

  std::uint16_t port_;
  double between_;
  std::vector<std::string> requests_;
  std::size_t total_;
  int epoll_ = -1;
  Clock::time_point start_;
  std::size_t next_ = 0;
  std::size_t errors_ = 0;
  std::vector<Connection> connections_;
  std::deque<Connection*> idle_;
  std::vector<Clock::duration> latencies_;
};

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set");
  return value;
}

std::vector<std::string> requests() {
  const auto body = setting("BENCH_BODY");
  std::ifstream tokens(setting("BENCH_TOKENS"));
  std::vector<std::string> out;
  for (std::string token; std::getline(tokens, token);) {
    out.push_back(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
        token + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  if (out.empty()) throw std::runtime_error("there is no token");
  return out;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 5) throw std::runtime_error("open_loop PORT RATE SECONDS CONNECTIONS");
  prctl(PR_SET_TIMERSLACK, 1UL);  // else each wait may end 50 us late
  Load load(static_cast<std::uint16_t>(std::stoi(argv[1])), std::stod(argv[2]), std::stod(argv[3]), std::stoi(argv[4]),
            requests());
  load.run();
  load.print();
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "open_loop: %s\n", error.what());
  return 1;
}
