// SPDX-License-Identifier: Apache-2.0
// Finishes the canonical tree between memory domains, by messages. Memory domain k holds the
// contiguous grains [domain_grains[k]) and brings the maximal subtrees of that range (tree::cover).
// Every domain therefore knows which subtrees lie where, and a message contains only sums. There
// are four algorithms; P is the number of memory domains ("domains" below), A the floats of an
// arena, m the subtrees of a domain:
//
//   halving   Used for the tree where P is a power of two, every domain holds one subtree, and
//             neighbours are siblings on every level. In round i, neighbours exchange halves of a
//             part of A / 2^i floats and add them; the sums return the same way.
//               2 log2(P) rounds of one message; each domain sends 2 (P-1)/P 4A bytes
//   slices    Used for the tree otherwise. All domains send part k of the arena to domain k, which
//             finishes the tree over it and sends the sum to all. A domain without grains also
//             has a part.
//               2 rounds of P-1 messages; each domain sends (m + 1) (P-1)/P 4A bytes
//   root      All subtrees go to domain 0, which finishes the tree and sends the sum back. Step
//             metrics without a gradient also use it where they cannot halve, since it sends the
//             fewest messages.
//               2 rounds; each domain sends 4mA bytes, domain 0 sends (P-1) 4A and holds all
//               subtrees
//   fast      Each domain adds its own subtrees; Communicator::sum adds the rest.
//
// In all but fast, loss, counts and flags travel in the messages of the gradient (64 bytes, or
// 32 m). All but fast add the pairs of the tree, left + right, so their bits are the same.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "parallel/communicator.hpp"
#include "parallel/reduction_tree.hpp"
#include "parallel/step_metrics.hpp"

namespace convoy {

// How gradients are summed across ranks. fast: the message library adds, in an order of its choice;
// then the bits may depend on the ranks.
enum class Reduction : std::uint8_t { tree, root, fast };
std::string_view to_string(Reduction reduction);

// A subtree of the canonical tree with its value. The rank that finishes the tree adds a right
// subtree into its left sibling.
struct Piece {
  tree::Subtree subtree;
  float* gradient = nullptr;  // [arena]
  StepMetrics* partial_metrics = nullptr;
};

class TreeReduce {
 public:
  // into[0 .. size) += from[0 .. size)
  using Add = void (*)(Index size, float* into, const float* from);

  // `arena`: floats of a gradient; 0 to reduce partial metrics alone. `most_pieces`: the most
  // subtrees of a memory domain. The message buffers have room for the usual two subtrees; a step
  // with more subtrees than any before enlarges them. fast requires that every memory domain is one
  // rank, since Communicator::sum is for all ranks.
  TreeReduce(Communicator& communicator, Reduction reduction, Index arena, Index most_pieces,
             Add add);

  // Collective over the first rank of each memory domain. `mine`: the subtrees of this memory
  // domain, in order; may be empty; the call may use their memory as scratch. Writes the sum over
  // all grains to `root` [arena] (which may be the memory of a piece) and returns the sum of the
  // step metrics; its flags are those of all partial metrics and of `flags` on all memory domains.
  StepMetrics finish(Index grains, std::span<const Range> domain_grains,
                     std::span<const Piece> mine, std::uint32_t flags, float* root);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace convoy
