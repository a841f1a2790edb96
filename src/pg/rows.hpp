#pragma once
/// The answer to one statement: rows in PostgreSQL's binary format, owned.
///
///     for (auto row : rows) use(row.get<Uuid>(0), row.get<std::optional<std::string_view>>("note"));
///
/// get<T> knows: bool, std::int32_t, std::int64_t, double, std::string_view and std::string (text, varchar, bytea,
/// json, jsonb; std::string also numeric as decimal text and uuid), Uuid, Instant, Duration (interval),
/// std::chrono::sys_days (date), std::vector of std::string, Uuid and std::int64_t, and std::optional of each.
/// Views live as long as the Rows. Asking for a wrong type, for NULL without optional, or beyond the end is a bug in
/// our SQL or C++ and throws std::logic_error.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/clock.hpp"
#include "base/uuid.hpp"

struct pg_result;

namespace phx::pg {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

class Rows;

/// One row of a Rows, which must outlive it.
class RowView {
 public:
  RowView(const Rows& rows, int row) : rows_(&rows), row_(row) {}
  template <class T>
  T get(int column) const;
  template <class T>
  T get(std::string_view column) const;
  bool is_null(int column) const;
  int index() const { return row_; }

 private:
  const Rows* rows_;
  int row_;
};

class Rows {
 public:
  Rows() = default;
  /// Takes ownership of a PGresult.
  explicit Rows(pg_result* result);

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int columns() const { return columns_; }
  std::string_view column_name(int column) const;
  std::uint32_t column_type(int column) const;
  /// Index of a column; throws std::logic_error when there is none.
  int column(std::string_view name) const;
  /// Rows inserted, updated, deleted, selected or copied, by the command's tag.
  std::int64_t affected() const;
  /// "INSERT 0 1".
  std::string_view command_tag() const;
  /// For pg/ itself.
  const pg_result* result() const { return result_.get(); }

  bool is_null(int row, int column) const;
  /// The bytes as the server sent them; empty for NULL.
  std::string_view raw(int row, int column) const;
  template <class T>
  T get(int row, int column) const {
    if constexpr (IsOptional<T>::value) {
      if (is_null(row, column)) return std::nullopt;
      return get<typename T::value_type>(row, column);
    } else {
      T out{};
      read(row, column, out);
      return out;
    }
  }
  template <class T>
  T get(int row, std::string_view column_name) const {
    return get<T>(row, column(column_name));
  }

  RowView operator[](int row) const { return {*this, row}; }
  class Iterator {
   public:
    Iterator(const Rows& rows, int row) : rows_(&rows), row_(row) {}
    RowView operator*() const { return {*rows_, row_}; }
    Iterator& operator++() {
      ++row_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return row_ != other.row_; }

   private:
    const Rows* rows_;
    int row_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size_}; }

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::string_view value(int row, int column) const;
  void read(int row, int column, bool& out) const;
  void read(int row, int column, std::int32_t& out) const;
  void read(int row, int column, std::int64_t& out) const;
  void read(int row, int column, double& out) const;
  void read(int row, int column, std::string_view& out) const;
  void read(int row, int column, std::string& out) const;
  void read(int row, int column, Uuid& out) const;
  void read(int row, int column, Instant& out) const;
  void read(int row, int column, Duration& out) const;
  void read(int row, int column, std::chrono::sys_days& out) const;
  void read(int row, int column, std::vector<std::string>& out) const;
  void read(int row, int column, std::vector<Uuid>& out) const;
  void read(int row, int column, std::vector<std::int64_t>& out) const;

  std::unique_ptr<pg_result, Clear> result_;
  int size_ = 0;
  int columns_ = 0;
};

/// Binary values as they appear in Rows::raw, for encoders that write them straight into a buffer.
std::int64_t decode_int(std::string_view big_endian);  ///< int2, int4, int8
double decode_float(std::string_view big_endian);      ///< float4, float8
Instant decode_timestamptz(std::string_view big_endian);
std::string decode_numeric(std::string_view binary);  ///< "12.50", "NaN"

template <class T>
T RowView::get(int column) const {
  return rows_->get<T>(row_, column);
}
template <class T>
T RowView::get(std::string_view column) const {
  return rows_->get<T>(row_, column);
}
inline bool RowView::is_null(int column) const { return rows_->is_null(row_, column); }

}  // namespace phx::pg
