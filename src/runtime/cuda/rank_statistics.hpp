// SPDX-License-Identifier: Apache-2.0
// The reductions at the end of a phase with several ranks, each with a GPU: the values of this
// rank's subtrees are copied to the host, which computes the results with those of the other ranks
// (runtime/batch_statistics.hpp) and copies them back.
#pragma once

#include <optional>

#include "runtime/batch_statistics.hpp"
#include "runtime/cuda/device_model.hpp"
#include "runtime/cuda/device_program.hpp"

namespace convoy::cuda {

class RankStatistics {
 public:
  // Collective. Keeps references to all arguments but the options.
  RankStatistics(gpu::Gpu& gpu, Communicator& communicator, const EngineOptions& options,
                 const Plan& plan);

  // Collective, in the compute part of a step: call it after the launch of each reduction code.
  // Where it is the last of its phase, waits for the GPU and finishes the phase.
  void after_reduction(int number, const GrainList& list, Range grains, DeviceProgram& program,
                       DeviceModel& model);

  const BatchStatistics& statistics() const { return statistics_; }

 private:
  void read_values(Index reduction, const GrainList& list, Range grains,
                   const DeviceProgram& program);

  gpu::Gpu& gpu_;
  Communicator& communicator_;
  const Plan& plan_;
  BatchStatistics statistics_;
  Buffer<float> now_, next_;  // arenas
};

}  // namespace convoy::cuda
