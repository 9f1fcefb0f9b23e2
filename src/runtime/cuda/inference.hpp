// SPDX-License-Identifier: Apache-2.0
// The evaluation of a net on a GPU by the parameters of its inference net (net/inference_net.hpp).
#pragma once

#include "base/float_environment.hpp"
#include "net/inference_net.hpp"
#include "runtime/cuda/evaluator.hpp"

namespace convoy::cuda {

class Inference {
 public:
  Inference(gpu::Gpu& gpu, const Net& net, const NetOptimizer& optimizer, Index grain)
      : gpu_(gpu),
        inference_net_(net),
        plan_(inference_net_.net(), Fusion::none, PlanUse::inference),
        folded_(inference_net_.net().arena_size()),
        parameters_(gpu, folded_.size(), "the weights"),
        evaluator_(gpu, {&plan_, &optimizer, grain, {{parameters_.data()}, {}}}) {}

  // Computes the parameters of the inference net from those of the net [arena].
  void fold(const float* arena) {
    const FloatEnvironment environment;
    inference_net_.fold(arena, arena, folded_.data());
    parameters_.write(gpu_, folded_.data(), folded_.size());
    gpu_.wait();
  }

  static constexpr int kGeneration = 0;  // of evaluator(): its only one
  Evaluator& evaluator() { return evaluator_; }

 private:
  gpu::Gpu& gpu_;
  const InferenceNet inference_net_;
  const Plan plan_;
  Buffer<float> folded_;
  DeviceArray<float> parameters_;
  Evaluator evaluator_;
};

}  // namespace convoy::cuda
