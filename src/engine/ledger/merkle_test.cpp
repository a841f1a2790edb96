#include "engine/ledger/merkle.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/crypto.hpp"
#include "base/random.hpp"

namespace phx::engine::merkle {
namespace {

using Hashes = std::vector<std::string>;

std::string unhex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
  return out;
}

Hashes hexed(const Hashes& hashes) {
  Hashes out;
  for (const auto& hash : hashes) out.push_back(hex_encode(hash));
  return out;
}

/// A tree with all its complete nodes, as the ledger stores them.
struct Tree {
  Frontier frontier;
  std::map<NodeId, std::string> nodes;
  std::vector<std::string> roots{empty_root()};

  void append(std::string_view leaf) {
    const auto hash = leaf_hash(leaf);
    nodes[{0, frontier.size()}] = hash;
    for (auto& node : frontier.append(hash)) nodes[node.id] = node.hash;
    roots.push_back(frontier.root());
  }
  NodeSource source() const {
    return [this](NodeId id) { return nodes.at(id); };
  }
};

Tree random_tree(std::uint64_t size, std::uint64_t seed) {
  SeededRandom random(seed);
  Tree tree;
  for (std::uint64_t i = 0; i < size; ++i) tree.append(random.token(1 + random.below(80)));
  return tree;
}

/// MTH of RFC 6962, word for word: what all the rest must agree with.
std::string tree_hash(const Hashes& leaves, std::size_t begin, std::size_t end) {
  if (begin == end) return sha256({});
  if (end - begin == 1) return leaf_hash(leaves[begin]);
  std::size_t split = 1;
  while (split * 2 < end - begin) split *= 2;
  return node_hash(tree_hash(leaves, begin, begin + split), tree_hash(leaves, begin + split, end));
}

const Hashes kKnownLeaves{unhex(""),
                          unhex("00"),
                          unhex("10"),
                          unhex("2021"),
                          unhex("3031"),
                          unhex("40414243"),
                          unhex("5051525354555657"),
                          unhex("606162636465666768696a6b6c6d6e6f")};
const Hashes kKnownRoots{"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                         "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                         "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                         "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                         "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

Tree known_tree() {
  Tree tree;
  for (const auto& leaf : kKnownLeaves) tree.append(leaf);
  return tree;
}

TEST(Merkle, RootsOfTheTestTreeOfCertificateTransparency) { EXPECT_EQ(hexed(known_tree().roots), kKnownRoots); }

TEST(Merkle, ProofsOfTheTestTreeOfCertificateTransparency) {
  const Tree tree = known_tree();
  const auto source = tree.source();
  EXPECT_EQ(hexed(inclusion_proof(0, 1, source)), Hashes{});
  EXPECT_EQ(hexed(inclusion_proof(0, 8, source)),
            (Hashes{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
  EXPECT_EQ(hexed(inclusion_proof(5, 8, source)),
            (Hashes{"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_EQ(hexed(inclusion_proof(2, 3, source)),
            (Hashes{"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}));
  EXPECT_EQ(hexed(consistency_proof(1, 8, source)),
            (Hashes{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
  EXPECT_EQ(hexed(consistency_proof(6, 8, source)),
            (Hashes{"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_EQ(hexed(consistency_proof(2, 5, source)),
            (Hashes{"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}));
}

TEST(Merkle, RootsAgreeWithTheDefinition) {
  SeededRandom random(7);
  Hashes leaves;
  Tree tree;
  for (std::size_t size = 0; size <= 130; ++size) {
    const auto expected = tree_hash(leaves, 0, leaves.size());
    EXPECT_EQ(tree.frontier.root(), expected) << size;
    EXPECT_EQ(root_of(size, tree.source()), expected) << size;
    leaves.push_back(random.token(1 + random.below(80)));
    tree.append(leaves.back());
  }
}

TEST(Merkle, AFrontierGoesOnFromItsStoredEdge) {
  const Tree whole = random_tree(130, 1);
  for (std::uint64_t size = 0; size <= 130; ++size) {
    Hashes edge;
    for (const auto& id : edge_of(size)) edge.push_back(whole.nodes.at(id));
    auto restored = Frontier::restore(size, edge);
    ASSERT_TRUE(restored);
    EXPECT_EQ(restored->root(), whole.roots[size]);
    for (std::uint64_t i = size; i < 130; ++i)
      for (const auto& node : restored->append(whole.nodes.at({0, i}))) ASSERT_EQ(node.hash, whole.nodes.at(node.id));
    EXPECT_EQ(restored->root(), whole.roots[130]);
  }
  EXPECT_FALSE(Frontier::restore(3, {whole.roots[1]}));
}

TEST(Merkle, EveryInclusionProofOfEverySizeVerifies) {
  const Tree tree = random_tree(130, 2);
  for (std::uint64_t size = 1; size <= 130; ++size)
    for (std::uint64_t index = 0; index < size; ++index) {
      const auto proof = inclusion_proof(index, size, tree.source());
      ASSERT_TRUE(verify_inclusion(index, size, tree.nodes.at({0, index}), proof, tree.roots[size]))
          << index << " of " << size;
    }
}

TEST(Merkle, EveryConsistencyProofOfEverySizeVerifies) {
  const Tree tree = random_tree(130, 3);
  for (std::uint64_t size = 0; size <= 130; ++size)
    for (std::uint64_t old_size = 0; old_size <= size; ++old_size) {
      const auto proof = consistency_proof(old_size, size, tree.source());
      ASSERT_TRUE(verify_consistency(old_size, size, tree.roots[old_size], tree.roots[size], proof))
          << old_size << " to " << size;
    }
}

/// Every way to change a proof a little: any byte of any hash, one hash less, one more, two exchanged.
std::vector<Hashes> changed(const Hashes& proof, Random& random) {
  std::vector<Hashes> out;
  for (std::size_t i = 0; i < proof.size(); ++i)
    for (std::size_t at = 0; at < kHashBytes; ++at) {
      out.push_back(proof);
      out.back()[i][at] = static_cast<char>(out.back()[i][at] ^ static_cast<char>(1 << random.below(8)));
    }
  for (std::size_t i = 0; i < proof.size(); ++i) {
    out.push_back(proof);
    out.back().erase(out.back().begin() + static_cast<std::ptrdiff_t>(i));
    out.push_back(proof);
    out.back()[i].pop_back();
  }
  for (std::size_t i = 0; i <= proof.size(); ++i) {
    out.push_back(proof);
    out.back().insert(out.back().begin() + static_cast<std::ptrdiff_t>(i), std::string(kHashBytes, 'x'));
  }
  for (std::size_t i = 1; i < proof.size(); ++i) {
    out.push_back(proof);
    std::swap(out.back()[i - 1], out.back()[i]);
  }
  return out;
}

TEST(Merkle, AChangedInclusionProofLeafIndexOrRootFails) {
  SeededRandom random(4);
  const Tree tree = random_tree(130, 4);
  for (int round = 0; round < 150; ++round) {
    const auto size = 1 + random.below(130);
    const auto index = random.below(size);
    const auto proof = inclusion_proof(index, size, tree.source());
    const auto leaf = tree.nodes.at({0, index});
    const auto& root = tree.roots[size];
    for (const auto& wrong : changed(proof, random))
      ASSERT_FALSE(verify_inclusion(index, size, leaf, wrong, root)) << index << " of " << size;
    for (std::size_t at = 0; at < kHashBytes; ++at) {
      std::string other = leaf;
      other[at] = static_cast<char>(other[at] ^ 1);
      ASSERT_FALSE(verify_inclusion(index, size, other, proof, root));
      other = root;
      other[at] = static_cast<char>(other[at] ^ 1);
      ASSERT_FALSE(verify_inclusion(index, size, leaf, proof, other));
    }
    for (std::uint64_t other = 0; other <= size; ++other)
      if (other != index) ASSERT_FALSE(verify_inclusion(other, size, leaf, proof, root));
  }
}

TEST(Merkle, AChangedConsistencyProofOrRootFails) {
  SeededRandom random(5);
  const Tree tree = random_tree(130, 5);
  for (int round = 0; round < 150; ++round) {
    const auto size = 2 + random.below(129);
    const auto old_size = 1 + random.below(size - 1);
    const auto proof = consistency_proof(old_size, size, tree.source());
    for (const auto& wrong : changed(proof, random))
      ASSERT_FALSE(verify_consistency(old_size, size, tree.roots[old_size], tree.roots[size], wrong))
          << old_size << " to " << size;
    ASSERT_FALSE(verify_consistency(old_size, size, tree.roots[old_size - 1], tree.roots[size], proof));
    ASSERT_FALSE(verify_consistency(old_size, size, tree.roots[old_size], tree.roots[size - 1], proof));
    ASSERT_FALSE(verify_consistency(size, old_size, tree.roots[size], tree.roots[old_size], proof));
  }
  ASSERT_FALSE(verify_consistency(5, 5, tree.roots[4], tree.roots[5], {}));
  ASSERT_FALSE(verify_consistency(0, 5, tree.roots[1], tree.roots[5], {}));
}

TEST(Merkle, AHistoryThatWasRewrittenHasNoConsistencyProof) {
  const Tree told = random_tree(40, 6);
  Tree rewritten;
  for (int i = 0; i < 100; ++i) rewritten.append(i == 17 ? "changed" : std::to_string(i));
  for (std::uint64_t old_size = 1; old_size <= 40; ++old_size)
    EXPECT_FALSE(verify_consistency(old_size, 100, told.roots[old_size], rewritten.roots[100],
                                    consistency_proof(old_size, 100, rewritten.source())));
}

}  // namespace
}  // namespace phx::engine::merkle
