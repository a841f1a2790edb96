#pragma once
/// Literals lifted out of documents. Clients that write values into their texts send another text for each value; but
/// for the literals all of these are one document, which is parsed, validated and compiled once:
///
///     auto skeleton = skeleton_of(text, kKept);                    // the text with marks where literals stand
///     auto lifted = LiftedDocument::lift(schema, std::move(document), *skeleton);      // once for each key
///     auto values = lifted->values(*skeleton);                     // of this text, or of any other with that key
///     Execution::prepare(schema, lifted->document(), name, variables, *values);
///
/// Guarantees: two texts of one key are both valid or both invalid. That is why equal literals are marked as equal (two
/// fields of one key merge only when their arguments agree), and numbers whose value decides whether they are valid
/// stay in the key. Booleans, enum values and null choose what is asked, and stay in it, too.

#include <boost/json/object.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphql/arena.hpp"
#include "graphql/ast.hpp"
#include "graphql/schema.hpp"

namespace phx::graphql {

/// A text without its literals.
struct Skeleton {
  std::string key;
  std::vector<ast::Value> literals;  ///< kInt, kFloat or kString, in order; their texts point into text or arena
  Arena arena;
};

/// At most so many literals of a text are lifted, the first ones.
inline constexpr std::size_t kMaxLifted = 64;

/// Literals in the arguments of fields, but not those given straight to an argument named in `kept`. The byte after the
/// text's last must be readable and zero. Empty when the text cannot be a document or has nothing to lift.
std::optional<Skeleton> skeleton_of(std::string_view text, std::span<const std::string_view> kept);

/// Where places of a document are in another text of its skeleton.
class Relocation {
 public:
  Relocation(std::string text, const Skeleton& from, const Skeleton& to);
  Location location(std::uint32_t offset) const;

 private:
  std::string text_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ends_;  // of each literal, there and here
};

class LiftedDocument {
 public:
  /// Puts variables in the literals' places; their names are numbers, which no document can write. Null, and the
  /// document untouched, when a literal stands where the schema gives it no type.
  static std::shared_ptr<const LiftedDocument> lift(const Schema& schema, Document& document, const Skeleton& skeleton);

  const Document& document() const { return document_; }
  /// The literals as values of those variables. Empty when one is no value of its place.
  std::optional<boost::json::object> values(const Skeleton& skeleton) const;
  /// For another text of the same key.
  std::shared_ptr<const Relocation> relocate(std::string text, const Skeleton& skeleton) const;

 private:
  Document document_;
  std::vector<TypeRef> types_;
  Skeleton ends_;  // the literals of the text it was made from; only their places
};

}  // namespace phx::graphql
