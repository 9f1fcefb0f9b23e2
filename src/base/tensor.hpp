// SPDX-License-Identifier: Apache-2.0
// Sizes, index ranges and aligned memory, on which every other folder builds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <type_traits>

#include "convoy/shape.hpp"

namespace convoy {

// The size of a cache line, and of the widest vector. Arenas, slots and parameter blocks start at a
// multiple of it.
inline constexpr std::size_t kAlignment = 64;
inline constexpr Index kFloatsPerLine = static_cast<Index>(kAlignment / sizeof(float));

// n rounded up to whole cache lines of floats.
constexpr Index align_floats(Index n) {
  return (n + kFloatsPerLine - 1) / kFloatsPerLine * kFloatsPerLine;
}

// A pair of sizes along rows and columns (kernels, strides, paddings).
struct Extent {
  Index height = 1;
  Index width = 1;

  constexpr Index area() const { return height * width; }
  friend constexpr bool operator==(const Extent&, const Extent&) = default;
};

// "28 x 28 x 1", "3 x 3": height, width and channels.
std::string to_string(const Shape& shape);
std::string to_string(const Extent& extent);

// The half-open range [begin, end).
struct Range {
  Index begin = 0;
  Index end = 0;

  constexpr Index size() const { return end - begin; }
  constexpr bool empty() const { return end <= begin; }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

// Part `part` of `parts` contiguous, nearly equal parts of [0, n); each of the first n % parts
// parts is longer by one. The cuts lie at multiples of `unit`.
constexpr Range split(Index n, Index parts, Index part, Index unit = 1) {
  if (parts == 1) return {0, n};  // saves two divisions, which each stage of a step would do
  const Index units = (n + unit - 1) / unit;
  const Index share = units / parts, rest = units % parts;
  const Index begin = part * share + std::min(part, rest);
  const Index end = begin + share + (part < rest ? 1 : 0);
  return {std::min(begin * unit, n), std::min(end * unit, n)};
}

// Owned memory for `size()` objects of T, which starts on a cache line and is zeroed. Move-only.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(Index size)
      : data_(static_cast<T*>(::operator new (bytes(size), std::align_val_t{kAlignment}))),
        size_(size) {
    std::uninitialized_value_construct_n(data_.get(), size);
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  Index size() const { return size_; }
  std::span<T> span() { return {data(), static_cast<std::size_t>(size_)}; }
  std::span<const T> span() const { return {data(), static_cast<std::size_t>(size_)}; }
  T& operator[](Index i) { return data_.get()[i]; }
  const T& operator[](Index i) const { return data_.get()[i]; }

 private:
  static_assert(std::is_trivially_destructible_v<T>);
  // Allocates whole cache lines, since the masked load of a vector may read a whole vector.
  static std::size_t bytes(Index size) {
    return (static_cast<std::size_t>(size) * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
  }
  struct Free {
    void operator()(T* p) const { ::operator delete (p, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<T[], Free> data_;
  Index size_ = 0;
};

}  // namespace convoy
