// SPDX-License-Identifier: Apache-2.0
// Measures the stages of a step on a GPU by the GPU's clock, for a Timeline.
#pragma once

#include <memory>
#include <vector>

#include "runtime/cuda/program.hpp"
#include "runtime/gpu/gpu.hpp"
#include "runtime/timeline.hpp"

namespace convoy::cuda {

class StageClock {
 public:
  StageClock(gpu::Gpu& gpu, Timeline& timeline, std::size_t codes);

  // The engine calls begin() before the launches of a step, and after_code() after each code.
  void begin(Index step);
  void after_code(std::size_t code) { moments_[code + 1]->take(); }
  // The engine calls end() when the whole step is done. The time of each code counts for its stage,
  // and the rest of the host's wait for `waiting`.
  void end(const std::vector<Code>& codes);
  Track& track() { return *timeline_.tracks(); }

 private:
  Timeline& timeline_;
  std::vector<std::unique_ptr<gpu::Gpu::Moment>> moments_;  // before the first code, after each
};

}  // namespace convoy::cuda
