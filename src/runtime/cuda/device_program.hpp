// SPDX-License-Identifier: Apache-2.0
// A compiled program in the memory of a GPU, and the launches that run it.
#pragma once

#include <memory>
#include <vector>

#include "runtime/cuda/compile.hpp"
#include "runtime/cuda/device_array.hpp"

namespace convoy::cuda {

// The parameters that all programs of an engine share.
struct Shared {
  const Plan* plan = nullptr;
  const NetOptimizer* optimizer = nullptr;
  Index grain = 1;
  Generation generations[2];
};

class DeviceProgram {
 public:
  // A program for up to `samples` samples of a batch. `subtrees`: the most subtrees that this
  // rank's gradients form, where other ranks have parts of the sum; 0: the program sums and applies
  // all gradients itself.
  enum class Use { training, evaluation };
  // `batch`: the largest, of all ranks.
  DeviceProgram(gpu::Gpu& gpu, const Shared& shared, Index samples, Division division, Use use,
                Index batch, Index subtrees = 0);

  // The shared memory that a block of a persistent kernel needs, and whether the GPU has it.
  static Index shared_bytes(const Compiled& compiled);
  static bool fits(const gpu::Gpu& gpu, const Plan& plan, Index grain);

  // Those of a step that no host takes part in, with its update, or those before the host's part.
  const std::vector<Code>& codes() const { return launched_; }
  int forward_codes() const { return compiled_.forward_codes; }

  // Launches, in the order of the stream. `run` is in the memory of the device.
  void launch_code(int code, Run* run);
  void launch_finish(Run* run);
  Index launch_update(Run* run);  // after set_gradient(); returns the number of launches
  void launch_steps(Run* run);    // for Division::sample: the steps [run->step, run->limit)
  // One launch that does the steps [run->step, run->limit).
  std::unique_ptr<gpu::Gpu::Loop> make_loop(Run* run);

  gpu::GridSize size_of(int code) const;

  // The results of each sample of the latest step.
  const DeviceArray<double>& losses() const { return losses_; }
  const DeviceArray<int>& predictions() const { return predictions_; }
  const DeviceArray<int>& hits() const { return hits_; }
  const DeviceArray<float>& probabilities() const { return probabilities_; }
  // Copies the sum of all gradients [arena], which the host finished, in the order of the stream.
  void set_gradient(const float* sums) { gradient_.write(gpu_, sums, gradient_.size()); }
  // [subtree][arena]
  const DeviceArray<float>& subtree_sums() const { return subtree_sums_; }

  // Where other ranks have a part of the batch: the values of this rank's subtrees after a
  // reduction code, and the coefficients, which the next codes read.
  const StatisticsReduction& reduction(int number) const {
    return compiled_.reductions[static_cast<std::size_t>(number)];
  }
  const DeviceArray<double>& subtree_statistics() const { return subtree_statistics_; }
  DeviceArray<float>& coefficients() { return coefficients_; }

 private:
  const Code& code(int number) const;
  Index items(const Code& code) const;
  WholeGradient make_whole_gradient();
  gpu::GridSize grid_for(Index threads) const;
  void choose_steps_size(Index samples);
  void allocate_statistics(Index batch, bool several_ranks);

  gpu::Gpu& gpu_;
  const Shared shared_;
  const Index resident_threads_;  // the threads of stages that the device holds at once
  const Work work_;
  const Compiled compiled_;
  std::vector<Code> launched_;
  gpu::GridSize steps_size_;
  DeviceArray<Code> codes_, update_codes_;
  DeviceArray<Task> tasks_;
  DeviceArray<ParameterSource> sources_;
  DeviceArray<float> workspace_, partials_, kept_, one_, probabilities_, subtree_sums_;
  DeviceArray<StatisticsReduction> reductions_;
  DeviceArray<double> statistics_, subtree_statistics_;
  DeviceArray<ForwardCoefficients> forward_coefficients_;
  DeviceArray<float> coefficients_, reduced_gradients_;
  // Where there are codes of an update.
  DeviceArray<float> gradient_, iterations_[2], gram_, polynomial_;
  DeviceArray<Squares> row_squares_, tensor_squares_;
  DeviceArray<TensorFactors> tensor_factors_;
  DeviceArray<double> losses_;
  DeviceArray<int> predictions_, hits_;
  DeviceArray<Program> program_;
};

}  // namespace convoy::cuda
