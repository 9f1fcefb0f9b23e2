// SPDX-License-Identifier: Apache-2.0
// Numbers as files and digests store them: the lowest byte first, on every machine.
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

// Reverses the bytes of each number in `bytes`; a number has `size` bytes.
inline void reverse_numbers(std::span<std::byte> bytes, std::size_t size) {
  for (std::size_t begin = 0; begin < bytes.size(); begin += size) {
    std::ranges::reverse(bytes.subspan(begin, size));
  }
}

// The bytes of `values`, lowest byte first. They lie in `values`, which must outlive this object,
// or on a big-endian machine in a copy. Only tests set `native` to another machine's byte order.
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

// The inverse: `values` were read as bytes from a file, and become numbers of this machine.
template <class T, std::endian native = std::endian::native>
void from_little_endian(std::span<T> values) {
  static_assert(std::is_arithmetic_v<T>);
  if constexpr (native == std::endian::big) {
    reverse_numbers(std::as_writable_bytes(values), sizeof(T));
  }
}

}  // namespace convoy
