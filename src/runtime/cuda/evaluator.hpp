// SPDX-License-Identifier: Apache-2.0
// Computes the scores of samples on a GPU by the forward part of a program, with enough samples at
// a time to occupy the whole device.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "runtime/cuda/device_program.hpp"

namespace convoy::cuda {

class Evaluator {
 public:
  // The parameters of `shared` are those that evaluations read.
  Evaluator(gpu::Gpu& gpu, const Shared& shared) : gpu_(gpu), shared_(shared) {}

  // The results for each sample; `probabilities` may be null.
  struct Scores {
    double* losses = nullptr;
    int* hits = nullptr;
    std::uint16_t* predictions = nullptr;
    float* probabilities = nullptr;  // [sample][classes]
  };
  // Evaluates `samples` with the weights of a generation.
  void score(const Images& images, int generation, std::span<const std::uint32_t> samples,
             const Scores& scores);

 private:
  void prepare();
  void score_some(const Images& images, int generation, std::span<const std::uint32_t> samples,
                  const Scores& scores);

  gpu::Gpu& gpu_;
  const Shared shared_;
  Index at_a_time_ = 0;
  std::optional<DeviceProgram> program_;  // made when it is first needed
  DeviceArray<Run> run_;
  DeviceArray<std::uint32_t> order_;
  std::vector<int> predictions_;
};

}  // namespace convoy::cuda
