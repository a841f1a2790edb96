#pragma once
/// Computed fields of one request: their rows are gathered from everything that was read, and each field is called once
/// for each set of arguments, wherever and however often it was selected: in nodes and edges, under aliases, in lists
/// within lists, in fragments on an interface.
///
///     ResolverCalls calls;
///     calls.add(run, rows);                          // for each plan that was run
///     co_await calls.run(context, database);         // fills PlanRun::computed
///
/// A call is cancelled at its field's patience or the request's deadline, whichever is earlier. An error of the call is
/// that of all its rows ("api.resolver_timeout" for a cancelled one); a row's own error is that row's. Both are field
/// errors: null goes up as far as the schema says.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "api/context.hpp"
#include "api/encoder.hpp"
#include "api/plan.hpp"

namespace phx::api {

class ResolverCalls {
 public:
  /// The run must stay where it is until run() is done.
  void add(PlanRun& run, const CellTable& rows);
  asio::awaitable<void> run(const RequestContext& context, pg::Database& database);

 private:
  using Key = std::pair<const Registry::Field*, std::string>;  ///< field and arguments
  struct Use {
    const ResolverUse* use;
    PlanRun::Computed* computed;
  };
  static asio::awaitable<void> call(const RequestContext& context, pg::Database& database,
                                    const std::vector<Use>& uses);
  std::map<Key, std::vector<Use>> uses_;
};

}  // namespace phx::api
