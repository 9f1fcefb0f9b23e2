// SPDX-License-Identifier: Apache-2.0
// Selects the targets of Highway for which the operations are compiled. It must be included before
// Highway's own headers, which read the selection.
//
// A target needs a fused multiply-add; without it the contract's bits are impossible. Of several
// targets with the same vectors of floats (AVX3 and what later versions of Highway add to it, NEON
// with and without AES instructions) one is enough. All others are disabled, also those that this
// file does not know: Highway would prefer a target that is enabled but not used to the ones that
// are used.
#pragma once

// SVE is compiled for one vector length, -msve-vector-bits=N, and then without other targets:
// Highway does not choose by this length. 64-bit Arm without SVE offers no alternative either: all
// processors have NEON (Highway also looks for AES, which is not used here).
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

// Highway needs one target that runs on every processor.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (~(CONVOY_FMA_TARGETS | HWY_EMU128 | HWY_SCALAR))

// Defines the names of all targets; only after that can one ask which of them this version has.
#include <hwy/detect_targets.h>
#if defined(HWY_NEON_WITHOUT_AES)
#define CONVOY_NEON HWY_NEON_WITHOUT_AES
#else
#define CONVOY_NEON HWY_NEON
#endif
