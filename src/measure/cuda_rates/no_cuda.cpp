// SPDX-License-Identifier: Apache-2.0
// Replaces cuda_rates.cu in a build without CUDA.
#include "base/check.hpp"
#include "measure/cuda_rates.hpp"

namespace convoy::measure {
namespace {

[[noreturn]] void refuse() {
  throw UserError(Fault::unavailable, "a GPU cannot be measured",
                  "this program was built without CUDA", "build with cmake --preset cuda");
}

}  // namespace

double cuda_fma_peak(double) {
  refuse();
}

double cuda_bandwidth(Index, double) {
  refuse();
}

}  // namespace convoy::measure
