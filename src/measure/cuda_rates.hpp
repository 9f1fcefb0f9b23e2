// SPDX-License-Identifier: Apache-2.0
// The peak rates of the first GPU of this process, measured as rates.hpp does for cores. The
// functions throw UserError(unavailable) if this build has no CUDA or the machine has no GPU.
#pragma once

#include "base/tensor.hpp"

namespace convoy::measure {

// FLOP/s in FP32: every thread runs independent chains of fused multiply-adds in registers. Returns
// the best of several runs (at least three) that take about `seconds` together.
double cuda_fma_peak(double seconds);

// Bytes per second of the triad a[i] = b[i] + s * c[i] over FP32 vectors that take `bytes`
// together, more than the GPU's cache should hold; an element counts 12 bytes. Returns the best of
// several runs that take about `seconds` together.
double cuda_bandwidth(Index bytes, double seconds);

}  // namespace convoy::measure
