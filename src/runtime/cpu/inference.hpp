// SPDX-License-Identifier: Apache-2.0
// The evaluation of a net whose inference net is another one (net/inference_net.hpp): its plan, its
// parameters and its worker groups.
#pragma once

#include "base/float_environment.hpp"
#include "net/inference_net.hpp"
#include "runtime/cpu/worker_groups.hpp"

namespace convoy {

class Inference {
 public:
  Inference(const Net& net, Fusion fusion, const Layout& layout, Communicator& communicator,
            Barrier& barrier)
      : inference_net_(net),
        plan_(inference_net_.net(), fusion, PlanUse::inference),
        parameters_(inference_net_.net().arena_size()),
        groups_(plan_, layout, communicator, barrier, nullptr, nullptr) {}

  // Computes the parameters from those of the net; returns them. Arguments: InferenceNet::fold().
  Weights fold(const float* parameters, const float* buffers) {
    const FloatEnvironment environment;
    inference_net_.fold(parameters, buffers, parameters_.data());
    return {parameters_.data()};
  }

  WorkerGroups& groups() { return groups_; }

 private:
  const InferenceNet inference_net_;
  const Plan plan_;
  Buffer<float> parameters_;
  WorkerGroups groups_;
};

}  // namespace convoy
