#include "pg/rows.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <bit>
#include <charconv>
#include <stdexcept>

#include "pg/params.hpp"

namespace phx::pg {
namespace {

constexpr std::chrono::sys_days kEpoch = std::chrono::year(2000) / 1 / 1;

template <class I>
I take(std::string_view& bytes) {
  if (bytes.size() < sizeof(I)) throw std::logic_error("pg: a binary value is shorter than its type");
  std::make_unsigned_t<I> bits = 0;
  for (std::size_t i = 0; i < sizeof(I); ++i)
    bits = static_cast<decltype(bits)>(std::uint64_t{bits} << 8 | static_cast<std::uint8_t>(bytes[i]));
  bytes.remove_prefix(sizeof(I));
  return static_cast<I>(bits);
}

[[noreturn]] void wrong_type(std::string_view column, std::uint32_t type, std::string_view wanted) {
  throw std::logic_error(fmt::format("pg: column {} of type oid {} cannot be read as {}", column, type, wanted));
}

Uuid uuid_of(std::string_view bytes) {
  Uuid id;
  if (bytes.size() != id.bytes.size()) throw std::logic_error("pg: a uuid has 16 bytes");
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

/// Calls `each` for every element's bytes of a one-dimensional array without NULLs.
template <class Fn>
void for_each_element(std::string_view bytes, std::uint32_t element_type, const Fn& each) {
  const auto dimensions = take<std::int32_t>(bytes);
  const auto has_nulls = take<std::int32_t>(bytes);
  const auto type = take<std::uint32_t>(bytes);
  if (dimensions == 0) return;
  const bool text = element_type == oid::kText && type == oid::kVarchar;
  if (dimensions != 1 || has_nulls != 0 || (type != element_type && !text))
    throw std::logic_error("pg: not a one-dimensional array of the wanted type without NULLs");
  const auto size = take<std::int32_t>(bytes);
  take<std::int32_t>(bytes);  // lower bound
  for (std::int32_t i = 0; i < size; ++i) {
    const auto length = static_cast<std::size_t>(take<std::int32_t>(bytes));
    each(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
}

}  // namespace

std::int64_t decode_int(std::string_view bytes) {
  switch (bytes.size()) {
    case 2: return take<std::int16_t>(bytes);
    case 4: return take<std::int32_t>(bytes);
    case 8: return take<std::int64_t>(bytes);
    default: throw std::logic_error("pg: an integer has 2, 4 or 8 bytes");
  }
}

double decode_float(std::string_view bytes) {
  if (bytes.size() == 4) return std::bit_cast<float>(take<std::uint32_t>(bytes));
  return std::bit_cast<double>(take<std::uint64_t>(bytes));
}

Instant decode_timestamptz(std::string_view bytes) {
  return Instant(kEpoch) + std::chrono::microseconds(take<std::int64_t>(bytes));
}

std::string decode_numeric(std::string_view bytes) {
  // numeric_send: digits to base 10,000, the first of weight 10,000^weight; `scale` decimals are shown.
  const auto count = take<std::int16_t>(bytes);
  const auto weight = take<std::int16_t>(bytes);
  const auto sign = take<std::uint16_t>(bytes);
  const auto scale = take<std::uint16_t>(bytes);
  if (sign == 0xC000) return "NaN";
  if (sign == 0xD000) return "Infinity";
  if (sign == 0xF000) return "-Infinity";
  std::vector<int> digits;
  for (int i = 0; i < count; ++i) digits.push_back(take<std::int16_t>(bytes));
  const auto digit = [&](int at) { return at >= 0 && at < count ? digits[static_cast<std::size_t>(at)] : 0; };
  std::string out = sign == 0x4000 ? "-" : "";
  if (weight < 0) out += '0';
  for (int at = 0; at <= weight; ++at) out += at == 0 ? fmt::format("{}", digit(at)) : fmt::format("{:04}", digit(at));
  if (scale > 0) {
    std::string fraction;
    for (int at = weight + 1; fraction.size() < scale; ++at) fraction += fmt::format("{:04}", digit(at));
    out += '.' + fraction.substr(0, scale);
  }
  return out;
}

void Rows::Clear::operator()(pg_result* result) const { PQclear(result); }

Rows::Rows(pg_result* result) : result_(result), size_(PQntuples(result)), columns_(PQnfields(result)) {}

std::string_view Rows::column_name(int column) const { return PQfname(result_.get(), column); }
std::uint32_t Rows::column_type(int column) const { return PQftype(result_.get(), column); }

int Rows::column(std::string_view name) const {
  for (int i = 0; i < columns_; ++i)
    if (name == PQfname(result_.get(), i)) return i;
  throw std::logic_error(fmt::format("pg: the answer has no column {}", name));
}

std::string_view Rows::command_tag() const { return result_ ? PQcmdStatus(result_.get()) : ""; }

std::int64_t Rows::affected() const {
  if (!result_) return 0;
  const std::string_view text = PQcmdTuples(result_.get());
  std::int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

bool Rows::is_null(int row, int column) const {
  if (row < 0 || row >= size_ || column < 0 || column >= columns_)
    throw std::logic_error(fmt::format("pg: row {} column {} is outside {}x{}", row, column, size_, columns_));
  return PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view Rows::raw(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::string_view Rows::value(int row, int column) const {
  if (is_null(row, column))
    throw std::logic_error(fmt::format("pg: column {} is NULL; ask for std::optional", column_name(column)));
  return raw(row, column);
}

void Rows::read(int row, int column, bool& out) const {
  const auto bytes = value(row, column);
  if (column_type(column) != oid::kBool) wrong_type(column_name(column), column_type(column), "bool");
  out = bytes.front() != '\0';
}

void Rows::read(int row, int column, std::int32_t& out) const {
  const auto type = column_type(column);
  if (type != oid::kInt4 && type != oid::kInt2) wrong_type(column_name(column), type, "int32");
  out = static_cast<std::int32_t>(decode_int(value(row, column)));
}

void Rows::read(int row, int column, std::int64_t& out) const {
  constexpr std::uint32_t kOid = 26;
  const auto type = column_type(column);
  if (type != oid::kInt8 && type != oid::kInt4 && type != oid::kInt2 && type != oid::kXid8 && type != kOid)
    wrong_type(column_name(column), type, "int64");
  out = decode_int(value(row, column));
}

void Rows::read(int row, int column, double& out) const {
  const auto type = column_type(column);
  if (type != oid::kFloat8 && type != oid::kFloat4) wrong_type(column_name(column), type, "double");
  out = decode_float(value(row, column));
}

void Rows::read(int row, int column, std::string_view& out) const {
  constexpr std::uint32_t kChar = 18, kName = 19, kUnknown = 705, kBpchar = 1042;
  out = value(row, column);
  switch (column_type(column)) {
    case oid::kText:
    case oid::kVarchar:
    case oid::kBytea:
    case oid::kJson:
    case kChar:
    case kName:
    case kUnknown:
    case kBpchar: return;
    case oid::kJsonb: out.remove_prefix(1); return;  // version of the binary format
    default: wrong_type(column_name(column), column_type(column), "text");
  }
}

void Rows::read(int row, int column, std::string& out) const {
  if (column_type(column) == oid::kNumeric) {
    out = decode_numeric(value(row, column));
  } else if (column_type(column) == oid::kUuid) {
    out = uuid_of(value(row, column)).to_string();
  } else {
    std::string_view view;
    read(row, column, view);
    out = view;
  }
}

void Rows::read(int row, int column, Uuid& out) const {
  if (column_type(column) != oid::kUuid) wrong_type(column_name(column), column_type(column), "uuid");
  out = uuid_of(value(row, column));
}

void Rows::read(int row, int column, Instant& out) const {
  if (column_type(column) != oid::kTimestamptz) wrong_type(column_name(column), column_type(column), "timestamptz");
  out = decode_timestamptz(value(row, column));
}

void Rows::read(int row, int column, Duration& out) const {
  if (column_type(column) != oid::kInterval) wrong_type(column_name(column), column_type(column), "interval");
  auto bytes = value(row, column);
  const auto micros = std::chrono::microseconds(take<std::int64_t>(bytes));
  const auto days = std::chrono::days(take<std::int32_t>(bytes));
  if (take<std::int32_t>(bytes) != 0) throw std::logic_error("pg: an interval of months has no fixed length");
  out = micros + days;
}

void Rows::read(int row, int column, std::chrono::sys_days& out) const {
  if (column_type(column) != oid::kDate) wrong_type(column_name(column), column_type(column), "date");
  auto bytes = value(row, column);
  out = kEpoch + std::chrono::days(take<std::int32_t>(bytes));
}

void Rows::read(int row, int column, std::vector<std::string>& out) const {
  for_each_element(value(row, column), oid::kText, [&](std::string_view bytes) { out.emplace_back(bytes); });
}

void Rows::read(int row, int column, std::vector<Uuid>& out) const {
  for_each_element(value(row, column), oid::kUuid, [&](std::string_view bytes) { out.push_back(uuid_of(bytes)); });
}

void Rows::read(int row, int column, std::vector<std::int64_t>& out) const {
  for_each_element(value(row, column), oid::kInt8, [&](std::string_view bytes) { out.push_back(decode_int(bytes)); });
}

}  // namespace phx::pg
