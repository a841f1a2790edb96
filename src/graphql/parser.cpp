#include "graphql/parser.hpp"

#include <fmt/format.h>

#include "graphql/lexer.hpp"
#include "graphql/schema.hpp"

namespace phx::graphql {
namespace {

/// Unfinished lists of all nesting levels, one on top of the other. An inner list is always finished (copied into the
/// arena and taken off) before the next element of the outer one is pushed.
class Scratch {
 public:
  std::size_t mark() const { return top_; }
  template <class T>
  void push(const T& element) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
    if (top_ + sizeof(T) > capacity_) grow(sizeof(T));
    std::memcpy(data_ + top_, static_cast<const void*>(&element), sizeof(T));
    top_ += sizeof(T);
  }
  template <class T>
  List<T> finish(std::size_t mark, Arena& arena) {
    auto list = arena.copy(reinterpret_cast<const T*>(data_ + mark), (top_ - mark) / sizeof(T));
    top_ = mark;
    return list;
  }

 private:
  void grow(std::size_t more) {
    std::size_t capacity = capacity_ * 2;
    while (capacity < top_ + more) capacity *= 2;
    auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
    std::memcpy(larger.get(), data_, top_);
    heap_ = std::move(larger);
    data_ = heap_.get();
    capacity_ = capacity;
  }
  alignas(8) std::byte inline_[4096];
  std::byte* data_ = inline_;
  std::size_t capacity_ = sizeof(inline_);
  std::size_t top_ = 0;
  std::unique_ptr<std::byte[]> heap_;
};

}  // namespace

/// Recursive descent. Each function reads one production and returns false after an error, which is kept in error_.
class Parser {
 public:
  Parser(std::string_view text, const ParseLimits& limits, bool schema_only)
      : limits_(limits), schema_only_(schema_only), source_(own(text)), lexer_(source_, document_.arena_) {}

  std::expected<Document, GraphqlError> run() {
    if (document()) return std::move(document_);
    return std::unexpected(std::move(error_));
  }

 private:
  using K = TokenKind;
  static constexpr std::size_t kMaxSource = 0xfffffff0;

  std::string_view own(std::string_view text) {
    text = text.substr(0, kMaxSource + 1);
    // Nodes take several times the text's size; one chunk then holds them all for small documents.
    document_.arena_ = Arena(text.size() * 8 + 512);
    auto* copy = static_cast<char*>(document_.arena_.allocate(text.size() + 1));
    if (!text.empty()) std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
    document_.source_ = {copy, text.size()};
    return document_.source_;
  }

  bool fail(std::uint32_t offset, std::string message) {
    error_ = {"Syntax error: " + std::move(message), "Syntax", {document_.location(offset)}};
    return false;
  }
  bool unexpected(std::string_view wanted) {
    if (token_.kind == K::kError) return false;  // already told
    return fail(token_.start, fmt::format("expected {}, found {}.", wanted, describe(token_)));
  }
  bool advance() {
    token_ = lexer_.next();
    if (token_.kind == K::kEnd) return true;
    if (token_.kind == K::kError) return fail(lexer_.error_offset(), lexer_.error_message());
    if (++document_.token_count > limits_.max_tokens) {
      fail(token_.start, fmt::format("the document has more than {} tokens.", limits_.max_tokens));
      error_.limit = "tokens";
      token_.kind = K::kError;
      return false;
    }
    return true;
  }
  bool at(K kind) const { return token_.kind == kind; }
  bool at_word(std::string_view word) const { return token_.kind == K::kName && token_.text == word; }
  bool expect(K kind) {
    if (!at(kind)) return unexpected(describe(Token{kind}));
    return advance();
  }
  bool expect_word(std::string_view word) {
    if (!at_word(word)) return unexpected(fmt::format("\"{}\"", word));
    return advance();
  }
  /// Moves past the token when it is there; false only on a lexical error.
  bool skip(K kind, bool& there) {
    there = at(kind);
    return !there || advance();
  }
  bool enter() {
    if (++depth_ > limits_.max_depth) {
      fail(token_.start, fmt::format("nested deeper than {} levels.", limits_.max_depth));
      error_.limit = "depth";
      return false;
    }
    return true;
  }
  void leave() { --depth_; }

  bool name(ast::Name& out, std::string_view wanted = "a name") {
    if (!at(K::kName)) return unexpected(wanted);
    out = {token_.text, token_.start};
    return advance();
  }

  /// open item+ close
  template <class T, class Item>
  bool many(K open, K close, List<T>& out, Item item) {
    if (!expect(open)) return false;
    std::size_t mark = scratch_.mark();
    do {
      T element;
      if (!item(element)) return false;
      scratch_.push(element);
    } while (!at(close));
    out = scratch_.finish<T>(mark, arena());
    return advance();
  }
  template <class T, class Item>
  bool optional_many(K open, K close, List<T>& out, Item item) {
    return !at(open) || many(open, close, out, item);
  }
  Arena& arena() { return document_.arena_; }

  // --- values and types ---

  bool value(ast::Value& out, bool constant) {
    out.offset = token_.start;
    switch (token_.kind) {
      case K::kInt: out.kind = ast::ValueKind::kInt; break;
      case K::kFloat: out.kind = ast::ValueKind::kFloat; break;
      case K::kString: out.kind = ast::ValueKind::kString; break;
      case K::kName:
        if (token_.text == "true" || token_.text == "false") {
          out.kind = ast::ValueKind::kBoolean;
          out.boolean = token_.text == "true";
        } else {
          out.kind = token_.text == "null" ? ast::ValueKind::kNull : ast::ValueKind::kEnum;
        }
        break;
      case K::kDollar: {
        if (constant) return fail(token_.start, "a variable cannot be used in a constant value.");
        out.kind = ast::ValueKind::kVariable;
        if (!advance()) return false;
        if (!at(K::kName)) return unexpected("a variable's name");
        break;
      }
      case K::kBracketL: return list_value(out, constant);
      case K::kBraceL: return object_value(out, constant);
      default: return unexpected("a value");
    }
    out.text = token_.text;
    out.end = token_.end;
    return advance();
  }
  bool list_value(ast::Value& out, bool constant) {
    out.kind = ast::ValueKind::kList;
    if (!enter() || !advance()) return false;
    std::size_t mark = scratch_.mark();
    while (!at(K::kBracketR)) {
      ast::Value item;
      if (!value(item, constant)) return false;
      scratch_.push(item);
    }
    out.items = scratch_.finish<ast::Value>(mark, arena());
    out.end = token_.end;
    leave();
    return advance();
  }
  bool object_value(ast::Value& out, bool constant) {
    out.kind = ast::ValueKind::kObject;
    if (!enter() || !advance()) return false;
    std::size_t mark = scratch_.mark();
    while (!at(K::kBraceR)) {
      ast::ObjectField field;
      if (!name(field.name, "a field's name or \"}\"") || !expect(K::kColon) || !value(field.value, constant))
        return false;
      scratch_.push(field);
    }
    out.fields = scratch_.finish<ast::ObjectField>(mark, arena());
    out.end = token_.end;
    leave();
    return advance();
  }

  bool type_ref(ast::TypeRef& out, int lists = 0) {
    out.offset = token_.start;
    if (at(K::kBracketL)) {
      if (lists == TypeRef::kMaxLists)
        return fail(token_.start, fmt::format("a type has at most {} lists within lists.", TypeRef::kMaxLists));
      ast::TypeRef item;
      if (!advance() || !type_ref(item, lists + 1) || !expect(K::kBracketR)) return false;
      out.item = arena().copy(item);
    } else if (!name(out.name, "a type")) {
      return false;
    }
    return skip(K::kBang, out.non_null);
  }

  bool arguments(List<ast::Argument>& out, bool constant) {
    return optional_many(K::kParenL, K::kParenR, out, [&](ast::Argument& argument) {
      return name(argument.name, "an argument's name") && expect(K::kColon) && value(argument.value, constant);
    });
  }
  bool directives(List<ast::Directive>& out, bool constant) {
    if (!at(K::kAt)) return true;
    std::size_t mark = scratch_.mark();
    while (at(K::kAt)) {
      ast::Directive directive;
      std::uint32_t offset = token_.start;
      if (!advance() || !name(directive.name, "a directive's name") || !arguments(directive.arguments, constant))
        return false;
      directive.name.offset = offset;
      scratch_.push(directive);
    }
    out = scratch_.finish<ast::Directive>(mark, arena());
    return true;
  }

  // --- executable definitions ---

  bool selections(List<ast::Selection>& out) {
    if (at(K::kBraceL) && !enter()) return false;
    if (!many(K::kBraceL, K::kBraceR, out, [&](ast::Selection& selection) { return this->selection(selection); }))
      return false;
    leave();
    return true;
  }
  bool selection(ast::Selection& out) {
    out.offset = token_.start;
    if (at(K::kSpread)) {
      if (!advance()) return false;
      if (at(K::kName) && token_.text != "on") {
        out.kind = ast::SelectionKind::kFragmentSpread;
        return name(out.name) && directives(out.directives, false);
      }
      out.kind = ast::SelectionKind::kInlineFragment;
      if (at(K::kName) && (!advance() || !name(out.name, "a type"))) return false;
      return directives(out.directives, false) && selections(out.selections);
    }
    if (!name(out.name, "a field, \"...\" or \"}\"")) return false;
    out.key = out.name.text;
    if (at(K::kColon) && (!advance() || !name(out.name, "a field's name"))) return false;
    return arguments(out.arguments, false) && directives(out.directives, false) &&
           (!at(K::kBraceL) || selections(out.selections));
  }

  bool operation(ast::OperationDefinition& out, const ast::Description& description) {
    out.offset = token_.start;
    out.description = description.text;
    if (at(K::kBraceL)) return selections(out.selections);
    out.kind = operation_kind(token_.text);
    if (!advance() || (at(K::kName) && !name(out.name))) return false;
    return optional_many(K::kParenL, K::kParenR, out.variables,
                         [&](ast::VariableDefinition& variable) { return variable_definition(variable); }) &&
           directives(out.directives, false) && selections(out.selections);
  }
  static ast::OperationKind operation_kind(std::string_view word) {
    if (word == "mutation") return ast::OperationKind::kMutation;
    return word == "subscription" ? ast::OperationKind::kSubscription : ast::OperationKind::kQuery;
  }
  bool variable_definition(ast::VariableDefinition& out) {
    ast::Description text;
    if (!description(text)) return false;
    out.description = text.text;
    std::uint32_t offset = token_.start;
    if (!expect(K::kDollar) || !name(out.name, "a variable's name") || !expect(K::kColon) || !type_ref(out.type))
      return false;
    out.name.offset = offset;
    return default_value(out.default_value) && directives(out.directives, true);
  }
  bool default_value(const ast::Value*& out) {
    bool there = false;
    if (!skip(K::kEquals, there)) return false;
    if (!there) return true;
    ast::Value literal;
    if (!value(literal, true)) return false;
    out = arena().copy(literal);
    return true;
  }
  bool fragment(ast::FragmentDefinition& out, const ast::Description& description) {
    out.offset = token_.start;
    out.description = description.text;
    if (!advance()) return false;
    if (at_word("on")) return unexpected("a fragment's name");
    return name(out.name, "a fragment's name") && expect_word("on") && name(out.type_condition, "a type") &&
           directives(out.directives, false) && selections(out.selections);
  }

  // --- type system definitions ---

  bool description(ast::Description& out) {
    if (!at(K::kString)) return true;
    out = {true, token_.text};
    return advance();
  }
  bool input_value(ast::InputValueDefinition& out) {
    return description(out.description) && name(out.name) && expect(K::kColon) && type_ref(out.type) &&
           default_value(out.default_value) && directives(out.directives, true);
  }
  bool argument_definitions(List<ast::InputValueDefinition>& out) {
    return optional_many(K::kParenL, K::kParenR, out, [&](auto& argument) { return input_value(argument); });
  }
  bool field_definition(ast::FieldDefinition& out) {
    return description(out.description) && name(out.name) && argument_definitions(out.arguments) && expect(K::kColon) &&
           type_ref(out.type) && directives(out.directives, true);
  }
  bool enum_value(ast::EnumValueDefinition& out) {
    if (!description(out.description)) return false;
    if (at_word("true") || at_word("false") || at_word("null"))
      return fail(token_.start, fmt::format("\"{}\" cannot be an enum value.", token_.text));
    return name(out.name, "an enum value") && directives(out.directives, true);
  }
  /// separator? name (separator name)*
  bool names(K separator, List<ast::Name>& out, std::string_view wanted) {
    std::size_t mark = scratch_.mark();
    bool more = false;
    if (!skip(separator, more)) return false;
    do {
      ast::Name element;
      if (!name(element, wanted)) return false;
      scratch_.push(element);
      if (!skip(separator, more)) return false;
    } while (more);
    out = scratch_.finish<ast::Name>(mark, arena());
    return true;
  }

  static bool type_kind(std::string_view word, ast::TypeKind& out) {
    using enum ast::TypeKind;
    constexpr std::pair<std::string_view, ast::TypeKind> kinds[] = {{"type", kObject},       {"interface", kInterface},
                                                                    {"union", kUnion},       {"enum", kEnum},
                                                                    {"input", kInputObject}, {"scalar", kScalar}};
    for (const auto& [keyword, kind] : kinds)
      if (keyword == word) {
        out = kind;
        return true;
      }
    return false;
  }
  bool type_definition(ast::TypeDefinition& out) {
    if (!advance() || !name(out.name, "a type's name")) return false;
    bool composite = out.kind == ast::TypeKind::kObject || out.kind == ast::TypeKind::kInterface;
    if (composite && at_word("implements") && (!advance() || !names(K::kAmp, out.interfaces, "an interface")))
      return false;
    if (!directives(out.directives, true)) return false;
    switch (out.kind) {
      case ast::TypeKind::kObject:
      case ast::TypeKind::kInterface:
        return optional_many(K::kBraceL, K::kBraceR, out.fields, [&](auto& field) { return field_definition(field); });
      case ast::TypeKind::kUnion: {
        bool there = false;
        return skip(K::kEquals, there) && (!there || names(K::kPipe, out.members, "a member type"));
      }
      case ast::TypeKind::kEnum:
        return optional_many(K::kBraceL, K::kBraceR, out.values, [&](auto& v) { return enum_value(v); });
      case ast::TypeKind::kInputObject:
        return optional_many(K::kBraceL, K::kBraceR, out.input_fields, [&](auto& v) { return input_value(v); });
      case ast::TypeKind::kScalar: break;
    }
    return true;
  }
  bool schema_definition(ast::SchemaDefinition& out) {
    if (!advance() || !directives(out.directives, true)) return false;
    if (!at(K::kBraceL) && out.extension) {
      return !out.directives.empty() || unexpected("directives or root operation types");
    }
    return many(K::kBraceL, K::kBraceR, out.operations, [&](ast::RootOperationType& root) {
      if (!at_word("query") && !at_word("mutation") && !at_word("subscription"))
        return unexpected("\"query\", \"mutation\" or \"subscription\"");
      root.operation = operation_kind(token_.text);
      return advance() && expect(K::kColon) && name(root.type, "a type");
    });
  }
  bool directive_definition(ast::DirectiveDefinition& out) {
    if (!advance() || !expect(K::kAt) || !name(out.name, "a directive's name") ||
        !argument_definitions(out.arguments) || !directives(out.directives, true))
      return false;
    if (at_word("repeatable")) {
      out.repeatable = true;
      if (!advance()) return false;
    }
    if (!expect_word("on") || !names(K::kPipe, out.locations, "a directive location")) return false;
    for (const auto& location : out.locations)
      if (!directive_location(location.text))
        return fail(location.offset, fmt::format("\"{}\" is not a directive location.", location.text));
    return true;
  }
  /// After `extend`: something must be added.
  bool extends_something(const ast::TypeDefinition& type) {
    if (!type.interfaces.empty() || !type.directives.empty() || !type.fields.empty() || !type.members.empty() ||
        !type.values.empty() || !type.input_fields.empty())
      return true;
    return unexpected("something to add to the type");
  }

  // --- document ---

  bool definition() {
    std::uint32_t start = token_.start;
    ast::Description text;
    if (!description(text)) return false;
    if (at(K::kBraceL) || at_word("query") || at_word("mutation") || at_word("subscription") || at_word("fragment")) {
      if (schema_only_) return unexpected("a type system definition");
      if (at(K::kBraceL) && text.present) return fail(start, "a shorthand query cannot have a description.");
      if (at_word("fragment")) {
        ast::FragmentDefinition out;
        if (!fragment(out, text)) return false;
        fragments_.push_back(out);
        return true;
      }
      ast::OperationDefinition out;
      if (!operation(out, text)) return false;
      operations_.push_back(out);
      return true;
    }
    std::uint32_t keyword = token_.start;
    bool extension = at_word("extend");
    if (extension) {
      if (text.present) return fail(start, "an extension cannot have a description.");
      if (!advance()) return false;
    }
    if (!document_.has_type_system) {
      document_.has_type_system = true;
      document_.type_system_offset = keyword;
    }
    ast::TypeDefinition type;
    if (at(K::kName) && type_kind(token_.text, type.kind)) {
      type.extension = extension;
      type.offset = keyword;
      type.description = text;
      if (!type_definition(type) || (extension && !extends_something(type))) return false;
      types_.push_back(type);
      return true;
    }
    if (at_word("schema")) {
      ast::SchemaDefinition out;
      out.extension = extension;
      out.offset = keyword;
      out.description = text;
      if (!schema_definition(out)) return false;
      schemas_.push_back(out);
      return true;
    }
    if (at_word("directive") && !extension) {
      ast::DirectiveDefinition out;
      out.offset = keyword;
      out.description = text;
      if (!directive_definition(out)) return false;
      directives_.push_back(out);
      return true;
    }
    return unexpected(extension ? "a type system definition to extend" : "a definition");
  }

  bool document() {
    if (source_.size() > kMaxSource) return fail(0, "the document is too large.");
    if (std::size_t bad = find_invalid_utf8(source_); bad != source_.npos)
      return fail(static_cast<std::uint32_t>(bad), "the text is not valid UTF-8.");
    if (!advance()) return false;
    if (at(K::kEnd) && !schema_only_) return unexpected("a definition");
    while (!at(K::kEnd))
      if (!definition()) return false;
    document_.operations = arena().copy(operations_.data(), operations_.size());
    document_.fragments = arena().copy(fragments_.data(), fragments_.size());
    document_.types = arena().copy(types_.data(), types_.size());
    document_.schemas = arena().copy(schemas_.data(), schemas_.size());
    document_.directives = arena().copy(directives_.data(), directives_.size());
    return true;
  }

  ParseLimits limits_;
  bool schema_only_;
  Document document_;
  std::string_view source_;
  Lexer lexer_;
  Token token_;
  std::size_t depth_ = 0;
  Scratch scratch_;
  GraphqlError error_;
  std::vector<ast::OperationDefinition> operations_;
  std::vector<ast::FragmentDefinition> fragments_;
  std::vector<ast::TypeDefinition> types_;
  std::vector<ast::SchemaDefinition> schemas_;
  std::vector<ast::DirectiveDefinition> directives_;
};

std::expected<Document, GraphqlError> parse_document(std::string_view text, const ParseLimits& limits) {
  return Parser(text, limits, false).run();
}

std::expected<Document, GraphqlError> parse_schema(std::string_view text) { return Parser(text, {}, true).run(); }

Location location_in(std::string_view source, std::uint32_t offset) {
  Location at;
  for (std::size_t i = 0; i < offset && i < source.size(); ++i) {
    auto c = static_cast<unsigned char>(source[i]);
    if (c == '\n' || (c == '\r' && (i + 1 >= source.size() || source[i + 1] != '\n'))) {
      ++at.line;
      at.column = 1;
    } else if ((c & 0xC0) != 0x80) {
      at.column += c >= 0xF0 ? 2 : 1;
    }
  }
  return at;
}

const ast::FragmentDefinition* Document::fragment(std::string_view name) const {
  for (const auto& fragment : fragments)
    if (fragment.name.text == name) return &fragment;
  return nullptr;
}

namespace ast {

const Directive* find_directive(const List<Directive>& directives, std::string_view name) {
  for (const auto& directive : directives)
    if (directive.name.text == name) return &directive;
  return nullptr;
}

const Value* find_argument(const Directive& directive, std::string_view name) {
  for (const auto& argument : directive.arguments)
    if (argument.name.text == name) return &argument.value;
  return nullptr;
}

}  // namespace ast
}  // namespace phx::graphql
