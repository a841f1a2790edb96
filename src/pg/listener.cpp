#include "pg/listener.hpp"

#include <fcntl.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.hpp"

namespace phx::pg {
namespace {

using std::chrono::milliseconds;

Connected connect_and_listen(const ConnectPlan& plan, const std::vector<std::string>& channels) {
  auto out = connect_blocking(plan);
  for (const auto& channel : channels) {
    if (!out.handle) break;
    char* const name = PQescapeIdentifier(out.handle.get(), channel.data(), channel.size());
    PGresult* const result = PQexec(out.handle.get(), (std::string("listen ") + (name ? name : "")).c_str());
    PQfreemem(name);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
      out.failure = PQerrorMessage(out.handle.get());
      out.handle.reset();
    }
    PQclear(result);
  }
  return out;
}

}  // namespace

Listener::Listener(PoolContext context) : context_(context), stream_(context.executor) {}

asio::awaitable<Status> Listener::listen(std::string channel, Database::Notified callback) {
  channels_[channel].push_back(std::move(callback));
  const auto wanted = ++generation_;
  boost::system::error_code ignored;
  stream_.cancel(ignored);
  if (!running_) {
    running_ = true;
    context_.scope.spawn("pg.listen", run());
  }
  const auto limit = Deadline::after(context_.options.connect_timeout);
  while (in_force_ < wanted && !limit.passed()) {
    asio::steady_timer timer(context_.executor, limit.when());
    const auto place = waiting_.insert(waiting_.end(), &timer);
    struct Leave {
      std::list<asio::steady_timer*>& list;
      std::list<asio::steady_timer*>::iterator place;
      ~Leave() { list.erase(place); }
    } const leave{waiting_, place};
    boost::system::error_code woken;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (in_force_ < wanted && !last_failure_.empty()) break;
  }
  if (in_force_ < wanted) co_return unavailable("pg.unavailable", last_failure_);
  co_return Status();
}

void Listener::wake_waiting() {
  for (auto* timer : waiting_) timer->cancel();
}

void Listener::tell_all() {
  std::vector<Database::Notified> all;
  for (const auto& [channel, callbacks] : channels_) all.insert(all.end(), callbacks.begin(), callbacks.end());
  for (const auto& callback : all) callback(std::nullopt);
}

asio::awaitable<void> Listener::run() {
  ConnectPlan plan;
  plan.conninfo = context_.options.endpoints.direct;
  plan.application_name = "phoenix listener";
  plan.options = "-c search_path=phoenix,pg_catalog -c statement_timeout=5000";
  plan.limit = context_.options.connect_timeout;
  auto backoff = milliseconds(25);
  while (true) {
    const auto generation = generation_;
    std::vector<std::string> names;
    for (const auto& [channel, callbacks] : channels_) names.push_back(channel);
    auto connected = co_await context_.blocking.run([plan, names] { return connect_and_listen(plan, names); });
    if (connected && connected->handle) {
      backoff = milliseconds(25);
      co_await receive(std::move(connected->handle), generation);
      continue;
    }
    last_failure_ = connected ? connected->failure : connected.error().to_string();
    wake_waiting();
    log_event(LogLevel::kWarn, "pg.listen_failed", {{"why", last_failure_}});
    co_await sleep_for(backoff);
    backoff = std::min(backoff * 2, milliseconds(1000));
  }
}

asio::awaitable<void> Listener::receive(Handle handle, std::size_t generation) {
  struct Close {
    asio::posix::stream_descriptor& stream;
    ~Close() {
      boost::system::error_code ignored;
      stream.close(ignored);
    }
  } const close{stream_};
  stream_.assign(::fcntl(PQsocket(handle.get()), F_DUPFD_CLOEXEC, 3));
  last_failure_.clear();
  in_force_ = generation;
  wake_waiting();
  tell_all();
  while (generation == generation_) {
    while (PGnotify* const raw = PQnotifies(handle.get())) {
      const std::unique_ptr<PGnotify, decltype(&PQfreemem)> notify(raw, &PQfreemem);
      if (const auto found = channels_.find(notify->relname); found != channels_.end())
        for (const auto& callback : std::vector(found->second)) callback(std::string_view(notify->extra));
    }
    boost::system::error_code failed;
    co_await stream_.async_wait(asio::posix::stream_descriptor::wait_read,
                                asio::redirect_error(asio::use_awaitable, failed));
    if (!failed && PQconsumeInput(handle.get()) == 0) {
      log_event(LogLevel::kWarn, "pg.listen_lost", {{"why", PQerrorMessage(handle.get())}});
      co_return;
    }
  }
}

}  // namespace phx::pg
