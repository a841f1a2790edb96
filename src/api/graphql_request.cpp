#include "api/graphql_request.hpp"

#include <fmt/format.h>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>

#include <array>

#include "api/errors.hpp"
#include "net/url.hpp"

namespace phx::api {
namespace {

namespace json = boost::json;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Thousandths, RFC 9110 12.4.2; what is no quality counts as none at all.
int quality_of(std::string_view parameters) {
  while (!parameters.empty()) {
    parameters.remove_prefix(1);  // the semicolon
    const auto end = std::min(parameters.find(';'), parameters.size());
    const std::string_view one = trim(parameters.substr(0, end));
    parameters.remove_prefix(end);
    if (one.size() < 3 || (one[0] != 'q' && one[0] != 'Q') || one[1] != '=') continue;
    if (one[2] != '0' && one[2] != '1') return 0;
    int value = (one[2] - '0') * 1000;
    int place = 100;
    for (std::size_t i = 4; i < one.size() && i < 7 && one[3] == '.' && one[i] >= '0' && one[i] <= '9';
         ++i, place /= 10)
      value += (one[i] - '0') * place;
    return std::min(value, 1000);
  }
  return 1000;
}

Error malformed(std::string message) {
  return Error(Code::kInvalidArgument, "graphql.malformed_request", std::move(message));
}

/// Members of all objects of a value.
std::size_t members(const json::value& value) {
  std::size_t count = 0;
  if (const auto* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += members(member.value());
  } else if (const auto* array = value.if_array()) {
    for (const auto& item : *array) count += members(item);
  }
  return count;
}

/// Whether an object of the text has two members of one name (RFC 8259 section 4), of which the parser keeps the last:
/// each member has one colon outside of strings, and a member that was dropped is missing in the value.
bool has_repeated_names(std::string_view text, const json::value& parsed) {
  std::size_t colons = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\')
      ++i;
    else if (c == '"')
      in_string = !in_string;
    else if (c == ':' && !in_string)
      ++colons;
  }
  return colons != members(parsed);
}

Result<json::value> parse_json(std::string_view text, std::string_view what, json::storage_ptr storage = {}) {
  boost::system::error_code wrong;
  json::value out = json::parse(text, wrong, std::move(storage));
  if (wrong)
    return Error(Code::kInvalidArgument, "http.malformed_json",
                 fmt::format("{} is not well-formed JSON in UTF-8 (or is too deep).", what));
  if (has_repeated_names(text, out))
    return Error(Code::kInvalidArgument, "http.repeated_name",
                 fmt::format("{} has an object with two members of one name.", what))
        .with_next_action("Give each member once.");
  return out;
}

Result<GraphqlRequest> read_post(const net::Request& http) {
  const std::string_view type = http.headers.get("Content-Type");
  if (!net::iequals(trim(type.substr(0, type.find(';'))), "application/json"))
    return Error(Code::kInvalidArgument, "http.media_type", "Send the request as Content-Type: application/json.");
  // What is read from the body is copied out of it: its tree needs no memory of its own unless it is large.
  std::array<unsigned char, 2048> room;
  json::monotonic_resource memory(room.data(), room.size());
  PHX_TRY(const json::value body, parse_json(http.body, "The body", &memory));
  if (body.is_array())
    return Error(Code::kInvalidArgument, "http.batch", "Batches are not served; send one operation.");
  if (!body.is_object()) return malformed("The body must be a JSON object.");
  return read_parameters(body.as_object());
}

Result<GraphqlRequest> read_get(const net::Request& http) {
  PHX_TRY(const net::QueryParameters parameters, net::parse_query(http.query));
  json::object body;
  for (std::string_view name : {"query", "operationName", "documentId"})
    if (const auto value = net::query_value(parameters, name)) body[name] = *value;
  for (std::string_view name : {"variables", "extensions"})
    if (const auto value = net::query_value(parameters, name); value && !value->empty()) {
      PHX_TRY(body[name], parse_json(*value, fmt::format("'{}'", name)));
    }
  PHX_TRY(GraphqlRequest out, read_parameters(body));
  out.allow_mutations = false;
  return out;
}

Status read_extensions(const json::object& extensions, GraphqlRequest& out) {
  const auto* persisted = extensions.if_contains("persistedQuery");
  if (!persisted || persisted->is_null()) return {};
  const auto* hash = persisted->is_object() ? persisted->as_object().if_contains("sha256Hash") : nullptr;
  const auto* version = persisted->is_object() ? persisted->as_object().if_contains("version") : nullptr;
  if (!hash || !hash->is_string() || !version || *version != 1)
    return malformed("'extensions.persistedQuery' needs version 1 and a sha256Hash.");
  out.persisted_hash = std::string(std::string_view(hash->as_string()));
  return {};
}

}  // namespace

std::string_view media_type(AnswerForm form) {
  switch (form) {
    case AnswerForm::kJson: return "application/json";
    case AnswerForm::kGraphqlJson: return "application/graphql-response+json";
    case AnswerForm::kEventStream: return "text/event-stream";
  }
  return {};
}

std::optional<Accepted> negotiate(const net::Headers& headers) {
  const auto fields = headers.all("Accept");
  if (fields.empty()) return Accepted();
  constexpr std::array kForms{AnswerForm::kEventStream, AnswerForm::kJson, AnswerForm::kGraphqlJson};
  // The most special range that matches a form decides its quality; wildcards stand for plain JSON alone.
  std::array<int, 3> quality{0, 0, 0};
  std::array<int, 3> special{-1, -1, -1};
  const auto offer = [&](AnswerForm form, int how_special, int q) {
    const auto i = static_cast<std::size_t>(form);
    if (how_special < special[i]) return;
    special[i] = how_special;
    quality[i] = q;
  };
  for (std::string_view field : fields) {
    while (!field.empty()) {
      const auto comma = field.find(',');
      const std::string_view one = field.substr(0, comma);
      field = comma == std::string_view::npos ? std::string_view() : field.substr(comma + 1);
      const auto semicolon = one.find(';');
      const std::string_view range = trim(one.substr(0, semicolon));
      const int q = semicolon == std::string_view::npos ? 1000 : quality_of(one.substr(semicolon));
      if (range == "*/*") offer(AnswerForm::kJson, 0, q);
      if (net::iequals(range, "application/*")) offer(AnswerForm::kJson, 1, q);
      for (const AnswerForm form : kForms)
        if (net::iequals(range, media_type(form))) offer(form, 2, q);
    }
  }
  std::optional<AnswerForm> best;
  const auto taken = [&](AnswerForm form) { return quality[static_cast<std::size_t>(form)]; };
  for (const AnswerForm form : kForms)
    if (taken(form) > 0 && (!best || taken(form) >= taken(*best))) best = form;
  if (!best) return std::nullopt;
  return Accepted{*best, taken(AnswerForm::kEventStream) > 0};
}

Result<GraphqlRequest> read_parameters(const json::object& parameters) {
  GraphqlRequest out;
  if (const auto* name = parameters.if_contains("operationName"); name && !name->is_null()) {
    if (!name->is_string()) return malformed("'operationName' must be a text.");
    if (!name->as_string().empty()) out.operation_name = std::string(std::string_view(name->as_string()));
  }
  if (const auto* variables = parameters.if_contains("variables"); variables && !variables->is_null()) {
    if (!variables->is_object()) return malformed("'variables' must be an object.");
    out.variables = variables->as_object();
  }
  if (const auto* extensions = parameters.if_contains("extensions"); extensions && !extensions->is_null()) {
    if (!extensions->is_object()) return malformed("'extensions' must be an object.");
    PHX_CHECK(read_extensions(extensions->as_object(), out));
  }
  if (const auto* id = parameters.if_contains("documentId"); id && !id->is_null()) {
    if (!id->is_string() || id->as_string().empty()) return malformed("'documentId' must be a text.");
    out.document_id = std::string(std::string_view(id->as_string()));
  }
  const json::value* query = parameters.if_contains("query");
  if (query && query->is_string()) out.query = std::string_view(query->as_string());
  const bool by_name = out.document_id || out.persisted_hash;
  if ((query && !query->is_string() && !query->is_null()) || (out.query.empty() && !by_name))
    return Error(Code::kInvalidArgument, "graphql.no_query", "The request needs a 'query' that is a text.");
  return out;
}

Result<GraphqlRequest> read_request(const net::Request& http) {
  return http.method == "POST" ? read_post(http) : read_get(http);
}

Result<ClientMessage> read_message(std::string_view text) {
  const auto wrong = [](std::string message) {
    return Error(Code::kInvalidArgument, "graphql.malformed_message", std::move(message));
  };
  boost::system::error_code failed;
  json::value parsed = json::parse(text, failed);
  if (!failed && has_repeated_names(text, parsed)) return wrong("An object has two members of one name");
  const auto* type = !failed && parsed.is_object() ? parsed.as_object().if_contains("type") : nullptr;
  if (!type || !type->is_string() || type->as_string().empty()) return wrong("Invalid message received");
  ClientMessage out;
  out.type = std::string_view(type->as_string());
  if (const auto* id = parsed.as_object().if_contains("id"); id && !id->is_null()) {
    if (!id->is_string()) return wrong("The id must be a text");
    out.id = std::string_view(id->as_string());
  }
  if (auto* payload = parsed.as_object().if_contains("payload"); payload && !payload->is_null()) {
    if (!payload->is_object()) return wrong("The payload must be an object");
    out.payload = std::move(payload->as_object());
  }
  return out;
}

std::string error_body(const Error& error, std::string_view request_id) {
  const graphql::GraphqlError made = to_graphql_error(error, request_id);
  return graphql::request_errors({&made, 1});
}

std::string body_with_cost(GraphqlAnswer answer) {
  std::string body = std::move(answer.body);
  if (!answer.cost) return body;
  body.back() = ',';
  body.append(R"("extensions":{"cost":{"requested":)").append(std::to_string(answer.cost->requested));
  body.append(R"(,"limit":)").append(std::to_string(answer.cost->limit)).append("}}}");
  return body;
}

}  // namespace phx::api
