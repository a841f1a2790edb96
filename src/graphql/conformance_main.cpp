/// graphql-conformance: the engine behind the line protocol of tests/conformance/graphql. One JSON case a line in, one
/// JSON answer a line out.

#include <boost/json/parse.hpp>
#include <fstream>
#include <iostream>
#include <iterator>

#include "graphql/execute.hpp"
#include "graphql/parser.hpp"
#include "graphql/validate.hpp"

namespace {

namespace json = boost::json;
using namespace phx::graphql;

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

/// The suite's default resolver: plain properties, and objects that stand for behaviour ($error, $args, $byArg).
class CaseReader final : public ValueReader {
 public:
  Read read(const json::value& parent, const FieldGroup& field, json::value& scratch) const override {
    const auto* object = parent.if_object();
    const auto* value = object == nullptr ? nullptr : object->if_contains(field.name());
    if (value == nullptr) return &null_;
    return resolve(*value, field, scratch);
  }
  Read item(const json::value& item) const override {
    if (const auto* object = item.if_object())
      if (const auto* message = object->if_contains("$error")) return fail(*message);
    return &item;
  }

 private:
  static Read fail(const json::value& message) {
    return std::unexpected(GraphqlError{message.is_string() ? std::string(message.get_string()) : "failed"});
  }
  Read resolve(const json::value& value, const FieldGroup& field, json::value& scratch) const {
    const auto* object = value.if_object();
    if (object == nullptr) return &value;
    if (const auto* message = object->if_contains("$error")) return fail(*message);
    if (object->contains("$args")) {
      scratch = field.arguments;
      return &scratch;
    }
    const auto* by = object->if_contains("$byArg");
    const auto* values = object->if_contains("values");
    if (by == nullptr || !by->is_string() || values == nullptr || !values->is_object()) return &value;
    std::string key = "null";
    if (const auto* argument = field.arguments.if_contains(by->get_string()); argument && !argument->is_null()) {
      key.clear();
      if (argument->is_string())
        key = argument->get_string();
      else
        write_json(key, *argument);
    }
    const auto* picked = values->get_object().if_contains(key);
    if (picked == nullptr) picked = object->if_contains("default");
    return picked == nullptr ? Read(&null_) : resolve(*picked, field, scratch);
  }
  json::value null_;
};

class Answer {
 public:
  explicit Answer(const json::value& id) {
    out_ = "{\"id\":";
    write_json(out_, id);
  }
  std::string finish(bool valid, std::span<const GraphqlError> errors = {}, std::string_view data = {}) {
    out_ += valid ? ",\"valid\":true" : ",\"valid\":false";
    if (!errors.empty()) {
      json::array list;
      for (const auto& error : errors) {
        list.push_back(to_json(error));
        if (!error.rule.empty()) list.back().get_object()["rule"] = error.rule;
      }
      out_ += ",\"errors\":";
      write_json(out_, list);
    }
    if (!data.empty()) {
      out_ += ",\"data\":";
      out_ += data;
    }
    out_ += '}';
    return std::move(out_);
  }

 private:
  std::string out_;
};

std::string bad_line(const std::string& message) {
  std::vector<GraphqlError> errors{{"Not a case: " + message}};
  return Answer(nullptr).finish(false, errors);
}

std::string run(const Schema& schema, const json::object& input) {
  const auto* id = input.if_contains("id");
  Answer answer(id == nullptr ? json::value(nullptr) : *id);
  auto text = [&](const char* key) -> std::optional<std::string_view> {
    const auto* value = input.if_contains(key);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return view(value->get_string());
  };
  ParseLimits limits;
  if (const auto* most = input.if_contains("maxTokens"); most != nullptr && most->is_int64() && most->get_int64() > 0)
    limits.max_tokens = static_cast<std::size_t>(most->get_int64());
  auto document = parse_document(text("query").value_or(""), limits);
  if (!document) return answer.finish(false, std::span(&document.error(), 1));
  auto kind = text("kind");
  if (kind == "parse") return answer.finish(true);
  auto errors = validate(schema, *document);
  if (!errors.empty()) return answer.finish(false, errors);
  if (kind != "execute") return answer.finish(true);

  const json::object nothing;
  auto object = [&](const char* key) -> const json::object& {
    const auto* value = input.if_contains(key);
    return value != nullptr && value->is_object() ? value->get_object() : nothing;
  };
  auto execution = Execution::prepare(schema, *document, text("operationName"), object("variables"));
  if (!execution) return answer.finish(true, execution.error());
  const auto* root = input.if_contains("root");
  Response response(*execution);
  execute(*execution, root == nullptr ? json::value(json::object()) : *root, CaseReader(), response);
  return answer.finish(true, response.errors(), response.data());
}

/// JSON can write half a surrogate pair as an escape, which no UTF-8 text can hold. It is replaced by the bytes of the
/// lone half, which the engine then refuses like any other text that is not Unicode.
std::string keep_lone_surrogates(std::string_view line) {
  std::string out;
  auto unit = [&](std::size_t at) -> unsigned {
    if (at + 6 > line.size() || line[at] != '\\' || line[at + 1] != 'u') return 0;
    return static_cast<unsigned>(std::stoul("0" + std::string(line.substr(at + 2, 4)), nullptr, 16));
  };
  for (std::size_t i = 0; i < line.size();) {
    unsigned code = line[i] == '\\' && i + 1 < line.size() && line[i + 1] == 'u' ? unit(i) : 0;
    unsigned next = code >= 0xD800 && code <= 0xDBFF ? unit(i + 6) : 0;
    if (next >= 0xDC00 && next <= 0xDFFF) {
      out += line.substr(i, 12);
      i += 12;
    } else if (code >= 0xD800 && code <= 0xDFFF) {
      out += static_cast<char>(0xE0 | code >> 12);
      out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
      i += 6;
    } else {
      std::size_t length = line[i] == '\\' && i + 1 < line.size() ? 2 : 1;
      out += line.substr(i, length);
      i += length;
    }
  }
  return out;
}

std::string answer_line(const Schema& schema, const std::string& line) {
  json::parse_options options;
  options.max_depth = 2000;
  json::error_code error;
  json::value input = json::parse(line, error, {}, options);
  if (error) {
    options.allow_invalid_utf8 = true;
    error = {};
    input = json::parse(keep_lone_surrogates(line), error, {}, options);
  }
  if (error) return bad_line(error.message());
  if (!input.is_object()) return bad_line("no JSON object");
  return run(schema, input.get_object());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || std::string_view(argv[1]) != "--schema") {
    std::cerr << "usage: graphql-conformance --schema FILE < cases.jsonl > results.jsonl\n";
    return 2;
  }
  std::ifstream file(argv[2], std::ios::binary);
  if (!file) {
    std::cerr << argv[2] << ": cannot be read\n";
    return 2;
  }
  std::string sdl{std::istreambuf_iterator<char>(file), {}};
  auto schema = build_schema({SdlSource{argv[2], sdl}});
  if (!schema) {
    for (const auto& error : schema.error()) {
      std::cerr << argv[2];
      for (const auto& at : error.locations) std::cerr << ':' << at.line << ':' << at.column;
      std::cerr << ": " << error.message << '\n';
    }
    return 2;
  }
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    std::string answer;
    try {
      answer = answer_line(*schema, line);
    } catch (const std::exception& failure) { answer = bad_line(failure.what()); }
    std::cout << answer << std::endl;
  }
  return 0;
}
