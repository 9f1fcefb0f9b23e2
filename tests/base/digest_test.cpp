// SPDX-License-Identifier: Apache-2.0
#include "base/digest.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {
namespace {

std::string of(std::string_view text) {
  return sha256(std::as_bytes(std::span(text)));
}

// FIPS 180-2, appendix B, and the vector of the empty message.
TEST(Sha256, GivesThePublishedAnswers) {
  EXPECT_EQ(of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(of(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, TakesNumbersWithTheLowestByteFirst) {
  Sha256 one, many;
  one.update_number(std::uint64_t{0x6867666564636261});
  EXPECT_EQ(one.hex(), of("abcdefgh"));
  const std::vector<std::uint32_t> numbers{0x64636261, 0x68676665};
  many.update(std::span<const std::uint32_t>(numbers));
  EXPECT_EQ(many.hex(), of("abcdefgh"));
}

TEST(Sha256, DoesNotDependOnHowTheBytesAreFed) {
  std::mt19937 random(1);
  std::vector<std::uint8_t> bytes(5000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  const std::string whole = sha256(std::as_bytes(std::span(bytes)));
  for (int round = 0; round < 20; ++round) {
    Sha256 digest;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t n = std::min<std::size_t>(random() % 300, bytes.size() - at);
      digest.update(std::span<const std::uint8_t>(bytes).subspan(at, n));
      at += n;
    }
    EXPECT_EQ(digest.hex(), whole);
  }
}

}  // namespace
}  // namespace convoy
