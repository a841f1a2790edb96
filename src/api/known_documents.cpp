#include "api/known_documents.hpp"

#include <fmt/format.h>
#include <boost/json/parse.hpp>

#include <algorithm>

#include "base/crypto.hpp"

namespace phx::api {
namespace {

namespace json = boost::json;

std::string hash_of(std::string_view text) { return hex_encode(sha256(text)); }

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return text;
}

/// "sha256:…" is how GraphQL over HTTP spells ids that are hashes.
std::string_view without_prefix(std::string_view id) { return id.starts_with("sha256:") ? id.substr(7) : id; }

Error not_trusted() {
  return permission_denied("graphql.document_not_trusted", "This server runs the documents of its manifest only.");
}

}  // namespace

Status KnownDocuments::load(std::string_view manifest, const std::string& where) {
  const auto wrong = [&](std::string_view what) {
    return Error(Code::kFailedPrecondition, "documents.manifest", fmt::format("{}: {}", where, what));
  };
  boost::system::error_code failed;
  const json::value parsed = json::parse(manifest, failed);
  if (failed || !parsed.is_object()) return wrong("a manifest is a JSON object of id → document.");
  const auto trust = [&](std::string_view id, const json::value& text) -> Status {
    if (!text.is_string()) return wrong(fmt::format("the document '{}' is no text.", id));
    const std::string body(std::string_view(text.as_string()));
    trusted_.insert_or_assign(std::string(without_prefix(id)), body);
    trusted_.insert_or_assign(hash_of(body), body);
    return {};
  };
  const auto* operations = parsed.as_object().if_contains("operations");
  if (!operations) {
    for (const auto& [id, text] : parsed.as_object()) PHX_CHECK(trust(id, text));
    return {};
  }
  if (!operations->is_array()) return wrong("'operations' must be a list.");
  for (const json::value& operation : operations->as_array()) {
    const auto* id = operation.is_object() ? operation.as_object().if_contains("id") : nullptr;
    const auto* body = operation.is_object() ? operation.as_object().if_contains("body") : nullptr;
    if (!id || !id->is_string() || !body) return wrong("each operation has an id and a body.");
    PHX_CHECK(trust(std::string_view(id->as_string()), *body));
  }
  return {};
}

Status KnownDocuments::resolve_trusted(GraphqlRequest& request) const {
  const std::string& id = request.document_id ? *request.document_id : *request.persisted_hash;
  const auto it = trusted_.find(std::string(without_prefix(id)));
  if (it == trusted_.end()) return not_found("graphql.document_unknown", "There is no document of that id.");
  if (!request.query.empty() && request.query != it->second)
    return Error(Code::kInvalidArgument, "graphql.persisted_query_hash", "The text is not that of the document named.");
  request.query = it->second;
  return {};
}

Status KnownDocuments::resolve(GraphqlRequest& request, Caller caller) {
  if (request.persisted_hash) request.persisted_hash = lower(std::move(*request.persisted_hash));
  const bool named = request.document_id || request.persisted_hash;
  if (named) {
    const Status found = resolve_trusted(request);
    if (found || request.document_id || found.error().code() != Code::kNotFound) return found;
  }
  if (trusted_only_ && !caller.local && !trusted_.contains(hash_of(request.query))) return not_trusted();
  if (!request.persisted_hash) return {};

  const std::string& hash = *request.persisted_hash;
  if (!request.query.empty()) {
    if (hash_of(request.query) != hash)
      return Error(Code::kInvalidArgument, "graphql.persisted_query_hash", "The sha256Hash is not that of the query.");
    if (caller.signed_in) remember(hash, request.query);
    return {};
  }
  const auto it = index_.find(hash);
  // Clients know the miss by this very message, and send the text then.
  if (it == index_.end()) return not_found("graphql.persisted_query_not_found", "PersistedQueryNotFound");
  texts_.splice(texts_.begin(), texts_, it->second);
  request.query = it->second->text;
  return {};
}

void KnownDocuments::remember(const std::string& hash, const std::string& text) {
  if (text.size() > limits_.max_text || index_.contains(hash)) return;
  texts_.push_front({hash, text});
  index_[texts_.front().hash] = texts_.begin();
  bytes_ += text.size();
  while (texts_.size() > limits_.max_texts || bytes_ > limits_.max_bytes) {
    bytes_ -= texts_.back().text.size();
    index_.erase(texts_.back().hash);
    texts_.pop_back();
  }
}

}  // namespace phx::api
