#pragma once
/// Name → position, for the small fixed sets a schema is made of: open addressing over string views, built once. The
/// names must outlive the index and stay where they are.

#include <cstdint>
#include <string_view>
#include <vector>

namespace phx::graphql {

class NameIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  NameIndex() = default;
  /// `name_of(element)` gives the name of each element; of equal names the first is found.
  template <class Range, class NameOf>
  NameIndex(const Range& range, NameOf name_of) {
    std::size_t slots = 4;
    while (slots < range.size() * 2) slots *= 2;
    slots_.resize(slots);
    std::uint32_t position = 0;
    for (const auto& element : range) insert(name_of(element), position++);
  }

  std::uint32_t find(std::string_view name) const {
    if (slots_.empty()) return kNone;
    for (std::size_t i = hash(name) & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].position == kNone) return kNone;
      if (slots_[i].name == name) return slots_[i].position;
    }
  }

  static std::size_t hash(std::string_view name) {
    std::uint64_t h = 0xcbf29ce484222325ULL;
    for (char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return static_cast<std::size_t>(h ^ h >> 32);
  }

 private:
  struct Slot {
    std::string_view name;
    std::uint32_t position = kNone;
  };
  void insert(std::string_view name, std::uint32_t position) {
    for (std::size_t i = hash(name) & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].position == kNone) {
        slots_[i] = {name, position};
        return;
      }
      if (slots_[i].name == name) return;
    }
  }
  std::vector<Slot> slots_;
};

}  // namespace phx::graphql
