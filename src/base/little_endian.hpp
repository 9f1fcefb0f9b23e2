// SPDX-License-Identifier: Apache-2.0
// Numbers as files and digests have them: the lowest byte first, on every machine.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace convoy {

static_assert(std::endian::native == std::endian::little ||
              std::endian::native == std::endian::big);

// Reverses the bytes of each of the numbers that `bytes` holds, `size` bytes each.
inline void reverse_numbers(std::span<std::byte> bytes, std::size_t size) {
  for (std::size_t begin = 0; begin < bytes.size(); begin += size) {
    std::ranges::reverse(bytes.subspan(begin, size));
  }
}

// The bytes of `values`, which have to outlive it: those in memory or, on a big-endian machine, of
// a copy. `native` is another machine's order in tests alone.
template <class T, std::endian native = std::endian::native>
class LittleEndian {
  static_assert(std::is_arithmetic_v<T> || sizeof(T) == 1, "a structure has no order of bytes");

 public:
  explicit LittleEndian(std::span<const T> values) : bytes_(std::as_bytes(values)) {
    if constexpr (native == std::endian::big && sizeof(T) > 1) {
      copy_.assign(bytes_.begin(), bytes_.end());
      reverse_numbers(copy_, sizeof(T));
      bytes_ = copy_;
    }
  }
  LittleEndian(const LittleEndian&) = delete;
  LittleEndian& operator=(const LittleEndian&) = delete;
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> copy_;
  std::span<const std::byte> bytes_;
};

// The other way: `values` were read as bytes from a file, and become numbers of this machine.
template <class T, std::endian native = std::endian::native>
void from_little_endian(std::span<T> values) {
  static_assert(std::is_arithmetic_v<T>);
  if constexpr (native == std::endian::big) {
    reverse_numbers(std::as_writable_bytes(values), sizeof(T));
  }
}

}  // namespace convoy
