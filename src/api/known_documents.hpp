#pragma once
/// Documents that are named instead of sent.
///
/// **Trusted documents** come from manifests read at the start: a JSON object of id → text, or Apollo's format
/// {"format": "apollo-persisted-query-manifest", "operations": [{"id", "body"}]}. A request names one as `documentId`
/// or by its hash. With `trusted_only` every other document is refused, also one sent as text, unless the text is that
/// of a trusted one.
/// **Automatic persisted queries** (extensions.persistedQuery {version: 1, sha256Hash}): a signed-in client sends hash
/// and text once and the hash alone from then on. The hash is checked; texts are kept least recently used out first,
/// bounded in number and bytes, so strangers cannot fill the memory and nothing relies on a text being there.
///
/// Errors: "graphql.document_unknown", "graphql.document_not_trusted", "graphql.persisted_query_not_found" (with the
/// message clients look for), "graphql.persisted_query_hash"; of load(): "documents.manifest".

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "api/service.hpp"
#include "base/result.hpp"

namespace phx::api {

class KnownDocuments {
 public:
  struct Limits {
    std::size_t max_texts = 1'000;
    std::size_t max_bytes = 4 << 20;
    std::size_t max_text = 64 << 10;
  };
  KnownDocuments() : KnownDocuments(Limits()) {}
  explicit KnownDocuments(Limits limits) : limits_(limits) {}

  /// Adds the documents of a manifest. Call before serving.
  Status load(std::string_view manifest, const std::string& where);
  void trust_only(bool only) { trusted_only_ = only; }
  std::size_t trusted() const { return trusted_.size(); }
  std::size_t remembered() const { return texts_.size(); }

  /// Who asks: callers that may write down texts, and the server's own account, which is not held to the manifest.
  struct Caller {
    bool signed_in = false;
    bool local = false;
  };
  /// Puts the text into a request that names its document, and judges whether it may be run here.
  Status resolve(GraphqlRequest& request, Caller caller);

 private:
  struct Text {
    std::string hash;
    std::string text;
  };
  Status resolve_trusted(GraphqlRequest& request) const;
  void remember(const std::string& hash, const std::string& text);

  Limits limits_;
  bool trusted_only_ = false;
  std::unordered_map<std::string, std::string> trusted_;  // by id and by hash
  std::list<Text> texts_;                                 // most recently used first
  std::unordered_map<std::string_view, std::list<Text>::iterator> index_;
  std::size_t bytes_ = 0;
};

}  // namespace phx::api
