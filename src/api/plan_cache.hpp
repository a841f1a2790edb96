#pragma once
/// What was made of earlier requests, so that a repeated operation is neither parsed nor validated nor compiled again.
/// Clients repeat operations in three ways, from the cheapest to find to the dearest:
///
/// 1. *The same text and variables*: a dashboard that asks again. Everything lies ready, values included. Plans
///    with row rules by the user are not kept so.
/// 2. *The same text, other variables*: the plan lies ready and takes the new values. It is found by all that shapes a
///    plan: the caller's role, which variables are present and null, enum values, booleans, sizes of pages, and lengths
///    of lists of objects. The tenant is no part of it: that is the statement's setting.
/// 3. *The same text but for its literals*: literals are lifted out (graphql/lift.hpp) and are values like variables.
///
/// In all three the SQL text is the same, so that the connections' prepared statements serve them, too.
///
/// Guarantees: what a request is answered never depends on what was cached; a value that cannot be bound is compiled on
/// its own, which gives the error its place. Each cache holds a fixed number of entries, least recently used out first,
/// and no text longer than its limit, so a client that never repeats itself only costs itself time.

#include <boost/json/object.hpp>

#include <expected>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/assembly.hpp"
#include "api/limits.hpp"
#include "api/plan.hpp"
#include "graphql/execute.hpp"
#include "graphql/lift.hpp"

namespace phx {
class Counter;
class Metrics;
}  // namespace phx

namespace phx::api {

/// Values by text, least recently used out first.
template <class T>
class RecentlyUsed {
 public:
  explicit RecentlyUsed(std::size_t max_entries) : max_entries_(max_entries) {}

  /// Null when there is none; stands until the next keep().
  const T* find(std::string_view key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, it->second);
    return &it->second->value;
  }
  const T& keep(std::string key, T value) {
    if (const auto it = index_.find(key); it != index_.end()) {
      it->second->value = std::move(value);
      return it->second->value;
    }
    entries_.push_front({std::move(key), std::move(value)});
    index_[entries_.front().key] = entries_.begin();
    if (entries_.size() > max_entries_ && entries_.size() > 1) {
      index_.erase(entries_.back().key);
      entries_.pop_back();
    }
    return entries_.front().value;
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    T value;
  };
  std::size_t max_entries_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string_view, typename std::list<Entry>::iterator> index_;
};

/// A valid document as one text has it.
struct KnownDocument {
  std::shared_ptr<const graphql::Document> document;
  boost::json::object literals;                           ///< for Execution::prepare
  std::shared_ptr<const graphql::Relocation> relocation;  ///< when the document was made from another text
  bool kept = false;                                      ///< the same document is found again
};

class DocumentCache {
 public:
  struct Limits {
    DocumentLimits document;
    std::size_t max_entries = 1'000;
    std::size_t max_text = 16 * 1024;
  };
  DocumentCache(const graphql::Schema& schema, Limits limits, Metrics& metrics);

  using Found = std::expected<KnownDocument, std::vector<graphql::GraphqlError>>;
  /// The document, or its syntax, limit and validation errors with their extensions (but no request id).
  Found find(const std::string& text);
  std::size_t texts() const { return texts_.size(); }
  std::size_t skeletons() const { return skeletons_.size(); }

 private:
  std::expected<graphql::Document, std::vector<graphql::GraphqlError>> parse(const std::string& text) const;

  const graphql::Schema& schema_;
  Limits limits_;
  RecentlyUsed<KnownDocument> texts_;
  RecentlyUsed<std::shared_ptr<const graphql::LiftedDocument>> skeletons_;
  Counter& same_text_;
  Counter& same_skeleton_;
  Counter& parsed_;
};

/// An operation with merged fields and compiled statements, and one request's values in them.
struct ReadyQuery {
  ReadyQuery(std::shared_ptr<const graphql::Document> of, graphql::Execution prepared)
      : document(std::move(of)), execution(std::move(prepared)) {}
  std::shared_ptr<const graphql::Document> document;
  graphql::Execution execution;
  /// By root field, compiled when it is first wanted.
  std::vector<std::optional<Result<std::shared_ptr<const Plan>>>> plans;
  /// Under what it may serve the same request, and its plans others; empty when they may not, or already do.
  std::string key;
  std::string shape;
};

class PlanCache {
 public:
  struct Limits {
    DocumentCache::Limits documents;
    std::size_t ready_queries = 500;
    std::size_t ready_query_bytes = 8 * 1024;  ///< text and variables
    std::size_t shapes = 500;
  };
  PlanCache(const ApiSchema& api, Limits limits, Metrics& metrics);

  using Found = std::expected<std::shared_ptr<ReadyQuery>, std::vector<graphql::GraphqlError>>;
  /// Errors are request errors. `viewer` is the user who asks.
  Found find(const std::string& text, const std::optional<std::string>& operation_name,
             const boost::json::object& variables, Role role, const Uuid& viewer);
  /// After it was run: it may serve the same request again, and its plans others of the shape.
  void learn(const std::shared_ptr<ReadyQuery>& query);
  DocumentCache& documents() { return documents_; }

  struct Sizes {
    std::size_t texts, skeletons, ready, shapes;
  };
  Sizes sizes() const { return {documents_.texts(), documents_.skeletons(), ready_.size(), shapes_.size()}; }

 private:
  /// Null when the values cannot be bound.
  static std::shared_ptr<ReadyQuery> bind(const ReadyQuery& known, const graphql::Execution& execution,
                                          const Uuid& viewer);

  const ApiSchema& api_;
  Limits limits_;
  DocumentCache documents_;
  RecentlyUsed<std::shared_ptr<ReadyQuery>> ready_;
  RecentlyUsed<std::shared_ptr<ReadyQuery>> shapes_;
  Counter& as_they_were_;
  Counter& bound_;
  Counter& compiled_;
};

/// Which of an execution's variables are there, and as much of their values as shapes a plan.
std::string shape_of_variables(const graphql::Execution& execution);

}  // namespace phx::api
