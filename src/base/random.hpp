// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as
// 1, 2, 3", SC'11). A number depends only on where it is used, so any thread of any rank can
// compute it, in any order. All functions are pure and thread-safe.
//
// The bit layout is part of the contract (a change of it changes every model):
//   key      = seed, low word first
//   counter  = { element / 4, sample, epoch, purpose << 16 | layer }
//   number   = word element % 4 of the block
#pragma once

#include <array>
#include <cstdint>

namespace convoy {

// The values are part of the contract.
enum class Purpose : std::uint16_t {
  initial_weights = 1,
  epoch_order = 2,
  validation = 3,
  dropout = 4,       // reserved
  augmentation = 5,  // reserved
  synthetic_data = 6,
};

struct RandomStream {
  std::uint64_t seed = 0;
  Purpose purpose = Purpose::initial_weights;
  std::uint16_t layer = 0;
  std::uint32_t epoch = 0;
};

using PhiloxBlock = std::array<std::uint32_t, 4>;

// Philox4x32-10.
PhiloxBlock philox(PhiloxBlock counter, std::array<std::uint32_t, 2> key);

// 32 random bits for an element of a sample.
std::uint32_t random_bits(const RandomStream& stream, std::uint32_t sample, std::uint64_t element);

// The same bits as a double in [0, 1), a multiple of 2^-32.
double random_uniform(const RandomStream& stream, std::uint32_t sample, std::uint64_t element);

}  // namespace convoy
