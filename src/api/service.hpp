#pragma once
/// Runs GraphQL operations in a request's scope. Both transports (graphql_http, graphql_ws) hand over a RequestContext
/// that was authenticated and entered its tenant; what comes back is the response's JSON text.
///
/// **Queries**: all root fields are authorised and compiled first; then one segment of statements reads everything
/// under one snapshot; computed fields are called once per field for all rows; rows are written as JSON.
///
/// **Mutations** go, one root field after another, through one pipeline:
///     authorise → begin in the scope's role → idempotency key (first insert) → handler → key's answer and audit row
///     → commit → hooks → read the client's selection
/// A failure is rolled back as a whole and audited in a transaction of its own. kAborted is tried again; a commit
/// without an answer is resolved by the idempotency key when there is one.
///
/// **Subscriptions** are opened here and driven by the transports; see live_query.hpp.
///
/// Crash points: api.mutation.begun, .keyed, .handled, .audited, .committed.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/assembly.hpp"
#include "api/compiler.hpp"
#include "api/context.hpp"
#include "api/encoder.hpp"
#include "api/event_cursor.hpp"
#include "api/limits.hpp"
#include "api/plan.hpp"
#include "api/plan_cache.hpp"
#include "engine/events.hpp"
#include "graphql/execute.hpp"
#include "pg/database.hpp"

namespace phx {
class Metrics;
class Random;
}  // namespace phx

namespace phx::api {

struct GraphqlRequest {
  std::string query;
  std::optional<std::string> operation_name;
  boost::json::object variables;
  /// Header Idempotency-Key; the field's own argument wins.
  std::optional<std::string> idempotency_key;
  /// False for GET: only queries are run.
  bool allow_mutations = true;
  /// The document by name, with or instead of its text; see known_documents.hpp.
  std::optional<std::string> document_id;
  std::optional<std::string> persisted_hash;
};

struct GraphqlAnswer {
  std::string body;
  /// False for request errors: nothing was executed and there is no "data".
  bool executed = true;
  /// Of a request error, the code; transports choose the HTTP status by it.
  std::optional<Code> refused;
  /// Rows the operation's lists may read by their page sizes, and how many this caller's may; of queries that read any.
  struct Cost {
    std::uint64_t requested = 0;
    std::uint64_t limit = 0;
  };
  std::optional<Cost> cost;
};

class LiveQuery;
struct LiveGroup;

class GraphqlService {
 public:
  struct Services {
    const ApiSchema& api;
    pg::Database& database;
    const Clock& clock;
    Random& random;
    UuidSource& ids;
    Metrics& metrics;
    /// Keys the hashes by which repeated requests are recognised; the same for all servers on one database.
    std::string secret;
    const EventCursorSeal& event_cursors;
  };
  struct Limits {
    DocumentLimits document;
    CompileLimits compile;
    /// Rows an operation's lists may read, by role; never more than compile.max_cost. Platform administrators read
    /// across all tenants; who is nobody yet reads nothing big.
    std::map<Role, std::uint64_t> cost_by_role{{Role::kNone, 1'000}, {Role::kTenantViewer, 100'000}};
    std::size_t max_mutations = 20;  ///< root fields of one operation
    /// Accounts of this role and above do what is dangerous only with a second factor; see step_up.hpp.
    Role second_factor_from = Role::kNone;
    /// Its document limits are those above.
    PlanCache::Limits cache;
  };

  explicit GraphqlService(Services services) : GraphqlService(services, Limits()) {}
  GraphqlService(Services services, Limits limits);
  ~GraphqlService();

  asio::awaitable<GraphqlAnswer> execute(RequestContext context, GraphqlRequest request);

  /// A subscription of this request, or the request errors' body. The feed decides where it begins.
  using Opened = std::expected<std::unique_ptr<LiveQuery>, GraphqlAnswer>;
  Opened open(asio::any_io_executor executor, RequestContext context, GraphqlRequest request);
  /// True when the operation chosen is a subscription; false also for what does not parse.
  bool is_subscription(const GraphqlRequest& request);
  const EventCursorSeal& event_cursors() const { return services_.event_cursors; }

  PlanCache::Sizes cached() const { return cache_.sizes(); }

  /// May this request use the field? Errors: "auth.required", "tenant.required", "auth.forbidden".
  static Status authorise(const graphql::Field& field, const FieldMeaning& meaning, const RequestContext& context);

 private:
  friend class LiveQuery;
  friend struct LiveGroup;
  struct Job;
  class Mutation;

  GraphqlAnswer request_errors(std::vector<graphql::GraphqlError> errors, std::string_view request_id, Code code) const;
  /// Returns the operation's cost.
  asio::awaitable<std::uint64_t> run_query(const RequestContext& context, ReadyQuery& query,
                                           graphql::FieldGroups fields, graphql::Response& response);
  asio::awaitable<void> run_mutations(const RequestContext& context, const GraphqlRequest& request,
                                      const graphql::Execution& execution, graphql::FieldGroups fields,
                                      graphql::Response& response);
  asio::awaitable<Result<boost::json::object>> mutate(const RequestContext& context, const graphql::FieldGroup& group,
                                                      std::optional<std::string> key);
  asio::awaitable<Result<boost::json::object>> mutate_once(Mutation& mutation, const std::string& action,
                                                           const boost::json::object& arguments,
                                                           const std::optional<std::string>& key);
  asio::awaitable<void> audit_failure(const RequestContext& context, Mutation& mutation, std::string action,
                                      Error error);

  /// Plans, reads and computes everything a job needs but its encoding. Returns what it costs: rows that may be read.
  asio::awaitable<std::uint64_t> read(const RequestContext& context, const graphql::Execution& execution,
                                      std::vector<Job>& jobs);
  CompileLimits compile_limits(Role role) const;
  void collect_refs(const graphql::Execution& execution, const graphql::FieldGroup& group,
                    const boost::json::value& value, graphql::TypeRef type,
                    std::map<const graphql::FieldGroup*, std::vector<Uuid>>& out) const;
  void encode(const RequestContext& context, const graphql::Execution& execution, std::vector<Job>& jobs,
              graphql::Response& response) const;
  static pg::Scope scope_of(const RequestContext& context);

  Services services_;
  Limits limits_;
  PlanCache cache_;
  /// By scope, role, operation and variables; each takes itself out when its last subscriber leaves.
  std::unordered_map<std::string, std::weak_ptr<LiveGroup>> live_groups_;
};

}  // namespace phx::api
