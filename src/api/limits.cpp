#include "api/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_map>

namespace phx::api {
namespace {

using graphql::ast::Selection;
using graphql::ast::SelectionKind;

struct Size {
  std::size_t depth = 0;
  std::size_t fields = 0;
  std::size_t aliases = 0;
  std::size_t directives = 0;
};

std::size_t add(std::size_t a, std::size_t b) {
  return a > std::numeric_limits<std::size_t>::max() - b ? std::numeric_limits<std::size_t>::max() : a + b;
}

class Measure {
 public:
  explicit Measure(const graphql::Document& document) : document_(document) {}

  Size of(const graphql::List<Selection>& selections) {
    Size out;
    for (const Selection& selection : selections) {
      Size one;
      switch (selection.kind) {
        case SelectionKind::kField:
          one = of(selection.selections);
          one.depth += 1;
          one.fields = add(one.fields, 1);
          if (selection.key != selection.name.text) one.aliases = add(one.aliases, 1);
          break;
        case SelectionKind::kInlineFragment: one = of(selection.selections); break;
        case SelectionKind::kFragmentSpread: one = fragment(selection.name.text); break;
      }
      one.directives = add(one.directives, selection.directives.size());
      out.depth = std::max(out.depth, one.depth);
      out.fields = add(out.fields, one.fields);
      out.aliases = add(out.aliases, one.aliases);
      out.directives = add(out.directives, one.directives);
    }
    return out;
  }

 private:
  Size fragment(std::string_view name) {
    const auto [it, fresh] = known_.try_emplace(name);
    if (!fresh) return it->second;  // measured, or a cycle, which counts as nothing here and is refused by validation
    const auto* definition = document_.fragment(name);
    if (!definition) return {};
    Size size = of(definition->selections);
    size.directives = add(size.directives, definition->directives.size());
    known_[name] = size;
    return size;
  }

  const graphql::Document& document_;
  std::unordered_map<std::string_view, Size> known_;
};

Status within(std::size_t value, std::size_t limit, std::string_view reason, std::string_view what) {
  if (value <= limit) return {};
  return Error(Code::kInvalidArgument, reason,
               fmt::format("The operation has {} {}; the limit is {}.", value, what, limit));
}

}  // namespace

Status check_limits(const graphql::Document& document, const DocumentLimits& limits) {
  Measure measure(document);
  for (const auto& operation : document.operations) {
    const Size size = measure.of(operation.selections);
    PHX_CHECK(within(size.depth, limits.max_depth, "limit.depth", "levels of fields within one another"));
    PHX_CHECK(within(size.fields, limits.max_fields, "limit.fields", "fields"));
    PHX_CHECK(within(size.aliases, limits.max_aliases, "limit.aliases", "aliases"));
    std::size_t directives = add(size.directives, operation.directives.size());
    for (const auto& variable : operation.variables) directives = add(directives, variable.directives.size());
    PHX_CHECK(within(directives, limits.max_directives, "limit.directives", "directives"));
  }
  return {};
}

}  // namespace phx::api
