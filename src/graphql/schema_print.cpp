#include <fmt/format.h>

#include <algorithm>

#include "graphql/execute.hpp"
#include "graphql/schema.hpp"

namespace phx::graphql {
namespace {

namespace json = boost::json;

/// A value of a custom scalar as a literal: strings stay strings, since nothing tells an enum value apart.
void print_untyped(std::string& out, const json::value& value) {
  if (const auto* items = value.if_array()) {
    out += '[';
    for (std::size_t i = 0; i < items->size(); ++i) {
      if (i > 0) out += ", ";
      print_untyped(out, (*items)[i]);
    }
    out += ']';
  } else if (const auto* object = value.if_object()) {
    out += '{';
    bool first = true;
    for (const auto& [key, member] : *object) {
      if (!first) out += ", ";
      first = false;
      out += std::string_view(key);
      out += ": ";
      print_untyped(out, member);
    }
    out += '}';
  } else {
    write_json(out, value);
  }
}

void print_typed(std::string& out, const json::value& value, TypeRef type) {
  if (value.is_null()) {
    out += "null";
    return;
  }
  if (type.is_list()) {
    const auto* items = value.if_array();
    if (items == nullptr) return print_typed(out, value, type.item());
    out += '[';
    for (std::size_t i = 0; i < items->size(); ++i) {
      if (i > 0) out += ", ";
      print_typed(out, (*items)[i], type.item());
    }
    out += ']';
    return;
  }
  const Type& named = *type.named();
  if (named.kind == TypeKind::kEnum && value.is_string()) {
    out += std::string_view(value.get_string());
  } else if (named.kind == TypeKind::kInputObject && value.is_object()) {
    out += '{';
    bool first = true;
    for (const auto& field : named.input_fields) {
      const auto* member = value.get_object().if_contains(field.name);
      if (member == nullptr) continue;
      if (!first) out += ", ";
      first = false;
      out += field.name;
      out += ": ";
      print_typed(out, *member, field.type);
    }
    out += '}';
  } else {
    print_untyped(out, value);
  }
}

class Printer {
 public:
  Printer(const Schema& schema, const PrintOptions& options) : schema_(schema), options_(options) {}

  std::string run() {
    print_schema();
    for (const auto& directive : schema_.directives())
      if (!directive->builtin && (options_.custom_directives || directive->for_clients())) print(*directive);
    for (const Type* type : schema_.types())
      if (!type->builtin) print(*type);
    return std::move(out_);
  }

 private:
  void separate() {
    if (!out_.empty()) out_ += '\n';
  }

  void print_description(const std::optional<std::string>& description, std::string_view indent) {
    if (!description) return;
    // A block string keeps neither leading blank lines nor control characters nor a common indent; what it cannot
    // carry is written as a plain string.
    const std::string& text = *description;
    auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t'; };
    bool plain = text.empty() || text.front() == ' ' || text.front() == '\t' || text.front() == '\n' ||
                 text.back() == '\n' || text.back() == ' ' || text.back() == '\t' || text.back() == '\\' ||
                 std::ranges::any_of(text, is_control);
    out_ += indent;
    if (plain || (text.find('\n') == text.npos && text.find_first_of("\"\\") == text.npos)) {
      write_json_string(out_, text);
      out_ += '\n';
      return;
    }
    out_ += "\"\"\"\n";
    std::size_t begin = 0;
    while (begin <= text.size()) {
      std::size_t end = std::min(text.find('\n', begin), text.size());
      std::string_view line(text.data() + begin, end - begin);
      if (!line.empty()) out_ += indent;
      for (std::size_t i = 0; i < line.size(); ++i) {
        if (line.substr(i, 3) == "\"\"\"") {
          out_ += "\\\"\"\"";
          i += 2;
        } else {
          out_ += line[i];
        }
      }
      out_ += '\n';
      begin = end + 1;
    }
    out_ += indent;
    out_ += "\"\"\"\n";
  }

  void print_directives(const std::vector<AppliedDirective>& directives) {
    for (const auto& applied : directives) {
      if (!options_.custom_directives && !is_standard_sdl_directive(applied.name)) continue;
      out_ += " @" + applied.name;
      const DirectiveDefinition* definition = schema_.directive(applied.name);
      bool first = true;
      for (const auto& argument : definition->arguments) {
        const auto* value = applied.arguments.if_contains(argument.name);
        if (value == nullptr || (argument.default_value && *argument.default_value == *value)) continue;
        out_ += first ? "(" : ", ";
        first = false;
        out_ += argument.name + ": " + print_literal(*value, argument.type);
      }
      if (!first) out_ += ')';
    }
  }

  void print_input(const InputValue& input) {
    out_ += input.name + ": " + input.type.to_string();
    if (input.default_value) out_ += " = " + print_literal(*input.default_value, input.type);
    print_directives(input.directives);
  }
  void print_arguments(const std::vector<InputValue>& arguments, std::string_view indent) {
    if (arguments.empty()) return;
    if (std::ranges::none_of(arguments, [](const auto& argument) { return argument.description.has_value(); })) {
      out_ += '(';
      for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (i > 0) out_ += ", ";
        print_input(arguments[i]);
      }
      out_ += ')';
      return;
    }
    std::string deeper = fmt::format("{}  ", indent);
    out_ += "(\n";
    for (const auto& argument : arguments) {
      print_description(argument.description, deeper);
      out_ += deeper;
      print_input(argument);
      out_ += '\n';
    }
    out_ += indent;
    out_ += ')';
  }

  void print_schema() {
    const std::string_view kinds[] = {"query", "mutation", "subscription"};
    const std::string_view defaults[] = {"Query", "Mutation", "Subscription"};
    bool usual = !schema_.description() && schema_.applied_directives().empty();
    for (std::size_t i = 0; i < 3; ++i) {
      const Type* root = schema_.root(static_cast<OperationKind>(i));
      // Without a schema definition, a type of the usual name would become a root.
      if (root != nullptr ? root->name != defaults[i] : schema_.type(defaults[i]) != nullptr) usual = false;
    }
    if (usual) return;
    print_description(schema_.description(), "");
    out_ += "schema";
    print_directives(schema_.applied_directives());
    out_ += " {\n";
    for (std::size_t i = 0; i < 3; ++i)
      if (const Type* root = schema_.root(static_cast<OperationKind>(i)))
        out_ += fmt::format("  {}: {}\n", kinds[i], root->name);
    out_ += "}\n";
  }

  void print(const DirectiveDefinition& directive) {
    separate();
    print_description(directive.description, "");
    out_ += "directive @" + directive.name;
    print_arguments(directive.arguments, "");
    print_directives(directive.directives);
    out_ += directive.repeatable ? " repeatable on " : " on ";
    for (std::size_t i = 0; i < directive.locations.size(); ++i) {
      if (i > 0) out_ += " | ";
      out_ += directive_location_name(directive.locations[i]);
    }
    out_ += '\n';
  }

  void print(const Type& type) {
    separate();
    print_description(type.description, "");
    switch (type.kind) {
      case TypeKind::kScalar: out_ += "scalar "; break;
      case TypeKind::kObject: out_ += "type "; break;
      case TypeKind::kInterface: out_ += "interface "; break;
      case TypeKind::kUnion: out_ += "union "; break;
      case TypeKind::kEnum: out_ += "enum "; break;
      case TypeKind::kInputObject: out_ += "input "; break;
    }
    out_ += type.name;
    print_names(" implements ", " & ", type.interfaces);
    print_directives(type.directives);
    switch (type.kind) {
      case TypeKind::kScalar: break;
      case TypeKind::kUnion: print_names(" = ", " | ", type.possible_types); break;
      case TypeKind::kEnum: print_block(type.values, [](const EnumValue&) {}); break;
      case TypeKind::kInputObject:
        print_block(type.input_fields, [this](const InputValue& input) { print_type_and_default(input); });
        break;
      case TypeKind::kObject:
      case TypeKind::kInterface:
        print_block(type.fields, [this](const Field& field) {
          print_arguments(field.arguments, "  ");
          out_ += ": " + field.type.to_string();
        });
    }
    out_ += '\n';
  }
  void print_type_and_default(const InputValue& input) {
    out_ += ": " + input.type.to_string();
    if (input.default_value) out_ += " = " + print_literal(*input.default_value, input.type);
  }
  void print_names(std::string_view first, std::string_view next, const std::vector<const Type*>& types) {
    for (std::size_t i = 0; i < types.size(); ++i) {
      out_ += i == 0 ? first : next;
      out_ += types[i]->name;
    }
  }
  template <class T, class Rest>
  void print_block(const std::vector<T>& members, Rest rest) {
    out_ += " {\n";
    for (const auto& member : members) {
      print_description(member.description, "  ");
      out_ += "  " + member.name;
      rest(member);
      print_directives(member.directives);
      out_ += '\n';
    }
    out_ += '}';
  }

  const Schema& schema_;
  const PrintOptions& options_;
  std::string out_;
};

}  // namespace

std::string print_literal(const json::value& value, TypeRef type) {
  std::string out;
  print_typed(out, value, type);
  return out;
}

std::string print_schema(const Schema& schema, const PrintOptions& options) { return Printer(schema, options).run(); }

}  // namespace phx::graphql
