#include "graphql/lift.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "graphql/coerce.hpp"
#include "graphql/lexer.hpp"

namespace phx::graphql {
namespace {

namespace json = boost::json;
using ast::Value;
using ast::ValueKind;

/// Is the literal valid or not whatever its value? Short numbers fit into every type that takes such literals.
std::optional<ValueKind> liftable(const Token& token) {
  if (token.kind == TokenKind::kString) return ValueKind::kString;
  if (token.kind == TokenKind::kInt && token.text.size() <= 9) return ValueKind::kInt;
  if (token.kind == TokenKind::kFloat && token.text.size() <= 32 && token.text.find_first_of("eE") == token.text.npos)
    return ValueKind::kFloat;
  return std::nullopt;
}

}  // namespace

std::optional<Skeleton> skeleton_of(std::string_view text, std::span<const std::string_view> kept) {
  if (find_invalid_utf8(text) != text.npos) return std::nullopt;
  Skeleton out;
  Lexer lexer(text, out.arena);
  std::size_t selections = 0;  // within one another
  std::size_t parentheses = 0;
  std::size_t copied = 0;
  Token before;  // the two tokens in front of this one
  Token last;
  for (;;) {
    const Token token = lexer.next();
    if (token.kind == TokenKind::kError) return std::nullopt;
    if (token.kind == TokenKind::kEnd) break;
    if (token.kind == TokenKind::kParenL) ++parentheses;
    if (token.kind == TokenKind::kParenR && parentheses-- == 0) return std::nullopt;
    if (parentheses == 0 && token.kind == TokenKind::kBraceL) ++selections;
    if (parentheses == 0 && token.kind == TokenKind::kBraceR && selections-- == 0) return std::nullopt;
    const bool stays = last.kind == TokenKind::kColon && before.kind == TokenKind::kName &&
                       std::ranges::find(kept, before.text) != kept.end();
    // Outside of selections stand descriptions and the defaults of variables.
    if (const auto kind = liftable(token);
        kind && parentheses > 0 && selections > 0 && !stays && out.literals.size() < kMaxLifted) {
      std::size_t same = 0;
      while (same < out.literals.size() && (out.literals[same].kind != *kind || out.literals[same].text != token.text))
        ++same;
      out.key += text.substr(copied, token.start - copied);
      out.key += fmt::format("\x01{}{}\x02", static_cast<int>(*kind), same);
      copied = token.end;
      Value literal;
      literal.kind = *kind;
      literal.offset = token.start;
      literal.end = token.end;
      literal.text = token.text;
      out.literals.push_back(literal);
    }
    before = last;
    last = token;
  }
  if (out.literals.empty()) return std::nullopt;
  out.key += text.substr(copied);
  return out;
}

// ---------------------------------------------------------------- places

Relocation::Relocation(std::string text, const Skeleton& from, const Skeleton& to) : text_(std::move(text)) {
  for (std::size_t i = 0; i < from.literals.size() && i < to.literals.size(); ++i)
    ends_.emplace_back(from.literals[i].end, to.literals[i].end);
}

Location Relocation::location(std::uint32_t offset) const {
  const auto after = std::ranges::upper_bound(ends_, offset, {}, [](const auto& each) { return each.first; });
  if (after != ends_.begin()) offset = offset - std::prev(after)->first + std::prev(after)->second;
  return location_in(text_, offset);
}

// ---------------------------------------------------------------- documents

/// Copies the trees with variables in place of literals.
class Lifter {
 public:
  Lifter(const Schema& schema, Document& document, const Skeleton& skeleton)
      : types(skeleton.literals.size()), schema_(schema), document_(document), literals_(skeleton.literals) {}

  bool run() {
    std::vector<ast::OperationDefinition> operations(document_.operations.begin(), document_.operations.end());
    for (auto& operation : operations)
      operation.selections = selections(operation.selections, schema_.root(operation.kind));
    std::vector<ast::FragmentDefinition> fragments(document_.fragments.begin(), document_.fragments.end());
    for (auto& fragment : fragments)
      fragment.selections = selections(fragment.selections, schema_.type(fragment.type_condition.text));
    if (lifted_ != types.size()) return false;
    document_.operations = keep(operations);
    document_.fragments = keep(fragments);
    return true;
  }

  std::vector<TypeRef> types;

 private:
  template <class T>
  List<T> keep(const std::vector<T>& items) {
    return document_.arena_.copy(items.data(), items.size());
  }

  List<ast::Selection> selections(const List<ast::Selection>& from, const Type* parent) {
    std::vector<ast::Selection> out(from.begin(), from.end());
    for (ast::Selection& selection : out) {
      const Type* inner = parent;
      if (selection.kind == ast::SelectionKind::kField) {
        const Field* field = parent ? schema_.field(*parent, selection.name.text) : nullptr;
        inner = field ? field->type.named() : nullptr;
        if (field) selection.arguments = arguments(selection.arguments, *field);
      } else if (selection.kind == ast::SelectionKind::kInlineFragment && !selection.name.empty()) {
        inner = schema_.type(selection.name.text);
      }
      if (!selection.selections.empty()) selection.selections = selections(selection.selections, inner);
    }
    return keep(out);
  }

  List<ast::Argument> arguments(const List<ast::Argument>& from, const Field& field) {
    std::vector<ast::Argument> out(from.begin(), from.end());
    for (ast::Argument& argument : out)
      if (const InputValue* definition = field.argument(argument.name.text))
        argument.value = value(argument.value, definition->type);
    return keep(out);
  }

  Value value(const Value& from, TypeRef type) {
    Value out = from;
    const Type& named = *type.named();
    if (from.kind == ValueKind::kList) {
      std::vector<Value> items(from.items.begin(), from.items.end());
      for (Value& item : items) item = value(item, type.is_list() ? type.item() : type);
      out.items = keep(items);
    } else if (from.kind == ValueKind::kObject) {
      std::vector<ast::ObjectField> fields(from.fields.begin(), from.fields.end());
      for (ast::ObjectField& field : fields) {
        const InputValue* definition = named.input_field(field.name.text);
        // A scalar of the schema's own may be an object of anything.
        if (definition)
          field.value = value(field.value, definition->type);
        else if (named.kind == TypeKind::kScalar)
          field.value = value(field.value, TypeRef(&named));
      }
      out.fields = keep(fields);
    } else {
      const auto at = std::ranges::lower_bound(literals_, from.offset, {}, &Value::offset);
      if (at == literals_.end() || at->offset != from.offset || at->kind != from.kind) return out;
      const auto index = static_cast<std::size_t>(at - literals_.begin());
      types[index] = type;
      ++lifted_;
      out.kind = ValueKind::kVariable;
      out.text = document_.arena_.copy(std::string_view(std::to_string(index)));
    }
    return out;
  }

  const Schema& schema_;
  Document& document_;
  std::span<const Value> literals_;
  std::size_t lifted_ = 0;
};

std::shared_ptr<const LiftedDocument> LiftedDocument::lift(const Schema& schema, Document& document,
                                                           const Skeleton& skeleton) {
  Lifter lifter(schema, document, skeleton);
  if (!lifter.run()) return nullptr;
  auto out = std::make_shared<LiftedDocument>();
  out->document_ = std::move(document);
  out->types_ = std::move(lifter.types);
  for (Value literal : skeleton.literals) {
    literal.text = {};
    out->ends_.literals.push_back(literal);
  }
  return out;
}

std::optional<json::object> LiftedDocument::values(const Skeleton& skeleton) const {
  json::object out;
  for (std::size_t i = 0; i < types_.size(); ++i) {
    auto value = coerce_literal(skeleton.literals[i], types_[i], nullptr);
    if (!value) return std::nullopt;
    out.emplace(std::to_string(i), std::move(*value));
  }
  return out;
}

std::shared_ptr<const Relocation> LiftedDocument::relocate(std::string text, const Skeleton& skeleton) const {
  return std::make_shared<const Relocation>(std::move(text), ends_, skeleton);
}

}  // namespace phx::graphql
