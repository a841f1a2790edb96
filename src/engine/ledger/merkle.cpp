#include "engine/ledger/merkle.hpp"

#include <bit>
#include <stdexcept>

#include "base/crypto.hpp"

namespace phx::engine::merkle {
namespace {

Error malformed() {
  return Error(Code::kInvalidArgument, "merkle.malformed", "The proof does not fit the tree's size.");
}

Error mismatch() { return Error(Code::kDataLoss, "merkle.mismatch", "The proof does not lead to the root."); }

bool odd(std::uint64_t number) { return (number & 1) != 0; }

/// The largest power of two below `size`, where a tree of more than one leaf is split.
std::uint64_t split_of(std::uint64_t size) { return std::bit_floor(size - 1); }

/// MTH(D[begin:begin + size]); begin is a multiple of the next power of two from size on, as RFC 6962's recursion
/// gives it, so a stretch whose length is a power of two is a complete node.
std::string range_hash(std::uint64_t begin, std::uint64_t size, const NodeSource& source) {
  if (std::has_single_bit(size)) {
    const auto level = static_cast<std::uint64_t>(std::countr_zero(size));
    return source({level, begin >> level});
  }
  const auto left = split_of(size);
  return node_hash(range_hash(begin, left, source), range_hash(begin + left, size - left, source));
}

/// PATH(index, D[begin:begin + size]), index counted from begin.
void path(std::uint64_t index, std::uint64_t begin, std::uint64_t size, const NodeSource& source,
          std::vector<std::string>& out) {
  if (size == 1) return;
  const auto left = split_of(size);
  if (index < left) {
    path(index, begin, left, source, out);
    out.push_back(range_hash(begin + left, size - left, source));
  } else {
    path(index - left, begin + left, size - left, source, out);
    out.push_back(range_hash(begin, left, source));
  }
}

/// SUBPROOF(old_size, D[begin:begin + size], known).
void subproof(std::uint64_t old_size, std::uint64_t begin, std::uint64_t size, bool known, const NodeSource& source,
              std::vector<std::string>& out) {
  if (old_size == size) {
    if (!known) out.push_back(range_hash(begin, size, source));
    return;
  }
  const auto left = split_of(size);
  if (old_size <= left) {
    subproof(old_size, begin, left, known, source, out);
    out.push_back(range_hash(begin + left, size - left, source));
  } else {
    subproof(old_size - left, begin + left, size - left, false, source, out);
    out.push_back(range_hash(begin, left, source));
  }
}

}  // namespace

std::string leaf_hash(std::string_view leaf) {
  std::string input(1, '\0');
  input += leaf;
  return sha256(input);
}

std::string node_hash(std::string_view left, std::string_view right) {
  std::string input(1, '\1');
  input += left;
  input += right;
  return sha256(input);
}

std::string empty_root() { return sha256({}); }

std::vector<NodeId> edge_of(std::uint64_t size) {
  std::vector<NodeId> out;
  std::uint64_t begin = 0;
  for (std::uint64_t rest = size; rest > 0;) {
    const auto part = std::bit_floor(rest);
    const auto level = static_cast<std::uint64_t>(std::countr_zero(part));
    out.push_back({level, begin >> level});
    begin += part;
    rest -= part;
  }
  return out;
}

Result<Frontier> Frontier::restore(std::uint64_t size, std::vector<std::string> edge) {
  Frontier out;
  if (edge.size() != static_cast<std::size_t>(std::popcount(size))) return malformed();
  out.size_ = size;
  out.edge_ = std::move(edge);
  return out;
}

std::vector<Node> Frontier::append(std::string hash_of_leaf) {
  std::vector<Node> complete;
  edge_.push_back(std::move(hash_of_leaf));
  // As adding one to a binary number carries: each trailing one of the size is a neighbour to be joined with.
  NodeId id{0, size_};
  for (auto rest = size_; odd(rest); rest >>= 1) {
    const std::string right = std::move(edge_.back());
    edge_.pop_back();
    edge_.back() = node_hash(edge_.back(), right);
    id = {id.level + 1, id.index >> 1};
    complete.push_back({id, edge_.back()});
  }
  ++size_;
  return complete;
}

std::string Frontier::root() const {
  if (edge_.empty()) return empty_root();
  std::string out = edge_.back();
  for (auto left = edge_.rbegin() + 1; left != edge_.rend(); ++left) out = node_hash(*left, out);
  return out;
}

std::string root_of(std::uint64_t size, const NodeSource& source) {
  return size == 0 ? empty_root() : range_hash(0, size, source);
}

std::vector<std::string> inclusion_proof(std::uint64_t index, std::uint64_t size, const NodeSource& source) {
  if (index >= size) throw std::logic_error("an inclusion proof of a leaf beyond the tree");
  std::vector<std::string> out;
  path(index, 0, size, source, out);
  return out;
}

std::vector<std::string> consistency_proof(std::uint64_t old_size, std::uint64_t size, const NodeSource& source) {
  if (old_size > size) throw std::logic_error("a consistency proof to a smaller tree");
  std::vector<std::string> out;
  if (old_size > 0) subproof(old_size, 0, size, true, source, out);
  return out;
}

Status verify_inclusion(std::uint64_t index, std::uint64_t size, std::string_view hash_of_leaf,
                        const std::vector<std::string>& proof, std::string_view root) {
  if (index >= size) return malformed();
  auto node = index;
  auto last = size - 1;
  std::string hash(hash_of_leaf);
  for (const auto& sibling : proof) {
    if (last == 0 || sibling.size() != kHashBytes) return malformed();
    if (odd(node) || node == last) {
      hash = node_hash(sibling, hash);
      while (!odd(node) && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return malformed();
  if (hash != root) return mismatch();
  return {};
}

Status verify_consistency(std::uint64_t old_size, std::uint64_t size, std::string_view old_root, std::string_view root,
                          const std::vector<std::string>& proof) {
  if (old_size > size) return malformed();
  if (old_size == 0 || old_size == size) {
    if (!proof.empty()) return malformed();
    if (old_root != (old_size == 0 ? empty_root() : std::string(root))) return mismatch();
    return {};
  }
  for (const auto& hash : proof)
    if (hash.size() != kHashBytes) return malformed();
  auto next = proof.begin();
  auto node = old_size - 1;
  auto last = size - 1;
  while (odd(node)) {
    node >>= 1;
    last >>= 1;
  }
  // A complete tree's root is a node of the new tree and known to the verifier; otherwise the proof begins with one.
  std::string old_hash;
  if (std::has_single_bit(old_size)) {
    old_hash = old_root;
  } else {
    if (next == proof.end()) return malformed();
    old_hash = *next++;
  }
  std::string hash = old_hash;
  for (; next != proof.end(); ++next) {
    if (last == 0) return malformed();
    if (odd(node) || node == last) {
      old_hash = node_hash(*next, old_hash);
      hash = node_hash(*next, hash);
      while (!odd(node) && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, *next);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return malformed();
  if (old_hash != old_root || hash != root) return mismatch();
  return {};
}

}  // namespace phx::engine::merkle
