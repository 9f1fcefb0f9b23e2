// SPDX-License-Identifier: Apache-2.0
// Files of decoded pictures, as they are and with a corrected size, key and digest; without the
// correction no input would pass the first checks.
#include "data/pictures/picture_cache.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace convoy::fuzz {
namespace {

constexpr std::size_t kHeader = 4096, kBytesAt = 24, kListedAt = 56, kKeyAt = 80, kDigestAt = 144;
// As make_seeds.py writes them.
const std::string kKey(64, 'a');
constexpr std::size_t kListed = 3;

bool reads_file(Input input, std::size_t listed) {
  return reads([&] {
    const DataOptions options;
    PictureProgress progress(options, listed);
    const InputFile file{
        "cache", {}, input.size(), reinterpret_cast<const std::byte*>(input.data())};
    const PictureCacheContent content = read_picture_cache(file, kKey, listed, progress);
    const auto images = static_cast<std::size_t>(content.images);
    const auto bytes = static_cast<std::size_t>(content.image.size());
    if (images + content.bad.size() != listed) report("other pictures than listed");
    if (images != 0 && bytes > (input.size() - kHeader) / images) report("images behind the end");
  });
}

std::vector<std::uint8_t> corrected(Input input) {
  std::vector<std::uint8_t> bytes(input.begin(), input.end());
  const std::uint64_t size = bytes.size();
  std::memcpy(bytes.data() + kBytesAt, &size, sizeof size);
  std::ranges::copy(kKey, bytes.begin() + kKeyAt);
  Sha256 digest;
  const auto all = std::as_bytes(std::span(bytes));
  digest.update(all.subspan(kHeader));
  digest.update(all.first(kDigestAt));
  std::ranges::copy(digest.hex(), bytes.begin() + kDigestAt);
  return bytes;
}

}  // namespace

bool takes(Input input) {
  const bool is_taken = reads_file(input, kListed);
  if (input.size() >= kHeader) {
    std::uint64_t listed = 0;
    std::memcpy(&listed, input.data() + kListedAt, sizeof listed);
    reads_file(corrected(input), static_cast<std::size_t>(listed));
  }
  return is_taken;
}

}  // namespace convoy::fuzz
