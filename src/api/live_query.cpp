#include "api/live_query.hpp"

#include <fmt/format.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>

#include <map>
#include <set>

#include "api/errors.hpp"
#include "api/service_job.hpp"
#include "engine/audit.hpp"

namespace phx::api {
namespace {

namespace json = boost::json;
using graphql::Execution;
using graphql::FieldGroup;
using graphql::GraphqlError;
using Kind = FieldMeaning::Kind;
using Text = std::shared_ptr<const std::string>;

/// The variable stands in its definition and in one place besides.
bool used_once(std::string_view query, std::string_view variable) {
  const std::string used = "$" + std::string(variable);
  std::size_t uses = 0;
  for (auto at = query.find(used); at != std::string_view::npos; at = query.find(used, at + 1)) ++uses;
  return uses == 2;
}

}  // namespace

/// What equal subscriptions have in common: the compiled operation, and what was read for it.
struct LiveGroup {
  static constexpr std::size_t kKept = 256;

  LiveGroup(GraphqlService& owner, asio::any_io_executor executor, RequestContext scope,
            std::shared_ptr<const graphql::Document> of, Execution prepared)
      : service(owner),
        context(std::move(scope)),
        document(std::move(of)),
        execution(std::move(prepared)),
        ready(executor, asio::steady_timer::time_point::max()) {}
  ~LiveGroup() { service.live_groups_.erase(key); }
  LiveGroup(const LiveGroup&) = delete;
  LiveGroup& operator=(const LiveGroup&) = delete;

  GraphqlService& service;
  std::string key;
  RequestContext context;
  std::shared_ptr<const graphql::Document> document;
  Execution execution;
  const FieldGroup* field = nullptr;
  const TableType* target = nullptr;
  std::set<std::string, std::less<>> types;
  std::optional<Uuid> id;            ///< changes of one object only
  std::shared_ptr<const Plan> list;  ///< of a list; none for changes
  asio::steady_timer ready;          ///< cancelled when somebody has read

  // Changes: the message of each event by its seq, kept while equals may still want it; empty while it is being read.
  std::map<std::int64_t, LiveMessage> changes;
  // List: the page as it was once everything up to the cursor had happened.
  engine::EventCursor page_at;
  Text page;
  bool reading = false;

  void announce() { ready.cancel(); }
  asio::awaitable<void> somebody_reads() { co_await ready.async_wait(asio::as_tuple(asio::use_awaitable)); }

  asio::awaitable<Result<LiveQuery::Messages>> change_messages(std::vector<engine::LoggedEventPtr> events,
                                                               std::string epoch);
  asio::awaitable<Result<Text>> page_of(engine::EventCursor at);
  Text render(const json::object& change, TableRefs& refs, const std::optional<Error>& error) const;

 private:
  RequestContext fresh_context() const {
    RequestContext out = context;
    out.deadline = Deadline::after(std::chrono::seconds(10));
    return out;
  }
  asio::awaitable<Result<LiveQuery::Messages>> read_changes(const std::vector<engine::LoggedEventPtr>& events,
                                                            const std::string& epoch);
  asio::awaitable<Result<Text>> read_page();
};

asio::awaitable<Result<LiveQuery::Messages>> LiveGroup::change_messages(std::vector<engine::LoggedEventPtr> events,
                                                                        std::string epoch) {
  for (;;) {
    std::vector<engine::LoggedEventPtr> mine;
    bool pending = false;
    for (const auto& event : events) {
      const auto [it, fresh] = changes.try_emplace(event->seq);
      if (fresh)
        mine.push_back(event);
      else if (!it->second.payload)
        pending = true;
    }
    if (!mine.empty()) {
      // Whatever happens, also a cancellation: entries left empty are taken out, and who waits for them reads itself.
      struct Guard {
        LiveGroup& group;
        const std::vector<engine::LoggedEventPtr>& of;
        ~Guard() {
          for (const auto& event : of)
            if (auto it = group.changes.find(event->seq); it != group.changes.end() && !it->second.payload)
              group.changes.erase(it);
          group.announce();
        }
      } guard{*this, mine};
      PHX_CO_TRY(LiveQuery::Messages read_now, co_await read_changes(mine, epoch));
      for (LiveMessage& message : read_now) changes[message.cursor->seq] = std::move(message);
    } else if (pending) {
      co_await somebody_reads();
    } else {
      LiveQuery::Messages out;
      for (const auto& event : events) out.push_back(changes[event->seq]);
      while (changes.size() > kKept && changes.begin()->second.payload) changes.erase(changes.begin());
      co_return out;
    }
  }
}

asio::awaitable<Result<LiveQuery::Messages>> LiveGroup::read_changes(const std::vector<engine::LoggedEventPtr>& events,
                                                                     const std::string& epoch) {
  LiveQuery::Messages out;
  json::array changed;
  for (const auto& event : events) {
    engine::EventCursor cursor{epoch, event->seq};
    auto text = std::make_shared<const std::string>(service.event_cursors().of_event(cursor));
    json::object change{
        {"kind", engine::change_kind_name(event->kind)}, {"cursor", *text}, {"id", event->id.to_string()}};
    if (event->kind != engine::ChangeKind::kDeleted) change["node"] = event->id.to_string();
    changed.push_back(std::move(change));
    out.push_back({nullptr, std::move(cursor), std::move(text)});
  }
  std::vector<GraphqlService::Job> jobs(1);
  jobs[0].group = field;
  jobs[0].type = field->field->type.list_of();
  jobs[0].value = changed;
  (void)co_await service.read(fresh_context(), execution, jobs);
  if (jobs[0].error && code_info(jobs[0].error->code()).retryable) co_return *jobs[0].error;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i].payload = render(changed[i].as_object(), jobs[0].refs, jobs[0].error);
  co_return out;
}

Text LiveGroup::render(const json::object& change, TableRefs& refs, const std::optional<Error>& error) const {
  graphql::Response response(execution);
  std::string text;
  Encoder encoder(service.services_.api, execution, context.request_id, text);
  bool ok = false;
  if (error)
    encoder.error(*field, *error);
  else
    ok = encoder.value(*field, change, refs);
  auto& errors = encoder.errors();
  if (ok) {
    for (GraphqlError& each : errors) response.add_error(std::move(each));
    response.add_text(*field, text);
  } else {
    for (std::size_t i = 0; i + 1 < errors.size(); ++i) response.add_error(std::move(errors[i]));
    response.fail(std::move(errors.back()));
  }
  return std::make_shared<const std::string>(response.finish());
}

asio::awaitable<Result<Text>> LiveGroup::page_of(engine::EventCursor at) {
  for (;;) {
    if (page && page_at.epoch == at.epoch && page_at.seq >= at.seq) co_return page;
    if (reading) {
      co_await somebody_reads();
      continue;
    }
    struct Guard {
      LiveGroup& group;
      explicit Guard(LiveGroup& of) : group(of) { group.reading = true; }
      ~Guard() {
        group.reading = false;
        group.announce();
      }
    } guard(*this);
    PHX_CO_TRY(Text now, co_await read_page());
    page_at = at;
    // The same text stays the same object: that is how each subscriber knows there is nothing new for it.
    if (!page || *page != *now) page = std::move(now);
    co_return page;
  }
}

asio::awaitable<Result<Text>> LiveGroup::read_page() {
  std::vector<GraphqlService::Job> jobs(1);
  jobs[0].group = field;
  jobs[0].run.emplace(list);
  const RequestContext now = fresh_context();
  (void)co_await service.read(now, execution, jobs);
  if (jobs[0].error && code_info(jobs[0].error->code()).retryable) co_return *jobs[0].error;
  graphql::Response response(execution);
  service.encode(now, execution, jobs, response);
  co_return std::make_shared<const std::string>(response.finish());
}

// ---------------------------------------------------------------- one subscriber

LiveQuery::LiveQuery(std::shared_ptr<LiveGroup> group, std::optional<engine::EventCursor> after)
    : group_(std::move(group)), after_(std::move(after)) {}

LiveQuery::~LiveQuery() = default;

engine::EventFilter LiveQuery::filter() const { return {.tenant = group_->context.tenant, .types = group_->types}; }

bool LiveQuery::is_list() const { return group_->list != nullptr; }

void LiveQuery::resume_after(engine::EventCursor cursor) {
  if (!group_->list) after_ = std::move(cursor);
}

asio::awaitable<Result<LiveQuery::Messages>> LiveQuery::begin(engine::EventCursor at) {
  if (!group_->list) co_return Messages();
  co_return co_await page(std::move(at));
}

asio::awaitable<Result<LiveQuery::Messages>> LiveQuery::page(engine::EventCursor at) {
  PHX_CO_TRY(const Text now, co_await group_->page_of(std::move(at)));
  if (now == last_) co_return Messages();
  last_ = now;
  co_return Messages{{now, std::nullopt, nullptr}};
}

asio::awaitable<Result<LiveQuery::Messages>> LiveQuery::messages(engine::EventBatch batch) {
  if (group_->list) co_return co_await page(std::move(batch.cursor));
  if (batch.resync) {
    TableRefs none;
    auto text = std::make_shared<const std::string>(
        group_->service.event_cursors().of_head(batch.cursor, group_->service.services_.random));
    const json::object change{{"kind", "RESYNC"}, {"cursor", *text}};
    co_return Messages{{group_->render(change, none, std::nullopt), std::move(batch.cursor), std::move(text)}};
  }
  std::erase_if(batch.events, [&](const auto& event) { return group_->id && event->id != *group_->id; });
  if (batch.events.empty()) co_return Messages();
  co_return co_await group_->change_messages(std::move(batch.events), std::move(batch.cursor.epoch));
}

// ---------------------------------------------------------------- opening

GraphqlService::Opened GraphqlService::open(asio::any_io_executor executor, RequestContext context,
                                            GraphqlRequest request) {
  const std::string request_id = context.request_id;
  auto known = cache_.documents().find(request.query);
  if (!known) return std::unexpected(request_errors(std::move(known.error()), request_id, Code::kInvalidArgument));
  std::optional<std::string_view> name;
  if (request.operation_name) name = *request.operation_name;
  auto prepared =
      Execution::prepare(services_.api.schema(), *known->document, name, request.variables, known->literals);
  if (!prepared)
    return std::unexpected(request_errors(std::move(prepared.error()), request_id, Code::kInvalidArgument));
  const auto refuse = [&](const Error& error) {
    return std::unexpected(request_errors({to_graphql_error(error, request_id)}, request_id, error.code()));
  };
  prepared->relocate(known->relocation);
  const Execution& execution = *prepared;
  const auto fields = execution.root_fields();
  if (!fields) return std::unexpected(request_errors({fields.error()}, request_id, Code::kInvalidArgument));
  if (fields->empty())
    return refuse(invalid_argument("graphql.subscription", "", "The subscription's field is skipped."));
  const FieldGroup& field = fields->front();
  const FieldMeaning& meaning = services_.api.meaning(*field.field);
  if (execution.operation().kind != graphql::OperationKind::kSubscription)
    return refuse(invalid_argument("graphql.subscription", "", "This operation is no subscription."));
  if (Status allowed = context.principal.check_use(Use::kRead); !allowed) return refuse(allowed.error());
  if (Status allowed = authorise(*field.field, meaning, context); !allowed) return refuse(allowed.error());
  if (field.error) return refuse(invalid_argument("graphql.argument", "", field.error->message));

  const bool is_list = meaning.kind == Kind::kConnection;
  std::optional<Uuid> id;
  std::optional<engine::EventCursor> after;
  if (!is_list) {
    if (const auto* given = field.arguments.if_contains("id"); given && given->is_string()) {
      auto parsed = Uuid::parse(std::string_view(given->as_string()));
      if (!parsed) return refuse(invalid_argument("uuid.malformed", "id", "An id is a UUID of 36 characters."));
      id = *parsed;
    }
    if (const auto* given = field.arguments.if_contains("after"); given && given->is_string()) {
      auto cursor = event_cursors().open(std::string_view(given->as_string()));
      if (!cursor) return refuse(cursor.error());
      after = std::move(*cursor);
    }
  }
  // A selection that cannot be read is refused now, not at the first event.
  bool personal = false;
  std::set<std::string, std::less<>> types{meaning.target->name};
  std::shared_ptr<const Plan> list;
  const Compiler compiler(services_.api, execution, context.role, compile_limits(context.role),
                          context.principal.user_id);
  if (is_list) {
    auto plan = compiler.connection(field);
    if (!plan) return refuse(plan.error());
    types.insert(plan->types.begin(), plan->types.end());
    personal = plan->personal || !plan->resolvers.empty();
    list = std::make_shared<const Plan>(std::move(*plan));
  } else {
    std::map<const FieldGroup*, std::vector<Uuid>> refs;
    collect_refs(execution, field, json::object{{"node", Uuid().to_string()}}, field.field->type, refs);
    for (auto& [node, ids] : refs) {
      const auto plan = compiler.by_ids(*node, *meaning.target, std::move(ids));
      if (!plan) return refuse(plan.error());
      personal = personal || plan->personal || !plan->resolvers.empty();
    }
  }
  // Subscriptions are equal when everything but where they begin is equal. Computed fields may depend on who asks.
  json::object variables = execution.variables();
  if (!is_list)
    for (const auto* node : field.nodes)
      for (const auto& argument : node->arguments)
        if (argument.name.text == "after" && argument.value.kind == graphql::ast::ValueKind::kVariable &&
            used_once(request.query, argument.value.text))
          variables.erase(argument.value.text);
  std::string key = fmt::format("{}|{}|{}|{}|{}|{}", context.tenant ? context.tenant->to_string() : "platform",
                                role_name(context.role), personal ? context.principal.user_id.to_string() : "",
                                request.operation_name.value_or(""), engine::canonical_json(variables), request.query);
  std::shared_ptr<LiveGroup> group;
  if (const auto same = live_groups_.find(key); same != live_groups_.end()) group = same->second.lock();
  if (!group) {
    // An Execution may be moved: its fields live on the heap.
    group = std::make_shared<LiveGroup>(*this, executor, std::move(context), std::move(known->document),
                                        std::move(*prepared));
    group->field = &group->execution.root_fields()->front();
    group->target = meaning.target;
    group->types = std::move(types);
    group->id = id;
    group->list = std::move(list);
    group->key = key;
    live_groups_.insert_or_assign(std::move(key), group);
  }
  return std::unique_ptr<LiveQuery>(new LiveQuery(std::move(group), std::move(after)));
}

}  // namespace phx::api
