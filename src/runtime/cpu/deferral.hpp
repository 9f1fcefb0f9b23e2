// SPDX-License-Identifier: Apache-2.0
// Weight gradients that wait until a team has been through all its grains of a step: those of
// layers whose gradient is larger than what a grain's is computed from (a dense layer of 3136 x
// 128: 1.6 MB against 52 KB). Grain by grain, such a gradient goes out to memory and back for every
// addition of the tree; deferred, it is computed a few rows at a time, for all grains, with the
// tree's partial sums in the cache, and written once. The price is a copy of x and dy.
//
// Which layers wait is a matter of speed alone: the same additions in the same order.
#pragma once

#include <vector>

#include "plan/plan.hpp"

namespace convoy {

class Deferral {
 public:
  // For a team that goes through `samples` a step, in slabs, in grains of `grain`.
  Deferral(const Plan& plan, Index grain, Index samples);

  // The memory that this takes.
  static Index floats(const Plan& plan, Index grain, Index samples);

  // Copies what the weight gradient of this stage needs, of `samples` that begin the workspace, to
  // position `first`. False: this stage is not deferred.
  bool keep(const Stage& stage, Workspace& workspace, Index first, Index samples);

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
