#include "api/service.hpp"

#include <fmt/format.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <set>

#include "api/errors.hpp"
#include "api/resolver_calls.hpp"
#include "api/service_job.hpp"
#include "api/step_up.hpp"
#include "base/crash_point.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "engine/audit.hpp"
#include "engine/idempotency.hpp"

namespace phx::api {
namespace {

namespace json = boost::json;
using graphql::Execution;
using graphql::FieldGroup;
using graphql::FieldGroups;
using graphql::GraphqlError;
using Kind = FieldMeaning::Kind;

constexpr int kMutationAttempts = 4;

std::string principal_key(const Principal& principal) {
  return principal.kind == PrincipalKind::kUser ? principal.user_id.to_string() : principal.actor();
}

/// Audit trails name tokens and sessions only through their user; anonymous failures are the rate limiter's concern.
bool audited(const RequestContext& context) { return context.principal.authenticated(); }

Result<std::shared_ptr<const Plan>> shared(Result<Plan> plan) {
  if (!plan) return std::move(plan.error());
  return std::make_shared<const Plan>(std::move(*plan));
}

/// Documents are held to one set of limits.
PlanCache::Limits cache_limits(const GraphqlService::Limits& limits) {
  PlanCache::Limits out = limits.cache;
  out.documents.document = limits.document;
  return out;
}

}  // namespace

// ---------------------------------------------------------------- service

GraphqlService::GraphqlService(Services services, Limits limits)
    : services_(services), limits_(limits), cache_(services.api, cache_limits(limits), services.metrics) {}

GraphqlService::~GraphqlService() = default;

CompileLimits GraphqlService::compile_limits(Role role) const {
  CompileLimits out = limits_.compile;
  if (const auto it = limits_.cost_by_role.find(role); it != limits_.cost_by_role.end())
    out.max_cost = std::min(out.max_cost, it->second);
  return out;
}

pg::Scope GraphqlService::scope_of(const RequestContext& context) {
  return context.tenant ? pg::Scope::of_tenant(*context.tenant) : pg::Scope::platform();
}

Status GraphqlService::authorise(const graphql::Field& field, const FieldMeaning& meaning,
                                 const RequestContext& context) {
  if (meaning.is_public) return {};
  if (!context.principal.authenticated())
    return Error(Code::kUnauthenticated, "auth.required", "Sign in first, or send a token.");
  if (meaning.user_scope) return {};
  if (!context.tenant && context.role != Role::kPlatformAdmin)
    return permission_denied("tenant.required", "Choose a tenant: this field works within one.");
  const Role needed = std::max(meaning.min_role, Role::kTenantViewer);
  if (context.role < needed) return role_required(field.name, needed);
  return {};
}

GraphqlAnswer GraphqlService::request_errors(std::vector<GraphqlError> errors, std::string_view request_id,
                                             Code code) const {
  for (GraphqlError& error : errors) {
    if (!error.extensions.contains("code")) add_request_extensions(error, "graphql.request", request_id);
    error.extensions["requestId"] = request_id;
  }
  return {.body = graphql::request_errors(errors), .executed = false, .refused = code};
}

bool GraphqlService::is_subscription(const GraphqlRequest& request) {
  const auto known = cache_.documents().find(request.query);
  if (!known) return false;
  for (const auto& operation : known->document->operations)
    if (!request.operation_name || operation.name.text == *request.operation_name)
      return operation.kind == graphql::OperationKind::kSubscription;
  return false;
}

asio::awaitable<GraphqlAnswer> GraphqlService::execute(RequestContext context, GraphqlRequest request) {
  const auto refuse = [&](Error error) {
    return request_errors({to_graphql_error(error, context.request_id)}, context.request_id, error.code());
  };
  auto found =
      cache_.find(request.query, request.operation_name, request.variables, context.role, context.principal.user_id);
  if (!found) co_return request_errors(std::move(found.error()), context.request_id, Code::kInvalidArgument);
  const std::shared_ptr<ReadyQuery> ready = std::move(*found);
  const Execution& execution = ready->execution;
  const graphql::OperationKind kind = execution.operation().kind;
  if (kind == graphql::OperationKind::kSubscription)
    co_return refuse(Error(Code::kInvalidArgument, "graphql.subscription",
                           "Subscriptions are served over WebSocket (graphql-transport-ws) and as text/event-stream."));
  if (kind == graphql::OperationKind::kMutation && !request.allow_mutations)
    co_return refuse(Error(Code::kInvalidArgument, "graphql.get", "GET serves queries only; send mutations by POST."));

  const Use use = kind == graphql::OperationKind::kMutation ? Use::kWrite : Use::kRead;
  if (Status allowed = context.principal.check_use(use); !allowed) co_return refuse(allowed.error());

  graphql::Response response(execution);
  GraphqlAnswer answer;
  auto fields = execution.root_fields();
  if (!fields) {
    response.fail(std::move(fields.error()));
  } else if (kind == graphql::OperationKind::kMutation) {
    if (fields->size() > limits_.max_mutations)
      co_return refuse(Error(Code::kInvalidArgument, "limit.mutations",
                             fmt::format("One operation has at most {} mutations.", limits_.max_mutations)));
    co_await run_mutations(context, request, execution, *fields, response);
  } else {
    const std::uint64_t cost = co_await run_query(context, *ready, *fields, response);
    cache_.learn(ready);
    if (cost > 0) answer.cost = {.requested = cost, .limit = compile_limits(context.role).max_cost};
  }
  answer.body = response.finish();
  co_return answer;
}

asio::awaitable<std::uint64_t> GraphqlService::run_query(const RequestContext& context, ReadyQuery& query,
                                                         FieldGroups fields, graphql::Response& response) {
  const Execution& execution = query.execution;
  query.plans.resize(fields.size());
  std::vector<Job> jobs;
  jobs.reserve(fields.size());
  const Compiler compiler(services_.api, execution, context.role, compile_limits(context.role),
                          context.principal.user_id);
  for (const FieldGroup& group : fields) {
    Job& job = jobs.emplace_back();
    job.group = &group;
    if (graphql::is_introspection(group)) {
      if (group.field != execution.schema().typename_field() && !context.principal.authenticated())
        job.error = Error(Code::kUnauthenticated, "auth.required", "Sign in first, or send a token.");
      continue;
    }
    const FieldMeaning& meaning = services_.api.meaning(*group.field);
    if (Status allowed = authorise(*group.field, meaning, context); !allowed) {
      job.error = std::move(allowed.error());
      continue;
    }
    if (group.error) {
      job.error = invalid_argument("graphql.argument", "", group.error->message);
      continue;
    }
    if (meaning.kind == Kind::kResolver) {
      QueryContext asked{context, services_.database};
      auto value = co_await services_.api.registry().queries().find(group.field->name)->second(asked, group.arguments);
      if (value)
        job.value = std::move(*value);
      else
        job.error = std::move(value.error());
      continue;
    }
    auto& plan = query.plans[static_cast<std::size_t>(&group - fields.data())];
    if (!plan) plan = shared(meaning.kind == Kind::kConnection ? compiler.connection(group) : compiler.by_id(group));
    if (*plan)
      job.run.emplace(**plan);
    else
      job.error = plan->error();
  }
  const std::uint64_t cost = co_await read(context, execution, jobs);
  encode(context, execution, jobs, response);
  co_return cost;
}

void GraphqlService::collect_refs(const Execution& execution, const FieldGroup& group, const json::value& value,
                                  graphql::TypeRef type, std::map<const FieldGroup*, std::vector<Uuid>>& out) const {
  if (value.is_null()) return;
  if (type.is_list()) {
    if (value.is_array())
      for (const json::value& item : value.as_array()) collect_refs(execution, group, item, type.item(), out);
    return;
  }
  const graphql::Type& named = *type.named();
  if (!named.is_composite()) return;
  if (services_.api.table(named)) {
    if (!value.is_string()) return;
    if (const auto id = Uuid::parse(std::string_view(value.as_string()))) {
      auto& ids = out[&group];
      if (std::ranges::find(ids, *id) == ids.end()) ids.push_back(*id);
    }
    return;
  }
  if (!value.is_object()) return;
  if (named.is_abstract()) {
    // Without a table the value says what it is.
    const auto* name = value.as_object().if_contains("__typename");
    const graphql::Type* of =
        name && name->is_string() ? execution.schema().type(std::string_view(name->as_string())) : nullptr;
    if (of && !of->is_abstract()) collect_refs(execution, group, value, graphql::TypeRef(of), out);
    return;
  }
  const auto fields = execution.sub_fields(group, named);
  if (!fields) return;
  for (const FieldGroup& field : *fields)
    if (const json::value* member = value.as_object().if_contains(field.field->name))
      collect_refs(execution, field, *member, field.field->type, out);
}

asio::awaitable<std::uint64_t> GraphqlService::read(const RequestContext& context, const Execution& execution,
                                                    std::vector<Job>& jobs) {
  const CompileLimits limits = compile_limits(context.role);
  const Compiler compiler(services_.api, execution, context.role, limits, context.principal.user_id);
  std::vector<pg::Query> queries;
  std::uint64_t cost = 0;
  for (Job& job : jobs) {
    if (job.value && !job.error) {
      std::map<const FieldGroup*, std::vector<Uuid>> refs;
      collect_refs(execution, *job.group, *job.value, job.type ? job.type : job.group->field->type, refs);
      for (auto& [group, ids] : refs) {
        auto plan = compiler.by_ids(*group, *services_.api.table(*group->field->type.named()), std::move(ids));
        if (!plan) {
          job.error = std::move(plan.error());
          break;
        }
        cost += plan->cost;
        job.refs[group].run.emplace(std::make_shared<const Plan>(std::move(*plan)));
      }
    }
    if (job.run) cost += job.run->plan->cost;
    if (!job.error && cost > limits.max_cost)
      job.error = Error(Code::kInvalidArgument, "limit.cost",
                        fmt::format("The operation's lists may read {} rows or more in all; the limit is {}.", cost,
                                    limits.max_cost));
    if (job.error) continue;
    if (job.run) {
      if (job.run->plan->rows) queries.push_back(*job.run->plan->rows);
      if (job.run->plan->count) queries.push_back(*job.run->plan->count);
      for (const pg::Query& extra : job.run->plan->extras) queries.push_back(extra);
    }
    for (auto& [group, table] : job.refs) queries.push_back(*table.run->plan->rows);
  }
  if (queries.empty()) co_return cost;

  // The wall in front of the wall: without a tenant only platform administrators (and the server itself) read at all.
  Result<std::vector<pg::Rows>> answer = permission_denied("tenant.required", "Choose a tenant first.");
  if (context.tenant || context.role == Role::kPlatformAdmin)
    answer = co_await services_.database.read_many(scope_of(context), std::move(queries), context.deadline);
  if (!answer) {
    log_error("api.read_failed", answer.error(), {{"request", context.request_id}});
    for (Job& job : jobs)
      if (!job.error && (job.run || !job.refs.empty())) job.error = answer.error();
    co_return cost;
  }
  std::size_t next = 0;
  ResolverCalls calls;
  for (Job& job : jobs) {
    if (job.error) continue;
    if (job.run && job.run->plan->rows) {
      job.rows = std::move((*answer)[next++]);
      job.cells.emplace(job.rows);
      calls.add(*job.run, *job.cells);
    }
    if (job.run && job.run->plan->count) job.count = (*answer)[next++].get<std::int64_t>(0, 0);
    for (std::size_t i = 0; job.run && i < job.run->plan->extras.size(); ++i)
      job.run->extras.push_back(std::move((*answer)[next++]));
    for (auto& [group, table] : job.refs) {
      table.rows = std::move((*answer)[next++]);
      table.cells = CellTable(table.rows);
      for (int row = 0; row < table.rows.size(); ++row)
        table.row_of.emplace(table.rows.get<Uuid>(row, table.run->plan->id_column), row);
      calls.add(*table.run, table.cells);
    }
  }
  co_await calls.run(context, services_.database);
  co_return cost;
}

void GraphqlService::encode(const RequestContext& context, const Execution& execution, std::vector<Job>& jobs,
                            graphql::Response& response) const {
  for (Job& job : jobs) {
    if (response.failed()) return;
    const FieldGroup& group = *job.group;
    if (!job.error && graphql::is_introspection(group)) {
      response.add_introspection(group);
      continue;
    }
    // Growing to it step by step would copy the answer several times.
    const auto expected = job.cells ? 32 * static_cast<std::size_t>(job.rows.size() * job.rows.columns()) : 0;
    std::string& text = response.text_of(group, expected + 256);
    Encoder encoder(services_.api, execution, context.request_id, text);
    bool ok = false;
    if (job.error) {
      encoder.error(group, *job.error);
      if (job.error->code() == Code::kMfaRequired) {
        // RFC 9470, 3: what would be enough.
        auto& wanted = encoder.errors().back().extensions;
        wanted["acr_values"] = kTwoFactors;
        if (const auto& max_age = services_.api.meaning(*group.field).step_up) wanted["max_age"] = max_age->count();
      }
      if ((ok = !group.field->type.is_non_null())) text += "null";
    } else if (job.value) {
      ok = encoder.value(group, *job.value, job.refs);
    } else if (job.run->plan->connection) {
      ok = encoder.connection(*job.run, group, job.cells ? &*job.cells : nullptr, job.count);
    } else {
      ok = encoder.row(*job.run, group, *job.cells, job.cells->size() == 0 ? -1 : 0);
    }
    auto& errors = encoder.errors();
    if (!ok) {
      // The last error is the one whose null reached the root.
      GraphqlError last = std::move(errors.back());
      errors.pop_back();
      for (GraphqlError& error : errors) response.add_error(std::move(error));
      response.fail(std::move(last));
      return;
    }
    for (GraphqlError& error : errors) response.add_error(std::move(error));
  }
}

// ---------------------------------------------------------------- mutations

/// One attempt at a mutation: the open transaction and what the handler said about it.
class GraphqlService::Mutation final : public MutationContext {
 public:
  Mutation(const Services& services, const RequestContext& context, pg::Scope scope)
      : services_(services), context_(context), scope_(scope) {}

  pg::Transaction& tx() override { return *tx_; }
  const RequestContext& request() const override { return context_; }
  const Clock& clock() const override { return services_.clock; }
  UuidSource& ids() override { return services_.ids; }
  asio::awaitable<Status> record_event(engine::Event event) override {
    if (!event.tenant) event.tenant = context_.tenant;
    return engine::record_event(*tx_, std::move(event));
  }
  void audit(std::string object_type, Uuid object_id, json::value before, json::value after) override {
    row_.object_type = std::move(object_type);
    row_.object_id = object_id;
    if (!before.is_null()) row_.before = std::move(before);
    if (!after.is_null()) row_.after = std::move(after);
  }
  void audit_tenant(Uuid tenant) override { row_.tenant = tenant; }
  void show_once(std::string field, std::string secret) override { once_.emplace(std::move(field), std::move(secret)); }
  void after_commit(std::function<void()> hook) override { hooks_.push_back(std::move(hook)); }

  asio::awaitable<Status> begin() {
    row_ = {};
    hooks_.clear();
    once_.clear();
    tx_.reset();
    PHX_CO_TRY(pg::Transaction opened, co_await services_.database.begin(scope_, context_.deadline));
    tx_.emplace(std::move(opened));
    co_return Status();
  }
  /// The audit row of this attempt; what the handler said about the object stays in it also after a failure.
  engine::AuditRow row(const std::string& action, std::string_view outcome) const {
    engine::AuditRow out = row_;
    out.id = services_.ids.next();
    if (!out.tenant) out.tenant = context_.tenant;
    out.actor = context_.principal.actor();
    if (!context_.remote_address.empty()) out.remote_address = context_.remote_address;
    out.action = action;
    out.outcome = outcome;
    out.request_id = context_.request_id;
    return out;
  }
  const std::map<std::string, std::string>& once() const { return once_; }
  void close() { tx_.reset(); }
  pg::Scope scope() const { return scope_; }
  const std::vector<std::function<void()>>& hooks() const { return hooks_; }

 private:
  const Services& services_;
  const RequestContext& context_;
  pg::Scope scope_;
  std::optional<pg::Transaction> tx_;
  engine::AuditRow row_;
  std::vector<std::function<void()>> hooks_;
  std::map<std::string, std::string> once_;
};

asio::awaitable<void> GraphqlService::run_mutations(const RequestContext& context, const GraphqlRequest& request,
                                                    const Execution& execution, FieldGroups fields,
                                                    graphql::Response& response) {
  const bool several = fields.size() > 1;
  for (const FieldGroup& group : fields) {
    std::vector<Job> jobs(1);
    Job& job = jobs[0];
    job.group = &group;
    if (!graphql::is_introspection(group)) {
      std::optional<std::string> key;
      if (request.idempotency_key)
        key = several ? *request.idempotency_key + "/" + std::string(group.key) : *request.idempotency_key;
      auto payload = co_await mutate(context, group, std::move(key));
      if (payload)
        job.value = std::move(*payload);
      else
        job.error = std::move(payload.error());
      (void)co_await read(context, execution, jobs);
    }
    encode(context, execution, jobs, response);
    if (response.failed()) co_return;
  }
}

asio::awaitable<Result<json::object>> GraphqlService::mutate(const RequestContext& context, const FieldGroup& group,
                                                             std::optional<std::string> key) {
  const FieldMeaning& meaning = services_.api.meaning(*group.field);
  const std::string& action = group.field->name;
  // What acts for the user alone never borrows the tenant of the request.
  Mutation mutation(services_, context,
                    meaning.user_scope || meaning.is_public ? pg::Scope::platform() : scope_of(context));
  if (Status allowed = authorise(*group.field, meaning, context); !allowed) {
    if (audited(context)) co_await audit_failure(context, mutation, action, allowed.error());
    co_return allowed.error();
  }
  if (meaning.step_up) {
    const Status fresh = check_step_up(context, *meaning.step_up, limits_.second_factor_from, services_.clock.now());
    if (!fresh) {
      co_await audit_failure(context, mutation, action, fresh.error());
      co_return fresh.error();
    }
  }
  if (group.error) co_return invalid_argument("graphql.argument", "", group.error->message);

  json::object arguments = group.arguments;
  if (const auto* given = arguments.if_contains("idempotencyKey"); given && given->is_string())
    key = std::string(std::string_view(given->as_string()));
  arguments.erase("idempotencyKey");

  Result<json::object> done = internal_error("api.mutation", "no attempt was made");
  for (int attempt = 1; attempt <= kMutationAttempts; ++attempt) {
    done = co_await mutate_once(mutation, action, arguments, key);
    if (done) break;
    // A transaction that lost a race is begun anew; a commit without an answer is looked up by its key.
    const bool again = done.error().code() == Code::kAborted || (done.error().reason() == "pg.commit_unknown" && key);
    if (!again || context.deadline.passed()) break;
  }
  mutation.close();
  if (!done) {
    log_error("api.mutation_failed", done.error(), {{"request", context.request_id}, {"action", action}});
    if (audited(context)) co_await audit_failure(context, mutation, action, done.error());
    co_return done;
  }
  for (const auto& hook : mutation.hooks()) hook();
  services_.api.registry().notify_commit();
  co_return done;
}

asio::awaitable<Result<json::object>> GraphqlService::mutate_once(Mutation& mutation, const std::string& action,
                                                                  const json::object& arguments,
                                                                  const std::optional<std::string>& key) {
  const RequestContext& context = mutation.request();
  PHX_CO_CHECK(co_await mutation.begin());
  PHX_CRASH_POINT("api.mutation.begun");
  engine::IdempotencyKey idempotency;
  if (key) {
    idempotency = {.tenant = mutation.scope().tenant,
                   .principal = principal_key(context.principal),
                   .key = *key,
                   .request_hash = engine::hash_request(services_.secret, action, engine::canonical_json(arguments))};
    PHX_CO_TRY(std::optional<std::string> stored, co_await engine::begin_idempotent(mutation.tx(), idempotency));
    if (stored) co_return json::parse(*stored).as_object();
    PHX_CRASH_POINT("api.mutation.keyed");
  }
  PHX_CO_TRY(json::object payload,
             co_await services_.api.registry().mutations().find(action)->second(mutation, arguments));
  PHX_CRASH_POINT("api.mutation.handled");
  if (key)
    PHX_CO_CHECK(co_await engine::finish_idempotent(mutation.tx(), std::move(idempotency), json::serialize(payload)));
  PHX_CO_CHECK(co_await engine::record_audit(mutation.tx(), mutation.row(action, "OK"), services_.random));
  PHX_CRASH_POINT("api.mutation.audited");
  PHX_CO_CHECK(co_await mutation.tx().commit());
  PHX_CRASH_POINT("api.mutation.committed");
  for (const auto& [field, secret] : mutation.once()) payload[field] = secret;
  co_return payload;
}

asio::awaitable<void> GraphqlService::audit_failure(const RequestContext& context, Mutation& mutation,
                                                    std::string action, Error error) {
  engine::AuditRow row = mutation.row(action, code_info(error.code()).name);
  row.after.reset();  // nothing came of it, not even of a tenant that was being made
  if (!row.before || row.before->is_null()) row.tenant = context.tenant;
  auto tx = co_await services_.database.begin(mutation.scope(), Deadline::after(std::chrono::seconds(5)));
  Status written;
  if (!tx) {
    written = tx.error();
  } else {
    written = co_await engine::record_audit(*tx, std::move(row), services_.random);
    if (written) written = co_await tx->commit();
  }
  if (!written) log_error("api.audit_failed", written.error(), {{"request", context.request_id}, {"action", action}});
}

}  // namespace phx::api
