// SPDX-License-Identifier: Apache-2.0
// Finishes the canonical tree between nodes, by messages. Node k holds the contiguous grains
// [node_grains[k]) and brings the maximal subtrees of that range (tree::cover), so everybody knows
// which nodes of the tree lie where, and a message is nothing but sums. P nodes, an arena of A
// floats, m subtrees on a node:
//
//   halving   tree, where the nodes are a power of two, hold one subtree each, and neighbours are
//             siblings all the way up. Neighbours first: in round i, the halves of a part of A /
//             2^i floats change places and are added; then the same way back, with sums.
//               2 log2(P) rounds of one message;   2 (P-1)/P 4A bytes sent by each
//   slices    tree, otherwise. Part k of the arena goes to node k from all others, who finishes the
//             tree over it and sends the sum to all. Nodes without grains own a part too.
//               2 rounds of P-1 messages;          (m + 1) (P-1)/P 4A bytes sent by each
//   root      all subtrees go to node 0, which finishes the tree and sends the sum back. Also what
//             tallies alone do where they can't halve: it has the fewest messages.
//               2 rounds;      4mA bytes sent by each, (P-1) 4A by node 0, which holds all subtrees
//   fast      each node adds its own subtrees; then Communicator::sum
//
// In each, loss, counts and flags travel in the messages of the gradient (64 bytes, or 32 m), but
// for fast. All but fast add the pairs of the tree, left + right, so the bits are the same.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "parallel/communicator.hpp"
#include "parallel/reduction_tree.hpp"
#include "parallel/tally.hpp"

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

  // `arena`: floats of a gradient, 0 for tallies alone. `most_pieces`: subtrees of a node. Memory
  // for messages is there for the usual two of them; a step with more than any before makes it
  // grow. fast: every node is one rank, since Communicator::sum is for all ranks.
  TreeReduce(Communicator& communicator, Reduction reduction, Index arena, Index most_pieces,
             Add add);

  // Collective over the first rank of each node. `mine`: the subtrees of this node, in order; may
  // be none, and may be used as scratch. Writes the sum over all grains to `root` [arena] (may be
  // the memory of a piece), the tally's to the result; its flags are those of all tallies and of
  // `flags` on any node.
  Tally finish(Index grains, std::span<const Range> node_grains, std::span<const Piece> mine,
               std::uint32_t flags, float* root);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace convoy
