// SPDX-License-Identifier: Apache-2.0
// Times of the stages of a step on a GPU, by its own clock, for a Timeline.
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

  // Around the launches of a step: begin, after each code, and after what ends the step.
  void begin(Index step);
  void after_code(std::size_t code) { moments_[code + 1]->take(); }
  // When all of the step is done: the time of each code goes to its stage, what the host waited
  // beside that to `waiting`.
  void end(const std::vector<Code>& codes);
  Lane& lane() { return *timeline_.lanes(); }

 private:
  Timeline& timeline_;
  std::vector<std::unique_ptr<gpu::Gpu::Moment>> moments_;  // before the first code, after each
};

}  // namespace convoy::cuda
