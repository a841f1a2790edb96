#include "graphql/execute.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "graphql/lift.hpp"

namespace phx::graphql {
namespace {

namespace json = boost::json;
using ast::SelectionKind;

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

/// Does @skip or @include leave the selection in?
std::expected<bool, GraphqlError> included(const ast::Selection& selection, const json::object& variables,
                                           const Document& document) {
  for (const auto& directive : selection.directives) {
    bool skip = directive.name.text == "skip";
    if (!skip && directive.name.text != "include") continue;
    const ast::Value* condition = ast::find_argument(directive, "if");
    const bool* value = nullptr;
    if (condition != nullptr && condition->kind == ast::ValueKind::kBoolean) {
      value = &condition->boolean;
    } else if (condition != nullptr && condition->kind == ast::ValueKind::kVariable) {
      const auto* variable = variables.if_contains(condition->text);
      value = variable == nullptr ? nullptr : variable->if_bool();
    }
    if (value == nullptr)
      return std::unexpected(GraphqlError{fmt::format("The condition of @{} must not be null.", directive.name.text),
                                          {},
                                          {document.location(directive.name.offset)}});
    if (*value == skip) return false;
  }
  return true;
}

}  // namespace

// --- what was asked ---

struct FieldGroup::Sub {
  const Type* type;
  std::expected<std::vector<FieldGroup>, GraphqlError> fields;
};

bool is_introspection(const FieldGroup& field) { return field.name().starts_with("__"); }

std::expected<Execution, std::vector<GraphqlError>> Execution::prepare(const Schema& schema, const Document& document,
                                                                       std::optional<std::string_view> operation_name,
                                                                       const json::object& variables,
                                                                       const json::object& literals) {
  auto fail = [](std::string message, std::vector<Location> locations = {}) {
    return std::unexpected(std::vector{GraphqlError{std::move(message), {}, std::move(locations)}});
  };
  const ast::OperationDefinition* chosen = nullptr;
  if (operation_name) {
    for (const auto& operation : document.operations)
      if (operation.name.text == *operation_name && !operation.name.empty()) chosen = &operation;
    if (chosen == nullptr) return fail(fmt::format("There is no operation {} in the document.", *operation_name));
  } else {
    if (document.operations.empty()) return fail("The document has no operation.");
    if (document.operations.size() > 1) return fail("The document has several operations; say which one to run.");
    chosen = &document.operations.front();
  }
  Execution out;
  out.schema_ = &schema;
  out.document_ = &document;
  out.operation_ = chosen;
  out.root_ = schema.root(chosen->kind);
  if (out.root_ == nullptr)
    return fail("The schema has no root type for this kind of operation.", {document.location(chosen->offset)});
  auto coerced = coerce_variables(schema, document, *chosen, variables);
  if (!coerced) return std::unexpected(std::move(coerced).error());
  out.variables_ = std::move(*coerced);
  for (const auto& literal : literals) out.variables_.insert_or_assign(literal.key(), literal.value());
  out.top_ = std::make_shared<FieldGroup>();
  return out;
}

Execution Execution::with_variables_of(const Execution& other) const {
  Execution out = *this;
  out.variables_ = other.variables_;
  out.relocation_ = other.relocation_;
  return out;
}

Location Execution::location(std::uint32_t offset) const {
  return relocation_ ? relocation_->location(offset) : document_->location(offset);
}

std::expected<json::object, GraphqlError> Execution::arguments_of(const FieldGroup& field) const {
  const ast::Selection& first = *field.nodes.front();
  return coerce_arguments(field.field->arguments, first.arguments, variables_, *document_, first.offset);
}

std::expected<std::vector<FieldGroup>, GraphqlError> Execution::collect(
    const Type& object, std::span<const List<ast::Selection>* const> selection_sets) const {
  constexpr std::size_t kFew = 16;
  std::vector<FieldGroup> groups;
  std::unordered_map<std::string_view, std::size_t> by_key;  // only when there are many
  auto group_of = [&](std::string_view key) -> FieldGroup* {
    if (groups.size() <= kFew) {
      for (auto& group : groups)
        if (group.key == key) return &group;
      return nullptr;
    }
    if (by_key.empty())
      for (std::size_t i = 0; i < groups.size(); ++i) by_key.emplace(groups[i].key, i);
    auto found = by_key.find(key);
    return found == by_key.end() ? nullptr : &groups[found->second];
  };
  // A place in a selection list; the innermost last. Order matters: it becomes the order of the response.
  struct Frame {
    const List<ast::Selection>* list;
    std::size_t next;
  };
  std::vector<Frame> stack;
  std::vector<const ast::FragmentDefinition*> spread;
  auto applies = [&](std::string_view condition) {
    const Type* type = condition.empty() ? &object : schema_->type(condition);
    return type == &object || (type != nullptr && schema_->is_possible(*type, object));
  };
  for (const auto* set : selection_sets) {
    stack.push_back({set, 0});
    while (!stack.empty()) {
      auto& frame = stack.back();
      if (frame.next == frame.list->size()) {
        stack.pop_back();
        continue;
      }
      const ast::Selection& selection = (*frame.list)[frame.next++];
      if (!selection.directives.empty()) {
        auto keep = included(selection, variables_, *document_);
        if (!keep) return std::unexpected(std::move(keep).error());
        if (!*keep) continue;
      }
      if (selection.kind == SelectionKind::kField) {
        if (FieldGroup* same = group_of(selection.key)) {
          same->nodes.push_back(&selection);
          continue;
        }
        const Field* field = schema_->field(object, selection.name.text);
        if (field == nullptr) continue;  // only in a document that was not validated
        FieldGroup group;
        group.key = selection.key;
        group.field = field;
        group.parent = &object;
        group.nodes.push_back(&selection);
        if (!field->arguments.empty()) {
          auto arguments =
              coerce_arguments(field->arguments, selection.arguments, variables_, *document_, selection.offset);
          if (arguments)
            group.arguments = std::move(*arguments);
          else
            group.error = std::move(arguments).error();
        }
        if (groups.size() > kFew && !by_key.empty()) by_key.emplace(group.key, groups.size());
        groups.push_back(std::move(group));
      } else if (selection.kind == SelectionKind::kInlineFragment) {
        if (applies(selection.name.text)) stack.push_back({&selection.selections, 0});
      } else {
        const auto* fragment = document_->fragment(selection.name.text);
        if (fragment == nullptr || std::ranges::find(spread, fragment) != spread.end()) continue;
        spread.push_back(fragment);
        if (applies(fragment->type_condition.text)) stack.push_back({&fragment->selections, 0});
      }
    }
  }
  return groups;
}

namespace {

std::expected<FieldGroups, GraphqlError> span_of(const std::expected<std::vector<FieldGroup>, GraphqlError>& fields) {
  if (!fields) return std::unexpected(fields.error());
  return FieldGroups(*fields);
}

}  // namespace

std::expected<FieldGroups, GraphqlError> Execution::root_fields() const {
  if (top_->subs_.empty()) {
    const List<ast::Selection>* sets[] = {&operation_->selections};
    top_->subs_.push_back(std::make_shared<FieldGroup::Sub>(root_, collect(*root_, sets)));
  }
  return span_of(top_->subs_.front()->fields);
}

std::expected<FieldGroups, GraphqlError> Execution::sub_fields(const FieldGroup& field, const Type& object) const {
  for (const auto& sub : field.subs_)
    if (sub->type == &object) return span_of(sub->fields);
  std::vector<const List<ast::Selection>*> sets;
  sets.reserve(field.nodes.size());
  for (const auto* node : field.nodes) sets.push_back(&node->selections);
  field.subs_.push_back(std::make_shared<FieldGroup::Sub>(&object, collect(object, sets)));
  return span_of(field.subs_.back()->fields);
}

// --- where values come from ---

namespace {

const json::value kNull;

ValueReader::Read property(const json::value& parent, std::string_view name, const FieldGroup& field) {
  const auto* object = parent.if_object();
  if (object == nullptr)
    return std::unexpected(GraphqlError{fmt::format("The value of {} is no object.", field.parent->name)});
  const auto* value = object->if_contains(name);
  return value == nullptr ? &kNull : value;
}

}  // namespace

ValueReader::Read ValueReader::read(const json::value& parent, const FieldGroup& field, json::value&) const {
  return property(parent, field.name(), field);
}

std::string_view ValueReader::type_name(const json::value& value) const {
  const auto* object = value.if_object();
  const auto* name = object == nullptr ? nullptr : object->if_contains("__typename");
  return name != nullptr && name->is_string() ? view(name->get_string()) : std::string_view();
}

ValueReader::Read KeyReader::read(const json::value& parent, const FieldGroup& field, json::value&) const {
  return property(parent, field.key, field);
}

// --- how it is answered ---

/// Completes values (6.4.3) straight into the response's text. A function that returns false has recorded an error and
/// leaves half-written text behind; whoever can hold null cuts it off and writes null instead.
class Completion {
 public:
  Completion(Response& response, const ValueReader& reader)
      : response_(response), execution_(response.execution_), reader_(reader), out_(response.data_) {}

  /// "key": value, read from the parent.
  bool field_of(const FieldGroup& field, const json::value& parent) {
    write_key(field);
    path_.push_back({field.key, 0});
    bool ok = value_of(field, parent);
    path_.pop_back();
    return ok;
  }
  /// "key": value of a root field.
  bool field(const FieldGroup& field, const json::value& value) {
    write_key(field);
    path_.push_back({field.key, 0});
    bool ok = field.error ? failed(field, *field.error) : complete(field, field.field->type, value);
    path_.pop_back();
    return ok;
  }
  bool failed_field(const FieldGroup& field, GraphqlError error) {
    write_key(field);
    path_.push_back({field.key, 0});
    bool ok = failed(field, std::move(error));
    path_.pop_back();
    return ok;
  }
  void write_key(const FieldGroup& field) {
    if (!out_.empty() && out_.back() != '{') out_ += ',';
    out_ += '"';
    out_ += field.key;
    out_ += "\":";
  }

 private:
  /// Levels of values within values. Fragments can nest deeper than the text that the parser bounds.
  static constexpr std::size_t kMaxDepth = 500;

  struct Step {
    std::string_view key;  ///< empty for a list index
    std::size_t index;
  };

  void record(const FieldGroup& field, GraphqlError error) {
    for (const auto& step : path_) {
      if (step.key.empty())
        error.path.push_back(static_cast<std::int64_t>(step.index));
      else
        error.path.push_back(json::string(step.key));
    }
    if (error.locations.empty()) error.locations.push_back(execution_.location(field.nodes[0]->offset));
    response_.errors_.push_back(std::move(error));
  }
  bool wrong(const FieldGroup& field, std::string message) {
    record(field, GraphqlError{std::move(message)});
    return false;
  }
  /// The field has no value because of an error.
  bool failed(const FieldGroup& field, GraphqlError error) {
    record(field, std::move(error));
    return null_or_propagate(field.field->type);
  }
  bool null_or_propagate(TypeRef type) {
    if (type.is_non_null()) return false;
    out_ += "null";
    return true;
  }

  bool value_of(const FieldGroup& field, const json::value& parent) {
    if (field.error) return failed(field, *field.error);
    if (field.field == execution_.schema().typename_field()) {
      write_json_string(out_, field.parent->name);
      return true;
    }
    json::value scratch;
    auto value = reader_.read(parent, field, scratch);
    if (!value) return failed(field, std::move(value).error());
    return complete(field, field.field->type, **value);
  }

  /// False when null must go on to the parent.
  bool complete(const FieldGroup& field, TypeRef type, const json::value& value) {
    if (value.is_null()) {
      if (!type.is_non_null()) {
        out_ += "null";
        return true;
      }
      return wrong(field,
                   fmt::format("{}.{} must not be null, but there is no value.", field.parent->name, field.name()));
    }
    std::size_t mark = out_.size();
    if (complete_some(field, type.nullable(), value)) return true;
    out_.resize(mark);
    return null_or_propagate(type);
  }

  bool complete_some(const FieldGroup& field, TypeRef type, const json::value& value) {
    if (type.is_list()) return list(field, type.item(), value);
    const Type& named = *type.named();
    switch (named.kind) {
      case TypeKind::kScalar: return scalar(field, named, value);
      case TypeKind::kEnum:
        if (!value.is_string() || named.value(view(value.get_string())) == nullptr)
          return wrong(field, fmt::format("The value is none of the enum {}.", named.name));
        write_json_string(out_, view(value.get_string()));
        return true;
      case TypeKind::kObject: return object(field, named, value);
      case TypeKind::kInterface:
      case TypeKind::kUnion: {
        const Type* actual = execution_.schema().type(reader_.type_name(value));
        if (actual == nullptr || !execution_.schema().is_possible(named, *actual))
          return wrong(field, fmt::format("The value does not say which type of {} it has.", named.name));
        return object(field, *actual, value);
      }
      case TypeKind::kInputObject: break;
    }
    return false;
  }

  bool list(const FieldGroup& field, TypeRef item_type, const json::value& value) {
    const auto* items = value.if_array();
    if (items == nullptr) return wrong(field, "The value is no list.");
    if (path_.size() >= kMaxDepth) return wrong(field, "The value is nested too deep.");
    out_ += '[';
    bool ok = true;
    path_.push_back({{}, 0});
    for (std::size_t i = 0; ok && i < items->size(); ++i) {
      if (i > 0) out_ += ',';
      path_.back().index = i;
      auto item = reader_.item((*items)[i]);
      if (item) {
        ok = complete(field, item_type, **item);
      } else {
        record(field, std::move(item).error());
        ok = null_or_propagate(item_type);
      }
    }
    path_.pop_back();
    out_ += ']';
    return ok;
  }

  bool object(const FieldGroup& field, const Type& type, const json::value& value) {
    auto fields = execution_.sub_fields(field, type);
    if (!fields) {
      record(field, std::move(fields).error());
      return false;
    }
    if (path_.size() >= kMaxDepth) return wrong(field, "The value is nested too deep.");
    out_ += '{';
    for (const auto& sub : *fields)
      if (!field_of(sub, value)) return false;
    out_ += '}';
    return true;
  }

  bool scalar(const FieldGroup& field, const Type& type, const json::value& value) {
    using Scalar = Type::Scalar;
    switch (type.scalar) {
      case Scalar::kCustom: write_json(out_, value); return true;
      case Scalar::kString:
        if (value.is_string())
          write_json_string(out_, view(value.get_string()));
        else if (value.is_bool())
          out_ += value.get_bool() ? "\"true\"" : "\"false\"";
        else if (value.is_number())
          quote_number(value);
        else
          return wrong(field, "The value is no string.");
        return true;
      case Scalar::kBoolean:
        if (!value.is_bool()) return wrong(field, "The value is no boolean.");
        out_ += value.get_bool() ? "true" : "false";
        return true;
      case Scalar::kFloat:
        if (!value.is_number() || (value.is_double() && !std::isfinite(value.get_double())))
          return wrong(field, "The value is no finite number.");
        write_json(out_, value);
        return true;
      case Scalar::kInt: {
        auto integer = integral(value);
        if (!integer || *integer < std::numeric_limits<std::int32_t>::min() ||
            *integer > std::numeric_limits<std::int32_t>::max())
          return wrong(field, "The value is no integer of 32 bits.");
        write_json(out_, *integer);
        return true;
      }
      case Scalar::kId:
        if (value.is_string()) {
          write_json_string(out_, view(value.get_string()));
        } else if (value.is_uint64()) {
          quote_number(value);
        } else if (auto integer = integral(value)) {
          quote_number(*integer);
        } else {
          return wrong(field, "The value is no id.");
        }
        return true;
    }
    return false;
  }
  static std::optional<std::int64_t> integral(const json::value& value) {
    if (const auto* i = value.if_int64()) return *i;
    if (const auto* d = value.if_double(); d != nullptr && std::trunc(*d) == *d && std::abs(*d) < 9e18)
      return static_cast<std::int64_t>(*d);
    return std::nullopt;
  }
  void quote_number(const json::value& value) {
    out_ += '"';
    write_json(out_, value);
    out_ += '"';
  }

  Response& response_;
  const Execution& execution_;
  const ValueReader& reader_;
  std::string& out_;
  std::vector<Step> path_;
};

namespace {
const KeyReader kKeyReader;
}

void Response::settle(bool ok) {
  if (ok) return;
  failed_ = true;
  data_.clear();
}

void Response::add(const FieldGroup& field, const json::value& value, const ValueReader& reader) {
  if (!failed_) settle(Completion(*this, reader).field(field, value));
}

void Response::add_from(const FieldGroup& field, const json::value& root, const ValueReader& reader) {
  if (!failed_) settle(Completion(*this, reader).field_of(field, root));
}

void Response::add_text(const FieldGroup& field, std::string_view text) {
  if (!failed_) text_of(field, text.size()) += text;
}

std::string& Response::text_of(const FieldGroup& field, std::size_t expected) {
  // The rest is for the key, and for what follows the data.
  data_.reserve(data_.size() + expected + 128);
  Completion(*this, kKeyReader).write_key(field);
  return data_;
}

void Response::add_error(const FieldGroup& field, std::string message, json::object extensions) {
  if (failed_) return;
  GraphqlError error{std::move(message)};
  error.extensions = std::move(extensions);
  settle(Completion(*this, kKeyReader).failed_field(field, std::move(error)));
}

void Response::add_introspection(const FieldGroup& field) {
  if (failed_) return;
  if (field.field == execution_.schema().typename_field() || field.error) {
    add_from(field, kNull, kKeyReader);
    return;
  }
  auto value = introspect(execution_, field);
  if (value)
    add(field, *value, kKeyReader);
  else
    settle(Completion(*this, kKeyReader).failed_field(field, std::move(value).error()));
}

void Response::add_error(GraphqlError error) { errors_.push_back(std::move(error)); }

void Response::fail(GraphqlError error) {
  errors_.push_back(std::move(error));
  settle(false);
}

std::string Response::data() const { return failed_ ? "null" : "{" + data_.substr(kBeginning.size()) + "}"; }

namespace {

void write_errors(std::string& out, std::span<const GraphqlError> errors) {
  out += "\"errors\":[";
  for (std::size_t i = 0; i < errors.size(); ++i) {
    if (i > 0) out += ',';
    write_json(out, to_json(errors[i]));
  }
  out += ']';
}

}  // namespace

std::string Response::finish(const json::object& extensions) {
  std::string out;
  if (failed_) {
    out = R"({"data":null)";
  } else {
    out = std::move(data_);
    out += '}';
  }
  if (!errors_.empty()) {
    // They come first, where people see them.
    std::string errors;
    write_errors(errors, errors_);
    out.insert(1, errors + ",");
  }
  if (!extensions.empty()) {
    out += ",\"extensions\":";
    write_json(out, extensions);
  }
  out += '}';
  return out;
}

std::string request_errors(std::span<const GraphqlError> errors) {
  std::string out = "{";
  write_errors(out, errors);
  out += '}';
  return out;
}

void execute(const Execution& execution, const json::value& root, const ValueReader& reader, Response& response) {
  auto fields = execution.root_fields();
  if (!fields) return response.fail(std::move(fields).error());
  for (const auto& field : *fields) {
    if (is_introspection(field))
      response.add_introspection(field);
    else
      response.add_from(field, root, reader);
    if (response.failed()) return;
  }
}

json::object to_json(const GraphqlError& error) {
  json::object out;
  out["message"] = error.message;
  if (!error.locations.empty()) {
    auto& locations = out["locations"].emplace_array();
    for (const auto& at : error.locations) locations.push_back({{"line", at.line}, {"column", at.column}});
  }
  if (!error.path.empty()) out["path"] = error.path;
  if (!error.extensions.empty()) out["extensions"] = error.extensions;
  return out;
}

// --- JSON text ---

void write_json_string(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, begin, i - begin);
    begin = i + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text, begin, text.size() - begin);
  out += '"';
}

void write_json(std::string& out, const json::value& value) {
  char buffer[32];
  auto number = [&](auto n) {
    auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), n);
    out.append(buffer, end);
  };
  switch (value.kind()) {
    case json::kind::null: out += "null"; break;
    case json::kind::bool_: out += value.get_bool() ? "true" : "false"; break;
    case json::kind::int64: number(value.get_int64()); break;
    case json::kind::uint64: number(value.get_uint64()); break;
    case json::kind::double_:
      if (std::isfinite(value.get_double()))
        number(value.get_double());
      else
        out += "null";
      break;
    case json::kind::string: write_json_string(out, view(value.get_string())); break;
    case json::kind::array: {
      char before = '[';
      for (const auto& item : value.get_array()) {
        out += before;
        before = ',';
        write_json(out, item);
      }
      if (before == '[') out += '[';
      out += ']';
      break;
    }
    case json::kind::object: {
      char before = '{';
      for (const auto& [key, member] : value.get_object()) {
        out += before;
        before = ',';
        write_json_string(out, key);
        out += ':';
        write_json(out, member);
      }
      if (before == '{') out += '{';
      out += '}';
      break;
    }
  }
}

}  // namespace phx::graphql
