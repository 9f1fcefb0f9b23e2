// SPDX-License-Identifier: Apache-2.0
// Deferred weight gradients: they are computed after a worker group has taken all its grains of a
// step through the net. This applies to layers whose gradient is larger than the values of a grain
// from which it is computed (a dense layer of 3136 x 128: 1.6 MB against 52 KB). Computed grain by
// grain, such a gradient is written to memory and read again for every addition of the tree.
// Deferred, it is computed a few rows at a time for all grains, with the tree's partial sums in the
// cache, and written once. The cost is a copy of x and dy.
//
// Deferral affects speed alone: the additions and their order are the same.
#pragma once

#include <vector>

#include "plan/plan.hpp"

namespace convoy {

class Deferral {
 public:
  // For a worker group that takes `samples` samples through the net in a step, in several
  // microbatches, with grains of `grain` samples.
  Deferral(const Plan& plan, Index grain, Index samples);

  // The memory that this needs, in floats.
  static Index floats(const Plan& plan, Index grain, Index samples);

  // Copies what the weight gradient of this stage needs, for the first `samples` samples of the
  // workspace, to position `first`. Returns false where this stage is not deferred.
  bool keep(const Stage& stage, const Workspace& workspace, Index first, Index samples);

  struct Kept {
    const Stage* stage;
    Buffer<float> x, dy;  // [samples][in], [samples][out]

    LayerValues values() const { return {x.data(), dy.data()}; }
  };
  const std::vector<Kept>& kept() const { return kept_; }

 private:
  const Plan& plan_;
  std::vector<Kept> kept_;
};

}  // namespace convoy
