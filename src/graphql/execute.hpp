#pragma once
/// Execution (September 2025 edition, section 6), cut so that the caller owns the order and the waiting. An Execution
/// knows what was asked: merged fields with coerced arguments, @skip and @include applied. A Response knows how to
/// answer: result coercion, null propagation, error paths, keys in order, written as JSON text without a tree between.
/// Between the two the caller fetches data as it likes; the API layer does it with coroutines:
///
///     auto document = parse_document(text);                                   // syntax error → request error
///     auto errors = validate(schema, *document);                              // not empty → request errors
///     auto execution = Execution::prepare(schema, *document, operation_name, variables);  // request errors
///     auto fields = execution->root_fields();                                 // error → Response::fail(error)
///     Response response(*execution);
///     for (const FieldGroup& field : *fields) {
///       if (is_introspection(field)) { response.add_introspection(field); continue; }
///       if (auto sql = compile(*execution, field)) {                          // looks at execution->sub_fields(…)
///         response.add_text(field, co_await run(*sql));                       // JSON of the finished selection
///       } else {
///         Result<json::value> value = co_await resolver(field);               // C++: plain JSON, shaped here
///         if (value) response.add(field, *value, KeyReader{});
///         else response.add_error(field, value.error().message(), extensions_of(value.error()));
///       }
///       if (response.failed()) break;                                         // null reached the root
///     }
///     std::string body = response.finish();
///
/// Independent root fields of a query may be fetched at the same time and added in order afterwards; those of a
/// mutation must run one after another (6.2.2). An Execution and its FieldGroups may be used again for each event of a
/// subscription, with a new Response each.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphql/ast.hpp"
#include "graphql/coerce.hpp"
#include "graphql/error.hpp"
#include "graphql/schema.hpp"

namespace phx::graphql {

class Relocation;

/// All selections of one response key in one object, merged. Lives as long as its Execution.
struct FieldGroup {
  std::string_view key;                      ///< response key
  const Field* field = nullptr;              ///< definition in the schema
  const Type* parent = nullptr;              ///< object type it was collected for
  std::vector<const ast::Selection*> nodes;  ///< at least one
  boost::json::object arguments;             ///< coerced
  std::optional<GraphqlError> error;         ///< arguments could not be coerced: a field error

  std::string_view name() const { return field->name; }

 private:
  friend class Execution;
  /// Merged sub-selections, made once for each object type.
  struct Sub;
  mutable std::vector<std::shared_ptr<Sub>> subs_;
};

using FieldGroups = std::span<const FieldGroup>;

/// __schema, __type or __typename at the root.
bool is_introspection(const FieldGroup& field);

/// One operation of a valid document with its variables. Schema and document must outlive it. Not thread-safe.
class Execution {
 public:
  /// Chooses the operation (empty name: the only one) and coerces the variables. Errors are request errors. `literals`
  /// are the values of literals that were lifted out of the document; see lift.hpp.
  static std::expected<Execution, std::vector<GraphqlError>> prepare(const Schema& schema, const Document& document,
                                                                     std::optional<std::string_view> operation_name,
                                                                     const boost::json::object& variables,
                                                                     const boost::json::object& literals = {});
  /// The same operation with its merged fields as they are, but the variables of `other`, which must ask for the same:
  /// conditions of @skip and @include agree. Arguments in the fields remain those of the first; see arguments_of().
  Execution with_variables_of(const Execution& other) const;
  /// The request's text is another than the document's: where errors are in it.
  void relocate(std::shared_ptr<const Relocation> relocation) { relocation_ = std::move(relocation); }

  const Schema& schema() const { return *schema_; }
  const Document& document() const { return *document_; }
  const ast::OperationDefinition& operation() const { return *operation_; }
  const Type& root_type() const { return *root_; }
  const boost::json::object& variables() const { return variables_; }

  /// The place in the request's text.
  Location location(std::uint32_t offset) const;
  /// Arguments of a field under the variables of this execution.
  std::expected<boost::json::object, GraphqlError> arguments_of(const FieldGroup& field) const;

  /// Merged fields of the operation. The error (a directive's condition that cannot be coerced) fails the response.
  std::expected<FieldGroups, GraphqlError> root_fields() const;
  /// Merged fields below `field` for values of that object type. The error belongs to `field`.
  std::expected<FieldGroups, GraphqlError> sub_fields(const FieldGroup& field, const Type& object) const;

 private:
  Execution() = default;
  std::expected<std::vector<FieldGroup>, GraphqlError> collect(
      const Type& object, std::span<const List<ast::Selection>* const> selection_sets) const;

  const Schema* schema_ = nullptr;
  const Document* document_ = nullptr;
  const ast::OperationDefinition* operation_ = nullptr;
  const Type* root_ = nullptr;
  boost::json::object variables_;
  std::shared_ptr<const Relocation> relocation_;
  std::shared_ptr<FieldGroup> top_;  // a stand-in parent that keeps the root's fields
};

/// How field values are found in an already materialised tree. The default reads the property named like the field.
class ValueReader {
 public:
  /// A value, or a field error (its path is filled in).
  using Read = std::expected<const boost::json::value*, GraphqlError>;

  virtual ~ValueReader() = default;
  /// The field's value in `parent`. What has to be made is put into `scratch`, which outlives the value's use.
  /// A missing property is null.
  virtual Read read(const boost::json::value& parent, const FieldGroup& field, boost::json::value& scratch) const;
  /// Called for each list item; may turn it into an error.
  virtual Read item(const boost::json::value& item) const { return &item; }
  /// Name of the object type of a value of an abstract type; the property "__typename" by default.
  virtual std::string_view type_name(const boost::json::value& value) const;
};

/// Reads the property named like the response key: for trees made for this very selection, where one field may stand
/// under several aliases.
class KeyReader final : public ValueReader {
 public:
  Read read(const boost::json::value& parent, const FieldGroup& field, boost::json::value& scratch) const override;
};

class Response {
 public:
  explicit Response(const Execution& execution) : execution_(execution) {}
  Response(const Response&) = delete;
  Response& operator=(const Response&) = delete;

  /// The root field's value, completed by its type and sub-selection.
  void add(const FieldGroup& field, const boost::json::value& value, const ValueReader& reader);
  /// The same with the field's value read from the root value.
  void add_from(const FieldGroup& field, const boost::json::value& root, const ValueReader& reader);
  /// Where the root field's finished JSON is to be appended, behind its key; about so many bytes. When its null must go
  /// on to the parent, fail() takes back what was written.
  std::string& text_of(const FieldGroup& field, std::size_t expected);
  /// The root field's finished JSON. "null" for a non-null field needs a matching add_error() instead.
  void add_text(const FieldGroup& field, std::string_view json);
  /// The root field failed: null, or no data at all when it must not be null.
  void add_error(const FieldGroup& field, std::string message, boost::json::object extensions = {});
  /// __schema, __type or __typename.
  void add_introspection(const FieldGroup& field);
  /// An error inside a field given as text; its path is the caller's business.
  void add_error(GraphqlError error);
  /// The whole operation failed before its first field.
  void fail(GraphqlError error);

  /// True when null has reached the root: data will be null, and further fields are ignored.
  bool failed() const { return failed_; }
  const std::vector<GraphqlError>& errors() const { return errors_; }
  /// "{…}" or "null".
  std::string data() const;
  /// {"errors"?: […], "data": …, "extensions"?: …}. The last call.
  std::string finish(const boost::json::object& extensions = {});

 private:
  friend class Completion;
  void settle(bool ok);

  /// Answers are large and nearly always begin so: they are written where they stay.
  static constexpr std::string_view kBeginning = R"({"data":{)";

  const Execution& execution_;
  std::string data_{kBeginning};
  std::vector<GraphqlError> errors_;
  bool failed_ = false;
};

/// Runs all root fields in order over one JSON root value, with introspection: the synchronous whole.
void execute(const Execution& execution, const boost::json::value& root, const ValueReader& reader, Response& response);

/// {"errors": […]} for request errors: nothing was executed, so there is no data.
std::string request_errors(std::span<const GraphqlError> errors);

/// Introspection data of a root field (__schema, __type), a tree keyed by response keys for KeyReader. It depends on
/// the schema and the selection only, so a server may cache it. The error is a field error: a selection that would walk
/// from types to fields to types without end is cut off at a fixed number of objects.
std::expected<boost::json::value, GraphqlError> introspect(const Execution& execution, const FieldGroup& field);

/// JSON text of a value; doubles are written the shortest way that reads back the same.
void write_json(std::string& out, const boost::json::value& value);
void write_json_string(std::string& out, std::string_view text);

}  // namespace phx::graphql
