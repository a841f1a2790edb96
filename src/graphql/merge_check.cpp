#include "graphql/merge_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

namespace phx::graphql {
namespace {

using ast::SelectionKind;
using ast::ValueKind;

/// Steps after which a document counts as an attack: honest ones of a megabyte stay far below.
constexpr std::size_t kBudget = 5'000'000;
constexpr std::size_t kFew = 12;

bool same_value(const ast::Value& a, const ast::Value& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case ValueKind::kList:
      if (a.items.size() != b.items.size()) return false;
      for (std::size_t i = 0; i < a.items.size(); ++i)
        if (!same_value(a.items[i], b.items[i])) return false;
      return true;
    case ValueKind::kObject: {
      if (a.fields.size() != b.fields.size()) return false;
      for (std::size_t i = 0; i < a.fields.size(); ++i) {
        // Order does not matter; usually it is the same.
        const ast::ObjectField* other = &b.fields[i];
        if (other->name.text != a.fields[i].name.text)
          other = std::ranges::find_if(b.fields, [&](const auto& f) { return f.name.text == a.fields[i].name.text; });
        if (other == b.fields.end() || !same_value(a.fields[i].value, other->value)) return false;
      }
      return true;
    }
    default: return a.text == b.text;
  }
}

bool same_arguments(const ast::Selection& a, const ast::Selection& b) {
  if (a.arguments.size() != b.arguments.size()) return false;
  for (std::size_t i = 0; i < a.arguments.size(); ++i) {
    const ast::Argument* other = &b.arguments[i];
    if (other->name.text != a.arguments[i].name.text)
      other = std::ranges::find_if(b.arguments, [&](const auto& f) { return f.name.text == a.arguments[i].name.text; });
    if (other == b.arguments.end() || !same_value(a.arguments[i].value, other->value)) return false;
  }
  return true;
}

/// SameResponseShape for the types alone.
bool same_shape(TypeRef a, TypeRef b) {
  for (;;) {
    if (a.is_non_null() != b.is_non_null() || a.is_list() != b.is_list()) return false;
    if (!a.is_list()) break;
    a = a.item();
    b = b.item();
  }
  return a.named() == b.named() || (!a.named()->is_leaf() && !b.named()->is_leaf());
}

class MergeCheck {
 public:
  MergeCheck(const Schema& schema, const Document& document, const MergeConflict& conflict)
      : schema_(schema), document_(document), conflict_(conflict), remember_(!document.fragments.empty()) {}

  void run() {
    if (document_.fragments.size() > kFew)
      fragment_index_ = NameIndex(document_.fragments, [](const auto& fragment) { return fragment.name.text; });
    stamps_.resize(document_.fragments.size());
    reached_.resize(document_.fragments.size());
    for (const auto& operation : document_.operations) {
      sets_.push_back({&operation.selections, schema_.root(operation.kind)});
      add_work(sets_.size() - 1, true);
      drain();
    }
    // Fragments that no operation reaches are judged by themselves.
    for (std::size_t i = 0; i < document_.fragments.size(); ++i) {
      if (reached_[i]) continue;
      const auto& fragment = document_.fragments[i];
      sets_.push_back({&fragment.selections, composite(fragment.type_condition.text)});
      add_work(sets_.size() - 1, true);
      drain();
    }
  }

 private:
  /// A selection set in the type it applies to (null: unknown).
  struct Set {
    const List<ast::Selection>* selections;
    const Type* parent;
    bool operator==(const Set&) const = default;
  };
  /// Selection sets, merged: sets_[begin, end).
  struct Work {
    std::size_t begin;
    std::size_t end;
    bool meaning;  ///< fields must mean the same, not only have the same shape
  };
  struct Entry {
    const ast::Selection* node;
    const Type* parent;
    const Field* definition;
  };

  const Type* composite(std::string_view name) const {
    const Type* type = schema_.type(name);
    return type != nullptr && type->is_composite() ? type : nullptr;
  }
  std::uint32_t fragment(std::string_view name) const {
    if (document_.fragments.size() > kFew) return fragment_index_.find(name);
    for (std::uint32_t i = 0; i < document_.fragments.size(); ++i)
      if (document_.fragments[i].name.text == name) return i;
    return NameIndex::kNone;
  }

  /// Takes the sets from `begin` to the end of sets_, unless they have been looked at before.
  void add_work(std::size_t begin, bool meaning) {
    Work work{begin, sets_.size(), meaning};
    if (work.end - work.begin > 1) remember_ = true;
    if (remember_) {
      std::size_t hash = meaning;
      for (std::size_t i = begin; i < work.end; ++i)
        hash = (hash ^ reinterpret_cast<std::uintptr_t>(sets_[i].selections)) * 0x9e3779b97f4a7c15ULL + (hash >> 29);
      auto [first, last] = seen_.equal_range(hash);
      for (; first != last; ++first) {
        const Work& other = first->second;
        if (other.meaning == meaning && std::equal(sets_.begin() + static_cast<std::ptrdiff_t>(other.begin),
                                                   sets_.begin() + static_cast<std::ptrdiff_t>(other.end),
                                                   sets_.begin() + static_cast<std::ptrdiff_t>(begin), sets_.end())) {
          sets_.resize(begin);
          return;
        }
      }
      seen_.emplace(hash, work);
    }
    todo_.push_back(work);
  }

  void drain() {
    while (!todo_.empty() && steps_ < kBudget) {
      Work work = todo_.back();
      todo_.pop_back();
      collect(work);
      group(work.meaning);
    }
    if (steps_ < kBudget || given_up_) return;
    given_up_ = true;
    conflict_(document_.operations.empty() ? 0 : document_.operations[0].offset, 0,
              [] { return std::string("The fragments of this document are too entangled to be checked."); });
  }

  /// All fields of the work's sets, fragments expanded, each fragment once.
  void collect(const Work& work) {
    entries_.clear();
    ++stamp_;
    for (std::size_t i = work.begin; i < work.end; ++i) {
      stack_.push_back(sets_[i]);
      while (!stack_.empty()) {
        Set set = stack_.back();
        stack_.pop_back();
        steps_ += set.selections->size();
        for (const auto& selection : *set.selections) {
          switch (selection.kind) {
            case SelectionKind::kField:
              entries_.push_back(
                  {&selection, set.parent, set.parent ? schema_.field(*set.parent, selection.name.text) : nullptr});
              break;
            case SelectionKind::kInlineFragment:
              stack_.push_back(
                  {&selection.selections, selection.name.empty() ? set.parent : composite(selection.name.text)});
              break;
            case SelectionKind::kFragmentSpread: {
              std::uint32_t index = fragment(selection.name.text);
              if (index == NameIndex::kNone || stamps_[index] == stamp_) break;
              stamps_[index] = stamp_;
              reached_[index] = true;
              const auto& target = document_.fragments[index];
              stack_.push_back({&target.selections, composite(target.type_condition.text)});
            }
          }
        }
      }
    }
  }

  void group(bool meaning) {
    if (entries_.size() > kFew) {
      std::ranges::sort(entries_, {}, [](const Entry& e) { return std::pair(e.node->key, e.node->offset); });
      for (std::size_t i = 0; i < entries_.size();) {
        group_.clear();
        std::string_view key = entries_[i].node->key;
        while (i < entries_.size() && entries_[i].node->key == key) group_.push_back(entries_[i++]);
        check_group(meaning);
      }
      return;
    }
    std::uint32_t done = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (done >> i & 1) continue;
      group_.clear();
      group_.push_back(entries_[i]);
      for (std::size_t j = i + 1; j < entries_.size(); ++j)
        if (entries_[j].node->key == entries_[i].node->key) {
          group_.push_back(entries_[j]);
          done |= 1U << j;
        }
      check_group(meaning);
    }
  }

  static bool is_object(const Type* type) { return type != nullptr && type->kind == TypeKind::kObject; }

  /// Fields of one response key.
  void check_group(bool meaning) {
    if (group_.size() > 1) {
      if (check_shape() && meaning) {
        const Type* object = nullptr;
        bool several = false;
        for (const auto& entry : group_) {
          if (!is_object(entry.parent)) continue;
          if (object != nullptr && object != entry.parent) several = true;
          object = entry.parent;
        }
        if (several) return check_by_object();
        check_meaning(group_);
      }
    }
    descend(group_, meaning);
  }

  /// Fields of different object types never meet in one object: each object type is judged with the fields that
  /// apply to any type.
  void check_by_object() {
    std::vector<const Type*> objects;
    for (const auto& entry : group_)
      if (is_object(entry.parent)) objects.push_back(entry.parent);
    std::ranges::sort(objects);
    objects.erase(std::ranges::unique(objects).begin(), objects.end());
    for (const Type* object : objects) {
      part_.clear();
      for (const auto& entry : group_)
        if (!is_object(entry.parent) || entry.parent == object) part_.push_back(entry);
      steps_ += group_.size();
      check_meaning(part_);
      descend(part_, true);
    }
    descend(group_, false);
  }

  /// One conflict of a group is enough to tell.
  bool check_shape() {
    const Entry* first = nullptr;
    for (const auto& entry : group_) {
      if (entry.definition == nullptr) continue;
      if (first == nullptr) {
        first = &entry;
      } else if (!same_shape(first->definition->type, entry.definition->type)) {
        conflict_(first->node->offset, entry.node->offset, [&] {
          return fmt::format("\"{}\" would be both {} and {}. Use different aliases.", entry.node->key,
                             first->definition->type.to_string(), entry.definition->type.to_string());
        });
        return false;
      }
    }
    return true;
  }

  void check_meaning(const std::vector<Entry>& group) {
    const Entry& first = group.front();
    for (const auto& entry : group) {
      bool same_name = first.node->name.text == entry.node->name.text;
      if (same_name && same_arguments(*first.node, *entry.node)) continue;
      conflict_(first.node->offset, entry.node->offset, [&] {
        if (!same_name)
          return fmt::format("\"{}\" would be both {} and {}. Use different aliases.", entry.node->key,
                             first.node->name.text, entry.node->name.text);
        return fmt::format("\"{}\" is asked for with different arguments. Use different aliases.", entry.node->key);
      });
      return;
    }
  }

  void descend(const std::vector<Entry>& group, bool meaning) {
    std::size_t begin = sets_.size();
    for (const auto& entry : group) {
      if (entry.node->selections.empty()) continue;
      const Type* type = entry.definition == nullptr ? nullptr : entry.definition->type.named();
      if (type != nullptr && !type->is_composite()) type = nullptr;
      sets_.push_back({&entry.node->selections, type});
    }
    if (sets_.size() > begin) add_work(begin, meaning);
  }

  const Schema& schema_;
  const Document& document_;
  const MergeConflict& conflict_;
  NameIndex fragment_index_;
  std::vector<std::uint32_t> stamps_;  // per fragment: the collection it was last expanded in
  std::uint32_t stamp_ = 0;
  std::vector<bool> reached_;
  std::vector<Set> sets_;
  std::vector<Work> todo_;
  std::unordered_multimap<std::size_t, Work> seen_;
  bool remember_;  // only fragments and merged sets can come up twice
  std::vector<Set> stack_;
  std::vector<Entry> entries_;
  std::vector<Entry> group_;
  std::vector<Entry> part_;
  std::size_t steps_ = 0;
  bool given_up_ = false;
};

}  // namespace

void check_merging(const Schema& schema, const Document& document, const MergeConflict& conflict) {
  MergeCheck(schema, document, conflict).run();
}

}  // namespace phx::graphql
