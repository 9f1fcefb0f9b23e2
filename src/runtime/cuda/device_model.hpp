// SPDX-License-Identifier: Apache-2.0
// Two generations of the weights on a GPU, of their packed form, of the optimizer's state and of
// the average (runtime/cpu/generations.hpp). A step reads one and writes the other.
#pragma once

#include <vector>

#include "plan/plan.hpp"
#include "runtime/cuda/device_array.hpp"
#include "runtime/cuda/program.hpp"
#include "runtime/engine.hpp"

namespace convoy::cuda {

class DeviceModel {
 public:
  // All weights start at zero.
  DeviceModel(gpu::Gpu& gpu, const Plan& plan, const NetOptimizer& optimizer);

  Generation generation(int number) const;
  // The same for evaluations: the parameters, but for the buffers, are those that the optimizer
  // says they read.
  Generation evaluated(int number) const;

  // The state of the current generation, which the next step reads.
  ModelState state() const;
  void set_state(const ModelState& state);
  // Copies the parameters of the current generation [arena], in the order of the stream.
  void read_parameters(float* to) const;
  // The same of what an evaluation reads: the average or the parameters, and the buffers, which are
  // those of the parameters in both cases.
  void read_evaluated(float* to) const;
  // Copies buffers, which are the end of the arena, to the next generation.
  void write_next_buffers(const float* arena);
  int current() const { return current_; }
  void set_current(int number) { current_ = number; }

 private:
  struct Arrays {
    DeviceArray<float> parameters, packed;
    std::vector<DeviceArray<float>> slots;  // of the optimizer; then the average, if any
  };

  void clear(const DeviceArray<float>& array);

  gpu::Gpu& gpu_;
  const Plan& plan_;
  const NetOptimizer optimizer_;
  Arrays generations_[2];
  int current_ = 0;
};

}  // namespace convoy::cuda
