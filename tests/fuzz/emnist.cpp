// SPDX-License-Identifier: Apache-2.0
// Files of EMNIST: the input is the images, whose header gives the number of labels.
#include "data/emnist.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "data/idx.hpp"
#include "tests/fuzz/fuzz.hpp"

bool convoy::fuzz::takes(Input input) {
  const auto header = parse_idx_header(input.first(std::min(input.size(), kLongestIdxHeader)));
  const auto count = static_cast<std::size_t>(std::min<Index>(header ? header->count : 1, 65536));
  std::vector<std::uint8_t> bytes{
      0, 0, 8, 1, 0, std::uint8_t(count >> 16), std::uint8_t(count >> 8), std::uint8_t(count)};
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(1 + i % 26));
  const MemoryFile images(input), labels(bytes);
  const std::array files = {images.path(), labels.path(), images.path(), labels.path()};
  return reads([&] {
    for (const EmnistSplit& split : kEmnistSplits) {
      if (split.name != "letters") continue;
      const Parts parts = read_emnist(split, files);
      if (parts.train.sha256() != parts.test.sha256()) report("the parts differ");
    }
  });
}
