// SPDX-License-Identifier: Apache-2.0
#include "base/random.hpp"

namespace convoy {

PhiloxBlock philox(PhiloxBlock c, std::array<std::uint32_t, 2> key) {
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

std::uint32_t random_bits(const RandomStream& stream, std::uint32_t sample, std::uint64_t element) {
  const auto word = static_cast<std::uint32_t>(stream.purpose) << 16 | stream.layer;
  const PhiloxBlock block = philox(
      {static_cast<std::uint32_t>(element / 4), sample, stream.epoch, word},
      {static_cast<std::uint32_t>(stream.seed), static_cast<std::uint32_t>(stream.seed >> 32)});
  return block[element % 4];
}

double random_uniform(const RandomStream& stream, std::uint32_t sample, std::uint64_t element) {
  return random_bits(stream, sample, element) * 0x1p-32;
}

}  // namespace convoy
