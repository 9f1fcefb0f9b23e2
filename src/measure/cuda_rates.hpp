// SPDX-License-Identifier: Apache-2.0
// What a GPU can do at most, measured as rates.hpp does it for cores. Of the first GPU of this
// process. Throw UserError(unavailable) where this build has no CUDA or the machine no GPU.
#pragma once

#include "base/tensor.hpp"

namespace convoy::measure {

// FLOP/s in FP32: every thread runs independent chains of fused multiply-adds in registers. The
// best of runs during about `seconds` (at least three).
double cuda_fma_peak(double seconds);

// Bytes a second of the triad a[i] = b[i] + s * c[i] over FP32 vectors of `bytes` together, which
// the GPU's cache should not hold: 12 bytes an element. The best of runs during about `seconds`.
double cuda_bandwidth(Index bytes, double seconds);

}  // namespace convoy::measure
