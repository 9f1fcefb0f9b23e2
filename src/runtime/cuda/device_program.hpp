// SPDX-License-Identifier: Apache-2.0
// A compiled program in the memory of a GPU, and the launches that run it.
#pragma once

#include <memory>
#include <vector>

#include "runtime/cuda/compile.hpp"
#include "runtime/cuda/device_array.hpp"

namespace convoy::cuda {

// What all programs of an engine share.
struct Shared {
  const Plan* plan = nullptr;
  Sgd sgd;
  Index grain = 1;
  Generation generations[2];
};

class DeviceProgram {
 public:
  // For up to `samples` of a batch. `nodes`: the tree's nodes that the gradients of a step come to
  // where other ranks have parts of the sum; 0: they are summed and applied here.
  enum class Use { training, evaluation };
  DeviceProgram(gpu::Gpu& gpu, const Shared& shared, Index samples, Division division, Use use,
                Index nodes = 0);

  // What a block of a persistent kernel would take of shared memory, and whether that is there.
  static Index shared_bytes(const Compiled& compiled);
  static bool fits(const gpu::Gpu& gpu, const Plan& plan, Index grain);

  const std::vector<Code>& codes() const { return compiled_.codes; }
  int forward_codes() const { return compiled_.forward_codes; }

  // Launches, in the order of the stream. `run` lies on the device.
  void launch_code(int code, Run* run);
  void launch_finish(Run* run);
  void launch_update(Run* run, const float* sums, float scale);
  void launch_steps(Run* run);  // Division::sample: run->step to run->limit
  // One launch that goes from run->step to run->limit.
  std::unique_ptr<gpu::Gpu::Loop> make_loop(Run* run);

  gpu::GridSize size_of(int code) const;

  // Of each sample of the latest step.
  const DeviceArray<double>& losses() const { return losses_; }
  const DeviceArray<int>& predictions() const { return predictions_; }
  const DeviceArray<int>& hits() const { return hits_; }
  const DeviceArray<float>& probabilities() const { return probabilities_; }
  // [node][arena]
  const DeviceArray<float>& node_sums() const { return node_sums_; }

 private:
  Index items(const Code& code) const;
  gpu::GridSize grid_for(Index threads) const;
  void choose_steps_size(Index samples);

  gpu::Gpu& gpu_;
  const Shared shared_;
  const Index resident_threads_;  // of stages: that the device holds at once
  const Work work_;
  const Compiled compiled_;
  gpu::GridSize steps_size_;
  DeviceArray<Code> codes_;
  DeviceArray<Task> tasks_;
  DeviceArray<ParameterSource> sources_;
  DeviceArray<float> workspace_, partials_, kept_, one_, probabilities_, node_sums_;
  DeviceArray<double> losses_;
  DeviceArray<int> predictions_, hits_;
  DeviceArray<Program> program_;
};

}  // namespace convoy::cuda
