// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine.hpp"

#include <algorithm>
#include <utility>

#include "runtime/cpu_engine.hpp"
#include "runtime/cuda_engine.hpp"

namespace convoy {

std::string_view to_string(Launching launching) {
  switch (launching) {
    case Launching::automatic:
      return "auto";
    case Launching::stages:
      return "stages";
    case Launching::graph:
      return "graph";
    case Launching::persistent:
      return "persistent";
  }
  return "";
}

const float* slot_to_set(const ModelState& state, const NetOptimizer& optimizer, std::size_t s) {
  if (!state.slots.empty()) return state.slots[s].data();
  return s < optimizer.slots().size() ? nullptr : state.parameters.data();
}

ModelState first_state(const NetOptimizer& optimizer, Buffer<float> parameters) {
  ModelState state{std::move(parameters), {}};
  std::vector<Buffer<float>> slots;
  for (std::size_t s = 0; s < optimizer.slot_count(); ++s) {
    const Index size = state.parameters.size();
    slots.emplace_back(size);
    if (const float* const from = slot_to_set(state, optimizer, s)) {
      std::copy_n(from, size, slots.back().data());
    }
  }
  state.slots = std::move(slots);
  return state;
}

std::unique_ptr<Engine> make_engine(const Net& net, const NetOptimizer& optimizer,
                                    const EngineOptions& options, Communicator& communicator) {
  if (options.device == Device::cuda) {
    return make_cuda_engine(net, optimizer, options, communicator);
  }
  return make_cpu_engine(net, optimizer, options, communicator);
}

}  // namespace convoy
