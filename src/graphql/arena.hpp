#pragma once
/// Bump allocation for syntax trees: a document has hundreds of small nodes that live and die together. Only
/// trivially destructible types may live here, since nothing is ever destroyed one by one.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace phx::graphql {

/// A read-only sequence in an arena. Unlike std::span it may be a member of its own element type.
template <class T>
class List {
 public:
  List() = default;
  List(const T* data, std::size_t size) : data_(data), size_(static_cast<std::uint32_t>(size)) {}
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  const T& front() const { return data_[0]; }
  const T& back() const { return data_[size_ - 1]; }

 private:
  const T* data_ = nullptr;
  std::uint32_t size_ = 0;
};

class Arena {
 public:
  Arena() = default;
  explicit Arena(std::size_t first_chunk) { grow(first_chunk); }
  Arena(Arena&&) noexcept = default;
  Arena& operator=(Arena&&) noexcept = default;

  void* allocate(std::size_t bytes) {
    bytes = (bytes + 7) & ~std::size_t{7};
    if (static_cast<std::size_t>(end_ - next_) < bytes) grow(bytes);
    char* out = next_;
    next_ += bytes;
    return out;
  }
  template <class T>
  List<T> copy(const T* from, std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 8);
    if (count == 0) return {};
    void* to = allocate(count * sizeof(T));
    std::memcpy(to, static_cast<const void*>(from), count * sizeof(T));
    return {static_cast<const T*>(to), count};
  }
  template <class T>
  const T* copy(const T& from) {
    return copy(&from, 1).begin();
  }
  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* to = static_cast<char*>(allocate(text.size()));
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }

 private:
  void grow(std::size_t at_least) {
    std::size_t size = chunk_;
    if (size < at_least) size = (at_least + 7) & ~std::size_t{7};
    chunk_ *= 2;
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    next_ = chunks_.back().get();
    end_ = next_ + size;
  }

  std::vector<std::unique_ptr<char[]>> chunks_;
  char* next_ = nullptr;
  char* end_ = nullptr;
  std::size_t chunk_ = 4096;
};

}  // namespace phx::graphql
