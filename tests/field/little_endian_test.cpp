// SPDX-License-Identifier: Apache-2.0
// The bytes that a big-endian machine writes and hashes; here the functions are told that the
// machine is one.
#include "base/little_endian.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

namespace convoy {
namespace {

constexpr auto kOther =
    std::endian::native == std::endian::little ? std::endian::big : std::endian::little;

std::vector<int> as_numbers(std::span<const std::byte> bytes) {
  std::vector<int> numbers;
  for (const std::byte byte : bytes) numbers.push_back(std::to_integer<int>(byte));
  return numbers;
}

TEST(LittleEndian, TheLowestByteComesFirst) {
  const std::array<std::uint32_t, 2> values{0x01020304, 0xA0B0C0D0};
  const LittleEndian<std::uint32_t> bytes(values);
  EXPECT_EQ(as_numbers(bytes.bytes()), (std::vector<int>{4, 3, 2, 1, 0xD0, 0xC0, 0xB0, 0xA0}));
}

TEST(LittleEndian, TheOtherKindOfMachineReversesEachNumber) {
  const std::array<std::uint32_t, 2> values{0x01020304, 0xA0B0C0D0};
  const LittleEndian<std::uint32_t, std::endian::big> big(values);
  const LittleEndian<std::uint32_t, std::endian::little> little(values);
  std::vector<std::byte> turned(big.bytes().begin(), big.bytes().end());
  reverse_numbers(turned, sizeof(std::uint32_t));
  EXPECT_EQ(as_numbers(turned), as_numbers(little.bytes()));
  EXPECT_NE(as_numbers(big.bytes()), as_numbers(little.bytes()));
}

TEST(LittleEndian, ReadingUndoesWritingBitForBit) {
  const std::array<float, 4> values{1.5F, -0.0F, std::numeric_limits<float>::denorm_min(),
                                    std::numeric_limits<float>::signaling_NaN()};
  const LittleEndian<float, kOther> written(values);
  std::array<float, 4> read{};
  std::ranges::copy(written.bytes(), std::as_writable_bytes(std::span(read)).begin());
  from_little_endian<float, kOther>(read);
  EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(read)), std::as_bytes(std::span(values))));
}

}  // namespace
}  // namespace convoy
