#include "adapters/qemu/console_ring.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace phx::qemu {

void ConsoleRing::append(std::string_view bytes) {
  if (bytes.empty()) return;
  text_.append(bytes);
  if (text_.size() > capacity_) {
    const auto drop = text_.size() - capacity_;
    text_.erase(0, drop);
    begin_ += drop;
  }
  wake();
}

void ConsoleRing::end() {
  ended_ = true;
  wake();
}

std::string ConsoleRing::take(std::uint64_t& position, std::size_t most) const {
  position = std::max(position, begin_);
  const auto at = std::min<std::uint64_t>(position - begin_, text_.size());
  auto out = text_.substr(at, most);
  position += out.size();
  return out;
}

asio::awaitable<void> ConsoleRing::changed() {
  boost::system::error_code ignored;
  co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  // The timer is cancelled for every change; when it was our own task that was cancelled instead, we stop here.
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
}

bool MarkerScanner::feed(std::string_view bytes) {
  if (marker_.empty()) return false;
  tail_.append(bytes);
  const bool found = tail_.find(marker_) != tail_.npos;
  const auto keep = found ? 0 : std::min(tail_.size(), marker_.size() - 1);
  tail_.erase(0, tail_.size() - keep);
  return found;
}

}  // namespace phx::qemu
