#pragma once
/// One connection to a QEMU machine protocol socket: greeting, commands matched to answers by id, events as they come.
/// (QEMU "QMP protocol specification": one JSON object a line.)
///
/// Whatever keeps an answer from coming (silence, a closed socket, text that is not QMP) ends the connection with
/// "hypervisor.unknown": the caller cannot know whether a command was carried out. An answer that says no is
/// kFailedPrecondition "hypervisor.refused".

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/task_scope.hpp"
#include "base/unique_fd.hpp"

namespace phx::qemu {

namespace json = boost::json;

/// A unix socket named `name` in an open folder, however long the folder's path is (sun_path holds 107 bytes).
Result<asio::local::stream_protocol::socket> connect_in_folder(const asio::any_io_executor& executor,
                                                               const UniqueFd& folder, const char* name);

class QmpClient {
 public:
  using EventHandler = std::function<void(const std::string& name, const json::object& data)>;

  /// Waits for the greeting and negotiates; then the reader runs in `scope` until the connection ends.
  static asio::awaitable<Result<std::shared_ptr<QmpClient>>> open(asio::local::stream_protocol::socket socket,
                                                                  TaskScope& scope, EventHandler on_event,
                                                                  std::chrono::milliseconds greeting_limit,
                                                                  std::chrono::milliseconds answer_limit);

  asio::awaitable<Result<json::value>> execute(std::string command, json::object arguments = {});
  bool is_open() const { return socket_.is_open(); }
  void close();

  explicit QmpClient(asio::local::stream_protocol::socket socket, EventHandler on_event,
                     std::chrono::milliseconds answer_limit);

 private:
  struct Call {
    explicit Call(const asio::any_io_executor& executor) : answered(executor) {}
    asio::steady_timer answered;
    std::optional<Result<json::value>> result;
  };

  static asio::awaitable<void> read_all(std::shared_ptr<QmpClient> self);
  asio::awaitable<Result<std::string>> read_line();
  asio::awaitable<Result<json::value>> wait_for(std::uint64_t id, std::shared_ptr<Call> call);
  void take_line(const std::string& line);
  Status send(const json::object& message);

  asio::local::stream_protocol::socket socket_;
  EventHandler on_event_;
  std::chrono::milliseconds answer_limit_;
  std::string buffer_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Call>> calls_;
};

}  // namespace phx::qemu
