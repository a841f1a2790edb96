// What arrives at /graphql before it is GraphQL: Accept and the forms of answers, POST and GET, the payload of a
// WebSocket's message, and manifests of trusted documents. The input is a value of Accept, one of Content-Type and the
// rest, each on a line of its own.
#include <boost/json/parse.hpp>
#include <string>

#include "api/graphql_request.hpp"
#include "api/known_documents.hpp"
#include "fuzz.hpp"

namespace phx::api {
namespace {

using fuzz::require;

void check(const Result<GraphqlRequest>& request, bool by_get) {
  if (!request) return require(!request.error().reason().empty() && request.error().code() == Code::kInvalidArgument);
  require(!request->query.empty() || request->document_id || request->persisted_hash);
  require(request->allow_mutations != by_get);
  require(!request->operation_name || !request->operation_name->empty());
  // Whatever it names, a server that trusts a manifest only runs no other document.
  KnownDocuments documents;
  documents.trust_only(true);
  GraphqlRequest named = *request;
  require(!documents.resolve(named, {.signed_in = true}));
  require(documents.remembered() == 0);
}

void run(std::string_view text) {
  const auto line = [&text] {
    const auto end = text.find('\n');
    const std::string_view out = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    return out;
  };
  net::Headers headers;
  headers.add("Accept", line());
  if (const auto accepted = negotiate(headers)) require(!media_type(accepted->form).empty());

  net::Request http;
  http.method = "POST";
  http.headers.add("Content-Type", line());
  http.body = text;
  check(read_request(http), false);
  http.method = "GET";
  http.query = text;
  check(read_request(http), true);

  if (const auto message = read_message(text)) {
    require(!message->type.empty());
    check(read_parameters(message->payload), false);
  }
  KnownDocuments documents;
  if (!documents.load(text, "manifest")) return;
  GraphqlRequest request{.query = "{ a }"};
  require(static_cast<bool>(documents.resolve(request, {})));
}

}  // namespace
}  // namespace phx::api

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  phx::api::run(phx::fuzz::as_text(data, size));
  return 0;
}
