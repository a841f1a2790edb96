#pragma once
/// A Merkle tree over a list that only grows, after RFC 6962 section 2.1 (the same tree as RFC 9162's with SHA-256).
/// One hash, the root, stands for the whole list; a short proof shows that a leaf is in it (inclusion), another that a
/// longer list begins with a shorter one (consistency). Pure: no I/O, no keys.
///
/// A node is named by its level (leaves are 0) and its index within the level. Only *complete* nodes are ever named:
/// those above exactly 2^level leaves. They never change once they are there, so that they can be stored as they come
/// and every root and proof of every size be made of them.
///
/// Hashes are 32 raw bytes. Errors: kInvalidArgument "merkle.malformed" (a proof of another shape than the sizes need),
/// kDataLoss "merkle.mismatch" (a proof that does not lead to the root).

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace phx::engine::merkle {

inline constexpr std::size_t kHashBytes = 32;

/// SHA-256(0x00 ‖ leaf).
std::string leaf_hash(std::string_view leaf);
/// SHA-256(0x01 ‖ left ‖ right).
std::string node_hash(std::string_view left, std::string_view right);
/// The root of no leaves: SHA-256 of nothing.
std::string empty_root();

struct NodeId {
  std::uint64_t level = 0;
  std::uint64_t index = 0;
  auto operator<=>(const NodeId&) const = default;
};

struct Node {
  NodeId id;
  std::string hash;
};

/// The complete nodes that together hold the first `size` leaves, the largest first.
std::vector<NodeId> edge_of(std::uint64_t size);

/// The right edge of a growing tree: all that is needed to append and to know the root.
class Frontier {
 public:
  Frontier() = default;
  /// `edge`: the hashes of edge_of(size), in that order.
  static Result<Frontier> restore(std::uint64_t size, std::vector<std::string> edge);

  /// Appends a leaf and returns the nodes above leaves that are complete with it, the lowest first.
  std::vector<Node> append(std::string hash_of_leaf);
  std::uint64_t size() const { return size_; }
  std::string root() const;

 private:
  std::uint64_t size_ = 0;
  std::vector<std::string> edge_;
};

/// Tells a complete node's hash; called for nodes within the tree of the size asked for only.
using NodeSource = std::function<std::string(NodeId)>;

/// Root of the first `size` leaves.
std::string root_of(std::uint64_t size, const NodeSource& source);
/// PATH(index, D[size]); index < size.
std::vector<std::string> inclusion_proof(std::uint64_t index, std::uint64_t size, const NodeSource& source);
/// PROOF(old_size, D[size]); old_size <= size. Empty when they are equal or old_size is 0.
std::vector<std::string> consistency_proof(std::uint64_t old_size, std::uint64_t size, const NodeSource& source);

/// RFC 9162 section 2.1.3.2.
Status verify_inclusion(std::uint64_t index, std::uint64_t size, std::string_view hash_of_leaf,
                        const std::vector<std::string>& proof, std::string_view root);
/// RFC 9162 section 2.1.4.2.
Status verify_consistency(std::uint64_t old_size, std::uint64_t size, std::string_view old_root, std::string_view root,
                          const std::vector<std::string>& proof);

}  // namespace phx::engine::merkle
