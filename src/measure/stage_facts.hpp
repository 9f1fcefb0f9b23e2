// SPDX-License-Identifier: Apache-2.0
// Counts the work that a stage of a plan does in a step; nothing here is measured.
//
//   flops   a multiply-add counts as two, nothing else counts (as in op.hpp)
//   bytes   each array that a stage reads or writes, once for each microbatch: input, output,
//           parameters (or their gradient) and the argmax of a max pool, but not the intermediate
//           values of fused layers
//
// A weight gradient includes its additions in the reduction tree, which neither number counts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/stage_names.hpp"

namespace convoy::measure {

struct StageFacts {
  std::vector<std::string> layers;  // several if they are fused; empty for the input stage
  std::optional<StageKind> kind;    // empty: the stage fills the input
  Index flops = 0;                  // of a step
  Index bytes = 0;

  std::string name() const;       // like joined_name(), or "input"
  std::string_view pass() const;  // "input gradient", or "normalise"
};

StageFacts input_facts(const Net& net, Index batch);
// `microbatches` is the number of parts of the batch that the stage takes one after the other.
StageFacts stage_facts(const Plan& plan, const Stage& stage, Index batch, Index microbatches);

// The facts of the input stage, then of all stages in the order of training, as a GPU runs them: no
// layers are fused, and a batch is one microbatch.
std::vector<StageFacts> gpu_stage_facts(const Net& net, Index batch);

}  // namespace convoy::measure
