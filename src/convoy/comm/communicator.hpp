// SPDX-License-Identifier: Apache-2.0
// The second axis: other ranks. Alone, a rank is the whole job and every function is the identity.
// Collective calls are made by one thread of each rank, in the same order on all ranks.
#pragma once

#include <memory>
#include <span>

#include "convoy/base/tensor.hpp"
#include "convoy/sum/tally.hpp"
#include "convoy/sum/tree.hpp"

namespace convoy {

// A node of the canonical tree with its value. Whoever finishes the tree adds into the left one.
struct Piece {
  tree::Node node;
  float* gradient = nullptr;  // [arena]
  Tally* tally = nullptr;
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // Zeroed, cache-line aligned memory for an arena; lives as long as the communicator or longer.
  virtual std::shared_ptr<float[]> allocate(Index floats) = 0;

  // Collective. Given the nodes of this rank, in order: the nodes whose merging finishes the tree,
  // in order. Valid until the next call.
  virtual std::span<const Piece> gather(std::span<const Piece> mine) = 0;
};

// A job of one rank.
std::unique_ptr<Communicator> alone();

}  // namespace convoy
