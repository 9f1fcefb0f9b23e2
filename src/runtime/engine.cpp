// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine.hpp"

namespace convoy {

std::unique_ptr<Engine> make_engine(const Net& net, const Sgd& optimizer,
                                    const EngineOptions& options, Communicator& communicator) {
  return options.device == Device::cuda ? make_cuda_engine(net, optimizer, options, communicator)
                                        : make_cpu_engine(net, optimizer, options, communicator);
}

}  // namespace convoy
