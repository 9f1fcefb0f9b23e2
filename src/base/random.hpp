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

#include "base/host_device.hpp"

namespace convoy {

// The values are part of the contract.
enum class Purpose : std::uint16_t {
  initial_weights = 1,
  epoch_order = 2,
  validation = 3,
  dropout = 4,
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
CONVOY_HOST_DEVICE constexpr PhiloxBlock philox(PhiloxBlock c, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return c;
}

// The 128 random bits of elements 4 * block to 4 * block + 3 of a sample.
CONVOY_HOST_DEVICE constexpr PhiloxBlock random_block(const RandomStream& stream,
                                                      std::uint32_t sample, std::uint32_t block) {
  const auto word = static_cast<std::uint32_t>(stream.purpose) << 16 | stream.layer;
  return philox(
      {block, sample, stream.epoch, word},
      {static_cast<std::uint32_t>(stream.seed), static_cast<std::uint32_t>(stream.seed >> 32)});
}

// 32 random bits for an element of a sample.
CONVOY_HOST_DEVICE constexpr std::uint32_t random_bits(const RandomStream& stream,
                                                       std::uint32_t sample,
                                                       std::uint64_t element) {
  return random_block(stream, sample, static_cast<std::uint32_t>(element / 4))[element % 4];
}

// The same bits as a double in [0, 1), a multiple of 2^-32.
constexpr double random_uniform(const RandomStream& stream, std::uint32_t sample,
                                std::uint64_t element) {
  return random_bits(stream, sample, element) * 0x1p-32;
}

}  // namespace convoy
