#pragma once
/// Parameters of one statement, in PostgreSQL's binary format with explicit type oids, so that the server neither
/// guesses types nor parses text.
///
///     auto params = Params::of(vm_id, name, size, std::optional<Instant>());   // $1 uuid, $2 text, $3 int, $4 null
///     params.add_json(spec_text);                                              // $5 jsonb
///
/// An empty std::optional<T> is a NULL of T's type; prefer it to add_null(), whose type the server infers.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/clock.hpp"
#include "base/uuid.hpp"

namespace phx::pg {

/// Type oids of PostgreSQL's catalogue (fixed for ever: pg_type.dat).
namespace oid {
inline constexpr std::uint32_t kBool = 16, kBytea = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25, kJson = 114,
                               kFloat4 = 700, kFloat8 = 701, kInt4Array = 1007, kTextArray = 1009, kInt8Array = 1016,
                               kVarchar = 1043, kDate = 1082, kTimestamptz = 1184, kInterval = 1186, kNumeric = 1700,
                               kUuid = 2950, kUuidArray = 2951, kJsonb = 3802, kXid8 = 5069;
}  // namespace oid

class Params {
 public:
  /// One parameter: where its bytes lie in the common buffer. length -1 is NULL.
  struct Value {
    std::uint32_t type;
    std::int32_t length;
    std::size_t offset;
    bool binary;
  };

  template <class... T>
  static Params of(const T&... values) {
    Params params;
    (params.add(values), ...);
    return params;
  }

  Params& add(bool value);
  /// Up to 32 signed bits as int4, all others as int8.
  template <std::integral I>
    requires(!std::same_as<I, bool>)
  Params& add(I value) {
    if constexpr (sizeof(I) < 4 || (sizeof(I) == 4 && std::is_signed_v<I>))
      return add_int4(static_cast<std::int32_t>(value));
    else
      return add_int8(static_cast<std::int64_t>(value));
  }
  Params& add(double value);
  Params& add(std::string_view text);
  Params& add(const std::string& text) { return add(std::string_view(text)); }
  Params& add(const char* text) { return add(std::string_view(text)); }
  Params& add(const Uuid& id);
  Params& add(Instant at);
  /// interval; microseconds only, no months and days.
  Params& add(Duration span);
  /// date.
  Params& add(std::chrono::sys_days day);
  Params& add(const std::vector<Uuid>& ids);
  Params& add(const std::vector<std::string>& texts);
  Params& add(const std::vector<std::int64_t>& numbers);
  template <class T>
  Params& add(const std::optional<T>& value) {
    if (value) return add(*value);
    add(T{});
    return null_unless(false);
  }

  /// jsonb from its text. Cast `$n::json` for json columns.
  Params& add_json(std::string_view text);
  template <std::same_as<std::optional<std::string>> T>
  Params& add_json(const T& text) {
    add_json(text ? std::string_view(*text) : std::string_view());
    return null_unless(text.has_value());
  }
  /// bytea.
  Params& add_bytes(std::string_view bytes);
  Params& add_bytes(const std::string& bytes) { return add_bytes(std::string_view(bytes)); }
  template <std::same_as<std::optional<std::string>> T>
  Params& add_bytes(const T& bytes) {
    add_bytes(bytes ? std::string_view(*bytes) : std::string_view());
    return null_unless(bytes.has_value());
  }
  /// numeric from its decimal text ("12.50"); the server checks it.
  Params& add_numeric(std::string_view decimal);
  /// NULL of a type the server infers from the place.
  Params& add_null();

  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  const std::vector<Value>& values() const { return values_; }
  /// The value's bytes; undefined for NULL.
  std::string_view bytes(const Value& value) const {
    return std::string_view(buffer_).substr(value.offset, static_cast<std::size_t>(value.length));
  }

 private:
  Params& null_unless(bool present) {
    if (!present) values_.back().length = -1;
    return *this;
  }
  Params& add_int4(std::int32_t value);
  Params& add_int8(std::int64_t value);
  Params& finish(std::uint32_t type, std::size_t offset, bool binary = true);

  std::string buffer_;
  std::vector<Value> values_;
};

}  // namespace phx::pg
