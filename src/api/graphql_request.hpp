#pragma once
/// From bytes to a GraphqlRequest, for every transport: the parameters of GraphQL over HTTP (POST with JSON, GET with a
/// query string), which form of answer the client takes, and the payload of a `subscribe` message. Looks at bytes only.
///
/// Errors: "http.media_type", "http.malformed_json", "http.repeated_name", "http.batch", "graphql.no_query",
/// "graphql.malformed_request", "url.malformed", "url.repeated_parameter"; all kInvalidArgument.

#include <boost/json/object.hpp>
#include <optional>

#include "api/service.hpp"
#include "net/http.hpp"

namespace phx::api {

/// The forms of an answer.
enum class AnswerForm : std::uint8_t {
  kJson,         ///< application/json: 200 for whatever is GraphQL at all
  kGraphqlJson,  ///< application/graphql-response+json: 4xx for what was not executed
  kEventStream,  ///< text/event-stream: GraphQL over SSE, distinct connections mode
};
std::string_view media_type(AnswerForm form);

/// What the client takes, by Accept; nothing when none of the three. Without the field, application/json. Of forms of
/// equal quality graphql-response+json goes before json, since who names it knows it, and both before a stream.
struct Accepted {
  AnswerForm form = AnswerForm::kJson;
  bool stream = false;  ///< takes a stream as well: subscriptions get one
};
std::optional<Accepted> negotiate(const net::Headers& headers);

/// A POST or GET at /graphql. GET allows queries only (and subscriptions, which change nothing either).
Result<GraphqlRequest> read_request(const net::Request& http);
/// {"query", "operationName", "variables", "extensions", "documentId"}.
Result<GraphqlRequest> read_parameters(const boost::json::object& parameters);

/// A message of graphql-transport-ws.
struct ClientMessage {
  std::string type;
  std::string id;  ///< empty when there is none
  boost::json::object payload;
};
/// Errors: "graphql.malformed_message", with the sentence for the close frame.
Result<ClientMessage> read_message(std::string_view text);

/// {"errors": […]} for one error before anything was executed.
std::string error_body(const Error& error, std::string_view request_id);
/// The answer's body with its cost in `extensions`.
std::string body_with_cost(GraphqlAnswer answer);

}  // namespace phx::api
