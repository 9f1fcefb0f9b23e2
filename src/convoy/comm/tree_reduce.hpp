// SPDX-License-Identifier: Apache-2.0
// Finishes the canonical tree between nodes, by messages. Node k holds the contiguous grains
// [node_grains[k]) and brings the maximal subtrees of that range (tree::cover), so everybody knows
// which nodes of the tree lie where, and a message is nothing but sums:
//
//   tree, equal aligned subtrees    recursive halving, then doubling: with neighbours first, because
//   (2^d nodes, one subtree each)   siblings are neighbours; in round i the halves of a part of
//                                   arena / 2^i floats change places and are added
//   tree, otherwise                 slice owners: part k of the arena (split) goes to node k from all
//                                   others, who finishes the tree over it and sends the sum to all
//   root                            all go to node 0, which finishes the tree and sends the sum back
//
// In each, loss, counts and flags travel in the same messages as the gradient. The pairs that are
// added are those of the tree, so the bits are the same.
//
// Bytes sent by a node of P, for an arena of A floats: tree 2 (P-1)/P 4A where subtrees are equal;
// root 4A, node 0 (P-1) 4A.
#pragma once

#include <span>
#include <vector>

#include "convoy/comm/communicator.hpp"
#include "convoy/sum/tally.hpp"
#include "convoy/sum/tree.hpp"

namespace convoy {

// How gradients are summed across ranks. fast: by the message library, whatever order it adds in;
// the contract is off.
enum class Reduction : std::uint8_t { tree, root, fast };
std::string_view to_string(Reduction reduction);

// A node of the canonical tree with its value. Whoever finishes the tree adds into the left one.
struct Piece {
  tree::Node node;
  float* gradient = nullptr;  // [arena]
  Tally* tally = nullptr;
};

class TreeReduce {
 public:
  // into[0 .. size) += from[0 .. size)
  using Add = void (*)(Index size, float* into, const float* from);

  // `arena`: floats of a gradient, 0 for tallies alone. Sized here for up to `most_pieces` subtrees
  // of a node; finish() allocates nothing.
  TreeReduce(Communicator& communicator, Reduction reduction, Index arena, Index most_pieces,
             Add add);

  // Collective over the first rank of each node. `mine`: the subtrees of this node, in order; may be
  // none, and may be used as scratch. Writes the sum over all grains to `root` [arena] (may be the
  // memory of a piece), the tally's to the result; its flags are those of all tallies and of
  // `flags` on any node.
  Tally finish(Index grains, std::span<const Range> node_grains, std::span<const Piece> mine,
               std::uint32_t flags, float* root);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace convoy
