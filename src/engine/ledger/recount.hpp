#pragma once
/// Makes the whole ledger anew from the audit rows and says where what is stored differs: for `phoenix fsck`.
///
/// - every audit row is exactly one leaf, or waits to be one;
/// - leaves have no gap, and each hash is that of its row's stored bytes;
/// - a row's columns say what its bytes say, and content that is still there is what the bytes committed to;
/// - the stored nodes and the root of the last checkpoint are those of these leaves.
///
/// Reads in pages with a fresh snapshot each; what comes meanwhile is left for the next time.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace phx::pg {
class Database;
}

namespace phx::engine {

namespace asio = boost::asio;

/// One sentence for each difference, the first hundred of them; none: all is as it should be.
asio::awaitable<Result<std::vector<std::string>>> recount_ledger(pg::Database& database);

}  // namespace phx::engine
