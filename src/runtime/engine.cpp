// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine.hpp"

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

std::unique_ptr<Engine> make_engine(const Net& net, const NetOptimizer& optimizer,
                                    const EngineOptions& options, Communicator& communicator) {
  if (options.device == Device::cuda) {
    return make_cuda_engine(net, optimizer, options, communicator);
  }
  return make_cpu_engine(net, optimizer, options, communicator);
}

}  // namespace convoy
