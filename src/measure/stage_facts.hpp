// SPDX-License-Identifier: Apache-2.0
// What a stage of a plan does in a step, counted and not measured.
//
//   flops   a multiply-add is two, nothing else counts (as in op.hpp)
//   bytes   each array that a stage reads or writes, once a slab: input, output, parameters (or
//           their gradient) and choices of a max pool; the intermediate values of fused layers are
//           none of them
//
// A weight gradient has its additions of the tree with it, which count for neither.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/stage_names.hpp"

namespace convoy::measure {

struct StageFacts {
  std::vector<std::string> layers;  // several where they are fused; none: the input's
  std::optional<StageKind> kind;    // none: the input is filled
  Index flops = 0;                  // of a step
  Index bytes = 0;

  std::string name() const;       // as joined_name(), or "input"
  std::string_view pass() const;  // "input gradient", or "normalise"
};

StageFacts input_facts(const Net& net, Index batch);
// `slabs`: parts of the batch that the stage takes one after the other.
StageFacts stage_facts(const Plan& plan, const Stage& stage, Index batch, Index slabs);

// The input's, then those of all stages in the order of training, as a GPU takes them: no layers
// are fused, a batch is one slab.
std::vector<StageFacts> gpu_stage_facts(const Net& net, Index batch);

}  // namespace convoy::measure
