#pragma once
/// What C++ adds to the SDL: mutations, root resolvers, and computed fields. A domain registers its handlers once, at
/// start, by the names its SDL uses; assemble() refuses a handler without a field and an @resolver field or mutation
/// without a handler, so that neither can be forgotten.
///
///     void Compute::install(api::Registry& registry) {
///       registry.mutation("createVirtualMachine", [this](api::MutationContext& context, boost::json::object args) {
///         return create(context, std::move(args));   // an ordinary member coroutine
///       });
///       registry.field("VirtualMachine.usage", {"id", "state"}, [this](api::FieldBatch& batch) { return usage(batch);
///       });
///     }
///
/// Handlers are plain functions that return an awaitable (never coroutine lambdas with captures: CP.51).
/// Errors are values; the API maps them to GraphQL errors by the table of base/error.hpp.

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/context.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"

namespace phx::pg {
class Database;
class Transaction;
}  // namespace phx::pg

namespace phx::engine {
struct Event;
}

namespace phx::api {

/// What a mutation handler works with: one open transaction in the request's scope (its login role and, in a tenant,
/// its row-level security), which the pipeline commits after the handler, together with the idempotency key and the
/// audit row. Nothing here calls the outside world.
class MutationContext {
 public:
  virtual ~MutationContext() = default;

  virtual pg::Transaction& tx() = 0;
  virtual const RequestContext& request() const = 0;
  virtual const Clock& clock() const = 0;
  virtual UuidSource& ids() = 0;

  /// Tells subscribers, from the same transaction (engine/events.hpp): the last write, after the object's row is locked
  /// or written, so that one object's events are in the order of its versions. `event.type` is the SDL type
  /// ("VirtualMachine"); an empty `event.tenant` means the request's tenant.
  virtual asio::awaitable<Status> record_event(engine::Event event) = 0;

  /// What the audit row shall say about the object. Secrets never go in. Called at most once a mutation; without it
  /// the row still says who, what action, from where and with what outcome.
  virtual void audit(std::string object_type, Uuid object_id, boost::json::value before, boost::json::value after) = 0;
  /// The tenant an audit row of platform scope is about (createTenant: the new one).
  virtual void audit_tenant(Uuid tenant) = 0;

  /// A field of the payload for this answer alone: it is not kept with the idempotency key, so a repetition has null.
  virtual void show_once(std::string field, std::string secret) = 0;

  /// Runs after the commit, on the I/O thread, before the answer is sent. Not called when anything fails.
  virtual void after_commit(std::function<void()> hook) = 0;
};

/// Returns the payload's fields: for a field whose type is an @table object its id as a string (or null), for any
/// other field its JSON value. The API then reads the client's selection through the compiled read path.
/// `args` are coerced: defaults filled in, unknown ones refused, enums as strings, DateTime as RFC 3339 text.
using MutationHandler =
    std::function<asio::awaitable<Result<boost::json::object>>(MutationContext&, boost::json::object args)>;

/// What a root resolver works with.
struct QueryContext {
  const RequestContext& request;
  pg::Database& database;
};

/// A root field with @resolver. The value is that of the field's type: an @table object is given by its id as a
/// string, any other object as a JSON object with the SDL's field names (all of them; the API picks).
using QueryHandler =
    std::function<asio::awaitable<Result<boost::json::value>>(QueryContext&, boost::json::object args)>;

/// The rows for which a computed field is wanted, all in one call.
struct FieldBatch {
  const RequestContext& request;
  pg::Database& database;
  /// One object a row, with the needed columns by column name: uuid and timestamptz as text, integers as numbers,
  /// JSON columns parsed, null as null.
  std::vector<boost::json::object> rows;
  boost::json::object args;
};

/// One value per row, in the order of the rows. Objects carry the SDL's field names. An error is that of all rows.
using BatchResolver = std::function<asio::awaitable<Result<std::vector<boost::json::value>>>(FieldBatch&)>;
/// The same where single rows may fail: the others keep their values.
using RowResults = std::vector<Result<boost::json::value>>;
using RowResolver = std::function<asio::awaitable<Result<RowResults>>(FieldBatch&)>;

class Registry {
 public:
  /// A field of type Mutation. Throws std::logic_error when the name is taken: that is a bug.
  void mutation(std::string name, MutationHandler handler);
  /// A field of type Query with @resolver.
  void query(std::string name, QueryHandler handler);
  /// "Type.field" with @resolver on an @table type; `needed_columns` are columns of its table.
  /// It is called once a request for each set of arguments, with all rows of all places where the field is selected.
  /// A call that takes longer than `patience`, or beyond the request's deadline, is cancelled and its rows fail with
  /// "api.resolver_timeout".
  void field(std::string type_and_field, std::vector<std::string> needed_columns, BatchResolver resolver,
             std::chrono::milliseconds patience = kPatience);
  void field_by_row(std::string type_and_field, std::vector<std::string> needed_columns, RowResolver resolver,
                    std::chrono::milliseconds patience = kPatience);
  static constexpr std::chrono::milliseconds kPatience{10'000};
  /// Called after every committed mutation on the I/O thread: nudges the sequencer and the workers.
  void on_commit(std::function<void()> hook);

  struct Field {
    std::vector<std::string> needed_columns;
    RowResolver resolver;
    std::chrono::milliseconds patience;
  };
  const std::map<std::string, MutationHandler, std::less<>>& mutations() const { return mutations_; }
  const std::map<std::string, QueryHandler, std::less<>>& queries() const { return queries_; }
  const std::map<std::string, Field, std::less<>>& fields() const { return fields_; }
  void notify_commit() const;

 private:
  std::map<std::string, MutationHandler, std::less<>> mutations_;
  std::map<std::string, QueryHandler, std::less<>> queries_;
  std::map<std::string, Field, std::less<>> fields_;
  std::vector<std::function<void()>> on_commit_;
};

}  // namespace phx::api
