// SPDX-License-Identifier: Apache-2.0
// Replaces cuda/engine.cu where Convoy is built without CUDA.
#include "runtime/cuda_engine.hpp"

#include "base/check.hpp"

namespace convoy {

std::unique_ptr<CudaEngine> make_cuda_engine(const Net&, const NetOptimizer&, const EngineOptions&,
                                             Communicator&) {
  throw UserError(Fault::unavailable, "--device cuda is not available",
                  "this program was built without CUDA",
                  "use --device cpu, or build with the CUDA toolkit (12.4 or later) and cmake "
                  "--preset cuda (docs/install.md)");
}

std::vector<CudaDevice> cuda_devices() {
  return {};
}

std::string cuda_library() {
  return "";
}

}  // namespace convoy
