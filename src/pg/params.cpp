#include "pg/params.hpp"

#include <bit>
#include <cstring>

namespace phx::pg {
namespace {

/// PostgreSQL counts from 2000-01-01.
constexpr std::chrono::sys_days kEpoch = std::chrono::year(2000) / 1 / 1;

template <class I>
void put(std::string& out, I value) {
  auto bits = static_cast<std::make_unsigned_t<I>>(value);
  char bytes[sizeof(I)];
  for (std::size_t i = sizeof(I); i-- > 0; bits = static_cast<decltype(bits)>(bits >> 8))
    bytes[i] = static_cast<char>(bits & 0xff);
  out.append(bytes, sizeof(I));
}

std::string_view bytes_of(const Uuid& id) { return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()}; }

/// One-dimensional array without NULLs: dimensions, null flag, element type, length, lower bound, elements.
void put_array_header(std::string& out, std::uint32_t element_type, std::size_t size) {
  put<std::int32_t>(out, size == 0 ? 0 : 1);
  put<std::int32_t>(out, 0);
  put<std::uint32_t>(out, element_type);
  if (size == 0) return;
  put<std::int32_t>(out, static_cast<std::int32_t>(size));
  put<std::int32_t>(out, 1);
}

void put_element(std::string& out, std::string_view bytes) {
  put<std::int32_t>(out, static_cast<std::int32_t>(bytes.size()));
  out.append(bytes);
}

}  // namespace

Params& Params::finish(std::uint32_t type, std::size_t offset, bool binary) {
  values_.push_back({type, static_cast<std::int32_t>(buffer_.size() - offset), offset, binary});
  // libpq takes values as C strings in text format, and an empty value needs an address of its own.
  buffer_.push_back('\0');
  return *this;
}

Params& Params::add(bool value) {
  const auto at = buffer_.size();
  buffer_.push_back(value ? '\1' : '\0');
  return finish(oid::kBool, at);
}
Params& Params::add_int4(std::int32_t value) {
  const auto at = buffer_.size();
  put(buffer_, value);
  return finish(oid::kInt4, at);
}
Params& Params::add_int8(std::int64_t value) {
  const auto at = buffer_.size();
  put(buffer_, value);
  return finish(oid::kInt8, at);
}
Params& Params::add(double value) {
  const auto at = buffer_.size();
  put(buffer_, std::bit_cast<std::uint64_t>(value));
  return finish(oid::kFloat8, at);
}
Params& Params::add(std::string_view text) {
  const auto at = buffer_.size();
  buffer_.append(text);
  return finish(oid::kText, at);
}
Params& Params::add(const Uuid& id) {
  const auto at = buffer_.size();
  buffer_.append(bytes_of(id));
  return finish(oid::kUuid, at);
}
Params& Params::add(Instant time) {
  const auto at = buffer_.size();
  put<std::int64_t>(buffer_, (time - kEpoch).count());
  return finish(oid::kTimestamptz, at);
}
Params& Params::add(Duration span) {
  const auto at = buffer_.size();
  put<std::int64_t>(buffer_, span.count());
  put<std::int32_t>(buffer_, 0);  // days
  put<std::int32_t>(buffer_, 0);  // months
  return finish(oid::kInterval, at);
}
Params& Params::add(std::chrono::sys_days day) {
  const auto at = buffer_.size();
  put<std::int32_t>(buffer_, static_cast<std::int32_t>((day - kEpoch).count()));
  return finish(oid::kDate, at);
}
Params& Params::add(const std::vector<Uuid>& ids) {
  const auto at = buffer_.size();
  put_array_header(buffer_, oid::kUuid, ids.size());
  for (const auto& id : ids) put_element(buffer_, bytes_of(id));
  return finish(oid::kUuidArray, at);
}
Params& Params::add(const std::vector<std::string>& texts) {
  const auto at = buffer_.size();
  put_array_header(buffer_, oid::kText, texts.size());
  for (const auto& text : texts) put_element(buffer_, text);
  return finish(oid::kTextArray, at);
}
Params& Params::add(const std::vector<std::int64_t>& numbers) {
  const auto at = buffer_.size();
  put_array_header(buffer_, oid::kInt8, numbers.size());
  for (const auto number : numbers) {
    put<std::int32_t>(buffer_, sizeof number);
    put(buffer_, number);
  }
  return finish(oid::kInt8Array, at);
}
Params& Params::add_json(std::string_view text) {
  const auto at = buffer_.size();
  buffer_.push_back('\1');  // version of jsonb's binary format
  buffer_.append(text);
  return finish(oid::kJsonb, at);
}
Params& Params::add_bytes(std::string_view bytes) {
  const auto at = buffer_.size();
  buffer_.append(bytes);
  return finish(oid::kBytea, at);
}
Params& Params::add_numeric(std::string_view decimal) {
  const auto at = buffer_.size();
  buffer_.append(decimal);
  return finish(oid::kNumeric, at, false);
}
Params& Params::add_null() {
  values_.push_back({0, -1, buffer_.size(), true});
  return *this;
}

}  // namespace phx::pg
