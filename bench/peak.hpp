// SPDX-License-Identifier: Apache-2.0
// The rate of fused multiply-adds that one core reaches: what all other rates are a share of.
#pragma once

namespace convoy::bench {

// FLOP/s of FP32 on this thread, the best of several short runs.
double measured_fma_peak();

}  // namespace convoy::bench
