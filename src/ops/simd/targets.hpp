// SPDX-License-Identifier: Apache-2.0
// For which of Highway's targets the operations are compiled. Include this before Highway's own
// headers, which read it.
//
// A target needs a fused multiply-add, without which the contract's bits cannot be had. Of several
// whose vectors of floats are the same (AVX3 and what later versions of Highway add to it, NEON
// with and without instructions for AES) one is enough. All others are disabled, also those that
// this file does not know: a target that is enabled and not used would be preferred to those that
// are.
#pragma once

// SVE is compiled for one length of vector, -msve-vector-bits=N, and then nothing else is: Highway
// does not choose by this length. On 64-bit Arm without it there is nothing to choose either: all
// processors have NEON (Highway looks for AES as well, which is not used here).
#if defined(__aarch64__)
#define HWY_COMPILE_ONLY_STATIC
#endif

#if defined(__x86_64__)
#define CONVOY_FMA_TARGETS (HWY_AVX3 | HWY_AVX2)
#elif defined(__aarch64__) && defined(__ARM_FEATURE_SVE_BITS) && __ARM_FEATURE_SVE_BITS > 0
#define CONVOY_FMA_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#elif defined(__aarch64__)
#define CONVOY_FMA_TARGETS CONVOY_NEON
#else
#define CONVOY_FMA_TARGETS 0
#endif

// Highway cannot do without one that runs on every processor.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (~(CONVOY_FMA_TARGETS | HWY_EMU128 | HWY_SCALAR))

// Defines the names; which of them this version has can only be asked afterwards.
#include <hwy/detect_targets.h>
#if defined(HWY_NEON_WITHOUT_AES)
#define CONVOY_NEON HWY_NEON_WITHOUT_AES
#else
#define CONVOY_NEON HWY_NEON
#endif
