#include "domains/identity/oidc/json_strict.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <string>

namespace phx::identity::oidc {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 8;

/// Counts members as they are written. A tree keeps one of two equal names, so that it has fewer.
struct MemberCount {
  static constexpr std::size_t max_object_size = 1024;
  static constexpr std::size_t max_array_size = 4096;
  static constexpr std::size_t max_key_size = 1024;
  static constexpr std::size_t max_string_size = std::size_t{1} << 20;
  std::size_t members = 0;

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return true; }
  bool on_object_end(std::size_t n, json::error_code&) {
    members += n;
    return true;
  }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t, json::error_code&) { return true; }
  bool on_key_part(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_key(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_string_part(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_string(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, json::error_code&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code&) { return true; }
  bool on_double(double, json::string_view, json::error_code&) { return true; }
  bool on_bool(bool, json::error_code&) { return true; }
  bool on_null(json::error_code&) { return true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

json::parse_options options() {
  json::parse_options out;
  out.max_depth = kMaxDepth;
  return out;
}

std::size_t members_of(const json::value& value) {
  std::size_t n = 0;
  if (const auto* object = value.if_object()) {
    n += object->size();
    for (const auto& [name, member] : *object) n += members_of(member);
  } else if (const auto* array = value.if_array()) {
    for (const auto& item : *array) n += members_of(item);
  }
  return n;
}

}  // namespace

std::optional<json::object> parse_strict_object(std::string_view text) {
  json::basic_parser<MemberCount> counter(options());
  json::error_code failure;
  if (counter.write_some(false, text.data(), text.size(), failure) != text.size() || failure || !counter.done())
    return std::nullopt;
  json::value parsed = json::parse(text, failure, {}, options());
  if (failure || !parsed.is_object() || members_of(parsed) != counter.handler().members) return std::nullopt;
  return std::move(parsed.get_object());
}

std::optional<std::string_view> text_member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string_view(value->get_string());
}

}  // namespace phx::identity::oidc
